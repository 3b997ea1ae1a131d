/**
 * Signing on boards whose doubles are software takes no other time for one nonce than for others: counts of a model
 * (soft-doubles.ts), no clock. One fixed nonce, a small one whose limbs are zero but for the lowest, against random
 * ones; both masked as `makeNonces` does it.
 */
import { maskNonce } from '../../firmware/crypto/nonce-mask.js';
import { createScalars, type Scalar, type Scalars } from '../../firmware/crypto/scalar.js';
import type * as scalarModule from '../../firmware/crypto/scalar.js';
import type * as signerModule from '../../firmware/crypto/signer.js';
import * as coreNatives from '../../firmware/core/crypto-natives.js';
import { createHostNatives } from '../../host-bridge/base/crypto/node-natives.js';
import { createRandom } from '../../host-bridge/rig/random.js';
import { toHex } from '../../firmware/core/bytes.js';
import { Counter, countedModule } from './soft-doubles.js';

const PAIRS = 200;
/** Welch's t from which two classes can be told apart. */
const T_LIMIT = 4.5;

const random = createRandom(1, 'signing counts');
const plainNatives = createHostNatives({ checked: false });
const plain: Scalars = createScalars(plainNatives);

const counter = new Counter();
const natives = { ...plainNatives, dot: counter.dot };
const { createScalars: countedScalars } = countedModule<typeof scalarModule>('scalar', counter, {
  '../core/crypto-natives.js': coreNatives,
});
const { createSigner } = countedModule<typeof signerModule>('signer', counter, {});
const signer = createSigner(natives, countedScalars(natives));

const one: Uint8Array = new Uint8Array(64);
one[0] = 1;
const R = random(32);
const key = signer.keyOfPair(random(32), random(32), true);

/** A nonce as a board makes it. */
function nonceOf(wide: Uint8Array, isMasked: boolean): Scalar {
  const k = plain.reduce(wide);
  if (isMasked) maskNonce(plain, k, random(2));
  return k;
}

/** What signing costs, and the signature. */
function signed(k: Scalar, message: Uint8Array, prepared = true): { cost: number; signature: string } {
  counter.cost = 0;
  const signature = signer.sign(prepared ? key : { ...key, columns: null }, { R, k }, message);
  return { cost: counter.cost, signature: toHex(signature) };
}

/**
 * t of the differences between the two classes. Each pair has a message of its own: with one message a fixed nonce has
 * one S, which is public, and whose digits cost what they cost.
 */
function compare(isMasked: boolean, prepared: boolean, fixed = one): number {
  const differences: number[] = [];
  for (let i = 0; i < PAIRS; i++) {
    const message = random(100);
    const first = signed(nonceOf(fixed, isMasked), message, prepared).cost;
    differences.push(first - signed(nonceOf(random(64), isMasked), message, prepared).cost);
  }
  const mean = differences.reduce((sum, each) => sum + each, 0) / PAIRS;
  const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (PAIRS - 1);
  return mean / Math.sqrt(variance / PAIRS);
}

test.each([true, false])('a fixed nonce and random ones cannot be told apart (columns: %s)', (prepared) => {
  expect(Math.abs(compare(true, prepared))).toBeLessThan(T_LIMIT);
  expect(Math.abs(compare(true, prepared, random(64)))).toBeLessThan(T_LIMIT);
});

test('without the mask they can: the model sees what the mask is for', () => {
  expect(Math.abs(compare(false, true))).toBeGreaterThan(T_LIMIT);
});

test('a masked nonce makes the same signature, with columns and without', () => {
  for (let i = 0; i < 50; i++) {
    const [wide, message] = [i === 0 ? one : random(64), random(10 + i)];
    const expected = signed(nonceOf(wide, false), message).signature;
    expect(signed(nonceOf(wide, true), message).signature).toBe(expected);
    expect(signed(nonceOf(wide, true), message, false).signature).toBe(expected);
  }
});

test('the largest mask keeps every sum exact', () => {
  for (let i = 0; i < 50; i++) {
    const wide = random(64);
    const k = plain.reduce(wide);
    maskNonce(plain, k, new Uint8Array([255, 255]));
    const message = random(20);
    expect(signed(k, message).signature).toBe(signed(plain.reduce(wide), message).signature);
  }
});
