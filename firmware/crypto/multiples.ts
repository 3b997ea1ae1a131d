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
import { alternate, powerOfTwo } from './limbs.js';
import { pairsOf, pickOf, reversed } from './natives.js';
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

/** (x, y) as the entry that begins at `at`, twice that of a table in flash, so that nothing is halved. */
function putEntry(curve: Edwards, d: Element, entries: Float64Array, at: number, x: Element, y: Element): void {
  const field = curve.field;
  const pairs = pairsOf(curve.natives);
  const scale = powerOfTwo(ENTRY_SCALE);
  const sum = createElement();
  const carried = createElement();
  field.combine(sum, y, x, -1);
  field.carry(carried, sum.f);
  entries.set(pairs(carried.f, scaling(scale)), at);
  field.combine(sum, y, x, 1);
  field.carry(carried, sum.f);
  entries.set(pairs(carried.f, scaling(scale)), at + 12);
  field.mul(sum, x, y);
  field.mul(carried, d, sum);
  entries.set(pairs(carried.f, scaling(2 * scale)), at + 24);
}

/**
 * The comb whose entries (edwards.ts) are given as x and y, 32 bytes little-endian each. They are taken as given: whoever
 * signed them answers for them.
 */
export function pointTable(curve: Edwards, coordinates: Uint8Array, teeth: number, columns: number): Comb {
  const field = curve.field;
  const shape = combShape(teeth, 1, columns);
  const entries = new Float64Array((coordinates.length >> 6) * ENTRY_NUMBERS);
  const d = curveD(field);
  const x = createElement();
  const y = createElement();
  for (let at = 0; at < coordinates.length; at += 64) {
    field.fromBytes(x, coordinates.subarray(at, at + 32));
    field.fromBytes(y, coordinates.subarray(at + 32, at + 64));
    putEntry(curve, d, entries, (at >> 6) * ENTRY_NUMBERS, x, y);
  }
  return { teeth, subs: 1, columns, bits: shape.bits, weights: shape.weights, entries, twice: true };
}

/** `count`, `count` - 2 ... with pick(), every other number in reverse. */
function everyOther(count: number): Uint8Array {
  const indices = new Uint8Array(12);
  for (let i = 0; i < 12; i++) indices[i] = count - 2 * i;
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
  pick(everyOther(22), entry.m, point.pq);
  pick(everyOther(23), entry.n, point.pq);
  pick(reversed(12), entry.z, pairs(point.z, scaling(2 / scale)));
  const dt = createElement();
  field.fromLimbs(dt, pairs(point.t!, scaling(1 / scale / scale)));
  const product = createElement();
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
    t: pairs(product.w.subarray(12), scaling(scale * scale)),
    z: pairs(field.one.w.subarray(12), scaling(scale * scale)),
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
    steps.addGeneral(next.m, next.n, next.d, next.z, 0);
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
      if (digit > 0) addGeneral(entry.m, entry.n, entry.d, entry.z, 0);
      else addGeneral(entry.n, entry.m, entry.d, entry.z, 1);
      return digit > 0 ? 1 : -1;
    },
  };
}
