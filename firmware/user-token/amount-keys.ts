/**
 * The owner enters x of a withdrawal on the token, while the desk is open (claim 14: input means; [0017], [0067]).
 *
 * What is entered shows as it is entered. Done, it counts as the press for that amount, and the desk's next WITHDRAW
 * with amount 0 has it. From the first key on, what was entered before is over: no x is signed that the display does
 * not name. Nothing here is durable: an owner who leaves has changed nothing.
 *
 * Keys are what the board has: a keypad, keys drawn on a touch panel, single buttons; else the console's button gives
 * the next of the usual amounts, and the owner's is done. An overlay (main.ts): it is loaded when the desk opens, and
 * gone with the next command that is none of a withdrawal. Left out: what x may be (desk/desk.ts, the houses).
 */
import { amountText, decimalsOf } from '../core/amount-text.js';
import { CONFIG_FILE } from '../board/startup.js';
import type { BoardConfig, StoredConfig } from '../core/board-config.js';
import type { Clock } from '../core/clock.js';
import { createAmountEntry } from '../panel/amount-entry.js';
import { watchButton } from '../panel/buttons.js';
import { watchAmountKeys } from '../panel/keypad.js';
import type { KeypadPins } from '../panel/keypad.js';
import type { Display } from '../panel/display.js';
import { watchTouchKeys } from '../panel/touch-keys.js';
import type { TouchEvent } from '../panel/touch-keys.js';
import { isRecent, WITHDRAWAL } from './confirmation.js';
import type { Pending } from './confirmation.js';
import type { PurseState } from './purse.js';

interface WatchOptions {
  repeat: boolean;
  edge: string;
  debounce: number;
}

/** What of Espruino's globals the keys need while they are watched, and no longer. */
export interface KeyDevices extends KeypadPins {
  setWatch(callback: () => void, pin: string, options: WatchOptions): number;
}

/** What of Espruino's E tells touches. */
export interface TouchEvents {
  on(event: 'touch', callback: (touch: TouchEvent) => void): void;
  removeListener(event: 'touch', callback: (touch: TouchEvent) => void): void;
}

/** What of the screens they need. */
export interface KeyScreens {
  ask(asked: Pending, currency: string): void;
  home(): void;
}

/** The keys, for as long as an amount may be entered. */
export interface AmountKeys {
  /** What is entered, for the display; null where that is nothing. */
  lines(): string[] | null;
  /** The owner's button. @returns whether it was for what is entered */
  button(): boolean;
  /** Whether nothing can be entered any more: it was done, or nobody has pressed a key for too long. */
  isOver(nowMs: number): boolean;
  /** Lets go of the keys. */
  close(): null;
}

/** The touch that opened the desk is no key. */
const FIRST_TOUCH_MS = 300;

/** What the keys are watched with. */
export interface KeyParts {
  devices: KeyDevices;
  clearWatch(id: number): void;
  touches: TouchEvents;
  /** Has the board's entry, of which a token that runs keeps nothing. */
  storage: { read(name: string): string | undefined };
  clock: Clock;
  display: Display;
}

/** Whether a board has keys: its own, or a second button. */
function hasKeys(board: BoardConfig): boolean {
  const second = board.buttons.console;
  return !!(board.keypad || board.amountKeys || board.touchKeys || (second && second.pin !== board.buttons.user.pin));
}

/** Watches the keys that a board has. @returns what ends that */
function watchKeys(parts: KeyParts, board: BoardConfig, onKey: (key: string) => void): () => void {
  const devices = parts.devices;
  const watches: number[] = [];
  let onTouch: ((touch: TouchEvent) => void) | null = null;
  const pins = {
    pinMode: devices.pinMode,
    digitalRead: devices.digitalRead,
    digitalWrite: devices.digitalWrite,
    setWatch: function (callback: () => void, pin: string, options: WatchOptions) {
      watches.push(devices.setWatch(callback, pin, options));
    },
  };
  const panel = {
    on: function (event: 'touch', callback: (touch: TouchEvent) => void) {
      onTouch = callback;
      parts.touches.on(event, callback);
    },
  };
  if (board.touchKeys) {
    parts.display.showKeys!(board.touchKeys);
    watchTouchKeys(panel, parts.clock, board.touchKeys, onKey);
  } else if (board.keypad || board.amountKeys) watchAmountKeys(pins, panel, parts.clock, board, onKey);
  else
    watchButton(pins, board.buttons.console!, function () {
      onKey('>');
    });
  return function () {
    for (let i = 0; i < watches.length; i++) parts.clearWatch(watches[i]);
    if (!onTouch) return;
    parts.touches.removeListener('touch', onTouch);
    parts.display.showKeys!(null);
  };
}

/** Of the usual amounts: 1 of the currency, in minor units. */
function unitOf(currency: string): number {
  let unit = 1;
  for (let i = decimalsOf(currency); i > 0; i--) unit *= 10;
  return unit;
}

/** Takes amounts from the board's keys; null where it has none. */
export function openAmountKeys(parts: KeyParts, screens: KeyScreens, state: PurseState): AmountKeys | null {
  const clock = parts.clock;
  const board = (JSON.parse(parts.storage.read(CONFIG_FILE)!) as StoredConfig<unknown>).board;
  if (!hasKeys(board)) return null;
  const confirmation = state.confirmation;
  const currency = state.config.currency;
  // Where keys are touched, every touch is the button too: they have a key for it.
  const touched = !!board.touchKeys;
  const entry = createAmountEntry(unitOf(currency));
  const openedMs = clock.nowMs();
  let keyMs = openedMs;
  let isOpen = true;

  function close(): null {
    if (!isOpen) return null;
    isOpen = false;
    stop();
    if (entry.amount() > 0) screens.home();
    return null;
  }

  /** x is entered: asked, and pressed for. */
  function done(nowMs: number): void {
    close();
    confirmation.end();
    confirmation.agreed(WITHDRAWAL, entry.amount(), '', nowMs);
    confirmation.press(nowMs);
    state.deskMs = nowMs;
    screens.ask(confirmation.pending(nowMs)!, currency);
  }

  function onKey(key: string): void {
    const nowMs = clock.nowMs();
    if (!isOpen || (touched && nowMs - openedMs < FIRST_TOUCH_MS)) return;
    keyMs = nowMs;
    if (entry.press(key)) return done(nowMs);
    // What shows from now on is another amount than one that was entered before.
    const before = confirmation.pending(nowMs);
    if (before && before.about === WITHDRAWAL) confirmation.end();
    screens.home();
  }

  const stop = watchKeys(parts, board, onKey);

  return {
    lines: function () {
      const amount = isOpen ? entry.amount() : 0;
      return amount > 0
        ? ['WITHDRAW', amountText(amount, currency) + '?', touched ? '# if right' : 'press if right']
        : null;
    },
    button: function () {
      if (!isOpen) return false;
      if (!touched && entry.amount() > 0) onKey('#');
      return touched || !isOpen;
    },
    isOver: function (nowMs) {
      if (!isOpen || !isRecent(keyMs, nowMs)) close();
      return !isOpen;
    },
    close: close,
  };
}
