/**
 * One power cycle of an emulated board: whatever the program waits for ends with it.
 *
 * Espruino runs one callback at a time, to its end, from its idle loop (src/jsinteractive.c, `jsiIdle`); an exception ends
 * the callback, is printed, and the board goes on. Promise callbacks come after the callback that settled the promise.
 */
import type { Scheduler, Timer } from './scheduler.js';

/** A callback that waits for its time. */
export interface Waiting {
  timer: Timer | null;
}

export interface Cycle {
  /** False once power is gone; nothing of the program runs after that. */
  readonly alive: boolean;
  /** Milliseconds since power came. */
  nowMs(): number;
  /** Runs a callback of the program now, unless power is gone. */
  enter(callback: () => void): void;
  /** Runs a callback of the program later. */
  after(delayMs: number, callback: () => void): Waiting;
  cancel(waiting: Waiting): void;
  /** Runs when the callback that is running has ended. */
  job(callback: () => void): void;
  /** Asks for something to be done with the whole board once the running callback has ended. */
  whenIdle(action: () => void): void;
  /** Writes a line on the console. */
  print(text: string): void;
  /** Reports something that a real board would not notice. */
  notice(message: string): void;
  /** The same for a mistake of the program, and throws. */
  fault(message: string): never;
  /** Ends the cycle. */
  kill(): void;
}

export interface CycleHooks {
  print(text: string): void;
  /** An exception that no one caught, or a fault. */
  error(text: string): void;
}

/** What Espruino prints of a thrown value. */
function describe(thrown: unknown): string {
  const error = thrown as { name?: string; message?: string; stack?: string } | null;
  if (error && typeof error === 'object' && typeof error.message === 'string') {
    const where = /\n\s+at (.*)/.exec(error.stack ?? '');
    return `${error.name ?? 'Error'}: ${error.message}${where ? `\n    at ${where[1]}` : ''}`;
  }
  return String(thrown);
}

/** Begins a power cycle. */
export function createCycle(scheduler: Scheduler, hooks: CycleHooks): Cycle {
  const startMs = scheduler.nowMs();
  const waiting = new Set<Waiting>();
  let jobs: (() => void)[] = [];
  let idle: (() => void) | null = null;
  let depth = 0;
  let alive = true;

  function guarded(callback: () => void): void {
    try {
      callback();
    } catch (thrown) {
      if (!alive) return;
      const text = `Uncaught ${describe(thrown)}`;
      hooks.error(text);
      hooks.print(text);
    }
  }

  const cycle: Cycle = {
    get alive() {
      return alive;
    },
    nowMs: () => scheduler.nowMs() - startMs,
    enter(callback) {
      if (!alive) return;
      depth++;
      guarded(callback);
      depth--;
      if (depth > 0) return;
      while (alive && jobs.length > 0) {
        const now = jobs;
        jobs = [];
        for (const job of now) if (alive) guarded(job);
      }
      const action = idle;
      idle = null;
      if (alive && action) action();
    },
    after(delayMs, callback) {
      const entry: Waiting = { timer: null };
      if (!alive) return entry;
      entry.timer = scheduler.setTimer(() => {
        waiting.delete(entry);
        entry.timer = null;
        cycle.enter(callback);
      }, delayMs);
      waiting.add(entry);
      return entry;
    },
    cancel(entry) {
      if (entry.timer) scheduler.clearTimer(entry.timer);
      entry.timer = null;
      waiting.delete(entry);
    },
    job(callback) {
      if (depth > 0) jobs.push(callback);
      else cycle.enter(callback);
    },
    whenIdle(action) {
      idle = action;
    },
    print: (text) => {
      if (alive) hooks.print(text);
    },
    notice: (message) => {
      if (alive) hooks.error(message);
    },
    fault(message) {
      cycle.notice(message);
      throw new Error(message);
    },
    kill() {
      alive = false;
      jobs = [];
      idle = null;
      for (const entry of waiting) if (entry.timer) scheduler.clearTimer(entry.timer);
      waiting.clear();
    },
  };
  return cycle;
}
