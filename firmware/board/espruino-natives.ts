/*
 * The natives of firmware/crypto from Espruino's own: E.convolve, E.mapInPlace, Graphics.transformVertices and the
 * "crypto" module.
 *
 * SHA256 and SHA512 of that module return ArrayBuffers; some ESP32 builds leave it out, which
 * missingNatives() tells before anything depends on it.
 */
import type { Natives, Numbers } from '../core/crypto-natives.js';

/** The part of Espruino's E in use. */
export interface EspruinoE {
  convolve(a: Numbers, b: Numbers, offset: number): number;
  mapInPlace?(from: Uint8Array, to: Float64Array | Uint8Array, map: Numbers | undefined, bits?: number): void;
}

/** The part of Espruino's require("crypto") in use. */
export interface EspruinoCrypto {
  SHA256(data: Uint8Array): ArrayBuffer;
  SHA512(data: Uint8Array): ArrayBuffer;
  /** Missing where the build has no AES, as SHA384 where it has no SHA512. */
  AES?: { encrypt(data: Uint8Array, key: Uint8Array, options: { mode: 'ECB' }): ArrayBuffer };
  SHA384?(data: Uint8Array): ArrayBuffer;
}

/** What the schemes with sealed or blinded messages need besides `Natives`. */
export interface Ciphers {
  /** crypto/gcm.ts, `AesBlocks`. */
  aes(key: Uint8Array, blocks: Uint8Array): Uint8Array;
  /** SHA-384 (FIPS 180-4), 48 bytes. */
  sha384(data: Uint8Array): Uint8Array;
}

/** Names of native calls that this build of the interpreter lacks; the board must not go on without them. */
export function missingNatives(e: Partial<EspruinoE>, crypto: Partial<EspruinoCrypto> | undefined): string[] {
  const missing: string[] = [];
  if (!e.convolve) missing.push('E.convolve');
  if (!crypto || !crypto.SHA256) missing.push('crypto.SHA256');
  if (!crypto || !crypto.SHA512) missing.push('crypto.SHA512');
  return missing;
}

/** Graphics.transformVertices, where this build has it: it needs no drawing, only an object to be found on. */
function findPairs(): Natives['pairs'] {
  if (typeof Graphics === 'undefined' || !Graphics.createArrayBuffer) return undefined;
  return (Graphics.createArrayBuffer(8, 8, 1) as any).transformVertices;
}

/** Natives for firmware/crypto. Without Graphics signatures are right, but several times slower. */
export function createEspruinoNatives(e: EspruinoE, crypto: EspruinoCrypto): Natives {
  const mapInPlace = e.mapInPlace;
  return {
    dot: e.convolve,
    pairs: findPairs(),
    pick: mapInPlace,
    unpack: mapInPlace && ((from, to) => mapInPlace(from, to, undefined, -1)),
    sha256: (data) => new Uint8Array(crypto.SHA256(data)),
    sha512: (data) => new Uint8Array(crypto.SHA512(data)),
  };
}

/** AES and SHA-384 of this build. Its CTR mode ignores the counter that it is given, so only single blocks are used. */
export function createEspruinoCiphers(crypto: EspruinoCrypto): Ciphers {
  const AES = crypto.AES;
  const SHA384 = crypto.SHA384;
  if (!AES || !SHA384) throw new Error('this build of Espruino has no AES or no SHA-384');
  return {
    aes: (key, blocks) => new Uint8Array(AES.encrypt(blocks, key, { mode: 'ECB' })),
    sha384: (data) => new Uint8Array(SHA384(data)),
  };
}
