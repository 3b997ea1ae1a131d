/**
 * Emulated NOR flash that can lose power at any operation.
 *
 * Follows what Espruino's `require("Flash")` does on an ESP32 (targets/esp32/jshardware.c): programming clears bits
 * and never sets them, erasing sets a whole page to 0xFF, and writes go in words of 4 bytes. Stricter than the chip in
 * one point: an unaligned write, or one outside the flash, throws, where the chip would corrupt or ignore it.
 *
 * A power cut comes before, during or after an operation. One that comes during a write leaves what real chips leave:
 * words done and a word with some bits done, or bits done all over; an interrupted erase leaves part of the page old,
 * or anything. With `unstable`, bits that were being changed when power went read differently each time until they are
 * programmed again or erased. `weak`: all bits arrived, and stay as long as the power stays, but not until the power
 * after that, unless they are programmed again.
 *
 * Left out: wear, and the time that operations take.
 */
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';

/** Thrown by the flash operation that loses power, and by every later one until `powerOn`. */
export class PowerLost extends Error {
  readonly code = 'POWER_LOST';
  constructor() {
    super('power was cut at a flash operation');
  }
}

/**
 * Where in the operation power goes. `during` a write: the words before `wordIndex` are done and that one is torn;
 * during an erase: the words before an even `wordIndex`, or from an odd one on, are erased and the rest is as it was.
 * `scattered`: every word is torn, and after an erase holds anything. `weak`: done, but not to last.
 */
export type CutPlace = 'before' | 'during' | 'scattered' | 'weak' | 'after';

export interface EmulatedFlashOptions {
  /** Address of the first byte. */
  address: number;
  /** Size, a multiple of `pageBytes`. */
  bytes: number;
  /** Size of an erase page: 4096 on ESP32, 1024 on Espruino's Linux build. */
  pageBytes: number;
  /** Seed of the bits that torn operations leave. */
  seed?: number;
  /** Whether torn bits read differently each time. */
  unstable?: boolean;
  /** A file that holds the contents; made if absent. */
  file?: string;
}

/** What `save` gives: contents, bits that read differently each time, and bits that will fade. */
export interface FlashState {
  contents: Uint8Array;
  unstable: Uint8Array;
  /** Bits that fade, the values that they fade to, and after how many times of power on. */
  weak: Uint8Array;
  faded: Uint8Array;
  fadeIn: number;
}

export interface EmulatedFlash {
  read(length: number, address: number): Uint8Array;
  write(data: ArrayLike<number>, address: number): void;
  erasePage(address: number): void;
  /** The page that holds an address, as Espruino gives it; undefined outside. */
  getPage(address: number): { addr: number; length: number } | undefined;
  /** A copy of the contents. */
  image(): Uint8Array;
  /** The contents with all that is unsettled about them, for `restore`. */
  save(): FlashState;
  /** Goes back to a saved state, or to an image as a programmer would write it; power is on and no cut is pending. */
  restore(state: FlashState | Uint8Array): void;
  /** Cuts power at the write or erase that comes after `operations` more of them. */
  cutAfter(operations: number, where: CutPlace, wordIndex?: number): void;
  /**
   * Power is back, or went and came while nothing was being written. A cut that has not come is taken back, or kept.
   */
  powerOn(keepCut?: boolean): void;
  /** Told of each write and each erasure, before it is done. */
  onOperation: ((isErase: boolean) => void) | null;
  /** Told at the moment when power goes, before `PowerLost` is thrown. */
  onPowerLost: (() => void) | null;
  /** Since the flash was made. Operations are writes and erases; words are of the last operation, done or not. */
  readonly counters: { reads: number; writes: number; erases: number; bytesWritten: number; lastWords: number };
  /** Lets go of the file. */
  close(): void;
}

/** A small repeatable generator (xorshift32): 32 random bits a call. */
export function createBits(seed: number): () => number {
  let x = (seed ^ 0x9e3779b9) | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

type Store = { contents: Uint8Array; save(from: number, to: number): void; close(): void };

function openStore(options: EmulatedFlashOptions): Store {
  const contents = new Uint8Array(options.bytes).fill(0xff);
  if (!options.file) return { contents, save: () => undefined, close: () => undefined };
  if (existsSync(options.file)) contents.set(readFileSync(options.file).subarray(0, options.bytes));
  else writeFileSync(options.file, contents);
  const handle = openSync(options.file, 'r+');
  return {
    contents,
    save: (from, to) => void writeSync(handle, contents, from, to - from, from),
    close: () => closeSync(handle),
  };
}

/** Makes an emulated flash, blank unless its file says otherwise. */
export function createEmulatedFlash(options: EmulatedFlashOptions): EmulatedFlash {
  const { address: base, bytes, pageBytes } = options;
  if (pageBytes % 4 !== 0 || bytes % pageBytes !== 0) throw new RangeError('flash must be whole pages of whole words');
  const store = openStore(options);
  const { contents } = store;
  const unstable = new Uint8Array(bytes);
  const weak = new Uint8Array(bytes);
  const faded = new Uint8Array(bytes);
  let fadeIn = 0;
  const bits = createBits(options.seed ?? 1);
  const counters = { reads: 0, writes: 0, erases: 0, bytesWritten: 0, lastWords: 0 };
  let cut: { left: number; where: CutPlace; wordIndex: number } | null = null;
  let powered = true;

  function offsetOf(address: number, length: number): number {
    const offset = address - base;
    if (!(offset >= 0 && offset + length <= bytes)) {
      throw new RangeError(`flash address 0x${address.toString(16)}, ${length} bytes, is outside the flash`);
    }
    return offset;
  }

  /** Programs or erases byte `at` as it should be done. */
  function change(at: number, data: number, erase: boolean): void {
    contents[at] = erase ? 0xff : contents[at] & data;
    unstable[at] = erase ? 0 : unstable[at] & data;
    weak[at] = erase ? 0 : weak[at] & data;
  }

  /** The same, interrupted: bits that were on their way may or may not have arrived. */
  function tear(at: number, data: number, erase: boolean): void {
    const moving = erase ? 0xff : contents[at] & ~data;
    contents[at] = erase ? bits() & 0xff : contents[at] & ~(moving & bits());
    if (options.unstable) unstable[at] |= moving;
  }

  /** The same, interrupted so late that it looks done. */
  function weaken(at: number, data: number, erase: boolean): void {
    const old = contents[at];
    change(at, data, erase);
    weak[at] |= old ^ contents[at];
    faded[at] = old;
    fadeIn = 2;
  }

  /** What becomes of byte `index` of the operation that power is cut in. */
  function fate(
    index: number,
    now: { where: CutPlace; wordIndex: number },
    erase: boolean,
  ): 'done' | 'torn' | 'weak' | 'old' {
    const word = index >> 2;
    if (now.where === 'after') return 'done';
    if (now.where === 'before') return 'old';
    if (now.where === 'scattered') return 'torn';
    if (now.where === 'weak') return 'weak';
    if (erase) return ((now.wordIndex & 1) === 0) === word < now.wordIndex ? 'done' : 'old';
    return word < now.wordIndex ? 'done' : word === now.wordIndex ? 'torn' : 'old';
  }

  /** Programs `data`, or erases where it is null, with the pending cut if it is this operation's turn. */
  function operate(offset: number, length: number, data: ArrayLike<number> | null): void {
    if (!powered) throw new PowerLost();
    counters.lastWords = length >> 2;
    const now = cut && cut.left-- === 0 ? cut : null;
    const erase = data === null;
    flash.onOperation?.(erase);
    for (let i = 0; !now && i < length; i++) change(offset + i, data ? data[i] : 0xff, erase);
    for (let i = 0; now && i < length; i++) {
      const what = fate(i, now, erase);
      if (what === 'done') change(offset + i, data ? data[i] : 0xff, erase);
      else if (what === 'torn') tear(offset + i, data ? data[i] : 0xff, erase);
      else if (what === 'weak') weaken(offset + i, data ? data[i] : 0xff, erase);
    }
    store.save(offset, offset + length);
    if (now) {
      cut = null;
      powered = false;
      flash.onPowerLost?.();
      throw new PowerLost();
    }
  }

  const flash: EmulatedFlash = {
    counters,
    onOperation: null,
    onPowerLost: null,
    read(length, address) {
      if (!powered) throw new PowerLost();
      counters.reads++;
      const offset = offsetOf(address, length);
      const out = contents.slice(offset, offset + length);
      for (let i = 0; options.unstable && i < length; i++)
        if (unstable[offset + i]) out[i] ^= bits() & unstable[offset + i];
      return out;
    },
    write(data, address) {
      const offset = offsetOf(address, data.length);
      if (offset % 4 !== 0 || data.length % 4 !== 0) {
        throw new RangeError(`flash write at 0x${address.toString(16)}, ${data.length} bytes, is not whole words`);
      }
      counters.writes++;
      counters.bytesWritten += data.length;
      operate(offset, data.length, data);
    },
    erasePage(address) {
      const offset = offsetOf(address, 1);
      counters.erases++;
      operate(offset - (offset % pageBytes), pageBytes, null);
    },
    getPage(address) {
      const offset = address - base;
      if (!(offset >= 0 && offset < bytes)) return undefined;
      return { addr: address - (offset % pageBytes), length: pageBytes };
    },
    image: () => contents.slice(),
    save: () => ({
      contents: contents.slice(),
      unstable: unstable.slice(),
      weak: weak.slice(),
      faded: faded.slice(),
      fadeIn,
    }),
    restore(state) {
      const image =
        state instanceof Uint8Array ? { contents: state, unstable: [], weak: [], faded: [], fadeIn: 0 } : state;
      contents.set(image.contents);
      for (const [now, then] of [
        [unstable, image.unstable],
        [weak, image.weak],
        [faded, image.faded],
      ] as const) {
        now.fill(0);
        now.set(then);
      }
      fadeIn = image.fadeIn;
      store.save(0, bytes);
      powered = true;
      cut = null;
    },
    cutAfter(operations, where, wordIndex = 0) {
      cut = { left: operations, where, wordIndex };
    },
    powerOn(keepCut = false) {
      powered = true;
      if (!keepCut) cut = null;
      if (fadeIn > 0 && --fadeIn === 0) {
        for (let i = 0; i < bytes; i++) contents[i] = (contents[i] & ~weak[i]) | (faded[i] & weak[i]);
        weak.fill(0);
        store.save(0, bytes);
      }
    },
    close: store.close,
  };
  return flash;
}
