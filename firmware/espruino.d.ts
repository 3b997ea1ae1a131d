/**
 * Espruino's globals, as far as this firmware uses them: everything else, DOM and Node included, cannot be named.
 *
 * Source: Espruino 2v29 (src/jswrap_*.c, libs/crypto, libs/graphics, targets/esp32), looked up and tried in the Linux
 * build. Only firmware/user-token and firmware/shop-terminal name them; all rooms below get them as
 * arguments (the build holds this, rule `device-global`). test/build/globals.test.ts asks the interpreter for each of
 * them.
 *
 * Left out on purpose: Math.random's better-looking sister E.hwRand (the same generator with a fixed seed on ESP32,
 * docs/security.md 1), and classes that nothing here uses. What the interpreter answers differently from its types:
 * - typed arrays: `set` and `new Uint8Array(buffer, offset, length)` beyond the end throw nothing, and the view reads
 *   zeros there (the build clamps `subarray`); a negative or fractional index throws where it is written;
 * - JSON.parse takes text behind the value and a comma before a bracket; JSON.stringify gives 12 digits of a fraction;
 * - numbers become text with about 12 digits where they are not whole; whole ones up to 2^53 are exact;
 * - Number(" 5") is 5 but Number("5 ") is NaN; parseFloat("0.3") is not 0.3;
 * - `x | 0` of a number beyond 2^63 is 0; whole numbers have no negative zero;
 * - for-in and Object.keys give integer keys in the order of insertion.
 * test/build/fixtures/differs-*.ts show them.
 */

/** A pin: its object (`D2`) or its name ("D2"). */
type Pin = string | { write(level: number | boolean): void; read(): boolean; getInfo(): { port: string; num: number } };

type PinMode =
  | 'auto'
  | 'analog'
  | 'input'
  | 'input_pullup'
  | 'input_pulldown'
  | 'output'
  | 'opendrain'
  | 'opendrain_pullup'
  | 'af_output';

/** What `print` and the serial ports take: text as character codes 0..255, or bytes. */
type EspruinoData = string | number | ArrayLike<number> | ArrayBuffer;

interface SerialOptions {
  rx?: Pin;
  tx?: Pin;
  /** Linux build: the device's path. A path that is missing fails without a word. */
  path?: string;
  bytesize?: number;
  parity?: 'none' | 'odd' | 'even';
  stopbits?: number;
  flow?: 'none' | 'xon';
  errors?: boolean;
}

interface SerialPort {
  setup(baudrate: number, options?: SerialOptions): void;
  unsetup(): void;
  write(...data: EspruinoData[]): void;
  /** Strings of character codes 0..255. */
  on(event: 'data', callback: (data: string) => void): void;
  removeAllListeners(event?: 'data'): void;
  available(): number;
  read(chars?: number): string | undefined;
  /** Makes this port the console, which then takes bytes 3 and 16 for its own. */
  setConsole(force?: boolean): void;
}

interface I2CBus {
  setup(options: { sda?: Pin; scl?: Pin; bitrate?: number }): void;
  writeTo(address: number, ...data: EspruinoData[]): void;
  readFrom(address: number, quantity: number): Uint8Array;
}

interface SPIBus {
  setup(options: {
    sck?: Pin;
    miso?: Pin;
    mosi?: Pin;
    baud?: number;
    mode?: 0 | 1 | 2 | 3;
    order?: 'msb' | 'lsb';
  }): void;
  send(data: EspruinoData, nss?: Pin): Uint8Array;
  write(...data: EspruinoData[]): void;
}

interface EspruinoGraphics {
  buffer: ArrayBuffer;
  clear(reset?: boolean): EspruinoGraphics;
  setFont(name: string, size?: number): EspruinoGraphics;
  setColor(colour: number): EspruinoGraphics;
  setBgColor(colour: number): EspruinoGraphics;
  getWidth(): number;
  getHeight(): number;
  drawString(text: string, x: number, y: number, solid?: boolean): EspruinoGraphics;
  drawRect(x1: number, y1: number, x2: number, y2: number): EspruinoGraphics;
  stringWidth(text: string): number;
}

/** ISO C file of the Linux build and of SD cards. */
interface EspruinoFile {
  read(length: number): string | undefined;
  write(data: string): number;
  close(): void;
}

interface EspruinoCrypto {
  SHA256(message: EspruinoData): ArrayBuffer;
  SHA384(message: EspruinoData): ArrayBuffer;
  SHA512(message: EspruinoData): ArrayBuffer;
  AES: {
    encrypt(
      message: EspruinoData,
      key: EspruinoData,
      options?: { iv?: EspruinoData; mode?: 'CBC' | 'CFB' | 'CTR' | 'OFB' | 'ECB' },
    ): ArrayBuffer;
    decrypt(
      message: EspruinoData,
      key: EspruinoData,
      options?: { iv?: EspruinoData; mode?: 'CBC' | 'CFB' | 'CTR' | 'OFB' | 'ECB' },
    ): ArrayBuffer;
  };
}

/** Raw flash. Writing only clears bits; `erasePage` sets a page to 255. */
interface EspruinoFlash {
  read(length: number, address: number): Uint8Array;
  write(data: EspruinoData, address: number): void;
  erasePage(address: number): void;
  getPage(address: number): { addr: number; length: number } | undefined;
  getFree(): { addr: number; length: number }[];
}

/** Files in flash, for code and tables only (docs/security.md 2). Names have at most 28 characters. */
interface EspruinoStorage {
  read(name: string, offset?: number, length?: number): string | undefined;
  /** On boards that map flash into memory, a view of it; else a copy. */
  readArrayBuffer(name: string): ArrayBuffer | undefined;
  readJSON(name: string, noExceptions?: boolean): any;
  write(name: string, data: EspruinoData, offset?: number, size?: number): boolean;
  erase(name: string): void;
  list(): string[];
  getFree(): number;
}

/** ESP32 only: what of WiFi is switched off. */
interface EspruinoWifi {
  getStatus(): { mode: string; station: string; ap: string };
  disconnect(callback?: () => void): void;
  stopAP(callback?: () => void): void;
}

/** Builds with Bluetooth: `NRF`, found as `global.NRF`. */
interface EspruinoBluetooth {
  setServices(services: object, options: { uart?: boolean; advertise?: string[] }): void;
  /** Ends advertising and connections. */
  sleep(): void;
  wake(): void;
}

/** Builds with Telnet: `require("TelnetServer")`. */
interface EspruinoTelnet {
  setOptions(options: { mode: 'on' | 'off' }): void;
}

/** ESP32 only: `ESP32`, found as `global.ESP32`. */
interface EspruinoEsp32 {
  /** What the chip's settings say of its radios: whether they are there at all. */
  getState(): { BLE: boolean; Wifi: boolean };
}

declare var Serial1: SerialPort;
declare var Serial2: SerialPort;
declare var Serial3: SerialPort;
declare var I2C1: I2CBus;
declare var I2C2: I2CBus;
declare var SPI1: SPIBus;

declare var Graphics: {
  createArrayBuffer(
    width: number,
    height: number,
    bitsPerPixel: number,
    options?: { zigzag?: boolean; vertical_byte?: boolean; msb?: boolean },
  ): EspruinoGraphics;
};

declare var E: {
  /** Sum of a[i] * b[(i + offset) % b.length] in doubles. Text would be read as signed characters: pass arrays. */
  convolve(a: ArrayLike<number>, b: ArrayLike<number>, offset: number): number;
  sum(values: ArrayLike<number>): number;
  /** CRC-32 of IEEE 802.3, unsigned. */
  CRC32(data: EspruinoData): number;
  /** Bytes as text, one character each; undefined where the memory for one flat string is missing. */
  toString(data: EspruinoData): string | undefined;
  toUint8Array(data: EspruinoData): Uint8Array;
  setConsole(device: SerialPort | string | null, options?: { force?: boolean }): void;
  getConsole(): string | null;
  /** 'init': after boot code has run. 'kill': before a reset. 'errorFlag': an error was noted, see `getErrorFlags`. */
  on(event: 'init' | 'kill', callback: () => void): void;
  on(event: 'errorFlag', callback: (flags: string[]) => void): void;
  /** Builds with a touch panel: pixels of the display; b is 0 where the finger has gone. */
  on(event: 'touch', callback: (touch: { x: number; y: number; b: number }) => void): void;
  removeListener(event: 'touch', callback: (touch: { x: number; y: number; b: number }) => void): void;
  removeAllListeners(event?: string): void;
  /** Names such as "FIFO_FULL" and "LOW_MEMORY" since the last call. */
  getErrorFlags(): string[];
  /** Elements of `from`, or groups of `bits` of them with the highest first, looked up in `map` and written to `to`. */
  mapInPlace(from: ArrayLike<number>, to: ArrayLike<number>, map: ArrayLike<number>, bits?: number): void;
  openFile(path: string, mode: 'r' | 'w' | 'a'): EspruinoFile | undefined;
  enableWatchdog(timeoutS: number, automatic?: boolean): void;
  kickWatchdog(): void;
  /** Variables in use. */
  getSizeOf(value: any): number;
};

declare var process: {
  version: string;
  env: { VERSION: string; BOARD: string; SERIAL: string; [name: string]: any };
  memory(collect?: boolean): {
    free: number;
    usage: number;
    total: number;
    history: number;
    gc: number;
    blocksize: number;
  };
};

/** The root scope, where ports and pins can be looked up by name. */
declare var global: any;

declare function require(module: 'crypto'): EspruinoCrypto;
declare function require(module: 'Flash'): EspruinoFlash;
declare function require(module: 'Storage'): EspruinoStorage;
declare function require(module: 'Wifi'): EspruinoWifi;

declare function print(...values: any[]): void;
/** Seconds since 1970 or since boot, with fractions. */
declare function getTime(): number;
declare function setTimeout(callback: () => void, delayMs: number): number;
declare function clearTimeout(id: number): void;
declare function setInterval(callback: () => void, intervalMs: number): number;
declare function clearInterval(id: number): void;

/** 32 bits at an address. On the Linux build any address that is not ours ends the process. */
declare function peek32(address: number): number;
declare function poke32(address: number, value: number): void;

declare function pinMode(pin: Pin, mode: PinMode): void;
declare function digitalWrite(pin: Pin, level: number | boolean): void;
declare function digitalRead(pin: Pin): number;
declare function analogWrite(
  pin: Pin,
  value: number,
  options?: { freq?: number; soft?: boolean; forceSoft?: boolean },
): void;
declare function setWatch(
  callback: (event: { state: boolean; time: number; lastTime: number }) => void,
  pin: Pin,
  options: { repeat?: boolean; edge?: 'rising' | 'falling' | 'both'; debounce?: number },
): number;
declare function clearWatch(id: number): void;

/** Restarts the interpreter and runs the saved code again (`load`), or leaves it out (`reset`). */
declare function load(): void;
declare function reset(): void;
