/*
 * The checking half of Ed25519, for keys that have a table or come with multiples: what a terminal needs at a tap, and
 * can load alone. ed25519.ts has the one rule by which a signature is accepted, and the rest.
 */
import { isAcceptablePoint } from './acceptable-point.js';
import { openCombTable, type Comb } from './comb-table.js';
import { createCurveParts, type CurveParts } from './curve-parts.js';
import { encode, multiply } from './edwards.js';
import { pointTable, type GeneralEntry } from './multiples.js';
import type { Natives } from '../core/crypto-natives.js';
import { createScalars, isBelowOrder, type Scalar, type Scalars } from './scalar.js';
import { challengeHash, needBytes } from './signer.js';

/** A public key that many signatures are checked against. */
export interface PreparedKey {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** The table, for a key known when the flash was written, or one that came with its multiples. */
  table: Comb | null;
  /** Multiples of -A, where there is no table. */
  multiples: GeneralEntry[];
}

/** A key that has a table. */
export interface TabledKey extends PreparedKey {
  table: Comb;
}

/**
 * Multiples of a key A that shorten its check, 8 points as x and y, 32 bytes little-endian each: 2^192 A +- 2^128 A +-
 * 2^64 A +- A, where bit 2, 1, 0 of the point's number is 1 for +. They make 64 doublings do, without a square root.
 */
export const KEY_MULTIPLES_BYTES = 512;
export const KEY_MULTIPLES_TEETH = 4;
export const KEY_MULTIPLES_COLUMNS = 64;

/** Tables in flash. */
export interface Tables {
  /** The base point's table: layout in comb-table.ts. */
  base: ArrayBuffer | Uint8Array;
}

/**
 * Checks signatures against keys with tables. Bytes from outside never throw; wrong types from our own code throw
 * TypeError.
 */
export interface Verifier extends CurveParts {
  /** Prepares a table (comb-table.ts); null if its key is not acceptable. */
  prepareTable(table: Uint8Array | ArrayBuffer): TabledKey | null;
  /**
   * Prepares a key that comes with multiples (KEY_MULTIPLES_BYTES), which somebody trusted has signed: they are taken
   * as given. Null if it is no acceptable key.
   */
  prepareWithMultiples(publicKey: Uint8Array, multiples: Uint8Array): TabledKey | null;
  /** Whether a signature is accepted (the rule of ed25519.ts). */
  verifyTabled(key: TabledKey, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Conditions 1 to 4 for a signature. */
export function isAcceptableSignature(signature: Uint8Array): boolean {
  return signature.length === 64 && isBelowOrder(signature, 32) && isAcceptablePoint(signature, 0);
}

/** H(R | A | M) mod L, and conditions 1 to 4 for a signature; null where it does not meet them. */
export function challengeOf(
  natives: Natives,
  scalars: Scalars,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Scalar | null {
  needBytes(message, message.length, 'message');
  needBytes(signature, signature.length, 'signature');
  return isAcceptableSignature(signature)
    ? scalars.reduce(challengeHash(natives, signature, publicKey, message))
    : null;
}

/** 32 bytes from `offset` on, copied. */
export function half(bytes: Uint8Array, offset: number): Uint8Array {
  const out = new Uint8Array(32);
  for (let i = 0; i < 32; i++) out[i] = bytes[offset + i];
  return out;
}

/** A verifier over the given natives and tables. */
export function createVerifier(natives: Natives, tables: Tables): Verifier {
  return verifierOf(natives, createCurveParts(natives, createScalars(natives), tables.base));
}

/** A verifier over the given natives and parts. */
export function verifierOf(natives: Natives, parts: CurveParts): Verifier {
  const curve = parts.curve;
  const scalars = parts.scalars;
  const base = parts.base;

  function prepareTable(data: Uint8Array | ArrayBuffer): TabledKey | null {
    const table = openCombTable(data);
    return isAcceptablePoint(table.key, 0) ? { publicKey: table.key, table, multiples: [] } : null;
  }

  function prepareWithMultiples(publicKey: Uint8Array, multiples: Uint8Array): TabledKey | null {
    needBytes(publicKey, 32, 'publicKey');
    needBytes(multiples, KEY_MULTIPLES_BYTES, 'multiples');
    if (!isAcceptablePoint(publicKey, 0)) return null;
    const table = pointTable(curve, multiples, KEY_MULTIPLES_TEETH, KEY_MULTIPLES_COLUMNS);
    return { publicKey: half(publicKey, 0), table, multiples: [] };
  }

  /** Condition 5 as it stands. */
  function verifyTabled(key: TabledKey, message: Uint8Array, signature: Uint8Array): boolean {
    const h = challengeOf(natives, scalars, key.publicKey, message, signature);
    if (!h) return false;
    const S = scalars.fromBytes(half(signature, 32));
    const combs = [
      { table: base, signedBits: scalars.signedBits(S, base.bits) },
      { table: key.table, signedBits: scalars.signedBits(scalars.negate(h), key.table.bits) },
    ];
    const R = encode(curve, multiply(curve, combs, []));
    let difference = 0;
    for (let i = 0; i < 32; i++) difference |= R[i] ^ signature[i];
    return difference === 0;
  }

  return { curve, scalars, base, prepareTable, prepareWithMultiples, verifyTabled };
}
