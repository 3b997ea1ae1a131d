/**
 * What a press of the button says: that the owner wants the payment above the limits, or else that the desk may open;
 * and how long it says so [0024].
 *
 * A press that answers "pay this?" says nothing else: a reader cannot use it to open the desk.
 * Left out: what the limits are, and the Balance (purse.ts).
 */
import { equal } from '../core/bytes.js';
import type { Challenge } from '../wire/payment.js';

/** How long a press counts, for the payment it confirms and for the desk; and how long a payment waits for one. */
export const PRESS_MS = 60000;

/** Whether `sinceMs` is at most `PRESS_MS` ago; a clock that was set back ends it. */
export function isRecent(sinceMs: number, nowMs: number): boolean {
  return sinceMs >= 0 && nowMs >= sinceMs && nowMs - sinceMs <= PRESS_MS;
}

/** The payment above the limits that was last asked for. */
export interface Confirmation {
  /**
   * It waits for a press: a confirmation that was given for another payment is not carried over, nor one that ran out.
   */
  ask(asked: Challenge, nowMs: number): void;
  /** Whether a press confirmed this amount for this (IdS, Rs). */
  isGiven(asked: Challenge, nowMs: number): boolean;
  /** The button. @returns whether it confirmed */
  press(nowMs: number): boolean;
  /** What waits for a press or, after it, for the next tap; null where nothing does. */
  pending(nowMs: number): { challenge: Challenge; confirmed: boolean } | null;
  /** It is paid. */
  end(): void;
}

/** No payment waits at first. */
export function createConfirmation(): Confirmation {
  let waiting: Challenge | null = null;
  let askedMs = -1;
  let confirmedMs = -1; // -1: not yet

  return {
    ask: function (asked, nowMs) {
      waiting = asked;
      askedMs = nowMs;
      confirmedMs = -1;
    },
    isGiven: function (asked, nowMs) {
      return (
        waiting !== null &&
        isRecent(confirmedMs, nowMs) &&
        waiting.amount === asked.amount &&
        waiting.shop === asked.shop &&
        equal(waiting.rs, asked.rs)
      );
    },
    press: function (nowMs) {
      const confirms = waiting !== null && confirmedMs < 0 && isRecent(askedMs, nowMs);
      if (confirms) confirmedMs = nowMs;
      return confirms;
    },
    pending: function (nowMs) {
      if (!waiting || !isRecent(confirmedMs < 0 ? askedMs : confirmedMs, nowMs)) return null;
      return { challenge: waiting, confirmed: confirmedMs >= 0 };
    },
    end: function () {
      waiting = null;
    },
  };
}
