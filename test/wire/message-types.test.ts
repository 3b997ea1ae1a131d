/**
 * The type of a message is its layout: what is misspelt, missing or of another type does not compile. The compiler
 * checks the lines marked `@ts-expect-error` (`npm run check`): one that compiles is an error there.
 */
import { AMOUNT, BYTES, defineMessage, NAME, REST, U8, type MessageOf } from '../../firmware/wire/codec.js';
import type { refund } from '../../firmware/wire/refund.js';

const sample = defineMessage([
  ['kind', U8],
  ['id', BYTES, 2],
  ['currency', 'ascii', 3],
  ['amount', AMOUNT],
  ['shop', NAME],
  ['tail', REST],
]);

/** True where both are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

const good = { kind: 1, id: new Uint8Array(2), currency: 'EUR', amount: 5, shop: 'Cafe', tail: new Uint8Array(1) };

test('each kind of field has its type', () => {
  const isSame: Same<
    MessageOf<typeof sample>,
    { kind: number; id: Uint8Array; currency: string; amount: number; shop: string; tail: Uint8Array }
  > = true;
  const isRefund: Same<MessageOf<typeof refund>, { signature: Uint8Array; body: Uint8Array }> = true;
  expect([isSame, isRefund]).toEqual([true, true]);
  expect(sample.decode(sample.encode(good))).toEqual(good);
});

test('a field that the layout does not have, or of another type, compiles neither there nor back', () => {
  const { amount, ...rest } = good;
  // @ts-expect-error amount is misspelt
  expect(() => sample.encode({ ...rest, ammount: amount })).toThrow(RangeError);
  // @ts-expect-error amount is missing
  expect(() => sample.encode(rest)).toThrow(RangeError);
  // @ts-expect-error an amount is no text
  expect(() => sample.encode({ ...good, amount: '5' })).toThrow(RangeError);
  // @ts-expect-error a name is no bytes
  expect(() => sample.encode({ ...good, shop: new Uint8Array(2) })).toThrow(RangeError);
  // @ts-expect-error a decoded message has the layout's fields and no others
  expect(sample.decode(sample.encode(good))!.ammount).toBe(undefined);
});

test('a kind that there is not, or a length where none belongs, is no layout', () => {
  // @ts-expect-error no kind
  expect(defineMessage([['kind', 'u16']]).layout).toBe('kind,u16');
  // @ts-expect-error bytes have a length
  expect(defineMessage([['id', BYTES]]).layout).toBe('id,bytes');
  // @ts-expect-error a number has none
  expect(defineMessage([['kind', U8, 2]]).layout).toBe('kind,u8,2');
});
