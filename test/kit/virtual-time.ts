/** Promises in virtual time: the scheduler goes on only when no promise has anything left to do. */
import type { VirtualScheduler } from '../../host-bridge/base/scheduler.js';

/** Lets promises run until they all wait for time to pass. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Runs events until the promise is settled. @throws Error when `limitMs` of virtual time pass first */
export async function run<T>(scheduler: VirtualScheduler, promise: Promise<T>, limitMs = 600_000): Promise<T> {
  let done = false;
  const mark = () => void (done = true);
  promise.then(mark, mark);
  const endMs = scheduler.nowMs() + limitMs;
  for (;;) {
    await settle();
    if (done) return promise;
    if (scheduler.nowMs() > endMs || !scheduler.step()) throw new Error(`not settled at ${scheduler.nowMs()} ms`);
  }
}

/** Lets virtual time pass. */
export function pass(scheduler: VirtualScheduler, ms: number): Promise<void> {
  return run(scheduler, new Promise<void>((resolve) => void scheduler.setTimer(resolve, ms)), ms + 1);
}
