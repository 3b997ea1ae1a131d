/**
 * The depositary: who keeps the accounts ABC takes histories and cancelled charges from shops, the issuer in scheme 1
 * and the bank in the others. EP 0926637 [0029]-[0030], [0050]-[0051], [0076]-[0077]; docs/architecture.md 4, walking
 * away.
 */
import { isAmount } from '../../firmware/core/amount.js';
import { copy, equal } from '../../firmware/core/bytes.js';
import { classPaymentMax } from '../../firmware/core/license-class.js';
import { chargeId, tombstone, type LicenseBody } from '../../firmware/wire/payment.js';
import type { RefundBody } from '../../firmware/wire/refund.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal, type Result } from '../base/errors.js';
import { abcOf, ruleDeposit, ruleTombstone, ruleUnload } from '../ledger/rules.js';
import { claimFacts, waitOf } from '../ledger/rules-refund.js';
import { judgeInOrder, type CreditAct, type CreditRequest, type CreditResult } from '../ledger/credits.js';
import type { BuryAct } from '../ledger/charges.js';
import type { AccountStore, ClaimRow, HistoryRow } from '../ledger/store.js';
import type { KeyLine } from '../base/keys/key-line.js';
import { hasChallenge, readHistory, readLicense, type CashOf, type HistoryRead } from './read-history.js';
import { isSigned } from '../base/crypto/signer.js';

/**
 * The deposit window, one week: how long a history is still credited after its license's end, and after its payer
 * claimed it back. Terminals take no charge with an undelivered history older than half of it.
 */
export const DEPOSIT_GRACE_S = 7 * 86400;

/** What the act of a deposit needs of its house. */
export interface DepositHouse extends CashOf {
  store: Pick<AccountStore, 'credit'>;
  /** PKR, or PKI where the issuer signs licenses. */
  registrar: KeyLine;
  graceS: number;
  /** Unix time, whole seconds. */
  nowS(): number;
  clockDoubted(): boolean;
  /** The books were restored, and may have forgotten what others hold a receipt for. */
  restored: boolean;
  /** The ledger account that pays for a pseudonym's history. @param counter PKU1 of its set; null: none is known */
  payerOf(pku: Uint8Array, counter: Uint8Array | null): string;
  /** Within the transaction, after a history was credited that left an EBC below 0. */
  onOverspent(terms: LicenseBody, transaction: number): void;
}

/** What a depositary works with. */
export interface Depositary extends DepositHouse {
  store: AccountStore;
  /** PKU1 of the set that a pseudonym belongs to; null: this house knows none. */
  counterOf(pku: Uint8Array): Uint8Array | null;
  /** How long a shop may still deposit a debit that its payer claims back. */
  claimWindowS: number;
  /** What a refund is posted as: at the issuer all at once, at a bank a draw until the issuer has it. */
  refundKind: 'refund' | 'draw';
  /** Whether cash was ever issued to this pseudonym, as far as this house can know. */
  isKnown(pku: Uint8Array): boolean;
  /** Whether the issuer has this history. */
  isReturned(row: HistoryRow): boolean;
  /**
   * Within the transaction: a refund was taken from the shop, a claim granted; its receipt is to come from the issuer.
   */
  onRefunded(body: RefundBody, bytes: Uint8Array, transaction: number): void;
  onReconciled(row: ClaimRow): void;
}

/** What a deposit or a return is judged by, once its signatures were verified. */
export interface VerifiedHistory extends CreditRequest {
  terms: LicenseBody;
  /** Encoded `challenge`. */
  challengeBytes: Uint8Array;
}

/** A history that was read and verified, as the ledger takes it. @param bytes encoded `history` */
export function requestOf(read: Pick<HistoryRead, 'paid' | 'terms' | 'challengeBytes'>, bytes: Uint8Array) {
  const { paid, terms, challengeBytes } = read;
  const { amount, shop, rs } = paid;
  return { pku: terms.pku, shop, rs, amount, history: bytes, terms, challengeBytes } satisfies VerifiedHistory;
}

/** [0030]: ABC of the shop + y, store H, for each of them in their order. */
export function depositAct(
  house: Omit<DepositHouse, 'store'>,
  requests: VerifiedHistory[],
): CreditAct<VerifiedHistory> {
  return {
    kind: 'deposit',
    requests,
    payerOf: house.payerOf,
    payeeOf: ({ shop }) => abcOf(shop),
    judge(facts) {
      const nowS = house.nowS();
      const doubts = { clockDoubted: house.clockDoubted(), restored: house.restored, nowS };
      const judged = judgeInOrder(requests, facts, (request, { charge, stored, shopAccount, balances }) =>
        ruleDeposit({
          from: charge.from,
          to: charge.to,
          amount: request.amount,
          stored: hasChallenge(stored, request.challengeBytes),
          tombstoned: charge.tombstoned,
          ...claimFacts(charge.claim, nowS),
          wait: waitOf({ ...doubts, claim: charge.claim }),
          paymentMax: classPaymentMax(request.terms.licenseClass),
          licenseValid: nowS < request.terms.validUntilS + house.graceS,
          shopExists: shopAccount !== null,
          shopClosed: shopAccount !== null && shopAccount.closedS !== null,
          balances,
        }),
      );
      return { timeS: nowS, ...judged };
    },
    onOverspent: ({ terms }, transaction) => house.onOverspent(terms, transaction),
  };
}

/** What a deposit is answered by. */
export function depositReply(
  request: VerifiedHistory,
  result: CreditResult,
): Result<{ amount: number; repeated: boolean }> {
  return result.ok ? { ok: true, amount: request.amount, repeated: result.repeated } : result;
}

/** One deposit at once, without a queue (deposit-queue.ts). @param bytes encoded `history` */
export function deposit(house: Depositary, bytes: Uint8Array): Result<{ amount: number; repeated: boolean }> {
  const read = readHistory(house, bytes);
  if (!read.ok) return read;
  const request = requestOf(read, bytes);
  const [result] = house.store.creditNow(depositAct(house, [request]));
  return depositReply(request, result!);
}

/**
 * Whether cash can be unloaded, asked before the token is debited. @param what what the token showed
 * Codes: those of `readLicense`, AMOUNT_INVALID, CLOCK_DOUBTED, and those of `ruleUnload`.
 */
export function checkUnload(
  house: Depositary,
  what: { name: string; accountKey: Uint8Array; license: Uint8Array; amount: number },
): Result<object> {
  const read = readLicense(house, what.license);
  if (!read.ok) return read;
  if (!isAmount(what.amount)) return refusal('AMOUNT_INVALID');
  // The history would wait, and the cash be neither here nor there.
  if (house.clockDoubted()) return refusal('CLOCK_DOUBTED');
  const account = house.store.account(what.name);
  return ruleUnload({
    exists: account !== null,
    closed: account !== null && account.closedS !== null,
    isOwner: account?.accountKey ? equal(account.accountKey, what.accountKey) : false,
    amount: what.amount,
    paymentMax: classPaymentMax(read.terms.licenseClass),
    licenseValid: house.nowS() < read.terms.validUntilS + house.graceS,
  });
}

/** A charge that the shop cancelled: tombstone or deposit, never both. @param bytes encoded `tombstone` */
export function bury(house: Depositary, bytes: Uint8Array): Result<{ repeated: boolean }> {
  const { store } = house;
  const stone = tombstone.decode(bytes);
  const charge = stone && chargeId.decode(stone.chargeId);
  if (!stone || !charge) return refusal('BAD_REQUEST', 'tombstone');
  const { shop, rs } = charge;
  const key = store.terminalKey(shop, copy(rs, 0, 4)); // Rs begins with the terminal's id
  if (!key) return refusal('TERMINAL_UNKNOWN');
  if (!isSigned(key, SIGNED.tombstone, stone.chargeId, stone.signature)) return refusal('SIGNATURE_INVALID');
  const act = buryAct(house, charge, bytes);
  return store.transaction(() => {
    const ruling = act.judge({ stored: store.tombstone(shop, rs) !== null, deposited: store.isDeposited(shop, rs) });
    if (ruling.ok && !ruling.repeated) store.addTombstone(shop, rs, bytes, act.nowS());
    return ruling;
  });
}

/** The act of it. @param bytes encoded `tombstone`, whose signature was verified */
export function buryAct(
  { nowS }: Pick<Depositary, 'nowS'>,
  { shop, rs }: { shop: string; rs: Uint8Array },
  bytes: Uint8Array,
): BuryAct {
  return { shop, rs, tombstone: bytes, nowS, judge: ruleTombstone };
}
