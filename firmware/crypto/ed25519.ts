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
import { createAnyVerifier, type AnyVerifier } from './any-verifier.js';
import { isNeutral } from './edwards.js';
import { oddMultiples, windowTerm } from './multiples.js';
import { naf } from './naf.js';
import type { Natives } from '../core/crypto-natives.js';
import { createNonceMaker, type NonceMaker } from './nonce-maker.js';
import { createSigner, needBytes, type Nonce, type Signer, type SigningKey } from './signer.js';
import { createVerifier, type PreparedKey, type Tables, type Verifier } from './verifier.js';

export { isAcceptablePoint };
export type { Nonce, PreparedKey, Signer, SigningKey };

/** Ed25519 on the board. Bytes from outside never throw; wrong types from our own code throw TypeError. */
export interface Ed25519 extends Signer, AnyVerifier, NonceMaker {
  /** The key pair of a seed of 32 bytes (RFC 8032 5.1.5). */
  keyFromSeed(seed: Uint8Array): SigningKey;
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
  const signer = createSigner(natives, scalars);
  const maker = createNonceMaker(natives, verifier);
  const any = createAnyVerifier(natives, verifier);

  function keyFromSeed(seed: Uint8Array): SigningKey {
    return signer.keyOfPair(seed, maker.publicKeyOf(seed), true);
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
    base: verifier.base,
    keyFromSeed,
    publicKeyOf: maker.publicKeyOf,
    keyOfPair: signer.keyOfPair,
    makeNonces: maker.makeNonces,
    startNonces: maker.startNonces,
    stepNonces: maker.stepNonces,
    sign: signer.sign,
    verify: any.verify,
    prepareKey: any.prepareKey,
    prepareTable: verifier.prepareTable,
    prepareWithMultiples: verifier.prepareWithMultiples,
    verifyTabled: verifier.verifyTabled,
    verifyKnown: any.verifyKnown,
    isLicensable,
  };
}
