/*
 * Points of edwards25519 (RFC 8032 5.1): decoding, encoding, and multiplication by scalars, with a
 * table ("comb") for points known in advance and without one for others.
 *
 * A comb of t teeth, s subs and e columns covers n = t s e bits of a scalar. The scalar is written
 * as a sum of +-2^i, i < n (scalar.ts, signedBits). Entry i of sub u is
 *     2^(u e) (2^((t - 1) s e) +- ... +- 2^(s e) +- 1) P,    the sign of 2^(j s e): bit j of i, 1 is +
 * so that each of e columns takes one doubling and s additions, the same for every scalar: no zero
 * digit, no skipped step. The index of an entry depends on the scalar, which may be secret: reading
 * all entries instead would cost a hundred times the addition. Flash caches apart, reading one entry
 * takes as long as reading another; and the first Z can be chosen at random, so that the numbers
 * worked on do not repeat.
 *
 * What only some need are functions of a curve, not methods, so that a board that only checks signatures does without
 * them.
 *
 * Left out: whatever Ed25519 with the checks of ed25519.ts does not need.
 */
import { ENTRY_NUMBERS, type Comb } from './comb-table.js';
import { createElement, createField, type Element, type Field } from './field.js';
import { alternate, powerOfTwo, turned } from './limbs.js';
import { pairsOf, pickOf, type Natives } from '../core/crypto-natives.js';
import { ENTRY_SCALE, createPointSteps, type Coordinates, type PointSteps } from './point-steps.js';

/**
 * A point as X/Z, Y/Z, waiting for an inversion that several share: X, Y and Z one after another, 36 numbers, each flat
 * (field.ts) and a sum of at most four carried numbers. One array, because Espruino looks long for a free place for
 * each.
 */
export type Projective = Float64Array;

/** X, Y or Z, 0, 1 or 2, of a point, as flat operand. */
export function coordinate(point: Projective, which: number): Float64Array {
  return point.subarray(12 * which, 12 * which + 12);
}

/** A scalar for one comb. */
export interface CombTerm {
  table: Comb;
  /** scalar.ts, signedBits(s, table.bits). */
  signedBits: Uint8Array;
}

/** A scalar for a point without a table (multiples.ts). Public data only: steps depend on the digits. */
export interface WindowTerm {
  /** naf(): least first, each 0 or odd from -15 to 15. */
  digits: Int8Array;
  /** Adds a digit's multiple to the working point. */
  add(digit: number): void;
}

/** A multiplication of a comb's point, which has a table in flash, by a secret scalar, done a column at a time. */
export interface CombJob {
  term: CombTerm;
  /** Columns still to do. */
  left: number;
  /** The working point between two steps. */
  point: Coordinates;
}

/** The encoding of several points, done a piece at a time. */
export interface EncodeJob {
  points: Projective[];
  /** Products of the first 0, 1, 2 ... Z's. */
  prefix: Element[];
  /** The inverse of the product of those points' Z that are not encoded yet; null before the first step. */
  inverse: Element | null;
  /** Points still to encode, from the last. */
  left: number;
  out: Uint8Array[];
}

/** Multiplication on edwards25519. */
export interface Edwards {
  natives: Natives;
  /** The field that it works in. */
  field: Field;
  /** The working point. */
  steps: PointSteps;
  /** Whose the working point is; null where it is nobody's. */
  working: CombJob | null;
  /** Makes the neutral point the working point, with Z from 32 bytes, or 1. */
  setNeutral(blind: Uint8Array | null): void;
  /** Adds what one column of a comb says; extended: T is there already. */
  addColumn(table: Comb, bits: Uint8Array, column: number, extended: boolean): void;
  /** The working point: twice X, Y and Z. */
  take(): Projective;
  /** The encoding (RFC 8032 5.1.2), 32 bytes, of a point, with the inverse of its Z. */
  encodeBy(point: Projective, inverse: Element): Uint8Array;
}

/** Multiplication on edwards25519 over the given natives. */
export function createEdwards(natives: Natives): Edwards {
  const field = createField(natives);
  const steps = createPointSteps(natives);
  const add = steps.add;
  const extend = steps.extend;
  const dot = natives.dot;
  const pairs = pairsOf(natives);
  const pick = pickOf(natives);
  // From limbs as point-steps.ts has them to flat operands; and from two numbers that alternate to both.
  const back = new Uint8Array(12);
  const coordinatesBack = new Uint8Array(24);
  for (let i = 0; i < 12; i++) {
    back[i] = (22 - i) % 12;
    coordinatesBack[i] = 2 * back[i];
    coordinatesBack[12 + i] = 2 * back[i] + 1;
  }
  const unscale = powerOfTwo(-ENTRY_SCALE);
  const entryScale = [1 / unscale, 0, 0, 1 / unscale, 0, 0];
  const productScale = [entryScale[0] / unscale, 0, 0, entryScale[0] / unscale, 0, 0];
  const zUnscaled = [2 * unscale * unscale, 0, 0, 2 * unscale * unscale, 0, 0];

  const one = field.one;
  const spare = createElement();

  function setNeutral(blind: Uint8Array | null): void {
    curve.working = null;
    if (blind) field.fromBytes(spare, blind);
    const limbs = (blind ? spare : one).w.subarray(12);
    steps.load({
      pq: pairs(alternate(limbs, limbs), entryScale),
      t: field.zero.f,
      z: pairs(turned(limbs), productScale),
    });
  }

  function addColumn(table: Comb, bits: Uint8Array, column: number, extended: boolean): void {
    const entries = table.entries;
    const weights = table.weights;
    const columns = table.columns;
    const end = table.subs * columns;
    const top = (table.teeth - 1) * end;
    const half = (1 << (table.teeth - 1)) - 1;
    let entry = 0;
    for (let at = column; at < end; at += columns) {
      // The highest tooth's sign is the entry's; if it is -, the others count from there.
      const plus = bits[at + top];
      const index = entry + ENTRY_NUMBERS * (dot(weights, bits, at) ^ (half * (1 - plus)));
      // To subtract an entry, its m and n change places.
      const m = index + 12 - 12 * plus;
      const n = index + 12 * plus;
      if (extended) extended = false;
      else extend();
      add(entries.subarray(m, m + 12), entries.subarray(n, n + 12), entries.subarray(index + 24, index + 36), plus);
      entry += ENTRY_NUMBERS * (half + 1);
    }
  }

  function take(): Projective {
    const point = steps.read();
    const out = new Float64Array(36);
    pick(coordinatesBack, out, pairs(point.pq, [-unscale, unscale, unscale, unscale, 0, 0]));
    pick(back, coordinate(out, 2), pairs(point.z, zUnscaled));
    return out;
  }

  function encodeBy(point: Projective, inverse: Element): Uint8Array {
    field.mulFlat(spare, coordinate(point, 0), inverse);
    const odd = field.isOdd(spare);
    field.mulFlat(spare, coordinate(point, 1), inverse);
    const encoding = field.toBytes(spare);
    encoding[31] |= odd << 7;
    return encoding;
  }

  const curve: Edwards = {
    natives,
    field,
    steps,
    working: null,
    setNeutral,
    addColumn,
    take,
    encodeBy,
  };
  return curve;
}

/** The encoding of a point. */
export function encode(curve: Edwards, point: Projective): Uint8Array {
  const z = createElement();
  const inverse = createElement();
  curve.field.carry(z, coordinate(point, 2));
  curve.field.invert(inverse, z);
  return curve.encodeBy(point, inverse);
}

/** The sum of all terms. Public scalars only. */
export function multiply(curve: Edwards, combs: CombTerm[], windows: WindowTerm[]): Projective {
  const steps = curve.steps;
  curve.setNeutral(null);
  let begun = false;
  // At first T is there, as of the neutral point.
  let extended = true;
  let at = windows.length ? 256 : 0;
  for (let i = 0; i < combs.length; i++) if (combs[i].table.columns > at) at = combs[i].table.columns;
  while (at-- > 0) {
    if (begun) {
      steps.double();
      extended = false;
    }
    for (let i = 0; i < windows.length; i++) {
      const digit = windows[i].digits[at];
      if (!digit) continue;
      if (!extended) steps.extend();
      windows[i].add(digit);
      extended = false;
      begun = true;
    }
    for (let i = 0; i < combs.length; i++) {
      if (at >= combs[i].table.columns) continue;
      curve.addColumn(combs[i].table, combs[i].signedBits, at, extended);
      extended = false;
      begun = true;
    }
  }
  return curve.take();
}

/** Begins a multiplication; blind: 32 bytes that Z starts from. */
export function startComb(curve: Edwards, term: CombTerm, blind: Uint8Array): CombJob {
  curve.setNeutral(blind);
  const job = { term, left: term.table.columns, point: curve.steps.read() };
  curve.working = job;
  return job;
}

/** One column: a doubling and an addition for each sub. The result after the last column, else null. */
export function stepComb(curve: Edwards, job: CombJob): Projective | null {
  if (curve.working !== job) curve.steps.load(job.point);
  curve.working = job;
  // Before its first column there is nothing to double.
  const begins = job.left === job.term.table.columns;
  job.left--;
  if (!begins) curve.steps.double();
  curve.addColumn(job.term.table, job.term.signedBits, job.left, begins);
  if (!job.left) return curve.take();
  job.point = curve.steps.read();
  return null;
}

/**
 * Begins to encode; steps share one inversion, by Montgomery's trick: products of the first i Z's, one inversion, and
 * back.
 */
export function startEncode(curve: Edwards, points: Projective[]): EncodeJob {
  return { points, prefix: [curve.field.one], inverse: null, left: points.length, out: [] };
}

/** First step: the inversion; then one point each. Whether all are encoded (job.out). */
export function stepEncode(curve: Edwards, job: EncodeJob): boolean {
  const field = curve.field;
  const points = job.points;
  const prefix = job.prefix;
  if (!job.inverse) {
    for (let i = 0; i < points.length; i++) {
      const next = createElement();
      field.mulFlat(next, coordinate(points[i], 2), prefix[i]);
      prefix.push(next);
    }
    job.inverse = createElement();
    field.invert(job.inverse, prefix[points.length]);
    return !job.left;
  }
  const i = --job.left;
  // The prefix has served, and makes room.
  const each = prefix[i + 1];
  field.mul(each, job.inverse, prefix[i]);
  const rest = createElement();
  field.mulFlat(rest, coordinate(points[i], 2), job.inverse);
  job.inverse = rest;
  job.out[i] = curve.encodeBy(points[i], each);
  return !i;
}

/** Whether the sum of all terms is the neutral point. */
export function isNeutral(curve: Edwards, combs: CombTerm[], windows: WindowTerm[]): boolean {
  const field = curve.field;
  const point = multiply(curve, combs, windows);
  const x = createElement();
  const difference = createElement();
  field.carry(x, coordinate(point, 0));
  field.combine(difference, { f: coordinate(point, 1), w: x.w }, { f: coordinate(point, 2), w: x.w }, -1);
  field.carry(difference, difference.f);
  return field.isZero(x) && field.isZero(difference);
}
