/**
 * What the issuer tells every terminal: the time, and the list of denied pseudonyms. Both are signed and carry a
 * version that never falls, so that a bridge can withhold them but neither invent nor replay them.
 */
import { readU32 } from '../core/bytes.js';
import { defineMessage, BYTES, U32 } from './codec.js';
import { ISSUER_ID_BYTES, SIGNATURE_BYTES } from './payment.js';

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

/**
 * Deny list, type `denyList`. `prefixes` holds the first 4 bytes of each PKU, ascending, at most `DENIED_MAX`. With n
 * on the list an honest PKU is taken for a denied one with probability n / 2^32: at 800 once in five million.
 */
export const denyBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['version', U32],
  ['timeS', U32],
  ['prefixes', 'rest'],
]);

/** First bytes of a PKU on a list. */
export const PREFIX_BYTES = 4;

/**
 * Most pseudonyms on one list: a terminal holds two lists in its log while one follows the other, and a signed list of
 * so many has 3,276 bytes. A denied one leaves the list at expiry.
 */
export const DENIED_MAX = 800;

/** Signed deny list as it travels. */
export const signedDenyList = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `denyBody`.
  ['body', 'rest'],
]);

/** Whether these are a well-formed list's: whole prefixes, strictly ascending, not too many. */
export function isDenyPrefixes(prefixes: Uint8Array): boolean {
  if (prefixes.length % PREFIX_BYTES !== 0 || prefixes.length > DENIED_MAX * PREFIX_BYTES) return false;
  for (let at = PREFIX_BYTES; at < prefixes.length; at += PREFIX_BYTES)
    if (readU32(prefixes, at) <= readU32(prefixes, at - PREFIX_BYTES)) return false;
  return true;
}

/** Whether `pku` is on the list: binary search, so some ten comparisons. */
export function isDenied(prefixes: Uint8Array, pku: Uint8Array): boolean {
  const prefix = readU32(pku, 0);
  let low = 0;
  let high = prefixes.length / PREFIX_BYTES;
  while (low < high) {
    const middle = (low + high) >> 1;
    const listed = readU32(prefixes, middle * PREFIX_BYTES);
    if (listed === prefix) return true;
    if (listed < prefix) low = middle + 1;
    else high = middle;
  }
  return false;
}
