/**
 * Signing licenses SKR(PKU) or SKI(PKU): the same for the trustee (schemes 1 and 2) and the issuer (3 to 6).
 * EP 0926637 [0015], [0064].
 */
import { CLASS_FULL } from '../../firmware/core/license-class.js';
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { multiplesHashOf, multiplesOf } from '../base/crypto/key-multiples.js';
import type { Signer } from '../base/crypto/signer.js';

/** How long a license is valid unless said otherwise: one year. */
export const LICENSE_VALID_S = 365 * 86400;

/**
 * A quarter of a year: pseudonyms licensed in the same one end together, and nothing but PKU tells their licenses
 * apart.
 */
const QUARTER_S = (365.25 * 86400) / 4;

/**
 * When a license given now ends: with the quarter of a year in which one of `validS` would, so that its last second
 * does not tell when its owner registered. Where licenses are shorter than that, with a period of their own length.
 */
export function quarterEnd(nowS: number, validS: number): number {
  const periodS = Math.min(QUARTER_S, validS);
  return Math.ceil((nowS + validS) / periodS) * periodS;
}

/**
 * How long after its end a license may still be renewed; as long as histories paid with it are credited
 * (depositary.ts).
 */
export const RENEW_GRACE_S = 7 * 86400;

/**
 * Whether a license may be renewed: in the last quarter of its time and a week after its end. Later, what is left on
 * its counter may have gone back to its owner.
 */
export function renewal(validUntilS: number, nowS: number, validS: number): 'early' | 'due' | 'over' {
  if (nowS >= validUntilS + RENEW_GRACE_S) return 'over';
  return nowS >= validUntilS - validS / 4 ? 'due' : 'early';
}

/** A license for a key that is licensable, encoded. @param multiples of it (base/crypto/key-multiples.ts) */
export function signLicense(
  signer: Signer,
  terms: { issuer: Uint8Array; currency: string; validUntilS: number; licenseClass?: number },
  pku: Uint8Array,
  multiples: Uint8Array = multiplesOf(pku),
): Uint8Array {
  const body = licenseBody.encode({
    licenseClass: CLASS_FULL,
    ...terms,
    pku,
    multiplesHash: multiplesHashOf(multiples),
  });
  return license.encode({ body, signature: signer.sign(SIGNED.license, body) });
}
