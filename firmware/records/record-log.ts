/**
 * A durable key-value log in raw flash pages: keys, the token's journal, the terminal's histories.
 *
 * docs/security.md 2: records carry CRCs and a commit mark written last, a page is given up only
 * after its successor is complete, and a record that is committed but damaged is reported, never replaced by an older
 * one.
 *
 *   - Pages form a ring. Records are appended to the newest page; the newest record of a (type, slot) counts.
 *   - A record is two writes: header with payload, then the mark. When `put` returns, it will be found again.
 *   - One page stays free. When only that one is left, the live records of the oldest page are copied to the end of the
 *     log and a record says which page is now the oldest; the one it was is erased when it is needed.
 *   - A page is marked closed when its successor is in use, so that a lost newest page does not go unnoticed.
 *
 * The order of records is their order in the log; they need no numbers of their own. `record-scan.ts` opens a log after
 * whatever happened to it. Left out: wear statistics, and correction of more than a flipped mark.
 */
import { writeU32 } from '../core/bytes.js';
import {
  beginRecord,
  Crc32,
  fillRecord,
  MARK_COMMITTED,
  PAGE_HEADER_BYTES,
  recordBytes,
  RECORDS_AT,
  TYPE_TAIL,
} from './record-format.js';
import { createRecordIndex, entryOf, keyOf, placeOf, slotsOf } from './record-index.js';
import {
  entryLength,
  entryOffset,
  erasePage,
  flashError,
  freePages,
  LogRegion,
  LogState,
  nextFreePage,
  openPage,
  packEntry,
  program,
  programZeros,
  RawFlash,
  settle,
} from './record-pages.js';
import { readPayload, scanLog, SOUND } from './record-scan.js';

export type { LogRegion, RawFlash } from './record-pages.js';

/**
 * Room that every page keeps for one record naming the oldest page, so that a whole page can be copied into another.
 */
const TAIL_BYTES = recordBytes(4);

/** What is known of a record before its payload. */
export interface RecordPlace {
  key: number;
  length: number;
  /** `LogState.writes` then: a write since may have taken the place. */
  writes: number;
  /** From `beginRecord`. */
  record: Uint8Array;
  /** Of the record, from the region's start. */
  offset: number;
  /** Its place in the index. */
  at: number;
}

/** An open log. */
export interface RecordLog {
  /**
   * Stores a record; it is durable when this returns. An empty payload deletes.
   * @param type 1..255
   * @param slot 0..65535
   * @param payload at most `payloadBytesMax` bytes
   * @param place what `place` gave, where somebody waits for this record
   * Throws an error with code FLASH_FULL (nothing was written) or FLASH_WRITE_FAILED (the log takes no more).
   */
  put(type: number, slot: number, payload: Uint8Array, place?: RecordPlace): void;
  /**
   * Does beforehand what a `put` has to do before it writes, opening a page where that is needed; throws as it does.
   * @returns for that `put`; no use, and no harm, once something else was written
   */
  place(type: number, slot: number, payloadBytes: number): RecordPlace;
  /** The payload stored last, or null. Throws an error with code FLASH_DAMAGED if it cannot be read any more. */
  get(type: number, slot: number): Uint8Array | null;
  /** The slots of a type that hold something, ascending. */
  slots(type: number): number[];
  /** Whether `put` of so many bytes would be refused with FLASH_FULL. */
  fits(payloadBytes: number): boolean;
  /** Bytes of further records, with 20 bytes of overhead each, that are sure to fit. */
  freeBytes(): number;
  /** Longest payload of a record. */
  payloadBytesMax: number;
  /** Flash writes since the log was opened, opening included. */
  writes(): number;
  /** Flash page erases since the log was opened. */
  erases(): number;
  /**
   * Opens a page where less than so many bytes, heads and marks included, are left in the one that is open; if it can
   * be done without collecting.
   */
  reserve(bytes: number): void;
  /** Does one piece of work that a later `put` would have to do; call it when idle, until it returns false. */
  tidy(): boolean;
}

/** Bytes of records that one page takes, apart from the room kept for naming the oldest page. */
function pageRoom(s: LogState): number {
  return s.region.pageBytes - RECORDS_AT - TAIL_BYTES;
}

/**
 * Live bytes with which collection is sure to end. Copying all live records fills each page but for less than the
 * largest record, and adds at most one record naming the oldest page for each page that it frees; two pages must then
 * be free.
 */
function capacity(s: LogState, largestBytes: number): number {
  const pages = s.region.pages;
  return (pages - 2) * (pageRoom(s) - largestBytes + 4) - (pages - 1) * TAIL_BYTES - 4;
}

/** Live bytes that may still be added with records of at most `bytes`, keeping room for one deletion. */
function spare(s: LogState, bytes: number): number {
  return capacity(s, Math.max(s.largestBytes, bytes, TAIL_BYTES)) - s.liveBytes - recordBytes(0);
}

/** Writes a record that `beginRecord` began, and its mark. */
function write(s: LogState, record: Uint8Array, payload: Uint8Array, offset: number): void {
  fillRecord(record, payload, s.crc32);
  program(s, record, offset + 4);
  program(s, new Uint8Array(MARK_COMMITTED), offset);
  s.at += record.length + 4;
}

/** Appends a record where there is room up to `limit`, else in a new page. Returns its offset. */
function append(s: LogState, type: number, slot: number, payload: Uint8Array, limit: number): number {
  if (s.at + recordBytes(payload.length) > limit) openPage(s);
  const offset = s.headPage * s.region.pageBytes + s.at;
  write(s, beginRecord(type, slot, payload.length), payload, offset);
  return offset;
}

/** Frees the oldest page: copies what is live in it, then records that the next one is the oldest. */
function collect(s: LogState): void {
  const page = s.sequences.indexOf(s.tail);
  const start = page * s.region.pageBytes;
  const end = start + s.region.pageBytes;
  const { keys, entries } = s.index;
  for (let i = 0; i < keys.length; i++) {
    const offset = entryOffset(entries[i]);
    if (!keys[i] || offset < start || offset >= end) continue;
    const payload = readPayload(s, entries[i]);
    if (payload === null) throw flashError('FLASH_DAMAGED', s.region.address + offset);
    const key = keys[i] - 1;
    const copied = append(s, key >> 16, key & 65535, payload, s.region.pageBytes - TAIL_BYTES);
    entries[i] = packEntry(copied, payload.length);
  }
  const tail = new Uint8Array(4);
  writeU32(tail, 0, s.tail + 1);
  append(s, TYPE_TAIL, 0, tail, s.region.pageBytes);
  s.tail++;
  s.sequences[page] = 0;
  settle(s);
}

/** See `RecordLog.place`. */
function placeRecord(s: LogState, type: number, slot: number, length: number): RecordPlace {
  const bytes = recordBytes(length);
  if (!(type >= 1 && type <= 255 && slot >= 0 && slot <= 65535 && bytes <= pageRoom(s)))
    throw new TypeError('record type, slot or length');
  if (s.failed) throw flashError('FLASH_WRITE_FAILED', s.region.address);
  if (length > 0 && spare(s, bytes) < bytes) throw flashError('FLASH_FULL', s.region.address);
  // `capacity` sees to it that once round is enough; a deletion is let in above it, but frees more than it takes.
  for (let rounds = 0; s.at + bytes > s.region.pageBytes - TAIL_BYTES; rounds++) {
    if (rounds > 2 * s.region.pages) throw flashError('FLASH_FULL', s.region.address);
    if (freePages(s) > 1) openPage(s);
    else collect(s);
  }
  s.largestBytes = Math.max(s.largestBytes, bytes);
  const key = keyOf(type, slot);
  return {
    key: key,
    length: length,
    writes: s.writes,
    record: beginRecord(type, slot, length),
    offset: s.headPage * s.region.pageBytes + s.at,
    at: placeOf(s.index, key),
  };
}

/** Writes a record whose place was found since the last write, and enters it. */
function commit(s: LogState, next: RecordPlace, payload: Uint8Array): void {
  write(s, next.record, payload, next.offset);
  const { keys, entries } = s.index;
  const length = next.length;
  const old = entries[next.at];
  // A deletion's record is not live.
  s.liveBytes += (length && recordBytes(length)) - (old && recordBytes(entryLength(old)));
  keys[next.at] = length && next.key;
  entries[next.at] = length && packEntry(next.offset, length);
}

function isGood(s: LogState, place: RecordPlace, type: number, slot: number, length: number): boolean {
  return !s.failed && place.writes === s.writes && place.key === keyOf(type, slot) && place.length === length;
}

/** See `RecordLog.tidy`: frees pages while much of the log is dead, and erases the page that comes next. */
function tidy(s: LogState): boolean {
  if (s.failed) return false;
  if (freePages(s) < 3 && s.head > s.tail && s.liveBytes * 2 < capacity(s, Math.max(s.largestBytes, TAIL_BYTES))) {
    collect(s);
    return true;
  }
  // The last free page is for collection; it is erased when it comes to that.
  const next = nextFreePage(s);
  if (next < 0 || next === s.blankPage) return false;
  erasePage(s, next);
  return true;
}

function makeState(flash: RawFlash, region: LogRegion, crc32: Crc32): LogState {
  if (
    region.pages < 4 ||
    region.pageBytes % 256 !== 0 ||
    region.pageBytes > 16384 ||
    region.pages * region.pageBytes > 262144
  ) {
    throw new TypeError('log region');
  }
  const blank = new Uint8Array(256);
  for (let i = 0; i < 256; i++) blank[i] = 255;
  const sequences: number[] = [];
  for (let page = 0; page < region.pages; page++) sequences.push(0);
  return {
    flash: flash,
    region: region,
    crc32: crc32,
    blankCrc: crc32(blank),
    sequences: sequences,
    tail: 1,
    head: 0,
    headPage: 0,
    at: 0,
    unclosed: -1,
    blankPage: -1,
    index: createRecordIndex(),
    liveBytes: 0,
    largestBytes: 0,
    writes: 0,
    erases: 0,
    failed: false,
  };
}

/**
 * What opening a region gives: its state; or FLASH_DAMAGED with the address of what can be neither whole nor the rest
 * of an interrupted write.
 */
export type Opened<T> = ({ ok: true } & T) | { ok: false; code: 'FLASH_DAMAGED'; address: number };

/**
 * Reads a region of flash, finishing what a power cut interrupted; a blank region becomes an empty log. Needed once, so
 * that boards keep it in an overlay.
 * @param crc32 CRC-32 of bytes, unsigned: `E.CRC32`
 * @throws an error with code FLASH_WRITE_FAILED if a repair was not taken
 */
export function scanRecords(flash: RawFlash, region: LogRegion, crc32: Crc32): Opened<{ state: LogState }> {
  const s = makeState(flash, region, crc32);
  const damaged = scanLog(s);
  return damaged === SOUND
    ? { ok: true, state: s }
    : { ok: false, code: 'FLASH_DAMAGED', address: region.address + damaged };
}

/** The log of a state that `scanRecords` gave. */
export function createRecordLog(s: LogState): RecordLog {
  return {
    put: function (type, slot, payload, place) {
      const length = payload.length;
      if (place && isGood(s, place, type, slot, length)) commit(s, place, payload);
      else if (length > 0 || entryOf(s.index, type, slot)) commit(s, placeRecord(s, type, slot, length), payload);
    },
    place: function (type, slot, payloadBytes) {
      return placeRecord(s, type, slot, payloadBytes);
    },
    get: function (type, slot) {
      const entry = entryOf(s.index, type, slot);
      if (!entry) return null;
      const payload = readPayload(s, entry);
      if (payload === null) throw flashError('FLASH_DAMAGED', s.region.address + entryOffset(entry));
      return payload;
    },
    slots: function (type) {
      return slotsOf(s.index, type);
    },
    fits: function (payloadBytes) {
      const bytes = recordBytes(payloadBytes);
      return bytes <= pageRoom(s) && spare(s, bytes) >= bytes;
    },
    freeBytes: function () {
      return Math.max(0, spare(s, 0));
    },
    payloadBytesMax: pageRoom(s) - recordBytes(0),
    writes: function () {
      return s.writes;
    },
    erases: function () {
      return s.erases;
    },
    reserve: function (bytes) {
      if (!s.failed && s.at + bytes > s.region.pageBytes - TAIL_BYTES && freePages(s) > 1) openPage(s);
    },
    tidy: function () {
      return tidy(s);
    },
  };
}

/** Opens the log in a region of flash: `scanRecords` and `createRecordLog`. */
export function openRecordLog(flash: RawFlash, region: LogRegion, crc32: Crc32): Opened<{ log: RecordLog }> {
  const opened = scanRecords(flash, region, crc32);
  return opened.ok ? { ok: true, log: createRecordLog(opened.state) } : opened;
}

/** Destroys whatever a region holds, so that it opens as an empty log. Interrupted, it leaves a log that is damaged. */
export function formatRecordLog(flash: RawFlash, region: LogRegion, crc32: Crc32): void {
  const s = makeState(flash, region, crc32);
  for (let page = 0; page < region.pages; page++) programZeros(s, page * region.pageBytes, PAGE_HEADER_BYTES);
  for (let page = 0; page < region.pages; page++) erasePage(s, page);
}
