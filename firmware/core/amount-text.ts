/**
 * An amount as people read it: "3.50 EUR". For displays and logs; nothing is ever parsed back from it.
 */

/** Currencies whose minor unit is not a hundredth (ISO 4217). */
const NO_DECIMALS = ['JPY', 'KRW', 'CLP', 'VND', 'ISK', 'XAF', 'XOF', 'PYG', 'UGX'];
const THREE_DECIMALS = ['BHD', 'JOD', 'KWD', 'OMR', 'TND'];

/**
 * The text of a balance or amount with its currency.
 * @param amount 0 to 2^53 - 1 minor units
 * @param currency ISO 4217, three letters
 */
export function amountText(amount: number, currency: string): string {
  // In two halves below 10^9: Espruino prints a number with about 12 digits, an amount has up to 16.
  const high = Math.floor(amount / 1000000000);
  let digits = '' + (amount - high * 1000000000);
  if (high > 0) {
    while (digits.length < 9) digits = '0' + digits;
    digits = high + digits;
  }
  const decimals = NO_DECIMALS.indexOf(currency) >= 0 ? 0 : THREE_DECIMALS.indexOf(currency) >= 0 ? 3 : 2;
  while (digits.length <= decimals) digits = '0' + digits;
  if (decimals === 0) return digits + ' ' + currency;
  const point = digits.length - decimals;
  return digits.substr(0, point) + '.' + digits.substr(point) + ' ' + currency;
}
