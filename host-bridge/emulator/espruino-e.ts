/**
 * Espruino's `E`, and how its native functions read bytes: for the emulated board.
 *
 * Source: src/jswrap_espruino.c and jsvIterateCallback of Espruino 2v29. Stricter than the board in one point:
 * `E.convolve` refuses a sum that a double cannot hold exactly, where the board would give a rounded one.
 *
 * Left out: what the firmware has no use for (FFT, clocks, USB, assembler). Missing functions are undefined, as on a
 * build without them.
 */
import { crc32 } from 'node:zlib';
import { createBits } from './flash.js';
import type { Cycle } from './espruino-cycle.js';

/** The constructors of the context that a bundle runs in. */
export interface Realm {
  Uint8Array: Uint8ArrayConstructor;
  ArrayBuffer: ArrayBufferConstructor;
}

type Callback = (...args: unknown[]) => unknown;

/** Bytes of one of the many things that Espruino takes as data (jsvIterateCallback). */
export function bytesOf(data: unknown, into: number[] = []): number[] {
  if (typeof data === 'string') {
    for (let i = 0; i < data.length; i++) into.push(data.charCodeAt(i) & 255);
  } else if (typeof data === 'number' || typeof data === 'boolean') {
    into.push(Number(data) & 255);
  } else if (ArrayBuffer.isView(data) || Array.isArray(data)) {
    const list = data as unknown as ArrayLike<unknown>;
    for (let i = 0; i < list.length; i++) {
      const each = list[i];
      if (typeof each === 'number') into.push(each & 255);
      else bytesOf(each, into);
    }
  } else if (data && typeof data === 'object') {
    const object = data as { byteLength?: number; data?: unknown; count?: number; callback?: Callback };
    if (object.byteLength !== undefined) bytesOf(new Uint8Array(data as ArrayBuffer), into);
    else if (object.callback) bytesOf(object.callback(), into);
    else for (let i = 0; i < (object.count ?? 0); i++) bytesOf(object.data, into);
  }
  return into;
}

/** A string of character codes from bytes. */
export function charsOf(bytes: ArrayLike<number>): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

/** Rounding error of a product (Dekker): 0 where a double holds it exactly. */
function productError(a: number, b: number, product: number): number {
  const bigA = a * 134217729;
  const highA = bigA - (bigA - a);
  const bigB = b * 134217729;
  const highB = bigB - (bigB - b);
  return (a - highA) * (b - highB) - (product - highA * highB - (a - highA) * highB - highA * (b - highB));
}

/** Rounding error of a sum (Knuth). */
function sumError(a: number, b: number, sum: number): number {
  const rounded = sum - a;
  return a - (sum - rounded) + (b - rounded);
}

/** Elements as `E.convolve` reads them: characters of strings as signed. */
function elements(data: unknown, name: string, cycle: Cycle): ArrayLike<number> {
  if (typeof data === 'string') {
    const signed = new Array<number>(data.length);
    for (let i = 0; i < data.length; i++) signed[i] = (data.charCodeAt(i) << 24) >> 24;
    return signed;
  }
  if (ArrayBuffer.isView(data) || Array.isArray(data)) return data as unknown as ArrayLike<number>;
  return cycle.fault(`E.convolve: ${name} is not iterable`);
}

/** `E.convolve`: the dot product of `a` with `b` from `offset` on, going round in `b`. */
function convolve(cycle: Cycle, a: unknown, b: unknown, offset: unknown): number {
  const first = elements(a, 'first argument', cycle);
  const second = elements(b, 'second argument', cycle);
  // Lists of each board's own context have types of their own, which Node reads slowly: everything is read once.
  const count = first.length;
  const turn = second.length;
  if (turn === 0) return cycle.fault('E.convolve: second argument is empty');
  let j = Math.trunc(Number(offset) || 0) % turn;
  if (j < 0) j += turn;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const a = first[i];
    const b = second[j];
    const product = a * b;
    const next = sum + product;
    if (productError(a, b, product) !== 0 || sumError(sum, product, next) !== 0) {
      cycle.fault(`E.convolve: term ${i} (${a} * ${b}) makes a sum that a double cannot hold`);
    }
    sum = next;
    if (++j === turn) j = 0;
  }
  return sum;
}

/** Handlers by event, as every Espruino device has them. */
export interface Emitter {
  on(event: string, callback: Callback): void;
  removeListener(event: string, callback: Callback): void;
  removeAllListeners(event?: string): void;
  emit(event: string, ...args: unknown[]): void;
  /** Number of handlers; not an Espruino function. */
  listeners(event: string): number;
}

/** Makes an emitter whose handlers run in the cycle. */
export function createEmitter(cycle: Cycle): Emitter {
  const handlers = new Map<string, Callback[]>();
  return {
    on: (event, callback) => void handlers.set(event, [...(handlers.get(event) ?? []), callback]),
    removeListener: (event, callback) =>
      void handlers.set(
        event,
        (handlers.get(event) ?? []).filter((c) => c !== callback),
      ),
    removeAllListeners: (event) => (event === undefined ? handlers.clear() : void handlers.delete(event)),
    emit: (event, ...args) => {
      for (const callback of handlers.get(event) ?? []) cycle.enter(() => void callback(...args));
    },
    listeners: (event) => handlers.get(event)?.length ?? 0,
  };
}

export interface EOptions {
  realm: Realm;
  cycle: Cycle;
  setConsole(device: unknown, options?: { force?: boolean }): void;
  getConsole(): string | null;
  reboot(): void;
  openFile?: (path: string, mode: string) => unknown;
}

/**
 * `E.mapInPlace` (jswrap_espruino.c): groups of bits, the highest first or, for a negative number, the lowest; looked
 * up in a table or taken as they are.
 */
function mapInPlace(from: Uint8Array, to: number[], map: ArrayLike<number> | undefined, bits = 0): void {
  const size = 8 * from.BYTES_PER_ELEMENT;
  const group = Math.abs(bits) || size;
  let pool = 0;
  let pooled = 0;
  let at = 0;
  for (let i = 0; at < to.length && (i < from.length || pooled >= group); at++) {
    for (; pooled < group; pooled += size)
      pool = bits < 0 ? pool + (from[i++] ?? 0) * 2 ** pooled : pool * 2 ** size + (from[i++] ?? 0);
    pooled -= group;
    const rest = bits < 0 ? 2 ** group : 2 ** pooled;
    const element = bits < 0 ? pool % rest : Math.floor(pool / rest);
    pool = bits < 0 ? Math.floor(pool / rest) : pool - element * rest;
    to[at] = map ? (map[element] ?? 0) : element;
  }
}

/** The `E` object of one power cycle. */
export function createE(options: EOptions): Record<string, unknown> & Emitter {
  const { realm, cycle } = options;
  // On ESP32 this is a generator with a fixed seed, not randomness: every board draws the same numbers.
  let random = createBits(1);
  const numbers = (list: ArrayLike<number>) => Array.prototype.map.call(list, Number) as number[];
  const E: Record<string, unknown> = {
    convolve: (a: unknown, b: unknown, offset: unknown) => convolve(cycle, a, b, offset),
    sum: (list: ArrayLike<number>) => numbers(list).reduce((sum, value) => sum + value, 0),
    mapInPlace,
    clip: (x: number, min: number, max: number) => Math.min(max, Math.max(min, x)),
    CRC32: (data: unknown) => crc32(Uint8Array.from(bytesOf(data))) >>> 0,
    toString: (...args: unknown[]) => charsOf(bytesOf(args)),
    toUint8Array: (...args: unknown[]) => new realm.Uint8Array(bytesOf(args)),
    toArrayBuffer: (text: string) => new realm.Uint8Array(bytesOf(text)).buffer,
    toJS: (value: unknown) => JSON.stringify(value),
    reverseByte: (b: number) => parseInt((b & 255).toString(2).padStart(8, '0').split('').reverse().join(''), 2),
    hwRand: () => random() | 0,
    srand: (seed: number) => {
      random = createBits(seed);
    },
    getErrorFlags: () => [],
    getFlags: () => ({}),
    setFlags: () => undefined,
    enableWatchdog: () => undefined,
    kickWatchdog: () => undefined,
    setTimeZone: () => undefined,
    setConsole: options.setConsole,
    getConsole: options.getConsole,
    reboot: options.reboot,
  };
  if (options.openFile) E.openFile = options.openFile;
  return Object.assign(E, createEmitter(cycle)) as Record<string, unknown> & Emitter;
}
