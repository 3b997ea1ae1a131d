/**
 * Commands of the token on the radio: ISO/IEC 7816-4 APDUs after SELECT of our AID.
 *
 * A command that fails answers a status word of core/codes.ts and no data, and has changed nothing. Data longer than
 * one APDU is chained (nfc/iso-dep-client.ts, nfc/iso-dep-server.ts); sizes below are before chaining.
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, NAME, REST, U32, U8, type MessageOf } from './codec.js';
import { KEY_BYTES, LICENSE_BYTES, MULTIPLES_BYTES } from './payment.js';

/** Application identifier: F0 (proprietary), "tapcash". */
export const AID = new Uint8Array([0xf0, 0x74, 0x61, 0x70, 0x63, 0x61, 0x73, 0x68]);

/** Class byte of every command but SELECT and GET RESPONSE. */
export const CLA = 0x80;

/** Instruction bytes. The desk commands answer only a while after the token's button was pressed. */
export const INS = {
  /** data: `chargeId`; answer: license (124), then the number of debits for this shop never acknowledged (1). */
  open: 0x10,
  /** data: `challenge`; answer: `payment`. */
  challenge: 0x20,
  /** data: `chargeId`; no answer. The debit is settled. */
  ack: 0x30,
  /** data: `recallRequest`; answer: Rs (16) of a debit for this shop that was never acknowledged. */
  recall: 0x18,
  /**
   * data: `amountAsk`; answer: y (8), as the payer has entered it on the token for this charge; 0 where the token has
   * no keys. Code AMOUNT_NEEDED while it is not entered: the token's display asks for it.
   */
  amount: 0x14,
  /**
   * No data; answer: the multiples of the PKU in the license that OPEN gave (512), for a terminal that checks the
   * signature itself.
   */
  multiples: 0x12,
  /** Desk. No data; answer: `identity`. */
  identity: 0x40,
  /** Desk. data: `nameRequest`, the IdU; answer: `requestPart` of a registration. */
  register: 0x42,
  /** Desk. data: `licenseGrant`; no answer. */
  license: 0x44,
  /**
   * Desk. data: `amountRequest`, x, or 0 for what the owner entered on the token (code NO_CHARGE: nothing); answer:
   * `requestPart`, once its owner agreed to x by a press (code CONFIRM_NEEDED until then). A request that waits for its
   * reply is given again, whatever x is asked for. In a scheme with coupons the answer has no bytes: COUPON START
   * follows, for coupons of x in sum without another press.
   */
  withdraw: 0x46,
  /** Desk. data: `partRequest`; answer: the next bytes of the request that waits, at most `PART_BYTES`. */
  part: 0x4c,
  /** Desk. data: `replyData`; answer: `replyAnswer`. */
  reply: 0x4e,
  /** Desk. data: `signedCouponKeys`; no answer. */
  couponKeys: 0x50,
  /** Desk. data: `couponStart`; answer: r u mod n (256), to be inverted. Code CONFIRM_NEEDED as for WITHDRAW. */
  couponStart: 0x52,
  /** Desk. data: the inverse (256); answer: `requestPart` of the coupon's `ownedRequest`. */
  couponBlind: 0x54,
  /** Desk. data: `commandRequest`; answer: `requestPart` of a redemption, or code NO_CHARGE where no coupon is left. */
  redeem: 0x56,
  /**
   * Desk. data: `commandRequest`; answer: `requestPart` of a question for a receipt that was missed: a withdrawal of 0,
   * in a scheme with coupons the way of a redemption.
   */
  missed: 0x5a,
  /** Desk. data: `debitRequest`; answer: `debitAnswer`, or code NO_CHARGE where the journal has none from there on. */
  debit: 0x58,
  /** data: receipt; answer: `receiptAnswer`. Needs no desk: a receipt is only ever good for its owner. */
  receipt: 0x48,
  /** Desk. No data; answer: `tokenStatus`. */
  status: 0x4a,
};

/** Whether an instruction is one of the desk, STATUS apart: the even numbers from 0x40 on. */
export function isDeskCommand(ins: number): boolean {
  return ins >= INS.identity && ins <= INS.missed && ins % 2 === 0 && ins !== INS.status;
}

/** Whether a desk command brings what a house signed, in the open: a license or a receipt. */
export function isPaperCommand(ins: number): boolean {
  return ins === INS.license || ins === INS.receipt;
}

/** Answer to SELECT. */
export const selectAnswer = defineMessage([
  ['version', U8],
  // Longest command data in one APDU that the token's receive buffer takes.
  ['commandBytesMax', U8],
]);

/** Data of AMOUNT: a charge that leaves y to the payer. */
export const amountAsk = defineMessage([
  ['currency', 'ascii', 3],
  // What is due before a tip; 0 where all of y is the payer's to say. What is entered is added to it.
  ['base', BALANCE],
  // Limits of y, the base in it.
  ['min', AMOUNT],
  ['max', AMOUNT],
  // Encoded `chargeId`.
  ['chargeId', REST],
]);
export type AmountAsk = MessageOf<typeof amountAsk>;

/** Data of RECALL. */
export const recallRequest = defineMessage([
  // 0 for the first debit never acknowledged, 1 for the next ...
  ['index', U8],
  ['shop', NAME],
]);

/** Most bytes of a request in one answer. */
export const PART_BYTES = 512;

/** The first part of a request, with what it is. */
export const requestPart = defineMessage([
  // One of `REQUEST` (wire/request.ts).
  ['kind', U8],
  // x of the request; 0 for a registration.
  ['amount', BALANCE],
  // Bytes of the whole request.
  ['length', U32],
  ['part', REST],
]);
export type RequestPart = MessageOf<typeof requestPart>;

/**
 * First bytes of a request: of a signature over what is sealed, or of the key that it is sealed with. Nobody can guess
 * them, so who names them had the first part.
 */
export const REQUEST_START_BYTES = 8;

/** Data of PART. */
export const partRequest = defineMessage([
  // Of the request that waits: its first bytes, as the first part had them.
  ['start', BYTES, REQUEST_START_BYTES],
  ['offset', U32],
]);

/** Data of REPLY: one box of the reply to the request that waits, or the bank's blind signature. */
export const replyData = defineMessage([
  // Which box, from 0.
  ['index', U8],
  ['body', REST],
]);

/** Answer to REPLY. */
export const replyAnswer = defineMessage([
  // Boxes of this reply still wanted, or 0: nothing waits any more.
  ['left', U8],
  // The issuer's code in the box.
  ['code', U8],
  // Number of the last receipt taken.
  ['receiptNumber', U32],
]);

/**
 * Bytes of a desk command's id: random, one for each command. The same bytes again are of the desk that had the first
 * answer, or should have had it; so they need no button, whatever has closed the desk in between.
 */
export const COMMAND_ID_BYTES = 8;

/** Data of REDEEM and of MISSED. */
export const commandRequest = defineMessage([['commandId', BYTES, COMMAND_ID_BYTES]]);

/** Data of COUPON START: the amount, and the modulus whose hash stands in the list under it. */
export const couponStart = defineMessage([
  ['commandId', BYTES, COMMAND_ID_BYTES],
  ['amount', AMOUNT],
  ['modulus', BYTES, 256],
]);

/** Answer to IDENTITY. */
export const identity = defineMessage([
  ['accountKey', BYTES, KEY_BYTES],
  // PKU; zeros where registration is sealed: the desk must not learn it.
  ['pku', BYTES, KEY_BYTES],
  // Number of the last receipt taken, 0 before the first.
  ['receiptNumber', U32],
  // 1 once a license is stored.
  ['licensed', U8],
]);
export type Identity = MessageOf<typeof identity>;

/** Data of REGISTER. */
export const nameRequest = defineMessage([
  ['commandId', BYTES, COMMAND_ID_BYTES],
  ['name', NAME],
]);

/** Data of LICENSE. */
export const licenseGrant = defineMessage([
  // Encoded `license`.
  ['license', BYTES, LICENSE_BYTES],
  // Multiples of its PKU.
  ['multiples', BYTES, MULTIPLES_BYTES],
]);
export type LicenseGrant = MessageOf<typeof licenseGrant>;

/** Data of WITHDRAW: x, or 0 for what the owner entered on the token. */
export const amountRequest = defineMessage([
  ['commandId', BYTES, COMMAND_ID_BYTES],
  ['amount', BALANCE],
]);

/** Answer to RECEIPT. */
export const receiptAnswer = defineMessage([
  // Number of the last receipt taken, this one included.
  ['receiptNumber', U32],
]);

/** Data of DEBIT: the first debit in this place of the journal, or in one after it. */
export const debitRequest = defineMessage([['slot', U8]]);

/**
 * Answer to DEBIT: a payment as its payer keeps it, for the owner's own record, and for a claim where no shop has it.
 */
export const debitAnswer = defineMessage([
  // Its place in the journal; the next question is for the one after.
  ['slot', U8],
  // 1: the shop acknowledged it.
  ['settled', U8],
  // Encoded `history`, with the license that the pseudonym has now.
  ['history', REST],
]);

/** Answer to STATUS: for the owner at the desk. */
export const tokenStatus = defineMessage([
  ['balance', BALANCE],
  ['receiptNumber', U32],
  // Debits never acknowledged.
  ['unacknowledged', U8],
  // Nonces ready in the pool.
  ['nonces', U8],
  // Variables of the interpreter in use, of how many.
  ['variablesUsed', U32],
  ['variablesTotal', U32],
  // Flash writes and erasures since power-up.
  ['flashWrites', U32],
]);
export type TokenStatus = MessageOf<typeof tokenStatus>;
