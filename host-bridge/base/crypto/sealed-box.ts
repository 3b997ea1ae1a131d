/**
 * Boxes K(...) on the host: AES-128-GCM (node:crypto, tag fixed at 16) under a key of its own for each message, and the
 * issuer's opening of PKI(...) by HPKE (RFC 9180 base mode, @hpke/core). What is inside is in wire/request.ts.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { box, boxInfo, SALT_BYTES, sealedRequest, sealInfo, type BoxInfo } from '../../../firmware/wire/request.js';

const KEY_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

function keyOf(k: Uint8Array, salt: Uint8Array, info: BoxInfo): { key: Buffer; nonce: Buffer } {
  const bytes = Buffer.from(hkdfSync('sha256', k, salt, boxInfo.encode(info), KEY_BYTES + NONCE_BYTES));
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
}

/** Seals under K: encoded `box`. @param random for the salt */
export function sealBox(
  k: Uint8Array,
  info: BoxInfo,
  plain: Uint8Array,
  random: (bytes: number) => Uint8Array,
): Uint8Array {
  const salt = random(SALT_BYTES);
  const { key, nonce } = keyOf(k, salt, info);
  const cipher = createCipheriv('aes-128-gcm', key, nonce, { authTagLength: TAG_BYTES });
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return box.encode({ salt, sealed: new Uint8Array(sealed) });
}

/** Opens an encoded `box`; null where it is none of K's, or another message than `info` says. */
export function openBox(k: Uint8Array, info: BoxInfo, bytes: Uint8Array): Uint8Array | null {
  const parts = box.decode(bytes);
  if (!parts || parts.sealed.length < TAG_BYTES) return null;
  const { key, nonce } = keyOf(k, parts.salt, info);
  const split = parts.sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-128-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(parts.sealed.subarray(split));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(parts.sealed.subarray(0, split)), decipher.final()]));
  } catch {
    return null;
  }
}

/** The issuer's key that tokens seal to; it does not show itself. */
export interface Unsealer {
  /** X25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The plaintext of an encoded `sealedRequest`, or null. @param scheme, kind: as `sealInfo` names them */
  open(bytes: Uint8Array, scheme: number, kind: number): Promise<Uint8Array | null>;
}

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });

/** Makes an unsealer. @param secret 32 random bytes, the X25519 private key */
export async function createUnsealer(secret: Uint8Array): Promise<Unsealer> {
  const { privateKey, publicKey } = await suite.kem.deriveKeyPair(secret.slice().buffer as ArrayBuffer);
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(publicKey)),
    async open(bytes, scheme, kind) {
      const request = sealedRequest.decode(bytes);
      if (!request) return null;
      try {
        const context = {
          recipientKey: privateKey,
          enc: request.enc.slice().buffer as ArrayBuffer,
          info: sealInfo(scheme, kind).slice().buffer as ArrayBuffer,
        };
        return new Uint8Array(await suite.open(context, request.sealed.slice().buffer as ArrayBuffer));
      } catch {
        return null;
      }
    },
  };
}
