/**
 * What the desk keeps in raw flash besides user-token/token-records.ts: the request that waits for its reply, the
 * shared key K, coupons.
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, U32, U8 } from '../../wire/codec.js';
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
  /** Slot 0: `blindingRecord` of the last coupon asked for. */
  blinding: 25,
  /** Slot 0 to COUPONS_MAX - 1: `couponRecord`. */
  coupon: 26,
};

/** Coupons held at once: two of the largest amounts that split into all denominations. */
export const COUPONS_MAX = 32;

/** The last request, and how it ended. */
export interface RequestHead {
  /** One of `REQUEST`. */
  kind: number;
  /** 1 while it waits for its reply. */
  waits: number;
  amount: number;
  /** Bytes of the request. */
  length: number;
  /** K that the reply is sealed under; zeros for a coupon, and once the reply came. */
  k: Uint8Array;
  /** KID and sequence of a keyed request, else zeros. */
  kid: Uint8Array;
  sequence: number;
  /** Slot of the coupon that a redemption is for, else 0. */
  coupon: number;
  /** Code of the reply, and SHA-256 of the box that ended it: the same again gets the same answer. */
  code: number;
  endHash: Uint8Array;
}
export const requestHead = defineMessage<RequestHead>([
  ['kind', U8],
  ['waits', U8],
  ['amount', BALANCE],
  ['length', U32],
  ['k', BYTES, K_BYTES],
  ['kid', BYTES, KID_BYTES],
  ['sequence', U32],
  ['coupon', U8],
  ['code', U8],
  ['endHash', BYTES, 32],
]);

/** K with its KID [0087], and the sequence of the last keyed request that had its reply. */
export interface SharedKey {
  kid: Uint8Array;
  k: Uint8Array;
  sequence: number;
}
export const sharedKey = defineMessage<SharedKey>([
  ['kid', BYTES, KID_BYTES],
  ['k', BYTES, K_BYTES],
  ['sequence', U32],
]);

/** What unblinds a coupon: durable before the blinded message is given. */
export interface BlindingRecord {
  prefix: Uint8Array;
  /** R/r modulo the modulus (crypto/blind-rsa.ts). */
  inverse: Uint8Array;
  modulus: Uint8Array;
  /** SHA-256 of the `couponRequest`: what a refusal names. */
  requestHash: Uint8Array;
}
export const blindingRecord = defineMessage<BlindingRecord>([
  ['prefix', BYTES, COUPON_PREFIX_BYTES],
  ['inverse', BYTES, RSA_BYTES],
  ['modulus', BYTES, RSA_BYTES],
  ['requestHash', BYTES, 32],
]);

/** A coupon SKBx(prefix | PKU) [0041]. */
export interface CouponRecord {
  amount: number;
  prefix: Uint8Array;
  signature: Uint8Array;
}
export const couponRecord = defineMessage<CouponRecord>([
  ['amount', AMOUNT],
  ['prefix', BYTES, COUPON_PREFIX_BYTES],
  ['signature', BYTES, RSA_BYTES],
]);
