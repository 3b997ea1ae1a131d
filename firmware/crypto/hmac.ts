/*
 * HMAC-SHA-256 (RFC 2104, FIPS 198-1) over the native hash.
 *
 * Left out: truncation.
 */
import { concat } from '../core/bytes.js';
import type { Natives } from './natives.js';

/** HMAC-SHA-256 of the joined parts under a key of any length; 32 bytes. */
export function hmacSha256(natives: Natives, key: Uint8Array, parts: Uint8Array[]): Uint8Array {
  const short = key.length > 64 ? natives.sha256(key) : key;
  const inner: Uint8Array = new Uint8Array(64);
  const outer = new Uint8Array(64);
  for (let i = 0; i < 64; i++) {
    const byte = i < short.length ? short[i] : 0;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  return natives.sha256(concat([outer, natives.sha256(concat([inner].concat(parts)))]));
}
