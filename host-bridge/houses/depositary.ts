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
import type { AccountStore, ClaimRow, HistoryRow } from '../ledger/store.js';
import type { KeyLine } from '../base/keys/key-line.js';
import { hasChallenge, readHistory, readLicense, type CashOf } from './read-history.js';
import { isSigned } from '../base/crypto/signer.js';

/**
 * The deposit window, one week: how long a history is still credited after its license's end, and after its payer
 * claimed it back. Terminals take no charge with an undelivered history older than half of it.
 */
export const DEPOSIT_GRACE_S = 7 * 86400;

/** What a depositary works with. */
export interface Depositary extends CashOf {
  store: AccountStore;
  /** PKR, or PKI where the issuer signs licenses. */
  registrar: KeyLine;
  graceS: number;
  /** Unix time, whole seconds. */
  nowS(): number;
  clockDoubted(): boolean;
  /** The books were restored, and may have forgotten what others hold a receipt for. */
  restored: boolean;
  /** The ledger account that pays for a pseudonym's history. */
  payerOf(pku: Uint8Array): string;
  /** Within the transaction, after a history was credited. */
  onCredited(terms: LicenseBody, transaction: number, overspent: boolean): void;
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

/** [0030]: ABC of the shop + y, store H. @param historyBytes encoded `history` */
export function deposit(house: Depositary, historyBytes: Uint8Array): Result<{ amount: number; repeated: boolean }> {
  const { store } = house;
  const read = readHistory(house, historyBytes);
  if (!read.ok) return read;
  const { pku } = read.terms;
  const { amount, shop, rs } = read.paid;
  const abc = abcOf(shop);
  return store.transaction(() => {
    const nowS = house.nowS();
    const from = house.payerOf(pku);
    const account = store.account(shop);
    const claim = store.claim(pku, shop, rs);
    const wait = waitOf({ clockDoubted: house.clockDoubted(), restored: house.restored, claim, nowS });
    const ruling = ruleDeposit({
      ...{ from, to: abc, amount },
      stored: hasChallenge(store.history(pku, shop, rs), read.challengeBytes),
      tombstoned: store.tombstone(shop, rs) !== null,
      ...claimFacts(claim, nowS),
      wait,
      paymentMax: classPaymentMax(read.terms.licenseClass),
      licenseValid: nowS < read.terms.validUntilS + house.graceS,
      shopExists: account !== null,
      shopClosed: account !== null && account.closedS !== null,
      balances: { [from]: store.balance(from), [abc]: store.balance(abc) },
    });
    if (!ruling.ok) return ruling;
    if (ruling.repeated) return { ok: true, amount, repeated: true };
    const transaction = store.post('deposit', nowS, ruling.entries);
    store.addHistory({ pku, shop, rs, amount, history: historyBytes, arrivedS: nowS, transaction });
    house.onCredited(read.terms, transaction, ruling.overspent);
    return { ok: true, amount, repeated: false };
  });
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
  return store.transaction(() => {
    const ruling = ruleTombstone({
      stored: store.tombstone(shop, rs) !== null,
      deposited: store.isDeposited(shop, rs),
    });
    if (ruling.ok && !ruling.repeated) store.addTombstone(shop, rs, bytes, house.nowS());
    return ruling;
  });
}
