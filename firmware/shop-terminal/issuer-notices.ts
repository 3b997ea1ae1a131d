/**
 * What the issuer told this terminal: the time and the deny list, what follows from either being old, and whether
 * another terminal has taken its place.
 *
 * docs/architecture.md 4: Ts is time signed by the issuer, carried on by the terminal; nothing depends on the clock
 * alone. After power-up the estimate goes on from the last signed time in flash, which is too early, never too late; it
 * counts as stale until signed time comes. While the deny list is old, one pseudonym may pay here at most
 * `staleListLimit` in sum.
 *
 * Left out: the check of the issuer's signature, which comes as an argument, and when to ask for the time
 * (terminal.ts).
 */
import { equal, readU32 } from '../core/bytes.js';
import { Code } from '../core/codes.js';
import { signedTime, timeBody } from '../wire/notices.js';
import { SIGNED } from '../wire/signed.js';
import { findPrefix } from './deny-store.js';
import type { DenyList, NoticeParties, VerifyIssuer } from './deny-store.js';
import type { acceptNotice, openDenyList, DenyParts } from './deny-update.js';
import { RECORD, Records, STALE_SUMS_MAX, staleSumRecord, StaleSumRecord, timeRecord } from './shop-records.js';

/** What is provisioned about it. */
export interface NoticeLimits extends NoticeParties {
  /** Age of signed time above which the terminal refuses above its floor limit. */
  timeMaxAgeS: number;
  /** Age of the deny list above which `staleListLimit` holds. */
  denyMaxAgeS: number;
  /** Most that one pseudonym may pay here under an old list, minor units. */
  staleListLimit: number;
}

/** What is needed when the list is opened and when a message comes: an overlay on a board. */
export interface DenyRules {
  open: typeof openDenyList;
  accept: typeof acceptNotice;
}

/** How long an answer to a nonce is taken: a bridge that holds it back can set the clock back by no more. */
export const NONCE_MAX_AGE_MS = 120000;

/** Time and deny list. */
export interface IssuerNotices {
  /** Estimate of the time now, seconds; 0 before the first signed time ever. */
  timeS(): number;
  /** The same, but 0 before the first signed time since power-up. */
  timeSinceSignedS(): number;
  timeIsStale(): boolean;
  /** Remembers the nonce that signed time must answer from now on. */
  askTime(nonce: Uint8Array): void;
  /** OK, NOT_NEWER (no answer to the nonce awaitedNonce), BAD_REQUEST or SIGNATURE_INVALID; durable when it returns. */
  acceptTime(bytes: Uint8Array, verify: VerifyIssuer): Code;
  /** As `acceptNotice`: of the deny list, or of this terminal. */
  accept(kind: number, bytes: Uint8Array, verify: VerifyIssuer): Code;
  /** Another terminal has taken this one's place: it opens no charge. */
  isRetired(): boolean;
  denyVersion(): number;
  isDenied(pku: Uint8Array): boolean;
  listIsStale(): boolean;
  /** Whether this pseudonym may pay `amount` under the list as it is: always with a fresh one. */
  allows(pku: Uint8Array, rs: Uint8Array, amount: number): boolean;
  /** Counts a payment under an old list; durable when it returns. The same Rs counts once. */
  count(pku: Uint8Array, rs: Uint8Array, amount: number): void;
}

/**
 * Opens what the flash holds.
 * @param nowMs uptime in milliseconds @param denyParts their records are `records` @param loadRules of the deny list
 */
export function openIssuerNotices(
  records: Records,
  limits: NoticeLimits,
  nowMs: () => number,
  denyParts: DenyParts,
  loadRules: () => DenyRules,
): IssuerNotices {
  let baseS = 0; // the estimate is this plus the time since baseMs
  let baseMs = nowMs();
  let signed = false; // since power-up
  let awaitedNonce: Uint8Array | null = null;
  let awaitedSinceMs = 0;
  const list: DenyList = loadRules().open(denyParts);

  const storedTime = records.get(RECORD.time, 0);
  if (storedTime) {
    const time = timeRecord.decode(storedTime);
    if (!time) throw new Error('time in flash cannot be read');
    baseS = time.timeS;
  }
  function timeS(): number {
    return baseS === 0 ? 0 : Math.min(4294967295, baseS + Math.floor((nowMs() - baseMs) / 1000));
  }

  function listIsStale(): boolean {
    return list.version === 0 || !signed || timeS() - list.timeS > limits.denyMaxAgeS;
  }

  /** The record of a pseudonym under the list held, and its slot; or the first free slot; or slot -1. */
  function find(pku: Uint8Array): { slot: number; record: StaleSumRecord | null } {
    const used = records.slots(RECORD.staleSum);
    const taken = new Uint8Array(STALE_SUMS_MAX);
    for (let i = 0; i < used.length; i++) {
      const payload = records.get(RECORD.staleSum, used[i]);
      const record = payload && staleSumRecord.decode(payload);
      if (!record || record.denyVersion !== list.version) continue;
      if (equal(record.pku, pku)) return { slot: used[i], record: record };
      taken[used[i]] = 1;
    }
    let slot = 0;
    while (slot < STALE_SUMS_MAX && taken[slot]) slot++;
    return { slot: slot < STALE_SUMS_MAX ? slot : -1, record: null };
  }

  return {
    timeS: timeS,
    timeSinceSignedS: function () {
      return signed ? timeS() : 0;
    },
    timeIsStale: function () {
      return !signed || timeS() - baseS > limits.timeMaxAgeS;
    },
    askTime: function (nonce) {
      awaitedNonce = nonce;
      awaitedSinceMs = nowMs();
    },
    acceptTime: function (bytes, verify) {
      const message = signedTime.decode(bytes);
      const body = message && timeBody.decode(message.body);
      if (!message || !body || !equal(body.issuer, limits.issuer) || body.timeS === 0) return 'BAD_REQUEST';
      const waitedMs = nowMs() - awaitedSinceMs;
      if (!awaitedNonce || !equal(body.nonce, awaitedNonce) || waitedMs < 0 || waitedMs > NONCE_MAX_AGE_MS)
        return 'NOT_NEWER';
      if (!verify(SIGNED.time, message.body, message.signature)) return 'SIGNATURE_INVALID';
      records.put(RECORD.time, 0, timeRecord.encode({ timeS: body.timeS }));
      awaitedNonce = null;
      baseS = body.timeS;
      baseMs = nowMs();
      signed = true;
      return 'OK';
    },
    accept: function (kind, bytes, verify) {
      return loadRules().accept(kind, denyParts, list, limits, bytes, verify);
    },
    isRetired: function () {
      return list.retired;
    },
    denyVersion: function () {
      return list.version;
    },
    isDenied: function (pku) {
      return findPrefix(denyParts.area.flash, list.address, 0, list.size, 0, readU32(pku, 0)) >= 0;
    },
    listIsStale: listIsStale,
    allows: function (pku, rs, amount) {
      if (!listIsStale()) return true;
      if (amount > limits.staleListLimit) return false;
      const found = find(pku);
      if (!found.record) return found.slot >= 0;
      return equal(found.record.rs, rs) || found.record.sum + amount <= limits.staleListLimit;
    },
    count: function (pku, rs, amount) {
      if (!listIsStale()) return;
      const found = find(pku);
      if (found.slot < 0 || (found.record && equal(found.record.rs, rs))) return;
      const sum = (found.record ? found.record.sum : 0) + amount;
      const record: StaleSumRecord = { denyVersion: list.version, pku: pku, rs: rs, sum: sum };
      records.put(RECORD.staleSum, found.slot, staleSumRecord.encode(record));
    },
  };
}
