/**
 * Steps of a desk procedure: a command to the token, or a request to a service, repeated until it has an answer, is
 * refused for good, or its time is over. Repeating is harmless: every command and request has its effect once.
 */
import { randomBytes } from 'node:crypto';
import type { Code } from '../../../firmware/core/codes.js';
import type { Scheduler } from '../../base/scheduler.js';
import { refusal, type Result } from '../../base/errors.js';
import { olderSide } from '../../base/update-needed.js';
import { COMMAND_ID_BYTES, selectAnswer } from '../../../firmware/wire/token-commands.js';
import type { TerminalSession } from '../../serial/terminal-session.js';
import { call, isOutage } from '../../base/services/calls.js';

/** How long a step may take, with everything that is waited for. */
const DESK_STEP_MS = 90_000;
/** The reader waits so long at a time, so that it is free soon after a procedure is given up. */
const READER_MS = 15_000;
const PAUSE_MS = 1000;
const TAP_PAUSE_MS = 200;
const SERVICE_RETRIES_MAX = 4;

/** The id of one command to a token: however often it is repeated, its bytes stay the same. */
export const newCommandId = (): Uint8Array => new Uint8Array(randomBytes(COMMAND_ID_BYTES));

/** Somebody should do something, or wait; `work`: the token has done a part of it, and goes on. */
export interface DeskEvent {
  step: string;
  wait: 'tap' | 'again' | 'button' | 'confirm' | 'enter' | 'work' | 'link' | 'service';
}

export interface DeskStepOptions {
  terminal: Pick<TerminalSession, 'desk' | 'leaveDesk'>;
  scheduler: Scheduler;
  /** The bridge ends: procedures are given up. */
  closed?: AbortSignal;
  /** Whether a house has had more than one key: then what a token does not take may be by one that it was not given. */
  keysFollowed?(): boolean;
}

/** The steps of one procedure. */
export interface DeskSteps {
  /** A command to the token; `read` gives null for an answer that is none. */
  token<T>(
    step: string,
    ins: number,
    data: Uint8Array,
    read: (bytes: Uint8Array) => T | null,
  ): Promise<Result<{ answer: T }>>;
  service<T>(step: string, run: () => Result<T> | Promise<Result<T>>): Promise<Result<T>>;
}

/** The step in which the owner enters x on the token. */
export const ENTRY_STEP = 'amount';

/** What to wait for after a code of the terminal or token; null: it is final. */
function waitFor(code: Code, step: string): { wait: DeskEvent['wait']; pauseMs: number } | null {
  if (code === 'NO_TOKEN') return { wait: 'tap', pauseMs: 0 };
  if (code === 'TAP_TORN') return { wait: 'again', pauseMs: TAP_PAUSE_MS };
  if (code === 'DESK_CLOSED') return { wait: 'button', pauseMs: PAUSE_MS };
  if (code === 'CONFIRM_NEEDED') return { wait: 'confirm', pauseMs: PAUSE_MS };
  if (code === 'NO_CHARGE' && step === ENTRY_STEP) return { wait: 'enter', pauseMs: PAUSE_MS };
  if (code === 'LINK_DOWN' || code === 'NO_ANSWER' || code === 'BUSY') return { wait: 'link', pauseMs: PAUSE_MS };
  return null;
}

/** What of its work a token has done that answers BUSY, or 0 where it does not say; at most 255, so it ends. */
function doneOf(code: Code, body: Uint8Array): number {
  return code === 'BUSY' && body.length === 2 && body[0]! <= body[1]! ? body[0]! : 0;
}

/** Whether a token may have refused a paper of a house for its key. */
function mayBeTooNew(code: Code, step: string): boolean {
  return (
    code === 'LICENSE_INVALID' || code === 'RECEIPT_INVALID' || (code === 'SIGNATURE_INVALID' && step === 'coupon keys')
  );
}

/** Tells what is waited for, where that is not what was told last. */
function tellOnce(step: string, onEvent: (event: DeskEvent) => void): (wait: DeskEvent['wait']) => void {
  let told = '';
  return (wait) => {
    if (told !== wait) onEvent({ step, wait });
    told = wait;
  };
}

/** Makes the steps of one procedure. */
export function createDeskSteps(
  options: DeskStepOptions,
  onEvent: (event: DeskEvent) => void,
  stepMs = DESK_STEP_MS,
  signal?: AbortSignal,
): DeskSteps {
  const { terminal, scheduler, closed } = options;
  const isGivenUp = () => signal?.aborted || closed?.aborted;
  const pause = (ms: number) => new Promise<void>((resolve) => void scheduler.setTimer(resolve, ms));
  return {
    async token(step, ins, data, read) {
      let endMs = scheduler.nowMs() + stepMs;
      let done = 0;
      const tell = tellOnce(step, onEvent);
      tell('tap');
      for (;;) {
        if (isGivenUp()) return refusal('INTERRUPTED', step);
        const leftMs = Math.max(1, Math.ceil(endMs - scheduler.nowMs()));
        // Whoever gives up leaves the reader free for the next one, instead of waiting for a token that nobody brings.
        let leaving: Promise<void> | null = null;
        const leave = () => void (leaving = terminal.leaveDesk());
        signal?.addEventListener('abort', leave, { once: true });
        const { code, body } = await terminal.desk(ins, data, Math.min(leftMs, READER_MS));
        signal?.removeEventListener('abort', leave);
        if (leaving) await (leaving as Promise<void>);
        if (code !== 'OK' && isGivenUp()) return refusal('INTERRUPTED', step);
        if (code === 'OK') {
          const answer = read(body);
          return answer === null ? refusal('BAD_REQUEST', `the token's answer to ${step}`) : { ok: true, answer };
        }
        const other = code === 'UPDATE_NEEDED' ? selectAnswer.decode(body) : null;
        if (other) return refusal(code, olderSide('token', other.version));
        // A step is as long as its longest part: 32 pseudonyms take an ESP32 two minutes (estimate).
        const part = doneOf(code, body);
        if (part > done) {
          endMs = scheduler.nowMs() + stepMs;
          done = part;
          tell('work');
          continue;
        }
        const next = waitFor(code, step);
        if (next?.wait === 'enter' && scheduler.nowMs() + next.pauseMs >= endMs) return refusal('AMOUNT_NEEDED');
        if (!next || scheduler.nowMs() + next.pauseMs >= endMs)
          return refusal(options.keysFollowed?.() && mayBeTooNew(code, step) ? 'KEY_UNKNOWN' : code, step);
        // Nobody there: what was said last still holds.
        if (code !== 'NO_TOKEN') tell(next.wait);
        await pause(next.pauseMs);
      }
    },
    async service(step, run) {
      let pauseMs = PAUSE_MS / 2;
      for (let retries = 0; ; retries++) {
        if (isGivenUp()) return refusal('INTERRUPTED', step);
        const reply = await call(run);
        if (reply.ok || retries === SERVICE_RETRIES_MAX || !isOutage(reply.code)) return reply;
        if (retries === 0) onEvent({ step, wait: 'service' });
        await pause(pauseMs);
        pauseMs *= 2;
      }
    },
  };
}
