/**
 * Withdrawal [0017]-[0021]: the request (PKU, IdU, x) with its owner's signatures, and the numbered receipt SKI(PKU,
 * x).
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, NAME, U32, U8, type MessageOf } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** (PKU, IdU, x), and the number that the receipt shall have: asked again, the same number, so one credit. */
export const withdrawalBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['pku', BYTES, KEY_BYTES],
  // Number of the receipt asked for: the last one taken, plus 1.
  ['number', U32],
  // x, minor units; 0 asks for receipts that the token missed, and draws nothing.
  ['amount', BALANCE],
  // IdU.
  ['name', NAME],
]);
export type WithdrawalBody = MessageOf<typeof withdrawalBody>;

/** The body signed by the account key (type `withdrawal`) and by SKU (type `withdrawalProof`). */
export const withdrawal = defineMessage([
  ['accountSignature', BYTES, SIGNATURE_BYTES],
  ['proof', BYTES, SIGNATURE_BYTES],
  // Encoded `withdrawalBody`.
  ['body', 'rest'],
]);
export type Withdrawal = MessageOf<typeof withdrawal>;

/** Why the issuer gives cash. Numbers are never reused. */
export const RECEIPT_KINDS = { withdrawal: 1, refund: 2, reconcile: 3 };

/** SKI(PKU, x) with its number 1, 2, 3... for this EBC. */
export const receiptBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['pku', BYTES, KEY_BYTES],
  ['number', U32],
  ['kind', U8],
  ['amount', AMOUNT],
]);
export type ReceiptBody = MessageOf<typeof receiptBody>;

export const RECEIPT_BODY_BYTES = 52;
/** Receipt: body and the issuer's signature of type `receipt` over it. */
export const receipt = defineMessage([
  ['body', BYTES, RECEIPT_BODY_BYTES],
  ['signature', BYTES, SIGNATURE_BYTES],
]);
