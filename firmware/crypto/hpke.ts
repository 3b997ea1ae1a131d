/*
 * HPKE in base mode (RFC 9180), the side that seals: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM.
 *
 * PKI(...) of EP 0926637 [0059]: a token seals to the issuer's key, whose comb table it has in flash. A secret key of
 * the encapsulation serves once, and one context seals one message.
 *
 * Left out: opening, which is the issuer's (host); the other modes; exported secrets; a second message in a context.
 */
import { concat, fromChars } from '../core/bytes.js';
import type { CombTable } from './comb-table.js';
import { gcmSeal, GCM_NONCE_BYTES, type AesBlocks } from './gcm.js';
import { hkdfExpand, hkdfExtract } from './hkdf.js';
import type { Natives } from '../core/crypto-natives.js';
import type { X25519 } from './x25519.js';

const KEY_BYTES = 16;
const NOTHING = new Uint8Array(0);

/** An encapsulation: it can be made before the message is known, and serves once. */
export interface Encapsulation {
  /** 32 bytes, public. */
  enc: Uint8Array;
  /** 32 bytes, secret; null once it has served. */
  sharedSecret: Uint8Array | null;
}

/** Seals to one known key. */
export interface Sealer {
  /** DHKEM's Encap() with this ephemeral secret of 32 bytes; blind: 32 random bytes for the arithmetic. */
  encapsulate(secret: Uint8Array, blind: Uint8Array): Encapsulation;
  /** SealBase() under an encapsulation, which is emptied first: the ciphertext with its tag, 16 bytes longer. */
  seal(encapsulation: Encapsulation, info: Uint8Array, additional: Uint8Array, plaintext: Uint8Array): Uint8Array;
}

/** A labelled HKDF (RFC 9180 4) for one suite. */
function createLabelled(natives: Natives, suite: number[]) {
  const version = fromChars('HPKE-v1');
  const id = new Uint8Array(suite);
  return {
    extract: function (salt: Uint8Array, label: string, input: Uint8Array): Uint8Array {
      return hkdfExtract(natives, salt, [version, id, fromChars(label), input]);
    },
    expand: function (key: Uint8Array, label: string, info: Uint8Array[], count: number): Uint8Array {
      return hkdfExpand(
        natives,
        key,
        [new Uint8Array([count >> 8, count]), version, id, fromChars(label)].concat(info),
        count,
      );
    },
  };
}

/** Makes a sealer. @param base comb of the base point @param peer comb of the peer's key (x25519.ts) */
export function createSealer(
  natives: Natives,
  aes: AesBlocks,
  x25519: X25519,
  base: CombTable,
  peer: CombTable,
): Sealer {
  // "KEM" 0x0020; "HPKE" 0x0020 0x0001 0x0001 (RFC 9180 7).
  const kem = createLabelled(natives, [75, 69, 77, 0, 32]);
  const hpke = createLabelled(natives, [72, 80, 75, 69, 0, 32, 0, 1, 0, 1]);
  const peerKey = x25519.publicKeyOf(peer);
  const mode = new Uint8Array([0]);
  const pskIdHash = hpke.extract(NOTHING, 'psk_id_hash', NOTHING);

  return {
    encapsulate(secret, blind) {
      const both = x25519.multiplyTwo(secret, blind, base, peer);
      const prk = kem.extract(NOTHING, 'eae_prk', both[1]);
      return { enc: both[0], sharedSecret: kem.expand(prk, 'shared_secret', [both[0], peerKey], 32) };
    },
    seal(encapsulation, info, additional, plaintext) {
      const shared = encapsulation.sharedSecret;
      encapsulation.sharedSecret = null;
      if (!shared) throw new TypeError('encapsulation: used before');
      const context = concat([mode, pskIdHash, hpke.extract(NOTHING, 'info_hash', info)]);
      const secret = hpke.extract(shared, 'secret', NOTHING);
      const key = hpke.expand(secret, 'key', [context], KEY_BYTES);
      const nonce = hpke.expand(secret, 'base_nonce', [context], GCM_NONCE_BYTES);
      return gcmSeal(aes, key, nonce, additional, plaintext);
    },
  };
}
