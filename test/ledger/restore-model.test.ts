/**
 * The rules of a house that was restored (docs/restore.md), searched breadth first in the model beside this file: with
 * the right rules nothing is found, with a wrong one the search finds what it does.
 */
import { endOfClaim, numberOfReplay, replayOfDeposit } from '../../host-bridge/ledger/rules-restore.js';
import { extent } from '../kit/extent.js';
import { search, type Bounds, type Rules } from './restore-model.js';

const ONE: Bounds = {
  issue: 'direct',
  withdrawals: [0],
  payments: [[0, 0]],
  refunds: [],
  restores: [1, 0],
  bridgeLosses: 0,
  time: 0,
  losses: true,
  dishonest: null,
  funded: 2,
};
const TWO: Bounds = { ...ONE, restores: [1, 1] };

/** Name, bounds, and how many states at most: in npm test, in npm run test:long, and with --all. */
const SEARCHES: [string, Bounds, [number, number, number]][] = [
  ['scheme 1, all states of one payment', ONE, [500, 20_000, 1_000_000]],
  ['scheme 1, two restores, a bridge lost', { ...ONE, restores: [2, 0], bridgeLosses: 1 }, [250, 10_000, 1_000_000]],
  ['scheme 1, with claims', { ...ONE, time: 3 }, [250, 15_000, 1_000_000]],
  [
    'scheme 1, two tokens and shops',
    {
      ...ONE,
      withdrawals: [0, 1],
      payments: [
        [0, 0],
        [1, 1],
      ],
    },
    [250, 10_000, 1_000_000],
  ],
  ['scheme 1, a refund', { ...ONE, refunds: [0] }, [250, 15_000, 1_000_000]],
  ['scheme 1, a dishonest shop', { ...ONE, payments: [[0, 1]], time: 3, dishonest: 'shop' }, [250, 15_000, 1_000_000]],
  [
    'scheme 1, a dishonest owner',
    {
      ...ONE,
      payments: [
        [0, 0],
        [0, 1],
      ],
      dishonest: 'owner',
    },
    [250, 10_000, 1_000_000],
  ],
  ['scheme 2, both houses', { ...TWO, issue: 'coupon', bridgeLosses: 1 }, [250, 10_000, 1_000_000]],
  ['schemes 3 and 5, both houses', { ...TWO, issue: 'sealed', bridgeLosses: 1 }, [250, 10_000, 1_000_000]],
  ['schemes 3 and 5, a refund', { ...TWO, issue: 'sealed', refunds: [0], losses: false }, [250, 10_000, 1_000_000]],
  [
    'schemes 3 and 5, a dishonest shop',
    { ...TWO, issue: 'sealed', payments: [[0, 1]], time: 3, dishonest: 'shop' },
    [250, 10_000, 1_000_000],
  ],
  [
    'schemes 4 and 6, two of one KID',
    { ...TWO, issue: 'keyed', withdrawals: [0, 0], payments: [], bridgeLosses: 1 },
    [250, 10_000, 1_000_000],
  ],
];

test.each(SEARCHES)('%s: nothing is found', (name, bounds, [short, long, all]) => {
  const found = search(bounds, extent(short, long, all));
  expect(found.broken).toBeNull();
  expect(found.states).toBeGreaterThan(100);
  // The bounds of a search are part of its result.
  if (extent(false, true))
    console.log(`${name}: ${found.states} states, ${found.depth} moves deep, ${found.cut ? 'cut' : 'complete'}`);
});

/** A rule that is wrong, the bounds in which it shows, and what is found. */
const WRONG: [string, Partial<Rules>, Bounds, RegExp][] = [
  ['naming before the visit', { namingOf: ({ ebc }) => (ebc < 0 ? 'named' : 'none') }, ONE, /owner 0 is named/],
  [
    'two receipts under one number',
    { numberOfReplay: (facts) => numberOfReplay({ ...facts, isTaken: false }) },
    { ...ONE, withdrawals: [0, 0], refunds: [0] },
    /EBC/,
  ],
];

test.each(WRONG)('a wrong rule is found: %s', (_, wrong, bounds, what) => {
  const found = search(bounds, 20_000, wrong);
  expect(found.broken?.what).toMatch(what);
});

test('claims after a restore end only when token and shop were there', () => {
  const facts = { restored: true, visited: true, due: true, buried: false, heard: true, operatorGrants: false };
  expect(endOfClaim(facts)).toBe('heard');
  expect(endOfClaim({ ...facts, visited: false })).toBe('open');
  expect(endOfClaim({ ...facts, heard: false })).toBe('open');
  expect(endOfClaim({ ...facts, heard: false, operatorGrants: true })).toBe('unheard');
  expect(endOfClaim({ ...facts, due: false })).toBe('open');
  expect(endOfClaim({ ...facts, due: false, buried: true })).toBe('heard');
});

test('a signed OK for a deposit is booked, but not against a claim whose shop had been heard', () => {
  expect(replayOfDeposit(null)).toBe('book');
  expect(replayOfDeposit('open')).toBe('book');
  expect(replayOfDeposit('unheard')).toBe('bookAtLoss');
  expect(replayOfDeposit('heard')).toBe('void');
});
