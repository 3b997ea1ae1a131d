/*
 * Arithmetic modulo L, the order of the base point (RFC 8032 5.1), for S = k + H(R|A|M) s.
 *
 * A scalar is 8 limbs of 32 bits, doubles. Multiplying a hash of 64 bytes by a fixed scalar s and
 * reducing is 8 native dot products: limb i of the sum is the dot product of the hash's bytes with
 * limb i of s * 256^j mod L, j = 0..63, a table made once for each key. Such a sum is under 2^46 a
 * limb; 2^252 = -DELTA mod L then brings it below 2^252.
 *
 * No branch and no index depends on a secret.
 */
import type { Natives } from './natives.js';

/** 8 limbs of 32 bits, least first. */
export type Scalar = Float64Array;

/** For each of 8 limbs, here from -2^31 to 2^31: that limb of s * 256^j mod L for j = 0..63. */
export type ScalarColumns = Int32Array[];

/** L - 2^252, 4 limbs. */
const DELTA = [0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de];
/** L, little-endian bytes from the lowest; bytes 16 to 30 are 0. */
const L_BYTES = [
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
];
const LIMB = 4294967296;
/** 2^252 in units of limb 7. */
const TOP = 268435456;

/** Scalar operations over the given natives. */
export interface Scalars {
  /** The columns of s for mulHash(); s is below L. */
  columns(s: Scalar): ScalarColumns;
  /** hash * s mod L, where columns = columns(s); hash is 64 bytes little-endian. */
  mulHash(hash: Uint8Array, columns: ScalarColumns): Scalar;
  /** k + hash * s mod L. */
  mulHashAdd(hash: Uint8Array, columns: ScalarColumns, k: Scalar): Scalar;
  /** A number of 64 bytes, little-endian, mod L. */
  reduce(hash: Uint8Array): Scalar;
  /** L - s, for s below L. */
  negate(s: Scalar): Scalar;
  /** L itself, 32 bytes, little-endian. */
  order(): Uint8Array;
  /** 32 bytes, little-endian. */
  toBytes(s: Scalar): Uint8Array;
  /** 32 bytes, little-endian, as they are: at most 2^256 - 1, not reduced. */
  fromBytes(bytes: Uint8Array): Scalar;
  /**
   * Bits b of a number k' with 2 k' - (2^bits - 1) = s mod L: s is the sum of +-2^i, plus where b[i]
   * is 1, for i < bits (at least 255). `bits` bytes of 0 or 1.
   */
  signedBits(s: Scalar, bits: number): Uint8Array;
}

/** Is S of a signature (bytes from offset on) below L? Public data. */
export function isBelowOrder(bytes: Uint8Array, offset: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const limit = i === 31 ? 16 : i < 16 ? L_BYTES[i] : 0;
    const byte = bytes[offset + i];
    if (byte !== limit) return byte < limit;
  }
  return false;
}

/** Scalar operations over the given natives. */
export function createScalars(natives: Natives): Scalars {
  const dot = natives.dot;
  const low = new Float64Array(8);

  /** Carries `low` (limbs of either sign, under 2^52) into limbs of 32 bits; returns what leaves the top. */
  function carry(): number {
    let over = 0;
    for (let i = 0; i < 8; i++) {
      const value = low[i] + over;
      over = Math.floor(value / LIMB);
      low[i] = value - over * LIMB;
    }
    return over;
  }

  /** `low` mod L, for a number from 0 to 2^270 in limbs of either sign up to 2^50. */
  function reduceLow(): Scalar {
    // 1. low = high 2^252 + rest, so it is rest - high DELTA mod L.
    const over = carry();
    const top = low[7] + over * LIMB;
    const high = Math.floor(top / TOP);
    low[7] = top - high * TOP;
    for (let i = 0; i < 4; i++) low[i] -= high * DELTA[i];
    // 2. That is above -L and below 2^252: add L if it is negative, by arithmetic, not by a branch.
    const negative = -carry();
    for (let i = 0; i < 4; i++) low[i] += negative * DELTA[i];
    low[7] += negative * TOP;
    carry();
    const out = new Float64Array(8);
    out.set(low);
    return out;
  }

  function columns(s: Scalar): ScalarColumns {
    const result: ScalarColumns = [];
    for (let i = 0; i < 8; i++) result.push(new Int32Array(64));
    let power = s;
    for (let j = 0; j < 64; j++) {
      let over = 0;
      for (let i = 0; i < 8; i++) {
        // Signed, because E.convolve reads Uint32Array as if it were Int32Array (Espruino 2v29).
        const value = power[i] + over;
        over = Math.floor(value / LIMB + 0.5);
        result[i][j] = value - over * LIMB;
        low[i] = power[i] * 256;
      }
      power = reduceLow();
    }
    return result;
  }

  const one = new Float64Array(8);
  one[0] = 1;
  const plain = columns(one);

  function mulHash(hash: Uint8Array, by: ScalarColumns): Scalar {
    for (let i = 0; i < 8; i++) low[i] = dot(hash, by[i], 0);
    return reduceLow();
  }

  function mulHashAdd(hash: Uint8Array, by: ScalarColumns, k: Scalar): Scalar {
    for (let i = 0; i < 8; i++) low[i] = dot(hash, by[i], 0) + k[i];
    return reduceLow();
  }

  function reduce(hash: Uint8Array): Scalar {
    return mulHash(hash, plain);
  }

  function negate(s: Scalar): Scalar {
    for (let i = 0; i < 8; i++) low[i] = (i < 4 ? DELTA[i] : i === 7 ? TOP : 0) - s[i];
    return reduceLow();
  }

  function order(): Uint8Array {
    const bytes = new Uint8Array(32);
    bytes.set(L_BYTES);
    bytes[31] = 16;
    return bytes;
  }

  function toBytes(s: Scalar): Uint8Array {
    const words = new Uint32Array(8);
    for (let i = 0; i < 8; i++) words[i] = s[i];
    return new Uint8Array(words.buffer);
  }

  function fromBytes(bytes: Uint8Array): Scalar {
    const out = new Float64Array(8);
    for (let i = 31; i >= 0; i--) out[i >> 2] = out[i >> 2] * 256 + bytes[i];
    return out;
  }

  function signedBits(s: Scalar, bits: number): Uint8Array {
    // 1. s + 2^bits - 1 mod L, and L more if that is odd: an even number under 2^254.
    const power = new Uint8Array(64);
    power[bits >> 3] = 1 << (bits & 7);
    low.set(reduce(power));
    for (let i = 0; i < 8; i++) low[i] += s[i];
    low[0] -= 1;
    carry();
    const odd = low[0] % 2;
    for (let i = 0; i < 4; i++) low[i] += odd * DELTA[i];
    low[7] += odd * TOP;
    carry();
    // 2. Half of it, bit by bit.
    const bytes = toBytes(low);
    const out = new Uint8Array(bits);
    let i = 0;
    let byte = bytes[0] >> 1;
    for (let j = 1; j <= 32; j++) {
      const end = j * 8 - 1;
      while (i < end) {
        out[i++] = byte & 1;
        byte >>= 1;
      }
      byte = j < 32 ? bytes[j] : 0;
    }
    return out;
  }

  return { columns, mulHash, mulHashAdd, reduce, negate, order, toBytes, fromBytes, signedBits };
}
