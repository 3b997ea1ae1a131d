/**
 * A charge whose y its payer says, or adds a tip to, within limits that the shop gives [0012], [0022]: asked of the
 * token (AMOUNT), or entered on the terminal's own keys.
 *
 * The limits are one record beside the charge, written once the charge is open, and again when the bridge asks again: a
 * charge of 0 without them takes nothing. y is in RAM, and shows, until the charge is bound to a PKU; `Till.bind` makes
 * both durable at once, before CHALLENGE. So a payer who leaves before that has changed nothing, and what a token may
 * have signed never changes. Another token than the bound one gets a new Rs, and says its own y.
 *
 * An overlay (main.ts), loaded with the first such charge. Left out: the clerk's own charges (entry-keys.ts), and who
 * may cancel (terminal.ts).
 */
import { AMOUNT_BYTES, readBalance } from '../core/amount.js';
import { amountText } from '../core/amount-text.js';
import { equal } from '../core/bytes.js';
import type { Code } from '../core/codes.js';
import type { Clock } from '../core/clock.js';
import { createAmountEntry } from '../panel/amount-entry.js';
import type { AmountEntry } from '../panel/amount-entry.js';
import { CHARGE_STATES, openChargeRequest } from '../wire/link/link-messages.js';
import type { OpenChargeRequest } from '../wire/link/link-messages.js';
import { amountAsk, INS } from '../wire/token-commands.js';
import { encodeReport } from './report.js';
import { openTermsRecord, RECORD } from './shop-records.js';
import type { OpenTermsRecord, Records } from './shop-records.js';
import type { SendCommand } from './tap.js';
import type { Till } from './till.js';

/** Charges that leave y to their payer. */
export interface OpenAmount {
  /** At a start: takes up the open charge. False where it has its amount from the shop. */
  begin(): boolean;
  /** Reads a request, of amount 0; null where it is none. */
  read(body: Uint8Array): { number: number; id: Uint8Array; amount: number; lifetimeS: number } | null;
  /**
   * The till's answer to the charge that was read. Once it is open, its limits are durable; where it is open with
   * others: CHARGE_OPEN. Of one that was paid the bridge hears y again.
   */
  opened(code: Code): Code;
  /** y, asked of the token that taps. Codes: AMOUNT_NEEDED, NO_CHARGE, and the token's. */
  ask(send: SendCommand, done: (code: Code) => void): void;
  /** The tap is over: what its token said is forgotten, unless the charge is bound. */
  forget(): void;
  /** What shows while y is not said; null where it is. */
  lines(): string[] | null;
  /** A key, or "B": the clerk's button. @returns whether it was for y */
  press(key: string): boolean;
}

/** What is entered here waits so long for a token. */
const ENTRY_MS = 60000;

/** Lines of the question for y. */
function linesFor(terms: OpenTermsRecord, entered: number, currency: string): string[] {
  const sum = amountText(terms.base + entered, currency);
  if (entered > 0) return [terms.base > 0 ? 'WITH TIP' : 'AMOUNT', sum, 'then # or button'];
  if (terms.base > 0) return ['ADD A TIP?', sum, 'on token or here'];
  const from = amountText(terms.min, currency);
  return ['AMOUNT?', from.substr(0, from.indexOf(' ')) + ' to', amountText(terms.max, currency), 'on token or here'];
}

/** What they work with. */
interface OpenParts {
  records: Records;
  till: Till;
  clock: Clock;
  config: { currency: string };
}

/** The limits of the open charge; null where it has none. */
function termsOf(parts: OpenParts): OpenTermsRecord | null {
  const stored = parts.records.get(RECORD.openTerms, 0);
  const found = stored && openTermsRecord.decode(stored);
  const view = parts.till.view();
  return found && view.state === CHARGE_STATES.open && equal(found.id, view.id) ? found : null;
}

/** Makes the limits of the charge that is open durable. False where it is open with an amount, or with others. */
function keepTerms(parts: OpenParts, request: OpenChargeRequest): boolean {
  const wanted = openTermsRecord.encode(request);
  const stored = parts.records.get(RECORD.openTerms, 0);
  if (stored && equal(stored, wanted)) return true;
  if (parts.till.view().amount > 0 || termsOf(parts)) return false;
  parts.records.put(RECORD.openTerms, 0, wanted);
  return true;
}

/** Asks a token for y; 0 with a code where there is none. */
function askToken(
  parts: OpenParts,
  now: OpenTermsRecord,
  send: SendCommand,
  done: (code: Code, y: number) => void,
): void {
  const data = amountAsk.encode({
    currency: parts.config.currency,
    base: now.base,
    min: now.min,
    max: now.max,
    chargeId: parts.till.opening(),
  });
  send(INS.amount, data, AMOUNT_BYTES, function (code, answer) {
    const said = code === 'OK' && answer.length === AMOUNT_BYTES ? readBalance(answer, 0) : 0;
    if (code !== 'OK' && code !== 'BAD_REQUEST') return done(code, 0);
    // A token without keys, or of before them: there is no tip, or y is entered here.
    const y = said || now.base;
    if (!y || y < now.min || y > now.max) done('AMOUNT_NEEDED', 0);
    else done('OK', y);
  });
}

/** What a key is for while a charge is open: the clerk, who cancels where nothing is to be cleared; or y. */
function keyFor(key: string, isTyped: boolean, isSaid: boolean): 'clerk' | 'clear' | 'type' {
  if (key !== '*' && (key !== 'B' || isTyped)) return 'type';
  return isTyped || isSaid ? 'clear' : 'clerk';
}

/** What shows while y is not said; null where it is. */
function linesOf(parts: OpenParts, entered: number): string[] | null {
  const now = parts.till.view().amount === 0 && termsOf(parts);
  return now ? linesFor(now, entered, parts.config.currency) : null;
}

/** Reads a request for a charge; null where it is none. */
function readRequest(body: Uint8Array): OpenChargeRequest | null {
  const request = openChargeRequest.decode(body);
  return request && request.min >= request.base && request.max >= request.min ? request : null;
}

/** What was said of y. */
interface Saying {
  /** Takes y for the open charge, or 0. @param waits for a token, which has not come */
  say(y: number, waits: boolean): void;
  /** Shows and reports what is said. */
  tell(): void;
  /** What the token said is over; what was entered here waits on. */
  forget(): void;
}

function createSaying(
  parts: OpenParts,
  entry: AmountEntry,
  report: (bytes: Uint8Array) => void,
  show: () => void,
  wake: () => void,
): Saying {
  const till = parts.till;
  // While what was entered here waits for a token.
  let timer: unknown;

  function tell(): void {
    show();
    report(encodeReport(till.view(), 'OK', null, 0));
  }

  function say(y: number, waits: boolean): void {
    if (timer !== undefined) parts.clock.clearTimeout(timer);
    timer = waits ? parts.clock.setTimeout(expire, ENTRY_MS) : undefined;
    entry.clear();
    till.enter(y);
    tell();
    wake();
  }

  function expire(): void {
    const view = till.view();
    timer = undefined;
    if (view.amount > 0 && !view.isBound && termsOf(parts)) say(0, false);
  }

  return {
    say: say,
    tell: tell,
    forget: function () {
      if (timer === undefined) expire();
    },
  };
}

/**
 * Makes them over the till.
 * @param report to the bridge: y was said, or is no longer @param show what shows may be another
 * @param wake something is to be done
 */
export function createOpenAmount(
  parts: OpenParts,
  report: (bytes: Uint8Array) => void,
  show: () => void,
  wake: () => void,
): OpenAmount {
  const till = parts.till;
  const entry = createAmountEntry(1);
  const saying = createSaying(parts, entry, report, show, wake);
  let request: OpenChargeRequest | null = null;

  /** A key while y is not said. */
  function type(key: string, now: OpenTermsRecord): void {
    const isDone = entry.press(key) || (key === '#' && now.base > 0);
    const y = now.base + entry.amount();
    if (isDone && y >= now.min && y <= now.max) return saying.say(y, true);
    if (isDone) entry.clear();
    show();
  }

  return {
    begin: function () {
      if (!termsOf(parts)) return false;
      till.enter(0);
      return true;
    },
    read: function (body) {
      request = readRequest(body);
      return request && { number: request.number, id: request.id, amount: 0, lifetimeS: request.lifetimeS };
    },
    opened: function (code) {
      if (code === 'ALREADY_PAID') saying.tell();
      return code !== 'OK' || keepTerms(parts, request!) ? code : 'CHARGE_OPEN';
    },
    ask: function (send, done) {
      const now = termsOf(parts);
      if (!now) return done('NO_CHARGE');
      askToken(parts, now, send, function (code, y) {
        if (code === 'OK') saying.say(y, false);
        done(code);
      });
    },
    forget: saying.forget,
    lines: () => linesOf(parts, entry.amount()),
    press: function (key) {
      const now = till.view().isBound ? null : termsOf(parts);
      const isSaid = till.view().amount > 0;
      const use = keyFor(key, entry.amount() > 0, isSaid);
      if (!now || use === 'clerk') return false;
      if (use === 'clear') saying.say(0, false);
      else if (!isSaid) type(key === 'B' ? '#' : key, now);
      return true;
    },
  };
}
