/**
 * What every house checks of a history H before its books are asked. EP 0926637 [0030], [0077], [0080].
 */
import { equal, readU32 } from '../../firmware/core/bytes.js';
import { isAscii, textOf } from '../../firmware/wire/codec.js';
import {
  history,
  ISSUER_ID_BYTES,
  KEY_BYTES,
  license,
  LICENSE_BODY_BYTES,
  LICENSE_BYTES,
  LICENSE_CLASS_AT,
  LICENSE_PKU_AT,
  LICENSE_UNTIL_AT,
  licenseBody,
  readChallenge,
  SIGNATURE_BYTES,
  type Challenge,
  type License,
  type LicenseBody,
} from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal, type HostRefusal, type Result } from '../base/errors.js';
import type { ClaimRow } from '../ledger/store.js';
import { checkLicense, type KeyLine } from '../base/keys/key-line.js';
import { isSigned } from '../base/crypto/signer.js';

/** Whose cash it must be. */
export interface CashOf {
  /** Issuer id, 4 bytes. */
  issuer: Uint8Array;
  currency: string;
}

/** Whether a message is about this issuer's cash. Codes: ISSUER_UNKNOWN, CURRENCY_UNKNOWN. */
export function checkOurs(ours: CashOf, message: CashOf): HostRefusal | null {
  if (!equal(message.issuer, ours.issuer)) return refusal('ISSUER_UNKNOWN');
  if (message.currency !== ours.currency) return refusal('CURRENCY_UNKNOWN');
  return null;
}

/** A history as it reads, before its signatures are verified. */
export interface HistoryRead {
  paid: Challenge;
  terms: LicenseBody;
  /** Encoded `challenge`, and SKU over it. */
  challengeBytes: Uint8Array;
  signature: Uint8Array;
  licensed: License;
  /** Encoded `license`. */
  license: Uint8Array;
}

/** Where the challenge begins in a history. */
const CHALLENGE_AT = LICENSE_BYTES + SIGNATURE_BYTES;

/** The same as `licenseBody.decode`, with views of the bytes. @param body its 60 bytes */
function readTerms(body: Uint8Array): LicenseBody | null {
  const currency = textOf(body, ISSUER_ID_BYTES, LICENSE_CLASS_AT);
  if (!isAscii(currency, 3)) return null;
  return {
    issuer: body.subarray(0, ISSUER_ID_BYTES),
    currency,
    licenseClass: body[LICENSE_CLASS_AT]!,
    validUntilS: readU32(body, LICENSE_UNTIL_AT),
    pku: body.subarray(LICENSE_PKU_AT, LICENSE_PKU_AT + KEY_BYTES),
    multiplesHash: body.subarray(LICENSE_PKU_AT + KEY_BYTES),
  };
}

/**
 * Decodes a history, by where its fields stand: with the codecs' way through their layouts it took a tenth of a
 * deposit. What it gives are views of the bytes. Codes: BAD_REQUEST, ISSUER_UNKNOWN, CURRENCY_UNKNOWN.
 */
export function decodeHistory(ours: CashOf, bytes: Uint8Array): Result<{ read: HistoryRead }> {
  const challengeBytes = bytes.subarray(CHALLENGE_AT);
  const body = bytes.subarray(0, LICENSE_BODY_BYTES);
  const paid = readChallenge(challengeBytes);
  const terms = paid && readTerms(body);
  if (!paid || !terms) return refusal('BAD_REQUEST', 'history');
  const foreign = checkOurs(ours, paid) ?? checkOurs(ours, terms);
  if (foreign) return foreign;
  const licensed = { body, signature: bytes.subarray(LICENSE_BODY_BYTES, LICENSE_BYTES) };
  const signature = bytes.subarray(LICENSE_BYTES, CHALLENGE_AT);
  return {
    ok: true,
    read: { paid, terms, challengeBytes, signature, licensed, license: bytes.subarray(0, LICENSE_BYTES) },
  };
}

/**
 * Decodes a history and verifies the license with PKR, then SKU(y, IdS, Rs, Ts) with PKU. IdS is the one that the user
 * signed. Codes: BAD_REQUEST, ISSUER_UNKNOWN, CURRENCY_UNKNOWN, LICENSE_INVALID, KEY_RETIRED, SIGNATURE_INVALID. Many
 * at once: verified-histories.ts.
 */
export function readHistory(
  ours: CashOf & { registrar: KeyLine },
  bytes: Uint8Array,
): Result<{ paid: Challenge; terms: LicenseBody; challengeBytes: Uint8Array }> {
  const decoded = decodeHistory(ours, bytes);
  if (!decoded.ok) return decoded;
  const { paid, terms, challengeBytes, signature, licensed } = decoded.read;
  const unlicensed = checkLicense(ours.registrar, terms.validUntilS, licensed.body, licensed.signature);
  if (unlicensed) return unlicensed;
  if (!isSigned(terms.pku, SIGNED.payment, challengeBytes, signature)) return refusal('SIGNATURE_INVALID');
  return { ok: true, paid, terms, challengeBytes };
}

/**
 * Decodes a license and verifies it with PKR. Codes: BAD_REQUEST, ISSUER_UNKNOWN, CURRENCY_UNKNOWN, LICENSE_INVALID,
 * KEY_RETIRED.
 */
export function readLicense(ours: CashOf & { registrar: KeyLine }, bytes: Uint8Array): Result<{ terms: LicenseBody }> {
  const licensed = license.decode(bytes);
  const terms = licensed && licenseBody.decode(licensed.body);
  if (!licensed || !terms) return refusal('BAD_REQUEST', 'license');
  const refused =
    checkOurs(ours, terms) ?? checkLicense(ours.registrar, terms.validUntilS, licensed.body, licensed.signature);
  return refused ?? { ok: true, terms };
}

/** Whether a stored history has this challenge: identity is (PKU, IdS, Rs), not signature bytes. */
export function hasChallenge(
  stored: { history: Uint8Array } | null,
  challengeBytes: Uint8Array,
): { sameChallenge: boolean } | null {
  return (
    stored && { sameChallenge: equal(history.decode(stored.history)?.challenge ?? new Uint8Array(0), challengeBytes) }
  );
}

/** A claim that is kept, as `ruleClaim` weighs it; null where there is none. */
export function storedClaim(
  stored: ClaimRow | null,
  challengeBytes: Uint8Array,
): { sameChallenge: boolean; dueS: number; granted: boolean } | null {
  return stored && { ...hasChallenge(stored, challengeBytes)!, dueS: stored.dueS, granted: stored.grantedS !== null };
}
