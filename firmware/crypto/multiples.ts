/*
 * Multiples of points that are known only at the tap, as entries for additions (point-steps.ts): odd multiples of one
 * point for windows, or the comb of a key whose multiples came with it (ed25519.ts, KEY_MULTIPLES_BYTES).
 *
 * Everything here is public: steps and branches depend on the points.
 */
import { combShape, ENTRY_NUMBERS, type Comb } from './comb-table.js';
import { CURVE_D, decodePoint } from './decode.js';
import { createElement, type Element, type Field } from './field.js';
import { alternate, powerOfTwo } from './limbs.js';
import { pairsOf, pickOf, reversed, type Natives } from './natives.js';
import { ENTRY_SCALE, type PointSteps } from './point-steps.js';

/** A point as table entry, not normalised: flat operands (point-steps.ts). */
export interface GeneralEntry {
  m: Float64Array;
  n: Float64Array;
  d: Float64Array;
  z: Float64Array;
}

/** Multiples on a field and its steps. */
export interface Multiples {
  /** 1, 3, ... 15 times the point with this encoding, or of its negative; null if it is no point. */
  odd(encoding: Uint8Array, negate: boolean): GeneralEntry[] | null;
  /**
   * The comb whose entries (edwards.ts) are given as x and y, 32 bytes little-endian each. They are taken as given:
   * whoever signed them answers for them. Here they are twice those of a table in flash, so that nothing is halved.
   */
  table(coordinates: Uint8Array, teeth: number, columns: number): Comb;
}

/** Multiples on the given field and steps, whose working point they use. */
export function createMultiples(natives: Natives, field: Field, steps: PointSteps): Multiples {
  const pairs = pairsOf(natives);
  const scale = powerOfTwo(ENTRY_SCALE);
  const entryScale = [scale, 0, 0, scale, 0, 0];
  const entryScaleTwice = [2 * scale, 0, 0, 2 * scale, 0, 0];
  const productScale = [scale * scale, 0, 0, scale * scale, 0, 0];
  const productTwice = [2 / scale, 0, 0, 2 / scale, 0, 0];
  const unscaled = [1 / scale / scale, 0, 0, 1 / scale / scale, 0, 0];
  const pick = pickOf(natives);
  const back = reversed(12);
  const firstBack = new Uint8Array(12);
  const secondBack = new Uint8Array(12);
  for (let i = 0; i < 12; i++) firstBack[i] = 22 - 2 * i;
  for (let i = 0; i < 12; i++) secondBack[i] = 23 - 2 * i;
  const curveD = createElement();
  field.fromBytes(curveD, CURVE_D);
  const one = field.one;

  /** The working point as entry: twice that of a table, so that no limb is halved. Needs t. */
  function takeEntry(): GeneralEntry {
    const entry = {
      m: new Float64Array(12),
      n: new Float64Array(12),
      d: new Float64Array(12),
      z: new Float64Array(12),
    };
    const point = steps.read();
    pick(firstBack, entry.m, point.pq);
    pick(secondBack, entry.n, point.pq);
    pick(back, entry.z, pairs(point.z, productTwice));
    const dt = createElement();
    field.fromLimbs(dt, pairs(point.t!, unscaled));
    const product = createElement();
    field.mul(product, curveD, dt);
    entry.d.set(pairs(product.f, entryScaleTwice));
    return entry;
  }

  /** (x, y) as the entry that begins at `at`. */
  function putEntry(entries: Float64Array, at: number, x: Element, y: Element): void {
    const sum = createElement();
    const carried = createElement();
    field.combine(sum, y, x, -1);
    field.mul(carried, sum, one);
    entries.set(pairs(carried.f, entryScale), at);
    field.combine(sum, y, x, 1);
    field.mul(carried, sum, one);
    entries.set(pairs(carried.f, entryScale), at + 12);
    field.mul(sum, x, y);
    field.mul(carried, curveD, sum);
    entries.set(pairs(carried.f, entryScaleTwice), at + 24);
  }

  /** Makes (x, y) the working point. */
  function load(x: Element, y: Element): void {
    const difference = createElement();
    const sum = createElement();
    const product = createElement();
    field.combine(difference, y, x, -1);
    field.combine(sum, y, x, 1);
    field.mul(product, x, y);
    steps.load({
      pq: pairs(alternate(difference.w.subarray(12), sum.w.subarray(12)), entryScale),
      t: pairs(product.w.subarray(12), productScale),
      z: pairs(one.w.subarray(12), productScale),
    });
  }

  function odd(encoding: Uint8Array, negate: boolean): GeneralEntry[] | null {
    const point = decodePoint(field, curveD, encoding);
    if (!point) return null;
    if (negate) {
      const x = createElement();
      field.combine(x, field.zero, point.x, -1);
      field.mul(point.x, x, one);
    }
    load(point.x, point.y);
    const result = [takeEntry()];
    steps.double();
    steps.extend();
    const doubled = takeEntry();
    // 2 P + P, and then 2 P more each time.
    let next = result[0];
    for (let i = 0; i < 7; i++) {
      steps.addGeneral(next.m, next.n, next.d, next.z, 0);
      steps.extend();
      result.push(takeEntry());
      next = doubled;
    }
    return result;
  }

  function table(coordinates: Uint8Array, teeth: number, columns: number): Comb {
    const shape = combShape(teeth, 1, columns);
    const entries = new Float64Array((coordinates.length >> 6) * ENTRY_NUMBERS);
    const x = createElement();
    const y = createElement();
    for (let at = 0; at < coordinates.length; at += 64) {
      field.fromBytes(x, coordinates.subarray(at, at + 32));
      field.fromBytes(y, coordinates.subarray(at + 32, at + 64));
      putEntry(entries, (at >> 6) * ENTRY_NUMBERS, x, y);
    }
    return { teeth, subs: 1, columns, bits: shape.bits, weights: shape.weights, entries, twice: true };
  }

  return { odd, table };
}
