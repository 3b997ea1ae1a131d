/**
 * The issuer's part in what comes back: the numbered receipt for it. A refund raises EBC, as the money is the issuer's
 * again; a reconciled debit leaves it, for that debit was never taken off it.
 */
import { toHex } from '../../../firmware/core/bytes.js';
import { refund as refundMessage, refundBody } from '../../../firmware/wire/refund.js';
import { RECEIPT_KINDS } from '../../../firmware/wire/withdrawal.js';
import { refusal, type Result } from '../../base/errors.js';
import { BANK } from '../../ledger/rules-bank.js';
import { ebcOf } from '../../ledger/rules.js';
import { ruleClaim, ruleRefund } from '../../ledger/rules-refund.js';
import { writeReceipt } from './issuer-cash.js';
import { checkOurs, readHistory, storedClaim } from '../read-history.js';
import type { IssuerContext } from './issuer-context.js';

/**
 * The next receipt of a pseudonym's set. Within a transaction.
 * @param because what it answers: encoded `refund`, or `history`
 */
export function giveReceipt(
  context: IssuerContext,
  back: { pku: Uint8Array; amount: number },
  kind: number,
  because: Uint8Array,
  transaction: number | null,
): void {
  const { store } = context;
  const pku = store.pseudonym(back.pku)!.counter;
  const number = store.pseudonym(pku)!.receiptNumber + 1;
  writeReceipt(context, { pku, number, amount: back.amount }, kind, because, transaction);
}

/**
 * A refund that a bank took from a shop: EBC + a. The bank knows the shop's terminals, and has judged the signature.
 * Within a transaction. @param drawn what the bank drew @param bytes encoded `refund`
 * Codes: BAD_REQUEST, ISSUER_UNKNOWN, CURRENCY_UNKNOWN, AMOUNT_MISMATCH and those of `ruleRefund`.
 */
export function creditRefund(context: IssuerContext, drawn: number, bytes: Uint8Array): Result<object> {
  const { store } = context;
  const body = refundBody.decode(refundMessage.decode(bytes)?.body ?? new Uint8Array(0));
  if (!body) return refusal('BAD_REQUEST', 'refund');
  const foreign = checkOurs(context, body);
  if (foreign) return foreign;
  if (body.amount !== drawn) return refusal('AMOUNT_MISMATCH');
  const { pku, rs, shop, amount, refundId } = body;
  const paid = store.history(pku, shop, rs);
  const to = ebcOf(toHex(store.pseudonym(pku)?.counter ?? pku));
  const ruling = ruleRefund({
    ...{ from: BANK, to, amount },
    stored: store.refund(pku, shop, rs, refundId) ? 'other' : null,
    paid: paid && { amount: paid.amount, refunded: store.refunded(pku, shop, rs), returned: true },
    balances: { [BANK]: store.balance(BANK), [to]: store.balance(to) },
  });
  if (!ruling.ok) return ruling;
  const timeS = context.nowS();
  const transaction = store.post('refund', timeS, ruling.entries);
  store.addRefund({ pku, shop, rs, refundId, amount, refund: bytes, timeS, transaction });
  giveReceipt(context, body, RECEIPT_KINDS.refund, bytes, transaction);
  return { ok: true };
}

/**
 * A debit whose window at the bank is over, or whose charge was cancelled: its receipt, and no return of it any more.
 * Within a transaction. @param bytes encoded `history`. Codes: those of `readHistory`, PSEUDONYM_UNKNOWN, ALREADY_PAID.
 */
export function reconcileDebit(context: IssuerContext, bytes: Uint8Array): Result<object> {
  const { store } = context;
  const read = readHistory(context, bytes);
  if (!read.ok) return read;
  const { pku } = read.terms;
  const { amount, shop, rs } = read.paid;
  const nowS = context.nowS();
  const stored = store.claim(pku, shop, rs);
  const ruling = ruleClaim({
    ...{
      known: store.pseudonym(pku) !== null,
      deposited: store.history(pku, shop, rs) !== null,
      buried: true,
      nowS,
      windowS: 0,
      // The bank has judged it, by its own clock.
      wait: null,
    },
    stored: storedClaim(stored, read.challengeBytes),
  });
  if (!ruling.ok || ruling.repeated) return ruling;
  const row = { pku, shop, rs, amount, history: bytes, openedS: nowS, dueS: nowS, grantedS: nowS };
  store.putClaim(row);
  giveReceipt(context, row, RECEIPT_KINDS.reconcile, bytes, null);
  return { ok: true };
}
