/**
 * Where the pages of the deny list are: inside a file of Storage that nobody writes as a file.
 *
 * Espruino's Storage appends files and, where it is full, compacts itself: what lies above its files is not safe from
 * it, what belongs to a file is. The file is made when the board is flashed (flash-scripts/flash/reserve.ts) and looked
 * for at every start, since compacting moves files. If that shifted the list against the pages, its digest is wrong
 * and the bridge brings it anew.
 *
 * Source: src/jsflash.h and jsflash.c of Espruino 2v29 (JsfFileHeader, jsfGetNextFileHeader): size and flags, u32
 * little-endian; name, 28 bytes; data, padded to 4. Where a page ends early, files go on at the next page.
 */
import { DENY_FILE } from '../core/deny-file.js';
import { PIECE_BYTES } from '../wire/notices.js';
import type { RawFlash } from '../records/record-pages.js';
import type { DenyArea } from './deny-store.js';

const HEADER_BYTES = 32;
const NAME_AT = 4;
/** More than Storage has on any board: damaged headers must not keep the start going round. */
const FILES_MAX = 1000;

function isDenyFile(header: Uint8Array): boolean {
  for (let i = 0; i < DENY_FILE.length; i++) if (header[NAME_AT + i] !== DENY_FILE.charCodeAt(i)) return false;
  return header[NAME_AT + DENY_FILE.length] === 0;
}

/**
 * The two halves, or null where the board has no such file or none that is long enough.
 * @param storage address of Storage @param eraseBytes what one `erasePage` erases
 */
export function findDenyArea(flash: RawFlash, storage: number, eraseBytes: number): DenyArea | null {
  // Pieces of the list must not lie across pages.
  if (eraseBytes % PIECE_BYTES !== 0) return null;
  for (let at = storage, files = 0; files < FILES_MAX; files++) {
    const header = flash.read(HEADER_BYTES, at);
    const bytes = header[0] + header[1] * 256 + header[2] * 65536;
    if (bytes === 0 || (bytes === 16777215 && header[3] === 255)) {
      if (at % eraseBytes === 0) return null;
      at += eraseBytes - (at % eraseBytes);
    } else if (isDenyFile(header)) {
      const from = at + HEADER_BYTES;
      const skipped = (eraseBytes - (from % eraseBytes)) % eraseBytes;
      const pages = ((bytes - skipped) / eraseBytes) | 0;
      const halfBytes = (pages >> 1) * eraseBytes;
      return halfBytes > 0
        ? { flash: flash, address: from + skipped, halfBytes: halfBytes, eraseBytes: eraseBytes }
        : null;
    } else at += HEADER_BYTES + ((bytes + 3) & -4);
  }
  return null;
}
