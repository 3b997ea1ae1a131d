/**
 * The clock of a house, judged whenever it is read (ledger/rules-clock.ts). Once it is doubted it stays so until an
 * operator confirms it: a clock that jumps and comes back has shown that it cannot be relied on. Until then the house
 * writes down an estimate that is rather too early, and its procedures give out nothing that depends on the time.
 */
import type { Logger } from 'pino';
import {
  estimateS,
  isConfirmedBy,
  ruleClock,
  type ClockDoubt,
  type ClockFacts,
  type Moment,
} from '../ledger/rules-clock.js';
import { refusal, type Result } from '../base/errors.js';
import type { ClockConfirmationRow } from '../ledger/store.js';

/** How often the log repeats that the clock is doubted. */
const ALARM_S = 3600;

export interface HouseClockOptions {
  /** Unix time of the machine, seconds. */
  wallS(): number;
  /** Seconds of a clock that nobody sets. */
  monotonicS(): number;
  store: { newestS(): number | null; addClockConfirmation(row: ClockConfirmationRow): void };
  log: Logger;
}

/** The clock. */
export interface HouseClock {
  /** Unix time, seconds: the machine's, or while it is doubted an estimate. */
  nowS(): number;
  /**
   * The time that says which of its keys the house signs with: the later of the machine's and the estimate. A successor
   * may sign early; a key before it may be gone.
   */
  keyS(): number;
  doubt(): ClockDoubt | null;
  /** What a service says of its clock to whoever asks. */
  state(): { timeS: number; doubt: ClockDoubt | null; estimateS: number | null };
  /**
   * An operator has looked at another clock. @param operatorS what it says
   * Codes: CLOCK_DIFFERS: the house's is another one still. Within the caller's transaction.
   */
  confirm(operator: string, why: string, operatorS: number): Result<{ timeS: number; doubt: ClockDoubt | null }>;
}

/** Makes the clock of a house that starts. */
export function createHouseClock({ wallS, monotonicS, store, log }: HouseClockOptions): HouseClock {
  const read = (): Moment => ({ wallS: wallS(), monotonicS: monotonicS() });
  const start = read();
  let trusted: Moment | null = null;
  let doubt: ClockDoubt | null = null;
  /** Of the books, as of the last look at them; they are looked at again where the clock is before it. */
  let newestS = store.newestS();
  let saidAt = -Infinity;

  const factsAt = (now: Moment): ClockFacts => ({ now, trusted, newestS });

  function judge(now: Moment): void {
    if (doubt === null) {
      doubt = ruleClock(factsAt(now));
      if (doubt === null && (newestS === null || now.wallS > newestS)) newestS = Math.floor(now.wallS);
    }
    if (doubt === null || now.monotonicS < saidAt + ALARM_S) return;
    saidAt = now.monotonicS;
    log.error({ code: 'CLOCK_DOUBTED', doubt, wallS: now.wallS, estimateS: estimateS(factsAt(now), start) }, 'alarm');
  }

  judge(start);
  if (doubt === null) trusted = start;

  return {
    nowS() {
      const now = read();
      judge(now);
      return doubt === null ? now.wallS : estimateS(factsAt(now), start);
    },
    keyS() {
      const now = read();
      judge(now);
      return doubt === null ? now.wallS : Math.max(now.wallS, estimateS(factsAt(now), start));
    },
    doubt() {
      judge(read());
      return doubt;
    },
    state() {
      const now = read();
      judge(now);
      return {
        timeS: Math.floor(now.wallS),
        doubt,
        estimateS: doubt === null ? null : Math.floor(estimateS(factsAt(now), start)),
      };
    },
    confirm(operator, why, operatorS) {
      const now = read();
      judge(now);
      const timeS = Math.floor(now.wallS);
      if (!isConfirmedBy(now.wallS, operatorS)) return refusal('CLOCK_DIFFERS', `${timeS} here, ${operatorS} there`);
      const doubted = doubt;
      const before = Math.floor(doubted === null ? now.wallS : estimateS(factsAt(now), start));
      store.addClockConfirmation({ timeS, operator, why, doubt: doubted, estimateS: before });
      [trusted, doubt, newestS, saidAt] = [now, null, timeS, -Infinity];
      log.warn({ operator, doubt: doubted, timeS }, 'the clock was confirmed');
      return { ok: true, timeS, doubt: doubted };
    },
  };
}
