/**
 * Node's timers in a time that the test owns, so that what real time does by chance can be made to happen each time.
 *
 * After libuv's loop (docs: "Design overview") and Node's lib/internal/timers.js: whole milliseconds, read once a turn
 * of the loop; a delay cut to whole milliseconds, and 1 where it is less or does not fit 31 bits; one queue for each
 * length; immediates in a phase of their own. Each look at the clock takes time, and now and then much, as when memory
 * is tidied.
 */

interface Waiting {
  callback: () => void;
  startMs: number;
  delayMs: number;
  order: number;
}

/** Puts the timers in the place of Node's until `restore`. `random` gives 0 (included) to 1. */
export function replaceNodeTimers(random: () => number) {
  const real = { setTimeout, clearTimeout, setImmediate, clearImmediate, now: performance.now };
  let nowMs = 0;
  let loopMs = 0;
  let order = 0;
  const timers = new Set<Waiting>();
  let immediates = new Set<Waiting>();

  const spend = (ms: number) => void (nowMs += ms);
  const expiry = (timer: Waiting) => timer.startMs + timer.delayMs;
  const add = (to: Set<Waiting>, callback: () => void, delayMs: number): Waiting => {
    const waiting = { callback, startMs: loopMs, delayMs, order: order++ };
    to.add(waiting);
    return waiting;
  };

  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms: number) =>
      add(timers, callback, ms >= 1 && ms < 2 ** 31 ? Math.trunc(ms) : 1),
    clearTimeout: (timer: Waiting) => void timers.delete(timer),
    setImmediate: (callback: () => void) => add(immediates, callback, 0),
    clearImmediate: (immediate: Waiting) => void immediates.delete(immediate),
  });
  performance.now = () => {
    spend(random() < 0.01 ? 3 * random() : 0.001);
    return nowMs;
  };

  function readClock(): void {
    loopMs = Math.floor(nowMs);
  }

  function runTimers(): void {
    for (;;) {
      let next: Waiting | undefined;
      for (const timer of timers) {
        if (expiry(timer) > loopMs) continue;
        if (!next || expiry(timer) < expiry(next)) next = timer;
      }
      if (!next) return;
      timers.delete(next);
      next.callback();
    }
  }

  function runImmediates(): void {
    const due = immediates;
    immediates = new Set();
    for (const immediate of due) {
      // One may clear another that is in the same turn.
      if (due.delete(immediate)) immediate.callback();
    }
  }

  return {
    /** The program computes for so long. */
    spend,
    /** One turn of the loop; `poll` is what comes in from outside. False when nothing is left to do. */
    turn(poll?: () => void): boolean {
      readClock();
      runTimers();
      if (!poll && immediates.size === 0) {
        if (timers.size === 0) return false;
        nowMs = Math.max(nowMs, Math.min(...[...timers].map(expiry)));
        readClock();
      }
      poll?.();
      runImmediates();
      return true;
    },
    restore(): void {
      const { now, ...functions } = real;
      Object.assign(globalThis, functions);
      performance.now = now;
    },
  };
}
