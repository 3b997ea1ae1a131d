/**
 * What the rooms that flash and provision a board use of `node:crypto`, in a browser: hashes, random bytes, and the
 * last step of the verification rule. The build puts it in the place of `node:crypto` (build-pages.mjs). Left out: keys
 * that sign; a page has none.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat, equal } from '../../../../firmware/core/bytes.js';

const HASHES = { sha256, sha384, sha512 };
const SCALAR_BYTES = 32;

/** As `createHash` of node:crypto, of one text or of bytes. */
export function createHash(name: keyof typeof HASHES) {
  const hash = HASHES[name].create();
  const self = {
    update(data: Uint8Array | string) {
      hash.update(typeof data === 'string' ? new TextEncoder().encode(data) : data);
      return self;
    },
    digest: (): Uint8Array => hash.digest(),
  };
  return self;
}

/** As `randomBytes` of node:crypto. */
export const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

/** A number, lowest byte first. */
const numberOf = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/**
 * Step 5 of the rule of host-bridge/base/crypto/ed25519-verify.ts: encode([S]B - [h]A) = R, byte for byte, without the
 * cofactor. The four before it are made there. @param key 32 bytes, as browser/key-objects.ts has them
 */
export function verify(_algorithm: null, message: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  const { Point } = ed25519;
  const r = signature.slice(0, SCALAR_BYTES);
  const order = Point.Fn.ORDER;
  const h = numberOf(sha512(concat([r, key, message]))) % order;
  const s = numberOf(signature.slice(SCALAR_BYTES));
  const found = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(key).multiplyUnsafe(h));
  return equal(found.toBytes(), r);
}

/** A page signs nothing. */
export function sign(): never {
  throw new TypeError('a page has no key that signs');
}
