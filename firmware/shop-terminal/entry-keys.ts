/**
 * Keys at the terminal itself: what is entered shows, is charged without a bridge, and is forgotten after a while.
 *
 * In one overlay with the rules of an entry (amount-entry.ts), for boards that have keys. Left out: when keys count,
 * and what ends an open charge (terminal.ts).
 */
import type { Clock } from '../core/clock.js';
import { BAD, PLAIN } from '../panel/display.js';
import type { Display } from '../panel/display.js';
import { SIGNAL } from '../panel/indicator.js';
import type { Indicator } from '../panel/indicator.js';
import { CHARGE_ID_BYTES } from '../wire/link/link-messages.js';
import { createAmountEntry } from '../panel/amount-entry.js';
import { entryLines, entryRefusedLines } from './screen.js';
import type { Till, TillConfig } from './till.js';

/** What the keys work with. */
export interface EntryParts {
  till: Till;
  config: TillConfig;
  clock: Clock;
  display: Display;
  indicator: Indicator;
  random(count: number): Uint8Array;
}

/** The keys of a terminal that has some. */
export interface EntryKeys {
  press(key: string): void;
  /** Shows the amount that is being entered; false where there is none. */
  show(): boolean;
  /** Forgets what was entered. */
  clear(): void;
}

/** An amount that nobody goes on with is forgotten. */
const ENTRY_MS = 60000;

/** Makes the keys. @param onOpened a charge was opened by them @param onChange something else may be shown */
export function createEntryKeys(parts: EntryParts, onOpened: () => void, onChange: () => void): EntryKeys {
  const entry = createAmountEntry(1);
  let timer: unknown;

  /** Charges what was entered, under an id of our own: no bridge knows this charge. */
  function charge(): void {
    const code = parts.till.charge(parts.random(CHARGE_ID_BYTES), entry.amount(), 0, parts.config.chargeLifetimeS);
    if (code === 'OK') return onOpened();
    entry.clear();
    parts.display.show(entryRefusedLines(code), BAD);
    parts.indicator.play(SIGNAL.bad, false);
  }

  return {
    press: function (key) {
      if (entry.press(key)) return charge();
      if (timer !== undefined) parts.clock.clearTimeout(timer);
      timer = parts.clock.setTimeout(function () {
        timer = undefined;
        entry.clear();
        onChange();
      }, ENTRY_MS);
      onChange();
    },
    show: function () {
      if (entry.amount() === 0) return false;
      parts.display.show(entryLines(entry.amount(), parts.config.currency), PLAIN);
      return true;
    },
    clear: entry.clear,
  };
}
