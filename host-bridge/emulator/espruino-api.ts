/**
 * Everything that Espruino gives a program on an ESP32, for one power cycle of an emulated board.
 *
 * Put together from the espruino-*.ts files; this one has timers, time, `process`, `require`, printing and `peek32`.
 * What is not here does not exist on the emulated board, so that a program using it fails at once.
 */
import type { EmulatedFlash } from './flash.js';
import type { Cycle, Waiting } from './espruino-cycle.js';
import type { Emitter, Realm } from './espruino-e.js';
import { charsOf, createE } from './espruino-e.js';
import type { Screen } from './espruino-graphics.js';
import { createGraphics } from './espruino-graphics.js';
import { createIli9341Chip } from './ili9341-chip.js';
import type { Picture } from './picture.js';
import { createSsd1306Chip } from './ssd1306-chip.js';
import type { Noise } from './esp32-registers.js';
import { createRegisters } from './esp32-registers.js';
import type { Files } from './espruino-modules.js';
import { createCrypto, createFlashModule, createStorage } from './espruino-modules.js';
import type { DrivenPins, Pins } from './espruino-pins.js';
import { createPins, pinNumber } from './espruino-pins.js';
import type { Console, I2cDevices } from './espruino-ports.js';
import { CONSOLE_PORT, createConsole, createI2cPort, createSerialPort } from './espruino-ports.js';
import { createPromise } from './espruino-promise.js';
import type { Network, Radio, Sent, Settings } from './espruino-radio.js';
import { createRadio } from './espruino-radio.js';
import type { SerialEnd } from '../serial/serial-line.js';
import type { ReservedPages } from './reserved-pages.js';
import type { SpiDevices } from './spi-bus.js';
import { createSpi } from './spi-bus.js';

/** "esp32", or "linux" for what differs on Espruino's Linux build: /dev/urandom, no radio, and the console on USB. */
export type Platform = 'esp32' | 'linux';

/** A build of the interpreter. */
export interface Interpreter {
  /** Default "2v29.277". */
  version?: string;
  /** What it lacks: a module, "crypto", or a function of E, "E.convolve". */
  without?: string[];
  /** What it has, but cannot switch off: "Telnet", "Bluetooth". */
  stubborn?: string[];
}

/** Pins of a display on SPI, "D14". */
export interface LcdWires {
  cs: string;
  dc: string;
}

export interface ApiOptions {
  cycle: Cycle;
  realm: Realm;
  platform: Platform;
  flash: EmulatedFlash;
  reserved: ReservedPages;
  files: Files;
  driven: DrivenPins;
  serials: Record<string, SerialEnd | undefined>;
  /** Most bytes that a serial port takes in one go. */
  serialBurstBytesMax: number;
  /** How often a board looks for bytes on its serial ports, milliseconds; 0: at once. */
  serialPollMs: number;
  i2c: I2cDevices | undefined;
  spi: SpiDevices;
  /** The build drives a display by itself: the global g. */
  ownDisplay: boolean;
  /** The wires of an ILI9341 that is alone on a port in hardware; without it the board has an OLED. */
  lcd?: LcdWires | undefined;
  /** Told when what a display shows may have changed. */
  onPicture?: (() => void) | undefined;
  /** Told when a program writes a pin. */
  onPin?: (() => void) | undefined;
  /** Fresh random bytes; not shared with another board. */
  entropy: (count: number) => Uint8Array;
  /** The chip's own settings. */
  settings: Settings;
  network: Network;
  /** What its radios have sent, and when its ADC fed the random register. */
  sent: Sent[];
  noise: Noise[];
  /** The scheduler's clock. */
  worldMs: () => number;
  /** Evaluates what is typed on the console. */
  evaluate: (text: string) => unknown;
  /** Another build than the one that has everything. */
  interpreter?: Interpreter;
  /** Asks for a restart: with the saved program or without; of the chip, or of the interpreter alone. */
  restart: (load: boolean, ofChip: boolean) => void;
}

export interface Api {
  globals: Record<string, unknown>;
  E: Record<string, unknown> & Emitter;
  pins: Pins;
  screen: Screen;
  /** What its display shows; null while that is off. */
  picture(): Picture | null;
  console: Console;
  /** ESP32 only. */
  radio: Radio | null;
  /** Power is gone. */
  end(): void;
}

/** Room for files on an ESP32. */
const STORAGE_BYTES = 896 * 1024;
/** Timers of Espruino wait at least this long (TIMER_MIN_INTERVAL). */
const TIMER_MS_MIN = 0.1;

type Callback = (...args: unknown[]) => void;

function createTimers(cycle: Cycle): Record<string, unknown> {
  type Entry = { waiting: Waiting; periodMs: number };
  const timers = new Map<number, Entry>();
  let next = 1;

  function add(callback: Callback, delay: unknown, args: unknown[], repeat: boolean): number {
    if (typeof callback !== 'function') throw new Error('Function or String not supplied!');
    const delayMs = Math.max(TIMER_MS_MIN, Number(delay) || 0);
    const id = next++;
    let dueMs = cycle.nowMs() + delayMs;
    const entry: Entry = { waiting: { timer: null }, periodMs: delayMs };
    const wait = () => {
      entry.waiting = cycle.after(Math.max(0, dueMs - cycle.nowMs()), () => {
        if (!repeat) timers.delete(id);
        // Set anew before the callback runs, so that an exception in it does not end an interval.
        else {
          dueMs += entry.periodMs;
          wait();
        }
        callback(...args);
      });
    };
    timers.set(id, entry);
    wait();
    return id;
  }

  const clear =
    (name: string) =>
    (...ids: unknown[]): void => {
      if (ids.length > 0 && ids[0] === undefined)
        throw new Error(`clear${name}(undefined) not allowed. Use clear${name}() instead`);
      for (const id of ids.length > 0 ? [ids[0] as number] : [...timers.keys()]) {
        const entry = timers.get(id);
        if (entry) cycle.cancel(entry.waiting);
        timers.delete(id);
      }
    };
  return {
    setTimeout: (callback: Callback, delay: unknown, ...args: unknown[]) => add(callback, delay, args, false),
    setInterval: (callback: Callback, delay: unknown, ...args: unknown[]) => add(callback, delay, args, true),
    clearTimeout: clear('Timeout'),
    clearInterval: clear('Interval'),
    changeInterval: (id: number, periodMs: number) => {
      const entry = timers.get(id);
      if (entry) entry.periodMs = Math.max(TIMER_MS_MIN, periodMs);
    },
  };
}

/** What `print` shows of a value. Strings as they are; objects as JSON, where Espruino adds blanks. */
function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  if (ArrayBuffer.isView(value)) return `new Uint8Array([${Array.from(value as Uint8Array).join(', ')}])`;
  if (value && typeof value === 'object' && (value as Error).stack) return String(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Makes the globals of a power cycle. */
export function createApi(options: ApiOptions): Api {
  const { cycle, realm, files } = options;
  const serials =
    options.platform === 'esp32' ? ['Serial1', 'Serial2', 'Serial3'] : ['Serial1', 'Serial2', 'Serial3', 'Serial4'];
  const storage = createStorage(files, STORAGE_BYTES, realm, cycle);
  const console = createConsole(options.platform === 'esp32' ? CONSOLE_PORT : 'USB', options.serials, {
    evaluate: options.evaluate,
    writeFile: (name, data, offset, size) => void storage.write(name, data, offset, size),
  });
  const ports: Record<string, unknown> = {};
  for (const name of serials)
    ports[name] = createSerialPort(
      name,
      options.serials[name],
      cycle,
      console,
      options.serialBurstBytesMax,
      options.serialPollMs,
    );

  const onPicture = options.onPicture ?? (() => undefined);
  const { screen, Graphics, createOwn, ownPicture } = createGraphics(realm, () => cycle.nowMs(), onPicture);
  const oled = createSsd1306Chip();
  const lcd = options.lcd ? createIli9341Chip() : null;
  /** A picture's own bytes; commands change what is shown as well. */
  function toOled(transfer: Uint8Array): void {
    oled.write(transfer);
    if (transfer[0] === 0x40) screen.show();
    onPicture();
  }
  function toLcd(data: Uint8Array): void {
    if (!options.lcd || pins.level(pinNumber(options.lcd.cs)) !== 0) return;
    lcd?.write(data, pins.level(pinNumber(options.lcd.dc)) !== 0);
    onPicture();
  }
  const pins = createPins(
    cycle,
    options.driven,
    () => (options.platform === 'esp32' ? registers : null),
    options.onPin,
  );
  const version = options.interpreter?.version ?? '2v29.277';
  const radio =
    options.platform === 'esp32'
      ? createRadio({
          cycle,
          console,
          files,
          settings: options.settings,
          network: options.network,
          version,
          stubborn: options.interpreter?.stubborn ?? [],
          send: (what, names) => {
            const sent: Sent = { fromMs: options.worldMs(), toMs: null, what, names };
            options.sent.push(sent);
            return sent;
          },
          nowMs: options.worldMs,
          restart: () => options.restart(true, true),
        })
      : null;
  const print = (...values: unknown[]) => {
    const text = values.map(shown).join(' ');
    cycle.print(text);
    // The line that was begun, or the prompt, goes first (src/jsinteractive.c, jsiConsoleRemoveInputLine).
    console.write(`\r\u001b[J${text}\r\n`);
  };

  const usb = options.platform === 'linux' ? { write: () => undefined } : null;
  const nameOfPort = (device: unknown): string | null => {
    const all: Record<string, unknown> = { ...ports, ...radio?.globals, ...(usb ? { USB: usb } : {}) };
    const name = typeof device === 'string' ? device : Object.keys(all).find((key) => all[key] === device);
    if (name === 'USB' || name === 'Bluetooth' || name === 'Telnet') return name;
    if (device === null || name === 'LoopbackA' || name === 'LoopbackB' || name === 'Terminal') return null;
    if (name === undefined || !(name in ports)) throw new Error(`Unknown device type ${String(device)}`);
    return name;
  };
  const E = createE({
    realm,
    cycle,
    setConsole: (device, given) => console.move(nameOfPort(device), given?.force === true),
    getConsole: () => console.on,
    reboot: () => options.restart(true, true),
    openFile:
      options.platform === 'linux'
        ? (path) =>
            path === '/dev/urandom'
              ? { read: (n: number) => charsOf(options.entropy(n)), close: () => undefined }
              : undefined
        : undefined,
  });

  const registers = createRegisters({
    cycle,
    entropy: options.entropy,
    isRadioOn: () => radio?.isOn() ?? false,
    noise: options.noise,
    nowMs: options.worldMs,
  });

  const modules: Record<string, object> = {
    crypto: createCrypto(realm),
    Flash: createFlashModule(options.flash, options.reserved, realm, cycle),
    Storage: storage,
  };
  Object.assign(modules, radio?.modules);
  for (const name of options.interpreter?.without ?? []) {
    delete modules[name];
    delete E[name.replace(/^E\./, '')];
  }

  let timeOffset = 0;
  const loopback = { setConsole: () => console.move(null, false) };
  const globals: Record<string, unknown> = {
    ...createTimers(cycle),
    ...pins.globals,
    ...ports,
    ...radio?.globals,
    ...(usb ? { USB: usb } : {}),
    E,
    LoopbackA: loopback,
    LoopbackB: loopback,
    I2C: function () {
      return createI2cPort(options.i2c, realm, cycle, null, true);
    },
    I2C1: createI2cPort(options.i2c, realm, cycle, toOled),
    I2C2: createI2cPort(undefined, realm, cycle, null),
    ...createSpi(options.spi, realm, cycle, toLcd, () => screen.show()),
    ...(options.ownDisplay ? { g: createOwn() } : {}),
    Graphics,
    Promise: createPromise(cycle),
    print,
    console: { log: print, info: print, warn: print, error: print, debug: print },
    echo: () => undefined,
    getTime: () => cycle.nowMs() / 1000 + timeOffset,
    setTime: (seconds: number) => {
      timeOffset = seconds - cycle.nowMs() / 1000;
    },
    peek32: registers.peek32,
    poke32: registers.poke32,
    load: () => cycle.whenIdle(() => options.restart(true, false)),
    reset: () => cycle.whenIdle(() => options.restart(false, false)),
    getSerial: () => 'emulated',
    require: (name: string) => {
      const module = modules[name];
      if (!module) throw new Error(`Module ${name} not found`);
      return module;
    },
    process: {
      version,
      env: { VERSION: version, BOARD: options.platform === 'esp32' ? 'ESP32' : 'LINUX', GIT_COMMIT: 'emulated' },
      // Variables cannot be counted here; on a board these are numbers.
      memory: () => ({ free: 0, usage: 0, total: 0, history: 0 }),
    },
  };
  const end = (): void => {
    radio?.end();
    registers.end();
  };
  const picture = (): Picture | null => ownPicture() ?? (lcd ?? oled).picture();
  return { globals, E, pins, screen, picture, console, radio, end };
}
