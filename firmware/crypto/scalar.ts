/*
 * Arithmetic modulo L, the order of the base point (RFC 8032 5.1), for S = k + H(R|A|M) s.
 *
 * A scalar is 8 limbs of 32 bits, doubles. Multiplying a hash of 64 bytes by a fixed scalar s and
 * reducing is 8 native dot products: limb i of the sum is the dot product of the hash's 16-bit words with
 * limb i of s * 2^16j mod L, j = 0..31, a table made once for each key. Such a sum is under 2^52 a
 * limb; 2^252 = -DELTA mod L then brings it below 2^252.
 *
 * No branch and no index depends on a secret.
 */
import { unpackOf, type Natives } from '../core/crypto-natives.js';

/** 8 limbs of 32 bits, least first. */
export type Scalar = Float64Array;

/** For each of 8 limbs, here from -2^31 to 2^31: that limb of s * 2^16j mod L for j = 0..31. */
export type ScalarColumns = Int32Array[];

/** L - 2^252, 4 limbs. */
const DELTA0 = 0x5cf5d3ed;
const DELTA1 = 0x5812631a;
const DELTA2 = 0xa2f79cd6;
const DELTA3 = 0x14def9de;
/** L, little-endian bytes from the lowest; bytes 16 to 30 are 0. */
const L_BYTES = new Uint8Array([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
]);
const LIMB = 4294967296;
/** 2^252 in units of limb 7. */
const TOP = 268435456;

/** Scalar operations over the given natives. */
export interface Scalars {
  /** The columns of s for mulHash(); s is below L. */
  columns(s: Scalar): ScalarColumns;
  /** hash * s mod L, where columns = columns(s); hash is 64 bytes little-endian, at an even offset of its buffer. */
  mulHash(hash: Uint8Array, columns: ScalarColumns): Scalar;
  /** k + hash * s mod L. */
  mulHashAdd(hash: Uint8Array, columns: ScalarColumns, k: Scalar): Scalar;
  /** k + hash * s mod L without columns: half as fast, for keys that sign once in a while. */
  mulAdd(hash: Uint8Array, s: Scalar, k: Scalar): Scalar;
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
  const floor = Math.floor;
  const low = new Float64Array(8);
  const orderLimbs = [DELTA0, DELTA1, DELTA2, DELTA3, 0, 0, 0, TOP];
  const unpack = unpackOf(natives);

  /** `low` mod L, for a number from 0 to 2^275 in limbs of either sign up to 2^52; unrolled for speed. */
  function reduceLow(): Scalar {
    // 1. Carry; low = high 2^252 + rest, so it is rest - high DELTA mod L.
    let v = low[0];
    let over = floor(v / LIMB);
    const l0 = v - over * LIMB;
    v = low[1] + over;
    over = floor(v / LIMB);
    const l1 = v - over * LIMB;
    v = low[2] + over;
    over = floor(v / LIMB);
    const l2 = v - over * LIMB;
    v = low[3] + over;
    over = floor(v / LIMB);
    const l3 = v - over * LIMB;
    v = low[4] + over;
    over = floor(v / LIMB);
    const l4 = v - over * LIMB;
    v = low[5] + over;
    over = floor(v / LIMB);
    const l5 = v - over * LIMB;
    v = low[6] + over;
    over = floor(v / LIMB);
    const l6 = v - over * LIMB;
    v = low[7] + over;
    const high = floor(v / TOP);
    const l7 = v - high * TOP;
    v = l0 - high * DELTA0;
    over = floor(v / LIMB);
    const m0 = v - over * LIMB;
    v = l1 - high * DELTA1 + over;
    over = floor(v / LIMB);
    const m1 = v - over * LIMB;
    v = l2 - high * DELTA2 + over;
    over = floor(v / LIMB);
    const m2 = v - over * LIMB;
    v = l3 - high * DELTA3 + over;
    over = floor(v / LIMB);
    const m3 = v - over * LIMB;
    v = l4 + over;
    over = floor(v / LIMB);
    const m4 = v - over * LIMB;
    v = l5 + over;
    over = floor(v / LIMB);
    const m5 = v - over * LIMB;
    v = l6 + over;
    over = floor(v / LIMB);
    const m6 = v - over * LIMB;
    // 2. That is above -L and below 2^252: add L if it is negative, by arithmetic, not by a branch.
    const m7 = l7 + over;
    const negative = -floor(m7 / TOP);
    const out = new Float64Array(8);
    v = m0 + negative * DELTA0;
    over = floor(v / LIMB);
    out[0] = v - over * LIMB;
    v = m1 + negative * DELTA1 + over;
    over = floor(v / LIMB);
    out[1] = v - over * LIMB;
    v = m2 + negative * DELTA2 + over;
    over = floor(v / LIMB);
    out[2] = v - over * LIMB;
    v = m3 + negative * DELTA3 + over;
    over = floor(v / LIMB);
    out[3] = v - over * LIMB;
    v = m4 + over;
    over = floor(v / LIMB);
    out[4] = v - over * LIMB;
    v = m5 + over;
    over = floor(v / LIMB);
    out[5] = v - over * LIMB;
    v = m6 + over;
    over = floor(v / LIMB);
    out[6] = v - over * LIMB;
    out[7] = m7 + negative * TOP + over;
    return out;
  }

  function columns(s: Scalar): ScalarColumns {
    const result: ScalarColumns = [];
    // One array for all: each of its own takes seven variables more.
    const all = new Int32Array(256);
    for (let i = 0; i < 8; i++) result.push(all.subarray(32 * i, 32 * i + 32));
    let power = s;
    for (let j = 0; j < 32; j++) {
      let over = 0;
      for (let i = 0; i < 8; i++) {
        // Signed, because E.convolve reads Uint32Array as if it were Int32Array (Espruino 2v29).
        const value = power[i] + over;
        over = Math.floor(value / LIMB + 0.5);
        result[i][j] = value - over * LIMB;
        low[i] = power[i] * 65536;
      }
      power = reduceLow();
    }
    return result;
  }

  const one = new Float64Array(8);
  one[0] = 1;
  const plain = columns(one);

  function mulHash(hash: Uint8Array, by: ScalarColumns): Scalar {
    const words = new Uint16Array(hash.buffer, hash.byteOffset, 32);
    for (let i = 0; i < 8; i++) low[i] = dot(words, by[i], 0);
    return reduceLow();
  }

  function mulHashAdd(hash: Uint8Array, by: ScalarColumns, k: Scalar): Scalar {
    const words = new Uint16Array(hash.buffer, hash.byteOffset, 32);
    for (let i = 0; i < 8; i++) low[i] = dot(words, by[i], 0) + k[i];
    return reduceLow();
  }

  function mulAdd(hash: Uint8Array, s: Scalar, k: Scalar): Scalar {
    // Both factors in 16 words of 16 bits; a column of their product is under 2^36.
    const flat = new Uint16Array(toBytes(mulHash(hash, plain)).buffer).reverse();
    const wide = new Uint16Array(46);
    wide.set(new Uint16Array(toBytes(s).buffer), 15);
    const product = new Uint16Array(32);
    let over = 0;
    for (let column = 0; column < 31; column++) {
      const value = dot(flat, wide, column) + over;
      over = floor(value / 65536);
      product[column] = value - over * 65536;
    }
    product[31] = over;
    for (let i = 0; i < 8; i++) low[i] = dot(product, plain[i], 0) + k[i];
    return reduceLow();
  }

  function reduce(hash: Uint8Array): Scalar {
    return mulHash(hash, plain);
  }

  function negate(s: Scalar): Scalar {
    low[0] = DELTA0;
    low[1] = DELTA1;
    low[2] = DELTA2;
    low[3] = DELTA3;
    low[4] = low[5] = low[6] = 0;
    low[7] = TOP;
    for (let i = 0; i < 8; i++) low[i] -= s[i];
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
    // Not by `set`, which in Espruino makes 2^31 of all above it.
    for (let i = 0; i < 8; i++) words[i] = s[i];
    return new Uint8Array(words.buffer);
  }

  function fromBytes(bytes: Uint8Array): Scalar {
    const out = new Float64Array(8);
    for (let i = 31; i >= 0; i--) out[i >> 2] = out[i >> 2] * 256 + bytes[i];
    return out;
  }

  /** 2^bits - 1 mod L for each number of bits that was asked for. */
  const offsets: { [bits: number]: Scalar } = {};
  function offsetOf(bits: number): Scalar {
    if (!offsets[bits]) {
      const power = new Uint8Array(64);
      power[bits >> 3] = 1 << (bits & 7);
      low.set(reduce(power));
      low[0] -= 1;
      offsets[bits] = reduceLow();
    }
    return offsets[bits];
  }

  function signedBits(s: Scalar, bits: number): Uint8Array {
    // 1. s + 2^bits - 1 mod L, and L more if that is odd: an even number under 2^254.
    const offset = offsetOf(bits);
    const odd = (s[0] + offset[0]) % 2;
    let over = 0;
    for (let i = 0; i < 8; i++) {
      const value = s[i] + offset[i] + odd * orderLimbs[i] + over;
      over = floor(value / LIMB);
      low[i] = value - over * LIMB;
    }
    // 2. Half of it, bit by bit.
    const out = new Uint8Array(bits + 1);
    unpack(toBytes(low), out);
    return out.subarray(1);
  }

  return { columns, mulHash, mulHashAdd, mulAdd, reduce, negate, order, toBytes, fromBytes, signedBits };
}
