/*
 * Where a token's nonces k come from: hedged, so that no single failure repeats one.
 *
 * The generator (hmac-drbg.ts) is keyed with the signing secret, a boot counter that is durable before
 * the first draw, and entropy; each draw mixes in a counter in RAM and fresh entropy. With a broken
 * entropy source the boot counter keeps draws apart; with a rolled-back counter the entropy does; and
 * whoever knows both still lacks the secret. The same reasons as RFC 6979 section 3.6 and
 * draft-irtf-cfrg-det-sigs-with-noise, for nonces that exist before their message does.
 */
import { writeU32 } from '../core/bytes.js';
import { NOTHING, createHmacDrbg } from './hmac-drbg.js';
import type { Natives } from '../core/crypto-natives.js';

/** What a source of nonces is made from. */
export interface NonceSourceOptions {
  natives: Natives;
  /** SigningKey.prefix of the token's key, 32 bytes; of several keys, joined. */
  secret: Uint8Array;
  /** A number that was never used before by this token, and is on flash already. */
  bootCounter: number;
  /** Fresh, health-tested bytes, 32 or more; null when the source fails: draws then go on without. */
  entropy(): Uint8Array | null;
}

/** A function that draws secret bytes, for makeNonces() and the nonce pool. */
export function createNonceSource(options: NonceSourceOptions): (count: number) => Uint8Array {
  const boot = new Uint8Array(8);
  writeU32(boot, 0, Math.floor(options.bootCounter / 4294967296));
  writeU32(boot, 4, options.bootCounter % 4294967296);
  const label = new Uint8Array([116, 97, 112, 99, 97, 115, 104, 32, 107]); // "tapcash k"
  const drbg = createHmacDrbg(options.natives, options.secret, boot, label);
  drbg.reseed(options.entropy() || NOTHING, boot);
  let draws = 0;
  return (count) => {
    const entropy = options.entropy() || NOTHING;
    const additional = new Uint8Array(8 + entropy.length);
    draws++;
    writeU32(additional, 0, Math.floor(draws / 4294967296));
    writeU32(additional, 4, draws % 4294967296);
    additional.set(entropy, 8);
    return drbg.generate(count, additional);
  };
}
