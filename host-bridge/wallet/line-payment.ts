/**
 * A payment over a communication line, from the wallet's side [0011], [0130]: the shop's commands come in HTTP replies,
 * and the token's own APDU server answers them.
 *
 * What its owner has confirmed, amount and shop, is held against OPEN and CHALLENGE before the purse sees them: a shop
 * that asks for anything else gets no signature. A line that breaks anywhere is taken up again: the same answer to the
 * same command, or a new conversation, in which the token gives the same signature for the same charge. Desk commands
 * are refused: nobody sees who is at the other end.
 */
import { statusWord } from '../../firmware/core/codes.js';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { createApduServer, type ApduHandlers } from '../../firmware/nfc/iso-dep-server.js';
import { chargeId, CHALLENGE_CHARGE_AT, readChallenge } from '../../firmware/wire/payment.js';
import { AID, CLA, INS, isDeskCommand, isPaperCommand, recallRequest } from '../../firmware/wire/token-commands.js';
import { isRetryable, refusal, type ErrorCode, type Result } from '../base/errors.js';
import type { LineClient, LineStep } from '../http/line-client.js';
import type { SoftToken } from './soft-token.js';

/** What the owner has confirmed. */
export interface Confirmed {
  shop: string;
  currency: string;
  /** Minor units. */
  amount: number;
}

/** A payment that was made. */
export interface LinePaid extends Confirmed {
  /** Rs, hexadecimal: with the shop's name the payment's identity. */
  rs: string;
  /** It was made before; nothing was debited now. */
  repeated: boolean;
}

/** What a payment works with. */
export interface LinePayment {
  token: SoftToken;
  client: LineClient;
  /** 8 bytes. */
  charge: Uint8Array;
  confirmed: Confirmed;
  /** Whether an amount above the token's limits was confirmed, too, as by a press. */
  presses: boolean;
  /** The (IdS, Rs) that this charge was first signed under, as encoded `chargeId`; null: not yet. */
  known(): Uint8Array | null;
  /** Durable when it returns: before the challenge is answered. */
  note(chargeId: Uint8Array): void;
  pause(ms: number): Promise<void>;
}

/** How often a conversation is begun anew, and an answer given again, where the line breaks. */
const VISITS_MAX = 6;
const SENDS_MAX = 4;
const PAUSE_MS = 300;
/** Commands in one conversation: SELECT, OPEN, CHALLENGE, ACK, and RECALL with ACK for 16 debits, in parts. */
const COMMANDS_MAX = 100;
/** After these a new conversation may go further. */
const TORN: readonly ErrorCode[] = ['TAP_TORN', 'BUSY', 'NO_ANSWER'];

/** The token's handlers behind what its owner has confirmed. */
function guardedHandlers({ token, confirmed, known, note }: LinePayment, seen: { other: boolean }): ApduHandlers {
  const shop = chargeId.encode({ rs: new Uint8Array(16), shop: confirmed.shop }).subarray(16);
  const isShop = (field: Uint8Array) => equal(field, shop);
  function refuse(code: 'REFUSED' | 'DESK_CLOSED' | 'NO_CHARGE') {
    if (code === 'REFUSED') seen.other = true;
    return { sw: statusWord(code) };
  }
  return {
    selectAnswer: token.handlers.selectAnswer,
    select: token.handlers.select,
    command(ins, data, p1, p2) {
      if (isDeskCommand(ins) || isPaperCommand(ins) || ins === INS.status) return refuse('DESK_CLOSED');
      if (ins === INS.open && data.length > 16 && !isShop(data.subarray(16))) return refuse('REFUSED');
      if (ins === INS.recall && recallRequest.decode(data)?.shop !== confirmed.shop) return refuse('NO_CHARGE');
      const asked = ins === INS.challenge ? readChallenge(data) : null;
      if (asked) {
        const { amount, currency } = confirmed;
        if (asked.amount !== amount || asked.currency !== currency || asked.shop !== confirmed.shop)
          return refuse('REFUSED');
        const id = data.slice(CHALLENGE_CHARGE_AT);
        const signed = known();
        // One charge, one signature: a shop that asks anew under another Rs would be paid twice.
        if (signed && !equal(signed, id) && token.purse.state.journal.find(signed) >= 0)
          return { sw: statusWord('CHALLENGE_CONFLICT') };
        note(id);
      }
      return token.handlers.command(ins, data, p1, p2);
    },
  };
}

/** One conversation, to its end. */
async function converse(
  { token, client, charge, pause }: LinePayment,
  handlers: ApduHandlers,
): Promise<Result<{ code: ErrorCode }>> {
  const server = createApduServer({ aid: AID, cla: CLA, handlers });
  let step: Result<LineStep> = await client.arrive(charge);
  token.setInField(true);
  try {
    for (let commands = 0; step.ok && commands < COMMANDS_MAX; commands++) {
      if (step.command === null) return { ok: true, code: step.code ?? 'UNKNOWN_CODE' };
      const { visit, number, command } = step;
      const answer = server.handle(command);
      if (!server.hasMore()) token.finish();
      step = await client.answer(visit, number, answer);
      for (let sends = 1; !step.ok && isRetryable(step.code) && sends < SENDS_MAX; sends++) {
        await pause(PAUSE_MS);
        step = await client.answer(visit, number, answer);
      }
    }
  } finally {
    token.setInField(false);
  }
  return step.ok ? refusal('REPLY_INVALID', 'the shop never ends') : step;
}

/**
 * Pays a charge: debited once, or not at all, whatever the line does.
 * Codes: NOT_CONFIRMED, CONFIRM_NEEDED, WALLET_SHORT, NOT_LICENSED, JOURNAL_FULL, those of the shop's terminal and of
 * the connection. TAP_TORN and SERVICE_*: the same again goes on from there.
 */
export async function payOverLine(payment: LinePayment): Promise<Result<LinePaid>> {
  const { token, confirmed, known, pause } = payment;
  const { purse } = token;
  const { journal } = purse.state;
  const slotNow = () => {
    const id = known();
    return id ? journal.find(id) : -1;
  };
  const repeated = slotNow() >= 0;
  const seen = { other: false };
  const handlers = guardedHandlers(payment, seen);
  let pressed = false;
  let last: ErrorCode = 'TAP_TORN';
  let detail: string | undefined;
  for (let visits = 0; visits < VISITS_MAX; visits++) {
    if (visits > 0) await pause(PAUSE_MS);
    const done = await converse(payment, handlers);
    if (seen.other) return refusal('NOT_CONFIRMED', `${confirmed.shop} was confirmed`);
    const slot = slotNow();
    if (slot >= 0 && journal.isSettled(slot))
      return { ok: true, ...confirmed, rs: toHex(known()!.subarray(0, 16)), repeated };
    last = done.code;
    detail = done.ok ? undefined : done.detail;
    if (last === 'CONFIRM_NEEDED') {
      // What waits for no press is more than the wallet holds.
      if (!purse.pending(token.clock.nowMs())) return refusal('WALLET_SHORT');
      if (pressed || !payment.presses) break;
      token.press();
      pressed = true;
      continue;
    }
    // OK, and not acknowledged: the answer to the last command got lost.
    if (last !== 'OK' && !TORN.includes(last) && !isRetryable(last)) break;
  }
  if (slotNow() >= 0 && !journal.isSettled(slotNow()))
    return refusal(
      last === 'OK' ? 'TAP_TORN' : last,
      'signed, and the shop has not acknowledged it: pay again, nothing is debited twice',
    );
  return refusal(last === 'OK' ? 'TAP_TORN' : last, detail);
}
