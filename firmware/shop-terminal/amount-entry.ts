/**
 * The amount that a clerk enters at the terminal itself, key by key, in minor units as on a cash register: 3, 5, 0 is
 * 3.50.
 *
 * A digit adds a place on the right; `+` raises the last digit, 9 becoming 0 (for boards that have three buttons:
 * raise, add a place, charge); `*` clears; `#` charges. A digit for which there is no place changes nothing. An overlay
 * (main.ts), for boards that have keys. Left out: the charge itself and what shows (entry-keys.ts).
 */
import { isAmount } from '../core/amount.js';

/** Most that can be entered: it fits a line of every display in every currency, and a shop's error has few digits. */
export const ENTRY_MAX = 99999999;

/** An entry, empty at first. */
export interface AmountEntry {
  /** Takes a key: "0" to "9", "+", "*", "#"; any other does nothing. True where the amount shall be charged. */
  press(key: string): boolean;
  /** Minor units; 0 while there is none. */
  amount(): number;
  clear(): void;
}

/** Makes an empty entry. */
export function createAmountEntry(): AmountEntry {
  let amount = 0;
  return {
    press: function (key) {
      const digit = '0123456789'.indexOf(key);
      if (key === '#') return isAmount(amount);
      if (key === '*') amount = 0;
      else if (key === '+') amount += amount % 10 === 9 ? -9 : 1;
      else if (key.length === 1 && digit >= 0 && amount * 10 + digit <= ENTRY_MAX) amount = amount * 10 + digit;
      return false;
    },
    amount: function () {
      return amount;
    },
    clear: function () {
      amount = 0;
    },
  };
}
