/**
 * The bytes of the record log: pages, records, and how damage is told from a write that lost power.
 *
 * Own design (docs/security.md 2); `record-log.ts` has the rules of its use. All integers are
 * big-endian. Flash clears bits and sets them only by erasing a page; whatever is here is written once, in whole words.
 *
 *   page    | header copy 12 | header copy 12 | closed 4 | records ...                        |
 *   header  | "TCL1" | page sequence u32 | CRC-32 of both |
 *   record | mark 4 | type u8 | 0 | slot u16 | length u16 | ~length u16 | payload CRC-32 | header CRC-32 | payload,
 *   padded |
 *
 * `closed` becomes 0 once the next page is in use. The mark is written after everything else of its record: before the
 * header, so that it can be found whatever has become of the length.
 */
import { readU32, writeU32 } from '../core/bytes.js';

/** CRC-32 of bytes (IEEE 802.3), unsigned: `E.CRC32`. */
export type Crc32 = (bytes: Uint8Array) => number;

/** Both header copies. */
export const PAGE_HEADER_BYTES = 24;
/** Where the `closed` word of a page stands. */
export const CLOSED_AT = 24;
/** Where the first record of a page stands. */
export const RECORDS_AT = 28;
/** Mark and header of a record. */
export const RECORD_OVERHEAD = 20;
/** The mark of a committed record: 16 of its bits are programmed, far from blank and from aborted. */
export const MARK_COMMITTED = [0x5a, 0xc3, 0x96, 0x3c];
/** The type of the record that says which page is the oldest in use. */
export const TYPE_TAIL = 0;

/** Bytes that a payload takes up with its overhead, in whole words. */
export function recordBytes(payloadBytes: number): number {
  return RECORD_OVERHEAD + ((payloadBytes + 3) & -4);
}

/** Number of one bits among `bytes[from..to)`, counted up to `limit`. */
export function countOnes(bytes: Uint8Array, from: number, to: number, limit: number): number {
  let ones = 0;
  for (let i = from; i < to && ones < limit; i++) {
    for (let b = bytes[i]; b > 0; b &= b - 1) ones++;
  }
  return ones;
}

/** Whether at most one bit of `bytes[from..to)` is 0: erased, but for a flipped bit. */
export function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  let zeros = 0;
  for (let i = from; i < to && zeros < 2; i++) {
    for (let b = bytes[i] ^ 255; b > 0; b &= b - 1) zeros++;
  }
  return zeros < 2;
}

/** Whether at most one bit of `bytes[from..to)` is 1: written off, but for a flipped bit. */
export function isZeroed(bytes: Uint8Array, from: number, to: number): boolean {
  return countOnes(bytes, from, to, 2) < 2;
}

/** Both copies of a page's header, 24 bytes. */
export function pageHeader(sequence: number, crc32: Crc32): Uint8Array {
  const out = new Uint8Array(PAGE_HEADER_BYTES);
  out.set([0x54, 0x43, 0x4c, 0x31]);
  writeU32(out, 4, sequence);
  writeU32(out, 8, crc32(out.subarray(0, 8)));
  out.set(out.subarray(0, 12), 12);
  return out;
}

function sequenceOfCopy(bytes: Uint8Array, at: number, crc32: Crc32): number {
  if (readU32(bytes, at) !== 0x54434c31) return 0;
  return readU32(bytes, at + 8) === crc32(bytes.subarray(at, at + 8)) ? readU32(bytes, at + 4) : 0;
}

/** Page sequence by either header copy; 0 where neither is whole, -1 where they contradict each other. */
export function pageSequence(bytes: Uint8Array, crc32: Crc32): number {
  const first = sequenceOfCopy(bytes, 0, crc32);
  const second = sequenceOfCopy(bytes, 12, crc32);
  if (first !== 0 && second !== 0 && first !== second) return -1;
  return first !== 0 ? first : second;
}

/** Header and padded payload of a record, all but its mark, with no payload yet. */
export function beginRecord(type: number, slot: number, length: number): Uint8Array {
  const out = new Uint8Array(recordBytes(length) - 4);
  out.set([type, 0, slot >> 8, slot & 255, length >> 8, length & 255, (length >> 8) ^ 255, (length & 255) ^ 255]);
  return out;
}

/** Completes what `beginRecord` gave. */
export function fillRecord(record: Uint8Array, payload: Uint8Array, crc32: Crc32): void {
  record.set(payload, 16);
  writeU32(record, 8, crc32(payload));
  writeU32(record, 12, crc32(record.subarray(0, 12)));
}

/** What the mark of a record says; `torn` is neither blank nor surely one of the others. */
export type MarkState = 'blank' | 'committed' | 'aborted' | 'torn';

/** A record's mark and header, as found in flash. */
export interface RecordHead {
  mark: MarkState;
  /** Whether the mark can be what an interrupted commit left: no bit programmed that the committed mark has not. */
  committing: boolean;
  /** Whether the header's own CRC is right; the rest means something only then. */
  valid: boolean;
  type: number;
  slot: number;
  length: number;
  payloadCrc: number;
}

/** Reads the mark; one flipped bit does not change what it says. */
function markState(bytes: Uint8Array): { state: MarkState; committing: boolean } {
  // Nearly all marks are these; what follows takes a board as long as all the rest of a record.
  if (readU32(bytes, 0) === 0x5ac3963c) return { state: 'committed', committing: true };
  const difference = new Uint8Array(4);
  let committing = true;
  let blank = true;
  for (let i = 0; i < 4; i++) {
    difference[i] = bytes[i] ^ MARK_COMMITTED[i];
    if ((bytes[i] & MARK_COMMITTED[i]) !== MARK_COMMITTED[i]) committing = false;
    if (bytes[i] !== 255) blank = false;
  }
  if (isZeroed(difference, 0, 4)) return { state: 'committed', committing: true };
  if (isZeroed(bytes, 0, 4)) return { state: 'aborted', committing: false };
  return { state: blank ? 'blank' : 'torn', committing: committing && !blank };
}

/** Decodes mark and header, the first 20 bytes of a record. */
export function decodeHead(bytes: Uint8Array, crc32: Crc32): RecordHead {
  const mark = markState(bytes);
  return {
    mark: mark.state,
    committing: mark.committing,
    valid: readU32(bytes, 16) === crc32(bytes.subarray(4, 16)),
    type: bytes[4],
    slot: bytes[6] * 256 + bytes[7],
    length: bytes[8] * 256 + bytes[9],
    payloadCrc: readU32(bytes, 12),
  };
}
