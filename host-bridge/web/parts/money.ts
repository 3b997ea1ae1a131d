/** Amounts as people type and read them. Minor units everywhere else. */
import { AMOUNT_MAX } from '../../../firmware/core/amount.js';

/** Currency and decimals, once its server has said them. */
export interface Money {
  currency: string;
  decimals: number;
}

/** What stands between units and their parts in a language: "." or ",". */
export function separatorOf(language: string): string {
  const parts = new Intl.NumberFormat(language).formatToParts(1.5);
  return parts.find(({ type }) => type === 'decimal')?.value === ',' ? ',' : '.';
}

/**
 * An amount as it was typed: "3", "3.50", "3,5". Thousands are not set apart: "1,000" is a whole to some and a
 * fraction to others, so it is none. @returns minor units; null where it is no amount
 */
export function readAmount(text: string, { decimals }: Money): number | null {
  const found = /^([0-9]{1,15})(?:[.,]([0-9]{0,4}))?$/.exec(text.trim());
  const fraction = found?.[2] ?? '';
  if (!found || fraction.length > decimals) return null;
  const amount = Number(found[1] + fraction.padEnd(decimals, '0'));
  return Number.isSafeInteger(amount) && amount > 0 && amount <= AMOUNT_MAX ? amount : null;
}

/** An amount for people. @param amount minor units; of a counter also below 0 */
export function showAmount(amount: number, { currency, decimals }: Money, language: string): string {
  if (amount < 0) return `−${showAmount(-amount, { currency, decimals }, language)}`;
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  // As text: a number of this size has no exact decimals.
  const text = amount.toString().padStart(decimals + 1, '0');
  const whole = decimals > 0 ? `${text.slice(0, -decimals)}.${text.slice(-decimals)}` : text;
  return new Intl.NumberFormat(language, { style: 'currency', currency, ...digits }).format(whole as unknown as number);
}
