/**
 * Commands of the token on the radio: ISO/IEC 7816-4 APDUs after SELECT of our AID.
 *
 * A command that fails answers a status word of core/codes.ts and no data, and has changed nothing. Data longer than one
 * APDU is chained (drivers/apdu.ts); sizes below are before chaining.
 */
import { defineMessage, AMOUNT, BALANCE, NAME, U32, U8 } from './codec.js';
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
  /** No data; answer: the multiples of the license's PKU (512), for a terminal that checks the signature itself. */
  multiples: 0x12,
  /** Desk. No data; answer: `identity`. */
  identity: 0x40,
  /** Desk. data: `nameRequest`, the IdU; answer: `registration`. */
  register: 0x42,
  /** Desk. data: `licenseGrant`; no answer. */
  license: 0x44,
  /** Desk. data: `amountRequest`, x; answer: `withdrawal`. */
  withdraw: 0x46,
  /** data: receipt; answer: `receiptAnswer`. Needs no desk: a receipt is only ever good for its owner. */
  receipt: 0x48,
  /** Desk. No data; answer: `tokenStatus`. */
  status: 0x4a,
};

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

/** Answer to IDENTITY. */
export interface Identity {
  accountKey: Uint8Array;
  pku: Uint8Array;
  /** Number of the last receipt taken, 0 before the first. */
  receiptNumber: number;
  /** 1 once a license is stored. */
  licensed: number;
}
export const identity = defineMessage<Identity>([
  ['accountKey', 'bytes', KEY_BYTES],
  ['pku', 'bytes', KEY_BYTES],
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
  ['license', 'bytes', LICENSE_BYTES],
  ['multiples', 'bytes', MULTIPLES_BYTES],
]);

/** Data of WITHDRAW. */
export const amountRequest = defineMessage<{ amount: number }>([['amount', AMOUNT]]);

/** Answer to RECEIPT. */
export interface ReceiptAnswer {
  /** Number of the last receipt taken, this one included. */
  receiptNumber: number;
}
export const receiptAnswer = defineMessage<ReceiptAnswer>([['receiptNumber', U32]]);

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
