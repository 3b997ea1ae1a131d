/*
 * The checking half of Ed25519 for keys of which nothing is known before. ed25519.ts has the one rule by which a
 * signature is accepted; verifier.ts, on which this stands, checks those of keys that have a table.
 */
import { isAcceptablePoint } from './acceptable-point.js';
import { isNeutral } from './edwards.js';
import { oddMultiples, windowTerm, type GeneralEntry } from './multiples.js';
import { naf } from './naf.js';
import type { Natives } from '../core/crypto-natives.js';
import type { Scalar } from './scalar.js';
import { createHalver } from './scalar-halving.js';
import { needBytes } from './signer.js';
import {
  challengeOf,
  half,
  isAcceptableSignature,
  type PreparedKey,
  type TabledKey,
  type Verifier,
} from './verifier.js';

/** Checks any key's signatures. Bytes from outside never throw; wrong types from our own code throw TypeError. */
export interface AnyVerifier extends Verifier {
  /** Whether the signature is accepted (the rule of ed25519.ts). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Prepares a key of 32 bytes, or a table (comb-table.ts); null if it is no acceptable key. */
  prepareKey(keyOrTable: Uint8Array | ArrayBuffer): PreparedKey | null;
  /** As verify(), for a prepared key. */
  verifyKnown(key: PreparedKey, message: Uint8Array, signature: Uint8Array): boolean;
}

/** What of it checks any key. */
export type KeyChecks = Pick<AnyVerifier, 'verify' | 'prepareKey' | 'verifyKnown'>;

/** Checks of any key on a verifier over the same natives. */
export function createAnyVerifier(natives: Natives, verifier: Verifier): KeyChecks {
  const curve = verifier.curve;
  const scalars = verifier.scalars;
  const base = verifier.base;

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

  return { verify, prepareKey, verifyKnown };
}
