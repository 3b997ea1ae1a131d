import { extent } from '../kit/extent.js';
import { fc } from '../kit/properties.js';
import { createElement, createField, type Element } from '../../firmware/crypto/field.js';
import { BIT, rounder } from '../../firmware/crypto/limbs.js';
import { createEuclid } from '../../firmware/crypto/euclid.js';
import { createHalver } from '../../firmware/crypto/scalar-halving.js';
import { createScalars, isBelowOrder } from '../../firmware/crypto/scalar.js';
import { checkedDot, plainDot } from '../../host-bridge/base/crypto/node-natives.js';
import { L, P, checked, fromLittleEndian, hex, random, toLittleEndian } from './crypto-kit.js';

const field = createField(checked);

function element(value: bigint): Element {
  const e = createElement();
  field.fromBytes(e, toLittleEndian(value));
  return e;
}

function valueOf(e: Element): bigint {
  return fromLittleEndian(field.toBytes(e));
}

function mod(a: bigint): bigint {
  return ((a % P) + P) % P;
}

/** Numbers below 2^255, the awkward ones included. */
const number255 = fc.oneof(
  fc.bigInt(0n, 2n ** 255n - 1n),
  fc.bigInt(0n, 40n),
  fc.bigInt(P - 40n, 2n ** 255n - 1n),
  fc
    .tuple(fc.integer({ min: 0, max: 254 }), fc.bigInt(-3n, 3n))
    .map(([n, d]) => (2n ** BigInt(n) + d + 2n ** 255n) % 2n ** 255n),
);

describe('field', () => {
  test('bytes in, the same number below p out', () => {
    fc.assert(fc.property(number255, (a) => expect(valueOf(element(a))).toBe(a % P)));
  });

  test('products, sums and differences agree with BigInt', () => {
    fc.assert(
      fc.property(number255, number255, (a, b) => {
        const x = element(a);
        const y = element(b);
        const o = createElement();
        field.mul(o, x, y);
        expect(valueOf(o)).toBe(mod(a * b));
        const sum = createElement();
        const difference = createElement();
        field.combine(sum, x, y, 1);
        field.combine(difference, x, y, -1);
        field.mul(o, sum, difference);
        expect(valueOf(o)).toBe(mod((a + b) * (a - b)));
      }),
    );
  });

  test('inverses, by Euclid and where its quotients are too large', () => {
    const special = [1n, 2n, P - 1n, (P + 1n) / 2n, 2n ** 254n, 3n * 2n ** 200n, (P - 878216n) / 65025n];
    const each = fc.oneof(number255, fc.constantFrom(...special));
    fc.assert(
      fc.property(each, (a) => {
        const o = createElement();
        field.invert(o, element(a));
        expect(mod(valueOf(o) * a)).toBe(a % P === 0n ? 0n : 1n);
      }),
      { numRuns: extent(25, 100, 5_000), examples: [...special, 0n].map((value): [bigint] => [value]) },
    );
  });

  test('repeated squaring and the power for square roots', () => {
    const a = 1234567891011121314151617181920n ** 2n;
    const o = createElement();
    for (let n = 1, power = mod(a * a); n < 6; n++, power = mod(power * power)) {
      field.squareTimes(o, element(a), n);
      expect(valueOf(o)).toBe(power);
    }
    field.power58(o, element(a));
    let expected = 1n;
    for (let e = (P - 5n) / 8n, b = a; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) expected = mod(expected * b);
    expect(valueOf(o)).toBe(expected);
  });

  test('no column can exceed 2^53 units, even of the largest sums of products', () => {
    // What carrying leaves: half of the next limb's unit, and in limb 0 what comes round from the top.
    const most = BIT.slice(0, 12).map((bit, k) => 2 ** (BIT[k + 1]! - bit - 1) + (k === 0 ? 2 ** 13 : 0) + 1);
    for (let k = 0; k < 12; k++) {
      let units = 0;
      for (let i = 0; i < 12; i++) {
        const j = k - i;
        const bits = j >= 0 ? BIT[i]! + BIT[j]! - BIT[k]! : BIT[i]! + BIT[j + 12]! - 255 - BIT[k]!;
        expect(bits).toBeGreaterThanOrEqual(0);
        units += most[i]! * most[(j + 12) % 12]! * 2 ** bits * (j >= 0 ? 1 : 19);
      }
      // point-steps.ts: F is a sum of at most 6 carried numbers, G, H and E of 2: E F and F G are 12 times one product.
      // Rounding needs the sum and 1.5 * 2^52 units of the next limb in one binade.
      expect(12 * units).toBeLessThan(2 ** 53);
      expect(12 * units).toBeLessThan(2 ** (51 + BIT[k + 1]! - BIT[k]!));
      expect(rounder(k, 0)).toBe(1.5 * 2 ** (52 + BIT[k + 1]!));
    }
  });

  test('the host notices a sum that is not exact', () => {
    expect(checkedDot([2 ** 30, 1], [2 ** 22, 1], 0)).toBe(2 ** 52 + 1);
    expect(() => checkedDot([2 ** 30, 1], [2 ** 23, 1], 0)).toThrow(RangeError);
    expect(() => checkedDot(new Uint32Array(1), [1], 0)).toThrow(TypeError);
    expect(plainDot([1, 2, 3], [10, 100], 1)).toBe(100 + 20 + 300);
  });
});

describe('scalars', () => {
  const scalars = createScalars(checked);
  const hash = fc.uint8Array({ minLength: 64, maxLength: 64 });

  test('hash mod L, and k + hash s mod L', () => {
    const scalar = fc.oneof(fc.bigInt(0n, L - 1n), fc.constantFrom(0n, 1n, L - 1n, 2n ** 252n));
    const full = fc.oneof(
      hash,
      fc.constantFrom(
        new Uint8Array(64),
        new Uint8Array(64).fill(255),
        toLittleEndian(L, 64),
        toLittleEndian(L - 1n, 64),
      ),
    );
    fc.assert(
      fc.property(full, scalar, scalar, (h, s, k) => {
        const H = fromLittleEndian(h);
        expect(fromLittleEndian(scalars.toBytes(scalars.reduce(h)))).toBe(H % L);
        const columns = scalars.columns(scalars.fromBytes(toLittleEndian(s)));
        const S = scalars.mulHashAdd(h, columns, scalars.fromBytes(toLittleEndian(k)));
        expect(scalars.mulAdd(h, scalars.fromBytes(toLittleEndian(s)), scalars.fromBytes(toLittleEndian(k)))).toEqual(
          S,
        );
        expect(fromLittleEndian(scalars.toBytes(S))).toBe((k + H * s) % L);
      }),
    );
  });

  test('negation, and signed bits add up', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, L - 1n), fc.integer({ min: 255, max: 280 }), (s, count) => {
        const scalar = scalars.fromBytes(toLittleEndian(s));
        expect(fromLittleEndian(scalars.toBytes(scalars.negate(scalar)))).toBe((L - s) % L);
        const bits = scalars.signedBits(scalar, count);
        let sum = 0n;
        bits.forEach((bit, i) => (sum += (bit ? 1n : -1n) << BigInt(i)));
        expect(bits.length).toBe(count);
        expect(((sum % L) + L) % L).toBe(s);
      }),
    );
  });

  test('halves: small u = v h modulo 8 L, v odd; and v S mod L', () => {
    const halver = createHalver(checked, scalars, createEuclid(checked));
    const h = fc.oneof(
      fc.bigInt(0n, L - 1n),
      fc.constantFrom(0n, 1n, 2n, L - 1n, 2n ** 126n, 2n ** 200n, (L - 1n) / 2n, (L - 1n) / 3n),
    );
    fc.assert(
      fc.property(h, fc.bigInt(0n, L - 1n), (value, S) => {
        const half = halver.halve(scalars.fromBytes(toLittleEndian(value)));
        const u = fromLittleEndian(half.u) * (half.uNegative ? -1n : 1n);
        const v = fromLittleEndian(half.v) * (half.vNegative ? -1n : 1n);
        expect((u - v * value) % (8n * L)).toBe(0n);
        expect(half.v[0]! & 1).toBe(1);
        const product = halver.timesV(half, toLittleEndian(S), 0);
        expect(fromLittleEndian(scalars.toBytes(product))).toBe((((v * S) % L) + L) % L);
      }),
    );
  });

  test('halves of a random scalar are of half the size', () => {
    const halver = createHalver(checked, scalars, createEuclid(checked));
    // Of ten thousand scalars one has a larger half, which is slower, not wrong; these have none.
    for (let i = 0; i < 200; i++) {
      const half = halver.halve(scalars.reduce(random(64)));
      expect(fromLittleEndian(half.u)).toBeLessThan(2n ** 141n);
      expect(fromLittleEndian(half.v)).toBeLessThan(2n ** 141n);
    }
  });

  test('S below L', () => {
    for (const [value, below] of [
      [0n, true],
      [L - 1n, true],
      [L, false],
      [L + 1n, false],
      [2n ** 252n, true],
      [2n ** 256n - 1n, false],
    ] as const) {
      expect(isBelowOrder(toLittleEndian(value), 0)).toBe(below);
    }
    expect(hex(scalars.order())).toBe(hex(toLittleEndian(L)));
  });
});
