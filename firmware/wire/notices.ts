/**
 * What the issuer tells terminals: the time, the list of denied pseudonyms, and one of them that its place was taken.
 * All are signed and carry a version that never falls, so that a bridge can withhold them but neither invent nor replay
 * them.
 */
import { readU32 } from '../core/bytes.js';
import { defineMessage, BYTES, U32, U8, type MessageOf } from './codec.js';
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
 * What leads from one version of the deny list to another, or a part of it; type `denyList`.
 *
 * A list is the first 4 bytes of each denied PKU, ascending, each once. With n on the list an honest PKU is taken for a
 * denied one with probability n / 2^32. `changes` is a part of what differs: of these prefixes one that is on the list
 * of `fromVersion` is not on that of `toVersion`, and the other way round. Where `fromVersion` is 0 the list before is
 * the empty one, so that the changes are the whole list.
 */
export const denyBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['fromVersion', U32],
  ['toVersion', U32],
  ['timeS', U32],
  // Prefixes on the list of `toVersion`, and its digest: `DIGEST_BYTES`.
  ['size', U32],
  ['digest', BYTES, 32],
  // Changes in all messages of this difference, and in those before this one.
  ['total', U32],
  ['first', U32],
  // Ascending, at most `DENY_CHANGES_MAX`.
  ['changes', 'rest'],
]);
export type DenyBody = MessageOf<typeof denyBody>;

/** That a terminal's place was taken, or that this was a mistake; type `retired`. */
export const retiredBody = defineMessage([
  ['issuer', BYTES, ISSUER_ID_BYTES],
  ['terminalId', BYTES, 4],
  // When it was said, seconds: of two the later one counts.
  ['timeS', U32],
  // 1: it takes no charge any more; 0: it does.
  ['retired', U8],
]);

/** Such a message as it travels. */
export const signedRetired = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `retiredBody`.
  ['body', 'rest'],
]);

/** First bytes of a PKU on a list. */
export const PREFIX_BYTES = 4;

/**
 * A list's digest: 32 zeros, and then for each piece of this many bytes of the list, of which the last may be shorter,
 * SHA-256 of the digest so far and the piece. In pieces, because a board has no room for a list in RAM.
 */
export const PIECE_BYTES = 1024;
export const DIGEST_BYTES = 32;

/**
 * Most pseudonyms on the list: an honest one is refused once in 107,374. A terminal has room for two lists of this size
 * in its Storage. A denied one leaves the list at expiry.
 */
export const DENIED_MAX = 40000;

/** Most changes in one message: with its signature it has 3,324 bytes. */
export const DENY_CHANGES_MAX = 800;

/** Such a message as it travels. */
export const signedDenyList = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `denyBody`.
  ['body', 'rest'],
]);

/** Whether the changes are well-formed: whole prefixes, strictly ascending, not more than there is room for. */
export function isDenyChanges(body: DenyBody): boolean {
  const changes = body.changes;
  const count = changes.length / PREFIX_BYTES;
  if (changes.length % PREFIX_BYTES !== 0 || count > DENY_CHANGES_MAX) return false;
  if (body.first + count > body.total || (count === 0 && body.total > 0)) return false;
  for (let at = 0, last = -1; at < changes.length; at += PREFIX_BYTES) {
    const prefix = readU32(changes, at);
    if (prefix <= last) return false;
    last = prefix;
  }
  return true;
}
