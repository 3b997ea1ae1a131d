/**
 * Versions of the deny list: which pseudonyms stand on it, when a new one is signed, and what leads from one to
 * another.
 *
 * Terminals judge a list by its age, so an unchanged list is signed anew from time to time with a higher version. A
 * denial leaves the list when the license is over, grace included: no shop accepts the license then.
 *
 * Stored is for each version that changed something one signed step from the version before, of any length; all of them
 * add up to the list.
 * A terminal gets the step from the version that it holds, in messages that its link takes, signed when asked for: one
 * message where it has been online lately, the whole list where that is no longer or it asks for it.
 *
 * The newest list is kept in memory, since every poll of every bridge asks for it. It is taken from the books again
 * whenever their newest version is another than the one in memory, as after a transaction that was given up.
 */
import { copy, equal } from '../../../firmware/core/bytes.js';
import { DENIED_MAX, denyBody, signedDenyList } from '../../../firmware/wire/notices.js';
import { SIGNATURE_BYTES } from '../../../firmware/wire/payment.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import type { IssuerStore } from '../../ledger/store.js';
import { denyDigest, denyMessages, denyPrefixesOf, difference, isListed, prefixesOf } from '../../base/deny-lists.js';
import type { Signer } from '../../base/crypto/signer.js';
import type { DenyLists } from './issuer-context.js';

/** The newest version. */
interface Newest {
  version: number;
  timeS: number;
  prefixes: Uint32Array;
  digest: Uint8Array;
  /** Of its row: another row is another list. */
  signature: Uint8Array;
  /** From when to when no denial begins or ends, as far as is known: then nothing of the books has to be read. */
  rightFromS: number;
  rightUntilS: number;
  /** Messages from other versions, as they were asked for. */
  steps: Map<number, Uint8Array[]>;
}

/** Versions from which bridges ask at a time: those that were online within the last polls. */
const STEPS_KEPT_MAX = 64;
/** Whoever is more versions behind gets the whole list: they would have to be read from the books. */
const STEP_VERSIONS_MAX = 1000;
const ROWS_AT_ONCE = 500;

function readRow(list: Uint8Array) {
  const signed = signedDenyList.decode(list);
  const body = signed && denyBody.decode(signed.body);
  if (!body) throw new TypeError('a stored deny list does not decode');
  return { ...body, signature: signed.signature };
}

/**
 * What all versions after one add up to; null where they are more than `versionsMax` or change more than `changesMax`
 * prefixes.
 */
function sumOf(store: IssuerStore, version: number, versionsMax: number, changesMax: number): Uint32Array | null {
  const changed = new Set<number>();
  let at = version;
  for (let versions = 0; ;) {
    const rows = store.denyListsAfter(at, ROWS_AT_ONCE);
    for (const row of rows)
      for (const prefix of prefixesOf(readRow(row.list).changes)) if (!changed.delete(prefix)) changed.add(prefix);
    versions += rows.length;
    if (versions > versionsMax) return null;
    if (rows.length < ROWS_AT_ONCE) break;
    at = rows[rows.length - 1].version;
  }
  return changed.size > changesMax ? null : Uint32Array.from(changed).sort();
}

/** What shall be on the list, and until when that is right. */
interface Wanted {
  prefixes: Uint32Array;
  untilS: number;
}

/** Of the denials in force. Where there are more than a terminal can hold, the oldest ones stay on. */
function wantedAt(store: IssuerStore, nowS: number): Wanted {
  const denials = store.denials(nowS);
  return {
    prefixes: denyPrefixesOf(denials.slice(0, DENIED_MAX).map((denial) => denial.pku)),
    untilS: denials.reduce((first, denial) => Math.min(first, denial.untilS ?? Infinity), Infinity),
  };
}

/** Signs the version after `last`. Within a transaction. */
function signNext(
  { store, signer, issuer }: { store: IssuerStore; signer: Signer; issuer: Uint8Array },
  last: Newest | null,
  { prefixes, untilS }: Wanted,
  nowS: number,
): Newest {
  const changes = last ? difference(last.prefixes, prefixes) : prefixes;
  // A version that changes nothing takes the place of the one before, and its step.
  const replaced = last && changes.length === 0 ? readRow(store.denyList()!.list) : null;
  const version = (last?.version ?? 0) + 1;
  const digest = denyDigest(prefixes);
  const [list] = denyMessages(
    {
      issuer,
      fromVersion: replaced ? replaced.fromVersion : (last?.version ?? 0),
      toVersion: version,
      timeS: nowS,
      size: prefixes.length,
      digest,
      changes: replaced ? prefixesOf(replaced.changes) : changes,
    },
    (body) => signer.sign(SIGNED.denyList, body),
    Infinity,
  );
  store.addDenyList(version, list, replaced && last ? last.version : null);
  const signature = copy(list, 0, SIGNATURE_BYTES);
  return {
    version,
    timeS: nowS,
    prefixes,
    digest,
    signature,
    rightFromS: nowS,
    rightUntilS: untilS,
    steps: new Map(),
  };
}

/** The newest version, read from the books where the one in memory is another. */
function createVersions(parts: { store: IssuerStore; signer: Signer; issuer: Uint8Array }, refreshS: number) {
  const { store } = parts;
  let known: Newest | null = null;

  /** The newest version of the books; null before the first. */
  function newest(): Newest | null {
    const row = store.denyList();
    if (!row) return (known = null);
    const signature = copy(row.list, 0, SIGNATURE_BYTES);
    if (known && known.version === row.version && equal(known.signature, signature)) return known;
    const { timeS, digest } = readRow(row.list);
    const prefixes = sumOf(store, 0, Infinity, Infinity)!;
    const { version } = row;
    known = { version, timeS, prefixes, digest, signature, rightFromS: 1, rightUntilS: 0, steps: new Map() };
    return known;
  }

  const publish = (wanted: Wanted, nowS: number): Newest => (known = signNext(parts, newest(), wanted, nowS));

  /** The newest version, if nobody has to sign a new one. */
  function freshAt(nowS: number): Newest | null {
    const last = newest();
    // A list from the future was signed while the clock was wrong.
    if (!last || last.timeS > nowS || nowS - last.timeS >= refreshS) return null;
    if (last.rightFromS <= nowS && nowS < last.rightUntilS) return last;
    const wanted = wantedAt(store, nowS);
    if (difference(last.prefixes, wanted.prefixes).length > 0) return null;
    last.rightFromS = nowS;
    last.rightUntilS = wanted.untilS;
    return last;
  }

  return {
    publish,
    freshAt,
    current: (nowS: number): Newest =>
      freshAt(nowS) ?? store.transaction(() => freshAt(nowS) ?? publish(wantedAt(store, nowS), nowS)),
  };
}

/** What leads from a version to this one: the whole list where that is shorter, or nothing else is known. */
function stepFrom(store: IssuerStore, version: number, to: Newest): { fromVersion: number; changes: Uint32Array } {
  // Versions that are not stored any more were replaced by the next one that is, which says the same.
  const [same] = version > 0 && version < to.version ? store.denyListsAfter(version - 1, 1) : [];
  const changes = same ? sumOf(store, same.version, STEP_VERSIONS_MAX, to.prefixes.length) : null;
  return changes ? { fromVersion: version, changes } : { fromVersion: 0, changes: to.prefixes };
}

/** Writes denials; those that were not in force before. */
function putDenials(
  store: IssuerStore,
  pkus: readonly Uint8Array[],
  untilS: number | null,
  why: string,
  nowS: number,
): Uint8Array[] {
  return pkus.filter((pku) => {
    const before = store.denial(pku);
    const forEver = untilS === null || before?.untilS === null;
    store.putDenial({
      pku,
      untilS: forEver ? null : Math.max(untilS as number, before?.untilS ?? 0),
      why,
      sinceS: nowS,
    });
    return before === null || (before.untilS !== null && before.untilS <= nowS);
  });
}

/** @param issuer the issuer's id, 4 bytes @param refreshS age in seconds at which an unchanged list is signed anew */
export function createDenyLists(store: IssuerStore, signer: Signer, issuer: Uint8Array, refreshS: number): DenyLists {
  const { publish, freshAt, current } = createVersions({ store, signer, issuer }, refreshS);
  return {
    current: (nowS) => current(nowS).version,
    messages(from, nowS) {
      const to = current(nowS);
      const { version, timeS, digest, steps } = to;
      if (from === version) return { version, messages: [] };
      const kept = steps.get(from);
      if (kept) return { version, messages: kept };
      const messages = denyMessages(
        { issuer, toVersion: version, timeS, size: to.prefixes.length, digest, ...stepFrom(store, from, to) },
        (body) => signer.sign(SIGNED.denyList, body),
      );
      if (steps.size >= STEPS_KEPT_MAX) steps.clear();
      steps.set(from, messages);
      return { version, messages };
    },
    deny(pkus, untilS, why, nowS) {
      const last = freshAt(nowS);
      const added = putDenials(store, pkus, untilS, why, nowS);
      if (added.length === 0) return false;
      // While there is room on the list, it is the one before and these.
      const hasRoom = last !== null && store.denialCount(nowS) <= DENIED_MAX;
      const fresh = hasRoom && denyPrefixesOf(added.filter((pku) => !isListed(last.prefixes, pku)));
      const wanted = fresh
        ? {
            prefixes: difference(last.prefixes, fresh),
            untilS: Math.min(last.rightUntilS, untilS ?? Infinity),
          }
        : wantedAt(store, nowS);
      publish(wanted, nowS);
      return true;
    },
    listsAll(pkus, nowS) {
      const { prefixes } = current(nowS);
      return pkus.every((pku) => isListed(prefixes, pku));
    },
    count: (nowS) => store.denialCount(nowS),
  };
}
