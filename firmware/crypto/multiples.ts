/*
 * Multiples of points that are known only at the tap, as entries for additions (point-steps.ts): odd multiples of one
 * point for windows, or the comb of a key whose multiples came with it (verifier.ts, KEY_MULTIPLES_BYTES).
 *
 * Everything here is public: steps and branches depend on the points.
 */
import { combShape, ENTRY_NUMBERS, type Comb } from './comb-table.js';
import { CURVE_D, decodePoint } from './decode.js';
import type { Edwards, WindowTerm } from './edwards.js';
import { createElement, type Element, type Field } from './field.js';
import { alternate, powerOfTwo, turned } from './limbs.js';
import { pairsOf, pickOf } from '../core/crypto-natives.js';
import { ENTRY_SCALE } from './point-steps.js';

/** A point as table entry, not normalised: flat operands (point-steps.ts). */
export interface GeneralEntry {
  m: Float64Array;
  n: Float64Array;
  d: Float64Array;
  z: Float64Array;
}

function scaling(factor: number): number[] {
  return [factor, 0, 0, factor, 0, 0];
}

/** The curve's d. */
function curveD(field: Field): Element {
  const d = createElement();
  field.fromBytes(d, CURVE_D);
  return d;
}

/** (x, y) as the entry that begins at `at`. @param half 1/2 @param d the curve's */
function putEntry(
  curve: Edwards,
  half: Element,
  d: Element,
  entries: Float64Array,
  at: number,
  x: Element,
  y: Element,
): void {
  const field = curve.field;
  const pairs = pairsOf(curve.natives);
  const scale = scaling(powerOfTwo(ENTRY_SCALE));
  const sum = createElement();
  const product = createElement();
  field.combine(sum, y, x, -1);
  field.mul(product, sum, half);
  entries.set(pairs(product.f, scale), at);
  field.combine(sum, y, x, 1);
  field.mul(product, sum, half);
  entries.set(pairs(product.f, scale), at + 12);
  field.mul(sum, x, y);
  field.mul(product, d, sum);
  entries.set(pairs(product.f, scale), at + 24);
}

/** 1/2 modulo p: 2^254 - 9. */
function halfOf(field: Field): Element {
  const half = createElement();
  const limbs = new Float64Array(12);
  limbs[0] = -9;
  limbs[11] = powerOfTwo(254);
  field.fromLimbs(half, limbs);
  return half;
}

/**
 * The comb whose entries (edwards.ts) are given as x and y, 32 bytes little-endian each. They are taken as given:
 * whoever signed them answers for them.
 */
export function pointTable(curve: Edwards, coordinates: Uint8Array, teeth: number, columns: number): Comb {
  const field = curve.field;
  const shape = combShape(teeth, 1, columns);
  const entries = new Float64Array((coordinates.length >> 6) * ENTRY_NUMBERS);
  const d = curveD(field);
  const half = halfOf(field);
  const x = createElement();
  const y = createElement();
  for (let at = 0; at < coordinates.length; at += 64) {
    field.fromBytes(x, coordinates.subarray(at, at + 32));
    field.fromBytes(y, coordinates.subarray(at + 32, at + 64));
    putEntry(curve, half, d, entries, (at >> 6) * ENTRY_NUMBERS, x, y);
  }
  return { teeth, subs: 1, columns, bits: shape.bits, weights: shape.weights, entries };
}

/** With pick(): limbs of point-steps.ts reversed, `step` apart from `at` on. */
function backwards(step: number, at: number): Uint8Array {
  const indices = new Uint8Array(12);
  for (let i = 0; i < 12; i++) indices[i] = ((22 - i) % 12) * step + at;
  return indices;
}

/** The working point as entry: twice that of a table, so that no limb is halved. Needs t. */
function takeEntry(curve: Edwards, d: Element): GeneralEntry {
  const field = curve.field;
  const pairs = pairsOf(curve.natives);
  const pick = pickOf(curve.natives);
  const scale = powerOfTwo(ENTRY_SCALE);
  const entry = {
    m: new Float64Array(12),
    n: new Float64Array(12),
    d: new Float64Array(12),
    z: new Float64Array(12),
  };
  const point = curve.steps.read();
  pick(backwards(2, 0), entry.m, point.pq);
  pick(backwards(2, 1), entry.n, point.pq);
  pick(backwards(1, 0), entry.z, pairs(point.z, scaling(2 / scale)));
  const dt = createElement();
  const product = createElement();
  pick(backwards(1, 0), product.f, pairs(point.t!, scaling(1 / scale / scale)));
  field.carry(dt, product.f);
  field.mul(product, d, dt);
  entry.d.set(pairs(product.f, scaling(2 * scale)));
  return entry;
}

/** Makes (x, y) the working point. */
function load(curve: Edwards, x: Element, y: Element): void {
  const field = curve.field;
  const pairs = pairsOf(curve.natives);
  const scale = powerOfTwo(ENTRY_SCALE);
  const difference = createElement();
  const sum = createElement();
  const product = createElement();
  field.combine(difference, y, x, -1);
  field.combine(sum, y, x, 1);
  field.mul(product, x, y);
  curve.working = null;
  curve.steps.load({
    pq: pairs(alternate(difference.w.subarray(12), sum.w.subarray(12)), scaling(scale)),
    t: pairs(turned(product.w.subarray(12)), scaling(scale * scale)),
    z: pairs(turned(field.one.w.subarray(12)), scaling(scale * scale)),
  });
}

/** 1, 3, ... 15 times the point with this encoding, or of its negative; null if it is no point. */
export function oddMultiples(curve: Edwards, encoding: Uint8Array, negate: boolean): GeneralEntry[] | null {
  const field = curve.field;
  const steps = curve.steps;
  const d = curveD(field);
  const point = decodePoint(field, d, encoding);
  if (!point) return null;
  if (negate) {
    const x = createElement();
    field.combine(x, field.zero, point.x, -1);
    field.carry(point.x, x.f);
  }
  load(curve, point.x, point.y);
  const result = [takeEntry(curve, d)];
  steps.double();
  steps.extend();
  const doubled = takeEntry(curve, d);
  // 2 P + P, and then 2 P more each time.
  let next = result[0];
  for (let i = 0; i < 7; i++) {
    steps.addGeneral(next.m, next.n, next.d, next.z, 1);
    steps.extend();
    result.push(takeEntry(curve, d));
    next = doubled;
  }
  return result;
}

/** A public scalar, by the digits of naf(), for a point by its odd multiples. */
export function windowTerm(curve: Edwards, multiples: GeneralEntry[], digits: Int8Array): WindowTerm {
  const addGeneral = curve.steps.addGeneral;
  return {
    digits,
    add(digit) {
      const entry = multiples[(digit < 0 ? -digit : digit) >> 1];
      if (digit > 0) addGeneral(entry.m, entry.n, entry.d, entry.z, 1);
      else addGeneral(entry.n, entry.m, entry.d, entry.z, 0);
    },
  };
}
