/**
 * Every acceptable key can be provisioned: coordinates of table entries, cut into limbs that fit Float32 and that the
 * field's arithmetic takes. A limb did not fit for about one coordinate in 2^21, so for one set of house keys in 1,365.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { createElement, createField } from '../../firmware/crypto/field.js';
import { BIT } from '../../firmware/crypto/limbs.js';
import { KEY_SHAPE, limbsOf, makeCombTable } from '../../flash-scripts/provision/tables.js';
import { checked, fromLittleEndian, P, random, toLittleEndian } from '../crypto/crypto-kit.js';
import { extent } from '../kit/extent.js';

const SCALE = 2 ** -126;

/** What is wrong with the limbs of a number, or null. */
function faultOf(value: bigint): string | null {
  const limbs = limbsOf(value);
  let sum = 0n;
  for (const [k, limb] of limbs.entries()) {
    const size = BIT[k + 1]! - BIT[k]!;
    const float = limb * 2 ** BIT[k]! * SCALE;
    if (Math.fround(float) !== float) return `${value}: limb ${k} is no Float32`;
    if (Math.abs(limb) > 2 ** (k === 10 ? size : size - 1)) return `${value}: limb ${k} is too large`;
    sum += BigInt(limb) << BigInt(BIT[k]!);
  }
  return ((sum % P) + P) % P === value ? null : `${value}: the limbs are another number`;
}

/** Numbers whose highest limb is at its end, or one beside it, with every end of the limb below. */
function extremes(): bigint[] {
  const near = [0n, 1n, P - 1n, P / 2n, P / 2n + 1n, 1n << 254n, (1n << 254n) - 1n];
  const found: bigint[] = [];
  for (const top of [(1n << 20n) - 2n, (1n << 20n) - 1n, 1n << 20n])
    for (const below of [-(1n << 20n), -(1n << 20n) + 1n, -1n, 0n, 1n, (1n << 20n) - 1n, 1n << 20n])
      for (const rest of [-(1n << 212n), -1n, 0n, 1n, (1n << 212n) - 1n]) {
        const value = (top << 234n) + (below << 213n) + rest;
        for (const each of [value, -value]) if (each <= P / 2n && each >= -P / 2n) found.push(((each % P) + P) % P);
      }
  return [...near, ...found];
}

test('constructed ends of the highest limb', () => {
  const all = extremes();
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter((value) => limbsOf(value)[10]! ** 2 > 2 ** 40).length).toBeGreaterThan(0);
  expect(all.map(faultOf).filter((fault) => fault !== null)).toEqual([]);
});

test('coordinates at random', () => {
  const count = extent(20_000, 500_000, 10_000_000);
  const faults: string[] = [];
  for (let i = 0; i < count; i++) {
    const fault = faultOf(fromLittleEndian(random(32)) % P);
    if (fault) faults.push(fault);
  }
  expect(faults).toEqual([]);
});

test('a product with any of them is exact, also with the largest working point', () => {
  const field = createField(checked);
  const point = createElement();
  const product = createElement();
  for (const other of [P - 1n, P / 2n, (1n << 254n) - 1n]) {
    field.fromBytes(point, toLittleEndian(other));
    for (const value of extremes()) {
      const flat = Float64Array.from(limbsOf(value), (limb, k) => limb * 2 ** BIT[k]!).reverse();
      field.mulFlat(product, flat, point);
      expect(fromLittleEndian(field.toBytes(product))).toBe((value * other) % P);
    }
  }
});

test('whole tables', () => {
  for (let i = 0; i < extent(2, 30, 300); i++)
    expect(makeCombTable(KEY_SHAPE, ed25519.getPublicKey(random(32))).length).toBeGreaterThan(20_000);
});
