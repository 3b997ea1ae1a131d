/**
 * One conversation with a wallet over a communication line [0130]: command APDUs go out in HTTP replies, the wallet's
 * answers come in HTTP requests, byte for byte as they pass a reader's field.
 *
 * Each command has a number. The same answer to the same command again has the same reply, so a reply that got lost is
 * asked for again; anything else changes nothing. A wallet that is silent for `ANSWER_MS` has left the field.
 */
import { randomBytes } from 'node:crypto';
import { equal, toHex } from '../../firmware/core/bytes.js';
import type { ErrorCode } from '../base/errors.js';
import { refusal, type Result } from '../base/errors.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import type { ExchangeResult } from '../../firmware/nfc/pn532-reader.js';

/** How long a wallet may take for an answer. */
const ANSWER_MS = 10_000;
/** How long a request waits for the terminal's next command. */
const HOLD_MS = 8_000;
const VISIT_ID_BYTES = 8;
const LOST: ExchangeResult = { ok: false, code: 'RF_LOST' };

/** What a wallet is told: the next command, or how the conversation ended. */
export type VisitReply =
  | { visit: string; number: number; command: Uint8Array; code: null }
  | { visit: string; number: number; command: null; code: ErrorCode };

/** A conversation. */
export interface Visit {
  id: string;
  /** Sends a command APDU; `callback` comes later, exactly once. */
  transceive(apdu: Uint8Array, callback: (result: ExchangeResult) => void): void;
  /** The wallet's answer to command `number`. Codes: BAD_REQUEST, NO_ANSWER. */
  answer(number: number, bytes: Uint8Array): Promise<Result<{ reply: VisitReply }>>;
  /** The next command after `number`, or the end. Codes: NO_ANSWER. */
  next(number: number): Promise<Result<{ reply: VisitReply }>>;
  /** The wallet is gone: an answer that is waited for does not come. */
  leave(): void;
  /** The conversation is over, and the wallet is told so. */
  end(code: ErrorCode): void;
}

/** Waits for what `look` finds, which is asked again at each change. Codes: NO_ANSWER. */
function held<T>(scheduler: Scheduler, looks: Set<() => void>, look: () => Result<T> | null): Promise<Result<T>> {
  return new Promise((resolve) => {
    const limit = scheduler.setTimer(() => done(refusal('NO_ANSWER', 'the terminal')), HOLD_MS);
    function done(result: Result<T>): void {
      scheduler.clearTimer(limit);
      looks.delete(again);
      resolve(result);
    }
    function again(): void {
      const found = look();
      if (found) done(found);
    }
    looks.add(again);
    again();
  });
}

/** Makes one; its first command has the number 1. */
export function createVisit(scheduler: Scheduler): Visit {
  const id = toHex(new Uint8Array(randomBytes(VISIT_ID_BYTES)));
  let number = 0;
  let command: Uint8Array = new Uint8Array(0);
  let waiting: ((result: ExchangeResult) => void) | null = null;
  let timer: Timer | null = null;
  const answers = new Map<number, Uint8Array>(); // by the number of their command
  let gone = false;
  let ended: ErrorCode | null = null;
  const looks = new Set<() => void>();

  function finish(result: ExchangeResult): void {
    const callback = waiting;
    waiting = null;
    if (timer) scheduler.clearTimer(timer);
    if (callback) scheduler.setTimer(() => callback(result), 0);
  }

  function leave(): void {
    gone = true;
    finish(LOST);
  }

  function replyAfter(seen: number): VisitReply | null {
    if (number > seen && !answers.has(number) && !gone) return { visit: id, number, command, code: null };
    return ended === null ? null : { visit: id, number, command: null, code: ended };
  }

  const next = (seen: number): Promise<Result<{ reply: VisitReply }>> =>
    held(scheduler, looks, () => {
      const reply = replyAfter(seen);
      return reply && { ok: true, reply };
    });

  return {
    id,
    transceive(apdu, callback) {
      if (gone || waiting || ended !== null) return void scheduler.setTimer(() => callback(LOST), 0);
      number++;
      command = apdu;
      waiting = callback;
      timer = scheduler.setTimer(leave, ANSWER_MS);
      looks.forEach((look) => look());
    },
    async answer(to, bytes) {
      // 1. An answer to the command of now.
      if (to === number && waiting) {
        answers.set(to, bytes);
        finish({ ok: true, data: bytes });
        return next(to);
      }
      // 2. The same as before, whose reply got lost.
      const known = to >= number - 1 ? answers.get(to) : undefined;
      if (known && equal(known, bytes)) return next(to);
      // 3. The conversation is over without it, or this is no answer of it.
      const over = replyAfter(number);
      if (over) return { ok: true, reply: over };
      return gone ? refusal('TAP_TORN') : refusal('BAD_REQUEST', 'not an answer to the command that was sent');
    },
    next,
    leave,
    end(code) {
      ended ??= code;
      finish(LOST);
      looks.forEach((look) => look());
    },
  };
}
