/**
 * Whether a house may believe its clock. As in rules.ts: facts in, a ruling out.
 *
 * A clock that is wrong for a moment would end licenses and grant claims for good. So it is compared with two things
 * that do not jump with it: the time that has passed by the monotonic clock of the process, and the newest row of the
 * books. Whoever doubts needs an operator, who looks at another clock.
 */

/** How far the clock may run away from the monotonic one, seconds. */
export const JUMP_MAX_S = 3600;
/** How far a clock may be past the newest row when a house starts: longer than a house stands still. */
export const AHEAD_MAX_S = 30 * 86400;
/** How far it may be before the newest row: two processes, or a clock that was set right a little. */
export const BEHIND_MAX_S = 300;

/** Why a clock is doubted: against the monotonic clock, before the newest row, far past it. */
export type ClockDoubt = 'jumped' | 'behind' | 'ahead';

/** A moment by both clocks of a machine, seconds. */
export interface Moment {
  wallS: number;
  monotonicS: number;
}

/** What a clock is judged by. */
export interface ClockFacts {
  now: Moment;
  /** The start of the process, where the clock was good then, or what an operator confirmed; null: neither yet. */
  trusted: Moment | null;
  /** Time of the newest row in the books; null: there is none. */
  newestS: number | null;
}

/** Why the clock is doubted; null: it is not. */
export function ruleClock({ now, trusted, newestS }: ClockFacts): ClockDoubt | null {
  if (trusted && Math.abs(now.wallS - expectedS(now, trusted)) > JUMP_MAX_S) return 'jumped';
  if (newestS !== null && now.wallS < newestS - BEHIND_MAX_S) return 'behind';
  return !trusted && newestS !== null && now.wallS > newestS + AHEAD_MAX_S ? 'ahead' : null;
}

const expectedS = (now: Moment, trusted: Moment): number => trusted.wallS + now.monotonicS - trusted.monotonicS;

/**
 * The time to write down while the clock is doubted: by the monotonic clock since it was good, or since the newest row.
 * It may be too early, so that nothing ends by it too soon. @param start of the process
 */
export function estimateS({ now, trusted, newestS }: ClockFacts, start: Moment): number {
  if (trusted) return expectedS(now, trusted);
  return (newestS ?? start.wallS) + now.monotonicS - start.monotonicS;
}

/** How far an operator's clock and the house's may be apart for a confirmation. */
const CONFIRM_MAX_S = 300;

/** Whether an operator's time confirms the house's: two clocks that agree. */
export function isConfirmedBy(wallS: number, operatorS: number): boolean {
  return Math.abs(wallS - operatorS) <= CONFIRM_MAX_S;
}
