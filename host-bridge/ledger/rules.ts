/**
 * The rules of the books: what may be posted, decided from facts alone.
 *
 * Double entry: a posting is a list of changes to accounts that sums to 0. Kinds of account: `in` (money put in, less
 * what was paid out, so always 0 or less), `abc:NAME` (the account ABC of a name, never below 0) and `ebc:PKU` (the
 * counter EBC of a pseudonym, below 0 when it was overspent); and where bank and issuer are two houses, `out` at the
 * bank and `bank` at the issuer (rules-bank.ts). Each rule checks its guards in the order written; the first that does
 * not hold names the result, and nothing is posted. EP 0926637 [0018], [0030], [0031].
 *
 * Left out: signatures and encodings (the actors check them before they ask), and storage.
 */
import { AMOUNT_MAX, isAmount } from '../../firmware/core/amount.js';
import { isName } from '../../firmware/wire/name.js';
import { refusal, type Result } from '../base/errors.js';

/** One change of one account, in minor units. */
export interface Entry {
  account: string;
  delta: number;
}

/** Balances by account, in minor units; an account that is not named has 0. */
export type Balances = Record<string, number>;

/** Where money put in comes from, and money paid out goes to. */
export const IN = 'in';

/** The account ABC of a name. */
export function abcOf(name: string): string {
  return 'abc:' + name;
}

/** The counter EBC of a pseudonym. @param pku 64 hexadecimal digits */
export function ebcOf(pku: string): string {
  return 'ebc:' + pku;
}

/**
 * Moves `amount` from one account to another, if both balances may be what they would become.
 * Codes: AMOUNT_INVALID, FUNDS_INSUFFICIENT, BALANCE_TOO_LARGE.
 */
export function transfer(amount: unknown, from: string, to: string, balances: Balances): Result<{ entries: Entry[] }> {
  if (!isAmount(amount)) return refusal('AMOUNT_INVALID');
  if (from === to) throw new TypeError('a transfer needs two accounts');
  // Sums of two integers within 2^53 - 1 may lose their last bit, but are then certainly outside the limits.
  const fromAfter = (balances[from] ?? 0) - amount;
  const toAfter = (balances[to] ?? 0) + amount;
  if (from.startsWith('abc:') && fromAfter < 0) return refusal('FUNDS_INSUFFICIENT');
  if (fromAfter < -AMOUNT_MAX || toAfter > AMOUNT_MAX) return refusal('BALANCE_TOO_LARGE');
  return {
    ok: true,
    entries: [
      { account: from, delta: -amount },
      { account: to, delta: amount },
    ],
  };
}

/** What opening an account is judged by. */
export interface OpenFacts {
  name: unknown;
  /** 64 hexadecimal digits, or null for an account that only receives. */
  accountKey: string | null;
  keyIsLicensable: boolean;
  /** The account of this name. */
  existing: { accountKey: string | null; closed: boolean } | null;
  /** Name of the account that has this key. */
  keyOwner: string | null;
}

/**
 * Codes: NAME_INVALID, KEY_INVALID, NAME_TAKEN, ACCOUNT_CLOSED, KEY_TAKEN. Opened again with the same key it is a
 * repetition.
 */
export function ruleOpen(facts: OpenFacts): Result<{ repeated: boolean }> {
  if (!isName(facts.name)) return refusal('NAME_INVALID');
  if (facts.accountKey !== null && !facts.keyIsLicensable) return refusal('KEY_INVALID');
  if (facts.existing && facts.existing.accountKey !== facts.accountKey) return refusal('NAME_TAKEN');
  // A closed account keeps its name, so that old evidence names one owner.
  if (facts.existing) return facts.existing.closed ? refusal('ACCOUNT_CLOSED') : { ok: true, repeated: true };
  if (facts.keyOwner !== null) return refusal('KEY_TAKEN');
  return { ok: true, repeated: false };
}

/** What closing an account is judged by. */
export interface CloseFacts {
  exists: boolean;
  closed: boolean;
  balance: number;
  /** Sum of the counters that this house knows to be the name's: cash that is still out. */
  counters: number;
  /** Requests and claims about it that are not decided. */
  undecided: number;
}

/**
 * An account is closed when nothing is in it and nothing about it is open. Codes: ACCOUNT_UNKNOWN, ACCOUNT_NOT_EMPTY,
 * ACCOUNT_BUSY.
 */
export function ruleClose(facts: CloseFacts): Result<{ repeated: boolean }> {
  if (!facts.exists) return refusal('ACCOUNT_UNKNOWN');
  if (facts.closed) return { ok: true, repeated: true };
  if (facts.balance !== 0 || facts.counters !== 0) return refusal('ACCOUNT_NOT_EMPTY');
  return facts.undecided > 0 ? refusal('ACCOUNT_BUSY') : { ok: true, repeated: false };
}

/** Money put in. Codes: ACCOUNT_UNKNOWN, AMOUNT_INVALID, BALANCE_TOO_LARGE. */
export function ruleFund(facts: {
  name: string;
  amount: unknown;
  exists: boolean;
  balances: Balances;
}): Result<{ entries: Entry[] }> {
  if (!facts.exists) return refusal('ACCOUNT_UNKNOWN');
  return transfer(facts.amount, IN, abcOf(facts.name), facts.balances);
}

/**
 * Money that leaves an account for the world outside, under a reference by which it is found there. Codes:
 * REASON_MISSING (no reference), ACCOUNT_UNKNOWN, AMOUNT_INVALID, FUNDS_INSUFFICIENT.
 */
export function rulePayout(facts: {
  name: string;
  amount: unknown;
  reference: unknown;
  exists: boolean;
  balances: Balances;
}): Result<{ entries: Entry[] }> {
  if (!isReason(facts.reference)) return refusal('REASON_MISSING', 'reference');
  if (!facts.exists) return refusal('ACCOUNT_UNKNOWN');
  return transfer(facts.amount, abcOf(facts.name), IN, facts.balances);
}

/** What a withdrawal is judged by. */
export interface WithdrawFacts {
  name: string;
  pku: string;
  /** Number of the receipt asked for. */
  number: number;
  amount: unknown;
  accountExists: boolean;
  /** Name that the pseudonym is bound to since its first withdrawal. */
  owner: string | null;
  /** Number that the next receipt of this EBC will have. */
  nextNumber: number;
  /** The receipt given under this number: for what, or `other` for one that is no withdrawal. */
  given: { name: string | null; amount: number } | 'other' | null;
  denied: boolean;
  /** Most held by the class of the account's licenses. */
  holdMax: number;
  balances: Balances;
}

/**
 * [0018]: ABC - x, EBC + x. Codes: AMOUNT_INVALID, ACCOUNT_UNKNOWN, PSEUDONYM_TAKEN, RECEIPT_MISSED, RECEIPT_AHEAD,
 * DENIED, FUNDS_INSUFFICIENT, BALANCE_TOO_LARGE, CLASS_LIMIT. A number already used for the same (name, x) is a
 * repetition.
 */
export function ruleWithdraw(facts: WithdrawFacts): Result<{ repeated: boolean; entries: Entry[] }> {
  const { name, pku, number, amount, given } = facts;
  if (!isAmount(amount)) return refusal('AMOUNT_INVALID');
  if (!facts.accountExists) return refusal('ACCOUNT_UNKNOWN');
  if (facts.owner !== null && facts.owner !== name) return refusal('PSEUDONYM_TAKEN');
  if (given !== null && given !== 'other' && given.name === name && given.amount === amount)
    return { ok: true, repeated: true, entries: [] };
  if (given !== null || number < facts.nextNumber) return refusal('RECEIPT_MISSED');
  if (number > facts.nextNumber) return refusal('RECEIPT_AHEAD');
  if (facts.denied) return refusal('DENIED');
  const moved = transfer(amount, abcOf(name), ebcOf(pku), facts.balances);
  if (!moved.ok) return moved;
  if (amount > facts.holdMax - (facts.balances[ebcOf(pku)] ?? 0)) return refusal('CLASS_LIMIT');
  return { ok: true, repeated: false, entries: moved.entries };
}

/** Why a house does not judge now what it will judge later: by its clock, or by what it forgot at a restore. */
export type Wait = 'CLOCK_DOUBTED' | 'HELD';

/** What a deposit is judged by. */
export interface DepositFacts {
  /** Account that pays: EBC, or `out` where the bank keeps the accounts. */
  from: string;
  /** ABC of the shop. */
  to: string;
  amount: unknown;
  /** The history stored under the same (PKU, IdS, Rs), and whether it has the same challenge. */
  stored: { sameChallenge: boolean } | null;
  tombstoned: boolean;
  /** Its payer has got it back (rules-refund.ts). */
  reconciled: boolean;
  /** Its payer's window is over, and the payer has not come for it yet: by this clock, which may be wrong. */
  claimDue?: boolean;
  /** Most in one payment by the class of its license. */
  paymentMax: number;
  /** The house cannot tell now whether a license or a claim's window is over; null: it can. */
  wait: Wait | null;
  /** By the time of arrival, grace included. */
  licenseValid: boolean;
  shopExists: boolean;
  shopClosed: boolean;
  balances: Balances;
}

/**
 * [0030]: EBC - y, ABC of the shop + y. Codes: AMOUNT_INVALID, CHALLENGE_CONFLICT, TOMBSTONED, RECONCILED,
 * CLOCK_DOUBTED, HELD, CLAIM_DUE, CLASS_LIMIT, LICENSE_EXPIRED, ACCOUNT_UNKNOWN, ACCOUNT_CLOSED, BALANCE_TOO_LARGE. EBC
 * may become negative: then `overspent` is true [0031].
 */
export function ruleDeposit(facts: DepositFacts): Result<{ repeated: boolean; overspent: boolean; entries: Entry[] }> {
  if (!isAmount(facts.amount)) return refusal('AMOUNT_INVALID');
  // The identity comes before every other guard: what was credited once stays credited, whatever expired since.
  if (facts.stored)
    return facts.stored.sameChallenge
      ? { ok: true, repeated: true, overspent: false, entries: [] }
      : refusal('CHALLENGE_CONFLICT');
  if (facts.tombstoned) return refusal('TOMBSTONED');
  if (facts.reconciled) return refusal('RECONCILED');
  if (facts.wait) return refusal(facts.wait);
  if (facts.claimDue) return refusal('CLAIM_DUE');
  if (facts.amount > facts.paymentMax) return refusal('CLASS_LIMIT');
  if (!facts.licenseValid) return refusal('LICENSE_EXPIRED');
  if (!facts.shopExists) return refusal('ACCOUNT_UNKNOWN');
  if (facts.shopClosed) return refusal('ACCOUNT_CLOSED');
  const moved = transfer(facts.amount, facts.from, facts.to, facts.balances);
  if (!moved.ok) return moved;
  return {
    ok: true,
    repeated: false,
    overspent: isOverspent(facts.from, facts.amount, facts.balances),
    entries: moved.entries,
  };
}

/** What an unloading is judged by, before the token is debited. */
export interface UnloadFacts {
  /** The name's account is there, is open, and has the token's account key. */
  exists: boolean;
  closed: boolean;
  isOwner: boolean;
  amount: number;
  /** Most in one payment by the class of its license. */
  paymentMax: number;
  /** By the house's clock, grace included: as at the deposit that follows. */
  licenseValid: boolean;
}

/**
 * Cash from a token to its owner's account is a deposit, and a debit cannot be taken back: so all that the deposit will
 * be judged by, and whose account it is, is judged before. Codes: ACCOUNT_UNKNOWN, ACCOUNT_CLOSED, WRONG_NAME,
 * CLASS_LIMIT, LICENSE_EXPIRED.
 */
export function ruleUnload(facts: UnloadFacts): Result<object> {
  if (!facts.exists) return refusal('ACCOUNT_UNKNOWN');
  if (facts.closed) return refusal('ACCOUNT_CLOSED');
  if (!facts.isOwner) return refusal('WRONG_NAME');
  if (facts.amount > facts.paymentMax) return refusal('CLASS_LIMIT');
  return facts.licenseValid ? { ok: true } : refusal('LICENSE_EXPIRED');
}

/** Whether taking the amount leaves an EBC negative. */
export function isOverspent(account: string, amount: number, balances: Balances): boolean {
  return account.startsWith('ebc:') && (balances[account] ?? 0) - amount < 0;
}

/** A cancelled charge: tombstone or deposit, never both. Codes: ALREADY_PAID. */
export function ruleTombstone(facts: { stored: boolean; deposited: boolean }): Result<{ repeated: boolean }> {
  if (facts.stored) return { ok: true, repeated: true };
  if (facts.deposited) return refusal('ALREADY_PAID');
  return { ok: true, repeated: false };
}

/** A terminal's key. Codes: ACCOUNT_UNKNOWN, KEY_INVALID, TERMINAL_TAKEN. */
export function ruleTerminal(facts: {
  shopExists: boolean;
  keyIsLicensable: boolean;
  key: string;
  registeredKey: string | null;
}): Result<{ repeated: boolean }> {
  if (!facts.shopExists) return refusal('ACCOUNT_UNKNOWN');
  if (!facts.keyIsLicensable) return refusal('KEY_INVALID');
  if (facts.registeredKey === null) return { ok: true, repeated: false };
  return facts.registeredKey === facts.key ? { ok: true, repeated: true } : refusal('TERMINAL_TAKEN');
}

/**
 * [0031]: the name comes out only when EBC is negative. Codes: REASON_MISSING, PSEUDONYM_UNKNOWN, NOT_OVERSPENT, HELD,
 * OWNER_UNKNOWN.
 */
export function ruleTrace(facts: {
  why: unknown;
  known: boolean;
  ebc: number;
  owner: string | null;
  /** The house was restored, and may have forgotten cash that it gave to this set (docs/restore.md, rule 2). */
  held: boolean;
}): Result<{ name: string }> {
  if (!isReason(facts.why)) return refusal('REASON_MISSING');
  if (!facts.known) return refusal('PSEUDONYM_UNKNOWN');
  if (facts.ebc >= 0) return refusal('NOT_OVERSPENT');
  if (facts.held) return refusal('HELD');
  if (facts.owner === null) return refusal('OWNER_UNKNOWN');
  return { ok: true, name: facts.owner };
}

/** An operator's denial. Codes: REASON_MISSING, DENY_LIST_FULL. */
export function ruleDeny(facts: {
  why: unknown;
  denied: boolean;
  listed: number;
  listMax: number;
}): Result<{ repeated: boolean }> {
  if (!isReason(facts.why)) return refusal('REASON_MISSING');
  if (facts.denied) return { ok: true, repeated: true };
  if (facts.listed >= facts.listMax) return refusal('DENY_LIST_FULL');
  return { ok: true, repeated: false };
}

/** Another terminal has taken the place of one, or that is taken back. Codes: REASON_MISSING. */
export function ruleRetire(facts: {
  why: unknown;
  retired: boolean;
  wasRetired: boolean;
}): Result<{ repeated: boolean }> {
  if (!isReason(facts.why)) return refusal('REASON_MISSING');
  return { ok: true, repeated: facts.retired === facts.wasRetired };
}

/** [0015]: one name for a pseudonym. Codes: KEY_INVALID, PSEUDONYM_TAKEN, PSEUDONYM_LIMIT. */
export function ruleRegister(facts: {
  name: string;
  keyIsLicensable: boolean;
  registeredName: string | null;
  pseudonymsOfName: number;
  pseudonymsMax: number;
}): Result<{ repeated: boolean }> {
  if (!facts.keyIsLicensable) return refusal('KEY_INVALID');
  if (facts.registeredName !== null)
    return facts.registeredName === facts.name ? { ok: true, repeated: true } : refusal('PSEUDONYM_TAKEN');
  if (facts.pseudonymsOfName >= facts.pseudonymsMax) return refusal('PSEUDONYM_LIMIT');
  return { ok: true, repeated: false };
}

/** Whether a text can stand in a record as the reason: 1 to 200 characters, not only spaces. */
export function isReason(why: unknown): boolean {
  return typeof why === 'string' && why.trim().length >= 1 && why.length <= 200;
}
