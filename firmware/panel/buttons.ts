/**
 * Buttons, by Espruino's `setWatch` with its debouncing.
 *
 * A press is the moment at which the button goes down. Leaves out long presses and repeats: nothing needs them.
 */
import type { PinConfig } from '../core/board-config.js';

/** What of Espruino's globals a button needs. */
export interface ButtonPins {
  setWatch(callback: () => void, pin: string, options: { repeat: boolean; edge: string; debounce: number }): any;
  digitalRead(pin: string): number;
  pinMode(pin: string, mode: string): void;
}

/** Contacts bounce for some milliseconds; a thumb stays for a hundred. */
const DEBOUNCE_MS = 20;

/** Calls `onPress` at every press of the button. */
export function watchButton(pins: ButtonPins, config: PinConfig, onPress: () => void): void {
  pins.pinMode(config.pin, config.active ? 'input_pulldown' : 'input_pullup');
  pins.setWatch(onPress, config.pin, {
    repeat: true,
    edge: config.active ? 'rising' : 'falling',
    debounce: DEBOUNCE_MS,
  });
}

/** Whether the button is down now. */
export function isPressed(pins: ButtonPins, config: PinConfig): boolean {
  pins.pinMode(config.pin, config.active ? 'input_pulldown' : 'input_pullup');
  return !!pins.digitalRead(config.pin) === !!config.active;
}
