/**
 * Messages between terminal and bridge, inside the frames of link-frame.ts.
 *
 * A message is: kind (1), id (1), body. An answer is: kind | 0x80 (1), the same id (1), code (1, core/codes.ts), body.
 * Every request is answered. A request repeated after a lost session has the same identifier in its body (charge id,
 * history identity), and so the same effect.
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, NAME, REST, U32, U8, type MessageOf } from '../codec.js';
import { ISSUER_ID_BYTES, RS_BYTES } from '../payment.js';

/** Payload of HELLO and HELLO_ACK. */
export const hello = defineMessage([
  // WIRE_VERSION of the sender.
  ['version', U8],
  // 1 bridge, 2 terminal.
  ['role', U8],
  // Longest coded frame that the sender's UART takes.
  ['burstBytesMax', U32],
  // The sender's fresh number. Both sides' numbers are the session.
  ['session', U32],
  // In HELLO_ACK the peer's number that it answers; in HELLO 0.
  ['answers', U32],
]);
export type Hello = MessageOf<typeof hello>;

/** Kinds of message. */
export const KIND = {
  // bridge to terminal
  /** No body; answer: `terminalStatus`. */
  status: 0x01,
  /** body: `signedTime`, an answer to the nonce of timeWanted. */
  time: 0x02,
  /** body: `signedDenyList`. */
  denyList: 0x03,
  /** body: `chargeRequest`; answer: no body. OK also when this charge id is already open. NOT_NEWER by its number. */
  charge: 0x04,
  /** body: the charge id (8); answer: no body. ALREADY_PAID once a verified signature exists. */
  cancel: 0x05,
  /** body: `deskRequest`; answer: the token's data. Code: the token's. */
  desk: 0x06,
  /**
   * body: `refundBody`; answer: the terminal's signature over it (64). WRONG_NAME for another shop, terminal, issuer or
   * currency.
   */
  refund: 0x07,
  /** body: `signedRetired`; answer: no body. From then on `charge` is TERMINAL_RETIRED, until one takes that back. */
  retired: 0x08,
  /**
   * body: `openChargeRequest`; answer as for `charge`: y is entered by the payer, on the token or at the terminal. OK
   * also when this charge id is open.
   */
  openCharge: 0x0c,
  // terminal to bridge
  /**
   * body: `verifyRequest`; answer: no body. Code OK, LICENSE_INVALID, KEY_UNKNOWN or SIGNATURE_INVALID; any other: no
   * verdict.
   */
  verify: 0x10,
  /** body: history; answer OK only once it is on the bridge's disk. */
  history: 0x11,
  /** body: tombstone; answer OK only once it is on the bridge's disk. */
  tombstone: 0x12,
  /** body: `tapReport`. */
  tap: 0x13,
  /** body: code (1), for the clerk and the log. */
  alarm: 0x14,
  /** body: nonce (8): please bring signed time. */
  timeWanted: 0x15,
};

export const CHARGE_ID_BYTES = 8;
/** What the clerk asks for. */
export const chargeRequest = defineMessage([
  // The bridge's durable counter: not above the last one, it opens no charge.
  ['number', U32],
  // 8 bytes, chosen by the bridge; a retry has the same.
  ['id', BYTES, CHARGE_ID_BYTES],
  ['amount', AMOUNT],
  // How long it may still wait for a token, seconds. A retry shortens what is left, never lengthens it.
  ['lifetimeS', U32],
]);

/** What the clerk asks for where the payer says y, or adds a tip. */
export const openChargeRequest = defineMessage([
  // As in `chargeRequest`.
  ['number', U32],
  ['id', BYTES, CHARGE_ID_BYTES],
  ['lifetimeS', U32],
  // What is due before a tip; 0 where all of y is the payer's to say.
  ['base', BALANCE],
  // Limits of y, the base in it.
  ['min', AMOUNT],
  ['max', AMOUNT],
]);
export type OpenChargeRequest = MessageOf<typeof openChargeRequest>;
/** What a payer may say of y, minor units. */
export type OpenTerms = Pick<OpenChargeRequest, 'base' | 'min' | 'max'>;

/** A command to a token, sent through the terminal's reader at the desk. */
export const deskRequest = defineMessage([
  // How long to wait for somebody to tap, milliseconds.
  ['timeoutMs', U32],
  ['ins', U8],
  ['data', REST],
]);
export type DeskRequest = MessageOf<typeof deskRequest>;

/** What the terminal wants verified. */
export const verifyRequest = defineMessage([
  ['what', U8],
  ['bytes', REST],
]);
/**
 * Values of `what`: a license; a payment: license, challenge and, for that is known last, signature (2 was the same in
 * the order of a history).
 */
export const VERIFY = { license: 1, payment: 3 };

/** State of the terminal. */
export const terminalStatus = defineMessage([
  ['version', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['terminalId', BYTES, 4],
  // Public key of the terminal, for its tombstones.
  ['terminalKey', BYTES, 32],
  // Estimate of the time now, seconds; 0 before the first signed time since power-up.
  ['timeS', U32],
  ['denyVersion', U32],
  ['historiesPending', U32],
  ['tombstonesPending', U32],
  // One of `CHARGE_STATES`.
  ['chargeState', U8],
  // The last number of a charge that it took from a bridge.
  ['chargeNumber', U32],
  ['variablesUsed', U32],
  ['variablesTotal', U32],
  ['flashWrites', U32],
  // First 4 bytes of the newest registrar's key that it was given: a bridge that knows a newer one does not check by
  // it.
  ['registrar', BYTES, 4],
  // IdS, as text.
  ['shop', NAME],
  // First 4 bytes of the program's hash, by which its build names it; nothing from programs before this field.
  ['firmware', REST],
]);
export type TerminalStatus = MessageOf<typeof terminalStatus>;
/** States of a charge. `accepted` is below the floor limit with the check still to come. */
export const CHARGE_STATES = { none: 0, open: 1, accepted: 2, paid: 3, cancelled: 4 };

/** What happened at a tap, for the clerk; times in milliseconds since the token was found. */
export const tapReport = defineMessage([
  ['chargeId', BYTES, CHARGE_ID_BYTES],
  ['rs', BYTES, RS_BYTES],
  // 0 while the payer has not entered it.
  ['amount', BALANCE],
  // State of the charge after the tap.
  ['chargeState', U8],
  // Code of the tap: OK, or why it did not pay.
  ['code', U8],
  ['selectMs', U32],
  ['licenseMs', U32],
  ['challengeMs', U32],
  ['verifyMs', U32],
  ['flashMs', U32],
  // Until PAID showed.
  ['paidMs', U32],
  // Flash writes and erasures of this tap.
  ['flashWrites', U32],
]);
export type TapReport = MessageOf<typeof tapReport>;
