/**
 * How a chip reads its flash, as the bootloader's image says it: DIO at 40 MHz, as Espruino ships it, or QIO at 80 MHz.
 *
 * Source: ESP-IDF, esp_app_format.h: byte 2 of an image is the mode, the low half of byte 3 the speed. The ROM reads
 * both at reset, of the bootloader's image alone. Behind the segments stand a checksum of their bytes, which the header
 * is no part of, at the next 16th byte, and, where byte 23 is 1, SHA-256 of all before it: that is made anew.
 * esptool-js can set both as well, but looks for the character "1" there, and hashes what follows the hash.
 *
 * Left out: the flash chip's own bit for four lines (QE). A bootloader of DIO does not set it, and a chip that is
 * delivered without it does not start in QIO: so a board that does not answer gets its own image back
 * (flash-board.ts). Nobody has tried it on a board.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { failure } from '../../host-bridge/base/errors.js';
import type { FirmwarePart } from './firmware-image.js';

/** `keep`: as the image says. */
export type FlashMode = 'keep' | 'dio' | 'qio';
/** All of them. */
export const FLASH_MODES: readonly FlashMode[] = ['keep', 'dio', 'qio'];

/** Mode, and speed: 0 is 40 MHz, 15 is 80. */
const HEADER: Record<Exclude<FlashMode, 'keep'>, { mode: number; speed: number }> = {
  dio: { mode: 2, speed: 0 },
  qio: { mode: 0, speed: 15 },
};

const HEADER_BYTES = 24;
const SEGMENT_HEAD_BYTES = 8;
const HASH_BYTES = 32;
/** Where it says whether a hash follows. */
const HAS_HASH_AT = 23;

/** Where an image's checksum ends, from its first byte on. @throws TapcashError FIRMWARE_INVALID */
function checkedBytes(name: string, image: Uint8Array): number {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  let end = HEADER_BYTES;
  for (let left = image[1]; left > 0; left--) {
    if (end + SEGMENT_HEAD_BYTES > image.length) break;
    end += SEGMENT_HEAD_BYTES + view.getUint32(end + 4, true);
  }
  const bytes = (end + 16) & ~15;
  if (bytes + (image[HAS_HASH_AT] === 1 ? HASH_BYTES : 0) > image.length)
    throw failure('FIRMWARE_INVALID', `${name}: the bootloader's segments do not end in it`);
  return bytes;
}

/** An image whose header says another mode. @throws TapcashError FIRMWARE_INVALID where it is cut off */
export function withFlashMode(name: string, image: Uint8Array, mode: Exclude<FlashMode, 'keep'>): Uint8Array {
  const bytes = checkedBytes(name, image);
  const out = image.slice();
  out[2] = HEADER[mode].mode;
  out[3] = (image[3] & 0xf0) | HEADER[mode].speed;
  if (image[HAS_HASH_AT] === 1) out.set(sha256(out.subarray(0, bytes)), bytes);
  return out;
}

/** Parts with the mode in their bootloader. @param bootloader its address */
export function partsWithFlashMode(parts: FirmwarePart[], bootloader: number, mode: FlashMode): FirmwarePart[] {
  if (mode === 'keep') return parts;
  return parts.map((part) => {
    const at = bootloader - part.address;
    if (at < 0 || at >= part.data.length) return part;
    const data = part.data.slice();
    data.set(withFlashMode(part.name, data.subarray(at), mode), at);
    return { ...part, data };
  });
}
