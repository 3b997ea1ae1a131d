/**
 * The rules of money that comes back: one row for each result code, and the order of the guards.
 */
import {
  ruleClaim,
  ruleRefund,
  isReconciled,
  type ClaimFacts,
  type RefundFacts,
} from '../../host-bridge/ledger/rules-refund.js';
import type { Result } from '../../host-bridge/base/errors.js';

const MAX = Number.MAX_SAFE_INTEGER;
const code = (result: Result<unknown>) => (result.ok ? 'OK' : result.code);

describe('refund', () => {
  const base: RefundFacts = {
    from: 'abc:Shop',
    to: 'ebc:p',
    amount: 5,
    stored: null,
    paid: { amount: 20, refunded: 15, returned: true },
    balances: { 'abc:Shop': 5 },
  };
  test.each<[string, Partial<RefundFacts>]>([
    ['OK', {}],
    ['AMOUNT_INVALID', { amount: 0 }],
    ['AMOUNT_INVALID', { amount: 0.5 }],
    ['REQUEST_ID_REUSED', { stored: 'other' }],
    ['REFUND_UNDONE', { stored: 'undone' }],
    ['HISTORY_UNKNOWN', { paid: null }],
    ['NOT_RETURNED', { paid: { amount: 20, refunded: 0, returned: false } }],
    ['REFUND_TOO_LARGE', { paid: { amount: 20, refunded: 16, returned: true } }],
    ['FUNDS_INSUFFICIENT', { balances: { 'abc:Shop': 4 } }],
    ['BALANCE_TOO_LARGE', { balances: { 'abc:Shop': 5, 'ebc:p': MAX - 4 } }],
  ])('%s %j', (expected, changes) => {
    expect(code(ruleRefund({ ...base, ...changes }))).toBe(expected);
  });
  test('posts ABC of the shop - a, EBC + a; a repetition posts nothing, whatever changed since', () => {
    expect(ruleRefund(base)).toEqual({
      ok: true,
      repeated: false,
      entries: [
        { account: 'abc:Shop', delta: -5 },
        { account: 'ebc:p', delta: 5 },
      ],
    });
    expect(ruleRefund({ ...base, stored: 'same', paid: null, balances: {} })).toEqual({
      ok: true,
      repeated: true,
      entries: [],
    });
  });
  test('guards hold in their order', () => {
    let facts: RefundFacts = { ...base, amount: -1, stored: 'other', paid: null, balances: {} };
    const unreturned = { amount: 4, refunded: 0, returned: false };
    const cures: [string, Partial<RefundFacts>][] = [
      ['AMOUNT_INVALID', { amount: 5 }],
      ['REQUEST_ID_REUSED', { stored: 'undone' }],
      ['REFUND_UNDONE', { stored: null }],
      ['HISTORY_UNKNOWN', { paid: unreturned }],
      ['NOT_RETURNED', { paid: { ...unreturned, returned: true } }],
      ['REFUND_TOO_LARGE', { paid: base.paid }],
      ['FUNDS_INSUFFICIENT', { balances: base.balances }],
    ];
    for (const [expected, cure] of cures) {
      expect(code(ruleRefund(facts))).toBe(expected);
      facts = { ...facts, ...cure };
    }
    expect(code(ruleRefund(facts))).toBe('OK');
  });
});

describe('claim', () => {
  const base: ClaimFacts = {
    ...{ known: true, deposited: false, buried: false, stored: null, nowS: 100, windowS: 50 },
    wait: null,
  };
  const stored = { sameChallenge: true, dueS: 150, granted: false };
  test.each<[object, Partial<ClaimFacts>]>([
    [{ ok: true, state: 'open', dueS: 150, repeated: false }, {}],
    [
      { ok: true, state: 'open', dueS: 150, repeated: true },
      { stored, nowS: 149 },
    ],
    [
      { ok: true, state: 'granted', dueS: 150, repeated: false },
      { stored, nowS: 150 },
    ],
    [{ ok: true, state: 'granted', dueS: 100, repeated: false }, { buried: true }],
    [
      { ok: true, state: 'granted', dueS: 120, repeated: false },
      { stored, buried: true, nowS: 120 },
    ],
    [{ ok: true, state: 'granted', dueS: 150, repeated: true }, { stored: { ...stored, granted: true } }],
    [
      { ok: false, code: 'PSEUDONYM_UNKNOWN' },
      { known: false, deposited: true },
    ],
    [
      { ok: false, code: 'ALREADY_PAID' },
      { deposited: true, stored: { ...stored, sameChallenge: false } },
    ],
    [
      { ok: false, code: 'ALREADY_PAID' },
      { deposited: true, stored, nowS: 1000 },
    ],
    [{ ok: false, code: 'CHALLENGE_CONFLICT' }, { stored: { ...stored, sameChallenge: false } }],
    // Neither is opened nor granted by a clock that is doubted; what was granted stays so.
    [{ ok: false, code: 'CLOCK_DOUBTED' }, { wait: 'CLOCK_DOUBTED' }],
    [
      { ok: false, code: 'CLOCK_DOUBTED' },
      { wait: 'CLOCK_DOUBTED', buried: true },
    ],
    [
      { ok: true, state: 'granted', dueS: 150, repeated: true },
      { wait: 'CLOCK_DOUBTED', stored: { ...stored, granted: true } },
    ],
    [
      { ok: false, code: 'HELD' },
      { wait: 'HELD', stored, nowS: 1000 },
    ],
    [
      { ok: true, state: 'granted', dueS: 150, repeated: false },
      { wait: 'HELD', stored, nowS: 1000, buried: true },
    ],
  ])('%j for %j', (expected, changes) => {
    expect(ruleClaim({ ...base, ...changes })).toEqual(expected);
  });
  test('a deposit is refused once the claim is granted, or its window over', () => {
    expect(isReconciled(null, 1000)).toBe(false);
    expect(isReconciled({ dueS: 150, grantedS: null }, 149)).toBe(false);
    expect(isReconciled({ dueS: 150, grantedS: null }, 150)).toBe(true);
    expect(isReconciled({ dueS: 150, grantedS: 120 }, 130)).toBe(true);
  });
});
