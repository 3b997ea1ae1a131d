/**
 * An amount that is entered key by key, in minor units as on a cash register: 3, 5, 0 is 3.50. At a terminal by its
 * clerk or by a payer, on a token by its owner.
 *
 * A digit adds a place on the right; `+` raises the last digit, 9 becoming 0 (for boards that have three buttons:
 * raise, add a place, done); `>` gives the next of the usual amounts (two buttons: next, done); `*` clears; `#` is
 * done. A digit for which there is no place changes nothing. In overlays (keys.js of both roles), for boards that have
 * keys. Left out: what becomes of the amount, and what shows.
 */
import { isAmount } from '../core/amount.js';

/** Most that can be entered: it fits a line of every display in every currency, and a shop's error has few digits. */
export const ENTRY_MAX = 99999999;

/** An entry, empty at first. */
export interface AmountEntry {
  /**
   * Takes a key: "0" to "9", "+", ">", "*", "#"; any other does nothing. True where there is an amount, and it is done.
   */
  press(key: string): boolean;
  /** Minor units; 0 while there is none. */
  amount(): number;
  clear(): void;
}

/** After the last of the usual amounts, 500 units, the first comes again. */
const USUAL_TENS = 100;

/** The next of the usual amounts: 1, 2 and 5 units, and ten and a hundred times that. */
function nextUsual(amount: number, unit: number): number {
  for (let tens = unit; tens <= USUAL_TENS * unit; tens *= 10) {
    if (amount < tens) return tens;
    if (amount < 2 * tens) return 2 * tens;
    if (amount < 5 * tens) return 5 * tens;
  }
  return unit;
}

/** Makes an empty entry. @param unit of the usual amounts, minor units */
export function createAmountEntry(unit: number): AmountEntry {
  let amount = 0;
  return {
    press: function (key) {
      const digit = '0123456789'.indexOf(key);
      if (key === '#') return isAmount(amount);
      if (key === '*') amount = 0;
      else if (key === '+') amount += amount % 10 === 9 ? -9 : 1;
      else if (key === '>') amount = nextUsual(amount, unit);
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
