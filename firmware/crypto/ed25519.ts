/*
 * Ed25519 (RFC 8032 5.1) with the one verification rule of this system, and with nonces made in advance.
 *
 * A signature is R | S with R = k B and S = k + H(R | A | M) s mod L. Any verifier accepts it, but k is
 * not RFC 8032's hash of the message: it comes from a hedged generator (hmac-drbg.ts), so that R can be
 * computed before the message is known. A nonce signs once; sign() (signer.ts) empties it before it is used.
 *
 * A signature is accepted under exactly this condition, here and on the host
 * (host-bridge/base/crypto/ed25519-verify.ts):
 *   1. it has 64 bytes, the key has 32;
 *   2. S < L;
 *   3. A and R are canonical: y < p, and no negative zero;
 *   4. neither A nor R is one of the 8 points of small order;
 *   5. the bytes of encode([S]B - [H(R | A | M) mod L]A) equal R.
 *
 * Left out: Ed25519ctx and Ed25519ph, and signing with the RFC's own nonce.
 */
import { isAcceptablePoint } from './acceptable-point.js';
import {
  isNeutral,
  startComb,
  startEncode,
  stepComb,
  stepEncode,
  type CombJob,
  type EncodeJob,
  type Projective,
} from './edwards.js';
import { createHalver } from './scalar-halving.js';
import { oddMultiples, windowTerm, type GeneralEntry } from './multiples.js';
import { naf } from './naf.js';
import type { Natives } from '../core/crypto-natives.js';
import type { Scalar } from './scalar.js';
import { createSigner, needBytes, secretsOf, type Nonce, type Signer, type SigningKey } from './signer.js';
import {
  challengeOf,
  createVerifier,
  half,
  isAcceptableSignature,
  type PreparedKey,
  type TabledKey,
  type Tables,
  type Verifier,
} from './verifier.js';

export { isAcceptablePoint };
export type { Nonce, PreparedKey, Signer, SigningKey };

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

/** Ed25519 on the board. Bytes from outside never throw; wrong types from our own code throw TypeError. */
export interface Ed25519 extends Signer, Verifier {
  /** The key pair of a seed of 32 bytes (RFC 8032 5.1.5). */
  keyFromSeed(seed: Uint8Array): SigningKey;
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
  /** Whether the signature is accepted (the rule above). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Prepares a key of 32 bytes, or a table (comb-table.ts); null if it is no acceptable key. */
  prepareKey(keyOrTable: Uint8Array | ArrayBuffer): PreparedKey | null;
  /** As verify(), for a prepared key. */
  verifyKnown(key: PreparedKey, message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether a key may be licensed: conditions 3 and 4, and [L]A = O. */
  isLicensable(publicKey: Uint8Array): boolean;
}

/** Ed25519 over the given natives and tables. */
export function createEd25519(natives: Natives, tables: Tables): Ed25519 {
  return completeVerifier(natives, createVerifier(natives, tables));
}

/** Ed25519 on a verifier over the same natives. */
export function completeVerifier(natives: Natives, verifier: Verifier): Ed25519 {
  const curve = verifier.curve;
  const scalars = verifier.scalars;
  const base = verifier.base;
  const signer = createSigner(natives, scalars);

  function startBase(s: Scalar, blind: Uint8Array): CombJob {
    return startComb(curve, { table: base, signedBits: scalars.signedBits(s, base.bits) }, blind);
  }

  function publicKeyOf(seed: Uint8Array): Uint8Array {
    const secrets = secretsOf(natives, scalars, seed);
    const job = startBase(secrets.s, natives.sha256(secrets.hash));
    let point: Projective | null = null;
    while (!point) point = stepComb(curve, job);
    return curve.encode(point);
  }

  function keyFromSeed(seed: Uint8Array): SigningKey {
    return signer.keyOfPair(seed, publicKeyOf(seed), true);
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

  function verifyKnown(key: PreparedKey, message: Uint8Array, signature: Uint8Array): boolean {
    if (key.table) return verifier.verifyTabled(key as TabledKey, message, signature);
    const h = challengeOf(natives, scalars, key.publicKey, message, signature);
    return h !== null && verifyByHalves(key.multiples, h, signature);
  }

  /**
   * Condition 5 without a table: R, which is canonical, is decoded, and v times the equation is checked
   * (scalar-halving.ts). Where R is no point, no encoding equals it.
   */
  function verifyByHalves(multiplesOfA: GeneralEntry[], h: Scalar, signature: Uint8Array): boolean {
    const multiplesOfR = oddMultiples(curve, half(signature, 0), true);
    if (!multiplesOfR) return false;
    // Made when it is needed: few signatures are checked so, and its functions take 60 variables.
    const halver = createHalver(natives, scalars, curve.field.euclid);
    const halves = halver.halve(h);
    const combs = [{ table: base, signedBits: scalars.signedBits(halver.timesV(halves, signature, 32), base.bits) }];
    const windows = [
      windowTerm(curve, multiplesOfA, naf(halves.u, halves.uNegative)),
      windowTerm(curve, multiplesOfR, naf(halves.v, halves.vNegative)),
    ];
    return isNeutral(curve, combs, windows);
  }

  function prepareKey(keyOrTable: Uint8Array | ArrayBuffer): PreparedKey | null {
    if (keyOrTable instanceof Uint8Array && keyOrTable.length <= 32) {
      if (keyOrTable.length !== 32 || !isAcceptablePoint(keyOrTable, 0)) return null;
      const multiples = oddMultiples(curve, keyOrTable, true);
      return multiples && { publicKey: half(keyOrTable, 0), table: null, multiples };
    }
    return verifier.prepareTable(keyOrTable);
  }

  function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    needBytes(publicKey, publicKey.length, 'publicKey');
    needBytes(signature, signature.length, 'signature');
    // The cheap checks of the signature come before the point of the key is computed.
    if (publicKey.length !== 32 || !isAcceptableSignature(signature)) return false;
    const key = prepareKey(publicKey);
    return key !== null && verifyKnown(key, message, signature);
  }

  function isLicensable(publicKey: Uint8Array): boolean {
    needBytes(publicKey, publicKey.length, 'publicKey');
    if (publicKey.length !== 32 || !isAcceptablePoint(publicKey, 0)) return false;
    const multiples = oddMultiples(curve, publicKey, false);
    if (!multiples) return false;
    return isNeutral(curve, [], [windowTerm(curve, multiples, naf(scalars.order(), false))]);
  }

  return {
    curve,
    scalars,
    base,
    keyFromSeed,
    publicKeyOf,
    keyOfPair: signer.keyOfPair,
    makeNonces,
    startNonces,
    stepNonces,
    sign: signer.sign,
    verify,
    prepareKey,
    prepareTable: verifier.prepareTable,
    prepareWithMultiples: verifier.prepareWithMultiples,
    verifyTabled: verifier.verifyTabled,
    verifyKnown,
    isLicensable,
  };
}
