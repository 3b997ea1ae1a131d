/**
 * Where a token is held: at one reader's field, or at none.
 */
import type { Scheduler } from '../base/scheduler.js';
import type { AirCard, RadioField } from '../emulator/radio-field.js';

export interface Presence {
  /** Holds the token to a reader; it leaves the one where it was. */
  hold(field: RadioField): void;
  /** Takes it away. */
  leave(): void;
  /** Takes it away for so long that the terminal sees it, then holds it there again, unless it was moved meanwhile. */
  tapAgain(scheduler: Pick<Scheduler, 'setTimer'>): void;
}

/** More than a terminal needs to see that a token has left, in the interpreter on a busy machine too. */
const AWAY_MS = 2000;

/** @param card the token's chip as a card */
export function createPresence(card: AirCard): Presence {
  let at: RadioField | null = null;
  let moves = 0;
  const leave = () => {
    moves++;
    at?.remove(card);
    at = null;
  };
  function hold(field: RadioField): void {
    if (at === field) return;
    leave();
    at = field;
    field.present(card);
  }
  return {
    hold,
    leave,
    tapAgain(scheduler) {
      const field = at;
      if (!field) return;
      leave();
      const mine = moves;
      scheduler.setTimer(() => {
        if (moves === mine) hold(field);
      }, AWAY_MS);
    },
  };
}
