/**
 * What a press of the button says: that the owner wants the payment above the limits [0024], or the withdrawal of x
 * that a desk asks for [0017], or else that the desk may open; and how long it says so.
 *
 * One question waits at a time, the last one. A press that answers "pay this?" says nothing else: a reader cannot use
 * it to open the desk. A question whose payment cannot or need not come any more is over, and leaves the display; a
 * press in the second after that says nothing at all, for it was meant for what stood there.
 * Left out: what the limits are, and the Balance (purse.ts).
 */

/** How long a press counts, for what it confirms and for the desk; and how long a question waits for one. */
export const PRESS_MS = 60000;
/** After a question has left the display: who presses may still mean it. */
export const GONE_MS = 1000;

/** What a question of the desk is about. A payment's is about its charge: its encoded `chargeId` as text. */
export const WITHDRAWAL = 'x';

/** Whether `sinceMs` is at most `PRESS_MS` ago; a clock that was set back ends it. */
export function isRecent(sinceMs: number, nowMs: number): boolean {
  return sinceMs >= 0 && nowMs >= sinceMs && nowMs - sinceMs <= PRESS_MS;
}

/** What waits for a press or, after it, for the next tap. */
export interface Pending {
  about: string;
  /** y or x, minor units. */
  amount: number;
  /** IdS; '' for a withdrawal. */
  shop: string;
  confirmed: boolean;
}

/** The question that was last asked. */
export interface Confirmation {
  /**
   * Whether the owner agreed to this amount for this; if not, it waits for a press from now on: what was agreed to for
   * something else, or too long ago, is not carried over. Asked again, the same question goes on waiting.
   */
  agreed(about: string, amount: number, shop: string, nowMs: number): boolean;
  /** The button. @returns what it confirmed; '' nothing: it is for the desk; '-' nothing at all */
  press(nowMs: number): string;
  /** null where nothing waits. */
  pending(nowMs: number): Pending | null;
  /** It is done, or can no longer be. */
  end(): void;
  /** A reader has come for something else: what waits is over. @returns whether something waited for a press */
  turnTo(about: string, nowMs: number): boolean;
}

/** Nothing waits at first. */
export function createConfirmation(): Confirmation {
  let waiting: Pending | null = null;
  let askedMs = -1;
  let pressedMs = -1; // -1: not yet
  let goneMs = -GONE_MS; // when a question was last taken off the display

  function pending(nowMs: number): Pending | null {
    return waiting && isRecent(waiting.confirmed ? pressedMs : askedMs, nowMs) ? waiting : null;
  }

  return {
    agreed: function (about, amount, shop, nowMs) {
      const now = pending(nowMs);
      const isSame = !!now && now.about === about && now.amount === amount && now.shop === shop;
      if (isSame && now.confirmed) return true;
      if (!isSame) waiting = { about: about, amount: amount, shop: shop, confirmed: false };
      askedMs = nowMs;
      return false;
    },
    press: function (nowMs) {
      const now = pending(nowMs);
      if (!now || now.confirmed) return nowMs >= goneMs && nowMs - goneMs < GONE_MS ? '-' : '';
      now.confirmed = true;
      pressedMs = nowMs;
      return now.about;
    },
    pending: pending,
    end: function () {
      waiting = null;
    },
    turnTo: function (about, nowMs) {
      const now = pending(nowMs);
      if (!now || now.about === about) return false;
      waiting = null;
      if (now.confirmed) return false;
      goneMs = nowMs;
      return true;
    },
  };
}
