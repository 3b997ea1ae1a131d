/**
 * The deny list in flash, in pieces of 256 bytes: old or new as a whole, whatever power does.
 *
 * A head record (slot 0) names one of two sets of pieces. A new list is written beside the old one, then the head, then
 * the old pieces go. In one record the list would be the log's longest by far: see shop-records.ts.
 */
import { concat } from '../core/bytes.js';
import { defineMessage, U32, U8 } from '../wire/codec.js';
import { RECORD, RECORD_OVERHEAD_BYTES, Records, removeRecord } from './shop-records.js';

const PIECE_BYTES = 256;
/** Pieces of one set; 16 x 256 bytes is more than the longest list. */
const SET_SLOTS = 16;

/** Longest list that fits. */
export const DENY_BYTES_MAX = SET_SLOTS * PIECE_BYTES;

/** Room in the log to be kept free, so that a new list of full length can always come. */
export const DENY_ROOM_BYTES = 13 * (PIECE_BYTES + RECORD_OVERHEAD_BYTES);

/** Slot 0 of RECORD.deny. */
const head = defineMessage([
  ['set', U8],
  ['bytes', U32],
]);

/** Deletes all pieces of the set that does not count. */
function clear(records: Records, set: number): void {
  const slots = records.slots(RECORD.deny);
  for (let i = 0; i < slots.length; i++) {
    if (slots[i] > 0 && Math.floor((slots[i] - 1) / SET_SLOTS) === set) removeRecord(records, RECORD.deny, slots[i]);
  }
}

/** The list as it was written last, or null. @throws when pieces are missing */
export function readDenyList(records: Records): Uint8Array | null {
  const payload = records.get(RECORD.deny, 0);
  if (!payload) return null;
  const found = head.decode(payload);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  while (found && bytes < found.bytes) {
    const piece = records.get(RECORD.deny, 1 + found.set * SET_SLOTS + parts.length);
    if (!piece) break;
    parts.push(piece);
    bytes += piece.length;
  }
  if (!found || bytes !== found.bytes) throw new Error('deny list in flash cannot be read');
  return concat(parts);
}

/** Writes a list in the place of the old one. @throws RangeError above DENY_BYTES_MAX */
export function writeDenyList(records: Records, list: Uint8Array): void {
  if (list.length > DENY_BYTES_MAX) throw new RangeError('deny list too long');
  const payload = records.get(RECORD.deny, 0);
  const old = payload && head.decode(payload);
  const set = old ? 1 - old.set : 0;
  // Left by a power cut.
  clear(records, set);
  for (let i = 0; i * PIECE_BYTES < list.length; i++) {
    records.put(
      RECORD.deny,
      1 + set * SET_SLOTS + i,
      list.subarray(i * PIECE_BYTES, Math.min((i + 1) * PIECE_BYTES, list.length)),
    );
  }
  records.put(RECORD.deny, 0, head.encode({ set: set, bytes: list.length }));
  clear(records, 1 - set);
}
