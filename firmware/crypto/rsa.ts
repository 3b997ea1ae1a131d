/*
 * Multiplication modulo an RSA modulus (RFC 8017) by Montgomery, on the native dot product.
 *
 * A number is `count` limbs of `bits` bits from the least, doubles of either sign and at most half a limb's size. A
 * column of a product is one native call:
 *     flat[count - 1 - k] = limb k               count numbers
 *     wide[count - 1 + k] = limb k, else 0       3 count - 2 numbers
 * so that column k is dot(flat, wide, k). Carries round by adding and subtracting 1.5 * 2^52 limb sizes.
 *
 * Range: a column is at most count * 2^(2 bits - 2), to which a carry and a limb come: 86 limbs of 24 bits for 2,048
 * bits stay under 2^52.5, 187 of 22 bits for 4,096 under 2^49.6. The host's dot() asserts it for every call.
 *
 * R = 2^(bits count) is at least 2^16 times the modulus n. For |a|, |b| < n the product (a b + m n)/R is below
 * (1/2 + 2^-16) n in size, so nothing has to be subtracted in between. No branch and no index depends on a value.
 *
 * Left out: private keys. Moduli of other sizes than 2,048 and 4,096 bits with their highest bit set.
 */
import { powerOfTwo } from './limbs.js';
import type { Natives } from '../core/crypto-natives.js';

/** A number modulo n: limbs from the least. */
export type Residue = Float64Array;

/** A modulus, ready for products. */
export interface RsaModulus {
  /** Bytes of the modulus. */
  bytes: number;
  bits: number;
  count: number;
  /** n, -1/n modulo R: wide. */
  n: Float64Array;
  inverse: Float64Array;
  /** R^2 mod n. */
  square: Residue;
}

/** Products modulo n. */
export interface Rsa {
  /**
   * Prepares a modulus, big-endian; null where it is even, or has not the size above. Takes some 100 ms in Espruino's
   * Linux build: once for each key.
   */
  prepare(modulus: Uint8Array): RsaModulus | null;
  /** a b / R. */
  multiply(modulus: RsaModulus, a: Residue, b: Residue): Residue;
  /** a R: what multiply() then takes R away from. */
  toMontgomery(modulus: RsaModulus, a: Residue): Residue;
  /** a^65537 (RFC 8017 5.2.2). */
  power65537(modulus: RsaModulus, a: Residue): Residue;
  /**
   * A number of as many bytes as the modulus, big-endian; null if it is not below n. Public data: tells by a branch.
   */
  fromBytes(modulus: RsaModulus, bytes: Uint8Array): Residue | null;
  /** As fromBytes(), for a number that is known to be below n. */
  fromBytesBelow(modulus: RsaModulus, bytes: Uint8Array): Residue;
  /** The number from 0 to n - 1, as many bytes as the modulus, big-endian. */
  toBytes(modulus: RsaModulus, a: Residue): Uint8Array;
}

/** Products over the given native dot product. */
export function createRsa(natives: Natives): Rsa {
  const dot = natives.dot;
  let bits = 0;
  let count = 0;
  let size = 0;
  let part = 0;
  let rounding = 0;

  /** Sets the sizes for this modulus. */
  function use(modulus: { bits: number; count: number }): void {
    if (modulus.bits === bits && modulus.count === count) return;
    bits = modulus.bits;
    count = modulus.count;
    size = 1;
    for (let i = 0; i < bits; i++) size *= 2;
    part = 1 / size;
    rounding = 6755399441055744 * size;
  }

  function flatOf(a: Residue): Float64Array {
    const flat = new Float64Array(count);
    flat.set(a, 0);
    flat.reverse();
    return flat;
  }

  function wideOf(a: Residue): Float64Array {
    const wide = new Float64Array(3 * count - 2);
    wide.set(a, count - 1);
    return wide;
  }

  /** Columns 0 to n - 1 of a product, carried; what is carried out of the last is lost. */
  function columns(flat: Float64Array, wide: Float64Array, n: number): Float64Array {
    const out = new Float64Array(n);
    const c = dot;
    const w = part;
    const M = rounding;
    let r = 0;
    let s = 0;
    for (let k = 0; k < n; k++) out[k] = (s = r * w + c(flat, wide, k)) - (r = s + M - M);
    return out;
  }

  function multiply(modulus: RsaModulus, a: Residue, b: Residue): Residue {
    use(modulus);
    const n = count;
    const c = dot;
    const w = part;
    const M = rounding;
    const t = columns(flatOf(a), wideOf(b), 2 * n);
    const flat = flatOf(columns(flatOf(t.subarray(0, n)), modulus.inverse, n));
    const wide = modulus.n;
    // The lower half of the sum is a multiple of R: its three highest columns tell which.
    let r = 0;
    let s = 0;
    for (let k = n - 3; k < n; k++) r = (r + t[k] + c(flat, wide, k)) * w;
    r = Math.round(r) * size;
    const out = new Float64Array(n);
    for (let k = 0; k < n; k++) out[k] = (s = r * w + t[k + n] + c(flat, wide, k + n)) - (r = s + M - M);
    return out;
  }

  /** Carries limbs of any exact size; what goes over the last is returned. */
  function carry(a: Residue): number {
    let over = 0;
    for (let k = 0; k < count; k++) {
      const value = a[k] + over;
      const rounded = value + rounding - rounding;
      a[k] = value - rounded;
      over = rounded * part;
    }
    return over;
  }

  function fromBytesBelow(modulus: RsaModulus, bytes: Uint8Array): Residue {
    use(modulus);
    const out = new Float64Array(count);
    let limb = 0;
    let value = 0;
    let unit = 1;
    for (let i = bytes.length - 1; i >= 0; i--) {
      value += bytes[i] * unit;
      unit *= 256;
      if (unit >= size) {
        const over = Math.floor(value * part);
        out[limb++] = value - over * size;
        value = over;
        unit *= part;
      }
    }
    if (limb < count) out[limb] = value;
    carry(out);
    return out;
  }

  function fromBytes(modulus: RsaModulus, bytes: Uint8Array): Residue | null {
    if (bytes.length !== modulus.bytes) return null;
    const value = fromBytesBelow(modulus, bytes);
    const rest = new Float64Array(count);
    for (let k = 0; k < count; k++) rest[k] = value[k] - modulus.n[count - 1 + k];
    carry(rest);
    return isNegative(rest) ? value : null;
  }

  /** The sign of a carried number is that of its highest limb that is not 0. Public data. */
  function isNegative(a: Residue): boolean {
    let k = count - 1;
    while (k > 0 && a[k] === 0) k--;
    return a[k] < 0;
  }

  function toBytes(modulus: RsaModulus, a: Residue): Uint8Array {
    use(modulus);
    // 1. All limbs but the last from 0 up: the last one has the sign. If it is -, n is added.
    const whole = new Float64Array(count);
    let over = 0;
    for (let k = 0; k < count; k++) {
      const value = a[k] + over;
      over = Math.floor(value * part);
      whole[k] = value - over * size;
    }
    const negative = -over;
    over = 0;
    const out = new Uint8Array(modulus.bytes);
    let at = modulus.bytes - 1;
    let value = 0;
    let unit = 1;
    for (let k = 0; k < count; k++) {
      const limb = whole[k] + negative * modulus.n[count - 1 + k] + over;
      over = Math.floor(limb * part);
      // 2. Bytes.
      value += (limb - over * size) * unit;
      unit *= size;
      while (unit >= 256 && at >= 0) {
        const rest = Math.floor(value / 256);
        out[at--] = value - rest * 256;
        value = rest;
        unit /= 256;
      }
    }
    return out;
  }

  /** -1/n mod R, by lifting from 2 bits on: x <- x (2 + n x). */
  function negativeInverse(n: Float64Array): Residue {
    let x: Float64Array = new Float64Array(count);
    x[0] = -n[count - 1];
    // n^2 = 1 mod 8: -n is right for 3 bits, and each step doubles them.
    for (let right = 3; right < bits * count; right *= 2) {
      const factor = columns(flatOf(x), n, count);
      factor[0] += 2;
      carry(factor);
      x = columns(flatOf(x), wideOf(factor), count);
    }
    return x;
  }

  /** 2 a mod n, within (-n, n) as a was. */
  function double(modulus: RsaModulus, a: Residue): void {
    const top = count - 1;
    // n's two highest limbs are at least half of it: one of -n, 0, n brings the double back.
    const high = 2 * (a[top] * size + a[top - 1]);
    const limit = (modulus.n[top + top] * size + modulus.n[top + top - 1]) / 2;
    const times = high > limit ? 1 : high < -limit ? -1 : 0;
    for (let k = 0; k < count; k++) a[k] = 2 * a[k] - times * modulus.n[top + k];
    carry(a);
  }

  function prepare(bytes: Uint8Array): RsaModulus | null {
    if ((bytes.length !== 256 && bytes.length !== 512) || bytes[0] < 128 || !(bytes[bytes.length - 1] & 1)) return null;
    const sizes = bytes.length === 256 ? { bits: 24, count: 86 } : { bits: 22, count: 187 };
    const modulus: RsaModulus = {
      bytes: bytes.length,
      bits: sizes.bits,
      count: sizes.count,
      n: bytes as any,
      inverse: bytes as any,
      square: bytes as any,
    };
    const n = fromBytesBelow(modulus, bytes);
    modulus.n = wideOf(n);
    modulus.inverse = wideOf(negativeInverse(modulus.n));
    // R^2: R 2^k by doubling a power of two below n, then squares of it double k.
    const total = bits * count;
    const odd = total % 16;
    const begin = 8 * bytes.length - 2;
    const x = new Float64Array(count);
    x[count - 1] = powerOfTwo(begin - bits * (count - 1));
    for (let i = begin; i < total + (total >> 4); i++) double(modulus, x);
    let square: Residue = x;
    for (let i = 0; i < 4; i++) square = multiply(modulus, square, square);
    for (let i = 0; i < odd; i++) double(modulus, square);
    modulus.square = square;
    return modulus;
  }

  function toMontgomery(modulus: RsaModulus, a: Residue): Residue {
    return multiply(modulus, a, modulus.square);
  }

  function power65537(modulus: RsaModulus, a: Residue): Residue {
    let power = toMontgomery(modulus, a);
    for (let i = 0; i < 16; i++) power = multiply(modulus, power, power);
    return multiply(modulus, power, a);
  }

  return { prepare, multiply, toMontgomery, power65537, fromBytes, fromBytesBelow, toBytes };
}
