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
import type { Edwards, Projective } from './edwards.js';
import { createElement } from './field.js';
import type { Scalar, Scalars } from './scalar.js';

/** X25519 with known points. */
export interface X25519 {
  /** u of a table's point, 32 bytes: the public key that it stands for. */
  publicKeyOf(table: CombTable): Uint8Array;
  /**
   * The secret's products with two known points.
   * @param secret 32 bytes, clamped here (RFC 7748 5) @param blind 32 random bytes, not all 0, that both multiplications start from
   * @returns u of each, 32 bytes
   */
  multiplyTwo(secret: Uint8Array, blind: Uint8Array, first: CombTable, second: CombTable): Uint8Array[];
}

/** X25519 over the given curve and scalars. */
export function createX25519(curve: Edwards, scalars: Scalars): X25519 {
  const field = curve.field;

  /** (Z + Y)/(Z - Y) of two points. */
  function montgomery(a: Projective, b: Projective): Uint8Array[] {
    const above = createElement();
    const below = createElement();
    const otherAbove = createElement();
    const otherBelow = createElement();
    const y = createElement();
    const product = createElement();
    const inverse = createElement();
    const one = createElement();
    one.f[11] = one.w[12] = 1;
    y.f.set(a.y);
    field.combine(above, a.z, y, 1);
    field.combine(below, a.z, y, -1);
    y.f.set(b.y);
    field.combine(otherAbove, b.z, y, 1);
    field.combine(otherBelow, b.z, y, -1);
    // Carried before they are multiplied again and again.
    field.mul(product, below, otherBelow);
    field.invert(inverse, product);
    const out: Uint8Array[] = [];
    field.mul(product, above, otherBelow);
    field.mul(y, product, inverse);
    out.push(field.toBytes(y));
    field.mul(product, otherAbove, below);
    field.mul(y, product, inverse);
    out.push(field.toBytes(y));
    return out;
  }

  function multiply(table: CombTable, scalar: Scalar, blind: Uint8Array): Projective {
    const job = curve.startComb({ table, signedBits: scalars.signedBits(scalar, table.bits) }, blind);
    let point: Projective | null = null;
    while (!point) point = curve.stepComb(job);
    return point;
  }

  return {
    publicKeyOf(table) {
      const z = createElement();
      const y = createElement();
      z.f[11] = z.w[12] = 1;
      field.fromBytes(y, table.key);
      const point = { x: z.f, y: y.f, z };
      return montgomery(point, point)[0];
    },
    multiplyTwo(secret, blind, first, second) {
      const wide = new Uint8Array(64);
      wide.set(secret, 0);
      wide[0] &= 248;
      wide[31] = (wide[31] & 127) | 64;
      const scalar = scalars.reduce(wide);
      const results = montgomery(multiply(first, scalar, blind), multiply(second, scalar, blind));
      for (let i = 0; i < 8; i++) scalar[i] = 0;
      return results;
    },
  };
}
