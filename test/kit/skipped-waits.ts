/**
 * Time that nobody waits for: where a test's board, host and cable are all in this process, its clock goes to the next
 * timer as soon as nothing else is to be done. A minute at 115,200 baud takes as long as its work, and a limit ends
 * only what really hangs, however busy the machine is.
 *
 * Not for tests with other processes, sockets or worker threads: what comes from them takes no time on this clock.
 */

/** Of Node itself, and what lets promises run. */
const REAL = ['nextTick', 'queueMicrotask', 'hrtime'] as const;

/** Work that Node does beside this thread: time stands still until it is done. */
const isAtWork = (): boolean => process.getActiveResourcesInfo().some((name) => name.includes('Req'));

/** Call it once in a test file, outside of its tests. */
export function skipWaits(): void {
  const soon = setImmediate;
  let isOver = false;

  /** One timer at a time: promises and streams get their turn in between. */
  function turn(): void {
    if (isOver) return;
    if (!isAtWork() && jest.getTimerCount() > 0) jest.advanceTimersToNextTimer();
    soon(turn);
  }

  beforeAll(() => {
    jest.useFakeTimers({ doNotFake: [...REAL] });
    turn();
  });
  afterAll(() => {
    isOver = true;
    jest.useRealTimers();
  });
}
