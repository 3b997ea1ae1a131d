/**
 * Rules of money that comes back to its payer, beyond the patent: a refund by the shop, and a debit that no shop
 * deposited. As in rules.ts: facts in, a named result out, guards in the order written.
 */
import { isAmount } from '../../firmware/core/amount.js';
import { refusal, type Result } from '../base/errors.js';
import { isReason, transfer, type Balances, type Entry, type Wait } from './rules.js';

/** What a refund is judged by. */
export interface RefundFacts {
  /** ABC of the shop. */
  from: string;
  /** What paid for the history: EBC, or `out` where the bank keeps the accounts. */
  to: string;
  amount: unknown;
  /** The refund known under this id: with the same content, or another; `undone` where the issuer refused it. */
  stored: 'same' | 'other' | 'undone' | null;
  /** The payment, with what went back of it already; null where no such history was deposited. */
  paid: { amount: number; refunded: number; returned: boolean } | null;
  balances: Balances;
}

/**
 * ABC of the shop - a, EBC + a. Codes: AMOUNT_INVALID, REQUEST_ID_REUSED, REFUND_UNDONE, HISTORY_UNKNOWN, NOT_RETURNED,
 * REFUND_TOO_LARGE, FUNDS_INSUFFICIENT, BALANCE_TOO_LARGE. The same refund again is a repetition.
 */
export function ruleRefund(facts: RefundFacts): Result<{ repeated: boolean; entries: Entry[] }> {
  const { amount, stored, paid } = facts;
  if (!isAmount(amount)) return refusal('AMOUNT_INVALID');
  if (stored === 'other') return refusal('REQUEST_ID_REUSED');
  if (stored === 'undone') return refusal('REFUND_UNDONE');
  if (stored === 'same') return { ok: true, repeated: true, entries: [] };
  if (!paid) return refusal('HISTORY_UNKNOWN');
  if (!paid.returned) return refusal('NOT_RETURNED');
  if (amount > paid.amount - paid.refunded) return refusal('REFUND_TOO_LARGE');
  const moved = transfer(amount, facts.from, facts.to, facts.balances);
  return moved.ok ? { ok: true, repeated: false, entries: moved.entries } : moved;
}

/** What a claim is judged by. */
export interface ClaimFacts {
  /** The issuer ever gave cash to this pseudonym, or the house cannot know. */
  known: boolean;
  deposited: boolean;
  /** The shop cancelled the charge. */
  buried: boolean;
  /** The claim known for this debit. */
  stored: { sameChallenge: boolean; dueS: number; granted: boolean } | null;
  nowS: number;
  windowS: number;
  /** The house cannot tell now whether the window is over, or whether the shop was heard; null: it can. */
  wait: Wait | null;
}

/** What becomes of a claim: `open` until its window is over, then `granted` for good. */
export interface ClaimRuling {
  state: 'open' | 'granted';
  dueS: number;
  repeated: boolean;
}

/**
 * A debit comes back when its shop cancelled the charge, or did not deposit it within the window. Codes:
 * PSEUDONYM_UNKNOWN, ALREADY_PAID, CHALLENGE_CONFLICT, CLOCK_DOUBTED, HELD. A claim is granted once; from then on
 * `ruleDeposit` refuses the history.
 */
export function ruleClaim(facts: ClaimFacts): Result<ClaimRuling> {
  const { stored, nowS } = facts;
  if (!facts.known) return refusal('PSEUDONYM_UNKNOWN');
  if (facts.deposited) return refusal('ALREADY_PAID');
  if (stored && !stored.sameChallenge) return refusal('CHALLENGE_CONFLICT');
  const dueS = stored ? stored.dueS : nowS + facts.windowS;
  if (stored?.granted) return { ok: true, state: 'granted', dueS, repeated: true };
  // A tombstone is the shop's word: it depends on no deposit that the house may have forgotten.
  if (facts.wait && !(facts.wait === 'HELD' && facts.buried)) return refusal(facts.wait);
  if (facts.buried || nowS >= dueS) return { ok: true, state: 'granted', dueS: Math.min(dueS, nowS), repeated: false };
  return { ok: true, state: 'open', dueS, repeated: stored !== null };
}

/**
 * Whether a claim keeps a history from being credited: it was granted, or its window is over and nobody has asked yet.
 */
export function isReconciled(claim: { dueS: number; grantedS: number | null } | null, nowS: number): boolean {
  return claim !== null && (claim.grantedS !== null || nowS >= claim.dueS);
}

/** The same as two facts: what was given back stays so, and a window that is over is over by this clock alone. */
export function claimFacts(
  claim: { dueS: number; grantedS: number | null } | null,
  nowS: number,
): { reconciled: boolean; claimDue: boolean } {
  const reconciled = claim !== null && claim.grantedS !== null;
  return { reconciled, claimDue: !reconciled && isReconciled(claim, nowS) };
}

/** Why a house leaves a history or a claim unjudged for now. @param claim the one for its debit */
export function waitOf(facts: {
  clockDoubted: boolean;
  restored: boolean;
  claim: { dueS: number; grantedS: number | null } | null;
  nowS: number;
}): Wait | null {
  if (facts.clockDoubted) return 'CLOCK_DOUBTED';
  // It was perhaps granted after the backup, or the shop credited.
  return facts.restored && facts.claim?.grantedS === null && facts.nowS >= facts.claim.dueS ? 'HELD' : null;
}

/** A token is reported lost. Codes: REASON_MISSING, PSEUDONYM_UNKNOWN. */
export function ruleLose(facts: { why: unknown; known: boolean; lost: boolean }): Result<{ repeated: boolean }> {
  if (!isReason(facts.why)) return refusal('REASON_MISSING');
  if (!facts.known) return refusal('PSEUDONYM_UNKNOWN');
  return { ok: true, repeated: facts.lost };
}

/** What a release is judged by. */
export interface ReleaseFacts {
  ebc: string;
  /** ABC of the owner, or the bank's account at the issuer. */
  to: string;
  loss: { dueS: number } | null;
  /** Something was released before. */
  released: boolean;
  clockDoubted: boolean;
  nowS: number;
  balances: Balances;
}

/**
 * EBC to its owner, all of it. Codes: NOT_LOST, CLOCK_DOUBTED, LOSS_EARLY, NOTHING_LEFT, BALANCE_TOO_LARGE. With
 * nothing new it is a repetition.
 */
export function ruleRelease(facts: ReleaseFacts): Result<{ repeated: boolean; entries: Entry[] }> {
  const left = facts.balances[facts.ebc] ?? 0;
  if (!facts.loss) return refusal('NOT_LOST');
  if (facts.clockDoubted) return refusal('CLOCK_DOUBTED');
  if (facts.nowS < facts.loss.dueS) return refusal('LOSS_EARLY');
  if (left <= 0) return facts.released ? { ok: true, repeated: true, entries: [] } : refusal('NOTHING_LEFT');
  const moved = transfer(left, facts.ebc, facts.to, facts.balances);
  return moved.ok ? { ok: true, repeated: false, entries: moved.entries } : moved;
}

/**
 * At the bank, the issuer's order to the owner's account, once. Codes: OWNER_UNKNOWN, REQUEST_ID_REUSED,
 * ACCOUNT_UNKNOWN, ACCOUNT_CLOSED, BALANCE_TOO_LARGE.
 */
export function ruleCreditRelease(facts: {
  owned: boolean;
  stored: { name: string | null } | null;
  name: string;
  exists: boolean;
  closed: boolean;
  from: string;
  to: string;
  amount: number;
  balances: Balances;
}): Result<{ repeated: boolean; entries: Entry[] }> {
  if (!facts.owned) return refusal('OWNER_UNKNOWN');
  if (facts.stored)
    return facts.stored.name === facts.name ? { ok: true, repeated: true, entries: [] } : refusal('REQUEST_ID_REUSED');
  if (!facts.exists) return refusal('ACCOUNT_UNKNOWN');
  if (facts.closed) return refusal('ACCOUNT_CLOSED');
  const moved = transfer(facts.amount, facts.from, facts.to, facts.balances);
  return moved.ok ? { ok: true, repeated: false, entries: moved.entries } : moved;
}
