/**
 * The token between its parts: radio commands to purse and desk, what happened to the owner's display, idle time to
 * work that a tap would otherwise wait for.
 *
 * Source: the commands of wire/token-commands.ts; EP 0926637 [0022]-[0025]. Left out: the devices, which main.ts
 * brings.
 */
import { AMOUNT_BYTES } from '../core/amount.js';
import { amountText } from '../core/amount-text.js';
import { refuse, statusWord } from '../core/codes.js';
import type { Clock } from '../core/clock.js';
import type { Display } from '../panel/display.js';
import type { Indicator } from '../panel/indicator.js';
import { SW_UNKNOWN_INS, SW_WRONG_P1_P2 } from '../nfc/iso-dep-server.js';
import type { ApduAnswer, ApduHandlers } from '../nfc/iso-dep-server.js';
import { readChallenge } from '../wire/payment.js';
import { WIRE_VERSION } from '../wire/signed.js';
import { INS, isDeskCommand, isPaperCommand, selectAnswer, tokenStatus } from '../wire/token-commands.js';
import type { AmountKeys, KeyScreens } from './amount-keys.js';
import type { Desk } from './desk/desk.js';
import type { PaperDesk } from './desk/paper-desk.js';
import { WITHDRAWAL } from './confirmation.js';
import { guarded, isDeskOpen } from './purse.js';
import type { Purse, PurseAnswer } from './purse.js';
import { createScreens, nameLines, wrap } from './screens.js';
import type { Spell } from './screens.js';

/** What the token is made of, beside its purse. */
export interface TokenParts {
  clock: Clock;
  display: Display;
  indicator: Indicator;
  /** Names as the display shows them. */
  spell: Spell;
  /** Longest command data in one APDU that the board's UART takes. */
  commandBytesMax: number;
  /** One small piece of work for idle time; false when there is none left. @throws when flash fails */
  work: () => boolean;
  /**
   * Loads the desk's program, which is told whom to tell of each pseudonym done in a registration.
   * @throws when its file is not there
   */
  loadDesk: (progress: (done: number, total: number) => void) => Desk;
  /** Loads what of the desk takes papers. @throws as loadDesk */
  loadPapers: () => PaperDesk;
  /** Loads what takes amounts from the board's keys; null where it has none. @throws as loadDesk */
  openKeys: (screens: KeyScreens) => AmountKeys | null;
  /** Lets go of what can be loaded again: a payment or the desk begins, or nothing is left to do. */
  makeRoom: () => void;
  /** Nonces ready in the pool. */
  nonces: () => number;
  /** Variables of the interpreter. */
  memory: () => { used: number; total: number };
  /** Flash writes and erasures since power-up. */
  flashWrites: () => number;
}

/** The token. */
export interface Token {
  /** For the APDU server. */
  handlers: ApduHandlers;
  /** The answer to a command is out: what of it no reader has to wait for. */
  finish(): void;
  /** A reader came, or went. */
  setInField(inField: boolean): void;
  /** The owner pressed the button. */
  press(): void;
  /** Shows Balance and begins with idle work. */
  start(): void;
}

/** Between two pieces of idle work: time for the button and the first bytes of a tap. */
const WORK_GAP_MS = 10;
/** Since the last tap, before work begins while there are nonces. */
const QUIET_MS = 3000;
/** Between two looks for work when there was none. */
const REST_MS = 1000;

/** Makes the token of a purse and its board. */
export function createToken(purse: Purse, parts: TokenParts): Token {
  const state = purse.state;
  const journal = state.journal;
  const clock = parts.clock;
  const screens = createScreens(clock, parts.display, parts.indicator, parts.spell, homeLines, state);
  let inField = false;
  // When a reader was last seen.
  let leftMs = -QUIET_MS;
  // Loaded at the first desk command, gone with idle work, papers and the next payment, which need the room.
  let desk: Desk | null = null;
  // While the owner may enter an amount.
  let keys: AmountKeys | null = null;
  // What is left to do of a command once its answer is out.
  let unfinished: (() => void) | null = null;

  function homeLines(): string[] {
    if (state.fault) return ['FAULT'].concat(wrap(state.fault));
    const entered = keys && keys.lines();
    if (entered) return entered;
    if (!state.licensed)
      return ['NOT LICENSED'].concat(state.name ? nameLines(parts.spell, '', state.name) : [], ['go to the desk']);
    const out = ['BALANCE', amountText(journal.balance(), state.config.currency)];
    const open = journal.unsettledCount();
    if (open > 0) out.push(open + ' unfinished');
    if (isDeskOpen(state, clock.nowMs())) out.push('DESK OPEN');
    return out;
  }

  /** Tells the owner how a payment went. */
  function tellPayment(asked: Uint8Array, answer: PurseAnswer, nowMs: number): void {
    if (answer.ok) return screens.paying(readChallenge(asked)!);
    if (answer.code !== 'CONFIRM_NEEDED') return screens.refused(answer.code);
    const waiting = purse.pending(nowMs);
    if (waiting) screens.ask(waiting, state.config.currency);
    else screens.short(readChallenge(asked)!);
  }

  function pay(data: Uint8Array): PurseAnswer {
    const nowMs = clock.nowMs();
    const answer = purse.pay(data, nowMs);
    unfinished = function () {
      tellPayment(data, answer, nowMs);
    };
    return answer;
  }

  /** A payment is about to come: what only the desk needs makes room. */
  function expectPayment(): void {
    desk = null;
    parts.makeRoom();
    if (purse.expectPayment(clock.nowMs())) screens.home();
  }

  function open(data: Uint8Array): PurseAnswer {
    unfinished = expectPayment;
    return purse.open(data);
  }

  function finish(): void {
    screens.quiet();
    const rest = unfinished;
    unfinished = null;
    if (rest) rest();
  }

  function ack(data: Uint8Array): PurseAnswer {
    const before = journal.unsettledCount();
    const answer = purse.ack(data);
    if (answer.ok && journal.unsettledCount() < before) screens.paid();
    return answer;
  }

  /** The desk and what checks or makes nonces are not there at once, if it can be helped: a board may lack the room. */
  function letGoOfDesk(): void {
    if (desk && !desk.isBusy()) desk = null;
  }

  function deskAnswer(ins: number, data: Uint8Array, nowMs: number): PurseAnswer {
    if (isPaperCommand(ins)) {
      letGoOfDesk();
      return parts.loadPapers()(ins, data, nowMs);
    }
    if (!desk) {
      parts.makeRoom();
      desk = parts.loadDesk(screens.progress);
    }
    return desk.answer(ins, data, nowMs);
  }

  function atDesk(ins: number, data: Uint8Array): PurseAnswer {
    const before = journal.balance();
    // One moment for all of it: what is asked later than that is no question yet, and would not be shown.
    const nowMs = clock.nowMs();
    // Whoever is at the desk pays nothing now.
    if (state.confirmation.turnTo(WITHDRAWAL, nowMs)) screens.home();
    const asked = purse.pending(nowMs);
    let answer = guarded<PurseAnswer>(state, function () {
      return deskAnswer(ins, data, nowMs);
    });
    // A desk that leaves x to the owner waits for it; any other answer is of an x that is known.
    const isWanted = ins === INS.withdraw && !answer.ok && answer.code === 'NO_CHARGE';
    if (isWanted) keys = keys || parts.openKeys(screens);
    else if (keys) keys = keys.close();
    if (isWanted && !keys) answer = refuse('NO_KEYS');
    purse.changed();
    if (journal.balance() > before) screens.received(journal.balance() - before, state.config.currency);
    else if (ins === INS.receipt && !answer.ok) screens.refused(answer.code);
    // A desk asks again and again: told once.
    const waiting = purse.pending(nowMs);
    if (waiting && waiting !== asked) screens.ask(waiting, state.config.currency);
    return answer;
  }

  function status(): PurseAnswer {
    return guarded<PurseAnswer>(state, function () {
      if (!isDeskOpen(state, clock.nowMs())) return refuse('DESK_CLOSED');
      const memory = parts.memory();
      const data = tokenStatus.encode({
        balance: journal.balance(),
        receiptNumber: journal.receiptNumber(),
        unacknowledged: journal.unsettledCount(),
        nonces: parts.nonces(),
        variablesUsed: memory.used,
        variablesTotal: memory.total,
        flashWrites: parts.flashWrites(),
      });
      return { ok: true, data: data };
    });
  }

  /** The answer of a command, or null for an instruction that is none of ours. */
  function answerOf(ins: number, data: Uint8Array): PurseAnswer | null {
    if (ins === INS.open) return open(data);
    if (ins === INS.challenge) return pay(data);
    if (ins === INS.amount && !state.fault) {
      if (!keys || keys.isOver(clock.nowMs())) keys = parts.openKeys(screens);
      return keys ? keys.ask(data, clock.nowMs()) : { ok: true, data: new Uint8Array(AMOUNT_BYTES) };
    }
    if (ins === INS.multiples) return purse.multiples();
    if (ins === INS.ack) return ack(data);
    if (ins === INS.recall) return purse.recall(data);
    if (ins === INS.status) return status();
    if (isDeskCommand(ins)) return atDesk(ins, data);
    return null;
  }

  function command(ins: number, data: Uint8Array, p1: number, p2: number): ApduAnswer {
    if (p1 !== 0 || p2 !== 0) return { sw: SW_WRONG_P1_P2 };
    if (keys && ins !== INS.withdraw && ins !== INS.amount) keys = keys.close();
    const answer = answerOf(ins, data);
    if (!answer) return { sw: SW_UNKNOWN_INS };
    return { sw: statusWord(answer.ok ? 'OK' : answer.code), data: answer.data };
  }

  function workOn(): void {
    let more = false;
    if (keys && keys.isOver(clock.nowMs())) keys = null;
    // A tap comes first: whatever the pool lacks then is made at the tap. So does the next one, while there are nonces:
    // customers pay again within seconds, and a piece of work, with what it loads, would hold them up.
    if (!inField && (parts.nonces() === 0 || (!keys && clock.nowMs() - leftMs >= QUIET_MS))) {
      const done = guarded<{ ok: true; more: boolean }>(state, function () {
        letGoOfDesk();
        const hasMore = parts.work();
        if (!hasMore && !desk) parts.makeRoom();
        return { ok: true, more: hasMore };
      });
      more = done.ok && done.more;
    }
    clock.setTimeout(workOn, more ? WORK_GAP_MS : REST_MS);
  }

  return {
    handlers: {
      selectAnswer: selectAnswer.encode({ version: WIRE_VERSION, commandBytesMax: parts.commandBytesMax }),
      select: purse.select,
      command: command,
    },
    finish: finish,
    setInField: function (now) {
      inField = now;
      // A reader that went with the answer has left its rest.
      finish();
      leftMs = clock.nowMs();
    },
    press: function () {
      const nowMs = clock.nowMs();
      if (keys && keys.button()) return;
      const waiting = purse.press(nowMs) ? purse.pending(nowMs) : null;
      if (waiting) return screens.ask(waiting, state.config.currency);
      if (isDeskOpen(state, nowMs) && state.licensed) keys = keys || parts.openKeys(screens);
      screens.deskOpen();
    },
    start: function () {
      screens.home();
      workOn();
    },
  };
}
