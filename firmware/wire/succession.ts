/**
 * A house's word that another key follows its own: signed under the old key, type `succession`. Beyond the patent.
 *
 * The issuer's id stays that of its first key, so that what names an issuer names it before and after. A board reads
 * these for its root alone (`followedBy`); houses and bridges keep them, one after another, as the line of a house's
 * keys.
 */
import { equal, fromHex } from '../core/bytes.js';
import { defineMessage, BYTES, REST, U32, U8 } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** Whose key it is. Numbers are never reused. */
export const HOUSE = { issuer: 1, trustee: 2, bank: 3 };

export interface SuccessionBody {
  /** One of `HOUSE`. */
  house: number;
  issuer: Uint8Array;
  /** 1 for the successor of the first key, and so on. */
  number: number;
  oldKey: Uint8Array;
  newKey: Uint8Array;
  /** X25519, what tokens seal to from now on; zeros where this house opens nothing. */
  sealKey: Uint8Array;
  /** Unix time from which the house signs with the new key alone. */
  fromS: number;
  /** The last license under the old key ends by then; what says no time is taken under the old key until then. */
  untilS: number;
}
export const successionBody = defineMessage<SuccessionBody>([
  ['house', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['number', U32],
  ['oldKey', BYTES, KEY_BYTES],
  ['newKey', BYTES, KEY_BYTES],
  ['sealKey', BYTES, KEY_BYTES],
  ['fromS', U32],
  ['untilS', U32],
]);
export const SUCCESSION_BYTES = SIGNATURE_BYTES + 113;

export interface SignedSuccession {
  signature: Uint8Array;
  /** Encoded `successionBody`. */
  body: Uint8Array;
}
export const signedSuccession = defineMessage<SignedSuccession>([
  ['signature', BYTES, SIGNATURE_BYTES],
  ['body', REST],
]);

/**
 * The key that has followed an issuer's key: notices that are not of the issuer, or that the key before does not sign,
 * are passed over.
 * @param notices encoded `signedSuccession`s, hexadecimal, joined by commas, in order @param verify a signature of type
 *   `succession`
 */
export function followedBy(
  key: Uint8Array,
  notices: string,
  verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean,
): Uint8Array {
  const given = notices.split(',');
  for (let i = 0; i < given.length; i++) {
    const outer = signedSuccession.decode(fromHex(given[i]) || new Uint8Array(0));
    const body = outer && successionBody.decode(outer.body);
    if (
      outer &&
      body &&
      body.house === HOUSE.issuer &&
      equal(body.oldKey, key) &&
      verify(key, outer.body, outer.signature)
    )
      key = body.newKey;
  }
  return key;
}
