/** One sentence that says what to do now, or what was just seen. */
import type { BenchModel } from './bench-model.js';

export interface Hint {
  tone: 'good' | 'bad' | 'plain';
  text: string;
}

const REFUSALS: Record<string, string> = {
  CONFIRM_NEEDED: 'Above what the token pays unasked: take it away, press its button, and tap again.',
  TOKEN_STAYED: 'The token was there before the charge. Take it away, and tap again.',
  DENIED: 'Refused: this pseudonym is on the deny list. The clone is useless now.',
  INSUFFICIENT: 'The token has less than that. Nothing was debited.',
  FUNDS_INSUFFICIENT: 'The token has less than that. Nothing was debited.',
};

/** What to say now. @param money text of an amount */
export function hintOf(model: BenchModel, money: (minor: number) => string): Hint {
  const { state, tap } = model;
  const charge = state?.charge;
  const isOpen = charge?.state === 'open' || charge?.state === 'sending';
  // A tap for an earlier charge says nothing of this one.
  const isOfCharge = tap !== null && tap.charge === (charge?.id ?? null);
  const fault = isOfCharge ? model.fault() : null;
  const result = isOfCharge ? model.result : '';
  const isThere = Object.values(state?.tokens ?? {}).some(({ at }) => at);
  if (!state) return { tone: 'plain', text: 'The boards are starting.' };
  if (result === 'OK' && !isOpen) {
    const amount = charge ? money(charge.amount) : '';
    if (state.online && state.undelivered === 0)
      return {
        tone: 'good',
        text: `Paid: ${amount}. Debited once, credited once. Charge again, and tear it this time.`,
      };
    return { tone: 'good', text: `Paid: ${amount}. The shop keeps the proof, and brings it when it can.` };
  }
  if (fault && isOpen) {
    const debited = tap ? state.tokens[tap.token]?.debits[0] : undefined;
    const hasPaid = debited !== undefined && !debited.settled && debited.amount === charge.amount;
    const what = fault.what === 'torn' ? `The radio was cut at byte ${fault.at}.` : `${fault.who} lost its power.`;
    return {
      tone: 'bad',
      text: `${what} ${hasPaid ? 'The token has paid, the shop does not know it yet.' : 'Nothing was debited yet.'} ${fault.what === 'torn' ? 'Tap again: it is finished, and paid once.' : 'Its power comes back, and the tap is finished: paid once.'}`,
    };
  }
  if (result !== '' && result !== 'OK')
    return { tone: 'bad', text: REFUSALS[result] ?? `The tap ended with ${result}. Tap again, or cancel the charge.` };
  if (!isOpen) return { tone: 'plain', text: 'Ask for money first: press Charge.' };
  if (!isThere || !isOfCharge)
    return { tone: 'plain', text: `The shop asks for ${money(charge.amount)}. Now drag a token onto the reader.` };
  return { tone: 'plain', text: 'They talk. Watch the bytes below.' };
}
