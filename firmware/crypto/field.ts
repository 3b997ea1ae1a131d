/*
 * Arithmetic modulo p = 2^255 - 19 (RFC 8032 5.1) on an interpreter that is slow, beside a
 * native dot product that is fast.
 *
 * A number is 12 limbs. Limb i is a multiple of 2^BIT[i], BIT[i] = ceil(21.25 i), as a double,
 * of either sign and at most half of 2^BIT[i + 1]. Because ceil(a) + ceil(b) >= ceil(a + b),
 * every product of limbs i and j is a whole multiple of the unit of column i + j, no shift is
 * ever needed, and 2^255 = 19 wraps column k + 12 into column k by the factor K = 19 * 2^-255.
 *
 * A product takes one operand "flat", limbs reversed, and one "wide":
 *     flat[11 - k] = limb k                                        12 numbers
 *     wide[12 + k] = limb k,  wide[k] = K * limb k                 24 numbers
 * so that column k, wrapped part and all, is the single native call dot(flat, wide, k + 1).
 * Carries round by adding and subtracting 1.5 * 2^52 units of the next limb.
 *
 * Range: a product's limbs are at most 2^21 units (limb 0: and 2^12 more), so a column of 12
 * terms with K in it stays under 2^50 units, and sums of two such limbs may still be multiplied
 * with each other. The host's dot() asserts it for every call; test/crypto/field.test.ts bounds
 * the worst case. No branch and no index depends on a value.
 */
import { pairsOf, type Natives, type Numbers } from './natives.js';

/** Position of each limb in bits; the 13th is where the number ends. */
export const BIT = [0, 22, 43, 64, 85, 107, 128, 149, 170, 192, 213, 234, 255];

/** A number modulo p in both shapes of operand. */
export interface Element {
  /** 12 limbs, reversed: the first operand of a product. */
  f: Float64Array;
  /** 24 numbers, wrapped part first: the second operand of a product. */
  w: Float64Array;
}

/** 2^n, exact (Espruino's Math.pow is not). */
export function powerOfTwo(n: number): number {
  let result = 1;
  for (let i = 0; i < n; i++) result *= 2;
  for (let i = 0; i > n; i--) result /= 2;
  return result;
}

/** 1.5 * 2^52 units of limb k + 1, times 2^scale: adding and subtracting it rounds limb k's carry. */
export function rounder(k: number, scale: number): number {
  return 1.5 * powerOfTwo(52 + BIT[k + 1] + scale);
}

/** A fresh zero. */
export function createElement(): Element {
  return { f: new Float64Array(12), w: new Float64Array(24) };
}

/** Field operations on one native dot product. */
export interface Field {
  /** o = a * b; o may be one of the operands' objects only if it is not read again. */
  mul(o: Element, a: Element, b: Element): void;
  /** o = a^(2^n), n > 0; o is not a. */
  squareTimes(o: Element, a: Element, n: number): void;
  /** o = 1/a, or 0 for 0. Not in constant time: a is public, or was multiplied by a random number. */
  invert(o: Element, a: Element): void;
  /** o = a^((p - 5)/8), the power that square roots need (RFC 8032 5.1.3). */
  power58(o: Element, a: Element): void;
  /** o = the number of 12 limbs given by limb(k), at most 2^27 units each; carries it. */
  fromLimbs(o: Element, limb: (k: number) => number): void;
  /** o = a + sign * b, not carried: the result may be multiplied, not added again. */
  combine(o: Element, a: Element, b: Element, sign: number): void;
  /** o = 32 bytes little-endian, top bit ignored. */
  fromBytes(o: Element, bytes: Uint8Array): void;
  /** The canonical 32 bytes of a, little-endian. */
  toBytes(a: Element): Uint8Array;
}

const K = 19 * powerOfTwo(-255);
/** Entries of Euclid's matrices: two products with limbs of 22 bits and their sum stay under 2^53. */
const EUCLID_MAX = 536870912;

/** Field operations over the given native dot product. */
export function createField(natives: Natives): Field {
  // A name is found by walking this list: the most used come first.
  const c = natives.dot;
  let r = 0;
  let s = 0;
  const M0 = rounder(0, 0);
  const M1 = rounder(1, 0);
  const M2 = rounder(2, 0);
  const M3 = rounder(3, 0);
  const M4 = rounder(4, 0);
  const M5 = rounder(5, 0);
  const M6 = rounder(6, 0);
  const M7 = rounder(7, 0);
  const M8 = rounder(8, 0);
  const M9 = rounder(9, 0);
  const MA = rounder(10, 0);
  const MB = rounder(11, 0);
  let x = 0;
  let y = 0;
  const pairs = pairsOf(natives);
  const wrapped = [K, 0, 0, K, 0, 0];
  const unit: number[] = [];
  for (let k = 0; k < 13; k++) unit.push(powerOfTwo(BIT[k]));
  const one = createElement();
  one.f[11] = one.w[12] = 1;
  /** Limbs on their way to be carried, reversed. */
  const loose = new Float64Array(12);
  const rounders = [M0, M1, M2, M3, M4, M5, M6, M7, M8, M9, MA];
  const byteUnit = new Float64Array(32);
  for (let i = 0; i < 32; i++) byteUnit[i] = powerOfTwo(8 * i);
  const temporary = [createElement(), createElement(), createElement(), createElement(), createElement()];

  /**
   * Column 11's carry is taken first: it wraps to column 0, and what is left at the end is small.
   * Copies and factors are native calls over all limbs: cheaper than to store each limb thrice.
   */
  function product(f: Float64Array, w: Float64Array, a: Numbers, aw: Numbers): void {
    x = c(a, aw, 12);
    s = K * (y = x + MB - MB);
    const out = [
      (s += c(a, aw, 1)) - (r = s + M0 - M0),
      (r += c(a, aw, 2)) - (s = r + M1 - M1),
      (s += c(a, aw, 3)) - (r = s + M2 - M2),
      (r += c(a, aw, 4)) - (s = r + M3 - M3),
      (s += c(a, aw, 5)) - (r = s + M4 - M4),
      (r += c(a, aw, 6)) - (s = r + M5 - M5),
      (s += c(a, aw, 7)) - (r = s + M6 - M6),
      (r += c(a, aw, 8)) - (s = r + M7 - M7),
      (s += c(a, aw, 9)) - (r = s + M8 - M8),
      (r += c(a, aw, 10)) - (s = r + M9 - M9),
      (s += c(a, aw, 11)) - (r = s + MA - MA),
      (x += r - y) - (s = x + MB - MB),
    ];
    out[0] += K * s;
    w.set(pairs(out, wrapped));
    w.set(out, 12);
    f.set(out);
    f.reverse();
  }

  function mul(o: Element, a: Element, b: Element): void {
    product(o.f, o.w, a.f, b.w);
  }

  /** Two buffers in turn, because a product must not overwrite its operands. */
  const pingF = new Float64Array(12);
  const pingW = new Float64Array(24);
  function squareTimes(o: Element, a: Element, n: number): void {
    const f = o.f;
    const w = o.w;
    if (n & 1) product(f, w, a.f, a.w);
    else {
      product(pingF, pingW, a.f, a.w);
      product(f, w, pingF, pingW);
      n--;
    }
    while (n > 1) {
      product(pingF, pingW, f, w);
      product(f, w, pingF, pingW);
      n -= 2;
    }
  }

  /** x = a^(2^250 - 1), y = a^11: the common part of both powers (254 squarings in all). */
  function power250(x: Element, y: Element, a: Element): void {
    const u = temporary[0];
    const q = temporary[1];
    const x40 = temporary[4];
    squareTimes(u, a, 1); // 2
    squareTimes(q, u, 2); // 8
    mul(x, q, a); // 9
    mul(y, x, u); // 11
    squareTimes(u, y, 1); // 22
    mul(q, u, x); // 2^5 - 1
    squareTimes(u, q, 5);
    mul(x, u, q); // 2^10 - 1
    squareTimes(u, x, 10);
    mul(q, u, x); // 2^20 - 1
    squareTimes(u, q, 20);
    mul(x40, u, q); // 2^40 - 1
    squareTimes(u, x40, 10);
    mul(q, u, x); // 2^50 - 1
    squareTimes(u, q, 50);
    mul(x, u, q); // 2^100 - 1
    squareTimes(u, x, 100);
    mul(x40, u, x); // 2^200 - 1
    squareTimes(u, x40, 50);
    mul(x, u, q); // 2^250 - 1
  }

  /** a^(p - 2). */
  function invertByPower(o: Element, a: Element): void {
    power250(temporary[3], temporary[2], a);
    squareTimes(temporary[0], temporary[3], 5);
    mul(o, temporary[0], temporary[2]); // 2^255 - 21 = p - 2
  }

  // Euclid's remainders and their cofactors, low limb first, in two sets that take turns.
  let ra = new Float64Array(12);
  let rb = new Float64Array(12);
  let ca = new Float64Array(12);
  let cb = new Float64Array(12);
  let na = new Float64Array(12);
  let nb = new Float64Array(12);

  /** A number as one double, rounded; 0 only for 0. */
  function approximate(a: Float64Array): number {
    return a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7] + a[8] + a[9] + a[10] + a[11];
  }

  /** (na, nb) = (m00 a + m01 b, m10 a + m11 b), carried; the numbers stay below 2^255. */
  function apply(m00: number, m01: number, m10: number, m11: number, a: Float64Array, b: Float64Array): void {
    let carryA = 0;
    let carryB = 0;
    for (let k = 0; k < 11; k++) {
      const x = a[k];
      const y = b[k];
      const round = rounders[k];
      r = m00 * x + m01 * y + carryA;
      na[k] = r - (carryA = r + round - round);
      s = m10 * x + m11 * y + carryB;
      nb[k] = s - (carryB = s + round - round);
    }
    na[11] = m00 * a[11] + m01 * b[11] + carryA;
    nb[11] = m10 * a[11] + m11 * b[11] + carryB;
  }

  /**
   * Euclid's algorithm after Lehmer: quotients from doubles of the two numbers, some 30 bits of them
   * at a time, then one product by their 2 x 2 matrix. An approximate quotient is no error: every
   * step is undone by another whole-number step, so that the common divisor stays 1.
   * A first quotient that does not fit the matrix, rare in random numbers, leaves it to Fermat.
   * Its time depends on the number; callers hand over what is public or multiplied by a random one.
   */
  function invert(o: Element, a: Element): void {
    for (let k = 0; k < 12; k++) {
      ra[k] = ca[k] = cb[k] = 0;
      rb[k] = a.f[11 - k];
    }
    ra[0] = -19;
    ra[11] = unit[12];
    cb[0] = 1;
    let big = approximate(ra);
    let small = approximate(rb);
    while (small !== 0) {
      let m00 = 1;
      let m01 = 0;
      let m10 = 0;
      let m11 = 1;
      while (small !== 0) {
        const quotient = Math.floor(big / small + 0.5);
        const next0 = m00 - quotient * m10;
        const next1 = m01 - quotient * m11;
        if (next0 > EUCLID_MAX || next0 < -EUCLID_MAX || next1 > EUCLID_MAX || next1 < -EUCLID_MAX) break;
        const rest = big - quotient * small;
        big = small;
        small = rest;
        m00 = m10;
        m01 = m11;
        m10 = next0;
        m11 = next1;
      }
      if (m01 === 0) {
        invertByPower(o, a);
        return;
      }
      apply(m00, m01, m10, m11, ra, rb);
      let swap = ra;
      ra = na;
      na = swap;
      swap = rb;
      rb = nb;
      nb = swap;
      apply(m00, m01, m10, m11, ca, cb);
      swap = ca;
      ca = na;
      na = swap;
      swap = cb;
      cb = nb;
      nb = swap;
      big = approximate(ra);
      small = approximate(rb);
    }
    // big is 1 or -1 now (or p, for a = 0: then its cofactor is 0).
    for (let k = 0; k < 12; k++) loose[11 - k] = big < 0 ? -ca[k] : ca[k];
    product(o.f, o.w, loose, one.w);
  }

  function power58(o: Element, a: Element): void {
    power250(temporary[3], o, a);
    squareTimes(temporary[0], temporary[3], 2);
    mul(o, temporary[0], a); // 2^252 - 3 = (p - 5)/8
  }

  function fromLimbs(o: Element, limb: (k: number) => number): void {
    for (let k = 0; k < 12; k++) loose[11 - k] = limb(k);
    product(o.f, o.w, loose, one.w);
  }

  function combine(o: Element, a: Element, b: Element, sign: number): void {
    for (let k = 0; k < 12; k++) {
      const limb = (o.f[11 - k] = a.f[11 - k] + sign * b.f[11 - k]);
      o.w[12 + k] = limb;
      o.w[k] = K * limb;
    }
  }

  /** Each byte goes whole into the limb in which it begins; carrying does the rest. */
  function fromBytes(o: Element, bytes: Uint8Array): void {
    let i = 0;
    for (let k = 0; k < 12; k++) {
      let limb = 0;
      while (i < 31 && 8 * i < BIT[k + 1]) limb += bytes[i] * byteUnit[i++];
      if (k === 11) limb += (bytes[31] & 127) * byteUnit[31];
      loose[11 - k] = limb;
    }
    product(o.f, o.w, loose, one.w);
  }

  const whole = new Float64Array(12);
  function toBytes(a: Element): Uint8Array {
    // 1. a + p, limbs counted in their own units, each from 0 up to the next limb's unit.
    let carry = -19;
    for (let k = 0; k < 12; k++) {
      const size = unit[k + 1] / unit[k];
      const value = a.f[11 - k] / unit[k] + carry + (k === 11 ? size : 0);
      carry = Math.floor(value / size);
      whole[k] = value - carry * size;
    }
    whole[0] += 19 * carry;
    // 2. Is it p or more? Then 19 more carry out of the top.
    let over = 19;
    for (let k = 0; k < 12; k++) over = Math.floor((whole[k] + over) / (unit[k + 1] / unit[k]));
    // 3. Bytes; what leaves the top is the multiple of 2^255 that step 2 counted.
    const out = new Uint8Array(32);
    let sum = 19 * over;
    let from = 0;
    let k = 0;
    for (let i = 0; i < 32; i++) {
      while (k < 12 && BIT[k] < 8 * i + 8) {
        sum += whole[k] * powerOfTwo(BIT[k] - from);
        k++;
      }
      const high = Math.floor(sum / 256);
      out[i] = sum - high * 256;
      sum = high;
      from += 8;
    }
    out[31] &= 127;
    return out;
  }

  return { mul, squareTimes, invert, power58, fromLimbs, combine, fromBytes, toBytes };
}
