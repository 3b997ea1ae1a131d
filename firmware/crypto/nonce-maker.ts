/*
 * What needs the base point's multiples and checks nothing: public keys, and nonces made in advance (ed25519.ts).
 *
 * A board loads it without what checks signatures: it makes keys at its first start, and nonces while it is idle.
 */
import type { CurveParts } from './curve-parts.js';
import { encode, startComb, startEncode, stepComb, stepEncode } from './edwards.js';
import type { CombJob, EncodeJob, Projective } from './edwards.js';
import type { Natives } from '../core/crypto-natives.js';
import { maskNonce } from './nonce-mask.js';
import type { Scalar } from './scalar.js';
import { secretsOf, type Nonce } from './signer.js';

/** Gives `count` secret random bytes (nonce-source.ts). */
export type Random = (count: number) => Uint8Array;

/** Nonces in the making, a piece at a time. */
export interface NonceJob {
  secrets: Scalar[];
  points: Projective[];
  count: number;
  comb: CombJob | null;
  encode: EncodeJob | null;
}

/** Makes public keys and nonces. */
export interface NonceMaker {
  /** A, of a seed. */
  publicKeyOf(seed: Uint8Array): Uint8Array;
  /** `count` nonces at once, with one inversion; random(n) gives n secret bytes. */
  makeNonces(random: Random, count: number): Nonce[];
  /** Begins to make `count` nonces. */
  startNonces(count: number): NonceJob;
  /**
   * One piece of that: a column of a multiplication (a doubling and three additions), or the inversion,
   * or one encoding. The nonces after the last piece, else null.
   */
  stepNonces(job: NonceJob, random: Random): Nonce[] | null;
}

/** A maker over the given natives and parts. */
export function createNonceMaker(natives: Natives, parts: CurveParts): NonceMaker {
  const curve = parts.curve;
  const scalars = parts.scalars;
  const base = parts.base;

  function startBase(s: Scalar, blind: Uint8Array): CombJob {
    return startComb(curve, { table: base, signedBits: scalars.signedBits(s, base.bits) }, blind);
  }

  function publicKeyOf(seed: Uint8Array): Uint8Array {
    const secrets = secretsOf(natives, scalars, seed);
    const job = startBase(secrets.s, natives.sha256(secrets.hash));
    let point: Projective | null = null;
    while (!point) point = stepComb(curve, job);
    return encode(curve, point);
  }

  function startNonces(count: number): NonceJob {
    return { secrets: [], points: [], count, comb: null, encode: null };
  }

  function stepNonces(job: NonceJob, random: Random): Nonce[] | null {
    if (job.encode) {
      if (!stepEncode(curve, job.encode)) return null;
      const nonces: Nonce[] = [];
      for (let i = 0; i < job.count; i++) nonces.push({ R: job.encode.out[i], k: job.secrets[i] });
      return nonces;
    }
    if (!job.comb) {
      // One draw, because a draw takes a dozen hashes (hmac-drbg.ts).
      const drawn = random(96);
      const k = scalars.reduce(drawn.subarray(0, 64));
      job.secrets.push(k);
      job.comb = startBase(k, drawn.subarray(64, 96));
      // Once its bits are taken. What blinds the point is never told, so it serves twice.
      maskNonce(scalars, k, drawn.subarray(64, 66));
    }
    const point = stepComb(curve, job.comb);
    if (point) {
      job.comb = null;
      job.points.push(point);
      if (job.points.length === job.count) job.encode = startEncode(curve, job.points);
    }
    return null;
  }

  function makeNonces(random: Random, count: number): Nonce[] {
    const job = startNonces(count);
    let nonces: Nonce[] | null = null;
    while (!nonces) nonces = stepNonces(job, random);
    return nonces;
  }

  return { publicKeyOf, makeNonces, startNonces, stepNonces };
}
