/**
 * Payment [0022]-[0027]: license, challenge, history, and the shop's tombstone.
 */
import { AMOUNT_BYTES, readBalance } from '../core/amount.js';
import { readU32 } from '../core/bytes.js';
import { defineMessage, isAscii, BYTES, AMOUNT, NAME, REST, textOf, U32, U8, type MessageOf } from './codec.js';
import { isNameChars, nameOfChars } from './name.js';

/** Bytes of an Ed25519 public key, of a signature, of Rs, of an issuer's id. */
export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const RS_BYTES = 16;
export const ISSUER_ID_BYTES = 4;
/** Bytes of the multiples of a PKU (crypto/ed25519.ts, `KEY_MULTIPLES_BYTES`), and of their hash in the license. */
export const MULTIPLES_BYTES = 512;
export const MULTIPLES_HASH_BYTES = 16;

/** What the license SKR(PKU) says. */
export const licenseBody = defineMessage([
  // 4 bytes; who answers for the cash.
  ['issuer', BYTES, ISSUER_ID_BYTES],
  // ISO 4217, three letters.
  ['currency', 'ascii', 3],
  ['licenseClass', U8],
  // Unix time in seconds; the first second at which the license is no longer valid.
  ['validUntilS', U32],
  // PKU, 32 bytes: the pseudonym.
  ['pku', BYTES, KEY_BYTES],
  // The first 16 bytes of SHA-256 of PKU's multiples. A terminal alone believes only the multiples that the registrar
  // made: with others a token could sign what nobody else accepts.
  ['multiplesHash', BYTES, MULTIPLES_HASH_BYTES],
]);
export type LicenseBody = MessageOf<typeof licenseBody>;

/**
 * Where fields of a license stand, for a terminal that needs some of them at a tap: the decoder would take it 20 ms
 * (estimate). It begins with issuer and currency, as a challenge does.
 */
export const TERMS_BYTES = 7;
export const LICENSE_CLASS_AT = 7;
export const LICENSE_UNTIL_AT = 8;
export const LICENSE_PKU_AT = 12;

export const LICENSE_BODY_BYTES = 60;
/** License: body and the registrar's signature of type `license` over it. */
export const license = defineMessage([
  ['body', BYTES, LICENSE_BODY_BYTES],
  ['signature', BYTES, SIGNATURE_BYTES],
]);
export type License = MessageOf<typeof license>;
export const LICENSE_BYTES = LICENSE_BODY_BYTES + SIGNATURE_BYTES;

/** The challenge with the amount: what SKU(y, IdS, Rs, Ts) signs, as type `payment`. */
export const challenge = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['currency', 'ascii', 3],
  // y, minor units.
  ['amount', AMOUNT],
  // Ts: time signed by the issuer, carried on by the terminal, seconds ...
  ['timeS', U32],
  // ... and a counter that never falls.
  ['counter', U32],
  // Rs, 16 bytes: terminal id (4), persistent counter (4), random (8).
  ['rs', BYTES, RS_BYTES],
  // IdS, the shop.
  ['shop', NAME],
]);
export type Challenge = MessageOf<typeof challenge>;

/** Where fields of an encoded challenge stand, and what it says last: Rs and IdS, as encoded `chargeId`. */
export const CHALLENGE_AMOUNT_AT = 7;
export const CHALLENGE_TIME_AT = 15;
export const CHALLENGE_CHARGE_AT = 23;

/** The IdS that stands, length and bytes, from `at` to the end; empty where none does. */
function lastName(bytes: Uint8Array, at: number): string {
  const chars = bytes.length === at + 1 + bytes[at] ? textOf(bytes, at + 1, bytes.length) : '';
  return isNameChars(chars) ? nameOfChars(chars) : '';
}

/** The same as `challenge.decode`, in a fifth of its statements; `issuer` and `rs` are views of the bytes. */
export function readChallenge(bytes: Uint8Array): Challenge | null {
  const amount = bytes.length > CHALLENGE_CHARGE_AT + RS_BYTES ? readBalance(bytes, CHALLENGE_AMOUNT_AT) : null;
  const currency = textOf(bytes, ISSUER_ID_BYTES, CHALLENGE_AMOUNT_AT);
  const shop = lastName(bytes, CHALLENGE_CHARGE_AT + RS_BYTES);
  if (!amount || !isAscii(currency, 3) || shop === '') return null;
  return {
    issuer: bytes.subarray(0, ISSUER_ID_BYTES),
    currency: currency,
    amount: amount,
    timeS: readU32(bytes, CHALLENGE_TIME_AT),
    counter: readU32(bytes, CHALLENGE_TIME_AT + 4),
    rs: bytes.subarray(CHALLENGE_CHARGE_AT, CHALLENGE_CHARGE_AT + RS_BYTES),
    shop: shop,
  };
}

/** (IdS, Rs): data of OPEN and ACK, and what a shop's tombstone signs. */
export const chargeId = defineMessage([
  ['rs', BYTES, RS_BYTES],
  ['shop', NAME],
]);

/** Whether `chargeId.decode` would take these bytes. */
export function isChargeId(bytes: Uint8Array): boolean {
  return lastName(bytes, RS_BYTES) !== '';
}

/** Answer to CHALLENGE: the amount again and SKU(y, IdS, Rs, Ts) [0025]. */
export const payment = defineMessage([
  ['amount', AMOUNT],
  ['signature', BYTES, SIGNATURE_BYTES],
]);
export type Payment = MessageOf<typeof payment>;
export const PAYMENT_BYTES = AMOUNT_BYTES + SIGNATURE_BYTES;

/** History H = {PKU, SKR(PKU), Ts, Rs, y, SKU(...), IdS} [0026]; its identity is (PKU, IdS, Rs). */
export const history = defineMessage([
  // License with PKU inside, 124 bytes.
  ['license', BYTES, LICENSE_BYTES],
  ['signature', BYTES, SIGNATURE_BYTES],
  // Challenge, 41 to 104 bytes.
  ['challenge', REST],
]);

/** A cancelled charge: signed by the terminal as type `tombstone` over the encoded `chargeId`. */
export const tombstone = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `chargeId`.
  ['chargeId', REST],
]);
