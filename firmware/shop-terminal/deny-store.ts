/**
 * The deny list in flash, as far as a tap needs it: where it lies, and whether a pseudonym is on it.
 *
 * The list is the prefixes of `denyBody` (wire/notices.ts), ascending and nothing else, in one of two halves of raw
 * pages. Which half, how many and of which version says one record of the log (deny-update.ts, which writes both). The
 * pages belong to a file that was reserved in Storage when the board was flashed (deny-area.ts); Storage never writes
 * it. RAM holds none of the list.
 */
import { readU32 } from '../core/bytes.js';
import { PREFIX_BYTES } from '../wire/notices.js';
import type { RawFlash } from '../records/record-pages.js';

/** The reserved pages. */
export interface DenyArea {
  flash: RawFlash;
  /** Of the first half, at the start of an erase page. */
  address: number;
  /** A whole number of erase pages. */
  halfBytes: number;
  /** What one `erasePage` erases: a multiple of 1,024. */
  eraseBytes: number;
}

/** Of whom, and for whom, notices are taken. */
export interface NoticeParties {
  /** 4 bytes. */
  issuer: Uint8Array;
  /** 4 bytes, this one's. */
  terminalId: Uint8Array;
}

/** Verifies a message of a type of SIGNED under the issuer's key. */
export type VerifyIssuer = (type: number, message: Uint8Array, signature: Uint8Array) => boolean;

/** What a list that comes in several messages has reached. Only deny-update.ts looks into it. */
export type PendingList = object;

/** The list held. */
export interface DenyList {
  /** 0 where there is none, or what flash holds is not what was signed. */
  version: number;
  timeS: number;
  /** Prefixes, and where they begin. */
  size: number;
  address: number;
  pending: PendingList | null;
  /** Beside the list: whether the issuer has said that this terminal's place was taken. */
  retired: boolean;
}

/** Reads by the expected place, before halves: on a list of random prefixes the rest is some steps. */
const GUESSES = 8;

/**
 * Where a prefix stands between `low` and `high`, or -1 - where it would stand.
 *
 * Prefixes are as good as random, so their value tells about where they are: of 20,000 some 6 are read instead of 15.
 * @param address of the list @param above all prefixes from `low` on are above this, or it is 0
 */
export function findPrefix(
  flash: RawFlash,
  address: number,
  low: number,
  high: number,
  above: number,
  prefix: number,
): number {
  let below = 4294967296;
  for (let reads = 0; low < high; reads++) {
    const middle =
      reads < GUESSES ? low + ((((prefix - above) / (below - above)) * (high - low)) | 0) : (low + high) >> 1;
    const listed = readU32(flash.read(PREFIX_BYTES, address + PREFIX_BYTES * middle), 0);
    if (listed === prefix) return middle;
    if (listed < prefix) {
      low = middle + 1;
      above = listed;
    } else {
      high = middle;
      below = listed;
    }
  }
  return -1 - low;
}
