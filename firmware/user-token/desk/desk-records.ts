/**
 * What the desk keeps in raw flash besides user-token/token-records.ts: the request that waits for its reply, the
 * shared key K, coupons.
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, U32, U8, type MessageOf } from '../../wire/codec.js';
import { COUPON_PREFIX_BYTES, K_BYTES, KID_BYTES, RSA_BYTES } from '../../wire/request.js';

/** Types of record, beside `RECORD`, 16 to 31 together. Numbers are never reused. */
export const DESK_RECORD = {
  /** Slot 0: `requestHead` of the last request. */
  request: 21,
  /** Slot i: its bytes from i * PART_BYTES on. */
  requestPart: 22,
  /** Slot 0: `sharedKey`. */
  sharedKey: 23,
  /** Slot 0: the list of the bank's keys, encoded `couponKeysBody`. */
  couponKeys: 24,
  /** Slot 0: `blindingRecord` of the coupon that waits for its signature. */
  blinding: 25,
  /** Slot 0 to COUPONS_MAX - 1: `couponRecord`. */
  coupon: 26,
  /** Slot 0: `commandRecord` of the last command that an open desk answered, until something has come of it. */
  command: 27,
  /** Slot i: id of a request to come, issuer, and what the i-th call of the registration signed, until it waits. */
  proofs: 28,
};

/** Coupons held at once: two of the largest amounts that split into all denominations. */
export const COUPONS_MAX = 32;

/** The last request, and how it ended. */
export const requestHead = defineMessage([
  // One of `REQUEST`.
  ['kind', U8],
  // 1 while it waits for its reply.
  ['waits', U8],
  ['amount', BALANCE],
  // Bytes of the request; once it has its reply, the receipt number that the answer named.
  ['length', U32],
  // K that the reply is sealed under; zeros for a coupon, and once the reply came.
  ['k', BYTES, K_BYTES],
  // KID and sequence of a keyed request, else zeros.
  ['kid', BYTES, KID_BYTES],
  ['sequence', U32],
  // Slot of the coupon that a redemption is for, else 0.
  ['coupon', U8],
  // Code of the reply, and SHA-256 of the box that ended it: the same again gets the same answer.
  ['code', U8],
  ['endHash', BYTES, 32],
]);
export type RequestHead = MessageOf<typeof requestHead>;

/** A command that may come again: its answer was lost. */
export const commandRecord = defineMessage([
  // SHA-256 of instruction and data.
  ['hash', BYTES, 32],
  // Number of the last receipt then: with another one it would be another request.
  ['receiptNumber', U32],
  // x of a withdrawal, which the owner may have entered on the token; 0 of any other command.
  ['amount', BALANCE],
]);

/** K with its KID [0087], and the sequence of the last keyed request that had its reply. */
export const sharedKey = defineMessage([
  ['kid', BYTES, KID_BYTES],
  ['k', BYTES, K_BYTES],
  ['sequence', U32],
]);

/** What unblinds a coupon: durable before the blinded message is given. */
export const blindingRecord = defineMessage([
  ['prefix', BYTES, COUPON_PREFIX_BYTES],
  // R/r modulo the modulus (crypto/blind-rsa.ts).
  ['inverse', BYTES, RSA_BYTES],
  ['modulus', BYTES, RSA_BYTES],
  // SHA-256 of the `couponRequest`: what a refusal names.
  ['requestHash', BYTES, 32],
]);
export type BlindingRecord = MessageOf<typeof blindingRecord>;

/** A coupon SKBx(prefix | PKU) [0041]. */
export const couponRecord = defineMessage([
  ['amount', AMOUNT],
  ['prefix', BYTES, COUPON_PREFIX_BYTES],
  ['signature', BYTES, RSA_BYTES],
]);
export type CouponRecord = MessageOf<typeof couponRecord>;
