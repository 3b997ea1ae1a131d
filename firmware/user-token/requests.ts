/**
 * The one request of a token that waits for its reply, in flash before it is given (docs/architecture.md 3).
 *
 * Asked again, the token gives the same bytes, so bank and issuer see one request however often a tap tears. Its bytes
 * stand in several records, its head in one: they come before the head, and the head goes before they do. The head that
 * remains once the reply came answers the same box again. Left out: what is in a request, and which one may replace
 * another (desk/desk-sealed.ts, desk/desk-coupons.ts).
 */
import { copy, equal } from '../core/bytes.js';
import { refuse } from '../core/codes.js';
import { K_BYTES } from '../wire/request.js';
import { partRequest, PART_BYTES, REQUEST_START_BYTES, requestPart } from '../wire/token-commands.js';
import { DESK_RECORD, requestHead } from './desk/desk-records.js';
import type { RequestHead } from './desk/desk-records.js';
import type { PurseAnswer } from './purse.js';
import type { Records } from './token-records.js';

/** What a new request's head says; the rest is the store's. */
export type NewRequest = Pick<RequestHead, 'kind' | 'amount' | 'k' | 'kid' | 'sequence' | 'coupon'>;

/** The request that waits. Methods that write throw when the flash fails. */
export interface Requests {
  /** Its head, or null. */
  waiting(): RequestHead | null;
  /** The head of one that had its reply by this very box, or null. @param hash SHA-256 of the box */
  endedBy(hash: Uint8Array): RequestHead | null;
  /** Nothing waits any more, and nothing is known of what did. */
  drop(): void;
  /** Makes a request wait, in place of whatever did: durable when it returns. */
  keep(request: NewRequest, bytes: Uint8Array): void;
  /** Answer of a command that gives a request: encoded `requestPart`. */
  first(): PurseAnswer;
  /** PART: the next bytes. */
  part(data: Uint8Array): PurseAnswer;
  /**
   * The reply came: nothing waits any more. @param code its number @param receiptNumber that the answer names
   * @param hash SHA-256 of the box
   */
  end(code: number, receiptNumber: number, hash: Uint8Array): void;
}

/** Opens the requests in the records. @throws Error when the head is not what it must be */
export function openRequests(records: Records): Requests {
  const stored = records.get(DESK_RECORD.request, 0);
  let head = stored && requestHead.decode(stored);
  if (stored && !head) throw new Error('the request cannot be read');

  function waiting(): RequestHead | null {
    return head && head.waits ? head : null;
  }

  /** From `offset` to the end of its record. */
  function bytesFrom(offset: number): Uint8Array {
    const part = records.get(DESK_RECORD.requestPart, (offset / PART_BYTES) | 0);
    if (!part) throw new Error('the request cannot be read');
    return copy(part, offset % PART_BYTES, part.length);
  }

  function put(next: RequestHead): void {
    records.put(DESK_RECORD.request, 0, requestHead.encode(next));
    head = next;
  }

  function drop(): void {
    records.put(DESK_RECORD.request, 0, new Uint8Array(0));
    head = null;
  }

  return {
    waiting: waiting,
    drop: drop,
    endedBy: function (hash) {
      return head && !head.waits && equal(head.endHash, hash) ? head : null;
    },
    keep: function (request, bytes) {
      drop();
      let slot = 0;
      for (let at = 0; at < bytes.length; at += PART_BYTES) {
        records.put(DESK_RECORD.requestPart, slot++, bytes.subarray(at, Math.min(at + PART_BYTES, bytes.length)));
      }
      put({
        kind: request.kind,
        waits: 1,
        amount: request.amount,
        length: bytes.length,
        k: request.k,
        kid: request.kid,
        sequence: request.sequence,
        coupon: request.coupon,
        code: 0,
        endHash: new Uint8Array(32),
      });
    },
    first: function () {
      const now = waiting();
      if (!now) return refuse('NO_CHARGE');
      const first = { kind: now.kind, amount: now.amount, length: now.length, part: bytesFrom(0) };
      return { ok: true, data: requestPart.encode(first) };
    },
    part: function (data) {
      // 1. It is an offset.  2. Of the request that waits, by who had its first part.
      const asked = partRequest.decode(data);
      if (!asked) return refuse('BAD_REQUEST');
      const now = waiting();
      if (!now) return refuse('NO_CHARGE');
      const start = copy(bytesFrom(0), 0, REQUEST_START_BYTES);
      if (!equal(asked.start, start) || asked.offset >= now.length) return refuse('BAD_REQUEST');
      return { ok: true, data: bytesFrom(asked.offset) };
    },
    end: function (code, receiptNumber, hash) {
      const now = head!;
      put({
        kind: now.kind,
        waits: 0,
        amount: now.amount,
        length: receiptNumber,
        k: new Uint8Array(K_BYTES),
        kid: now.kid,
        sequence: now.sequence,
        coupon: now.coupon,
        code: code,
        endHash: hash,
      });
    },
  };
}
