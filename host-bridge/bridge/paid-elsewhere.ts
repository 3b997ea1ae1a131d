/**
 * A payment that this bridge did not deliver: the shop's other till took it, or the computer was replaced. Who keeps
 * the accounts has its history, and gives it to a terminal of the shop.
 *
 * The question is a refund that names no pseudonym, signed by the terminal as any other; so nobody else learns which
 * pseudonym paid, and no other key or message is needed. Whether there is such a payment is asked first, so that
 * nothing is signed for a slip of the pen.
 */
import { equal } from '../../firmware/core/bytes.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { challenge, history, KEY_BYTES, SIGNATURE_BYTES } from '../../firmware/wire/payment.js';
import { refund as refundMessage, refundBody, REFUND_ID_BYTES } from '../../firmware/wire/refund.js';
import { refusal, type Result } from '../base/errors.js';
import { call, type Services } from '../base/services/calls.js';
import type { TerminalSession } from '../serial/terminal-session.js';

export interface PaidElsewhereOptions {
  house: Pick<Services['issuer'], 'parameters' | 'findPayment'>;
  terminal: Pick<TerminalSession, 'ask' | 'status'>;
  random(bytes: number): Uint8Array;
  /** How long the terminal may take to sign. */
  signMs: number;
}

/**
 * Asks.
 * @param rs 16 bytes
 * @returns the encoded history. Codes: REPLY_INVALID, the terminal's, and those of `findPayment`.
 */
export async function findPaidElsewhere(
  { house, terminal, random, signMs }: PaidElsewhereOptions,
  rs: Uint8Array,
): Promise<Result<{ history: Uint8Array }>> {
  const told = await terminal.status();
  if (!told.ok) return told;
  const { shop, terminalId, issuer } = told.status;
  const known = await call(() => house.findPayment(shop, rs, null));
  if (!known.ok) return known;
  const terms = await call(() => house.parameters());
  if (!terms.ok) return terms;
  const { currency } = terms.parameters;
  const [pku, refundId] = [new Uint8Array(KEY_BYTES), random(REFUND_ID_BYTES)];
  const body = refundBody.encode({ issuer, currency, pku, rs, amount: 1, refundId, terminalId, shop });
  const signed = await terminal.ask(KIND.refund, body, signMs);
  if (signed.code !== 'OK') return refusal(signed.code, 'refund');
  if (signed.body.length !== SIGNATURE_BYTES) return refusal('BAD_REQUEST', "the terminal's signature");
  const question = refundMessage.encode({ signature: signed.body, body });
  const found = await call(() => house.findPayment(shop, rs, question));
  if (!found.ok) return found;
  const paid = found.history && history.decode(found.history);
  const what = paid && challenge.decode(paid.challenge);
  if (!found.history || !what || what.shop !== shop || !equal(what.rs, rs))
    return refusal('REPLY_INVALID', 'the payment');
  return { ok: true, history: found.history };
}
