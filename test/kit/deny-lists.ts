/** Deny lists for tests: pages for them beside a record log, the rules as they are, and what messages add up to. */
import { createHash } from 'node:crypto';
import type { RawFlash } from '../../firmware/records/record-pages.js';
import type { DenyArea } from '../../firmware/shop-terminal/deny-store.js';
import { acceptNotice, openDenyList } from '../../firmware/shop-terminal/deny-update.js';
import type { IssuerNotices } from '../../firmware/shop-terminal/issuer-notices.js';
import { openIssuerNotices } from '../../firmware/shop-terminal/issuer-notices.js';
import type { Records } from '../../firmware/shop-terminal/shop-records.js';
import { followDenyList, isListed, readDenyMessage } from '../../host-bridge/base/deny-lists.js';

/** Bytes of a half, unless told: 4,096 pseudonyms. */
export const HALF_BYTES = 16384;

/** Two halves from an address on. */
export const areaAt = (flash: RawFlash, address: number, halfBytes = HALF_BYTES): DenyArea => ({
  flash,
  address,
  halfBytes,
  eraseBytes: 4096,
});

const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest());

/** The notices over a log and these pages. */
export function openNotices(
  records: Records,
  limits: Parameters<typeof openIssuerNotices>[1],
  nowMs: () => number,
  area: DenyArea,
): IssuerNotices {
  return openIssuerNotices(records, limits, nowMs, { records, area, sha256 }, () => ({
    open: openDenyList,
    accept: acceptNotice,
  }));
}

/** The whole list that messages say. @throws where they are none */
export function listOf(messages: readonly Uint8Array[]): Uint32Array {
  const list = followDenyList(
    { version: 0, prefixes: new Uint32Array(0) },
    messages.map((message) => readDenyMessage(message)!.body),
  );
  if (!list) throw new Error('these messages are no whole list');
  return list.prefixes;
}

/** Whether a whole list has this pseudonym. */
export const denies = (messages: readonly Uint8Array[], pku: Uint8Array): boolean => isListed(listOf(messages), pku);
