/**
 * What comes back to its payer through who keeps the accounts: refunds by shops, and debits that no shop deposited.
 * Beyond the patent; docs/architecture.md 4, "Reconcile". The receipt for it is the issuer's (refund-receipts.ts).
 *
 * A claim and a deposit of one debit exclude each other: both are judged within a write transaction, by (PKU, IdS, Rs).
 */
import { equal } from '../../firmware/core/bytes.js';
import { refund as refundMessage, refundBody, type RefundBody } from '../../firmware/wire/refund.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal, type Result } from '../base/errors.js';
import { abcOf } from '../ledger/rules.js';
import { ruleClaim, ruleRefund, waitOf } from '../ledger/rules-refund.js';
import type { ClaimAct } from '../ledger/charges.js';
import type { ClaimRow, RefundRow } from '../ledger/store.js';
import { requestOf, type Depositary, type VerifiedHistory } from './depositary.js';
import { checkOurs, readHistory, storedClaim } from './read-history.js';
import { isSigned } from '../base/crypto/signer.js';
import type { Claimed } from '../base/services/procedures.js';

function storedAs(row: RefundRow | null, body: RefundBody): 'same' | 'other' | 'undone' | null {
  if (!row) return null;
  // What is given back, not who signs for it: a restored bridge has the same refund signed again, and perhaps by the
  // terminal that came instead.
  const known = refundBody.decode(refundMessage.decode(row.refund)!.body)!;
  const { terminalId } = known;
  if (!equal(refundBody.encode(known), refundBody.encode({ ...body, terminalId }))) return 'other';
  return row.undoneS === null ? 'same' : 'undone';
}

/**
 * A shop gives back what it was paid. @param bytes encoded `refund`
 * Codes: BAD_REQUEST, ISSUER_UNKNOWN, CURRENCY_UNKNOWN, TERMINAL_UNKNOWN, SIGNATURE_INVALID and those of `ruleRefund`.
 */
export function refund(house: Depositary, bytes: Uint8Array): Result<{ amount: number; repeated: boolean }> {
  const { store } = house;
  const outer = refundMessage.decode(bytes);
  const body = outer && refundBody.decode(outer.body);
  if (!outer || !body) return refusal('BAD_REQUEST', 'refund');
  const foreign = checkOurs(house, body);
  if (foreign) return foreign;
  const { pku, rs, shop, amount, refundId } = body;
  const key = store.terminalKey(shop, body.terminalId);
  if (!key) return refusal('TERMINAL_UNKNOWN');
  if (!isSigned(key, SIGNED.refund, outer.body, outer.signature)) return refusal('SIGNATURE_INVALID');
  return store.transaction(() => {
    const from = abcOf(shop);
    const to = house.payerOf(pku, house.counterOf(pku));
    const paid = store.history(pku, shop, rs);
    const ruling = ruleRefund({
      ...{ from, to, amount },
      stored: storedAs(store.refund(pku, shop, rs, refundId), body),
      paid: paid && { amount: paid.amount, refunded: store.refunded(pku, shop, rs), returned: house.isReturned(paid) },
      balances: { [from]: store.balance(from), [to]: store.balance(to) },
    });
    if (!ruling.ok) return ruling;
    if (ruling.repeated) return { ok: true, amount, repeated: true };
    const timeS = house.nowS();
    const transaction = store.post(house.refundKind, timeS, ruling.entries);
    store.addRefund({ pku, shop, rs, refundId, amount, refund: bytes, timeS, transaction });
    house.onRefunded(body, bytes, transaction);
    return { ok: true, amount, repeated: false };
  });
}

/**
 * A payment of a shop that another of its tills took. Whoever knows Rs may hear that there is one; which pseudonym
 * paid, only a terminal of the shop.
 * @param question encoded `refund` whose PKU is 32 zero bytes, which is nobody's: it asks, and can give nothing back.
 * Codes: HISTORY_UNKNOWN, BAD_REQUEST, ISSUER_UNKNOWN, CURRENCY_UNKNOWN, TERMINAL_UNKNOWN, SIGNATURE_INVALID.
 */
export function findPayment(
  house: Depositary,
  shop: string,
  rs: Uint8Array,
  question: Uint8Array | null,
): Result<{ history: Uint8Array | null }> {
  const paid = house.store.historyOfCharge(shop, rs);
  if (!paid) return refusal('HISTORY_UNKNOWN');
  if (!question) return { ok: true, history: null };
  const outer = refundMessage.decode(question);
  const body = outer && refundBody.decode(outer.body);
  const isAboutIt = body && body.pku.every((byte) => byte === 0) && body.shop === shop && equal(body.rs, rs);
  if (!outer || !isAboutIt) return refusal('BAD_REQUEST', 'question');
  const foreign = checkOurs(house, body);
  if (foreign) return foreign;
  const key = house.store.terminalKey(shop, body.terminalId);
  if (!key) return refusal('TERMINAL_UNKNOWN');
  if (!isSigned(key, SIGNED.refund, outer.body, outer.signature)) return refusal('SIGNATURE_INVALID');
  return { ok: true, history: paid.history };
}

/**
 * A debit that no shop deposited. Brought the first time it opens the window, after that it is granted. @param bytes
 * encoded `history`, from the token's journal. Codes: those of `readHistory`, and of `ruleClaim`.
 */
export function claim(house: Depositary, bytes: Uint8Array): Result<Claimed> {
  const { store } = house;
  const read = readHistory(house, bytes);
  if (!read.ok) return read;
  const act = claimAct(house, requestOf(read, bytes));
  const { pku, shop, rs } = act;
  return store.transaction(() => {
    const { ruling, row } = act.judge({
      stored: store.claim(pku, shop, rs),
      deposited: store.history(pku, shop, rs) !== null,
      buried: store.tombstone(shop, rs) !== null,
    });
    if (row) store.putClaim(row);
    if (row && row.grantedS !== null) house.onReconciled(row);
    return ruling;
  });
}

/** The act of it. @param request the debit, whose signatures were verified */
export function claimAct(
  house: Pick<Depositary, 'nowS' | 'isKnown' | 'claimWindowS' | 'clockDoubted' | 'restored'>,
  { pku, shop, rs, amount, history, challengeBytes }: VerifiedHistory,
): ClaimAct {
  return {
    ...{ pku, shop, rs },
    judge({ stored, deposited, buried }) {
      const nowS = house.nowS();
      const ruling = ruleClaim({
        known: house.isKnown(pku),
        ...{ deposited, buried },
        stored: storedClaim(stored, challengeBytes),
        ...{ nowS, windowS: house.claimWindowS },
        wait: waitOf({ clockDoubted: house.clockDoubted(), restored: house.restored, claim: stored, nowS }),
      });
      if (!ruling.ok || ruling.repeated) return { ruling, row: null };
      const opened: ClaimRow = stored ?? {
        ...{ pku, shop, rs, amount, history, openedS: nowS },
        ...{ dueS: ruling.dueS, grantedS: null },
      };
      return { ruling, row: { ...opened, grantedS: ruling.state === 'granted' ? nowS : null } };
    },
  };
}
