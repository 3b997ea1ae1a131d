/**
 * Time for everything that is emulated: boards, PN532 chips, radio field, serial lines.
 *
 * Two clocks behind one interface. `createRealScheduler` lives on Node's timers (the demo). `createVirtualScheduler`
 * jumps from event to event, so that a simulation is as fast as its work and repeatable to the byte: events run in
 * order of time, and in order of scheduling where times are equal.
 */

/** A cancellable handle, as `setTimer` gave it. */
export type Timer = { readonly dueMs: number };

export interface Scheduler {
  /** Milliseconds since the scheduler was made; may be fractional. */
  nowMs(): number;
  /** Runs `callback` once, `delayMs` (0 or more) from now, never before the caller has returned. */
  setTimer(callback: () => void, delayMs: number): Timer;
  clearTimer(timer: Timer): void;
}

export interface VirtualScheduler extends Scheduler {
  /** Runs the next event; false when there is none. */
  step(): boolean;
  /**
   * Runs events until `done()` is true (asked before each event) or `limitMs` of virtual time have passed.
   * @returns whether `done()` became true
   */
  runUntil(done: () => boolean, limitMs: number): boolean;
  /** Runs every event that falls due in the next `durationMs`, then sets the clock there. */
  advance(durationMs: number): void;
  /** Events waiting. */
  pending(): number;
}

type Event = Timer & { dueMs: number; order: number; callback: (() => void) | null };

/** Virtual time: a binary heap of events. */
export function createVirtualScheduler(): VirtualScheduler {
  const heap: Event[] = [];
  let now = 0;
  let order = 0;
  let live = 0;

  const before = (a: Event, b: Event) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

  function push(event: Event): void {
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(heap[i], heap[parent])) break;
      [heap[i], heap[parent]] = [heap[parent], heap[i]];
      i = parent;
    }
  }

  function pop(): Event {
    const top = heap[0];
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0; ;) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < heap.length && before(heap[child], heap[least])) least = child;
        }
        if (least === i) break;
        [heap[i], heap[least]] = [heap[least], heap[i]];
        i = least;
      }
    }
    return top;
  }

  /** The next event that was not cleared, still in the heap. */
  function peek(): Event | undefined {
    while (heap.length > 0 && heap[0].callback === null) pop();
    return heap[0];
  }

  function step(): boolean {
    const event = peek();
    if (!event) return false;
    pop();
    const callback = event.callback!;
    event.callback = null;
    live--;
    now = event.dueMs;
    callback();
    return true;
  }

  return {
    nowMs: () => now,
    setTimer(callback, delayMs) {
      const event: Event = { dueMs: now + Math.max(0, delayMs), order: order++, callback };
      push(event);
      live++;
      return event;
    },
    clearTimer(timer) {
      const event = timer as Event;
      if (event.callback !== null) live--;
      event.callback = null;
    },
    step,
    runUntil(done, limitMs) {
      const endMs = now + limitMs;
      while (!done()) {
        const event = peek();
        if (!event || event.dueMs > endMs) return false;
        step();
      }
      return true;
    },
    advance(durationMs) {
      const endMs = now + durationMs;
      for (let event = peek(); event && event.dueMs <= endMs; event = peek()) step();
      now = endMs;
    },
    pending: () => live,
  };
}

/** Real time, on Node's timers. A delay of 0 is `setImmediate`: real `setTimeout(0)` waits a whole millisecond. */
export function createRealScheduler(): Scheduler {
  const startMs = performance.now();
  type Real = Timer & { clear: () => void };
  return {
    nowMs: () => performance.now() - startMs,
    setTimer(callback, delayMs) {
      const dueMs = performance.now() - startMs + delayMs;
      if (delayMs <= 0) {
        const handle = setImmediate(callback);
        return { dueMs, clear: () => clearImmediate(handle) } as Real;
      }
      const handle = setTimeout(callback, delayMs);
      return { dueMs, clear: () => clearTimeout(handle) } as Real;
    },
    clearTimer: (timer) => (timer as Real).clear(),
  };
}
