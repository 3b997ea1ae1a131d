/**
 * Messages between bank and issuer (EP 0926637 [0063]-[0068], [0079], and with signatures [0094]-[0108]).
 *
 * In every scheme the two know each other: the HTTP request carries the bank's signature in its headers, and the reply the
 * issuer's. Where the scheme has a column for it, the message itself is signed besides (types `bankMessage` and
 * `issuerReply`), and both sides keep it as evidence. No board reads these.
 */
import { defineMessage, BALANCE, REST, U8 } from './codec.js';
import { ISSUER_ID_BYTES } from './payment.js';

/** Bank to issuer: a sealed or keyed request with the amount that was drawn, 0 for a registration. */
export interface BankMessage {
  /** One of `REQUEST`. */
  kind: number;
  issuer: Uint8Array;
  /** x as the bank drew it; compared with the sealed one [0068]. */
  amount: number;
  request: Uint8Array;
}
export const bankMessage = defineMessage<BankMessage>([
  ['kind', U8],
  ['issuer', 'bytes', ISSUER_ID_BYTES],
  ['amount', BALANCE],
  ['request', REST],
]);

/** Issuer to bank: final, and the same for the same bytes. On any code but OK the bank posts the draw back. */
export interface IssuerReply {
  /** Number of a code. */
  code: number;
  /** SHA-256 of the encoded `bankMessage`. */
  messageHash: Uint8Array;
  /** SHA-256 of all boxes, joined. */
  boxesHash: Uint8Array;
}
export const issuerReply = defineMessage<IssuerReply>([
  ['code', U8],
  ['messageHash', 'bytes', 32],
  ['boxesHash', 'bytes', 32],
]);
