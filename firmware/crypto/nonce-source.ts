/*
 * Where a board's nonces k come from: hedged, so that no single failure repeats one.
 *
 * The generator (hmac-drbg.ts) is keyed with the signing secret, a boot counter that is durable before
 * the first draw, and entropy; fresh entropy is mixed in before every eighth draw at the latest. With a
 * broken entropy source the boot counter keeps draws apart; with a rolled-back counter the entropy does;
 * and whoever knows both still lacks the secret. The same reasons as RFC 6979 section 3.6 and
 * draft-irtf-cfrg-det-sigs-with-noise, for nonces that exist before their message does.
 *
 * Without entropy there is no source, and no draw once fresh entropy is due: with flash rolled back AND no
 * entropy the same k would sign two messages, which gives the key away.
 */
import { writeU32 } from '../core/bytes.js';
import { NOTHING, createHmacDrbg } from './hmac-drbg.js';
import type { Natives } from '../core/crypto-natives.js';

/** Most draws, so most nonces, between two of fresh entropy: as many as a token's pool holds (docs/security.md 1). */
export const DRAWS_PER_ENTROPY = 8;

/** What a source of nonces is made from. */
export interface NonceSourceOptions {
  natives: Natives;
  /** SigningKey.prefix of the token's key, 32 bytes; of several keys, joined. */
  secret: Uint8Array;
  /** A number that was never used before by this token, and is on flash already. */
  bootCounter: number;
  /** Fresh, health-tested bytes, 32 or more; null when the source fails, or must not be asked now. */
  entropy(): Uint8Array | null;
}

/** A source of secret bytes, for nonces and what else nobody may guess. */
export interface NonceSource {
  /** `count` secret bytes. @throws Error where fresh entropy is due and does not come */
  draw(count: number): Uint8Array;
  /** Whether `draw` can be called now; mixes in fresh entropy where it is due. */
  isReady(): boolean;
  /**
   * Ahead, in idle time: mixes in fresh entropy if anything was drawn since the last.
   * @returns whether it did @throws Error when the source of entropy fails
   */
  freshen(): boolean;
}

/** Makes a source. @throws Error when the source of entropy fails */
export function createNonceSource(options: NonceSourceOptions): NonceSource {
  const boot = new Uint8Array(8);
  writeU32(boot, 0, Math.floor(options.bootCounter / 4294967296));
  writeU32(boot, 4, options.bootCounter % 4294967296);
  const label = new Uint8Array([116, 97, 112, 99, 97, 115, 104, 32, 107]); // "tapcash k"
  const drbg = createHmacDrbg(options.natives, options.secret, boot, label);
  let left = 0;

  function mixIn(): boolean {
    const fresh = options.entropy();
    if (!fresh) return false;
    drbg.reseed(fresh, boot);
    left = DRAWS_PER_ENTROPY;
    return true;
  }

  function isReady(): boolean {
    return left > 0 || mixIn();
  }

  function need(isThere: boolean): void {
    if (!isThere) throw new Error('entropy: the source fails');
  }

  need(mixIn());
  return {
    draw: (count) => {
      need(isReady());
      left--;
      return drbg.generate(count, NOTHING);
    },
    isReady,
    freshen: () => {
      if (left === DRAWS_PER_ENTROPY) return false;
      need(mixIn());
      return true;
    },
  };
}
