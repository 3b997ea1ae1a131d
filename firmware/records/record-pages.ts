/**
 * The state of an open record log, and the few ways in which it touches flash: every write is read back.
 *
 * `record-log.ts` has the rules; `record-format.ts` the bytes. Offsets count from the start of the log's region.
 */
import type { RecordIndex } from './record-index.js';
import { CLOSED_AT, Crc32, pageHeader, RECORDS_AT } from './record-format.js';

/** Flash as Espruino's `require("Flash")` offers it; addresses and lengths of writes in whole words of 4 bytes. */
export interface RawFlash {
  read(length: number, address: number): Uint8Array;
  write(data: Uint8Array, address: number): void;
  erasePage(address: number): void;
}

/** Where a log lives. */
export interface LogRegion {
  /** Address of its first byte, at the start of an erase page. */
  address: number;
  /** Number of pages, 4 or more. */
  pages: number;
  /** Bytes of a page: a multiple of 256 and of `eraseBytes`, at most 16384. */
  pageBytes: number;
  /** Bytes that one `erasePage` erases; `pageBytes` if not given. */
  eraseBytes?: number;
}

/** Everything that RAM holds of a log. */
export interface LogState {
  flash: RawFlash;
  region: LogRegion;
  crc32: Crc32;
  /** CRC-32 of 256 erased bytes. */
  blankCrc: number;
  /** Sequence of each page in flash order; 0 for a page that may be erased. */
  sequences: number[];
  /** Sequence of the oldest and of the newest page in use. */
  tail: number;
  head: number;
  headPage: number;
  /** Where the free space of the newest page begins, from the page's start. */
  at: number;
  /** Page before the newest, while it is not closed; else -1. */
  unclosed: number;
  /** Page that was erased since the log was opened; else -1. */
  blankPage: number;
  /** type, slot: where the newest record is, as `packEntry` has it. */
  index: RecordIndex;
  /** Bytes of live records with their overhead, and of the largest record so far. */
  liveBytes: number;
  largestBytes: number;
  writes: number;
  erases: number;
  /** Set when flash did not take a write: nothing more is written. */
  failed: boolean;
}

/** Makes an error that carries a code and, for people, where it happened. */
export function flashError(code: string, address: number): Error {
  const error = new Error(code + ' at 0x' + address.toString(16));
  (error as unknown as { code: string }).code = code;
  return error;
}

/** One number for where a record is and how long its payload is: word offset + 65536 x length. */
export function packEntry(offset: number, length: number): number {
  return (offset >> 2) + length * 65536;
}
/** Offset of the record that an entry names. */
export function entryOffset(entry: number): number {
  return (entry & 65535) << 2;
}
/** Payload length of the record that an entry names. */
export function entryLength(entry: number): number {
  return entry >> 16;
}

/** Reads `length` bytes at `offset`. */
export function readAt(s: LogState, offset: number, length: number): Uint8Array {
  return s.flash.read(length, s.region.address + offset);
}

/** Writes whole words and reads them back; throws FLASH_WRITE_FAILED where flash did not take them. */
export function program(s: LogState, data: Uint8Array, offset: number): void {
  s.writes++;
  s.flash.write(data, s.region.address + offset);
  // By CRC, because a comparison byte by byte costs the interpreter a hundred times as much.
  if (s.crc32(readAt(s, offset, data.length)) !== s.crc32(data)) {
    s.failed = true;
    throw flashError('FLASH_WRITE_FAILED', s.region.address + offset);
  }
}

/**
 * Programs once more what was just read: after a cut, bits may look programmed and not be for long. Not read back,
 * since it changes nothing, and a flipped bit is no reason to stop.
 */
export function reinforce(s: LogState, bytes: Uint8Array, offset: number): void {
  s.writes++;
  s.flash.write(bytes, s.region.address + offset);
}

/** Writes `length` zero bytes: the state that no interrupted write can be mistaken for. */
export function programZeros(s: LogState, offset: number, length: number): void {
  program(s, new Uint8Array(length), offset);
}

/** Whether every bit of `from` to `end` is erased. */
export function isErased(s: LogState, from: number, end: number): boolean {
  for (let at = from; at < end;) {
    // Up to the next multiple of 256, so that all but the first piece compare by CRC.
    const length = Math.min(end, (at & -256) + 256) - at;
    const bytes = readAt(s, at, length);
    if (length === 256) {
      if (s.crc32(bytes) !== s.blankCrc) return false;
    } else {
      for (let i = 0; i < length; i++) if (bytes[i] !== 255) return false;
    }
    at += length;
  }
  return true;
}

/** Erases a page and looks that it is blank; some ESP32 builds ignore `erasePage`. */
export function erasePage(s: LogState, page: number): void {
  const start = page * s.region.pageBytes;
  const step = s.region.eraseBytes || s.region.pageBytes;
  for (let at = 0; at < s.region.pageBytes; at += step) {
    s.erases++;
    // Espruino refuses an address that went through a division, even where it is whole: | 0 makes it an integer again.
    s.flash.erasePage((s.region.address + start + at) | 0);
  }
  if (!isErased(s, start, start + s.region.pageBytes)) {
    s.failed = true;
    throw flashError('FLASH_WRITE_FAILED', s.region.address + start);
  }
  s.blankPage = page;
}

/** Number of pages that are not in use. */
export function freePages(s: LogState): number {
  let free = 0;
  for (let i = 0; i < s.sequences.length; i++) if (s.sequences[i] === 0) free++;
  return free;
}

/** The free page that comes next after the newest one, or -1; going round in order wears all pages alike. */
export function nextFreePage(s: LogState): number {
  for (let i = 1; i <= s.sequences.length; i++) {
    const page = (s.headPage + i) % s.sequences.length;
    if (s.sequences[page] === 0) return page;
  }
  return -1;
}

/** Closes the page before the newest, unless the newest may yet be given up because no page is free. */
export function settle(s: LogState): void {
  if (s.unclosed < 0 || freePages(s) === 0) return;
  programZeros(s, s.unclosed * s.region.pageBytes + CLOSED_AT, 4);
  s.unclosed = -1;
}

/** Takes a free page as the newest; it is erased unless that was done since the log was opened. */
export function openPage(s: LogState): void {
  const page = nextFreePage(s);
  if (page < 0) throw flashError('FLASH_FULL', s.region.address);
  if (page !== s.blankPage) erasePage(s, page);
  s.blankPage = -1;
  program(s, pageHeader(s.head + 1, s.crc32), page * s.region.pageBytes);
  s.unclosed = s.head === 0 ? -1 : s.headPage;
  s.head++;
  s.headPage = page;
  s.sequences[page] = s.head;
  s.at = RECORDS_AT;
  settle(s);
}
