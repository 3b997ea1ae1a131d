/**
 * Requests through a bank that must not read them: registration and withdrawal in schemes 3 to 6 (EP 0926637
 * [0062]-[0069], [0084]-[0091]), coupons of scheme 2 ([0039]-[0044]).
 *
 * An owned request is what the owner's account key signs for who keeps the accounts: name and amount in the open, the
 * rest sealed to the issuer by HPKE (PKI(...), RFC 9180) or under the shared key K (`keyed`). The owner signs the hash
 * of the sealed bytes, so that a bank can attach nobody else's pseudonym to a name ([0062] has no such signature). The
 * issuer answers each request with boxes under K, which the bank passes on unread.
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, NAME, REST, U32, U8, type MessageOf } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, LICENSE_BYTES, MULTIPLES_BYTES, SIGNATURE_BYTES } from './payment.js';
import { WIRE_VERSION } from './signed.js';

/** Kinds of request, also the type in a message key and in HPKE's info. Numbers are never reused. */
export const REQUEST = {
  /** Sealed `registrationSecret`. */
  register: 1,
  /** Sealed `issueSecret`. */
  sealedIssue: 2,
  /** `keyedRequest` with `issueSecret` in its box. */
  keyedIssue: 3,
  /** A blinded message, 256 bytes: for the bank's own signature. */
  coupon: 4,
  /**
   * Sealed `redemptionSecret`, or `issueSecret` of 0 for a missed receipt: to the issuer in a session of its own, so
   * nobody owns it.
   */
  redeem: 5,
  /** Scheme 1 and open registrations: `withdrawal` or `registration`, as they are. */
  open: 6,
  /** Of a shop: `refund` (wire/refund.ts). Between bank and issuer only. */
  refund: 7,
  /** `history` of a debit that no shop can deposit any more. Between bank and issuer only. */
  reconcile: 8,
};

/** Bytes of a request id, of K, of a box's salt, of a KID. */
export const REQUEST_ID_BYTES = 16;
export const K_BYTES = 16;
export const SALT_BYTES = 16;
export const KID_BYTES = 8;
/** Bytes of an RSA-2048 modulus, of a blinded message, of a coupon's signature. */
export const RSA_BYTES = 256;
/** Bytes of a coupon's random prefix (RFC 9474 4.1). */
export const COUPON_PREFIX_BYTES = 32;

/** What the account key signs, type `ownedRequest`. */
export const ownedBody = defineMessage([
  // One of `REQUEST`.
  ['kind', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['accountKey', BYTES, KEY_BYTES],
  // x, or 0 for a registration.
  ['amount', BALANCE],
  // IdU.
  ['name', NAME],
  // SHA-256 of the request.
  ['requestHash', BYTES, 32],
]);

/** A request as the bank gets it. */
export const ownedRequest = defineMessage([
  ['accountSignature', BYTES, SIGNATURE_BYTES],
  ['kind', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['accountKey', BYTES, KEY_BYTES],
  ['amount', BALANCE],
  ['name', NAME],
  ['request', REST],
]);
export type OwnedRequest = MessageOf<typeof ownedRequest>;

/** PKI(...): HPKE's `enc`, then the ciphertext with its tag. */
export const sealedRequest = defineMessage([
  ['enc', BYTES, KEY_BYTES],
  ['sealed', REST],
]);

/** What HPKE's info names: product and version as in a signature's tag, the scheme, and the kind of request. */
export function sealInfo(scheme: number, kind: number): Uint8Array {
  return new Uint8Array([116, 97, 112, 99, 97, 115, 104, WIRE_VERSION, scheme, kind]);
}

/**
 * What is sealed: a random id, under which the issuer keeps its reply, the key K for that reply, and the request
 * proper.
 */
export const sealedPlain = defineMessage([
  ['requestId', BYTES, REQUEST_ID_BYTES],
  ['k', BYTES, K_BYTES],
  ['body', REST],
]);

export const PSEUDONYM_PROOF_BYTES = 96;
/** (PKU1..n): each with SKU's proof of possession over `proofBody`. Body of a sealed registration is a row of these. */
export const pseudonymProof = defineMessage([
  ['pku', BYTES, KEY_BYTES],
  ['proof', BYTES, SIGNATURE_BYTES],
]);

/** What SKU signs to show that it is there, type `pseudonymProof`. */
export const proofBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['requestId', BYTES, REQUEST_ID_BYTES],
  ['pku', BYTES, KEY_BYTES],
]);

export const ISSUE_BODY_BYTES = 51;
/** (PKU, x) with the number that the receipt shall have; SKU signs it as type `issue`. PKU is any of the set. */
export const issueBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['pku', BYTES, KEY_BYTES],
  ['number', U32],
  // x, minor units; 0 asks for the receipt of that number, which the token missed.
  ['amount', BALANCE],
]);
export type IssueBody = MessageOf<typeof issueBody>;

/** Body of a sealed withdrawal, and what a keyed one has in its box. */
export const issueSecret = defineMessage([
  ['proof', BYTES, SIGNATURE_BYTES],
  // Encoded `issueBody`.
  ['body', BYTES, ISSUE_BODY_BYTES],
]);
export type IssueSecret = MessageOf<typeof issueSecret>;

/** Body of a redemption: the withdrawal that the coupon pays for, and the coupon. */
export const redemptionSecret = defineMessage([
  ['proof', BYTES, SIGNATURE_BYTES],
  ['body', BYTES, ISSUE_BODY_BYTES],
  ['prefix', BYTES, COUPON_PREFIX_BYTES],
  // SKBx(prefix | PKU).
  ['signature', BYTES, RSA_BYTES],
]);

/** K(PKU, x) with KID, and the sequence that the issuer compares (docs/architecture.md 3). */
export const keyedRequest = defineMessage([
  ['kid', BYTES, KID_BYTES],
  ['sequence', U32],
  // Encoded `box`.
  ['box', REST],
]);

/** K(...): AES-128-GCM; HKDF-SHA256 of K with the salt and `boxInfo` gives key (16) and nonce (12). */
export const box = defineMessage([
  ['salt', BYTES, SALT_BYTES],
  ['sealed', REST],
]);

/** Which message a box is, so that no two share a key and none passes for another. */
export const boxInfo = defineMessage([
  // 0: to the issuer; 1: to the token.
  ['direction', U8],
  // Kind of the request.
  ['kind', U8],
  // Zeros and 0 in the reply to a sealed request, whose K serves once.
  ['kid', BYTES, KID_BYTES],
  ['sequence', U32],
  // Which box of a reply, from 0.
  ['index', U8],
]);
export type BoxInfo = MessageOf<typeof boxInfo>;
export const TO_ISSUER = 0;
export const TO_TOKEN = 1;

/** What a box of a reply holds. */
export const replyPlain = defineMessage([
  // Number of a code; other than OK: refused for good. RECEIPT_GAP: the number was given to the receipt in `body`.
  ['code', U8],
  // Registration: `grantPlain` of pseudonym `index`. Withdrawal and redemption: `receipt`, or nothing.
  ['body', REST],
]);
export type ReplyPlain = MessageOf<typeof replyPlain>;

/** K(SKI(PKU), KID): one license of the set. */
export const grantPlain = defineMessage([
  ['kid', BYTES, KID_BYTES],
  ['license', BYTES, LICENSE_BYTES],
  ['multiples', BYTES, MULTIPLES_BYTES],
]);
export type GrantPlain = MessageOf<typeof grantPlain>;

/** What a token asks a coupon with: blinded for one of the bank's keys, which is known by its hash. */
export const couponRequest = defineMessage([
  // SHA-256 of the modulus, as in the list.
  ['modulusHash', BYTES, 32],
  ['blinded', BYTES, RSA_BYTES],
]);

/** The one list of the bank's coupon keys PKBx for everybody, signed by the issuer as type `couponKeys`. */
export const couponKeysBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  // Never falls.
  ['version', U32],
  // Rows of `couponKey`, amounts falling.
  ['keys', REST],
]);
export const COUPON_KEY_BYTES = 40;
/** Most amounts, so that the signed list fits one message. */
export const COUPON_KEYS_MAX = 12;
export const couponKey = defineMessage([
  ['amount', AMOUNT],
  // SHA-256 of the modulus, 256 bytes big-endian; e = 65537.
  ['modulusHash', BYTES, 32],
]);
export const signedCouponKeys = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `couponKeysBody`.
  ['body', REST],
]);
