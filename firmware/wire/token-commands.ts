/**
 * Commands of the token on the radio: ISO/IEC 7816-4 APDUs after SELECT of our AID.
 *
 * A command that fails answers a status word of core/codes.ts and no data, and has changed nothing. Data longer than
 * one APDU is chained (nfc/iso-dep-client.ts, nfc/iso-dep-server.ts); sizes below are before chaining.
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, NAME, REST, U32, U8 } from './codec.js';
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
   * Desk. data: `amountRequest`, x; answer: `requestPart`. A request that waits for its reply is given again, whatever
   * x is asked for.
   */
  withdraw: 0x46,
  /** Desk. data: `partRequest`; answer: the next bytes of the request that waits, at most `PART_BYTES`. */
  part: 0x4c,
  /** Desk. data: `replyData`; answer: `replyAnswer`. */
  reply: 0x4e,
  /** Desk. data: `signedCouponKeys`; no answer. */
  couponKeys: 0x50,
  /** Desk. data: `couponStart`; answer: r u mod n (256), to be inverted. */
  couponStart: 0x52,
  /** Desk. data: the inverse (256); answer: `requestPart` of the coupon's `ownedRequest`. */
  couponBlind: 0x54,
  /** Desk. No data; answer: `requestPart` of a redemption, or code NO_CHARGE where no coupon is left. */
  redeem: 0x56,
  /**
   * Desk. No data; answer: `requestPart` of a question for the receipt that was missed: WITHDRAW of 0 in a scheme with
   * coupons.
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

/** Answer to SELECT. */
export interface SelectAnswer {
  version: number;
  /** Longest command data in one APDU that the token's receive buffer takes. */
  commandBytesMax: number;
}
export const selectAnswer = defineMessage<SelectAnswer>([
  ['version', U8],
  ['commandBytesMax', U8],
]);

/** Data of RECALL. */
export interface RecallRequest {
  /** 0 for the first debit never acknowledged, 1 for the next ... */
  index: number;
  shop: string;
}
export const recallRequest = defineMessage<RecallRequest>([
  ['index', U8],
  ['shop', NAME],
]);

/** Most bytes of a request in one answer. */
export const PART_BYTES = 512;

/** The first part of a request, with what it is. */
export interface RequestPart {
  /** One of `REQUEST` (wire/request.ts). */
  kind: number;
  /** x of the request; 0 for a registration. */
  amount: number;
  /** Bytes of the whole request. */
  length: number;
  part: Uint8Array;
}
export const requestPart = defineMessage<RequestPart>([
  ['kind', U8],
  ['amount', BALANCE],
  ['length', U32],
  ['part', REST],
]);

/** Data of PART. */
export const partRequest = defineMessage<{ offset: number }>([['offset', U32]]);

/** Data of REPLY: one box of the reply to the request that waits, or the bank's blind signature. */
export interface ReplyData {
  /** Which box, from 0. */
  index: number;
  body: Uint8Array;
}
export const replyData = defineMessage<ReplyData>([
  ['index', U8],
  ['body', REST],
]);

/** Answer to REPLY. */
export interface ReplyAnswer {
  /** Boxes of this reply still wanted, or 0: nothing waits any more. */
  left: number;
  /** The issuer's code in the box. */
  code: number;
  /** Number of the last receipt taken. */
  receiptNumber: number;
}
export const replyAnswer = defineMessage<ReplyAnswer>([
  ['left', U8],
  ['code', U8],
  ['receiptNumber', U32],
]);

/** Data of COUPON START: the amount, and the modulus whose hash stands in the list under it. */
export interface CouponStart {
  amount: number;
  modulus: Uint8Array;
}
export const couponStart = defineMessage<CouponStart>([
  ['amount', AMOUNT],
  ['modulus', BYTES, 256],
]);

/** Answer to IDENTITY. */
export interface Identity {
  accountKey: Uint8Array;
  /** PKU; zeros where registration is sealed: the desk must not learn it. */
  pku: Uint8Array;
  /** Number of the last receipt taken, 0 before the first. */
  receiptNumber: number;
  /** 1 once a license is stored. */
  licensed: number;
}
export const identity = defineMessage<Identity>([
  ['accountKey', BYTES, KEY_BYTES],
  ['pku', BYTES, KEY_BYTES],
  ['receiptNumber', U32],
  ['licensed', U8],
]);

/** Data of REGISTER. */
export const nameRequest = defineMessage<{ name: string }>([['name', NAME]]);

/** Data of LICENSE. */
export interface LicenseGrant {
  /** Encoded `license`. */
  license: Uint8Array;
  /** Multiples of its PKU. */
  multiples: Uint8Array;
}
export const licenseGrant = defineMessage<LicenseGrant>([
  ['license', BYTES, LICENSE_BYTES],
  ['multiples', BYTES, MULTIPLES_BYTES],
]);

/** Data of WITHDRAW: x, or 0 to ask for a receipt that the token missed. */
export const amountRequest = defineMessage<{ amount: number }>([['amount', BALANCE]]);

/** Answer to RECEIPT. */
export interface ReceiptAnswer {
  /** Number of the last receipt taken, this one included. */
  receiptNumber: number;
}
export const receiptAnswer = defineMessage<ReceiptAnswer>([['receiptNumber', U32]]);

/** Data of DEBIT: the first debit in this place of the journal, or in one after it. */
export const debitRequest = defineMessage<{ slot: number }>([['slot', U8]]);

/**
 * Answer to DEBIT: a payment as its payer keeps it, for the owner's own record, and for a claim where no shop has it.
 */
export interface DebitAnswer {
  /** Its place in the journal; the next question is for the one after. */
  slot: number;
  /** 1: the shop acknowledged it. */
  settled: number;
  /** Encoded `history`, with the license that the pseudonym has now. */
  history: Uint8Array;
}
export const debitAnswer = defineMessage<DebitAnswer>([
  ['slot', U8],
  ['settled', U8],
  ['history', REST],
]);

/** Answer to STATUS: for the owner at the desk. */
export interface TokenStatus {
  balance: number;
  receiptNumber: number;
  /** Debits never acknowledged. */
  unacknowledged: number;
  /** Nonces ready in the pool. */
  nonces: number;
  /** Variables of the interpreter in use, of how many. */
  variablesUsed: number;
  variablesTotal: number;
  /** Flash writes and erasures since power-up. */
  flashWrites: number;
}
export const tokenStatus = defineMessage<TokenStatus>([
  ['balance', BALANCE],
  ['receiptNumber', U32],
  ['unacknowledged', U8],
  ['nonces', U8],
  ['variablesUsed', U32],
  ['variablesTotal', U32],
  ['flashWrites', U32],
]);
