/**
 * Withdrawal [0017]-[0021]: the request (PKU, IdU, x) with its owner's signatures, and the numbered receipt SKI(PKU,
 * x).
 */
import { defineMessage, BYTES, AMOUNT, NAME, U32, U8 } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** (PKU, IdU, x), and the number that the receipt shall have: asked again, the same number, so one credit. */
export interface WithdrawalBody {
  issuer: Uint8Array;
  currency: string;
  pku: Uint8Array;
  /** Number of the receipt asked for: the last one taken, plus 1. */
  number: number;
  /** x, minor units. */
  amount: number;
  /** IdU. */
  name: string;
}
export const withdrawalBody = defineMessage<WithdrawalBody>([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['pku', BYTES, KEY_BYTES],
  ['number', U32],
  ['amount', AMOUNT],
  ['name', NAME],
]);

/** The body signed by the account key (type `withdrawal`) and by SKU (type `withdrawalProof`). */
export interface Withdrawal {
  accountSignature: Uint8Array;
  proof: Uint8Array;
  /** Encoded `withdrawalBody`. */
  body: Uint8Array;
}
export const withdrawal = defineMessage<Withdrawal>([
  ['accountSignature', BYTES, SIGNATURE_BYTES],
  ['proof', BYTES, SIGNATURE_BYTES],
  ['body', 'rest'],
]);

/** Why the issuer gives cash. Numbers are never reused. */
export const RECEIPT_KINDS = { withdrawal: 1, refund: 2, reconcile: 3 };

/** SKI(PKU, x) with its number 1, 2, 3... for this EBC. */
export interface ReceiptBody {
  issuer: Uint8Array;
  currency: string;
  pku: Uint8Array;
  number: number;
  kind: number;
  amount: number;
}
export const receiptBody = defineMessage<ReceiptBody>([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['pku', BYTES, KEY_BYTES],
  ['number', U32],
  ['kind', U8],
  ['amount', AMOUNT],
]);

/** Receipt: body and the issuer's signature of type `receipt` over it. */
export interface Receipt {
  body: Uint8Array;
  signature: Uint8Array;
}
export const RECEIPT_BODY_BYTES = 52;
export const receipt = defineMessage<Receipt>([
  ['body', BYTES, RECEIPT_BODY_BYTES],
  ['signature', BYTES, SIGNATURE_BYTES],
]);
