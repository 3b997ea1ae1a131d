/** Amounts as people read them, in every currency of ISO 4217. */
import { AMOUNT_MAX } from '../../firmware/core/amount.js';
import { amountText, decimalsOf } from '../../firmware/core/amount-text.js';
import { currencies } from '../../host-bridge/base/currency.js';

test('every currency has the decimals of ISO 4217', () => {
  const all = currencies();
  expect(all.filter(({ code, decimals }) => decimalsOf(code) !== decimals)).toEqual([]);
  expect(all.length).toBeGreaterThan(150);
  expect(new Set(all.map(({ decimals }) => decimals))).toEqual(new Set([0, 2, 3, 4]));
});

test.each<[amount: number, currency: string, text: string]>([
  [0, 'EUR', '0.00 EUR'],
  [5, 'EUR', '0.05 EUR'],
  [350, 'EUR', '3.50 EUR'],
  [350, 'JPY', '350 JPY'],
  [350, 'KWD', '0.350 KWD'],
  [1500, 'IQD', '1.500 IQD'],
  [1500, 'RWF', '1500 RWF'],
  [15, 'CLF', '0.0015 CLF'],
  [AMOUNT_MAX, 'EUR', '90071992547409.91 EUR'],
  [1_000_000_000, 'EUR', '10000000.00 EUR'],
  [1_000_000_007, 'JPY', '1000000007 JPY'],
])('%i %s is %s', (amount, currency, text) => {
  expect(amountText(amount, currency)).toBe(text);
});
