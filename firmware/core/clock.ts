/**
 * Time as the firmware sees it: milliseconds since some fixed moment, and timers.
 *
 * The wall clock is not used: nothing on a board may depend on it (docs/architecture.md 4, Ts comes signed from the
 * issuer). Leaves out `setTime`: whoever sets the interpreter's clock moves `nowMs`, so nothing here does.
 */

/** Time, as drivers and state machines need it. The id that `setTimeout` gives is opaque. */
export interface Clock {
  setTimeout(callback: () => void, delayMs: number): any;
  clearTimeout(id: any): void;
  /** Milliseconds since any fixed moment. */
  nowMs(): number;
}

/** What Espruino offers: `getTime()` in seconds, and the two timer functions. */
export interface ClockNatives {
  getTime(): number;
  setTimeout(callback: () => void, delayMs: number): any;
  clearTimeout(id: any): void;
}

/** Makes a clock from Espruino's globals. */
export function createClock(natives: ClockNatives): Clock {
  const startS = natives.getTime();
  return {
    setTimeout: natives.setTimeout,
    clearTimeout: natives.clearTimeout,
    // From start-up on, so that the numbers stay small: Espruino prints only about 12 digits.
    nowMs: function () {
      return (natives.getTime() - startS) * 1000;
    },
  };
}
