/**
 * Refund: a shop gives back what it was paid, whole or in part. Beyond the patent, which ends with [0031].
 *
 * A terminal signs it, so that nobody takes from a shop's account in its name. Any registered terminal of the shop may:
 * one that has left is replaced by another, and nothing else is needed.
 */
import { defineMessage, BYTES, AMOUNT, NAME, REST, type MessageOf } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, RS_BYTES, SIGNATURE_BYTES } from './payment.js';

/** Bytes of a refund's id. */
export const REFUND_ID_BYTES = 8;

/** What the terminal signs, type `refund`. (PKU, IdS, Rs) is the payment's identity. */
export const refundBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['pku', BYTES, KEY_BYTES],
  ['rs', BYTES, RS_BYTES],
  // What goes back, minor units. All refunds of one payment are at most its y.
  ['amount', AMOUNT],
  // Random: asked again under the same id it goes back once.
  ['refundId', BYTES, REFUND_ID_BYTES],
  // The terminal that signs, 4 bytes.
  ['terminalId', BYTES, 4],
  ['shop', NAME],
]);
export type RefundBody = MessageOf<typeof refundBody>;

/** A refund as the depositary takes it. */
export const refund = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `refundBody`.
  ['body', REST],
]);
export type Refund = MessageOf<typeof refund>;
