/**
 * Rules of cash between two houses: the bank keeps the accounts, the issuer the counters EBC (schemes 2 to 6).
 *
 * At the bank `out` is what left accounts as cash, less what shops deposited. At the issuer `bank` is what it issued
 * for the bank, less what came back, with its sign turned: 0 or less. EP 0926637 [0040], [0043], [0067]-[0068],
 * [0077]-[0080].
 */
import { isAmount } from '../../firmware/core/amount.js';
import { refusal, type Result } from '../base/errors.js';
import { abcOf, isOverspent, transfer, type Balances, type Entry } from './rules.js';
import type { Numbers } from '../base/services/procedures.js';

/** Cash that left the bank's accounts. */
export const OUT = 'out';
/** The bank, as the issuer has it. */
export const BANK = 'bank';

/** What a draw is judged by. */
export interface DrawFacts {
  name: string;
  /** 0 moves nothing: a registration, or a question for a missed receipt. */
  amount: number;
  accountExists: boolean;
  closed: boolean;
  balances: Balances;
}

/**
 * [0040], [0067]: ABC - x. Codes: ACCOUNT_UNKNOWN, ACCOUNT_CLOSED, AMOUNT_INVALID, FUNDS_INSUFFICIENT,
 * BALANCE_TOO_LARGE.
 */
export function ruleDraw(facts: DrawFacts): Result<{ entries: Entry[] }> {
  if (!facts.accountExists) return refusal('ACCOUNT_UNKNOWN');
  if (facts.closed) return refusal('ACCOUNT_CLOSED');
  if (facts.amount === 0) return { ok: true, entries: [] };
  return transfer(facts.amount, abcOf(facts.name), OUT, facts.balances);
}

/** A draw whose request the issuer refused for good goes back. Nothing can stop it: the money is there. */
export function ruleDrawback(facts: {
  name: string;
  amount: number;
  balances: Balances;
}): Result<{ entries: Entry[] }> {
  if (facts.amount === 0) return { ok: true, entries: [] };
  return transfer(facts.amount, OUT, abcOf(facts.name), facts.balances);
}

/** What an issue is judged by. */
export interface IssueFacts {
  ebc: string;
  /** Number of the receipt asked for, and of the next one that this EBC will have. */
  number: number;
  nextNumber: number;
  amount: number;
  /** What the bank drew, or the coupon's worth. */
  drawn: number;
  /** The pseudonym is the first of a set that is registered here. */
  known: boolean;
  denied: boolean;
  /** Every license of the set is over, as far as this house signed them: what was issued could not be paid with. */
  licenseOver: boolean;
  balances: Balances;
}

/**
 * [0043], [0068]: EBC + x. An amount of 0 asks for a receipt that was missed. Codes: FUNDS_INSUFFICIENT (the bank drew
 * nothing), AMOUNT_MISMATCH, PSEUDONYM_UNKNOWN, RECEIPT_GAP (the number was given before), RECEIPT_AHEAD, DENIED,
 * LICENSE_EXPIRED, AMOUNT_INVALID, BALANCE_TOO_LARGE.
 */
export function ruleIssue(facts: IssueFacts): Result<{ entries: Entry[] }> {
  const { amount, drawn, number, nextNumber } = facts;
  if (amount !== drawn) return refusal(drawn === 0 ? 'FUNDS_INSUFFICIENT' : 'AMOUNT_MISMATCH');
  if (!facts.known) return refusal('PSEUDONYM_UNKNOWN');
  if (number < nextNumber) return refusal('RECEIPT_GAP');
  if (number > nextNumber) return refusal('RECEIPT_AHEAD');
  if (amount === 0) return { ok: true, entries: [] };
  if (facts.denied) return refusal('DENIED');
  if (facts.licenseOver) return refusal('LICENSE_EXPIRED');
  return transfer(amount, BANK, facts.ebc, facts.balances);
}

/** What a return is judged by. */
export interface ReturnFacts {
  ebc: string;
  amount: unknown;
  stored: { sameChallenge: boolean } | null;
  /** Its payer has got it back (rules-refund.ts). */
  reconciled: boolean;
  /** Its payer's window is over by this clock, and nothing was given back yet. */
  claimDue?: boolean;
  balances: Balances;
}

/**
 * [0055], [0080]: EBC - y. The bank has judged license and tombstone. Codes: AMOUNT_INVALID, CHALLENGE_CONFLICT,
 * RECONCILED, CLAIM_DUE, BALANCE_TOO_LARGE.
 */
export function ruleReturn(facts: ReturnFacts): Result<{ repeated: boolean; overspent: boolean; entries: Entry[] }> {
  if (!isAmount(facts.amount)) return refusal('AMOUNT_INVALID');
  if (facts.stored)
    return facts.stored.sameChallenge
      ? { ok: true, repeated: true, overspent: false, entries: [] }
      : refusal('CHALLENGE_CONFLICT');
  if (facts.reconciled) return refusal('RECONCILED');
  if (facts.claimDue) return refusal('CLAIM_DUE');
  const moved = transfer(facts.amount, facts.ebc, BANK, facts.balances);
  if (!moved.ok) return moved;
  return {
    ok: true,
    repeated: false,
    overspent: isOverspent(facts.ebc, facts.amount, facts.balances),
    entries: moved.entries,
  };
}

/**
 * Conservation over both houses (docs/security.md 6): accounts, counters, draws whose reply is not there yet coupons
 * not yet redeemed and releases not yet credited, less histories not yet returned, are what was put in. @param issuer
 * null where one house has both
 */
export function conservationOf(accounts: Numbers, issuer: Numbers | null): { ok: boolean; in: number; held: number } {
  const both = issuer ?? accounts;
  const between =
    accounts.drawsPending +
    accounts.couponsSigned -
    both.couponsRedeemed -
    accounts.unreturned +
    (both.released - accounts.released);
  const held = accounts.abc + both.ebc + between;
  const booked = accounts.held === accounts.in && both.held === both.in;
  return { ok: booked && held === accounts.in, in: accounts.in, held };
}
