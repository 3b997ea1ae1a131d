/*
 * The signing half of Ed25519 (RFC 8032 5.1.6): with a nonce made in advance it is one hash and one product of scalars,
 * and needs no points. ed25519.ts has the rest, and says how these signatures are made.
 */
import type { Natives } from '../core/crypto-natives.js';
import type { Scalar, ScalarColumns, Scalars } from './scalar.js';

/** A private key, ready for signing. */
export interface SigningKey {
  /** 32 bytes: A. */
  publicKey: Uint8Array;
  /** The second half of SHA-512(seed), 32 bytes: secret, for keying the generator of nonces. */
  prefix: Uint8Array;
  /** Secret. */
  s: Scalar;
  /** s as signing is fastest with it, a kilobyte; null where that is not worth it. */
  columns: ScalarColumns | null;
}

/** A nonce: R = k B is public, k is secret and serves once. */
export interface Nonce {
  /** 32 bytes. */
  R: Uint8Array;
  /** k, or null once it has served. */
  k: Scalar | null;
}

/** Signs. */
export interface Signer {
  /**
   * The key pair of a seed whose public key is known: no multiplication of points. @param prepared: for signing again
   * and again; takes a key pair's time once, without it each signature takes somewhat longer
   */
  keyOfPair(seed: Uint8Array, publicKey: Uint8Array, prepared: boolean): SigningKey;
  /** Signs a message of any length; the nonce is emptied first. 64 bytes. */
  sign(key: SigningKey, nonce: Nonce, message: Uint8Array): Uint8Array;
}

/** @throws TypeError unless `value` is that many bytes */
export function needBytes(value: Uint8Array, length: number, name: string): void {
  if (!(value instanceof Uint8Array) || value.length !== length) {
    throw new TypeError(name + ': ' + length + ' bytes expected');
  }
}

/** s and the prefix (RFC 8032 5.1.5, steps 1 to 3) of a seed of 32 bytes, and the hash that they are. */
export function secretsOf(
  natives: Natives,
  scalars: Scalars,
  seed: Uint8Array,
): { s: Scalar; prefix: Uint8Array; hash: Uint8Array } {
  needBytes(seed, 32, 'seed');
  const hash = natives.sha512(seed);
  const wide = new Uint8Array(64);
  for (let i = 0; i < 32; i++) wide[i] = hash[i];
  wide[0] &= 248;
  wide[31] = (wide[31] & 63) | 64;
  const prefix = new Uint8Array(32);
  for (let i = 0; i < 32; i++) prefix[i] = hash[32 + i];
  return { s: scalars.reduce(wide), prefix, hash };
}

/** H(R | A | M): 64 bytes. R is the beginning of `signature`. */
export function challengeHash(
  natives: Natives,
  signature: Uint8Array,
  publicKey: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  const data = new Uint8Array(64 + message.length);
  data.set(signature, 0);
  data.set(publicKey, 32);
  data.set(message, 64);
  return natives.sha512(data);
}

const NO_SCALAR = new Float64Array(8);

/** Signing over the given natives. */
export function createSigner(natives: Natives, scalars: Scalars): Signer {
  return {
    keyOfPair(seed, publicKey, prepared) {
      const secrets = secretsOf(natives, scalars, seed);
      return { publicKey, prefix: secrets.prefix, s: secrets.s, columns: prepared ? scalars.columns(secrets.s) : null };
    },
    sign(key, nonce, message) {
      if (!(message instanceof Uint8Array)) throw new TypeError('message: bytes expected');
      const k = nonce.k;
      nonce.k = null;
      if (!k) throw new TypeError('nonce: used before');
      const hash = challengeHash(natives, nonce.R, key.publicKey, message);
      const S = key.columns ? scalars.mulHashAdd(hash, key.columns, k) : scalars.mulAdd(hash, key.s, k);
      k.set(NO_SCALAR);
      const signature = new Uint8Array(64);
      signature.set(nonce.R, 0);
      signature.set(scalars.toBytes(S), 32);
      return signature;
    },
  };
}
