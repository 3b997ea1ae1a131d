/**
 * Tells pages what happens: at most once a frame, however often it happened, and all of it to a page that comes later.
 */
import type { BenchEvent, StateEvent } from '../web/bench/bench-events.js';

/** A frame of a page that is drawn thirty times a second. */
const FRAME_MS = 33;
/** After something that may have changed the books. */
const BOOKS_MS = 150;
/** What a page that comes later is told of what was. */
const KEPT_MAX = 120;

/** Who hears. */
export type Listener = (events: BenchEvent[]) => void;

/** Where the hub looks. */
export interface Sources {
  scene(): BenchEvent;
  /** How each board looks now. */
  boards(): BenchEvent[];
  /** Asks boards and houses for both sides of the money. */
  books(): Promise<StateEvent>;
}

/** The hub. */
export interface Hub {
  tell(event: BenchEvent): void;
  /** Boards may look otherwise. */
  wake(): void;
  /** The books may have changed. */
  askBooks(): void;
  /** Tells all that is there now, then what happens. @returns what ends it */
  listen(listener: Listener): () => void;
  close(): void;
}

/** @param sources asked only while somebody listens */
export function createHub(sources: Sources): Hub {
  const listeners = new Set<Listener>();
  const kept: BenchEvent[] = [];
  const seen = new Map<number, string>();
  let waiting: BenchEvent[] = [];
  let state: StateEvent | null = null;
  let frame: NodeJS.Timeout | null = null;
  let asking: NodeJS.Timeout | null = null;
  let isClosed = false;

  const wake = (): void => {
    if (listeners.size > 0 && !isClosed) frame ??= setTimeout(flush, FRAME_MS);
  };
  /** Boards that look otherwise than when they were told last. */
  const changed = (): BenchEvent[] =>
    sources.boards().filter((board, i) => {
      const text = JSON.stringify(board);
      return seen.get(i) !== text && seen.set(i, text);
    });
  function flush(): void {
    frame = null;
    const events = [...changed(), ...waiting];
    waiting = [];
    if (events.length > 0) for (const listener of listeners) listener(events);
  }
  function tell(event: BenchEvent): void {
    if (event.type === 'apdu' || event.type === 'tap' || event.type === 'note') kept.push(event);
    if (kept.length > KEPT_MAX) kept.shift();
    if (listeners.size > 0) waiting.push(event);
    wake();
  }
  async function look(): Promise<void> {
    asking = null;
    state = await sources.books();
    tell(state);
  }
  const askBooks = (): void => {
    // A house that is down answers later; the next change asks again.
    if (listeners.size > 0 && !isClosed) asking ??= setTimeout(() => void look().catch(() => undefined), BOOKS_MS);
  };
  return {
    tell,
    wake,
    askBooks,
    listen(listener) {
      listeners.add(listener);
      seen.clear();
      listener([sources.scene(), ...changed(), ...(state ? [state] : []), ...kept]);
      askBooks();
      return () => void listeners.delete(listener);
    },
    close() {
      isClosed = true;
      for (const timer of [frame, asking]) if (timer) clearTimeout(timer);
      listeners.clear();
    },
  };
}
