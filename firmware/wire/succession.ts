/**
 * A house's word that another key follows its own: signed under the old key, type `succession`. Beyond the patent.
 *
 * The issuer's id stays that of its first key, so that what names an issuer names it before and after. A board reads
 * these for its root alone (`followedBy`); houses and bridges keep them, one after another, as the line of a house's
 * keys.
 */
import { equal, fromHex } from '../core/bytes.js';
import { defineMessage, BYTES, REST, U32, U8, type MessageOf } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** Whose key it is. Numbers are never reused. */
export const HOUSE = { issuer: 1, trustee: 2, bank: 3 };

export const successionBody = defineMessage([
  // One of `HOUSE`.
  ['house', U8],
  ['issuer', BYTES, ISSUER_ID_BYTES],
  // 1 for the successor of the first key, and so on.
  ['number', U32],
  ['oldKey', BYTES, KEY_BYTES],
  ['newKey', BYTES, KEY_BYTES],
  // X25519, what tokens seal to from now on; zeros where this house opens nothing.
  ['sealKey', BYTES, KEY_BYTES],
  // Unix time from which the house signs with the new key alone.
  ['fromS', U32],
  // The last license under the old key ends by then; what says no time is taken under the old key until then.
  ['untilS', U32],
]);
export type SuccessionBody = MessageOf<typeof successionBody>;
export const SUCCESSION_BYTES = SIGNATURE_BYTES + 113;

export const signedSuccession = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `successionBody`.
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
