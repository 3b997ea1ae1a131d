/**
 * Signing on the host (RFC 8032, by node:crypto), and the same domain tags as on the boards (firmware/wire/signed.ts).
 *
 * Verification follows the one rule of host-bridge/base/crypto/ed25519-verify.ts. Left out: keeping the seed
 * (base/keys/key-file.ts).
 */
import { sign } from 'node:crypto';
import { copy } from '../../../firmware/core/bytes.js';
import { ISSUER_ID_BYTES } from '../../../firmware/wire/payment.js';
import { signedBytes } from '../../../firmware/wire/signed.js';
import { sha256 } from './hash.js';
import { privateKeyOf, publicBytesOf } from './key-objects.js';
import { verify } from './ed25519-verify.js';

/** Bytes of a seed: RFC 8032 5.1.5, the private key. */
export const SEED_BYTES = 32;

/** A signing key that does not show itself. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Signature, 64 bytes, over a message of one type. @param type one of `SIGNED` */
  sign(type: number, message: Uint8Array): Uint8Array;
}

/** Makes a signer. @param seed 32 bytes @throws RangeError for another length */
export function createSigner(seed: Uint8Array): Signer {
  if (seed.length !== SEED_BYTES) throw new RangeError('a seed has 32 bytes');
  const key = privateKeyOf(seed);
  return {
    publicKey: publicBytesOf(key),
    sign: (type, message) => new Uint8Array(sign(null, signedBytes(type, message), key)),
  };
}

/** Whether `signature` is `publicKey`'s over a message of this type; false for anything that does not fit. */
export function isSigned(publicKey: Uint8Array, type: number, message: Uint8Array, signature: Uint8Array): boolean {
  return verify(publicKey, signedBytes(type, message), signature);
}

/** The id that licenses, challenges and receipts name an issuer by: the first 4 bytes of SHA-256(PKI). */
export function issuerIdOf(issuerKey: Uint8Array): Uint8Array {
  return copy(sha256(issuerKey), 0, ISSUER_ID_BYTES);
}
