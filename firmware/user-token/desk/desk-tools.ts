/**
 * The desk's cryptography, made when it is first needed: PKI(...) by HPKE, K(...) by AES-128-GCM under a key of its own
 * for each message, and blind RSA (docs/architecture.md 3). What is inside is in wire/request.ts.
 */
import { copy } from '../../core/bytes.js';
import { createBlindRsa } from '../../crypto/blind-rsa.js';
import type { BlindRsa } from '../../crypto/blind-rsa.js';
import { openCombTable } from '../../crypto/comb-table.js';
import type { CurveParts } from '../../crypto/curve-parts.js';
import { gcmOpen, gcmSeal, GCM_NONCE_BYTES } from '../../crypto/gcm.js';
import type { AesBlocks } from '../../crypto/gcm.js';
import { hkdfExpand, hkdfExtract } from '../../crypto/hkdf.js';
import { createSealer } from '../../crypto/hpke.js';
import type { Sealer } from '../../crypto/hpke.js';
import type { Natives } from '../../core/crypto-natives.js';
import { createRsa } from '../../crypto/rsa.js';
import type { Rsa } from '../../crypto/rsa.js';
import { createX25519 } from '../../crypto/x25519.js';
import { box, boxInfo, K_BYTES, SALT_BYTES, sealedRequest, sealInfo } from '../../wire/request.js';
import type { BoxInfo } from '../../wire/request.js';

const NOTHING = new Uint8Array(0);

/** What the tools are made of. */
export interface DeskParts {
  natives: Natives;
  /** crypto/gcm.ts. */
  aes: AesBlocks;
  /** 48 bytes of bytes. */
  sha384(data: Uint8Array): Uint8Array;
  curve: CurveParts;
  /** Comb table of the issuer's X25519 key. */
  sealTable: ArrayBuffer;
  /** Secret random bytes. */
  random(count: number): Uint8Array;
}

/** The tools. */
export interface DeskTools {
  random(count: number): Uint8Array;
  /** PKI(plain): encoded `sealedRequest`. @param scheme, kind: as `sealInfo` names them */
  seal(scheme: number, kind: number, plain: Uint8Array): Uint8Array;
  /** K(plain): encoded `box`. */
  sealBox(k: Uint8Array, info: BoxInfo, plain: Uint8Array): Uint8Array;
  /** The plaintext of an encoded `box`; null where it is none of K's, or another message than `info` says. */
  openBox(k: Uint8Array, info: BoxInfo, bytes: Uint8Array): Uint8Array | null;
  rsa(): Rsa;
  blindRsa(): BlindRsa;
}

/** Makes the tools. */
export function createDeskTools(parts: DeskParts): DeskTools {
  const natives = parts.natives;
  const random = parts.random;
  let sealer: Sealer | null = null;
  let rsa: Rsa | null = null;

  function theSealer(): Sealer {
    if (sealer) return sealer;
    const curve = parts.curve;
    const x25519 = createX25519(curve.curve, curve.scalars);
    sealer = createSealer(natives, parts.aes, x25519, curve.base, openCombTable(parts.sealTable));
    return sealer;
  }

  function theRsa(): Rsa {
    return rsa || (rsa = createRsa(natives));
  }

  /** Key (16 bytes) and nonce (12) of one message. */
  function messageKey(k: Uint8Array, salt: Uint8Array, info: BoxInfo): Uint8Array {
    return hkdfExpand(natives, hkdfExtract(natives, salt, [k]), [boxInfo.encode(info)], K_BYTES + GCM_NONCE_BYTES);
  }

  return {
    random: random,
    seal: function (scheme, kind, plain) {
      const encapsulation = theSealer().encapsulate(random(32), random(32));
      const sealed = theSealer().seal(encapsulation, sealInfo(scheme, kind), NOTHING, plain);
      return sealedRequest.encode({ enc: encapsulation.enc, sealed: sealed });
    },
    sealBox: function (k, info, plain) {
      const salt = random(SALT_BYTES);
      const key = messageKey(k, salt, info);
      const sealed = gcmSeal(parts.aes, copy(key, 0, K_BYTES), copy(key, K_BYTES, key.length), NOTHING, plain);
      return box.encode({ salt: salt, sealed: sealed });
    },
    openBox: function (k, info, bytes) {
      const found = box.decode(bytes);
      if (!found) return null;
      const key = messageKey(k, found.salt, info);
      return gcmOpen(parts.aes, copy(key, 0, K_BYTES), copy(key, K_BYTES, key.length), NOTHING, found.sealed);
    },
    rsa: theRsa,
    blindRsa: function () {
      return createBlindRsa(theRsa(), parts.sha384);
    },
  };
}
