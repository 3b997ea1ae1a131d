/**
 * Deny lists on the host: prefixes of pseudonyms, what differs between two versions, and the messages that say it
 * (`denyBody` of firmware/wire/notices.ts).
 *
 * A list here is a Uint32Array, ascending, each prefix once. What leads from one list to another is the set of prefixes
 * that only one of them has, so that differences that follow one another add up by the same rule.
 */
import { concat, copy, equal, readU32, writeU32 } from '../../firmware/core/bytes.js';
import {
  DENY_CHANGES_MAX,
  denyBody,
  type DenyBody,
  DIGEST_BYTES,
  isDenyChanges,
  PIECE_BYTES,
  PREFIX_BYTES,
  signedDenyList,
} from '../../firmware/wire/notices.js';
import { sha256 } from './crypto/hash.js';

/** Prefixes of these pseudonyms, ascending, each once. */
export function denyPrefixesOf(pkus: readonly Uint8Array[]): Uint32Array {
  const all = Uint32Array.from(pkus, (pku) => readU32(pku, 0)).sort();
  return all.filter((prefix, i) => i === 0 || prefix !== all[i - 1]);
}

/** As they travel and lie in a terminal's flash. */
export function prefixBytes(prefixes: Uint32Array): Uint8Array {
  const out = new Uint8Array(prefixes.length * PREFIX_BYTES);
  prefixes.forEach((prefix, i) => writeU32(out, i * PREFIX_BYTES, prefix));
  return out;
}

/** The other way round. */
export function prefixesOf(bytes: Uint8Array): Uint32Array {
  return Uint32Array.from({ length: bytes.length / PREFIX_BYTES }, (_, i) => readU32(bytes, i * PREFIX_BYTES));
}

/** Whether a list has this pseudonym's prefix. */
export function isListed(prefixes: Uint32Array, pku: Uint8Array): boolean {
  const prefix = readU32(pku, 0);
  let low = 0;
  let high = prefixes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (prefixes[middle] < prefix) low = middle + 1;
    else high = middle;
  }
  return prefixes[low] === prefix;
}

/** What only one of two lists has; of a list and such a difference, the other list. */
export function difference(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out = new Uint32Array(a.length + b.length);
  let count = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (j === b.length || a[i] < b[j]) out[count++] = a[i++];
    else if (i === a.length || b[j] < a[i]) out[count++] = b[j++];
    else {
      i++;
      j++;
    }
  }
  return out.slice(0, count);
}

/** A list's digest (`DIGEST_BYTES`). */
export function denyDigest(prefixes: Uint32Array): Uint8Array {
  const bytes = prefixBytes(prefixes);
  let digest: Uint8Array = new Uint8Array(DIGEST_BYTES);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    digest = sha256(concat([digest, bytes.subarray(at, at + PIECE_BYTES)]));
  return digest;
}

/** What a version says, with the changes that lead to it. */
export interface DenyStep {
  /** 4 bytes. */
  issuer: Uint8Array;
  /** 0: from the empty list. */
  fromVersion: number;
  toVersion: number;
  timeS: number;
  /** The list of `toVersion`: its size and its digest. */
  size: number;
  digest: Uint8Array;
  changes: Uint32Array;
}

/**
 * The messages of a step, encoded `signedDenyList`: as many as it takes, one at least.
 * @param sign a `denyBody`, type `denyList`
 */
export function denyMessages(step: DenyStep, sign: (body: Uint8Array) => Uint8Array, most = DENY_CHANGES_MAX) {
  const { changes, ...said } = step;
  const all = prefixBytes(changes);
  const messages: Uint8Array[] = [];
  for (let first = 0; first === 0 || first < changes.length; first += most) {
    const part = copy(all, first * PREFIX_BYTES, Math.min(all.length, (first + most) * PREFIX_BYTES));
    const body = denyBody.encode({ ...said, total: changes.length, first, changes: part });
    messages.push(signedDenyList.encode({ signature: sign(body), body }));
  }
  return messages;
}

/** A whole list as messages. */
export function wholeList(
  { issuer, version, timeS, prefixes }: { issuer: Uint8Array; version: number; timeS: number; prefixes: Uint32Array },
  sign: (body: Uint8Array) => Uint8Array,
): Uint8Array[] {
  return denyMessages(
    {
      issuer,
      fromVersion: 0,
      toVersion: version,
      timeS,
      size: prefixes.length,
      digest: denyDigest(prefixes),
      changes: prefixes,
    },
    sign,
  );
}

/** A message taken apart: null where it is none. Its signature is not looked at. */
export function readDenyMessage(
  bytes: Uint8Array,
): { body: DenyBody; signed: Uint8Array; signature: Uint8Array } | null {
  const message = signedDenyList.decode(bytes);
  const body = message && denyBody.decode(message.body);
  return message && body && isDenyChanges(body) ? { body, signed: message.body, signature: message.signature } : null;
}

/** A list that somebody holds. */
export interface HeldList {
  /** 0 with the empty list. */
  version: number;
  prefixes: Uint32Array;
}

/**
 * The list that the bodies of a step's messages lead to; null where they are not one step, do not stand on this list or
 * do not end in the list that they name.
 */
export function followDenyList(held: HeldList, bodies: readonly DenyBody[]): HeldList | null {
  const [head] = bodies;
  if (!head || (head.fromVersion !== 0 && head.fromVersion !== held.version)) return null;
  let first = 0;
  for (const body of bodies) {
    if (body.first !== first || body.total !== head.total || body.toVersion !== head.toVersion) return null;
    if (body.fromVersion !== head.fromVersion || !equal(body.digest, head.digest)) return null;
    first += body.changes.length / PREFIX_BYTES;
  }
  if (first !== head.total) return null;
  const changes = prefixesOf(concat(bodies.map((body) => body.changes)));
  const prefixes = difference(head.fromVersion === 0 ? new Uint32Array(0) : held.prefixes, changes);
  const isRight = prefixes.length === head.size && equal(denyDigest(prefixes), head.digest);
  return isRight ? { version: head.toVersion, prefixes } : null;
}
