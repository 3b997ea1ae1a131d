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
import { createEuclid, limbsToBytes, type Euclid } from './euclid.js';
import { BIT, powerOfTwo, rounder } from './limbs.js';
import { pairsOf, pickOf, reversed, type Natives, type Numbers } from '../core/crypto-natives.js';

/** A number modulo p in both shapes of operand. */
export interface Element {
  /** 12 limbs, reversed: the first operand of a product. */
  f: Float64Array;
  /** 24 numbers, wrapped part first: the second operand of a product. */
  w: Float64Array;
}

/** A fresh zero; in one array, because Espruino looks long for a free place for each. */
export function createElement(): Element {
  const room = new Float64Array(36);
  return { f: room.subarray(0, 12), w: room.subarray(12, 36) };
}

/** Field operations on one native dot product. */
export interface Field {
  /** 0 and 1, for everybody to read. */
  zero: Element;
  one: Element;
  /** What it inverts with; its next run spoils the results of the last. */
  euclid: Euclid;
  /** o = a * b; o may be one of the operands' objects only if it is not read again. */
  mul(o: Element, a: Element, b: Element): void;
  /** o = a * b, a a flat operand. */
  mulFlat(o: Element, a: Numbers, b: Element): void;
  /** o = a flat operand of at most 2^27 units each, carried. */
  carry(o: Element, a: Numbers): void;
  /** o = a^(2^n), n > 0; o is not a. */
  squareTimes(o: Element, a: Element, n: number): void;
  /**
   * o = 1/a, or 0 for 0; by Euclid, else by Fermat. Not in constant time: a is public, or was multiplied by a random
   * number.
   */
  invert(o: Element, a: Element): void;
  /** o = a^((p - 5)/8), the power that square roots need (RFC 8032 5.1.3). */
  power58(o: Element, a: Element): void;
  /** As carry(), for limbs from the lowest. */
  fromLimbs(o: Element, limbs: Numbers): void;
  /** Whether a is 0 modulo p. Public data: tells by a branch. */
  isZero(a: Element): boolean;
  /** o = a + sign * b, not carried: the result may be multiplied, not added again. */
  combine(o: Element, a: Element, b: Element, sign: number): void;
  /** o = 32 bytes little-endian, top bit ignored. */
  fromBytes(o: Element, bytes: Uint8Array): void;
  /** The lowest bit of the canonical a, which tells x's sign (RFC 8032 5.1.2). */
  isOdd(a: Element): number;
  /** The canonical 32 bytes of a, little-endian. */
  toBytes(a: Element): Uint8Array;
}

const K = 19 * powerOfTwo(-255);

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
  const pick = pickOf(natives);
  const floor = Math.floor;
  const back = reversed(12);
  /** With pick(), the first of two numbers that alternate, reversed. */
  const firstBack = new Uint8Array(12);
  for (let i = 0; i < 12; i++) firstBack[i] = 2 * back[i];
  const wrapped = [K, 0, 0, K, 0, 0];
  const unit = new Float64Array(13);
  for (let k = 0; k < 13; k++) unit[k] = powerOfTwo(BIT[k]);
  const zero = createElement();
  const one = createElement();
  one.f[11] = one.w[12] = 1;
  /** Limbs on their way to be carried, reversed. */
  const loose = new Float64Array(12);
  const euclid = createEuclid(natives);
  const byteUnit = new Float64Array(32);
  for (let i = 0; i < 32; i++) byteUnit[i] = powerOfTwo(8 * i);

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
    pick(back, f, out);
  }

  function mul(o: Element, a: Element, b: Element): void {
    product(o.f, o.w, a.f, b.w);
  }

  function mulFlat(o: Element, a: Numbers, b: Element): void {
    product(o.f, o.w, a, b.w);
  }

  function carry(o: Element, a: Numbers): void {
    product(o.f, o.w, a, one.w);
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
    const u = createElement();
    const q = createElement();
    const x40 = createElement();
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
    const x = createElement();
    const y = createElement();
    const u = createElement();
    power250(x, y, a);
    squareTimes(u, x, 5);
    mul(o, u, y); // 2^255 - 21 = p - 2
  }

  function invert(o: Element, a: Element): void {
    const f = a.f;
    const numbers = euclid.numbers;
    numbers.fill(0);
    numbers[0] = -19;
    numbers[22] = unit[12];
    for (let k = 0; k < 12; k++) numbers[2 * k + 1] = f[11 - k];
    if (!euclid.run(1)) {
      invertByPower(o, a);
      return;
    }
    // The last remainder but one is 1 or -1 (or p, for a = 0: then its cofactor is 0).
    const sign = numbers[0] < 0 ? -1 : 1;
    pick(firstBack, loose, pairs(euclid.cofactors, [sign, 0, 0, sign, 0, 0]));
    carry(o, loose);
  }

  function power58(o: Element, a: Element): void {
    const x = createElement();
    const u = createElement();
    power250(x, o, a);
    squareTimes(u, x, 2);
    mul(o, u, a); // 2^252 - 3 = (p - 5)/8
  }

  function fromLimbs(o: Element, limbs: Numbers): void {
    pick(back, loose, limbs);
    carry(o, loose);
  }

  function combine(o: Element, a: Element, b: Element, sign: number): void {
    const f = o.f;
    const x = a.f;
    const y = b.f;
    for (let k = 0; k < 12; k++) f[k] = x[k] + sign * y[k];
    pick(back, loose, f);
    o.w.set(pairs(loose, wrapped));
    o.w.set(loose, 12);
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

  /**
   * The number from 0 to p - 1, plus p or 2^255: limbs from 0 up to the next one's unit in `whole`. What it is above p
   * - 1, in units of limb 12.
   */
  const whole = new Float64Array(12);
  function normalize(a: Element): number {
    const f = a.f;
    // 1. a + p, each limb from 0 up to the next one's unit.
    let carry = -19;
    for (let k = 0; k < 12; k++) {
      const size = unit[k + 1];
      const value = f[11 - k] + carry + (k === 11 ? size : 0);
      carry = floor(value / size) * size;
      whole[k] = value - carry;
    }
    whole[0] += K * carry;
    // 2. Is it p or more? Then 19 more carry out of the top.
    let over = 19;
    for (let k = 0; k < 12; k++) over = floor((whole[k] + over) / unit[k + 1]) * unit[k + 1];
    return over;
  }

  function toBytes(a: Element): Uint8Array {
    const over = normalize(a);
    // What leaves the top is the multiple of 2^255 that normalize() counted.
    const out = limbsToBytes(whole, K * over);
    out[31] &= 127;
    return out;
  }

  function isOdd(a: Element): number {
    const over = normalize(a);
    // p is odd.
    return (whole[0] + over / unit[12]) & 1;
  }

  function isZero(a: Element): boolean {
    const bytes = toBytes(a);
    for (let i = 0; i < 32; i++) if (bytes[i]) return false;
    return true;
  }

  return {
    zero,
    one,
    euclid,
    mul,
    mulFlat,
    carry,
    squareTimes,
    invert,
    power58,
    fromLimbs,
    combine,
    fromBytes,
    isOdd,
    toBytes,
    isZero,
  };
}
