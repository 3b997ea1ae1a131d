/*
 * HKDF with SHA-256 (RFC 5869).
 */
import { concat, copy } from '../core/bytes.js';
import { hmacSha256 } from './hmac.js';
import type { Natives } from '../core/crypto-natives.js';

/** A pseudorandom key of 32 bytes from parts of input, joined (2.2). */
export function hkdfExtract(natives: Natives, salt: Uint8Array, parts: Uint8Array[]): Uint8Array {
  return hmacSha256(natives, salt, parts);
}

/** L at most: 255 hashes, for the counter is one byte (2.3). */
const COUNT_MAX = 8160;

/**
 * `count` bytes from a pseudorandom key and the parts of info, joined (2.3).
 * @throws RangeError for more than 8,160
 */
export function hkdfExpand(natives: Natives, key: Uint8Array, info: Uint8Array[], count: number): Uint8Array {
  if (!(count <= COUNT_MAX)) throw new RangeError('HKDF');
  const blocks: Uint8Array[] = [];
  for (let i = 1; 32 * (i - 1) < count; i++) {
    blocks.push(hmacSha256(natives, key, (i > 1 ? [blocks[i - 2]] : []).concat(info, [new Uint8Array([i])])));
  }
  return copy(concat(blocks), 0, count);
}
