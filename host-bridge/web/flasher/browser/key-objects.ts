/** In a browser a public key is its bytes. The build puts this in the place of base/crypto/key-objects.ts. */

/** @param bytes 32 bytes */
export const publicKeyOf = (bytes: Uint8Array): Uint8Array => bytes;

function none(): never {
  throw new TypeError('a page has no private key');
}
export { none as privateKeyOf, none as publicBytesOf };
