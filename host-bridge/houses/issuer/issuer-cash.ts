/**
 * Cash SKI(PKU, x) on a sealed or keyed request, or for a coupon. EP 0926637 [0043], [0068], [0090], [0115].
 */
import { constants, verify as verifyRsa, type KeyObject } from 'node:crypto';
import { concat, copy, equal, toHex } from '../../../firmware/core/bytes.js';
import { unpackBoxes } from '../../../firmware/wire/institutions.js';
import {
  couponKey,
  COUPON_KEY_BYTES,
  couponKeysBody,
  issueBody,
  issueSecret,
  redemptionSecret,
  REQUEST,
  RSA_BYTES,
  signedCouponKeys,
  type IssueBody,
  type IssueSecret,
} from '../../../firmware/wire/request.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { receipt, receiptBody, RECEIPT_KINDS } from '../../../firmware/wire/withdrawal.js';
import { sha256 } from '../../base/crypto/hash.js';
import { rsaPublicKeyOf } from '../../base/crypto/key-objects.js';
import { refusal, type Result } from '../../base/errors.js';
import { ebcOf } from '../../ledger/rules.js';
import { BANK, ruleIssue } from '../../ledger/rules-bank.js';
import { refused, type Decided, type Opened } from './issuer-reply.js';
import { checkOurs } from '../read-history.js';
import { licensesEnd } from './issuer-licenses.js';
import { isSigned } from '../../base/crypto/signer.js';
import type { IssuerContext } from './issuer-context.js';

const NOTHING = new Uint8Array(0);

/** A coupon SKBx(PKU) that the bank's key for its amount signed, with the withdrawal that it pays for. */
interface Coupon {
  secret: IssueSecret;
  amount: number;
  /** SHA-256 of the prepared message: the coupon's identity. */
  id: Uint8Array;
  /** Random prefix and PKU: what the bank signed blind. */
  prepared: Uint8Array;
  signature: Uint8Array;
}

/**
 * [0068], [0090]: EBC + x and SKI(PKU, x). PKU is any one of its set [0114]; the set has one EBC and one row of
 * receipts.
 * @param drawn what the bank drew, or the coupon's worth @param opened where a bank brought it
 * Codes: BAD_REQUEST, SIGNATURE_INVALID, REFUSED and those of `ruleIssue`.
 */
export function issueCash(
  context: IssuerContext,
  secret: IssueSecret,
  drawn: number,
  opened: Opened | null,
  coupon: Coupon | null = null,
): Decided {
  const { store } = context;
  const body = issueBody.decode(secret.body);
  if (!body || body.number === 0 || checkOurs(context, body)) return refused('BAD_REQUEST');
  if (!isSigned(body.pku, SIGNED.issue, secret.body, secret.proof)) return refused('SIGNATURE_INVALID');
  const pseudonym = store.pseudonym(body.pku);
  const counter = pseudonym?.counter ?? body.pku;
  // K speaks for the pseudonyms that were registered with it.
  if (opened?.kind === REQUEST.keyedIssue && !equal(store.sharedKey(opened.kid)!.counter, counter))
    return refused('REFUSED');
  const ebc = ebcOf(toHex(counter));
  const nowS = context.nowS();
  const ruling = ruleIssue({
    ...{ ebc, number: body.number, amount: body.amount, drawn },
    nextNumber: (store.pseudonym(counter)?.receiptNumber ?? 0) + 1,
    known: pseudonym !== null || coupon !== null,
    denied: isSetDenied(context, counter, nowS),
    licenseOver: nowS >= (licensesEnd(context, counter) ?? Infinity),
    balances: { [ebc]: store.balance(ebc), [BANK]: store.balance(BANK) },
  });
  // A number that was given: the receipt goes along, for the token that missed it.
  if (!ruling.ok)
    return refused(
      ruling.code,
      ruling.code === 'RECEIPT_GAP' ? (store.receipt(counter, body.number)?.receipt ?? NOTHING) : NOTHING,
    );
  if (ruling.entries.length === 0) return { code: 'OK', bodies: [NOTHING] };
  if (coupon) store.addPseudonym(body.pku);
  const transaction = store.post('issue', nowS, ruling.entries);
  if (coupon)
    store.addCoupon({
      id: coupon.id,
      prepared: coupon.prepared,
      signature: coupon.signature,
      amount: drawn,
      transaction,
    });
  return {
    code: 'OK',
    bodies: [writeReceipt(context, body, RECEIPT_KINDS.withdrawal, issueSecret.encode(secret), transaction)],
  };
}

/** Whether any pseudonym of a set is denied: one Balance, one fate. */
function isSetDenied({ store }: IssuerContext, counter: Uint8Array, nowS: number): boolean {
  const set = [counter, ...store.pseudonymsOfCounter(counter)];
  return set
    .map((pku) => store.denial(pku))
    .some((denial) => denial !== null && (denial.untilS === null || denial.untilS > nowS));
}

/** Writes the next receipt of an EBC. Within a transaction. @returns encoded `receipt` */
export function writeReceipt(
  context: IssuerContext,
  body: Pick<IssueBody, 'pku' | 'number' | 'amount'>,
  kind: number,
  request: Uint8Array,
  transaction: number | null,
): Uint8Array {
  const { issuer, currency, signer, store } = context;
  const { pku, number, amount } = body;
  const encoded = receiptBody.encode({ issuer, currency, pku, number, kind, amount });
  const paper = receipt.encode({ body: encoded, signature: signer.sign(SIGNED.receipt, encoded) });
  store.addReceipt({
    pku: store.pseudonym(pku)?.counter ?? pku,
    number,
    kind,
    amount,
    name: null,
    receipt: paper,
    request,
    transaction,
  });
  return paper;
}

/** [0043]: reads a redemption; the coupon must be the bank's for its amount. Codes: BAD_REQUEST, COUPON_INVALID. */
export function readCoupon(context: IssuerContext, body: Uint8Array): Result<Coupon> {
  const redemption = redemptionSecret.decode(body);
  const issue = redemption && issueBody.decode(redemption.body);
  if (!redemption || !issue || issue.amount === 0) return refusal('BAD_REQUEST', 'redemption');
  const prepared = concat([redemption.prefix, issue.pku]);
  if (!moduliFor(context, issue.amount).some((modulus) => verifyCoupon(modulus, prepared, redemption.signature)))
    return refusal('COUPON_INVALID');
  const id = sha256(prepared);
  return {
    ok: true,
    secret: { proof: redemption.proof, body: redemption.body },
    amount: issue.amount,
    id,
    prepared,
    signature: redemption.signature,
  };
}

/** [0043]: a coupon is worth its amount once. Within a transaction. Codes: COUPON_SPENT and those of `issueCash`. */
export function issueForCoupon(context: IssuerContext, coupon: Coupon): Decided {
  if (context.store.coupon(coupon.id)) return refused('COUPON_SPENT');
  return issueCash(context, coupon.secret, coupon.amount, null, coupon);
}

/** PKBx of an amount, of every list that was published: a coupon outlives a change of the bank's keys. */
function moduliFor(context: IssuerContext, amount: number): Uint8Array[] {
  return context.store.allCouponKeys().flatMap(({ list, moduli }) => {
    const body = couponKeysBody.decode(signedCouponKeys.decode(list)!.body)!;
    return (unpackBoxes(moduli) ?? []).filter(
      (_, i) => couponKey.decode(copy(body.keys, i * COUPON_KEY_BYTES, (i + 1) * COUPON_KEY_BYTES))?.amount === amount,
    );
  });
}

/** PKBx as a key; null where the modulus is not one of RSA-2048. e = 65537. */
export function couponKeyOf(modulus: Uint8Array): KeyObject | null {
  // The highest bit makes it 2048 bits; even, it could not be a product of odd primes.
  if (modulus.length !== RSA_BYTES || modulus[0]! < 128 || modulus[RSA_BYTES - 1]! % 2 === 0) return null;
  return rsaPublicKeyOf(modulus);
}

/** RSASSA-PSS with SHA-384 and 48 bytes of salt (RFC 9474 5): Node takes any salt length unless told. */
export function verifyCoupon(modulus: Uint8Array, prepared: Uint8Array, signature: Uint8Array): boolean {
  const key = couponKeyOf(modulus);
  return (
    key !== null &&
    verifyRsa('sha384', prepared, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }, signature)
  );
}
