/**
 * Opening a record log: finds what is live, ends what a power cut left unfinished, and refuses what is damaged.
 *
 * Pages are read from the newest to the oldest, so that the newest record of a (type, slot) is met first, and so that
 * the record which names the oldest page is met before any page that is older: those may be half erased and are not
 * looked at. Only the newest page can hold anything unfinished. Every repair can itself be interrupted. Whatever may
 * have been the last write before power went is programmed again before anything is built on it, even where it looks
 * whole: its bits may be just across the threshold, and read differently another day.
 */
import { readU32 } from '../core/bytes.js';
import {
  CLOSED_AT,
  countOnes,
  decodeHead,
  isBlank,
  isZeroed,
  MARK_COMMITTED,
  PAGE_HEADER_BYTES,
  pageHeader,
  pageSequence,
  RecordHead,
  recordBytes,
  RECORD_OVERHEAD,
  RECORDS_AT,
  TYPE_TAIL,
} from './record-format.js';
import { createRecordIndex, entryOf, setEntry } from './record-index.js';
import {
  entryLength,
  entryOffset,
  erasePage,
  freePages,
  isErased,
  LogState,
  nextFreePage,
  openPage,
  packEntry,
  program,
  programZeros,
  readAt,
  reinforce,
  settle,
} from './record-pages.js';

/** Offset that stands for "nothing is damaged". */
export const SOUND = -1;

/** Reads the payload of a record and checks it; null where header or payload are damaged. */
export function readPayload(s: LogState, entry: number): Uint8Array | null {
  const offset = entryOffset(entry);
  const head = decodeHead(readAt(s, offset, RECORD_OVERHEAD), s.crc32);
  if (!head.valid || head.length !== entryLength(entry)) return null;
  if (head.length === 0) return new Uint8Array(0);
  const payload = readAt(s, offset + RECORD_OVERHEAD, head.length);
  return s.crc32(payload) === head.payloadCrc ? payload : null;
}

/** Whether a committed record begins at any word of `from` to `end`. */
function committedWithin(s: LogState, from: number, end: number): boolean {
  for (let at = from; at + RECORD_OVERHEAD <= end; at += 4) {
    const head = decodeHead(readAt(s, at, RECORD_OVERHEAD), s.crc32);
    if (head.mark === 'committed' && head.valid) return true;
  }
  return false;
}

/** Puts a record into the index, unless a newer page has one of the same type and slot. */
function enter(s: LogState, head: RecordHead, offset: number): void {
  const known = entryOf(s.index, head.type, head.slot);
  if (known && Math.floor(entryOffset(known) / s.region.pageBytes) !== Math.floor(offset / s.region.pageBytes)) return;
  setEntry(s.index, head.type, head.slot, packEntry(offset, head.length));
}

/**
 * Ends a record of the newest page whose mark is neither committed nor aborted: completes a commit that had begun,
 * aborts all else. Returns false if that would hide a later committed record.
 */
function finishRecord(s: LogState, head: RecordHead, bytes: Uint8Array, offset: number, pageEnd: number): boolean {
  if (committedWithin(s, offset + recordBytes(head.length), pageEnd)) return false;
  if (head.committing) {
    const payload = head.length > 0 ? readAt(s, offset + RECORD_OVERHEAD, head.length) : new Uint8Array(0);
    if (s.crc32(payload) === head.payloadCrc) {
      program(s, new Uint8Array(MARK_COMMITTED), offset);
      enter(s, head, offset);
      return true;
    }
  }
  reinforce(s, bytes.subarray(4, RECORD_OVERHEAD), offset + 4);
  programZeros(s, offset, 4);
  return true;
}

/** Gives up the rest of the newest page. Returns false if that would hide a committed record. */
function seal(s: LogState, offset: number, pageEnd: number): boolean {
  if (committedWithin(s, offset, pageEnd)) return false;
  if (offset + RECORD_OVERHEAD <= pageEnd) programZeros(s, offset, RECORD_OVERHEAD);
  return true;
}

/** What `scanRecord` found: where to go on, or that the page ends, or that it is damaged here. */
const PAGE_ENDS = -2;
const DAMAGED = -3;

/** Takes in the record at `at`. Returns the offset of the next one, PAGE_ENDS or DAMAGED. */
function scanRecord(s: LogState, bytes: Uint8Array, at: number, pageEnd: number, newest: boolean): number {
  if (isZeroed(bytes, 0, RECORD_OVERHEAD)) {
    if (newest) reinforce(s, bytes, at);
    return PAGE_ENDS;
  }
  const head = decodeHead(bytes, s.crc32);
  if (!head.valid) {
    if (!newest || head.mark === 'committed') return DAMAGED;
    return seal(s, at, pageEnd) ? PAGE_ENDS : DAMAGED;
  }
  const next = at + recordBytes(head.length);
  if (next > pageEnd) return DAMAGED;
  if (head.mark === 'committed') enter(s, head, at);
  else if (head.mark !== 'aborted') {
    if (!newest || !finishRecord(s, head, bytes, at, pageEnd)) return DAMAGED;
  }
  return next;
}

/** Reads the records of one page into the index. Returns the offset of what is damaged, or SOUND. */
function scanPage(s: LogState, page: number, newest: boolean): number {
  const start = page * s.region.pageBytes;
  const pageEnd = start + s.region.pageBytes;
  let at = start + RECORDS_AT;
  let last = -1;
  while (at + RECORD_OVERHEAD <= pageEnd) {
    const bytes = readAt(s, at, RECORD_OVERHEAD);
    if (isBlank(bytes, 0, RECORD_OVERHEAD)) break;
    const next = scanRecord(s, bytes, at, pageEnd, newest);
    if (next === DAMAGED) return at;
    if (next === PAGE_ENDS) {
      if (newest) s.at = s.region.pageBytes;
      return SOUND;
    }
    last = at;
    at = next;
  }
  if (!newest) return SOUND;
  s.at = at - start;
  if (last >= 0) reinforce(s, readAt(s, last, 4), last);
  if (isErased(s, at, pageEnd)) return SOUND;
  s.at = s.region.pageBytes;
  return seal(s, at, pageEnd) ? SOUND : at;
}

/** Reads the header of every page. Returns the offset of a contradiction, or SOUND. */
function readHeaders(s: LogState): number {
  s.head = 0;
  for (let page = 0; page < s.region.pages; page++) {
    const start = page * s.region.pageBytes;
    const sequence = pageSequence(readAt(s, start, PAGE_HEADER_BYTES), s.crc32);
    if (sequence < 0 || (sequence > 0 && s.sequences.indexOf(sequence) >= 0 && s.sequences.indexOf(sequence) < page))
      return start;
    s.sequences[page] = sequence;
    if (sequence > s.head) {
      s.head = sequence;
      s.headPage = page;
    }
  }
  return SOUND;
}

/** Writes off headers that are neither whole nor blank: what was interrupted could be read as whole another time. */
function writeOffHeaders(s: LogState): void {
  for (let page = 0; page < s.region.pages; page++) {
    const start = page * s.region.pageBytes;
    if (s.sequences[page] === 0 && !isBlank(readAt(s, start, PAGE_HEADER_BYTES), 0, PAGE_HEADER_BYTES)) {
      programZeros(s, start, PAGE_HEADER_BYTES);
    }
  }
}

/** Begins a new log in a region that never held a record. Returns the offset of a byte that was not blank, or SOUND. */
function begin(s: LogState): number {
  for (let page = s.region.pages - 1; page >= 0; page--) {
    const start = page * s.region.pageBytes;
    if (!isErased(s, start + PAGE_HEADER_BYTES, start + s.region.pageBytes)) return start;
    // The first blank page needs no erasing; an interrupted beginning leaves a torn header, and then the next is taken.
    if (isErased(s, start, start + PAGE_HEADER_BYTES)) s.blankPage = page;
  }
  s.headPage = s.blankPage < 0 ? s.region.pages - 1 : s.blankPage - 1 + s.region.pages;
  openPage(s);
  s.tail = 1;
  // Some builds ignore `erasePage` (Espruino on ESP-IDF 5 gives the chip a page number for an address). It is better to
  // find out now, by a page that nothing is in, than when the ring first comes round.
  const next = nextFreePage(s);
  programZeros(s, next * s.region.pageBytes, PAGE_HEADER_BYTES);
  erasePage(s, next);
  return SOUND;
}

/** Reads all pages in use, newest first. Returns the offset of what is damaged, or SOUND. */
function scanPages(s: LogState): number {
  s.index = createRecordIndex();
  s.tail = 1;
  for (let sequence = s.head; sequence >= s.tail; sequence--) {
    const page = s.sequences.indexOf(sequence);
    if (page < 0) return s.headPage * s.region.pageBytes;
    const damaged = scanPage(s, page, sequence === s.head);
    if (damaged !== SOUND) return damaged;
    const tailEntry = entryOf(s.index, TYPE_TAIL, 0);
    if (tailEntry) {
      const payload = readPayload(s, tailEntry);
      if (payload === null || payload.length !== 4) return entryOffset(tailEntry);
      s.tail = readU32(payload, 0);
    }
  }
  setEntry(s.index, TYPE_TAIL, 0, 0);
  for (let page = 0; page < s.region.pages; page++) if (s.sequences[page] < s.tail) s.sequences[page] = 0;
  return SOUND;
}

/** Looks whether the newest page is the last that there was, and closes the one before it if a cut prevented that. */
function checkClosed(s: LogState): number {
  const headStart = s.headPage * s.region.pageBytes;
  // 16 programmed bits are more than a flipped one and less than any that a completed write leaves.
  if (countOnes(readAt(s, headStart + CLOSED_AT, 4), 0, 4, 17) <= 16) return headStart;
  const before = s.head > s.tail ? s.sequences.indexOf(s.head - 1) : -1;
  if (before >= 0 && countOnes(readAt(s, before * s.region.pageBytes + CLOSED_AT, 4), 0, 4, 1) === 0) return SOUND;
  // Nothing says that its header was followed by another write.
  reinforce(s, pageHeader(s.head, s.crc32), headStart);
  s.unclosed = before;
  settle(s);
  return SOUND;
}

/** Checks every live record, drops deletions from the index and adds up what is live. */
function checkLive(s: LogState): number {
  s.liveBytes = 0;
  const { keys, entries } = s.index;
  for (let i = 0; i < keys.length; i++) {
    if (!keys[i]) continue;
    if (readPayload(s, entries[i]) === null) return entryOffset(entries[i]);
    if (entryLength(entries[i]) === 0) {
      keys[i] = entries[i] = 0;
      continue;
    }
    const bytes = recordBytes(entryLength(entries[i]));
    s.liveBytes += bytes;
    s.largestBytes = Math.max(s.largestBytes, bytes);
  }
  return SOUND;
}

/**
 * Fills a fresh state from flash.
 * @returns the offset of what is damaged, or SOUND
 */
export function scanLog(s: LogState): number {
  let damaged = readHeaders(s);
  if (damaged !== SOUND) return damaged;
  if (s.head === 0) return begin(s);
  writeOffHeaders(s);
  damaged = scanPages(s);
  if (damaged !== SOUND) return damaged;
  if (freePages(s) === 0) {
    // Only a collection takes the last page, and it was cut before it was done: all that is in the newest page is also
    // in the oldest. Giving it up keeps interrupted collections from filling the flash with unfinished copies.
    const before = s.sequences.indexOf(s.head - 1) * s.region.pageBytes;
    if (countOnes(readAt(s, before + CLOSED_AT, 4), 0, 4, 17) <= 16) return before;
    programZeros(s, s.headPage * s.region.pageBytes, PAGE_HEADER_BYTES);
    return scanLog(s);
  }
  damaged = checkClosed(s);
  return damaged !== SOUND ? damaged : checkLive(s);
}
