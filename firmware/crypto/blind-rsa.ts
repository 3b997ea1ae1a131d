/*
 * Blind signatures RSABSSA-SHA384-PSS-Randomized (RFC 9474), the side that asks for them and verifies.
 *
 * SKBx and Br(PKU, R) of EP 0926637 [0039]-[0041]. What depends on r alone is made beforehand: r^e, and 1/r, for which
 * the board has no Euclid of this size. Whoever answers (invertMasked) gets r u for a random u, which says nothing
 * about r, and what he answers is checked by one product.
 *
 * Left out: signing (host). The check that a message is coprime to n: it fails only for who has factored n.
 */
import { concat, copy, equal } from '../core/bytes.js';
import type { Residue, Rsa, RsaModulus } from './rsa.js';

/** SHA-384, 48 bytes. */
type Sha384 = (data: Uint8Array) => Uint8Array;
/** `count` secret random bytes. */
type Random = (count: number) => Uint8Array;

/** Bytes of a hash, and of the salt. */
const HASH_BYTES = 48;

/** r, as far as it is prepared. Secret until the coupon is spent. */
export interface Blinding {
  /** r, and r^e R. */
  r: Residue;
  power: Residue;
  /** u, which masks r where its inverse is asked for. */
  mask: Residue;
}

/** Blind signatures over the given arithmetic. */
export interface BlindRsa {
  /** Draws r and u, and prepares r^e: a public operation's time. */
  startBlinding(modulus: RsaModulus, random: Random): Blinding;
  /** r u, as bytes for whoever inverts it: invert(r u mod n), as bytes, is his answer. */
  maskedForInversion(modulus: RsaModulus, blinding: Blinding): Uint8Array;
  /**
   * R/r from 1/(r u) as answered, as many bytes as the modulus: what unblind() needs. Null if the answer is not that.
   */
  takeInverse(modulus: RsaModulus, blinding: Blinding, answer: Uint8Array): Uint8Array | null;
  /** Blind(): the blinded message. @param prepared random prefix and message @param salt 48 random bytes */
  blind(modulus: RsaModulus, blinding: Blinding, prepared: Uint8Array, salt: Uint8Array): Uint8Array;
  /**
   * z / r without the check that Finalize() demands: verify() is to follow. Null if z is no number below n.
   * @param inverse R/r
   */
  unblind(modulus: RsaModulus, inverse: Uint8Array, blindSignature: Uint8Array): Uint8Array | null;
  /** RSASSA-PSS with SHA-384 and 48 bytes of salt (RFC 8017 8.1.2) under e = 65537. */
  verify(modulus: RsaModulus, prepared: Uint8Array, signature: Uint8Array): boolean;
}

/** Blind signatures over the given products and hash. */
export function createBlindRsa(rsa: Rsa, sha384: Sha384): BlindRsa {
  /** A number from 1 to n - 1, uniform. */
  function draw(modulus: RsaModulus, random: Random): Residue {
    for (;;) {
      const value = rsa.fromBytes(modulus, random(modulus.bytes));
      if (value && value.some(isSet)) return value;
    }
  }

  /** data XOR MGF1(seed) (RFC 8017 B.2.1). */
  function masked(data: Uint8Array, seed: Uint8Array): Uint8Array {
    const out = new Uint8Array(data.length);
    for (let at = 0, counter = 0; at < data.length; at += HASH_BYTES, counter++) {
      const mask = sha384(concat([seed, new Uint8Array([0, 0, 0, counter])]));
      for (let i = 0; i < HASH_BYTES && at + i < data.length; i++) out[at + i] = data[at + i] ^ mask[i];
    }
    return out;
  }

  function hashOf(prepared: Uint8Array, salt: Uint8Array): Uint8Array {
    return sha384(concat([new Uint8Array(8), sha384(prepared), salt]));
  }

  /** EMSA-PSS-ENCODE (RFC 8017 9.1.1): as many bytes as the modulus, the highest bit 0. */
  function encode(modulus: RsaModulus, prepared: Uint8Array, salt: Uint8Array): Uint8Array {
    const hash = hashOf(prepared, salt);
    const block = new Uint8Array(modulus.bytes - HASH_BYTES - 1);
    block[block.length - HASH_BYTES - 1] = 1;
    block.set(salt, block.length - HASH_BYTES);
    const hidden = masked(block, hash);
    hidden[0] &= 127;
    return concat([hidden, hash, new Uint8Array([0xbc])]);
  }

  function verify(modulus: RsaModulus, prepared: Uint8Array, signature: Uint8Array): boolean {
    const value = rsa.fromBytes(modulus, signature);
    if (!value) return false;
    const encoded = rsa.toBytes(modulus, rsa.power65537(modulus, value));
    const split = encoded.length - HASH_BYTES - 1;
    const hash = copy(encoded, split, encoded.length - 1);
    const block = masked(copy(encoded, 0, split), hash);
    if (encoded[encoded.length - 1] !== 0xbc || encoded[0] > 127) return false;
    const padding = split - HASH_BYTES - 1;
    block[0] &= 127;
    for (let i = 0; i < padding; i++) if (block[i] !== 0) return false;
    return block[padding] === 1 && equal(hash, hashOf(prepared, copy(block, padding + 1, split)));
  }

  return {
    startBlinding(modulus, random) {
      const r = draw(modulus, random);
      return { r, power: rsa.toMontgomery(modulus, rsa.power65537(modulus, r)), mask: draw(modulus, random) };
    },
    maskedForInversion(modulus, blinding) {
      return rsa.toBytes(modulus, rsa.multiply(modulus, rsa.toMontgomery(modulus, blinding.r), blinding.mask));
    },
    takeInverse(modulus, blinding, answer) {
      const value = rsa.fromBytes(modulus, answer);
      if (!value) return null;
      // u/(r u) R, and with r it must make 1.
      const inverse = rsa.toMontgomery(modulus, rsa.multiply(modulus, rsa.toMontgomery(modulus, value), blinding.mask));
      const one = rsa.toBytes(modulus, rsa.multiply(modulus, inverse, blinding.r));
      let difference = one[one.length - 1] ^ 1;
      for (let i = 0; i < one.length - 1; i++) difference |= one[i];
      return difference === 0 ? rsa.toBytes(modulus, inverse) : null;
    },
    blind(modulus, blinding, prepared, salt) {
      const message = rsa.fromBytesBelow(modulus, encode(modulus, prepared, salt));
      return rsa.toBytes(modulus, rsa.multiply(modulus, message, blinding.power));
    },
    unblind(modulus, inverse, blindSignature) {
      const value = rsa.fromBytes(modulus, blindSignature);
      return value && rsa.toBytes(modulus, rsa.multiply(modulus, value, rsa.fromBytesBelow(modulus, inverse)));
    },
    verify,
  };
}

function isSet(limb: number): boolean {
  return limb !== 0;
}
