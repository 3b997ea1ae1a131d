/**
 * The owner enters an amount on the token (claim 14: input means for x and y): x of a withdrawal while the desk is
 * open [0017], [0067]; or y of a charge that leaves it to the payer, or a tip, within the charge's limits [0022].
 *
 * What is entered shows as it is entered. Done, it counts as the press for that amount, and for nothing else: the
 * desk's next WITHDRAW with amount 0 has x, the shop's next AMOUNT for that charge has y. From the first key on, what
 * was entered before is over: nothing is signed that the display does not name. Nothing here is durable: an owner who
 * leaves has changed nothing.
 *
 * Keys are what the board has: a keypad, keys drawn on a touch panel, single buttons; else the console's button gives
 * the next of the usual amounts, and the owner's is done. An overlay (main.ts): it is loaded when the desk opens or a
 * shop asks, and gone with the next command of anything else. Left out: what x may be (desk/desk.ts, the houses), and
 * the limits of a payment (purse.ts).
 */
import { AMOUNT_BYTES, writeAmount } from '../core/amount.js';
import { amountText, decimalsOf } from '../core/amount-text.js';
import { CONFIG_FILE } from '../board/startup.js';
import type { BoardConfig, StoredConfig } from '../core/board-config.js';
import { refuse } from '../core/codes.js';
import type { Clock } from '../core/clock.js';
import { createAmountEntry, ENTRY_MAX } from '../panel/amount-entry.js';
import type { AmountEntry } from '../panel/amount-entry.js';
import { watchButton } from '../panel/buttons.js';
import { watchAmountKeys } from '../panel/keypad.js';
import type { KeypadPins } from '../panel/keypad.js';
import type { Display } from '../panel/display.js';
import { watchTouchKeys } from '../panel/touch-keys.js';
import type { TouchEvent } from '../panel/touch-keys.js';
import { isRecent, WITHDRAWAL } from './confirmation.js';
import type { Pending } from './confirmation.js';
import { chargeId, isChargeId } from '../wire/payment.js';
import { amountAsk } from '../wire/token-commands.js';
import type { AmountAsk } from '../wire/token-commands.js';
import type { PurseAnswer, PurseState } from './purse.js';
import { nameLines } from './screens.js';
import type { Spell } from './screens.js';

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
  /** AMOUNT: y (8 bytes). Codes: BAD_REQUEST, NOT_LICENSED, REFUSED (another currency), AMOUNT_NEEDED. */
  ask(data: Uint8Array, nowMs: number): PurseAnswer;
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
  /** Names as the display shows them. */
  spell: Spell;
}

/** What is to be entered. */
interface Wanted {
  /** WITHDRAWAL, or a charge: its encoded `chargeId` as text. */
  about: string;
  /** IdS; '' for a withdrawal. */
  shop: string;
  /** What is entered is added to it. */
  base: number;
  /** Limits of the sum. */
  min: number;
  max: number;
}

/** x of a withdrawal. */
function wantedX(): Wanted {
  return { about: WITHDRAWAL, shop: '', base: 0, min: 1, max: ENTRY_MAX };
}

/** y of a charge; null where the bytes are no question for one. */
function wantedY(asked: AmountAsk | null): Wanted | null {
  const id = asked && isChargeId(asked.chargeId) && chargeId.decode(asked.chargeId);
  if (!asked || !id || asked.min < asked.base || asked.max < asked.min) return null;
  return { about: asked.chargeId.join(), shop: id.shop, base: asked.base, min: asked.min, max: asked.max };
}

/** What is entered so far. */
interface Entered {
  wanted: Wanted;
  keys: AmountEntry;
  /** Why what was entered last could not be taken; ''. */
  wrong: string;
}

/**
 * Lines for what is entered so far; null while there is nothing to say.
 * @param right how the owner says that it is right
 */
function entryLines(now: Entered, currency: string, right: string, spell: Spell): string[] | null {
  const wanted = now.wanted;
  const entered = now.keys.amount();
  const wrong = now.wrong;
  const sum = amountText(wanted.base + entered, currency);
  if (wanted.about === WITHDRAWAL) return entered > 0 ? ['WITHDRAW', sum + '?', right] : null;
  const shop = nameLines(spell, 'to ', wanted.shop);
  const from = amountText(wanted.min, currency);
  if (wrong) return [wrong, from.substr(0, from.indexOf(' ')) + ' to', amountText(wanted.max, currency)];
  if (wanted.base > 0) {
    const tip = amountText(entered, currency);
    return ['TIP ' + (entered > 0 ? tip.substr(0, tip.indexOf(' ')) : 'or none'), sum + '?'].concat(shop, [right]);
  }
  if (entered > 0) return ['PAY', sum + '?'].concat(shop, [right]);
  return ['AMOUNT?', from.substr(0, from.indexOf(' ')) + ' to', amountText(wanted.max, currency)].concat(shop);
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

/** Why an amount is none that is wanted; '' where it is one. */
function wrongWith(state: PurseState, wanted: Wanted, amount: number): string {
  if (wanted.shop !== '' && amount > state.journal.balance()) return 'NOT ENOUGH';
  return amount < wanted.min || amount > wanted.max ? 'NOT POSSIBLE' : '';
}

/** Takes a key. @returns whether an amount is there that can be taken */
function pressKey(state: PurseState, now: Entered, key: string, nowMs: number): boolean {
  const wanted = now.wanted;
  now.wrong = '';
  // A tip may be none.
  if (now.keys.press(key) || (key === '#' && wanted.base > 0)) {
    now.wrong = wrongWith(state, wanted, wanted.base + now.keys.amount());
    if (!now.wrong) return true;
    now.keys.clear();
  }
  // What shows from now on is another amount than one that was entered before.
  const before = state.confirmation.pending(nowMs);
  if (before && before.about === wanted.about) state.confirmation.end();
  return false;
}

/** Entered: asked, and pressed for. */
function agree(state: PurseState, wanted: Wanted, amount: number, nowMs: number): void {
  state.confirmation.end();
  state.confirmation.agreed(wanted.about, amount, wanted.shop, nowMs);
  state.confirmation.press(nowMs);
  if (wanted.about === WITHDRAWAL) state.deskMs = nowMs;
}

/** What AMOUNT asks for: y, where it was entered; else what is to be entered. */
function judgeAsk(state: PurseState, data: Uint8Array, nowMs: number): PurseAnswer | Wanted {
  // 1. It asks for y of a charge.  2. A license to pay with.  3. Our currency.
  const asked = amountAsk.decode(data);
  const wanted = wantedY(asked);
  if (!wanted) return refuse('BAD_REQUEST');
  if (!state.licensed) return refuse('NOT_LICENSED');
  if (asked!.currency !== state.config.currency) return refuse('REFUSED');
  // 4. What waits for another charge, or for the desk, is over.  5. Entered for this one.
  state.confirmation.turnTo(wanted.about, nowMs);
  const known = state.confirmation.pending(nowMs);
  if (!known || !known.confirmed || known.amount < wanted.min || known.amount > wanted.max) return wanted;
  const y = new Uint8Array(AMOUNT_BYTES);
  writeAmount(y, 0, known.amount);
  return { ok: true, data: y };
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
  const entered: Entered = { wanted: wantedX(), keys: createAmountEntry(unitOf(currency)), wrong: '' };
  const openedMs = clock.nowMs();
  let keyMs = openedMs;
  let isOpen = true;

  function close(): null {
    if (!isOpen) return null;
    isOpen = false;
    stop();
    if (entered.keys.amount() > 0 || entered.wanted.shop !== '') screens.home();
    return null;
  }

  function onKey(key: string): void {
    const nowMs = clock.nowMs();
    if (!isOpen || (touched && nowMs - openedMs < FIRST_TOUCH_MS)) return;
    keyMs = nowMs;
    if (!pressKey(state, entered, key, nowMs)) return screens.home();
    close();
    agree(state, entered.wanted, entered.wanted.base + entered.keys.amount(), nowMs);
    screens.ask(confirmation.pending(nowMs)!, currency);
  }

  function ask(data: Uint8Array, nowMs: number): PurseAnswer {
    const found = judgeAsk(state, data, nowMs);
    if ('ok' in found) return found;
    // Asked again, it goes on.
    if (entered.wanted.about !== found.about) {
      entered.wanted = found;
      entered.keys.clear();
      keyMs = nowMs;
      screens.home();
    }
    return refuse('AMOUNT_NEEDED');
  }

  const stop = watchKeys(parts, board, onKey);

  return {
    lines: function () {
      const right = touched ? '# if right' : 'press if right';
      return isOpen ? entryLines(entered, currency, right, parts.spell) : null;
    },
    ask: ask,
    button: function () {
      if (!isOpen) return false;
      const wanted = entered.wanted;
      if (!touched && (entered.keys.amount() > 0 || wanted.base > 0)) onKey('#');
      return touched || wanted.shop !== '' || !isOpen;
    },
    isOver: function (nowMs) {
      if (!isOpen || !isRecent(keyMs, nowMs)) close();
      return !isOpen;
    },
    close: close,
  };
}
