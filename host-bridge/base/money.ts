/** Amounts of the host's texts: `amountText` of firmware/core, for what may be negative or larger than an amount. */
import { amountText } from '../../firmware/core/amount-text.js';

/** What amounts are in where nobody says another, ISO 4217. The one place that names it. */
export const STANDARD_CURRENCY = 'EUR';

/** More than any amount; its digits are a one and fifteen noughts, behind which the point of every currency stands. */
const FRONT = 10n ** 15n;

/**
 * The text of a sum with its currency: "-3.50 EUR". No digit is lost, also where damaged books hold more than an amount
 * can be.
 * @param amount minor units; a number is whole and at most 2^53 - 1 either way
 * @param currency ISO 4217, three letters
 */
export function moneyText(amount: number | bigint, currency: string): string {
  const sign = amount < 0 ? '-' : '';
  const size = amount < 0 ? -amount : amount;
  if (size <= Number.MAX_SAFE_INTEGER) return sign + amountText(Number(size), currency);
  const whole = BigInt(size);
  return `${sign}${whole / FRONT}${amountText(Number(FRONT + (whole % FRONT)), currency).slice(1)}`;
}
