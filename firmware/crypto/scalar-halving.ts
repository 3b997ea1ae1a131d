/*
 * Two numbers of half the size in place of one scalar, for verification without a table.
 *
 * Antipa, Brown, Gallant, Lambert, Struik, Vanstone, "Accelerated Verification of ECDSA Signatures"
 * (2005), as Pornin, "Optimized Lattice Basis Reduction In Dimension 2, and Fast Schnorr and EdDSA
 * Signature Verification" (2020) puts it for cofactors: with u = v h modulo 8 L (not L), and v odd,
 *     v (S B - h A - R) = (v S) B - u A - v R
 * is the neutral point exactly when S B - h A - R is, whatever part of small order A and R have: u A = v h A
 * because every point's order divides 8 L, and v has no divisor in common with 8 L. So this is the same
 * rule, cofactorless, with 128 doublings in place of 253.
 */
import { limbsToBytes, type Euclid } from './euclid.js';
import { BIT, powerOfTwo } from './limbs.js';
import type { Natives } from '../core/crypto-natives.js';
import type { Scalar, Scalars } from './scalar.js';

/** u and v as absolute values and signs. */
export interface HalfSize {
  /** 32 bytes, little-endian. */
  u: Uint8Array;
  uNegative: boolean;
  /** 32 bytes, little-endian; odd. */
  v: Uint8Array;
  vNegative: boolean;
}

/** Halving over the given natives. */
export interface Halver {
  /** Small u and odd v with u = v h mod 8 L; at worst u = h and v = 1. h is below L, and public. */
  halve(h: Scalar): HalfSize;
  /** v S mod L, for half.v below 2^144 and S of 32 bytes. */
  timesV(half: HalfSize, S: Uint8Array, offset: number): Scalar;
}

/** 8 L - 2^255, 32-bit limbs. */
const EIGHT_DELTA = [0xe7ae9f68, 0xc09318d2, 0x17bce6b2, 0xa6f7cef5];

/** A number as one double, rounded. */
function approximate(limbs: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < 12; k++) sum += limbs[k];
  return sum;
}

/** Halving over the given natives. */
export function createHalver(natives: Natives, scalars: Scalars, euclid: Euclid): Halver {
  /** Half of the size of 8 L, 2^127.5, and what u and v may be at most to be of use. */
  const middle = 1.414 * powerOfTwo(127);
  const limit = powerOfTwo(143);

  /** Adds 32-bit limbs to limbs of a number of 255 bits, each to the limb in which it begins. */
  function spread(to: Float64Array, limbs: ArrayLike<number>, count: number): void {
    let k = 0;
    for (let i = 0; i < count; i++) {
      while (BIT[k + 1] <= 32 * i) k++;
      to[k] += limbs[i] * powerOfTwo(32 * i);
    }
  }

  function halve(h: Scalar): HalfSize {
    const a = new Float64Array(12);
    const b = new Float64Array(12);
    spread(a, EIGHT_DELTA, 4);
    a[11] += powerOfTwo(255);
    spread(b, h, 8);
    euclid.carry(a);
    euclid.carry(b);
    for (let k = 0; k < 12; k++) {
      euclid.numbers[2 * k] = a[k];
      euclid.numbers[2 * k + 1] = b[k];
    }
    if (euclid.run(middle)) {
      // The smaller number, or the other where its v is even.
      const which = euclid.cofactors[1] % 2 !== 0 ? 1 : 0;
      for (let k = 0; k < 12; k++) {
        a[k] = euclid.numbers[2 * k + which];
        b[k] = euclid.cofactors[2 * k + which];
      }
      const uSize = approximate(a);
      const vSize = approximate(b);
      if (uSize < limit && uSize > -limit && vSize < limit && vSize > -limit) {
        return {
          u: absolute(a, uSize),
          uNegative: uSize < 0,
          v: absolute(b, vSize),
          vNegative: vSize < 0,
        };
      }
    }
    const v = new Uint8Array(32);
    v[0] = 1;
    return { u: scalars.toBytes(h), uNegative: false, v, vNegative: false };
  }

  function absolute(limbs: Float64Array, size: number): Uint8Array {
    if (size < 0) for (let k = 0; k < 12; k++) limbs[k] = -limbs[k];
    return limbsToBytes(limbs, 0);
  }

  function timesV(half: HalfSize, S: Uint8Array, offset: number): Scalar {
    // Columns of 16-bit words: v's nine, reversed, along S's sixteen between zeros.
    const v = new Uint16Array(9);
    const along = new Uint16Array(40);
    for (let i = 0; i < 9; i++) v[8 - i] = half.v[2 * i] + half.v[2 * i + 1] * 256;
    for (let i = 0; i < 16; i++) along[8 + i] = S[offset + 2 * i] + S[offset + 2 * i + 1] * 256;
    const words = new Uint16Array(32);
    let over = 0;
    for (let k = 0; k < 32; k++) {
      const sum = over + (k < 25 ? natives.dot(v, along, k) : 0);
      over = Math.floor(sum / 65536);
      words[k] = sum - over * 65536;
    }
    const product = scalars.reduce(new Uint8Array(words.buffer));
    return half.vNegative ? scalars.negate(product) : product;
  }

  return { halve, timesV };
}
