/*
 * HMAC-SHA-256 (RFC 2104, FIPS 198-1) over the native hash.
 *
 * Left out: truncation.
 */
import { concat } from '../core/bytes.js';
import type { Natives } from '../core/crypto-natives.js';

/**
 * 64 bytes, each XOR those of a word of four alike, in place: by words, because each statement costs more than a hash.
 */
function flipped(bytes: Uint8Array, word: number): Uint8Array {
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < 16; i++) words[i] ^= word;
  return bytes;
}

/** HMAC-SHA-256 of the joined parts under a key of any length; 32 bytes. */
export function hmacSha256(natives: Natives, key: Uint8Array, parts: Uint8Array[]): Uint8Array {
  const padded = new Uint8Array(64);
  padded.set(key.length > 64 ? natives.sha256(key) : key, 0);
  const inner = natives.sha256(concat([flipped(padded, 0x36363636)].concat(parts)));
  // From one padding to the other.
  return natives.sha256(concat([flipped(padded, 0x36363636 ^ 0x5c5c5c5c), inner]));
}
