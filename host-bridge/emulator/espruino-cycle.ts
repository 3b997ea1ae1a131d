/**
 * One power cycle of an emulated board: whatever the program waits for ends with it.
 *
 * Espruino runs one callback at a time, to its end, from its idle loop (src/jsinteractive.c, `jsiIdle`); an exception
 * ends the callback, is printed, and the board goes on. Promise callbacks come after the callback that settled the
 * promise.
 */
import type { Scheduler, Timer } from '../base/scheduler.js';

/** A callback that waits for its time. */
export interface Waiting {
  timer: Timer | null;
}

export interface Cycle {
  /** False once power is gone; nothing of the program runs after that. */
  readonly alive: boolean;
  /** Milliseconds since power came. */
  nowMs(): number;
  /** Runs a callback of the program now or, where the program is still at work, after that; unless power is gone. */
  enter(callback: () => void): void;
  /** Runs a callback of the program later. */
  after(delayMs: number, callback: () => void): Waiting;
  cancel(waiting: Waiting): void;
  /** Runs when the callback that is running has ended. */
  job(callback: () => void): void;
  /** Asks for something to be done with the whole board once the running callback has ended. */
  whenIdle(action: () => void): void;
  /** Does what the program asks for now: at once, or after the time that it has worked. */
  output(action: () => void): void;
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

/** Begins a power cycle. @param workMs how long the program has worked (work-meter.ts); without it, it takes no time */
export function createCycle(scheduler: Scheduler, hooks: CycleHooks, workMs?: () => number): Cycle {
  const startMs = scheduler.nowMs();
  const waiting = new Set<Waiting>();
  let jobs: (() => void)[] = [];
  let idle: (() => void) | null = null;
  let depth = 0;
  let alive = true;
  /** When the program is done with what it does, and while a callback runs: its work when that began. */
  let freeMs = 0;
  let before = 0;

  /** How far the program is behind the world. */
  function lagMs(): number {
    const behind = Math.max(0, freeMs - scheduler.nowMs());
    return workMs && depth > 0 ? behind + workMs() - before : behind;
  }

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
    nowMs: () => scheduler.nowMs() - startMs + lagMs(),
    enter(callback) {
      if (!alive) return;
      if (depth === 0 && freeMs > scheduler.nowMs()) {
        cycle.after(0, callback);
        return;
      }
      if (depth === 0 && workMs) before = workMs();
      depth++;
      guarded(callback);
      if (depth > 1) {
        depth--;
        return;
      }
      while (alive && jobs.length > 0) {
        const now = jobs;
        jobs = [];
        for (const job of now) if (alive) guarded(job);
      }
      if (workMs) freeMs = scheduler.nowMs() + lagMs();
      depth--;
      const action = idle;
      idle = null;
      if (alive && action) action();
    },
    after(delayMs, callback) {
      const entry: Waiting = { timer: null };
      if (!alive) return entry;
      entry.timer = scheduler.setTimer(function due() {
        // The program is at work: until it is done, it may still cancel this.
        if (depth === 0 && freeMs > scheduler.nowMs()) {
          entry.timer = scheduler.setTimer(due, freeMs - scheduler.nowMs());
          return;
        }
        waiting.delete(entry);
        entry.timer = null;
        cycle.enter(callback);
      }, delayMs + lagMs());
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
    output(action) {
      const lag = lagMs();
      if (lag > 0) scheduler.setTimer(action, lag);
      else action();
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
