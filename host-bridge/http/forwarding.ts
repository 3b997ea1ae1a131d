/**
 * The bank's way to the issuer, kept going: requests without a reply and histories to return, batch after batch, later
 * and later while the issuer cannot be reached.
 */
import type { Logger } from 'pino';
import { createBackOff } from '../base/back-off.js';
import { createRealScheduler, type Scheduler, type Timer } from '../base/scheduler.js';
import { bodyOfThrown, type ErrorCode, type Result } from '../base/errors.js';

const BACKOFF_MAX_MS = 60_000;

/**
 * Starts.
 * @param forwardMs pause between two looks for work
 * @returns what ends it, after the batch under way
 */
export function startForwarding(
  forward: () => Promise<Result<{ more: boolean }>>,
  log: Logger,
  forwardMs = 1000,
  scheduler: Scheduler = createRealScheduler(),
): { stop(): Promise<void> } {
  let stopped = false;
  let timer: Timer | null = null;
  let running: Promise<void> = Promise.resolve();
  const backOff = createBackOff(2 * forwardMs, BACKOFF_MAX_MS);
  let told: ErrorCode | null = null;

  async function once(): Promise<void> {
    const done = await forward().catch((thrown): Result<{ more: boolean }> => ({
      ok: false,
      code: bodyOfThrown(thrown).code,
    }));
    if (done.ok) {
      if (told !== null) log.info('the issuer is back');
      told = null;
      backOff.reset();
    } else {
      if (told !== done.code)
        log.warn({ code: done.code, detail: done.detail }, 'nothing reaches the issuer; it waits');
      told = done.code;
    }
    const pauseMs = done.ok ? (done.more ? 0 : forwardMs) : backOff.nextMs();
    if (!stopped) timer = scheduler.setTimer(next, pauseMs);
  }
  function next(): void {
    running = once();
  }
  next();
  return {
    async stop() {
      stopped = true;
      if (timer) scheduler.clearTimer(timer);
      await running;
      if (timer) scheduler.clearTimer(timer);
    },
  };
}
