/**
 * Later and later: how long to wait before what failed is tried again. Left out: the timer, which is the caller's.
 */

export interface BackOff {
  /** How long to wait now, in ms; twice as long the next time. */
  nextMs(): number;
  /** It has worked: begins again with the first delay. */
  reset(): void;
}

/** How long to wait after so many failures before this one: doubled for each, up to a limit. */
export function delayAfter(failures: number, firstMs: number, maxMs: number): number {
  return Math.min(firstMs * 2 ** Math.min(failures, 52), maxMs);
}

/** Between half of a delay and all of it, so that many do not come back at the same moment. @param random 0 to 1 */
export const jittered = (delayMs: number, random: () => number): number => delayMs * (0.5 + random() / 2);

/**
 * Makes it.
 *
 * @param random 0 to 1: between half of a delay and all of it, so that many do not come back at the same moment;
 *   default: all of it
 * @example
 *   const backOff = createBackOff(1000, 60_000);
 *   backOff.nextMs(); // 1000, then 2000, ... 60,000
 */
export function createBackOff(firstMs: number, maxMs: number, random: () => number = () => 1): BackOff {
  let failures = 0;
  return {
    nextMs: () => jittered(delayAfter(failures++, firstMs, maxMs), random),
    reset() {
      failures = 0;
    },
  };
}
