/** The rule that judges a house's clock: a table of its edges, and what holds for every clock. */
import { fc } from '../kit/properties.js';
import {
  AHEAD_MAX_S,
  BEHIND_MAX_S,
  estimateS,
  isConfirmedBy,
  JUMP_MAX_S,
  ruleClock,
  type ClockFacts,
} from '../../host-bridge/ledger/rules-clock.js';

const T = 1_800_000_000;
const at = (wallS: number, monotonicS: number) => ({ wallS, monotonicS });
const running: ClockFacts = { now: at(T + 100, 100), trusted: at(T, 0), newestS: T };
const starting: ClockFacts = { now: at(T, 0), trusted: null, newestS: T };

test.each<[string | null, ClockFacts]>([
  [null, running],
  [null, { ...running, now: at(T + 100 + JUMP_MAX_S, 100) }],
  ['jumped', { ...running, now: at(T + 101 + JUMP_MAX_S, 100) }],
  ['jumped', { ...running, now: at(T + 99 - JUMP_MAX_S, 100), newestS: null }],
  // A year of running is no jump, without one row too.
  [null, { ...running, now: at(T + 365 * 86400, 365 * 86400) }],
  [null, { ...running, newestS: T + 100 + BEHIND_MAX_S }],
  ['behind', { ...running, newestS: T + 101 + BEHIND_MAX_S }],
  [null, starting],
  [null, { ...starting, newestS: null }],
  [null, { ...starting, newestS: T - AHEAD_MAX_S }],
  ['ahead', { ...starting, newestS: T - AHEAD_MAX_S - 1 }],
  [null, { ...starting, newestS: T + BEHIND_MAX_S }],
  ['behind', { ...starting, newestS: T + BEHIND_MAX_S + 1 }],
])('%s for %j', (expected, facts) => {
  expect(ruleClock(facts)).toBe(expected);
});

const seconds = (max: number) => fc.double({ min: -max, max, noNaN: true });
const passed = fc.double({ min: 0, max: 400 * 86400, noNaN: true });

test('a clock that keeps pace is never doubted, one that jumps by more than an hour always is', () => {
  fc.assert(
    fc.property(passed, seconds(20 * 365 * 86400), (passedS, jumpS) => {
      const facts: ClockFacts = { now: at(T + passedS + jumpS, passedS), trusted: at(T, 0), newestS: null };
      expect(ruleClock(facts) === 'jumped').toBe(Math.abs(facts.now.wallS - (T + passedS)) > JUMP_MAX_S);
      // However far it jumped, the estimate is the time that passed.
      expect(estimateS(facts, at(T, 0))).toBe(T + passedS);
    }),
  );
});

test('the estimate of a clock that was never good is not past the true time, if the newest row is not', () => {
  fc.assert(
    fc.property(passed, passed, seconds(20 * 365 * 86400), (standstillS, passedS, wrongS) => {
      const start = at(T + standstillS + wrongS, 0);
      const facts: ClockFacts = { now: at(start.wallS + passedS, passedS), trusted: null, newestS: T };
      expect(estimateS(facts, start)).toBeLessThanOrEqual(T + standstillS + passedS + 1e-3);
      expect(estimateS(facts, start)).toBeGreaterThanOrEqual(T);
    }),
  );
});

test('an operator confirms by a clock that agrees within five minutes', () => {
  expect([T - 301, T - 300, T, T + 300, T + 301].map((operatorS) => isConfirmedBy(T, operatorS))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
});
