/** Sums as people read them, also below nothing and above every amount. */
import { moneyText } from '../../host-bridge/base/money.js';

test.each<[sum: number | bigint, currency: string, text: string]>([
  [350, 'EUR', '3.50 EUR'],
  [0, 'EUR', '0.00 EUR'],
  [-1500, 'EUR', '-15.00 EUR'],
  [-5n, 'KWD', '-0.005 KWD'],
  [Number.MAX_SAFE_INTEGER, 'EUR', '90071992547409.91 EUR'],
  // The first sums that a number cannot hold: no digit of damaged books is lost.
  [9007199254740993n, 'EUR', '90071992547409.93 EUR'],
  [-9223372036854775808n, 'EUR', '-92233720368547758.08 EUR'],
  [10_000_000_000_000_007n, 'JPY', '10000000000000007 JPY'],
  [20_000_000_000_000_000n, 'CLF', '2000000000000.0000 CLF'],
])('%p %s is %s', (sum, currency, text) => {
  expect(moneyText(sum, currency)).toBe(text);
});
