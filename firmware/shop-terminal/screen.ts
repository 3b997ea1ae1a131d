/**
 * What the terminal shows: lines of 16 characters, and the signal that goes with them (panel/display.ts,
 * indicator.ts).
 *
 * The amount stands in the second line wherever there is one, so that clerk and customer find it in one place.
 * Left out: languages. Codes that nobody at a till can act on are shown by name.
 */
import { amountText } from '../core/amount-text.js';
import { Code } from '../core/codes.js';
import { LINE_CHARACTERS } from '../panel/display.js';
import { CHARGE_STATES } from '../wire/link/link-messages.js';
import { INS } from '../wire/token-commands.js';
import { ChargeView } from './till.js';

/** Breaks text at the width of a line. */
function wrap(text: string): string[] {
  const out: string[] = [];
  for (let at = 0; at < text.length; at += LINE_CHARACTERS) out.push(text.substr(at, LINE_CHARACTERS));
  return out;
}

/** What shows of a tap's code: where the versions differ, this terminal may be the older one. */
export type TapNote = Code | 'UPDATE_TERMINAL';

/** What to do about a code at a tap, for the customer; lines of at most 16 characters. */
function remedy(code: TapNote): string[] {
  if (code === 'CONFIRM_NEEDED') return ['press token key', 'and tap again'];
  if (code === 'TAP_TORN') return ['tap again'];
  if (code === 'REFUSED') return ['token refuses'];
  if (code === 'LICENSE_EXPIRED') return ['token expired'];
  if (code === 'LICENSE_INVALID' || code === 'NOT_LICENSED') return ['no valid license'];
  if (code === 'DENIED') return ['token is denied'];
  if (code === 'NO_TOKEN') return ['not a token', 'one card only'];
  if (code === 'STALE_LIMIT') return ['over the limit', 'while offline'];
  if (code === 'JOURNAL_FULL') return ['token is full', 'tap again'];
  if (code === 'TOMBSTONES_FULL') return ['connect bridge'];
  if (code === 'TIME_STALE') return ['no valid time', 'connect bridge'];
  if (code === 'TOKEN_STAYED') return ['take token away'];
  if (code === 'CHARGE_EXPIRED') return ['time is over'];
  if (code === 'UPDATE_NEEDED') return ['update token'];
  if (code === 'UPDATE_TERMINAL') return ['update terminal'];
  return wrap(code);
}

/** Lines for a charge. @param code of the last tap, OK before it @param minutes that it may still wait for a token */
export function chargeLines(view: ChargeView, currency: string, code: TapNote, minutes: number): string[] {
  const amount = wrap(amountText(view.amount, currency));
  if (view.state === CHARGE_STATES.paid) return ['PAID'].concat(amount);
  if (view.state === CHARGE_STATES.accepted) return ['ACCEPTED'].concat(amount, ['not checked yet']);
  if (view.state === CHARGE_STATES.cancelled)
    return ['CANCELLED'].concat(amount, code === 'CHARGE_EXPIRED' ? remedy(code) : []);
  return ['PAY'].concat(amount, code === 'OK' ? ['tap your token', minutes + ' min left'] : remedy(code));
}

/**
 * Lines while a token is talked to, which must not be taken away; but for its headline as for a charge that is paid.
 */
export function holdLines(amount: number, currency: string): string[] {
  return ['HOLD'].concat(wrap(amountText(amount, currency)));
}

/** Lines when nothing is going on. @param trouble the last alarm, OK for none */
export function idleLines(shop: string, linkUp: boolean, trouble: Code): string[] {
  return [trouble === 'TERMINAL_RETIRED' ? 'REPLACED' : 'READY'].concat(
    wrap(shop),
    trouble !== 'OK' ? wrap(trouble) : linkUp ? [] : ['no bridge'],
  );
}

/** Lines for an amount that is being entered. */
export function entryLines(amount: number, currency: string): string[] {
  return ['AMOUNT'].concat(wrap(amountText(amount, currency)), ['then # or button']);
}

/** Lines for an amount that could not be charged. */
export function entryRefusedLines(code: Code): string[] {
  return ['NO CHARGE'].concat(remedy(code));
}

/**
 * Lines while somebody is to tap at the desk. @param isStranger a card is there that is no token @param note how far a
 * registration is, or ''
 */
export function deskLines(isStranger: boolean, note: string): string[] {
  return ['DESK'].concat(isStranger ? remedy('NO_TOKEN') : note ? ['REGISTERING', note] : ['tap your token']);
}

/** How far a registration is, by a token's answer; '' for one that says nothing of it. */
export function deskNote(ins: number, code: Code, data: Uint8Array | undefined): string {
  if (!data) return '';
  // What is signed, of how many.
  if (code === 'BUSY' && data.length === 2) return data[0] + ' of ' + data[1];
  // `left` of a `replyAnswer`.
  return ins === INS.reply && code === 'OK' && data[0] > 0 ? data[0] + ' to go' : '';
}

/** Lines while the board is busy with arithmetic. @param step 1 checks a license, 2 a payment */
export function checkingLines(step: number): string[] {
  return ['CHECKING', step + ' of 2', 'one moment'];
}

/** Lines for an alarm. */
export function alarmLines(code: Code): string[] {
  return ['ALARM'].concat(wrap(code));
}
