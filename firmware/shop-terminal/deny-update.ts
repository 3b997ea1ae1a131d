/**
 * A new deny list in the place of the old one: old or new as a whole, whatever power does and whoever sends it.
 *
 * The new list is put together in the half that does not count, from the old one and the changes, one piece of 1,024
 * bytes after the other; each is read back for the digest. Only when the digest is the signed one does the record of
 * the log name the new half. So a message that is wrong in any way, or power that goes, leaves the list as it was.
 *
 * Beside it: the issuer's word that another terminal has taken this one's place.
 *
 * An overlay (main.ts): it is loaded for a message of the issuer and let go after it.
 */
import { concat, equal, readU32 } from '../core/bytes.js';
import type { Code } from '../core/codes.js';
import { BYTES, defineMessage, MessageOf, U32, U8 } from '../wire/codec.js';
import {
  DENIED_MAX,
  denyBody,
  DenyBody,
  DIGEST_BYTES,
  isDenyChanges,
  PIECE_BYTES,
  PREFIX_BYTES,
  retiredBody,
  signedDenyList,
  signedRetired,
} from '../wire/notices.js';
import { KIND } from '../wire/link/link-messages.js';
import { SIGNED } from '../wire/signed.js';
import { DenyArea, DenyList, findPrefix, NoticeParties, VerifyIssuer } from './deny-store.js';
import { RECORD, Records } from './shop-records.js';

/** Slot 0 of RECORD.deny. */
const listRecord = defineMessage([
  // Of the two, the one that counts.
  ['half', U8],
  ['version', U32],
  ['timeS', U32],
  ['size', U32],
  ['digest', BYTES, DIGEST_BYTES],
]);

/** What an update works with. */
export interface DenyParts {
  records: Records;
  area: DenyArea;
  sha256(data: Uint8Array): Uint8Array;
}

/** A new list, as far as its messages have come. */
interface Pending {
  fromVersion: number;
  toVersion: number;
  /** The signed one; and the running one. */
  digest: Uint8Array;
  running: Uint8Array;
  /** Changes made, and the last of them. */
  done: number;
  last: number;
  /** Prefixes of the old list that were looked at, and of the new one that were made. */
  at: number;
  count: number;
  /** Not written yet: the first `filled` bytes. */
  piece: Uint8Array;
  filled: number;
}

function halfAddress(area: DenyArea, half: number): number {
  return area.address + half * area.halfBytes;
}

/** What the issuer said last of this terminal. */
function heldNotice(records: Records): MessageOf<typeof retiredBody> | null {
  const payload = records.get(RECORD.retired, 0);
  const held = payload && retiredBody.decode(payload);
  if (payload && !held) throw new Error('notice in flash cannot be read');
  return held;
}

/**
 * The issuer says that this terminal's place was taken, or takes that back: encoded `signedRetired`. Durable when it
 * returns OK; else nothing has changed: BAD_REQUEST (also for another terminal's), NOT_NEWER, SIGNATURE_INVALID.
 */
function acceptRetired(
  parts: DenyParts,
  list: DenyList,
  parties: NoticeParties,
  bytes: Uint8Array,
  verify: VerifyIssuer,
): Code {
  const message = signedRetired.decode(bytes);
  const body = message && retiredBody.decode(message.body);
  if (!message || !body || !equal(body.issuer, parties.issuer)) return 'BAD_REQUEST';
  if (!equal(body.terminalId, parties.terminalId) || body.retired > 1) return 'BAD_REQUEST';
  const held = heldNotice(parts.records);
  if (held && body.timeS <= held.timeS) return 'NOT_NEWER';
  if (!verify(SIGNED.retired, message.body, message.signature)) return 'SIGNATURE_INVALID';
  parts.records.put(RECORD.retired, 0, message.body);
  list.retired = body.retired === 1;
  return 'OK';
}

/** The list that the record of the log names, if flash holds what was signed. */
export function openDenyList(parts: DenyParts): DenyList {
  const notice = heldNotice(parts.records);
  const list: DenyList = {
    version: 0,
    timeS: 0,
    size: 0,
    address: parts.area.address,
    pending: null,
    retired: !!notice && notice.retired === 1,
  };
  const payload = parts.records.get(RECORD.deny, 0);
  if (!payload) return list;
  const held = listRecord.decode(payload);
  if (!held) throw new Error('deny list in flash cannot be read');
  const address = halfAddress(parts.area, held.half);
  let running: Uint8Array = new Uint8Array(DIGEST_BYTES);
  const end = held.size * PREFIX_BYTES;
  // The file of a board that was flashed anew is empty, and another one's may be shorter.
  if (end > parts.area.halfBytes) return list;
  for (let at = 0; at < end; at += PIECE_BYTES)
    running = parts.sha256(concat([running, parts.area.flash.read(Math.min(PIECE_BYTES, end - at), address + at)]));
  if (!equal(running, held.digest)) return list;
  list.version = held.version;
  list.timeS = held.timeS;
  list.size = held.size;
  list.address = address;
  return list;
}

/** Makes the changes of one message; whether the digest of what comes out is right, only the last one shows. */
function merge(parts: DenyParts, list: DenyList, half: number, p: Pending, body: DenyBody): boolean {
  const flash = parts.area.flash;
  const oldSize = body.fromVersion === 0 ? 0 : list.size;
  const base = halfAddress(parts.area, half);

  function flush(): void {
    const address = base + PREFIX_BYTES * p.count - p.filled;
    if (address % parts.area.eraseBytes === 0) flash.erasePage(address | 0);
    flash.write(p.piece.subarray(0, p.filled), address);
    p.running = parts.sha256(concat([p.running, flash.read(p.filled, address)]));
    p.filled = 0;
  }

  function take(source: Uint8Array): void {
    p.piece.set(source, p.filled);
    p.filled += source.length;
    p.count += (source.length / PREFIX_BYTES) | 0;
    if (p.filled === PIECE_BYTES) flush();
  }

  /** Takes over the old list up to here; false where it has no room in the new one, which must not leave its half. */
  function keepUpTo(end: number): boolean {
    if (p.count + end - p.at > body.size) return false;
    while (p.at < end) {
      const count = Math.min(end - p.at, ((PIECE_BYTES - p.filled) / PREFIX_BYTES) | 0);
      take(flash.read(PREFIX_BYTES * count, list.address + PREFIX_BYTES * p.at));
      p.at += count;
    }
    return true;
  }

  const changes = body.changes;
  for (let i = 0; i < changes.length;) {
    let bytes = PREFIX_BYTES;
    let isNew = true;
    if (p.at < oldSize) {
      const prefix = readU32(changes, i);
      const found = findPrefix(flash, list.address, p.at, oldSize, p.last, prefix);
      isNew = found < 0;
      p.last = prefix;
      if (!keepUpTo(isNew ? -1 - found : found)) return false;
      if (!isNew) p.at++;
      // Behind the end of the old list everything is new.
    } else bytes = Math.min(changes.length - i, PIECE_BYTES - p.filled);
    if (isNew && p.count + ((bytes / PREFIX_BYTES) | 0) > body.size) return false;
    if (isNew) take(changes.subarray(i, i + bytes));
    i += bytes;
  }
  p.last = readU32(changes, changes.length - PREFIX_BYTES);
  p.done += (changes.length / PREFIX_BYTES) | 0;
  if (p.done < body.total) return true;
  if (p.count + oldSize - p.at !== body.size || !keepUpTo(oldSize)) return false;
  if (p.filled) flush();
  return equal(p.running, body.digest);
}

/** The new list that this message goes on with, or begins; null where it does neither. */
function pendingOf(list: DenyList, body: DenyBody): Pending | null {
  const p = list.pending as Pending | null;
  if (body.first > 0)
    return p &&
      p.fromVersion === body.fromVersion &&
      p.toVersion === body.toVersion &&
      p.done >= body.first &&
      equal(p.digest, body.digest)
      ? p
      : null;
  return {
    fromVersion: body.fromVersion,
    toVersion: body.toVersion,
    digest: body.digest,
    running: new Uint8Array(DIGEST_BYTES),
    done: 0,
    last: 0,
    at: 0,
    count: 0,
    piece: new Uint8Array(PIECE_BYTES),
    filled: 0,
  };
}

/**
 * Takes a message of the issuer, encoded `signedDenyList`; durable when it returns. OK (also for one that is part of a
 * list that is not complete); else nothing has changed: BAD_REQUEST, NOT_NEWER, LIST_MISMATCH (it does not stand on the
 * list held, does not follow the message before, or does not end in what was signed), DENY_LIST_FULL,
 * SIGNATURE_INVALID.
 */
function updateDenyList(
  parts: DenyParts,
  list: DenyList,
  issuer: Uint8Array,
  bytes: Uint8Array,
  verify: VerifyIssuer,
): Code {
  const message = signedDenyList.decode(bytes);
  const body = message && denyBody.decode(message.body);
  if (!message || !body || !equal(body.issuer, issuer) || !isDenyChanges(body)) return 'BAD_REQUEST';
  const payload = parts.records.get(RECORD.deny, 0);
  const held = payload && listRecord.decode(payload);
  // Where flash has lost the list, the same version may come once more, and no older one.
  if (body.toVersion <= list.version || (held && body.toVersion < held.version)) return 'NOT_NEWER';
  if (body.fromVersion !== 0 && body.fromVersion !== list.version) return 'LIST_MISMATCH';
  const pending = pendingOf(list, body);
  if (!pending) return 'LIST_MISMATCH';
  if (body.size > DENIED_MAX || body.size * PREFIX_BYTES > parts.area.halfBytes) return 'DENY_LIST_FULL';
  if (!verify(SIGNED.denyList, message.body, message.signature)) return 'SIGNATURE_INVALID';

  const count = (body.changes.length / PREFIX_BYTES) | 0;
  let half = held ? held.half : 0;
  if (body.total === 0 && body.fromVersion !== 0) {
    // The same list, said again at a later time: nothing but the record changes.
    if (body.size !== list.size || !held || !equal(body.digest, held.digest)) return 'LIST_MISMATCH';
  } else {
    // Asked again: it has been done.
    if (pending.done >= body.first + count && count > 0) return 'OK';
    if (pending.done !== body.first || (body.first > 0 && readU32(body.changes, 0) <= pending.last))
      return 'LIST_MISMATCH';
    half = held ? 1 - held.half : 0;
    list.pending = null;
    const good =
      count > 0
        ? merge(parts, list, half, pending, body)
        : body.size === 0 && equal(body.digest, new Uint8Array(DIGEST_BYTES));
    if (!good) return 'LIST_MISMATCH';
    if (pending.done < body.total) {
      list.pending = pending;
      return 'OK';
    }
  }
  parts.records.put(
    RECORD.deny,
    0,
    listRecord.encode({
      half: half,
      version: body.toVersion,
      timeS: body.timeS,
      size: body.size,
      digest: body.digest,
    }),
  );
  list.pending = null;
  list.version = body.toVersion;
  list.timeS = body.timeS;
  list.size = body.size;
  list.address = halfAddress(parts.area, half);
  return 'OK';
}

/**
 * Takes what the issuer says beside the time.
 * @param kind KIND.denyList or KIND.retired @returns codes as `updateDenyList` or `acceptRetired`
 */
export function acceptNotice(
  kind: number,
  parts: DenyParts,
  list: DenyList,
  parties: NoticeParties,
  bytes: Uint8Array,
  verify: VerifyIssuer,
): Code {
  return kind === KIND.retired
    ? acceptRetired(parts, list, parties, bytes, verify)
    : updateDenyList(parts, list, parties.issuer, bytes, verify);
}
