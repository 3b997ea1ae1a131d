/**
 * Promises for the emulated board: their callbacks run when the running callback has ended (src/jswrap_promise.c), in
 * virtual time. Node's own run only when the host's stack is empty, which is never while virtual time is being stepped.
 */
import type { Cycle } from './espruino-cycle.js';

type Settle = (value: unknown) => unknown;

class BoardPromise {
  private state: 'pending' | 'fulfilled' | 'rejected' = 'pending';
  private value: unknown;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly cycle: Cycle,
    executor: (resolve: (value?: unknown) => void, reject: (reason?: unknown) => void) => void,
  ) {
    try {
      executor(
        (value) => this.resolve(value),
        (reason) => this.settle('rejected', reason),
      );
    } catch (thrown) {
      this.settle('rejected', thrown);
    }
  }

  private resolve(value: unknown): void {
    const next = value && typeof (value as BoardPromise).then === 'function' ? (value as BoardPromise) : null;
    if (next)
      next.then(
        (v) => this.resolve(v),
        (reason) => this.settle('rejected', reason),
      );
    else this.settle('fulfilled', value);
  }

  private settle(state: 'fulfilled' | 'rejected', value: unknown): void {
    if (this.state !== 'pending') return;
    this.state = state;
    this.value = value;
    for (const callback of this.waiting) this.cycle.job(callback);
    this.waiting = [];
  }

  then(onFulfilled?: Settle | null, onRejected?: Settle | null): BoardPromise {
    return new BoardPromise(this.cycle, (resolve, reject) => {
      const run = () => {
        const callback = this.state === 'fulfilled' ? onFulfilled : onRejected;
        try {
          if (callback) resolve(callback(this.value));
          else if (this.state === 'fulfilled') resolve(this.value);
          else reject(this.value);
        } catch (thrown) {
          reject(thrown);
        }
      };
      if (this.state === 'pending') this.waiting.push(run);
      else this.cycle.job(run);
    });
  }

  catch(onRejected: Settle): BoardPromise {
    return this.then(null, onRejected);
  }
}

/** The `Promise` of one power cycle. */
export function createPromise(cycle: Cycle): unknown {
  const resolved = (value: unknown) => new BoardPromise(cycle, (resolve) => resolve(value));
  return Object.assign(
    function (executor: ConstructorParameters<typeof BoardPromise>[1]) {
      return new BoardPromise(cycle, executor);
    },
    {
      resolve: resolved,
      reject: (reason: unknown) => new BoardPromise(cycle, (_, reject) => reject(reason)),
      all: (list: unknown[]) =>
        new BoardPromise(cycle, (resolve, reject) => {
          const values: unknown[] = [];
          let missing = list.length;
          if (missing === 0) resolve(values);
          list.forEach((item, i) => {
            resolved(item).then((value) => {
              values[i] = value;
              if (--missing === 0) resolve(values);
            }, reject as Settle);
          });
        }),
    },
  );
}
