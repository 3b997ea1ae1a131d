/**
 * A keypad of contacts between rows and columns, without diodes.
 *
 * At rest all rows are low and a column falls with any key of it; then one row at a time is low and the others are let
 * go, never driven high: two keys pressed in one column would connect two outputs. Of several keys pressed together the
 * first row's counts. Left out: repeats and releases; nothing needs them.
 */
import type { BoardConfig, KeypadConfig } from '../core/board-config.js';
import { watchButton } from './buttons.js';
import type { ButtonPins } from './buttons.js';
import type { Clock } from '../core/clock.js';
import { watchTouchKeys } from './touch-keys.js';
import type { TouchPanel } from './touch-keys.js';

/** What of Espruino's globals a keypad needs. */
export interface KeypadPins extends ButtonPins {
  digitalWrite(pin: string, level: number): void;
}

/** Calls `onKey` with its character at every press of a key. */
export function watchKeypad(pins: KeypadPins, config: KeypadConfig, onKey: (key: string) => void): void {
  const rows = config.rows;

  /** Makes one row low, or all of them. */
  function lower(only: number): void {
    for (let i = 0; i < rows.length; i++) pins.digitalWrite(rows[i], only < 0 || only === i ? 0 : 1);
  }

  function watchColumn(column: number): void {
    const pin = config.columns[column];
    watchButton(pins, { pin: pin, active: 0 }, function () {
      let row = 0;
      for (lower(0); row < rows.length && pins.digitalRead(pin);) lower(++row);
      lower(-1);
      if (row < rows.length) onKey(config.keys[row].charAt(column));
    });
  }

  // Open drain: a row that is not low is let go.
  for (let i = 0; i < rows.length; i++) pins.pinMode(rows[i], 'opendrain');
  lower(-1);
  for (let i = 0; i < config.columns.length; i++) watchColumn(i);
}

/** The same for whatever a board has for amounts: a keypad, single buttons, or keys on its display. */
export function watchAmountKeys(
  pins: KeypadPins,
  panel: TouchPanel,
  clock: Clock,
  config: BoardConfig,
  onKey: (key: string) => void,
): void {
  if (config.keypad) watchKeypad(pins, config.keypad, onKey);
  if (config.display && config.display.keys) watchTouchKeys(panel, clock, config.display.keys, onKey);
  (config.amountKeys || []).forEach(function (button) {
    watchButton(pins, button, function () {
      onKey(button.key);
    });
  });
}
