/**
 * The terminal as a whole: one radio, one till, one bridge, and what happens in which order. The radio (`Radio`):
 *
 *   from                to        when
 *   off                 free      the reader has started
 *   free                polling   its turn comes, and a charge is open, a desk command waits, or a token may still be
 *                                 there
 *   polling             tap       a token is there for the open charge
 *   polling             desk      a token is there for the desk command
 *   polling             free      none came in time, or other work interrupts (`wake`)
 *   tap, desk           free      the talk is over and the field is off
 *   polling, tap, desk  off       the reader failed: it is started again
 *
 * One turn at a time: work that must not interrupt a tap, then a desk command, then the open charge, then idle work
 * (the check of an accepted history, nonces and flash pages, checks of what the bridge said). Whatever comes while a
 * token is being talked to waits, unless it takes no time.
 *
 * Left out: devices and their set-up (main.ts), the rules of money (till.ts), the talk with a token (tap.ts), and the
 * answers to the bridge (bridge-service.ts).
 */
import { amountText } from '../core/amount-text.js';
import { Code } from '../core/codes.js';
import type { Clock } from '../core/clock.js';
import { BAD, GOOD, PLAIN, UNSURE } from '../panel/display.js';
import type { Display } from '../panel/display.js';
import { SIGNAL } from '../panel/indicator.js';
import type { Indicator } from '../panel/indicator.js';
import type { ApduClient } from '../nfc/iso-dep-client.js';
import { isChipFault } from '../nfc/pn532-link.js';
import type { NfcCode } from '../nfc/pn532-link.js';
import type { FindResult, Pn532Reader } from '../nfc/pn532-reader.js';
import { CHARGE_STATES, DeskRequest } from '../wire/link/link-messages.js';
import { LICENSE_BYTES, SIGNATURE_BYTES } from '../wire/payment.js';
import { createBridgeService, Reply, ServiceParts } from './bridge-service.js';
import { BoardVerifier, createChecker } from './checker.js';
import { BridgeLink, createDelivery } from './delivery.js';
import { runDeskCommand } from './desk-command.js';
import type { EntryKeys, EntryParts } from './entry-keys.js';
import type { createOpenAmount, OpenAmount } from './open-amount.js';
import { encodeReport } from './report.js';
import {
  alarmLines,
  chargeLines,
  checkingLines,
  deskLines,
  deskNote,
  holdLines,
  idleLines,
  TapNote,
} from './screen.js';
import type { Records } from './shop-records.js';
import { codeOfNfc, createTap, TapOutcome } from './tap.js';
import { ChargeView } from './till.js';

/** What the terminal works with. */
export interface TerminalParts extends ServiceParts {
  reader: Pn532Reader;
  client: ApduClient;
  /** `createEntryKeys` where the board has keys for amounts; else null. */
  createKeys: ((parts: EntryParts, onOpened: () => void, onChange: () => void) => EntryKeys) | null;
  /** Loads what charges take that leave y to their payer. @throws when its file is not there */
  loadOpen(): typeof createOpenAmount;
  records: Records;
  link: BridgeLink;
  clock: Clock;
  display: Display;
  indicator: Indicator;
  board: BoardVerifier;
  sha256(bytes: Uint8Array): Uint8Array;
  random(count: number): Uint8Array;
  /** Does one piece of work for later: nonces, flash pages. False when there is none. */
  work(): boolean;
  /** Lets go of what can be loaded again: a token may come, or nothing is left to do. */
  makeRoom(): void;
}

/** A running terminal. */
export interface Terminal {
  start(): void;
  /** A request of the bridge. */
  onRequest(kind: number, body: Uint8Array, reply: Reply): void;
  onUp(): void;
  onDown(): void;
  /** The clerk's button: cancels the open charge, or charges what was entered. */
  onButton(): void;
  /** A key of the amount entry (amount-entry.ts); `*` cancels the open charge. */
  onKey(key: string): void;
  /** Nothing more is done: the board has a fault. */
  stop(): void;
}

/** A customer at the till waits no longer than this for the bridge's verdict. */
const VERIFY_TIMEOUT_MS = 1500;
const POLL_MS = 5000;
/** After a refusal, so that a token left lying does not flicker. */
const REFUSED_PAUSE_MS = 1500;
/** A reader that fails for so long, at its start or afterwards, is broken; a busy host is slow for seconds. */
const READER_BROKEN_MS = 10000;
const READER_PAUSE_MS = 200;
const READER_RETRY_MS = 2000;
/** The board's own checks begin when nothing has happened for so long: they make it deaf for a while. */
const QUIET_MS = 3000;
const IDLE_STEP_MS = 10;
const DESK_TIMEOUT_MAX_MS = 120000;
/** How long it is shown how far a registration is, where no further command comes. */
const NOTE_MS = 5000;
/** Without an answer for so long, the last token has left: longer than one takes to listen again after a tap. */
const LEFT_MS = 400;
/** How often a token that stays, or a card that is none, is looked for. */
const STAYED_PAUSE_MS = 150;
/** Cards that are no tokens and are passed over for the one beside them. */
const STRANGERS_MAX = 2;

/** What is known of the token of the last tap: it has left, it may be there, it was there before this charge. */
const LEFT = 0;
const MAY_BE_THERE = 1;
const STAYED = 2;

/** What the radio does: no reader; nothing; waits for a token, which can be interrupted; talks to one. */
type Radio = 'off' | 'free' | 'polling' | 'tap' | 'desk';

/** Makes a terminal; nothing happens before `start`. */
export function createTerminal(parts: TerminalParts): Terminal {
  const till = parts.till;
  const clock = parts.clock;
  const reader = parts.reader;
  const link = parts.link;
  const ahead = till.ahead;
  let radio: Radio = 'off';
  let desk: { request: DeskRequest; reply: Reply } | null = null;
  let waiting: (() => void)[] = [];
  let checking = false; // an accepted history, outside a tap
  // Since the first charge ever. One that was sent to a token was so after the one before had left.
  let presence = till.view().counter === 0 ? LEFT : till.view().isBound && isOpen() ? MAY_BE_THERE : STAYED;
  let endMs = till.view().lifetimeS * 1000; // of the open charge's lifetime
  let shownMinutes = 0; // left of it
  let stopped = false;
  let turnTimer: any;
  let activeMs = 0;
  let lastCode: TapNote = 'OK'; // of the last tap for the open charge
  let strangers = 0; // cards in a row that were no tokens
  let deskStranger = false; // one is shown at the desk
  let note = ''; // how far a registration is: between its commands, too
  let noteTimer: unknown;
  let spentMs = 0; // so far the desk command's time was counted
  let trouble: Code = 'OK'; // the last alarm
  let readerFailed = false; // since it was started
  let readerSilent = false; // its last start failed
  let failingSinceMs = -1; // it has done nothing right since then

  // Charges that leave y to their payer; loaded with the first.
  let asked: OpenAmount | null = null;

  const delivery = createDelivery({
    till: till,
    histories: parts.histories,
    tombstones: parts.tombstones,
    notices: parts.notices,
    link: link,
    clock: clock,
    random: parts.random,
  });
  const checker = createChecker({
    board: parts.board,
    link: link,
    timeoutMs: VERIFY_TIMEOUT_MS,
    sha256: parts.sha256,
    onSlow: function (step) {
      ahead.paidLines = null;
      ahead.historyPlace = undefined;
      parts.display.show(checkingLines(step), PLAIN);
    },
    onLie: function () {
      alarm('VERIFIER_LIED');
    },
  });

  function isOpen(): boolean {
    return till.view().state === CHARGE_STATES.open;
  }

  function minutesLeft(): number {
    return Math.max(1, Math.ceil((endMs - clock.nowMs()) / 60000));
  }

  function show(): void {
    const view = till.view();
    const retired = parts.notices.isRetired();
    shownMinutes = minutesLeft();
    if (desk) parts.display.show(deskLines(deskStranger, note), PLAIN);
    else if (keys && keys.show()) return;
    else if (note && !isOpen()) parts.display.show(deskLines(false, note), PLAIN);
    else if (view.state === CHARGE_STATES.none || (retired && view.state > CHARGE_STATES.accepted))
      parts.display.show(
        idleLines(parts.config.shopShown, link.up(), retired && trouble === 'OK' ? 'TERMINAL_RETIRED' : trouble),
        PLAIN,
      );
    else
      parts.display.show(
        (asked && asked.lines()) || chargeLines(view, parts.config.currency, lastCode, shownMinutes),
        view.state === CHARGE_STATES.paid ? GOOD : view.state === CHARGE_STATES.accepted ? UNSURE : PLAIN,
      );
  }

  function alarm(code: Code): void {
    trouble = code;
    parts.display.show(alarmLines(code), BAD);
    parts.indicator.play(SIGNAL.bad, false);
    delivery.alarm(code);
  }

  // Turns.

  function turnIn(delayMs: number): void {
    if (stopped) return;
    if (turnTimer !== undefined) clock.clearTimeout(turnTimer);
    turnTimer = clock.setTimeout(turn, delayMs);
  }

  /** Something is to be done: now, or as soon as the radio is free. */
  function wake(): void {
    activeMs = clock.nowMs();
    if (radio === 'polling') reader.cancel();
    else if (radio === 'free' || radio === 'off') turnIn(0);
  }

  function turn(): void {
    turnTimer = undefined;
    if (stopped || (radio !== 'free' && radio !== 'off')) return;
    while (waiting.length > 0) (waiting.shift() as () => void)();
    if (radio === 'off') return;
    if (desk) runDesk(desk.request);
    else if (isOpen()) {
      // A charge that is open when another terminal takes this one's place ends like one whose time is over.
      if ((clock.nowMs() >= endMs || parts.notices.isRetired()) && expire()) return;
      if (minutesLeft() !== shownMinutes) show();
      if (presence === STAYED) look();
      else poll();
    } else {
      idle();
      if (presence !== LEFT) look();
    }
  }

  function startReader(): void {
    readerFailed = false;
    if (stopped) return;
    reader.init(function (result) {
      const silent = readerSilent;
      readerSilent = !result.ok;
      if (!result.ok) return restartReader();
      if (silent) readerWorks();
      radio = 'free';
      show();
      turnIn(0);
    });
  }

  /** The reader failed: it is started again soon; once it has failed for too long, with an alarm, and now and then. */
  function restartReader(): void {
    radio = 'off';
    if (failingSinceMs < 0) failingSinceMs = clock.nowMs();
    const broken = clock.nowMs() - failingSinceMs >= READER_BROKEN_MS;
    if (broken && trouble !== 'DEVICE_FAULT') alarm('DEVICE_FAULT');
    if (broken) replyDesk('DEVICE_FAULT');
    clock.setTimeout(startReader, broken ? READER_RETRY_MS : READER_PAUSE_MS);
  }

  /** It searched the field and told the result, or starts again after it did not. */
  function readerWorks(): void {
    failingSinceMs = -1;
    if (trouble === 'DEVICE_FAULT') trouble = 'OK';
  }

  /** The code for a failure; after one of the reader itself it is started again. */
  function onNfcFailure(code: NfcCode): Code {
    readerFailed = isChipFault(code);
    if (code === 'NO_CARD') readerWorks();
    return codeOfNfc(code);
  }

  /** Switches the field off, or halts the card alone; the next turn comes after `delayMs`. */
  function freeRadio(delayMs: number, halt?: boolean): void {
    activeMs = clock.nowMs();
    if (readerFailed) return restartReader();
    reader.release(function () {
      radio = 'free';
      turnIn(waiting.length > 0 ? 0 : delayMs);
    }, halt);
  }

  // The open charge.

  /** Waits for a token; what its tap can have ready is made before it comes. */
  function poll(): void {
    parts.makeRoom();
    const hold = (asked && asked.lines()) || holdLines(till.view().amount, parts.config.currency);
    const isDrawn = parts.display.draw(hold);
    const start = makeTap();
    const sinceMs = clock.nowMs();
    radio = 'polling';
    reader.findCard(
      function (found) {
        if (!found.ok) noteLeft(found.code, sinceMs);
        onCard(found, start);
        // Where it takes no time: what the token says must not wait for a picture.
        if (isDrawn && radio === 'tap' && lastCode !== 'NO_TOKEN') parts.display.show(hold, PLAIN);
      },
      // A card that is no token is told at once, and no longer than it is there.
      waitMs(lastCode === 'NO_TOKEN' ? LEFT_MS : POLL_MS),
      strangers,
    );
  }

  /** How long a search may take, so that the charge ends in time; its token may come later. */
  function waitMs(mostMs: number): number {
    const leftMs = endMs - clock.nowMs();
    return leftMs > 0 && leftMs < mostMs ? leftMs : mostMs;
  }

  /** The lifetime of the open charge is over. False where it cannot end yet: then only its own token may pay. */
  function expire(): boolean {
    const code = till.expire();
    if (code === 'OK') onEnded((lastCode = 'CHARGE_EXPIRED'));
    else if (lastCode !== code) onRefused(code);
    return code === 'OK';
  }

  /** A search that found no token: where it took long enough, that of the last tap has left. */
  function noteLeft(code: NfcCode, sinceMs: number): void {
    if (!isChipFault(code) && clock.nowMs() - sinceMs >= LEFT_MS) presence = LEFT;
  }

  /** Looks whether the token of the last tap has left. While it has not, it pays no other charge. */
  function look(): void {
    const sinceMs = clock.nowMs();
    radio = 'polling';
    reader.findCard(function (found) {
      if (stopped) return;
      const wasMs = activeMs;
      if (found.ok) readerWorks();
      else {
        onNfcFailure(found.code);
        noteLeft(found.code, sinceMs);
      }
      if (found.ok && isOpen() && lastCode !== 'TOKEN_STAYED') refuse('TOKEN_STAYED');
      else if (presence === LEFT && lastCode === 'TOKEN_STAYED') {
        lastCode = 'OK';
        show();
      }
      freeRadio(found.ok ? STAYED_PAUSE_MS : 0);
      // That is nothing to be quiet after.
      activeMs = wasMs;
    }, LEFT_MS);
  }

  function onCard(found: FindResult, start: () => void): void {
    if (stopped) return;
    if (found.ok) {
      presence = MAY_BE_THERE;
      radio = 'tap';
      start();
      readerWorks();
      return;
    }
    onNfcFailure(found.code);
    if (readerFailed) return restartReader();
    radio = 'free';
    strangers = 0;
    const isStranger = found.code === 'CARD_UNSUPPORTED';
    if (isStranger) {
      if (lastCode !== 'NO_TOKEN') refuse('NO_TOKEN');
    } else if (lastCode === 'NO_TOKEN' && found.code === 'NO_CARD') {
      lastCode = 'OK';
      show();
    }
    turnIn(isStranger ? STAYED_PAUSE_MS : 0);
  }

  function onRefused(code: TapNote): void {
    lastCode = code;
    show();
    parts.indicator.play(code === 'CONFIRM_NEEDED' ? SIGNAL.ask : SIGNAL.bad, code === 'TAP_TORN');
  }

  /** Refuses what was not tapped, or is none. */
  function refuse(code: Code): void {
    onRefused(code);
    delivery.report(encodeReport(till.view(), code, null, 0));
  }

  function drawPaid(): void {
    ahead.paidLines = null;
    // Without a bridge the board checks for itself, and has a picture for that time.
    if (!link.up()) return;
    const view = till.view();
    view.state = CHARGE_STATES.paid;
    ahead.paidLines = chargeLines(view, parts.config.currency, 'OK', 0);
    parts.display.draw(ahead.paidLines);
  }

  function makeTap(): () => void {
    const writes = parts.flashWrites();
    let kept: ChargeView | null = null;
    function onKept(): void {
      // Kept for the report: the next charge may come before the tap is over.
      kept = till.view();
      lastCode = 'OK';
      if (ahead.paidLines && kept.state === CHARGE_STATES.paid) parts.display.show(ahead.paidLines, GOOD);
      else show();
    }
    function onEnd(outcome: TapOutcome): void {
      if (stopped) return;
      // In the field that stays on it is silent, and the card beside it has its turn.
      if (outcome.code === 'NO_TOKEN' && ++strangers <= STRANGERS_MAX) return freeRadio(0, true);
      strangers = 0;
      if (asked) asked.forget();
      const view = kept || till.view();
      // NO_CHARGE: the clerk was faster, or so the token says.
      const refused = !kept && view.state === CHARGE_STATES.open && outcome.code !== 'NO_CHARGE';
      if (refused) onRefused(outcome.isOlder ? 'UPDATE_TERMINAL' : outcome.code);
      else if (!kept) show();
      delivery.report(encodeReport(view, outcome.code, outcome, parts.flashWrites() - writes));
      delivery.pump();
      freeRadio(refused && outcome.code !== 'TAP_TORN' ? REFUSED_PAUSE_MS : 0);
    }
    return createTap(
      {
        till: till,
        checker: checker,
        client: parts.client,
        shop: parts.config.shop,
        nowMs: clock.nowMs,
        onFailure: onNfcFailure,
        openAmount: openAmount,
        onSigning: drawPaid,
        onKept: onKept,
        onShown: function () {
          parts.indicator.play(kept!.state === CHARGE_STATES.paid ? SIGNAL.good : SIGNAL.unsure, false);
        },
      },
      onEnd,
    );
  }

  // The desk.

  function replyDesk(code: Code, data?: Uint8Array): void {
    const command = desk;
    desk = null;
    if (command) command.reply(code, data);
  }

  /** Says how far a registration is, until the next command has ended, or for a moment where none comes. */
  function keepNote(text: string): void {
    holdNote();
    note = text;
    if (!note) return;
    noteTimer = clock.setTimeout(function () {
      keepNote('');
      show();
    }, NOTE_MS);
  }

  function holdNote(): void {
    if (noteTimer !== undefined) clock.clearTimeout(noteTimer);
    noteTimer = undefined;
  }

  function endDesk(code: Code, data?: Uint8Array): void {
    keepNote(desk ? deskNote(desk.request.ins, code, data) : '');
    replyDesk(code, data);
    strangers = 0;
    show();
    freeRadio(0);
  }

  /** Shows at the desk that a card is there that is no token, or that it has left. */
  function noteStranger(isThere: boolean): void {
    if (isThere) strangers = 0;
    if (desk && deskStranger !== isThere) {
      deskStranger = isThere;
      show();
    }
  }

  /** Waits for a token. A card that is none is passed over and told, as for a charge; the command waits on. */
  function runDesk(request: DeskRequest): void {
    // The pauses between searches beside a stranger are of its time, too.
    if (!deskStranger) spentMs = clock.nowMs();
    function spend(): void {
      const nowMs = clock.nowMs();
      request.timeoutMs = Math.max(0, Math.floor(request.timeoutMs - (nowMs - spentMs)));
      spentMs = nowMs;
    }
    radio = 'polling';
    if (!deskStranger) show();
    reader.findCard(
      function (found) {
        spend();
        if (found.ok) {
          readerWorks();
          presence = MAY_BE_THERE;
          radio = 'desk';
          return runDeskCommand(parts.client, request, onNfcFailure, function (code, data) {
            if (code !== 'NO_TOKEN' || !link.up()) return endDesk(code, data);
            spend();
            const isPassed = ++strangers <= STRANGERS_MAX;
            if (!isPassed) noteStranger(true);
            freeRadio(isPassed ? 0 : STAYED_PAUSE_MS, isPassed);
          });
        }
        const code = onNfcFailure(found.code);
        if (code === 'NO_TOKEN') noteStranger(found.code === 'CARD_UNSUPPORTED');
        const isOver = code === 'NO_TOKEN' ? request.timeoutMs === 0 : found.code !== 'CANCELLED' && !readerFailed;
        if (!desk || isOver) return endDesk(code);
        // A stranger; or interrupted for other work, or by the reader: goes on afterwards, for the rest of its time.
        if (readerFailed) return restartReader();
        radio = 'free';
        strangers = 0;
        turnIn(deskStranger ? STAYED_PAUSE_MS : 0);
      },
      deskStranger ? Math.min(request.timeoutMs, LEFT_MS) : request.timeoutMs,
      strangers,
    );
  }

  // Idle work.

  function checkAccepted(slot: number): void {
    const historyBytes = parts.histories.read(slot).history;
    checking = true;
    const begun = checker.begin(
      historyBytes.subarray(0, LICENSE_BYTES),
      historyBytes.subarray(LICENSE_BYTES + SIGNATURE_BYTES),
    );
    checker.payment(
      historyBytes,
      begun,
      false,
      // The token has gone.
      function (then) {
        then(null);
      },
      function (code) {
        checking = false;
        if (stopped) return;
        // Kept money is given up on the board's own word only.
        const good = code === 'OK' || parts.board.payment(historyBytes, null);
        till.checked(slot, good ? 'OK' : 'SIGNATURE_INVALID');
        if (good) show();
        else alarm('SIGNATURE_INVALID');
        if (till.view().state !== CHARGE_STATES.none) {
          delivery.report(encodeReport(till.view(), good ? 'OK' : 'SIGNATURE_INVALID', null, 0));
        }
        delivery.pump();
        wake();
      },
    );
  }

  function idle(): void {
    if (checking) return;
    const slot = parts.histories.oldest(true, 0);
    if (slot >= 0) checkAccepted(slot);
    else if (parts.work()) turnIn(IDLE_STEP_MS);
    else if (checker.hasWork()) {
      const quietMs = clock.nowMs() - activeMs;
      if (quietMs >= QUIET_MS) checker.recheck();
      turnIn(quietMs >= QUIET_MS ? IDLE_STEP_MS : QUIET_MS - quietMs);
    } else parts.makeRoom();
  }

  // Charges and keys.

  /** The open charge has ended unpaid. */
  function onEnded(code: Code): void {
    parts.indicator.stop();
    show();
    delivery.report(encodeReport(till.view(), code, null, 0));
    delivery.pump();
    wake();
  }

  /** A charge is open, by whose wish ever. */
  function onOpened(): void {
    if (keys) keys.clear();
    lastCode = 'OK';
    if (presence !== LEFT) presence = STAYED;
    endMs = clock.nowMs() + till.view().lifetimeS * 1000;
    show();
    if (parts.display.broken()) parts.indicator.blink(amountText(till.view().amount, parts.config.currency));
    wake();
  }

  function openAmount(): OpenAmount {
    asked = asked || parts.loadOpen()(parts, delivery.report, show, wake);
    return asked;
  }

  function onKey(key: string): void {
    const state = till.view().state;
    if (asked && radio !== 'tap' && asked.press(key)) return;
    if (state === CHARGE_STATES.open && (key === '*' || key === 'B')) service.cancel(till.view().id);
    // While there is a charge or a desk command, an amount would only be in the way.
    if (!keys || desk || state === CHARGE_STATES.open || state === CHARGE_STATES.accepted) return;
    keys.press(key);
  }

  const keys = parts.createKeys && parts.createKeys(parts, onOpened, show);

  // The bridge.

  const service = createBridgeService(parts, {
    openAmount: openAmount,
    inTap: function () {
      return radio === 'tap';
    },
    atDesk: function () {
      return desk !== null;
    },
    whenQuiet: function (work) {
      waiting.push(work);
      wake();
    },
    startDesk: function (request, reply) {
      if (radio === 'off' && trouble === 'DEVICE_FAULT') return reply('DEVICE_FAULT');
      desk = { request: request, reply: reply };
      holdNote();
      request.timeoutMs = Math.min(request.timeoutMs, DESK_TIMEOUT_MAX_MS);
      deskStranger = false;
      wake();
    },
    onOpened: onOpened,
    onAsked: function (lifetimeS) {
      endMs = Math.min(endMs, clock.nowMs() + lifetimeS * 1000);
    },
    onCancelled: function () {
      onEnded('OK');
    },
    onTime: delivery.onTime,
    onRetired: show,
  });

  return {
    start: function () {
      // Begun before this start.
      if (isOpen() && !openAmount().begin()) asked = null;
      show();
      startReader();
    },
    onRequest: function (kind, body, reply) {
      if (stopped) reply('DEVICE_FAULT');
      else service.onRequest(kind, body, reply);
    },
    onUp: function () {
      delivery.onUp();
      show();
      wake();
    },
    onDown: function () {
      // Nobody waits for the desk command any more.
      if (desk && radio !== 'desk') {
        desk = null;
        wake();
      }
      keepNote('');
      show();
    },
    onButton: function () {
      if (!stopped) onKey(isOpen() ? 'B' : '#');
    },
    onKey: function (key) {
      if (!stopped) onKey(key);
    },
    stop: function () {
      stopped = true;
      waiting = [];
      if (turnTimer !== undefined) clock.clearTimeout(turnTimer);
    },
  };
}
