/*
 * Euclid's algorithm after Lehmer (Knuth, TAOCP 2, 4.5.2, algorithm L) on numbers of 255 bits, for
 * inversion (field.ts) and for halving the size of scalars (scalar-halving.ts).
 *
 * Numbers are 12 limbs as in field.ts, two of them in turn: pairs() multiplies them by a matrix. Quotients are taken
 * from doubles of the two numbers, some 30 bits of them at a time; then both numbers and their cofactors are multiplied
 * by the 2 x 2 matrix of those quotients. A quotient that is off by one is no error: each step is undone by another
 * whole-number step, so that the greatest common divisor stays what it was.
 *
 * Time depends on the numbers. Callers hand over what is public or was multiplied by a random number.
 */
import { BIT, powerOfTwo, rounder } from './limbs.js';
import { pairsOf, type Natives } from '../core/crypto-natives.js';

/** Entries of matrices: two products with limbs of 22 bits, their sum and a carry stay under 2^53. */
const ENTRY_MAX = 536870912;
/** More rounds than 255 bits ever take: each takes some 28 bits from two numbers. */
const ROUNDS_MAX = 40;

/**
 * Euclid's algorithm with its own working space; numbers are limbs from the lowest, the greater and the smaller in
 * turn.
 */
export interface Euclid {
  /** The two numbers: two successive remainders after run(). */
  numbers: Float64Array;
  /** After run() with a and b in `numbers`: what b is multiplied with for each of them, modulo a. */
  cofactors: Float64Array;
  /**
   * Divides the numbers, the second at most as great as the first, until the smaller is below `stop`; false when a
   * quotient of 30 bits or more comes, which random numbers hardly ever have.
   */
  run(stop: number): boolean;
  /** Carries limbs of up to 2^51 units, in place; gives them back. */
  carry(a: Float64Array): Float64Array;
}

/** Working space for one run at a time. */
export function createEuclid(natives: Natives): Euclid {
  let carryA = 0;
  let carryB = 0;
  let x = 0;
  const pairs = pairsOf(natives);
  const rounders = new Float64Array(11);
  for (let k = 0; k < 11; k++) rounders[k] = rounder(k, 0);
  const numbers = new Float64Array(24);
  const cofactors = new Float64Array(24);

  /** The first n limbs of both numbers, times the matrix, carried. */
  function apply(to: Float64Array, n: number, matrix: number[]): void {
    const end = 2 * n - 2;
    to.set(pairs(to.subarray(0, end + 2), matrix));
    carryA = carryB = 0;
    for (let i = 0; i < end; i++) {
      const round = rounders[i >> 1];
      to[i] = (x = to[i] + carryA) - (carryA = x + round - round);
      i++;
      to[i] = (x = to[i] + carryB) - (carryB = x + round - round);
    }
    to[end] += carryA;
    to[end + 1] += carryB;
  }

  /** How many of the first n limbs are in use. */
  function inUse(of: Float64Array, n: number): number {
    while (n > 1 && !of[2 * n - 1] && !of[2 * n - 2]) n--;
    return n;
  }

  function run(stop: number): boolean {
    cofactors.fill(0);
    cofactors[1] = 1;
    // The numbers get shorter while their cofactors grow, by two limbs a round at most: together they are 12 limbs
    // long.
    let n = 12;
    let m = 1;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      let big = 0;
      let small = 0;
      for (let i = 0; i < 2 * n; i++) {
        big += numbers[i++];
        small += numbers[i];
      }
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
      if (m01 === 0) return small < stop && small > -stop;
      const matrix = [m00, m10, m01, m11, 0, 0];
      apply(numbers, n, matrix);
      n = inUse(numbers, n);
      m = m > 10 ? 12 : m + 2;
      apply(cofactors, m, matrix);
      m = inUse(cofactors, m);
    }
    return false;
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

  return { numbers, cofactors, run, carry };
}

/** The limb that begins in each 16-bit word of a number; -1: none does. */
function limbsOfWords(): Int8Array {
  const limbs = new Int8Array(16);
  let k = 0;
  for (let i = 0; i < 16; i++) limbs[i] = k < 12 && BIT[k] < 16 * i + 16 ? k++ : -1;
  return limbs;
}

/** From limbs in their absolute place to words counted from 1. */
function wordFactors(): Float64Array {
  const factors = new Float64Array(16);
  for (let i = 0; i < 16; i++) factors[i] = powerOfTwo(-16 * i);
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
