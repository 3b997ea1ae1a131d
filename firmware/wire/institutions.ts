/**
 * Messages between bank and issuer (EP 0926637 [0063]-[0068], [0079], and with signatures [0094]-[0108]).
 *
 * In every scheme the two know each other: the HTTP request carries the bank's signature in its headers, and the reply
 * the issuer's. Where the scheme has a column for it, the message itself is signed besides (types `bankMessage` and
 * `issuerReply`), and both sides keep it as evidence. No board reads these.
 */
import { concat, copy, readU32, writeU32 } from '../core/bytes.js';
import { defineMessage, BYTES, AMOUNT, BALANCE, REST, U32, U8, type MessageOf } from './codec.js';
import { ISSUER_ID_BYTES, SIGNATURE_BYTES } from './payment.js';

/** Bank to issuer: a sealed or keyed request with the amount that was drawn, 0 for a registration. */
export const bankMessage = defineMessage([
  // One of `REQUEST`; with a registration also its licenses' class times `CLASS_UNIT`, 0 for none of its own.
  ['kind', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  // x as the bank drew it; compared with the sealed one [0068].
  ['amount', BALANCE],
  ['request', REST],
]);
export type BankMessage = MessageOf<typeof bankMessage>;

/** What a class of licenses counts in the kind of a bank's message. */
export const CLASS_UNIT = 16;

/** Issuer to bank: final, and the same for the same bytes. On any code but OK the bank posts the draw back. */
export const issuerReply = defineMessage([
  // Number of a code.
  ['code', U8],
  // SHA-256 of the encoded `bankMessage`.
  ['messageHash', BYTES, 32],
  // SHA-256 of all boxes, joined.
  ['boxesHash', BYTES, 32],
]);

/**
 * The issuer's statement that an EBC is negative, type `traceOrder` [0056], [0081]: without one, neither trustee nor
 * bank gives a name out. Signed by the issuer, so that no operator alone can ask.
 */
export const traceOrder = defineMessage([
  // PKU that the trustee licensed, or SHA-256 of the registration that the bank passed on.
  ['subject', BYTES, 32],
  // What is missing: -EBC.
  ['missing', AMOUNT],
  ['timeS', U32],
  // Key id of the operator who asked.
  ['operator', BYTES, 8],
  // The reason, as text.
  ['why', REST],
]);
export type TraceOrder = MessageOf<typeof traceOrder>;
export const signedTraceOrder = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `traceOrder`.
  ['body', REST],
]);

/** What is left on the EBC of a lost token, type `release`: the bank credits it once to the owner. */
export const releaseOrder = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  // As of a trace order.
  ['subject', BYTES, 32],
  ['amount', AMOUNT],
  // Tells two releases apart.
  ['number', U32],
  ['timeS', U32],
]);
export const signedReleaseOrder = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `releaseOrder`.
  ['body', REST],
]);

/** Boxes of a reply in one piece: length (4), bytes, and so on. */
export function packBoxes(boxes: Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const each of boxes) {
    const length = new Uint8Array(4);
    writeU32(length, 0, each.length);
    parts.push(length, each);
  }
  return concat(parts);
}

/** Boxes from their piece; null where it is not exactly that. */
export function unpackBoxes(bytes: Uint8Array): Uint8Array[] | null {
  const boxes: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return null;
    const end = at + 4 + readU32(bytes, at);
    if (end > bytes.length) return null;
    boxes.push(copy(bytes, at + 4, end));
    at = end;
  }
  return boxes;
}
