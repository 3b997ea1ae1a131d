/**
 * What the token tells its owner: x and y on its own display, or as a blink code where there is none (claim 14: the
 * owner's own means, which no reader can forge).
 *
 * Drawing waits until the reader has been quiet for a moment: a screen takes longer than a command.
 */
import { amountText } from '../core/amount-text.js';
import type { Code } from '../core/codes.js';
import type { Clock } from '../core/clock.js';
import { BAD, GOOD, LINE_CHARACTERS, PLAIN } from '../panel/display.js';
import type { Display, Tone } from '../panel/display.js';
import { SIGNAL } from '../panel/indicator.js';
import type { Indicator } from '../panel/indicator.js';
import { charsOfName } from '../wire/name.js';
import type { Challenge } from '../wire/payment.js';
import type { Pending } from './confirmation.js';

/** The token's screens. */
export interface Screens {
  /** A payment above the limits, or a withdrawal: press, then tap again. */
  ask(asked: Pending, currency: string): void;
  /** Above the Balance. */
  short(asked: Challenge): void;
  /** A registration of several pseudonyms is under way. */
  progress(done: number, total: number): void;
  /** The signature went out. */
  paying(paid: Challenge): void;
  /** The shop acknowledged. */
  paid(): void;
  received(amount: number, currency: string): void;
  refused(code: Code): void;
  /** Pressed without a question: Balance, and that the desk is open. */
  deskOpen(): void;
  /** Back to Balance now, whatever is shown. */
  home(): void;
  /** A command is being answered: draw nothing for a moment. */
  quiet(): void;
}

const QUIET_MS = 120;
/** How long news stay before the Balance is shown again. */
const NEWS_MS = 5000;
/** How long a question stays: as long as a press would answer it. */
const QUESTION_MS = 60000;

/** A name's bytes as the display shows them (panel/spell.ts). */
export type Spell = (chars: string, most: number) => string;

/** The text in lines of the display's width. */
export function wrap(text: string): string[] {
  const out: string[] = [];
  for (let at = 0; at < text.length; at += LINE_CHARACTERS) out.push(text.substr(at, LINE_CHARACTERS));
  return out;
}

/** Lines of a name, which may be "to" somebody; two at most, for up to three more stand beside them. */
export function nameLines(spell: Spell, before: string, name: string): string[] {
  return wrap(before + spell(charsOfName(name), 2 * LINE_CHARACTERS - before.length));
}

/**
 * Makes the screens.
 * @param spell names for the display @param homeLines what is shown when nothing else is @param state its fault is then
 * in those lines
 */
export function createScreens(
  clock: Clock,
  display: Display,
  indicator: Indicator,
  spell: Spell,
  homeLines: () => string[],
  state: { fault: string },
): Screens {
  let lines: string[] = [];
  let tone: Tone = PLAIN;
  let drawTimer: any;
  let homeTimer: any;
  let unsaid: Challenge | null = null; // paid, and not yet told: while a reader waits there is no time
  let last = ''; // amount of the payment under way, for `paid`

  function draw(): void {
    drawTimer = undefined;
    tell();
    if (lines.length > 0) display.show(lines, tone);
    else display.show(homeLines(), state.fault ? BAD : PLAIN);
  }

  function drawSoon(delayMs: number): void {
    if (drawTimer !== undefined) clock.clearTimeout(drawTimer);
    drawTimer = clock.setTimeout(draw, delayMs);
  }

  function home(): void {
    if (homeTimer !== undefined) clock.clearTimeout(homeTimer);
    homeTimer = undefined;
    lines = [];
    drawSoon(0);
  }

  function keep(text: string[], forMs: number, how: Tone): void {
    if (homeTimer !== undefined) clock.clearTimeout(homeTimer);
    homeTimer = clock.setTimeout(home, forMs);
    lines = text;
    tone = how;
    unsaid = null;
  }

  function show(text: string[], forMs: number, how: Tone): void {
    keep(text, forMs, how);
    drawSoon(QUIET_MS);
  }

  /** LED and buzzer; digits only where nobody can read them. */
  function announce(signal: number[], text: string): void {
    indicator.announce(signal, display.broken() ? text : '');
  }

  /** What was paid. */
  function tell(): void {
    if (!unsaid) return;
    last = amountText(unsaid.amount, unsaid.currency);
    keep(['PAY ' + last].concat(nameLines(spell, 'to ', unsaid.shop)), NEWS_MS, PLAIN);
    announce(SIGNAL.good, last);
  }

  return {
    ask: function (asked, currency) {
      const amount = amountText(asked.amount, currency);
      const first = asked.confirmed ? 'TAP AGAIN' : 'CONFIRM?';
      const text = asked.shop
        ? [first, 'PAY ' + amount].concat(nameLines(spell, 'to ', asked.shop))
        : asked.confirmed
          ? [first, 'WITHDRAW', amount]
          : ['WITHDRAW', amount + '?'];
      show(asked.confirmed ? text : text.concat(['press, tap again']), QUESTION_MS, PLAIN);
      if (!asked.confirmed) announce(SIGNAL.ask, amount);
    },
    short: function (asked) {
      show(['NOT ENOUGH', 'to PAY ' + amountText(asked.amount, asked.currency)].concat(homeLines()), NEWS_MS, PLAIN);
      announce(SIGNAL.bad, '');
    },
    progress: function (done, total) {
      if (total > 1) show(['REGISTERING', done + ' of ' + total], NEWS_MS, PLAIN);
    },
    paying: function (paid) {
      unsaid = paid;
      drawSoon(QUIET_MS);
    },
    paid: function () {
      tell();
      show(['PAID ' + last].concat(homeLines()), NEWS_MS, GOOD);
    },
    received: function (amount, currency) {
      const text = amountText(amount, currency);
      show(['RECEIVED', '+' + text].concat(homeLines()), NEWS_MS, GOOD);
      announce(SIGNAL.good, text);
    },
    refused: function (code) {
      show(['REFUSED'].concat(wrap(code)), NEWS_MS, BAD);
      announce(SIGNAL.bad, '');
    },
    deskOpen: function () {
      show(homeLines(), QUESTION_MS, state.fault ? BAD : PLAIN);
    },
    home: home,
    quiet: function () {
      if (drawTimer !== undefined) drawSoon(QUIET_MS);
    },
  };
}
