/**
 * A page of payments, as bridge and houses are asked for it: newest first, and where the next page begins. A place in
 * that order is (second of arrival, number), as text `second.number`.
 */

/** What is searched for; a field that is not given does not matter. */
export interface PaymentQuery {
  /** Rows of this page, at most: 1 to `PAYMENTS_MAX`. */
  limit: number;
  /** Where the page begins: `more` of the one before. */
  before?: string;
  /** Unix time of arrival: not before, and before. */
  sinceS?: number;
  untilS?: number;
  amount?: number;
  /** PKU, hexadecimal. */
  token?: string;
  /** Id of a charge (at its bridge alone) or Rs, hexadecimal. */
  charge?: string;
}

/** Most accounts, or sets of pseudonyms, in one page of the office's lists. */
export const LISTED_MAX = 500;

/** Most rows in one page. */
export const PAYMENTS_MAX = 100;

/** A place as text. */
export const cursorOf = (timeS: number, number: number): string => `${timeS}.${number}`;

/** A place; null: the beginning; undefined: no place at all. */
export function readCursor(text: string | undefined): { timeS: number; number: number } | null | undefined {
  if (text === undefined) return null;
  const found = /^([0-9]{1,15})\.([0-9]{1,15})$/.exec(text);
  return found ? { timeS: Number(found[1]), number: Number(found[2]) } : undefined;
}
