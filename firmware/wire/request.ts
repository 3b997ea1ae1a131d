/**
 * Requests through a bank that must not read them: registration and withdrawal in schemes 3 to 6 (EP 0926637
 * [0062]-[0069], [0084]-[0091]), coupons of scheme 2 ([0039]-[0044]).
 *
 * An owned request is what the owner's account key signs for who keeps the accounts: name and amount in the open, the
 * rest sealed to the issuer by HPKE (PKI(...), RFC 9180) or under the shared key K (`keyed`). The owner signs the hash
 * of the sealed bytes, so that a bank can attach nobody else's pseudonym to a name ([0062] has no such signature). The
 * issuer answers each request with boxes under K, which the bank passes on unread.
 */
import { defineMessage, BYTES, AMOUNT, BALANCE, NAME, REST, U32, U8 } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, LICENSE_BYTES, MULTIPLES_BYTES, SIGNATURE_BYTES } from './payment.js';

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
export interface OwnedBody {
  /** One of `REQUEST`. */
  kind: number;
  issuer: Uint8Array;
  currency: string;
  accountKey: Uint8Array;
  /** x, or 0 for a registration. */
  amount: number;
  /** IdU. */
  name: string;
  /** SHA-256 of the request. */
  requestHash: Uint8Array;
}
export const ownedBody = defineMessage<OwnedBody>([
  ['kind', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['accountKey', BYTES, KEY_BYTES],
  ['amount', BALANCE],
  ['name', NAME],
  ['requestHash', BYTES, 32],
]);

/** A request as the bank gets it. */
export interface OwnedRequest {
  accountSignature: Uint8Array;
  kind: number;
  issuer: Uint8Array;
  currency: string;
  accountKey: Uint8Array;
  amount: number;
  name: string;
  request: Uint8Array;
}
export const ownedRequest = defineMessage<OwnedRequest>([
  ['accountSignature', BYTES, SIGNATURE_BYTES],
  ['kind', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['accountKey', BYTES, KEY_BYTES],
  ['amount', BALANCE],
  ['name', NAME],
  ['request', REST],
]);

/** PKI(...): HPKE's `enc`, then the ciphertext with its tag. */
export interface SealedRequest {
  enc: Uint8Array;
  sealed: Uint8Array;
}
export const sealedRequest = defineMessage<SealedRequest>([
  ['enc', BYTES, KEY_BYTES],
  ['sealed', REST],
]);

/** What HPKE's info names: product and version as in a signature's tag, the scheme, and the kind of request. */
export function sealInfo(scheme: number, kind: number): Uint8Array {
  return new Uint8Array([116, 97, 112, 99, 97, 115, 104, 1, scheme, kind]);
}

/**
 * What is sealed: a random id, under which the issuer keeps its reply, the key K for that reply, and the request
 * proper.
 */
export interface SealedPlain {
  requestId: Uint8Array;
  k: Uint8Array;
  body: Uint8Array;
}
export const sealedPlain = defineMessage<SealedPlain>([
  ['requestId', BYTES, REQUEST_ID_BYTES],
  ['k', BYTES, K_BYTES],
  ['body', REST],
]);

/** (PKU1..n): each with SKU's proof of possession over `proofBody`. Body of a sealed registration is a row of these. */
export interface PseudonymProof {
  pku: Uint8Array;
  proof: Uint8Array;
}
export const PSEUDONYM_PROOF_BYTES = 96;
export const pseudonymProof = defineMessage<PseudonymProof>([
  ['pku', BYTES, KEY_BYTES],
  ['proof', BYTES, SIGNATURE_BYTES],
]);

/** What SKU signs to show that it is there, type `pseudonymProof`. */
export interface ProofBody {
  issuer: Uint8Array;
  currency: string;
  requestId: Uint8Array;
  pku: Uint8Array;
}
export const proofBody = defineMessage<ProofBody>([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['requestId', BYTES, REQUEST_ID_BYTES],
  ['pku', BYTES, KEY_BYTES],
]);

/** (PKU, x) with the number that the receipt shall have; SKU signs it as type `issue`. PKU is the first of the set. */
export interface IssueBody {
  issuer: Uint8Array;
  currency: string;
  pku: Uint8Array;
  number: number;
  /** x, minor units; 0 asks for the receipt of that number, which the token missed. */
  amount: number;
}
export const ISSUE_BODY_BYTES = 51;
export const issueBody = defineMessage<IssueBody>([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['pku', BYTES, KEY_BYTES],
  ['number', U32],
  ['amount', BALANCE],
]);

/** Body of a sealed withdrawal, and what a keyed one has in its box. */
export interface IssueSecret {
  proof: Uint8Array;
  /** Encoded `issueBody`. */
  body: Uint8Array;
}
export const issueSecret = defineMessage<IssueSecret>([
  ['proof', BYTES, SIGNATURE_BYTES],
  ['body', BYTES, ISSUE_BODY_BYTES],
]);

/** Body of a redemption: the withdrawal that the coupon pays for, and the coupon. */
export interface RedemptionSecret {
  proof: Uint8Array;
  body: Uint8Array;
  prefix: Uint8Array;
  /** SKBx(prefix | PKU). */
  signature: Uint8Array;
}
export const redemptionSecret = defineMessage<RedemptionSecret>([
  ['proof', BYTES, SIGNATURE_BYTES],
  ['body', BYTES, ISSUE_BODY_BYTES],
  ['prefix', BYTES, COUPON_PREFIX_BYTES],
  ['signature', BYTES, RSA_BYTES],
]);

/** K(PKU, x) with KID, and the sequence that the issuer compares (docs/architecture.md 3). */
export interface KeyedRequest {
  kid: Uint8Array;
  sequence: number;
  /** Encoded `box`. */
  box: Uint8Array;
}
export const keyedRequest = defineMessage<KeyedRequest>([
  ['kid', BYTES, KID_BYTES],
  ['sequence', U32],
  ['box', REST],
]);

/** K(...): AES-128-GCM; HKDF-SHA256 of K with the salt and `boxInfo` gives key (16) and nonce (12). */
export interface Box {
  salt: Uint8Array;
  sealed: Uint8Array;
}
export const box = defineMessage<Box>([
  ['salt', BYTES, SALT_BYTES],
  ['sealed', REST],
]);

/** Which message a box is, so that no two share a key and none passes for another. */
export interface BoxInfo {
  /** 0: to the issuer; 1: to the token. */
  direction: number;
  /** Kind of the request. */
  kind: number;
  /** Zeros and 0 in the reply to a sealed request, whose K serves once. */
  kid: Uint8Array;
  sequence: number;
  /** Which box of a reply, from 0. */
  index: number;
}
export const boxInfo = defineMessage<BoxInfo>([
  ['direction', U8],
  ['kind', U8],
  ['kid', BYTES, KID_BYTES],
  ['sequence', U32],
  ['index', U8],
]);
export const TO_ISSUER = 0;
export const TO_TOKEN = 1;

/** What a box of a reply holds. */
export interface ReplyPlain {
  /** Number of a code; other than OK: refused for good. RECEIPT_GAP: the number was given to the receipt in `body`. */
  code: number;
  /** Registration: `grantPlain` of pseudonym `index`. Withdrawal and redemption: `receipt`, or nothing. */
  body: Uint8Array;
}
export const replyPlain = defineMessage<ReplyPlain>([
  ['code', U8],
  ['body', REST],
]);

/** K(SKI(PKU), KID): one license of the set. */
export interface GrantPlain {
  kid: Uint8Array;
  license: Uint8Array;
  multiples: Uint8Array;
}
export const grantPlain = defineMessage<GrantPlain>([
  ['kid', BYTES, KID_BYTES],
  ['license', BYTES, LICENSE_BYTES],
  ['multiples', BYTES, MULTIPLES_BYTES],
]);

/** What a token asks a coupon with: blinded for one of the bank's keys, which is known by its hash. */
export interface CouponRequest {
  /** SHA-256 of the modulus, as in the list. */
  modulusHash: Uint8Array;
  blinded: Uint8Array;
}
export const couponRequest = defineMessage<CouponRequest>([
  ['modulusHash', BYTES, 32],
  ['blinded', BYTES, RSA_BYTES],
]);

/** The one list of the bank's coupon keys PKBx for everybody, signed by the issuer as type `couponKeys`. */
export interface CouponKeysBody {
  issuer: Uint8Array;
  currency: string;
  /** Never falls. */
  version: number;
  /** Rows of `couponKey`, amounts falling. */
  keys: Uint8Array;
}
export const couponKeysBody = defineMessage<CouponKeysBody>([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['version', U32],
  ['keys', REST],
]);
export interface CouponKey {
  amount: number;
  /** SHA-256 of the modulus, 256 bytes big-endian; e = 65537. */
  modulusHash: Uint8Array;
}
export const COUPON_KEY_BYTES = 40;
/** Most amounts, so that the signed list fits one message. */
export const COUPON_KEYS_MAX = 12;
export const couponKey = defineMessage<CouponKey>([
  ['amount', AMOUNT],
  ['modulusHash', BYTES, 32],
]);
export interface SignedCouponKeys {
  signature: Uint8Array;
  /** Encoded `couponKeysBody`. */
  body: Uint8Array;
}
export const signedCouponKeys = defineMessage<SignedCouponKeys>([
  ['signature', BYTES, SIGNATURE_BYTES],
  ['body', REST],
]);
