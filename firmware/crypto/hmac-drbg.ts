/*
 * HMAC_DRBG with SHA-256 (NIST SP 800-90A Rev. 1, 10.1.2): the generator behind keys and nonces.
 *
 * Left out: prediction resistance as a request flag (callers reseed or pass fresh entropy as
 * additional input) and the limit of 2^48 requests, which no board lives to see.
 */
import { hmacSha256 } from './hmac.js';
import type { Natives } from '../core/crypto-natives.js';

/** A generator. All inputs are of any length. */
export interface HmacDrbg {
  /** Mixes in new entropy (10.1.2.4). */
  reseed(entropy: Uint8Array, additional: Uint8Array): void;
  /** `count` bytes, at most 65,536 (10.1.2.5). */
  generate(count: number, additional: Uint8Array): Uint8Array;
}

/** No bytes. */
export const NOTHING = new Uint8Array(0);

/** A generator, instantiated (10.1.2.3). */
export function createHmacDrbg(
  natives: Natives,
  entropy: Uint8Array,
  nonce: Uint8Array,
  personalization: Uint8Array,
): HmacDrbg {
  let key: Uint8Array = new Uint8Array(32);
  let value: Uint8Array = new Uint8Array(32);
  for (let i = 0; i < 32; i++) value[i] = 1;

  /** 10.1.2.2 */
  function update(inputs: Uint8Array[]): void {
    let length = 0;
    for (let i = 0; i < inputs.length; i++) length += inputs[i].length;
    for (let round = 0; round < (length ? 2 : 1); round++) {
      key = hmacSha256(natives, key, [value, new Uint8Array([round])].concat(inputs));
      value = hmacSha256(natives, key, [value]);
    }
  }

  function reseed(fresh: Uint8Array, additional: Uint8Array): void {
    update([fresh, additional]);
  }

  function generate(count: number, additional: Uint8Array): Uint8Array {
    if (count > 65536) throw new RangeError('at most 65536 bytes at once');
    if (additional.length) update([additional]);
    const out = new Uint8Array(count);
    for (let at = 0; at < count; at += 32) {
      value = hmacSha256(natives, key, [value]);
      for (let i = 0; i < 32 && at + i < count; i++) out[at + i] = value[i];
    }
    update([additional]);
    return out;
  }

  update([entropy, nonce, personalization]);
  return { reseed, generate };
}
