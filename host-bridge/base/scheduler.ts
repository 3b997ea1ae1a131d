/**
 * Time for everything that is emulated: boards, PN532 chips, radio field, serial lines.
 *
 * Two clocks behind one interface. `createRealScheduler` lives on Node's timers (the demo). `createVirtualScheduler`
 * jumps from event to event, so that a simulation is as fast as its work and repeatable to the byte. Both run events
 * in order of time, and in order of scheduling where times are equal.
 */

/** A cancellable handle, as `setTimer` gave it. */
export type Timer = { readonly dueMs: number };

export interface Scheduler {
  /** Milliseconds since the scheduler was made; may be fractional. */
  nowMs(): number;
  /** Runs `callback` once, `delayMs` (0 or more) from now, never before the caller has returned. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** The same at a time of this clock; one that has passed means now. */
  setTimerAt(callback: () => void, dueMs: number): Timer;
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

type Event = Timer & { order: number; callback: (() => void) | null };

/** Events in order of time, and in order of scheduling where times are equal: a binary heap. */
function createEventQueue() {
  const heap: Event[] = [];
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

  return {
    add(dueMs: number, callback: () => void): Timer {
      const event: Event = { dueMs, order: order++, callback };
      push(event);
      live++;
      return event;
    },
    clear(timer: Timer): void {
      const event = timer as Event;
      if (event.callback !== null) live--;
      event.callback = null;
    },
    /** The next event that was not cleared, still in the queue. */
    peek(): Event | undefined {
      while (heap.length > 0 && heap[0].callback === null) pop();
      return heap[0];
    },
    /** Takes the event that `peek` showed out of the queue; gives its callback. */
    take(): () => void {
      const event = pop();
      const callback = event.callback!;
      event.callback = null;
      live--;
      return callback;
    },
    live: () => live,
  };
}

/** Virtual time. */
export function createVirtualScheduler(): VirtualScheduler {
  const queue = createEventQueue();
  let now = 0;

  function step(): boolean {
    const event = queue.peek();
    if (!event) return false;
    now = event.dueMs;
    queue.take()();
    return true;
  }

  return {
    nowMs: () => now,
    setTimer: (callback, delayMs) => queue.add(now + Math.max(0, delayMs), callback),
    setTimerAt: (callback, dueMs) => queue.add(Math.max(now, dueMs), callback),
    clearTimer: queue.clear,
    step,
    runUntil(done, limitMs) {
      const endMs = now + limitMs;
      while (!done()) {
        const event = queue.peek();
        if (!event || event.dueMs > endMs) return false;
        step();
      }
      return true;
    },
    advance(durationMs) {
      const endMs = now + durationMs;
      for (let event = queue.peek(); event && event.dueMs <= endMs; event = queue.peek()) step();
      now = endMs;
    },
    pending: queue.live,
  };
}

/** Longest delay that Node's `setTimeout` takes; a longer one would become 1 ms. */
const NODE_DELAY_MS_MAX = 2 ** 31 - 1;

/**
 * Real time, on one of Node's timers at a time, which is set for the next event of the queue. With a timer of its own
 * for each event, a later one would overtake an earlier one: Node keeps timers of different lengths, and immediates,
 * in queues of their own. What is due already is woken by `setImmediate`, as `setTimeout(0)` waits a whole
 * millisecond; one event a wake, so that promises and sockets come in between.
 * @param keepsAlive false: what waits does not keep a program running whose work is done
 */
export function createRealScheduler({ keepsAlive = true }: { keepsAlive?: boolean } = {}): Scheduler {
  const startMs = performance.now();
  const nowMs = () => performance.now() - startMs;
  const queue = createEventQueue();
  /** What wakes the queue next, and for which time. */
  let alarm: { dueMs: number; clear: () => void } | null = null;

  function setAlarm(): void {
    const next = queue.peek();
    if (next && alarm && alarm.dueMs <= next.dueMs) return;
    alarm?.clear();
    alarm = null;
    if (!next) return;
    const delayMs = next.dueMs - nowMs();
    if (delayMs <= 0) {
      const handle = setImmediate(wake);
      alarm = { dueMs: next.dueMs, clear: () => clearImmediate(handle) };
    } else {
      const handle = setTimeout(wake, Math.min(delayMs, NODE_DELAY_MS_MAX));
      if (!keepsAlive) handle.unref();
      alarm = { dueMs: next.dueMs, clear: () => clearTimeout(handle) };
    }
  }

  function wake(): void {
    alarm = null;
    const next = queue.peek();
    // Node may wake a little before the time.
    const callback = next && next.dueMs <= nowMs() ? queue.take() : null;
    // Before the callback, which may throw.
    setAlarm();
    callback?.();
  }

  function setTimerAt(callback: () => void, dueMs: number): Timer {
    const timer = queue.add(Math.max(nowMs(), dueMs), callback);
    setAlarm();
    return timer;
  }

  return {
    nowMs,
    setTimer: (callback, delayMs) => setTimerAt(callback, nowMs() + Math.max(0, delayMs)),
    setTimerAt,
    clearTimer(timer) {
      queue.clear(timer);
      setAlarm();
    },
  };
}
