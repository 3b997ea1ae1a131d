/**
 * Payment [0022]-[0027]: license, challenge, history, and the shop's tombstone.
 */
import { AMOUNT_BYTES, readBalance } from '../core/amount.js';
import { readU32 } from '../core/bytes.js';
import { defineMessage, isAscii, isName, BYTES, AMOUNT, NAME, REST, textOf, U32, U8 } from './codec.js';

/** Bytes of an Ed25519 public key, of a signature, of Rs, of an issuer's id. */
export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const RS_BYTES = 16;
export const ISSUER_ID_BYTES = 4;
/** Bytes of the multiples of a PKU (crypto/ed25519.ts, `KEY_MULTIPLES_BYTES`), and of their hash in the license. */
export const MULTIPLES_BYTES = 512;
export const MULTIPLES_HASH_BYTES = 16;

/** What the license SKR(PKU) says. */
export interface LicenseBody {
  /** 4 bytes; who answers for the cash. */
  issuer: Uint8Array;
  /** ISO 4217, three letters. */
  currency: string;
  licenseClass: number;
  /** Unix time in seconds; the first second at which the license is no longer valid. */
  validUntilS: number;
  /** PKU, 32 bytes: the pseudonym. */
  pku: Uint8Array;
  /**
   * The first 16 bytes of SHA-256 of PKU's multiples. A terminal alone believes only the multiples that the registrar
   * made: with others a token could sign what nobody else accepts.
   */
  multiplesHash: Uint8Array;
}
export const licenseBody = defineMessage<LicenseBody>([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['licenseClass', U8],
  ['validUntilS', U32],
  ['pku', BYTES, KEY_BYTES],
  ['multiplesHash', BYTES, MULTIPLES_HASH_BYTES],
]);

/**
 * Where fields of a license stand, for a terminal that needs some of them at a tap: the decoder would take it 20 ms
 * (estimate). It begins with issuer and currency, as a challenge does.
 */
export const TERMS_BYTES = 7;
export const LICENSE_CLASS_AT = 7;
export const LICENSE_UNTIL_AT = 8;
export const LICENSE_PKU_AT = 12;

/** License: body and the registrar's signature of type `license` over it. */
export interface License {
  body: Uint8Array;
  signature: Uint8Array;
}
export const LICENSE_BODY_BYTES = 60;
export const license = defineMessage<License>([
  ['body', BYTES, LICENSE_BODY_BYTES],
  ['signature', BYTES, SIGNATURE_BYTES],
]);
export const LICENSE_BYTES = LICENSE_BODY_BYTES + SIGNATURE_BYTES;

/** The challenge with the amount: what SKU(y, IdS, Rs, Ts) signs, as type `payment`. */
export interface Challenge {
  issuer: Uint8Array;
  currency: string;
  /** y, minor units. */
  amount: number;
  /** Ts: time signed by the issuer, carried on by the terminal, seconds ... */
  timeS: number;
  /** ... and a counter that never falls. */
  counter: number;
  /** Rs, 16 bytes: terminal id (4), persistent counter (4), random (8). */
  rs: Uint8Array;
  /** IdS, the shop. */
  shop: string;
}
export const challenge = defineMessage<Challenge>([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  ['amount', AMOUNT],
  ['timeS', U32],
  ['counter', U32],
  ['rs', BYTES, RS_BYTES],
  ['shop', NAME],
]);

/** Where fields of an encoded challenge stand, and what it says last: Rs and IdS, as encoded `chargeId`. */
export const CHALLENGE_AMOUNT_AT = 7;
export const CHALLENGE_TIME_AT = 15;
export const CHALLENGE_CHARGE_AT = 23;

/** Whether an IdS, length and characters, stands from `at` to the end. */
function endsInName(bytes: Uint8Array, at: number): boolean {
  return bytes.length === at + 1 + bytes[at] && isName(textOf(bytes, at + 1, bytes.length));
}

/** The same as `challenge.decode`, in a fifth of its statements; `issuer` and `rs` are views of the bytes. */
export function readChallenge(bytes: Uint8Array): Challenge | null {
  const amount = bytes.length > CHALLENGE_CHARGE_AT + RS_BYTES ? readBalance(bytes, CHALLENGE_AMOUNT_AT) : null;
  const currency = textOf(bytes, ISSUER_ID_BYTES, CHALLENGE_AMOUNT_AT);
  if (!amount || !isAscii(currency, 3) || !endsInName(bytes, CHALLENGE_CHARGE_AT + RS_BYTES)) return null;
  return {
    issuer: bytes.subarray(0, ISSUER_ID_BYTES),
    currency: currency,
    amount: amount,
    timeS: readU32(bytes, CHALLENGE_TIME_AT),
    counter: readU32(bytes, CHALLENGE_TIME_AT + 4),
    rs: bytes.subarray(CHALLENGE_CHARGE_AT, CHALLENGE_CHARGE_AT + RS_BYTES),
    shop: textOf(bytes, CHALLENGE_CHARGE_AT + RS_BYTES + 1, bytes.length),
  };
}

/** (IdS, Rs): data of OPEN and ACK, and what a shop's tombstone signs. */
export interface ChargeId {
  rs: Uint8Array;
  shop: string;
}
export const chargeId = defineMessage<ChargeId>([
  ['rs', BYTES, RS_BYTES],
  ['shop', NAME],
]);

/** Whether `chargeId.decode` would take these bytes. */
export function isChargeId(bytes: Uint8Array): boolean {
  return endsInName(bytes, RS_BYTES);
}

/** Answer to CHALLENGE: the amount again and SKU(y, IdS, Rs, Ts) [0025]. */
export interface Payment {
  amount: number;
  signature: Uint8Array;
}
export const payment = defineMessage<Payment>([
  ['amount', AMOUNT],
  ['signature', BYTES, SIGNATURE_BYTES],
]);
export const PAYMENT_BYTES = AMOUNT_BYTES + SIGNATURE_BYTES;

/** History H = {PKU, SKR(PKU), Ts, Rs, y, SKU(...), IdS} [0026]; its identity is (PKU, IdS, Rs). */
export interface History {
  /** License with PKU inside, 124 bytes. */
  license: Uint8Array;
  signature: Uint8Array;
  /** Challenge, 41 to 64 bytes. */
  challenge: Uint8Array;
}
export const history = defineMessage<History>([
  ['license', BYTES, LICENSE_BYTES],
  ['signature', BYTES, SIGNATURE_BYTES],
  ['challenge', REST],
]);

/** A cancelled charge: signed by the terminal as type `tombstone` over the encoded `chargeId`. */
export interface Tombstone {
  signature: Uint8Array;
  /** Encoded `chargeId`. */
  chargeId: Uint8Array;
}
export const tombstone = defineMessage<Tombstone>([
  ['signature', BYTES, SIGNATURE_BYTES],
  ['chargeId', REST],
]);
