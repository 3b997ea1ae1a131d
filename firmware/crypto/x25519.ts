/*
 * X25519 (RFC 7748 5) with points known in advance: the base point and a peer's key, both with a comb in flash.
 *
 * curve25519 and edwards25519 are the same group: u = (1 + y)/(1 - y) (RFC 7748 4.1). So k times a known point is a
 * comb of additions on edwards25519 instead of 255 steps of the ladder, and both results share one inversion.
 * It gives what the ladder gives for points of the group of prime order, which the base point and honest keys are.
 *
 * Left out: the ladder, for keys that come without a table.
 */
import type { CombTable } from './comb-table.js';
import { startComb, stepComb, type Edwards, type Projective } from './edwards.js';
import { createElement } from './field.js';
import type { Scalar, Scalars } from './scalar.js';

/** X25519 with known points. */
export interface X25519 {
  /** u of a table's point, 32 bytes: the public key that it stands for. */
  publicKeyOf(table: CombTable): Uint8Array;
  /**
   * The secret's products with two known points.
   * @param secret 32 bytes, clamped here (RFC 7748 5) @param blind 32 random bytes, not all 0, that both
   *   multiplications start from
   * @returns u of each, 32 bytes
   */
  multiplyTwo(secret: Uint8Array, blind: Uint8Array, first: CombTable, second: CombTable): Uint8Array[];
}

/** X25519 over the given curve and scalars. */
export function createX25519(curve: Edwards, scalars: Scalars): X25519 {
  const field = curve.field;

  /** Z + Y and Z - Y of a point, flat, one after another: sums of six carried numbers. */
  function sums(point: Projective): Float64Array {
    const out = new Float64Array(24);
    for (let k = 0; k < 12; k++) {
      out[k] = point[24 + k] + point[12 + k];
      out[12 + k] = point[24 + k] - point[12 + k];
    }
    return out;
  }

  /** (Z + Y)/(Z - Y) of two points. */
  function montgomery(a: Float64Array, b: Float64Array): Uint8Array[] {
    const above = a.subarray(0, 12);
    const below = a.subarray(12, 24);
    const otherAbove = b.subarray(0, 12);
    const otherBelow = b.subarray(12, 24);
    const product = createElement();
    const inverse = createElement();
    field.carry(inverse, below);
    field.mulFlat(product, otherBelow, inverse);
    field.invert(inverse, product);
    field.mulFlat(product, otherBelow, inverse);
    field.mulFlat(product, above, product);
    const first = field.toBytes(product);
    field.mulFlat(product, below, inverse);
    field.mulFlat(product, otherAbove, product);
    return [first, field.toBytes(product)];
  }

  function multiply(table: CombTable, scalar: Scalar, blind: Uint8Array): Projective {
    const job = startComb(curve, { table, signedBits: scalars.signedBits(scalar, table.bits) }, blind);
    let point: Projective | null = null;
    while (!point) point = stepComb(curve, job);
    return point;
  }

  return {
    publicKeyOf(table) {
      const y = createElement();
      field.fromBytes(y, table.key);
      // X is not read.
      const point = new Float64Array(36);
      point.set(y.f, 12);
      point.set(field.one.f, 24);
      const same = sums(point);
      return montgomery(same, same)[0];
    },
    multiplyTwo(secret, blind, first, second) {
      const wide = new Uint8Array(64);
      wide.set(secret, 0);
      wide[0] &= 248;
      wide[31] = (wide[31] & 127) | 64;
      const scalar = scalars.reduce(wide);
      const results = montgomery(sums(multiply(first, scalar, blind)), sums(multiply(second, scalar, blind)));
      for (let i = 0; i < 8; i++) scalar[i] = 0;
      return results;
    },
  };
}
