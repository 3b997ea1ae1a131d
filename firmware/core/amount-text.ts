/**
 * An amount as people read it: "3.50 EUR". For displays and logs; nothing is ever parsed back from it.
 */

/**
 * Currencies whose minor unit is not a hundredth, by the decimals that they have (ISO 4217, list one). Texts, because
 * an array takes a board two variables an entry. test/core compares them with the list.
 */
const NO_DECIMALS = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF';
const THREE_DECIMALS = 'BHD IQD JOD KWD LYD OMR TND';
const FOUR_DECIMALS = 'CLF UYW';

/** Decimals of a currency's amounts. @param currency ISO 4217, three letters */
export function decimalsOf(currency: string): number {
  if (NO_DECIMALS.indexOf(currency) >= 0) return 0;
  if (THREE_DECIMALS.indexOf(currency) >= 0) return 3;
  return FOUR_DECIMALS.indexOf(currency) >= 0 ? 4 : 2;
}

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
  const decimals = decimalsOf(currency);
  while (digits.length <= decimals) digits = '0' + digits;
  if (decimals === 0) return digits + ' ' + currency;
  const point = digits.length - decimals;
  return digits.substr(0, point) + '.' + digits.substr(point) + ' ' + currency;
}
