/**
 * An emulated board: a firmware bundle in a context that holds only what Espruino has, on emulated flash, pins and
 * ports.
 *
 * docs/architecture.md 5. The bundle is the same that a real board is flashed with, kept as `.bootcde` in Storage;
 * nothing in it can tell that it is emulated. Each power-up gets a new context, so nothing in RAM survives; flash and
 * Storage do. A flash operation that loses power ends the power cycle at once.
 *
 * Left out: the time that the program's own statements take, and counting variables (the real interpreter has both).
 */
import vm from 'node:vm';
import type { Api, Interpreter, LcdWires, Platform } from './espruino-api.js';
import type { Picture } from './picture.js';
import { createApi } from './espruino-api.js';
import { absentScript } from './espruino-absent.js';
import type { Cycle } from './espruino-cycle.js';
import { createCycle } from './espruino-cycle.js';
import type { Noise } from './esp32-registers.js';
import type { Files } from './espruino-modules.js';
import type { Network, Sent, Settings, WirelessPeer } from './espruino-radio.js';
import type { DrivenPins } from './espruino-pins.js';
import { pinNumber } from './espruino-pins.js';
import type { I2cDevices } from './espruino-ports.js';
import type { EmulatedFlash } from './flash.js';
import type { Scheduler } from '../base/scheduler.js';
import type { SerialEnd } from '../serial/serial-line.js';
import { createReservedPages, DENY_FILE_BLANK, type ReservedPages } from './reserved-pages.js';
import { DENY_FILE } from '../../firmware/core/deny-file.js';
import type { SpiDevices } from './spi-bus.js';
import { EVAL, FUNCTION, programText } from './program-text.js';
import { METER, workMs, type Speed } from './work-meter.js';

export interface BoardOptions {
  scheduler: Scheduler;
  /** For messages. */
  name: string;
  /** The firmware: what `.bootcde` holds, in tokens or letters; its overlays are among `files`. */
  bundle: string;
  /** Further files in Storage; strings are character codes 0..255. */
  files?: Record<string, string | Uint8Array>;
  flash: EmulatedFlash;
  serials?: { Serial1?: SerialEnd; Serial2?: SerialEnd; Serial3?: SerialEnd };
  /** Most bytes that a serial port takes in one go; the rest of a longer write is lost, and noted in `errors`. */
  serialBurstBytesMax?: number;
  /** What is on I2C1 besides the OLED. */
  i2c?: I2cDevices;
  /** What is on SPI, by the pin that is its NSS. */
  spi?: SpiDevices;
  /** The interpreter's build drives a display by itself, its global g. */
  ownDisplay?: boolean;
  /** The wires of an ILI9341 on SPI; without it the board has an OLED on I2C1. */
  lcd?: LcdWires;
  /** Told when its display, a pin, or whether it has power, may have changed: somebody may look. */
  onPicture?: () => void;
  onPin?: () => void;
  /** Fresh random bytes, of this board alone. */
  entropy: (count: number) => Uint8Array;
  /** Told each line that the board prints. */
  onConsole?: (line: string) => void;
  /** Lets the program take time (work-meter.ts); without it, it takes none. */
  speed?: Speed;
  /** Default "esp32". */
  platform?: Platform;
  /** Another build of the interpreter; read at each start. */
  interpreter?: Interpreter;
  /** Whether Bluetooth is on in the chip's settings, as it is until somebody switches it off. Default false. */
  bluetooth?: boolean;
}

/** A board: emulated, or the real interpreter as far as it can (interpreter.ts). */
export interface Board {
  readonly name: string;
  /** Starts the board; nothing if it has power. */
  powerOn(): void;
  /** Cuts power. */
  powerOff(): void;
  readonly powered: boolean;
  /** The reset button: off and on. */
  reset(): void;
  /** Writes files into Storage, as a provisioning does; while there is no power. */
  install(files: Record<string, Uint8Array>): void;
  /** Presses a button for a time: drives its pin to `level`, or opposite to where it rests (without power: to 0). */
  press(pin: string, durationMs: number, level?: 0 | 1): void;
  /** Presses a key of a keypad for a time. */
  pressKey(row: string, column: string, durationMs: number): void;
  /** Keeps a button pressed, through resets too, until `release`. */
  hold(pin: string, level?: 0 | 1): void;
  release(pin: string): void;
  /** Level of a pin, or duty of its analogWrite. */
  pin(pin: string): number;
  /** The lines that the display shows. */
  screen(): string[];
  /** When its display changed last, on the scheduler's clock; emulated boards only. */
  shownMs?(): number;
  /** The pixels of its display; null where it is off, or there is none. Emulated boards only. */
  picture?(): Picture | null;
  /** Exceptions that nobody caught, and mistakes that a real board would not notice, since the board was made. */
  readonly errors: string[];
}

export interface EmulatedBoard extends Board {
  /** Hertz that a pin puts out; 0 for a level. */
  toneHz(pin: string): number;
  /** Files in Storage, by name. */
  readonly files: Files;
  /** Connects other devices to I2C1, from the next power-up. */
  setI2c(devices: I2cDevices | undefined): void;
  /** Evaluates an expression as if typed on the console; for looking, not for driving. */
  evaluate(expression: string): unknown;
  readonly flash: EmulatedFlash;
  /** Pages in Storage that the program writes itself. */
  readonly reserved: ReservedPages;
  /** The chip's own settings. */
  readonly settings: Settings;
  /** All that its radios have sent since the board was made; the PN532's field is not among them. */
  readonly sent: Sent[];
  /** When its ADC fed the random register: draws of entropy. */
  readonly noise: Noise[];
  /** Somebody connects by Bluetooth or Telnet; null where nobody can. */
  connect(by: 'Bluetooth' | 'Telnet'): WirelessPeer | null;
}

const compiled = new Map<string, vm.Script>();
const compiledFiles = new WeakMap<Uint8Array, vm.Script>();

/** Compiles a program once, however often boards start it. */
function compile(source: string, filename: string): vm.Script {
  let script = compiled.get(source);
  if (!script) {
    if (compiled.size > 64) compiled.clear();
    script = new vm.Script(source, { filename });
    compiled.set(source, script);
  }
  return script;
}

/** The same for a boot file, without reading it again at each start. */
function compileFile(data: Uint8Array, filename: string, isMetered: boolean): vm.Script {
  let script = compiledFiles.get(data);
  if (!script) {
    script = compile(programText(Buffer.from(data).toString('latin1'), isMetered), filename);
    compiledFiles.set(data, script);
  }
  return script;
}

const prelude = new vm.Script(`${absentScript()}
(function (random, now) {
  var RealDate = Date;
  Date = class extends RealDate { constructor(...parts) { parts.length ? super(...parts) : super(now()); } };
  Date.now = now;
  Math.random = random;
  return { Uint8Array: Uint8Array, ArrayBuffer: ArrayBuffer };
})`);

/** Boot files in the order in which Espruino runs them (jsflash.c, jsfLoadBootCodeFromFlash). */
const BOOT_FILES = ['.boot0', '.boot1', '.boot2', '.boot3', '.bootcde'];

/** What a display made of console lines prints before them (firmware/panel/display.ts). */
export const CONSOLE_DISPLAY = '[display] ';

const latin1 = (data: string | Uint8Array): Uint8Array =>
  typeof data === 'string' ? Buffer.from(data, 'latin1') : data;

type Life = { cycle: Cycle; api: Api; context: vm.Context };

/** Makes a board; it is off until `powerOn`. */
export function createBoard(options: BoardOptions): EmulatedBoard {
  const { scheduler, flash, name } = options;
  const files: Files = new Map([['.bootcde', latin1(options.bundle)]]);
  const isMetered = options.speed !== undefined;
  for (const [file, data] of Object.entries(options.files ?? {})) files.set(file, latin1(data));
  // As a terminal's board is flashed.
  if (options.platform !== 'linux' && !files.has(DENY_FILE)) files.set(DENY_FILE, DENY_FILE_BLANK);
  const reserved = createReservedPages(files);
  const driven: DrivenPins = new Map();
  const errors: string[] = [];
  const settings: Settings = { bluetooth: options.bluetooth === true };
  const network: Network = { mode: 'off', ssid: '' };
  const sent: Sent[] = [];
  const noise: Noise[] = [];
  let i2c = options.i2c;
  let life: Life | null = null;
  let bornMs = 0;
  let consoleLines: string[] = [];

  function printed(line: string): void {
    if (line.startsWith(CONSOLE_DISPLAY)) consoleLines = line.slice(CONSOLE_DISPLAY.length).split(' | ');
    options.onConsole?.(line);
  }

  function evaluate(expression: string): unknown {
    // A program that is started by hand comes in tokens out of Storage.
    const text = expression.includes('eval(') ? programText(expression, false) : expression;
    return life ? compile(text, `${name}:console`).runInContext(life.context) : undefined;
  }

  /** Begins a power cycle: a new context, then the boot files. */
  function start(load: boolean, ofChip: boolean): void {
    const context = vm.createContext(vm.constants.DONT_CONTEXTIFY as unknown as object) as vm.Context;
    bornMs = scheduler.nowMs();
    const readWork = (): number[] => (typeof context.$work === 'function' ? context.$work() : []);
    const cycle = createCycle(
      scheduler,
      { print: printed, error: (text) => void errors.push(text) },
      options.speed && workMs(options.speed, readWork, () => [flash.counters, reserved]),
    );
    let random = 1;
    const makeRealm = prelude.runInContext(context) as (random: () => number, now: () => number) => Api['globals'];
    const realm = makeRealm(
      () => (random = (random * 16807) % 2147483647) / 2147483647,
      () => cycle.nowMs(),
    ) as unknown as Parameters<typeof createApi>[0]['realm'];
    const api = createApi({
      cycle,
      realm,
      platform: options.platform ?? 'esp32',
      flash,
      reserved,
      files,
      driven,
      serials: { ...options.serials },
      serialBurstBytesMax: options.serialBurstBytesMax ?? Infinity,
      serialPollMs: options.speed?.serialPollMs ?? 0,
      i2c,
      spi: options.spi ?? {},
      ownDisplay: options.ownDisplay === true,
      lcd: options.lcd,
      onPicture: options.onPicture,
      onPin: options.onPin,
      entropy: options.entropy,
      settings,
      network,
      sent,
      noise,
      worldMs: () => scheduler.nowMs(),
      evaluate,
      ...(options.interpreter ? { interpreter: options.interpreter } : {}),
      restart: (again, ofChip) => {
        if (life?.cycle !== cycle) return;
        api.E.emit('kill');
        const kept = { ...network };
        board.powerOff();
        if (!ofChip) Object.assign(network, kept);
        start(again, ofChip);
      },
    });
    const loaded = (code: string): string => {
      if (isMetered) (context.$work as { loaded: number }).loaded += code.length;
      return programText(code, isMetered);
    };
    Object.assign(context, api.globals, {
      global: context,
      [FUNCTION]: (code: string) =>
        vm.compileFunction(loaded(code), [], { parsingContext: context, filename: `${name}:overlay` }),
      [EVAL]: (code: string) => compile(loaded(code), `${name}:overlay`).runInContext(context),
    });
    life = { cycle, api, context };
    consoleLines = [];
    if (!load) return;
    if (isMetered) compile(METER, 'meter').runInContext(context);
    for (const file of BOOT_FILES) {
      const source = files.get(file);
      if (source) cycle.enter(() => void compileFile(source, `${name}${file}`, isMetered).runInContext(context));
    }
    if (cycle.alive) api.E.emit('init');
    if (cycle.alive && ofChip) api.radio?.restoreWifi();
  }

  function drive(pin: string, pressed: boolean, level?: 0 | 1 | { joined: number }): void {
    const number = pinNumber(pin);
    if (number < 0) throw new RangeError(`no pin ${pin}`);
    if (!pressed) driven.delete(number);
    else driven.set(number, level ?? (life?.api.pins.rest(number) === 0 ? 1 : 0));
    life?.cycle.enter(() => life?.api.pins.changed(number));
  }

  const board: EmulatedBoard = {
    name,
    errors,
    files,
    flash,
    reserved,
    settings,
    sent,
    noise,
    connect: (by) =>
      (by === 'Bluetooth' ? life?.api.radio?.connectBluetooth() : life?.api.radio?.connectTelnet()) ?? null,
    get powered() {
      return life !== null;
    },
    powerOn() {
      if (life) return;
      flash.powerOn(true);
      flash.onPowerLost = reserved.onPowerLost = () => board.powerOff();
      reserved.powerOn();
      start(true, true);
    },
    powerOff() {
      life?.api.end();
      network.mode = 'off';
      life?.cycle.kill();
      life = null;
      for (const end of Object.values(options.serials ?? {})) if (end) end.onData = null;
      options.onPicture?.();
    },
    reset() {
      board.powerOff();
      board.powerOn();
    },
    install(given) {
      for (const [name, data] of Object.entries(given)) board.files.set(name, data);
    },
    press(pin, durationMs, level) {
      drive(pin, true, level);
      scheduler.setTimer(() => drive(pin, false), durationMs);
    },
    pressKey(row, column, durationMs) {
      drive(column, true, { joined: pinNumber(row) });
      scheduler.setTimer(() => drive(column, false), durationMs);
    },
    hold: (pin, level) => drive(pin, true, level),
    release: (pin) => drive(pin, false),
    pin: (pin) => (life ? life.api.pins.level(pinNumber(pin)) : 0),
    toneHz: (pin) => (life ? life.api.pins.toneHz(pinNumber(pin)) : 0),
    picture: () => life?.api.picture() ?? null,
    shownMs: () => bornMs + (life?.api.screen.shownMs ?? 0),
    screen: () => (!life ? [] : life.api.screen.lines.length > 0 ? life.api.screen.lines : consoleLines),
    setI2c(devices) {
      i2c = devices;
    },
    evaluate,
  };
  return board;
}
