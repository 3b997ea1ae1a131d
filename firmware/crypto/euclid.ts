/*
 * Euclid's algorithm after Lehmer (Knuth, TAOCP 2, 4.5.2, algorithm L) on numbers of 255 bits, for
 * inversion (field.ts) and for halving the size of scalars (half-size.ts).
 *
 * Numbers are 12 limbs as in field.ts, from the lowest. Quotients are taken from doubles of the two
 * numbers, some 30 bits of them at a time; then both numbers and their cofactors are multiplied by the
 * 2 x 2 matrix of those quotients. A quotient that is off by one is no error: each step is undone by
 * another whole-number step, so that the greatest common divisor stays what it was.
 *
 * Time depends on the numbers. Callers hand over what is public or was multiplied by a random number.
 */
import { BIT, powerOfTwo, rounder } from './limbs.js';

/** Entries of matrices: two products with limbs of 22 bits, their sum and a carry stay under 2^53. */
const ENTRY_MAX = 536870912;
/** More rounds than 255 bits ever take: each takes some 28 bits from two numbers. */
const ROUNDS_MAX = 40;

/** Two successive remainders with big = bigCofactor * b mod a, and so on. Reused by the next run. */
export interface Remainders {
  big: Float64Array;
  small: Float64Array;
  bigCofactor: Float64Array;
  smallCofactor: Float64Array;
}

/** A number as one double, rounded; 0 only for 0. */
export function approximate(a: Float64Array): number {
  return a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7] + a[8] + a[9] + a[10] + a[11];
}

/** Euclid's algorithm with its own working space. */
export interface Euclid {
  /**
   * Divides a and b (12 limbs each; overwritten) until the smaller is below `stop`; null when a quotient
   * of 30 bits or more comes, which random numbers hardly ever have.
   */
  run(a: Float64Array, b: Float64Array, stop: number): Remainders | null;
  /** Carries limbs of up to 2^51 units, in place; gives them back. */
  carry(a: Float64Array): Float64Array;
}

/** Working space for one run at a time. */
export function createEuclid(): Euclid {
  let carryA = 0;
  let carryB = 0;
  let x = 0;
  let y = 0;
  const rounders: number[] = [];
  for (let k = 0; k < 11; k++) rounders.push(rounder(k, 0));
  const spare: Float64Array[] = [];
  for (let i = 0; i < 4; i++) spare.push(new Float64Array(12));

  /** (to0, to1) = (m00 a + m01 b, m10 a + m11 b), carried. */
  function apply(
    m00: number, m01: number, m10: number, m11: number,
    a: Float64Array, b: Float64Array, to0: Float64Array, to1: Float64Array,
  ): void {
    carryA = carryB = 0;
    for (let k = 0; k < 11; k++) {
      const round = rounders[k];
      x = m00 * a[k] + m01 * b[k] + carryA;
      y = m10 * a[k] + m11 * b[k] + carryB;
      to0[k] = x - (carryA = x + round - round);
      to1[k] = y - (carryB = y + round - round);
    }
    to0[11] = m00 * a[11] + m01 * b[11] + carryA;
    to1[11] = m10 * a[11] + m11 * b[11] + carryB;
  }

  function run(a: Float64Array, b: Float64Array, stop: number): Remainders | null {
    let now: Remainders = { big: a, small: b, bigCofactor: spare[0], smallCofactor: spare[1] };
    let next: Remainders = { big: new Float64Array(12), small: new Float64Array(12), bigCofactor: spare[2], smallCofactor: spare[3] };
    for (let k = 0; k < 12; k++) now.bigCofactor[k] = now.smallCofactor[k] = 0;
    now.smallCofactor[0] = 1;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      let big = approximate(now.big);
      let small = approximate(now.small);
      let m00 = 1;
      let m01 = 0;
      let m10 = 0;
      let m11 = 1;
      while (small >= stop || small <= -stop) {
        const quotient = Math.floor(big / small + 0.5);
        const next0 = m00 - quotient * m10;
        const next1 = m01 - quotient * m11;
        if (next0 > ENTRY_MAX || next0 < -ENTRY_MAX || next1 > ENTRY_MAX || next1 < -ENTRY_MAX) break;
        const rest = big - quotient * small;
        big = small;
        small = rest;
        m00 = m10;
        m01 = m11;
        m10 = next0;
        m11 = next1;
      }
      if (m01 === 0) return small < stop && small > -stop ? now : null;
      apply(m00, m01, m10, m11, now.big, now.small, next.big, next.small);
      apply(m00, m01, m10, m11, now.bigCofactor, now.smallCofactor, next.bigCofactor, next.smallCofactor);
      const swap = now;
      now = next;
      next = swap;
    }
    return null;
  }

  function carry(a: Float64Array): Float64Array {
    carryA = 0;
    for (let k = 0; k < 11; k++) {
      x = a[k] + carryA;
      a[k] = x - (carryA = x + rounders[k] - rounders[k]);
    }
    a[11] += carryA;
    return a;
  }

  return { run, carry };
}

/** The limb that begins in each 16-bit word of a number; -1: none does. */
function limbsOfWords(): number[] {
  const limbs: number[] = [];
  let k = 0;
  for (let i = 0; i < 16; i++) limbs.push(k < 12 && BIT[k] < 16 * i + 16 ? k++ : -1);
  return limbs;
}

/** From limbs in their absolute place to words counted from 1. */
function wordFactors(): number[] {
  const factors: number[] = [];
  for (let i = 0; i < 16; i++) factors.push(powerOfTwo(-16 * i));
  return factors;
}

const WORD_LIMB = limbsOfWords();
const WORD_FACTOR = wordFactors();

/**
 * The bytes of a number from 0 to 2^256 - 1, little-endian, plus `more` (a small number).
 * @param limbs 12, from the lowest, of either sign, each under 2^30 units
 */
export function limbsToBytes(limbs: Float64Array, more: number): Uint8Array {
  const words = new Uint16Array(16);
  let sum = more;
  for (let i = 0; i < 16; i++) {
    if (WORD_LIMB[i] >= 0) sum += limbs[WORD_LIMB[i]] * WORD_FACTOR[i];
    const high = Math.floor(sum / 65536);
    words[i] = sum - high * 65536;
    sum = high;
  }
  return new Uint8Array(words.buffer);
}
