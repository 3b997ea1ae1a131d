/**
 * Serial ports, console and I2C of the emulated board.
 *
 * Source: src/jswrap_serial.c, src/jswrap_i2c.c and the console part of src/jsinteractive.c. On an ESP32 the console
 * sits on Serial1 after each power-up: what arrives there goes to the interpreter, not to `Serial1.on("data")`, and
 * what is printed goes out there, until the program moves the console away. The console here evaluates whole lines and
 * packets (espruino-packets.ts); it has no echo, no history and no multi-line input.
 */
import type { Emitter, Realm } from './espruino-e.js';
import { bytesOf, charsOf, createEmitter } from './espruino-e.js';
import type { Cycle } from './espruino-cycle.js';
import { createPackets, type PacketHooks } from './espruino-packets.js';
import type { SerialEnd } from '../serial/serial-line.js';

export interface SerialPort extends Emitter {
  setup(baud: number, options?: object): void;
  unsetup(): void;
  write(...data: unknown[]): void;
  print(text: unknown): void;
  println(text: unknown): void;
  available(): number;
  read(count?: number): string | undefined;
  inject(data: unknown): void;
  setConsole(force?: boolean): void;
}

/** Where an ESP32's console is after power-up. */
export const CONSOLE_PORT = 'Serial1';
/** Most characters that a port without a handler keeps. */
const KEPT_CHARACTERS = 4096;

/** The console: which port it is on, and what comes in there. */
export interface Console {
  /** Name of the port, or null for none. */
  on: string | null;
  /** Whether it stays there, whoever connects elsewhere. */
  forced: boolean;
  /** `E.setConsole`. */
  move(to: string | null, force: boolean): void;
  /** Told what is written while the console is on no port of a cable. */
  onWireless: ((on: string, text: string) => void) | null;
  /** Sends text out where the console is. */
  write(text: string): void;
  /** Takes in what was typed. */
  input(data: string): void;
}

/** Makes a console that is on `start`. */
export function createConsole(
  start: string | null,
  ends: Record<string, SerialEnd | undefined>,
  hooks: Omit<PacketHooks, 'send'>,
): Console {
  let line = '';
  const takePackets = createPackets({ ...hooks, send: (text) => self.write(text) });
  const self: Console = {
    on: start,
    forced: false,
    move(to, force) {
      self.on = to;
      self.forced = force;
    },
    onWireless: null,
    write(text) {
      if (!self.on) return;
      if (self.on in ends) ends[self.on]?.write(text);
      else self.onWireless?.(self.on, text);
    },
    input(data) {
      for (const c of takePackets(data)) {
        if (c === '\x03') line = '';
        else if (c === '\r' || c === '\n') {
          const whole = line;
          line = '';
          if (whole !== '') self.write(`=${String(hooks.evaluate(whole))}\r\n>`);
        } else if (c !== '\x10') line += c;
      }
    },
  };
  return self;
}

/**
 * A serial port that is wired to `end`, or to nothing.
 * @param burstBytesMax most bytes that it takes in one go (2v29 on ESP32 loses what is over 64)
 * @param pollMs how often the board's serial task looks for bytes; 0: they come at once
 */
export function createSerialPort(
  name: string,
  end: SerialEnd | undefined,
  cycle: Cycle,
  console: Console,
  burstBytesMax: number,
  pollMs: number,
): SerialPort {
  const emitter = createEmitter(cycle);
  let kept = '';
  let open = false;

  function receive(burst: string): void {
    const data = burst.slice(0, burstBytesMax);
    if (burst.length > data.length)
      cycle.notice(`${name}: ${burst.length - data.length} bytes lost of a burst of ${burst.length}`);
    if (console.on === name) cycle.enter(() => console.input(data));
    else if (!open) return;
    else if (emitter.listeners('data') > 0) emitter.emit('data', data);
    else kept = (kept + data).slice(-KEPT_CHARACTERS);
  }
  // The console opens its port by itself.
  if (end) end.onData = (data) => cycle.alive && receive(data);
  if (end && pollMs > 0) end.task = { pollMs, afterSilence: name === CONSOLE_PORT };

  const port: SerialPort = {
    ...emitter,
    setup(baud) {
      if (!(baud > 0)) throw new Error('Invalid baud rate');
      if (end) end.baud = baud;
      open = true;
    },
    unsetup() {
      open = false;
    },
    write(...data) {
      if (!cycle.alive || !open) return;
      const text = charsOf(bytesOf(data));
      cycle.output(() => end?.write(text));
    },
    print: (text) => port.write(String(text)),
    println: (text) => port.write(`${String(text)}\r\n`),
    available: () => kept.length,
    read(count = kept.length) {
      const out = kept.slice(0, count);
      kept = kept.slice(count);
      return out === '' ? undefined : out;
    },
    inject: (data) => receive(charsOf(bytesOf(data))),
    setConsole(force = false) {
      console.move(name, force);
    },
  };
  return port;
}

/**
 * What is wired to an I2C port: addresses of 7 bits; both throw where nobody acknowledges, or holds SCL low for longer
 * than `patienceUs`.
 */
export interface I2cDevices {
  writeTo(address: number, data: Uint8Array, patienceUs: number): void;
  readFrom(address: number, bytes: number, patienceUs: number): Uint8Array;
}

/**
 * Cycles of the bus for which ESP-IDF's driver waits while SCL is held low, where nobody sets a timeout, and Espruino
 * does not: I2C_MASTER_TOUT_CNUM_DEFAULT of ESP-IDF 3. ESP-IDF 4 and 5 wait 10 on an ESP32, 10 to 20 on a C3 and an S3
 * (i2c_ll_cal_bus_clk): shorter than a PN532 needs, too.
 */
const STRETCH_CYCLES_MAX = 8;
const I2C_BITRATE = 100_000; // unless told

/** Addresses at which an OLED of the SSD1306 kind answers. */
const OLED_ADDRESSES = [0x3c, 0x3d];

/** An address of 7 bits, or an object that has one. */
const addressOf = (to: unknown): number =>
  typeof to === 'object' && to ? (to as { address: number }).address : Number(to);

/**
 * An I2C port; `toOled` is given what goes to an OLED, which every board has.
 * @param isSoftware of the class `I2C` (src/jsi2c.c): it waits for SCL, and takes a missing acknowledge for one
 */
export function createI2cPort(
  bus: I2cDevices | undefined,
  realm: Realm,
  cycle: Cycle,
  toOled: ((transfer: Uint8Array) => void) | null,
  isSoftware = false,
): object {
  let open = false;
  let patienceUs = 0;
  const refuse = (): never => {
    throw new Error('I2C: no acknowledge');
  };
  /** Where programs take time, bytes go out when it has passed; nobody is there to hear then that they were refused. */
  function send(devices: I2cDevices, address: number, bytes: Uint8Array): void {
    let isLate = isSoftware;
    cycle.output(() => {
      try {
        devices.writeTo(address, bytes, patienceUs);
      } catch (refused) {
        if (!isLate) throw refused;
      }
    });
    isLate = true;
  }
  function receive(address: number, count: number): Uint8Array {
    try {
      return bus ? bus.readFrom(address, count, patienceUs) : refuse();
    } catch (refused) {
      // Nobody pulls SDA down.
      if (isSoftware) return new Uint8Array(count).fill(0xff);
      throw refused;
    }
  }
  const writeTo = (to: unknown, ...data: unknown[]): void => {
    if (!open) cycle.fault('I2C: used before setup');
    if (!cycle.alive) return;
    const address = addressOf(to);
    const bytes = Uint8Array.from(bytesOf(data));
    if (toOled && OLED_ADDRESSES.includes(address)) toOled(bytes);
    else if (bus) send(bus, address, bytes);
    else if (!isSoftware) refuse();
  };
  const readFrom = (from: unknown, count: number): Uint8Array => {
    if (!open) cycle.fault('I2C: used before setup');
    return new realm.Uint8Array(receive(addressOf(from), count));
  };
  return {
    setup: (options?: { sda?: unknown; scl?: unknown; bitrate?: number }) => {
      if (isSoftware && [options?.sda, options?.scl].some((pin) => pin === undefined))
        cycle.fault('I2C.setup: a port in software needs its pins');
      patienceUs = isSoftware ? Infinity : (STRETCH_CYCLES_MAX * 1e6) / (options?.bitrate ?? I2C_BITRATE);
      open = true;
    },
    writeTo,
    readFrom,
    readReg: (from: unknown, register: number, count: number) => {
      writeTo(from, register);
      return readFrom(from, count);
    },
  };
}
