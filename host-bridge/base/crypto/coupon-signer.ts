/**
 * The bank's blind signatures SKBx: RSABSSA-SHA384-PSS-Randomized (RFC 9474) with one RSA-2048 key for each amount.
 * EP 0926637 [0039]-[0040]. Left out: keeping the keys (base/keys/key-file.ts).
 *
 * BlindSign is the bare RSA operation, which OpenSSL does in a millisecond, blinded against timing. In JavaScript it
 * took 370 ms of the service's one thread, in a time that depends on the key (@cloudflare/blindrsa-ts 0.4.4, Node 20,
 * 2026-11); the tests hold this one against that library and the RFC's vector.
 */
import {
  constants,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  sign as signRsa,
  type KeyObject,
} from 'node:crypto';
import { equal } from '../../../firmware/core/bytes.js';
import { couponRequest, RSA_BYTES } from '../../../firmware/wire/request.js';
import { SIGNED, signedBytes } from '../../../firmware/wire/signed.js';
import { sha256 } from './hash.js';
import { modulusOf } from './key-objects.js';

/** Amounts for which there are coupons, minor units, falling: any amount up to some thousands splits into a few. */
export const COUPON_AMOUNTS = [5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1];

/** Signing keys that do not show themselves. */
export interface CouponSigner {
  /** Falling. */
  amounts: number[];
  /** Moduli, 256 bytes each, in the order of `amounts`. */
  moduli: Uint8Array[];
  /**
   * The blind signature, 256 bytes; null where the blinded message is no number below n, or was made for another key
   * than the amount's. @param request encoded `couponRequest`, or a blinded message alone, as tokens gave it before
   * there were several keys
   */
  sign(amount: number, request: Uint8Array): Uint8Array | null;
  /** That this request, as `sign` takes it, will never be signed, 256 bytes; null where it was made for another key. */
  refuse(amount: number, request: Uint8Array): Uint8Array | null;
}

/** Makes a signer. @param keys RSA-2048 private keys with e = 65537 by amount */
export function createCouponSigner(keys: Map<number, KeyObject>): CouponSigner {
  const amounts = [...keys.keys()].sort((a, b) => b - a);
  /** The key that a request was made for, where it is the amount's. */
  const blindedFor = (amount: number, request: Uint8Array): { key: KeyObject; blinded: Uint8Array } | null => {
    const key = keys.get(amount);
    if (!key) return null;
    if (request.length === RSA_BYTES) return { key, blinded: request };
    const message = couponRequest.decode(request);
    return message && equal(message.modulusHash, sha256(modulusOf(key))) ? { key, blinded: message.blinded } : null;
  };
  return {
    amounts,
    moduli: amounts.map((amount) => modulusOf(keys.get(amount)!)),
    sign(amount, request) {
      const blinding = blindedFor(amount, request);
      return blinding && blindSign(blinding.key, blinding.blinded);
    },
    refuse(amount, request) {
      const blinding = blindedFor(amount, request);
      const refused = signedBytes(SIGNED.couponRefusal, sha256(request));
      return (
        blinding &&
        new Uint8Array(
          signRsa('sha384', refused, { key: blinding.key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }),
        )
      );
    },
  };
}

/** RFC 9474 4.3, BlindSign: s = m^d, and s^e = m again, so that a fault in the machine gives no key away. */
export function blindSign(key: KeyObject, blinded: Uint8Array): Uint8Array | null {
  const padding = constants.RSA_NO_PADDING;
  try {
    const signature = new Uint8Array(privateDecrypt({ key, padding }, blinded));
    return equal(new Uint8Array(publicEncrypt({ key: createPublicKey(key), padding }, signature)), blinded)
      ? signature
      : null;
  } catch {
    return null;
  }
}

/** An amount as coupons, largest first. @param amounts falling; the last must be 1 for every amount to split */
export function splitAmount(amount: number, amounts: number[]): number[] | null {
  const parts: number[] = [];
  let rest = amount;
  for (const each of amounts) {
    for (; rest >= each; rest -= each) parts.push(each);
  }
  return rest === 0 ? parts : null;
}
