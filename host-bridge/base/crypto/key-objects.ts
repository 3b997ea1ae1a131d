/**
 * Keys as bytes, and as node:crypto takes them: the one place that knows their encodings (RFC 8410 for Ed25519; RSA as
 * a JSON Web Key, RFC 7518 6.3). Left out: whether a key may be used (ed25519-verify.ts, houses/issuer).
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

const KEY_BYTES = 32;
/** DER of a PKCS #8 Ed25519 key up to its seed, RFC 8410 section 7. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** An Ed25519 private key in DER, PKCS #8. @param seed 32 bytes */
export function pkcs8Of(seed: Uint8Array): Buffer {
  return Buffer.concat([PKCS8_PREFIX, seed]);
}

/** An Ed25519 private key. @param seed 32 bytes */
export function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: pkcs8Of(seed), format: 'der', type: 'pkcs8' });
}

/** The 32-byte seed of an Ed25519 private key. */
export function seedOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_BYTES));
}

/** Public keys that are kept ready, in each thread: some 2 kB each. */
const READY_MAX = 4096;
const ready = new Map<string, KeyObject>();

/**
 * An Ed25519 public key. As JWK, since that takes 9 us where DER takes 120, nearly as long as to verify a signature;
 * and those that were wanted last are kept, for who pays once pays again. @param bytes 32 bytes @throws where they are
 * not
 */
export function publicKeyOf(bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
  const known = ready.get(x);
  if (known) return known;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  if (ready.size >= READY_MAX) ready.delete(ready.keys().next().value!);
  ready.set(x, key);
  return key;
}

/** The 32 bytes of the public key that belongs to an Ed25519 private key. */
export function publicBytesOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES));
}

/** An RSA public key with e = 65537. @param modulus big-endian @throws where OpenSSL does not take it */
export function rsaPublicKeyOf(modulus: Uint8Array): KeyObject {
  const n = Buffer.from(modulus).toString('base64url');
  return createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
}

/** The modulus of an RSA key, big-endian. */
export function modulusOf(key: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(createPublicKey(key).export({ format: 'jwk' }).n as string, 'base64url'));
}
