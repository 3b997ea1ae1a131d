/**
 * Which of its n pseudonyms a token shows for a payment (EP 0926637 [0109], [0117]).
 *
 * The choice depends on the journal and on IdS alone, and changes with a debit at the earliest: so OPEN and CHALLENGE
 * agree without anything being kept in between, and a reader that only asks, however often, learns one pseudonym
 * (`per-shop`: one for each name that it gives itself). Left out: a choice by the owner at the button.
 */
import { readU32, writeU32 } from '../core/bytes.js';

/**
 * `rotate`: the one after the pseudonym that paid last, so that each shop meets all n before it meets one again; the
 * default. `random`: drawn anew after each debit: no order, but a pseudonym may come again at once. `per-shop`: always
 * the same at one shop, for who wants to be known there.
 */
export type Policy = 'rotate' | 'random' | 'per-shop';

/** The newest debit: its purse sequence, 0 before the first, and who paid, -1 then. */
export interface LastDebit {
  sequence: number;
  pseudonym: number;
}

/**
 * The pseudonym for the next payment, 0 to count - 1.
 * @param shop IdS as a field: length, characters
 * @param secretHash 32 bytes of bytes, a function that nobody else can compute
 */
export function choosePseudonym(
  policy: Policy,
  count: number,
  last: LastDebit,
  shop: Uint8Array,
  secretHash: (bytes: Uint8Array) => Uint8Array,
): number {
  if (count === 1) return 0;
  if (policy === 'rotate') return (last.pseudonym + 1) % count;
  let label = shop;
  if (policy === 'random') {
    label = new Uint8Array(4);
    writeU32(label, 0, last.sequence);
  }
  return readU32(secretHash(label), 0) % count;
}
