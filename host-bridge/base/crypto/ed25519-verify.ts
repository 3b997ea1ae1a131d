/**
 * The one rule under which everybody here accepts an Ed25519 signature (docs/protocol.md): byte checks, then
 * node:crypto.
 *
 * OpenSSL verifies without the cofactor and compares bytes, as the boards do, but takes keys of small order; so the
 * bytes are checked first. noble's `verify` is never used: it is cofactored, and accepts what everybody else rejects;
 * noble only tells whether a key lies in the group of order L. The same rule for boards: firmware/crypto/ed25519.ts.
 */
import { verify as verifyBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { isAcceptablePoint } from '../../../firmware/crypto/ed25519.js';
import { isBelowOrder } from '../../../firmware/crypto/scalar.js';
import { publicKeyOf } from './key-objects.js';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Whether the signature is accepted; false for anything that does not fit. Never throws. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  // 1. Lengths.
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  // 2. S < L.
  if (!isBelowOrder(signature, 32)) return false;
  // 3., 4. A and R canonical, and neither of small order.
  if (!isAcceptablePoint(publicKey, 0) || !isAcceptablePoint(signature, 0)) return false;
  // 5. encode([S]B - [h]A) = R, byte for byte.
  try {
    return verifyBytes(null, message, publicKeyOf(publicKey), signature);
  } catch {
    return false;
  }
}

/** Whether a key may be licensed: canonical, not of small order, and [L]A = O, so without a part of small order. */
export function isLicensable(publicKey: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || !isAcceptablePoint(publicKey, 0)) return false;
  try {
    return ed25519.Point.fromBytes(publicKey).isTorsionFree();
  } catch {
    return false;
  }
}
