/**
 * Every message: round trip, one encoding only, every truncation refused, hostile bytes never throw.
 */
import { fc } from '../kit/properties.js';
import { anyMessage, layouts, fieldsOf } from './layouts.js';
import { challenge } from '../../firmware/wire/payment.js';
import { extent } from '../kit/extent.js';

test('there are messages in every module', () => {
  expect(new Set(layouts.map((layout) => layout.module)).size).toBe(10);
  expect(layouts.length).toBeGreaterThan(25);
});

describe.each(layouts.map((layout) => [`${layout.module} ${layout.name}`, layout.codec] as const))('%s', (_, codec) => {
  const hasRest = fieldsOf(codec).some(([, kind]) => kind === 'rest');

  test('comes back as it went', () => {
    fc.assert(
      fc.property(anyMessage(codec), (message) => {
        expect(codec.decode(codec.encode(message))).toEqual(message);
      }),
      { numRuns: 50 },
    );
  });

  test('what decodes encodes to the same bytes, and nothing throws', () => {
    const mutated = fc
      .tuple(anyMessage(codec), fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([message, at, flip]) => {
        const bytes = codec.encode(message);
        if (bytes.length > 0) bytes[at % bytes.length] ^= flip;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        const message = codec.decode(bytes);
        if (message !== null) expect(codec.encode(message)).toEqual(bytes);
      }),
      { numRuns: 200 },
    );
  });

  test('every truncation and every extra byte is refused', () => {
    fc.assert(
      fc.property(anyMessage(codec), (message) => {
        const bytes = codec.encode(message);
        if (!hasRest) {
          for (let length = 0; length < bytes.length; length++)
            expect(codec.decode(bytes.subarray(0, length))).toBeNull();
          expect(codec.decode(new Uint8Array([...bytes, 0]))).toBeNull();
        }
      }),
      { numRuns: extent(4, 10) },
    );
  });
});

test.each([0, -1, 0.1, NaN, Infinity, '5', 2 ** 53, 2 ** 63, -0, null])('the amount %p is never encoded', (amount) => {
  const message = {
    issuer: new Uint8Array(4),
    currency: 'EUR',
    amount: amount as number,
    timeS: 1,
    counter: 1,
    rs: new Uint8Array(16),
    shop: 'Cafe',
  };
  expect(() => challenge.encode(message)).toThrow(RangeError);
  expect(() => challenge.encode({ ...message, amount: 1 })).not.toThrow();
});

test('an amount of 0 or above 2^53 - 1 is never decoded', () => {
  const bytes = challenge.encode({
    issuer: new Uint8Array(4),
    currency: 'EUR',
    amount: 1,
    timeS: 1,
    counter: 1,
    rs: new Uint8Array(16),
    shop: 'Cafe',
  });
  expect(challenge.decode(bytes)).not.toBeNull();
  for (const eight of [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [0, 32, 0, 0, 0, 0, 0, 0],
    [128, 0, 0, 0, 0, 0, 0, 0],
    [255, 255, 255, 255, 255, 255, 255, 255],
  ]) {
    bytes.set(eight, 7);
    expect(challenge.decode(bytes)).toBeNull();
  }
});
