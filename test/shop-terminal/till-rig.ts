/**
 * A till on emulated flash: opened, closed by a power cut, and opened again. Signatures of tokens are not checked here.
 */
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createEmulatedFlash, type EmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { openRecordLog, type LogRegion, type RecordLog } from '../../firmware/records/record-log.js';
import { openHistoryLog, type HistoryLog } from '../../firmware/shop-terminal/history-log.js';
import type { IssuerNotices } from '../../firmware/shop-terminal/issuer-notices.js';
import { openTill, type Till, type TillConfig } from '../../firmware/shop-terminal/till.js';
import { openTombstoneLog, type TombstoneLog } from '../../firmware/shop-terminal/tombstone-log.js';
import { license, licenseBody, payment } from '../../firmware/wire/payment.js';
import { signedTime, timeBody } from '../../firmware/wire/notices.js';
import { denyPrefixesOf, wholeList } from '../../host-bridge/base/deny-lists.js';
import { areaAt, HALF_BYTES, openNotices } from '../kit/deny-lists.js';
import type { Bound, Completed, Judged } from '../../firmware/shop-terminal/till-phases.js';

export const ISSUER = Uint8Array.of(1, 2, 3, 4);
export const DAY_S = 86400;
export const NOW_S = 1_800_000_000;
export const REGION: LogRegion = { address: 0x310000, pages: 16, pageBytes: 4096 };

export const CONFIG: TillConfig = {
  issuer: ISSUER,
  currency: 'EUR',
  shop: "Anna's Bakery",
  shopShown: "Anna's Bakery",
  terminalId: Uint8Array.of(9, 8, 7, 6),
  registrar: Uint8Array.of(1, 1, 1, 1),
  floorLimit: 1000,
  undeliveredMaxAgeS: 302400,
  chargeLifetimeS: 300,
};
export const LIMITS = {
  issuer: ISSUER,
  terminalId: CONFIG.terminalId,
  timeMaxAgeS: 604800,
  denyMaxAgeS: DAY_S,
  staleListLimit: 2500,
};

export const idOf = (n: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, n >> 8, n & 255);
/** A pseudonym, as if its license were good: `judge` is left out where it makes no difference. */
export function pkuOf(n: number): Judged {
  const pku = new Uint8Array(32).fill(n + 1);
  pku[0] = (n + 1) >> 8;
  return pku as Uint8Array as Judged;
}

/** 64 bytes that stand for a signature. */
export function mark(...parts: (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export function makeLicense(
  pku: Uint8Array,
  change: Partial<{ issuer: Uint8Array; currency: string; validUntilS: number; licenseClass: number }> = {},
): Uint8Array {
  const body = licenseBody.encode({
    issuer: ISSUER,
    currency: 'EUR',
    licenseClass: 1,
    validUntilS: NOW_S + 100 * DAY_S,
    pku,
    multiplesHash: new Uint8Array(16),
    ...change,
  });
  return license.encode({ body, signature: mark('license', body) });
}

/** What a token with this pseudonym answers to a challenge of `amount`. */
export function answer(pku: Uint8Array, challengeBytes: Uint8Array, amount: number): Uint8Array {
  return payment.encode({ amount, signature: mark('pay', pku, challengeBytes) });
}

/** Takes any signature made by `mark` over the message. */
export const verifyMark = (type: number, message: Uint8Array, signature: Uint8Array): boolean =>
  Buffer.compare(signature, mark('issuer' + type, message)) === 0;

export function makeTime(timeS: number, nonce: Uint8Array, issuer = ISSUER): Uint8Array {
  const body = timeBody.encode({ issuer, timeS, nonce });
  return signedTime.encode({ signature: mark('issuer9', body), body });
}

/** The issuer's signature over a `denyBody`. */
export const signList = (body: Uint8Array): Uint8Array => mark('issuer10', body);

/** A whole list of at most 800 pseudonyms, in one message. */
export function makeDenyList(version: number, timeS: number, pkus: Uint8Array[], issuer = ISSUER): Uint8Array {
  const [message] = wholeList({ issuer, version, timeS, prefixes: denyPrefixesOf(pkus) }, signList);
  return message;
}

/** One power-up of a shop. */
export interface Shop {
  flash: EmulatedFlash;
  log: RecordLog;
  histories: HistoryLog;
  tombstones: TombstoneLog;
  notices: IssuerNotices;
  till: Till;
  /** Uptime, settable. */
  clock: { ms: number };
}

let drawn = 0;

/** Where the pages of the deny list begin: behind the log. */
export const DENY_AT = REGION.address + REGION.pages * REGION.pageBytes;

export const makeFlash = (halfBytes = HALF_BYTES): EmulatedFlash =>
  createEmulatedFlash({
    address: REGION.address,
    bytes: REGION.pages * REGION.pageBytes + 2 * halfBytes,
    pageBytes: REGION.pageBytes,
  });

/** Powers a shop up on what its flash holds. */
export function openShop(
  flash: EmulatedFlash,
  change: Partial<TillConfig> = {},
  historiesMax = 128,
  halfBytes = HALF_BYTES,
): Shop {
  flash.powerOn();
  const opened = openRecordLog(flash, REGION, (bytes) => crc32(bytes) >>> 0);
  if (!opened.ok) throw new Error(`${opened.code} at 0x${opened.address.toString(16)}`);
  const log = opened.log;
  const clock = { ms: 0 };
  const histories = openHistoryLog(log, historiesMax);
  const tombstones = openTombstoneLog(log);
  const notices = openNotices(log, LIMITS, () => clock.ms, areaAt(flash, DENY_AT, halfBytes));
  const parts = {
    records: log,
    histories,
    tombstones,
    notices,
    random: (count: number) => mark('random', String(drawn++)).slice(0, count),
    sign: (type: number, message: Uint8Array) => mark('terminal' + type, message),
  };
  return { flash, log, histories, tombstones, notices, till: openTill(parts, { ...CONFIG, ...change }), clock };
}

/** Signed time and a fresh deny list arrive. */
export function bringNotices(shop: Shop, timeS = NOW_S, version = shop.notices.denyVersion() + 1): void {
  const nonce = mark('nonce', String(drawn++)).slice(0, 8);
  shop.notices.askTime(nonce);
  expect(shop.notices.acceptTime(makeTime(timeS, nonce), verifyMark)).toBe('OK');
  expect(shop.notices.accept(KIND.denyList, makeDenyList(version, timeS, []), verifyMark)).toBe('OK');
}

/** Binds a charge that can be bound: data of CHALLENGE. */
export function bound(till: Till, pku: Judged): Bound {
  const challengeBytes = till.bind(pku);
  if (typeof challengeBytes === 'string') throw new Error(challengeBytes);
  return challengeBytes;
}

/** What a tap does up to the answer; the record of the history, or the code that stopped it. */
export function tapUntilAnswer(till: Till, pku: Uint8Array, licenseBytes = makeLicense(pku)): Completed | string {
  // The frame that carries CHALLENGE is encoded before the token is known.
  let draft = till.draft().slice();
  const judged = till.judge(licenseBytes);
  if (!judged.ok) return judged.code;
  let sent = till.bind(judged.pku);
  if (sent === 'AGAIN') {
    draft = till.draft().slice();
    sent = till.bind(judged.pku);
  }
  if (typeof sent === 'string') return sent;
  expect(sent).toEqual(draft);
  till.expect(sent, licenseBytes);
  return till.complete(till.ahead.record!, answer(pku, sent, till.view().amount));
}

/** A whole tap. */
export function tap(till: Till, pku: Uint8Array, verified = true): string {
  const record = tapUntilAnswer(till, pku);
  if (typeof record === 'string') return record;
  till.keep(record, verified);
  return 'OK';
}
