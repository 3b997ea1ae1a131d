/**
 * What the issuer tells every terminal: the time, and the list of denied pseudonyms. Both are signed and carry a
 * version that never falls, so that a bridge can withhold them but neither invent nor replay them.
 */
import { copy } from '../core/bytes.js';
import { defineMessage, BYTES, U32 } from './codec.js';
import { ISSUER_ID_BYTES, KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** Signed time, type `time`. */
export const timeBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  // Unix time, seconds.
  ['timeS', U32],
  // The nonce that the terminal asked with, 8 bytes: a bridge cannot keep an old answer for later.
  ['nonce', BYTES, 8],
]);

/** Signed time as it travels. */
export const signedTime = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `timeBody`.
  ['body', 'rest'],
]);

/** Deny list, type `denyList`. `keys` holds PKUs of 32 bytes each, ascending, at most `DENY_KEYS_MAX`. */
export const denyBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['version', U32],
  ['timeS', U32],
  ['keys', 'rest'],
]);
/**
 * Most pseudonyms on one list, so that the list fits one flash page of 4,096 bytes. A denied one leaves it at expiry.
 */
export const DENY_KEYS_MAX = 100;

/** Signed deny list as it travels. */
export const signedDenyList = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `denyBody`.
  ['body', 'rest'],
]);

/** Whether `keys` is a well-formed list: whole keys, strictly ascending, not too many. */
export function isDenyKeys(keys: Uint8Array): boolean {
  const count = keys.length / KEY_BYTES;
  if (Math.floor(count) !== count || count > DENY_KEYS_MAX) return false;
  for (let at = KEY_BYTES; at < keys.length; at += KEY_BYTES) {
    let i = 0;
    while (i < KEY_BYTES - 1 && keys[at + i] === keys[at + i - KEY_BYTES]) i++;
    if (keys[at + i] <= keys[at + i - KEY_BYTES]) return false;
  }
  return true;
}

/** Whether `pku` is on the list: binary search, so some seven comparisons. */
export function isDenied(keys: Uint8Array, pku: Uint8Array): boolean {
  let low = 0;
  let high = keys.length / KEY_BYTES;
  while (low < high) {
    const middle = (low + high) >> 1;
    const key = copy(keys, middle * KEY_BYTES, (middle + 1) * KEY_BYTES);
    let i = 0;
    while (i < KEY_BYTES && key[i] === pku[i]) i++;
    if (i === KEY_BYTES) return true;
    if (key[i] < pku[i]) low = middle + 1;
    else high = middle;
  }
  return false;
}
