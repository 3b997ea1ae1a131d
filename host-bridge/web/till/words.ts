/** What the page says, in English; locales/de.ts has the same in German, by the same names. */
import { msg, str } from '@lit/localize';
import type { Said } from '../parts/said.js';
import type { TillCharge, TillPayment, TillState } from './till-state.js';

/** A sentence, and how it is meant. */
export interface Notice {
  text: string;
  /** What to do, or more about it; '' where the sentence says all. */
  more: string;
  tone: 'plain' | 'good' | 'bad';
}

/** Codes of taps that happen every day, in words for the counter. */
function tapText(said: Said): string {
  switch (said.code) {
    case 'CONFIRM_NEEDED':
      return msg('Customer: press the button on the token, then hold it to the reader again.', { id: 'confirm' });
    case 'AMOUNT_NEEDED':
      return msg('Customer: enter the amount on the token, press its button, and hold it to the reader again.', {
        id: 'amount-needed',
      });
    case 'TAP_TORN':
      return msg('The token left too soon. Hold it to the reader again.', { id: 'torn' });
    default:
      return said.message;
  }
}

/** Where a charge stands. */
export function chargeNotice(charge: TillCharge): Notice {
  const { said } = charge;
  const more = said ? said.remedy : '';
  switch (charge.state) {
    case 'sending':
      return { text: msg('Telling the terminal.', { id: 'sending' }), more: '', tone: 'plain' };
    case 'open':
      if (said)
        return {
          text: tapText(said),
          more: said.code === 'CONFIRM_NEEDED' || said.code === 'AMOUNT_NEEDED' ? '' : more,
          tone: 'plain',
        };
      return { text: msg('Customer: hold your token to the reader.', { id: 'open' }), more: '', tone: 'plain' };
    case 'accepted':
      return { text: msg('Accepted. The signature is being checked.', { id: 'accepted' }), more: '', tone: 'plain' };
    case 'paid':
      return { text: msg('Paid', { id: 'paid' }), more: '', tone: 'good' };
    case 'cancelled':
      return { text: msg('Cancelled. Nothing was paid.', { id: 'cancelled' }), more: '', tone: 'plain' };
    case 'refused':
      return { text: said?.message ?? msg('Refused. Nothing was paid.', { id: 'refused' }), more, tone: 'bad' };
    case 'lost':
      return {
        text: msg('Nobody knows whether it was paid: the terminal was exchanged meanwhile.', { id: 'lost' }),
        more: msg('See whether it comes up under Payments before you charge again.', { id: 'lost-more' }),
        tone: 'bad',
      };
  }
}

/** Whom an act at the desk waits for. */
export function waitText(wait: string): string {
  switch (wait) {
    case 'tap':
      return msg('Customer: hold your token to the reader.', { id: 'open' });
    case 'again':
      return msg('The token left too soon. Hold it to the reader again.', { id: 'torn' });
    case 'button':
      return msg('Customer: press the button on your token.', { id: 'press' });
    case 'confirm':
      return msg('Customer: read the amount on your token, and press its button.', { id: 'press-amount' });
    case 'enter':
      return msg('Customer: press the button on your token, enter the amount on it, and press again.', { id: 'enter' });
    case 'link':
      return msg('The terminal is not connected. Waiting for it.', { id: 'wait-link' });
    case 'service':
      return msg('The house that keeps the accounts does not answer. Waiting for it.', { id: 'wait-service' });
    default:
      return msg('Working.', { id: 'working' });
  }
}

/** What a clerk should know of lines and deliveries. */
export function stateNotices(state: TillState): Notice[] {
  const { link, outage, waiting, refused } = state;
  const notices: Notice[] = [];
  if (link)
    notices.push({
      text: msg('The terminal is not connected.', { id: 'no-terminal' }),
      more: `${link.message} ${link.remedy}`,
      tone: 'bad',
    });
  if (state.retired)
    notices.push({
      text: msg('Another terminal has taken the place of this one.', { id: 'retired' }),
      more: '',
      tone: 'bad',
    });
  if (outage)
    notices.push({
      text: msg('You can go on charging. Payments wait here until they can be delivered.', { id: 'outage' }),
      more: `${outage.message} ${outage.remedy}`,
      tone: 'plain',
    });
  else if (waiting > 0)
    notices.push({ text: msg(str`${waiting} to be delivered.`, { id: 'waiting' }), more: '', tone: 'plain' });
  if (refused > 0)
    notices.push({
      text: msg(str`${refused} refused by the house.`, { id: 'refused-count' }),
      more: msg('tapcash outbox shows each, and why.', { id: 'see-outbox' }),
      tone: 'bad',
    });
  return notices;
}

/** Where the money of a payment is. */
export function paymentText({ state }: Pick<TillPayment, 'state'>): string {
  switch (state) {
    case 'pending':
      return msg('to be delivered', { id: 'state-pending' });
    case 'held':
      return msg('waits at the house', { id: 'state-held' });
    case 'credited':
    case 'duplicate':
      return msg('credited', { id: 'state-credited' });
    case 'refused':
      return msg('refused', { id: 'state-refused' });
    default:
      return state;
  }
}
