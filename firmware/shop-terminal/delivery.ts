/**
 * What the terminal tells the bridge by itself: histories, tombstones, reports, alarms, and that it wants the time.
 *
 * Histories and tombstones are sent one at a time, oldest first, and kept until the bridge says that they are on its
 * disk; one that it refuses does not hold up the others. An alarm waits for the link; a report that finds none is not
 * kept.
 */
import { Code, codeNumber } from '../core/codes.js';
import type { Clock } from '../core/clock.js';
import { KIND } from '../wire/link/link-messages.js';
import type { BegunRequest } from '../wire/link/link-session.js';
import { HistoryLog } from './history-log.js';
import { IssuerNotices, NONCE_MAX_AGE_MS } from './issuer-notices.js';
import { Till } from './till.js';
import { TombstoneLog } from './tombstone-log.js';

/** The link, as far as requests go: `request` calls back exactly once, never before it returns. */
export interface BridgeLink {
  up(): boolean;
  request(kind: number, body: Uint8Array, callback: (code: Code, body: Uint8Array) => void, timeoutMs: number): void;
  /** A request whose rest comes later: link-session.ts. */
  begin(kind: number, start: Uint8Array, restBytes: number): BegunRequest | null;
  finish(
    begun: BegunRequest | null,
    rest: Uint8Array,
    callback: (code: Code, body: Uint8Array) => void,
    timeoutMs: number,
  ): void;
}

/** What delivery works with. */
export interface DeliveryParts {
  till: Till;
  histories: HistoryLog;
  tombstones: TombstoneLog;
  notices: IssuerNotices;
  link: BridgeLink;
  clock: Clock;
  random(count: number): Uint8Array;
}

/** The way out. */
export interface Delivery {
  /** Sends what is new. What the bridge refused is sent again after a while, or when the link comes up. */
  pump(): void;
  /** The link came up: everything is tried again, and the time is asked for. */
  onUp(): void;
  /** Signed time was accepted: it is asked for again in half a day. */
  onTime(): void;
  alarm(code: Code): void;
  report(body: Uint8Array): void;
}

/** The bridge answers once it has written to its disk. */
const STORE_TIMEOUT_MS = 10000;
const REPORT_TIMEOUT_MS = 5000;
const RETRY_FIRST_MS = 5000;
const RETRY_MAX_MS = 300000;
const TIME_INTERVAL_MS = 43200000;
const ALARMS_MAX = 4;

/** Makes the way out. */
export function createDelivery(parts: DeliveryParts): Delivery {
  const clock = parts.clock;
  const link = parts.link;
  let busy = false;
  let refused = false; // in this round
  let historyAfter = 0; // counters that this round has tried
  let tombstoneAfter = 0;
  let retryMs = RETRY_FIRST_MS;
  let retryTimer: any;
  let timeTimer: any;
  let alarms: Code[] = [];

  function startRound(): void {
    historyAfter = 0;
    tombstoneAfter = 0;
    refused = false;
  }

  function endRound(): void {
    if (refused && retryTimer === undefined) {
      retryTimer = clock.setTimeout(function () {
        retryTimer = undefined;
        startRound();
        pump();
      }, retryMs);
      retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    } else if (!refused) retryMs = RETRY_FIRST_MS;
  }

  function sendOne(kind: number, body: Uint8Array, stored: () => void): void {
    busy = true;
    link.request(
      kind,
      body,
      function (code) {
        busy = false;
        if (code === 'OK') stored();
        else refused = true;
        // A bridge that cannot answer now is not asked about all the others.
        if (code === 'NO_ANSWER' || code === 'BUSY' || code === 'DEVICE_FAULT') endRound();
        else pump();
      },
      STORE_TIMEOUT_MS,
    );
  }

  function pump(): void {
    if (busy || !link.up()) return;
    const slot = parts.histories.oldest(false, historyAfter);
    if (slot >= 0) {
      historyAfter = parts.histories.counterOf(slot);
      sendOne(KIND.history, parts.histories.read(slot).history, function () {
        parts.till.delivered(slot);
      });
      return;
    }
    const stone = parts.tombstones.next(tombstoneAfter);
    if (stone >= 0) {
      tombstoneAfter = parts.tombstones.counterOf(stone);
      sendOne(KIND.tombstone, parts.tombstones.read(stone), function () {
        parts.tombstones.setDelivered(stone);
      });
      return;
    }
    endRound();
  }

  function askTime(): void {
    timeTimer = undefined;
    if (!link.up()) return;
    const nonce = parts.random(8);
    parts.notices.askTime(nonce);
    // If no time comes, a new nonce: an old one must not be worth anything.
    timeTimer = clock.setTimeout(askTime, NONCE_MAX_AGE_MS);
    link.request(KIND.timeWanted, nonce, function () {}, REPORT_TIMEOUT_MS);
  }

  function wantTimeIn(delayMs: number): void {
    if (timeTimer !== undefined) clock.clearTimeout(timeTimer);
    timeTimer = clock.setTimeout(askTime, delayMs);
  }

  function sendAlarm(): void {
    if (alarms.length === 0 || !link.up()) return;
    const code = alarms[0];
    link.request(
      KIND.alarm,
      new Uint8Array([codeNumber(code)]),
      function (answer) {
        if (answer !== 'OK' || alarms[0] !== code) return;
        alarms.shift();
        sendAlarm();
      },
      REPORT_TIMEOUT_MS,
    );
  }

  return {
    pump: pump,
    onUp: function () {
      startRound();
      retryMs = RETRY_FIRST_MS;
      pump();
      sendAlarm();
      wantTimeIn(0);
    },
    onTime: function () {
      wantTimeIn(TIME_INTERVAL_MS);
    },
    alarm: function (code) {
      if (alarms.indexOf(code) < 0 && alarms.length < ALARMS_MAX) alarms.push(code);
      sendAlarm();
    },
    report: function (body) {
      if (link.up()) link.request(KIND.tap, body, function () {}, REPORT_TIMEOUT_MS);
    },
  };
}
