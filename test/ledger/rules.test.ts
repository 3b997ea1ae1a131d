/**
 * The rules, one row per result code, and the order of their guards.
 */
import { fc } from '../kit/properties.js';
import {
  abcOf,
  ebcOf,
  IN,
  ruleClose,
  ruleDeny,
  ruleDeposit,
  ruleFund,
  ruleOpen,
  ruleRegister,
  ruleTerminal,
  ruleTombstone,
  ruleTrace,
  ruleWithdraw,
  transfer,
  type Balances,
  type DepositFacts,
  type OpenFacts,
  type WithdrawFacts,
} from '../../host-bridge/ledger/rules.js';
import type { Result } from '../../host-bridge/base/errors.js';

const MAX = Number.MAX_SAFE_INTEGER;
const PKU = 'ab'.repeat(32);
const ABC = abcOf('Ada');
const EBC = ebcOf(PKU);
const SHOP = abcOf('Shop');
const BAD_AMOUNTS: unknown[] = [
  0,
  -0,
  -1,
  0.1,
  '1e3',
  '5',
  NaN,
  Infinity,
  2 ** 53,
  2 ** 63,
  null,
  undefined,
  5n,
  [5],
  { valueOf: () => 5 },
  true,
];

const code = (result: Result<unknown>) => (result.ok ? 'OK' : result.code);

describe('transfer', () => {
  test.each(BAD_AMOUNTS)('refuses the amount %p', (amount) => {
    expect(code(transfer(amount, IN, ABC, {}))).toBe('AMOUNT_INVALID');
  });
  test.each<[string, number, string, string, Balances, string]>([
    ['moves', 5, ABC, EBC, { [ABC]: 5 }, 'OK'],
    ['takes no account below 0', 6, ABC, EBC, { [ABC]: 5 }, 'FUNDS_INSUFFICIENT'],
    ['takes a counter below 0', 6, EBC, ABC, { [EBC]: 5 }, 'OK'],
    ['the largest amount', MAX, IN, ABC, {}, 'OK'],
    ['no more money in than 2^53 - 1', 1, IN, ABC, { [IN]: -MAX }, 'BALANCE_TOO_LARGE'],
    ['no balance above 2^53 - 1', 1, IN, ABC, { [ABC]: MAX }, 'BALANCE_TOO_LARGE'],
    ['not even by rounding', MAX, IN, ABC, { [ABC]: MAX }, 'BALANCE_TOO_LARGE'],
    ['no counter below -(2^53 - 1)', 2, EBC, ABC, { [EBC]: -MAX + 1 }, 'BALANCE_TOO_LARGE'],
  ])('%s', (_what, amount, from, to, balances, expected) => {
    expect(code(transfer(amount, from, to, balances))).toBe(expected);
  });
  test('a transfer to the same account is our mistake', () => {
    expect(() => transfer(1, ABC, ABC, { [ABC]: 5 })).toThrow(TypeError);
  });
  test('whatever it allows sums to 0 and stays within the limits', () => {
    const balance = fc.oneof(fc.constantFrom(0, 1, MAX, MAX - 1), fc.maxSafeNat());
    fc.assert(
      fc.property(
        balance,
        balance,
        fc.constantFrom([IN, ABC], [ABC, EBC], [EBC, SHOP]),
        balance,
        (a, b, [from, to], amount) => {
          const balances = { [from as string]: from === IN ? -a : a, [to as string]: b };
          const result = transfer(amount, from as string, to as string, balances);
          if (!result.ok) return;
          expect(result.entries.reduce((sum, entry) => sum + entry.delta, 0)).toBe(0);
          for (const { account, delta } of result.entries) {
            const exact = BigInt(balances[account] as number) + BigInt(delta);
            expect(exact <= BigInt(MAX) && exact >= -BigInt(MAX)).toBe(true);
            if (account.startsWith('abc:')) expect(exact >= 0n).toBe(true);
          }
        },
      ),
    );
  });
});

describe('withdraw', () => {
  const base: WithdrawFacts = {
    name: 'Ada',
    pku: PKU,
    number: 3,
    amount: 5,
    accountExists: true,
    owner: 'Ada',
    nextNumber: 3,
    given: null,
    denied: false,
    holdMax: MAX,
    balances: { [ABC]: 5 },
  };
  const given = { name: 'Ada', amount: 5 };
  test.each<[string, Partial<WithdrawFacts>]>([
    ['OK', {}],
    ['OK', { owner: null, number: 1, nextNumber: 1 }],
    ['AMOUNT_INVALID', { amount: '5' }],
    ['ACCOUNT_UNKNOWN', { accountExists: false }],
    ['PSEUDONYM_TAKEN', { owner: 'Bob' }],
    ['RECEIPT_MISSED', { number: 2, given: { name: 'Ada', amount: 6 } }],
    ['RECEIPT_MISSED', { number: 2, given: { name: 'Bob', amount: 5 } }],
    ['RECEIPT_MISSED', { number: 2, given: 'other' }],
    ['RECEIPT_MISSED', { number: 2 }],
    ['RECEIPT_AHEAD', { number: 4 }],
    ['DENIED', { denied: true }],
    ['CLASS_LIMIT', { holdMax: 4 }],
    ['CLASS_LIMIT', { holdMax: 100, balances: { [ABC]: 5, [EBC]: 96 } }],
    ['OK', { holdMax: 100, balances: { [ABC]: 5, [EBC]: 95 } }],
    ['OK', { holdMax: 5, balances: { [ABC]: 5, [EBC]: -1 } }],
    ['CLASS_LIMIT', { holdMax: 0 }],
    ['FUNDS_INSUFFICIENT', { balances: { [ABC]: 4 } }],
    ['BALANCE_TOO_LARGE', { balances: { [ABC]: 5, [EBC]: MAX - 4 } }],
  ])('%s %j', (expected, changes) => {
    expect(code(ruleWithdraw({ ...base, ...changes }))).toBe(expected);
  });
  test('posts ABC - x, EBC + x', () => {
    expect(ruleWithdraw(base)).toEqual({
      ok: true,
      repeated: false,
      entries: [
        { account: ABC, delta: -5 },
        { account: EBC, delta: 5 },
      ],
    });
  });
  test('a repetition posts nothing, whatever changed since', () => {
    expect(ruleWithdraw({ ...base, number: 2, given, denied: true, balances: {} })).toEqual({
      ok: true,
      repeated: true,
      entries: [],
    });
  });
  test('guards hold in their order', () => {
    const wrong: Partial<WithdrawFacts> = {
      amount: 0,
      accountExists: false,
      owner: 'Bob',
      number: 4,
      denied: true,
      balances: {},
    };
    const right: [string, Partial<WithdrawFacts>][] = [
      ['AMOUNT_INVALID', { amount: 5 }],
      ['ACCOUNT_UNKNOWN', { accountExists: true }],
      ['PSEUDONYM_TAKEN', { owner: 'Ada' }],
      ['RECEIPT_AHEAD', { number: 3 }],
      ['DENIED', { denied: false }],
      ['FUNDS_INSUFFICIENT', { balances: { [ABC]: 5 } }],
    ];
    let facts = { ...base, ...wrong };
    for (const [expected, cure] of right) {
      expect(code(ruleWithdraw(facts))).toBe(expected);
      facts = { ...facts, ...cure };
    }
    expect(code(ruleWithdraw(facts))).toBe('OK');
  });
});

describe('deposit', () => {
  const base: DepositFacts = {
    from: EBC,
    to: SHOP,
    amount: 5,
    stored: null,
    tombstoned: false,
    reconciled: false,
    wait: null,
    paymentMax: MAX,
    licenseValid: true,
    shopExists: true,
    shopClosed: false,
    balances: { [EBC]: 5 },
  };
  test.each<[string, Partial<DepositFacts>]>([
    ['OK', {}],
    ['AMOUNT_INVALID', { amount: 2 ** 53 }],
    ['CHALLENGE_CONFLICT', { stored: { sameChallenge: false } }],
    ['TOMBSTONED', { tombstoned: true }],
    ['RECONCILED', { reconciled: true }],
    ['RECONCILED', { reconciled: true, wait: 'CLOCK_DOUBTED' }],
    ['CLOCK_DOUBTED', { wait: 'CLOCK_DOUBTED', licenseValid: false }],
    ['HELD', { wait: 'HELD' }],
    ['CLASS_LIMIT', { paymentMax: 4 }],
    ['OK', { paymentMax: 5 }],
    ['LICENSE_EXPIRED', { licenseValid: false }],
    ['ACCOUNT_UNKNOWN', { shopExists: false }],
    ['ACCOUNT_CLOSED', { shopClosed: true }],
    ['BALANCE_TOO_LARGE', { balances: { [SHOP]: MAX } }],
  ])('%s %j', (expected, changes) => {
    expect(code(ruleDeposit({ ...base, ...changes }))).toBe(expected);
  });
  test.each([
    [5, false],
    [6, false],
    [4, true],
    [0, true],
    [-3, true],
  ])('with EBC %p it is overspent: %p', (ebc, overspent) => {
    expect(ruleDeposit({ ...base, balances: { [EBC]: ebc } })).toEqual({
      ok: true,
      repeated: false,
      overspent,
      entries: [
        { account: EBC, delta: -5 },
        { account: SHOP, delta: 5 },
      ],
    });
  });
  test('a repetition posts nothing, whatever changed since', () => {
    const late = {
      ...base,
      stored: { sameChallenge: true },
      tombstoned: true,
      reconciled: true,
      paymentMax: 0,
      licenseValid: false,
      shopExists: false,
    };
    expect(ruleDeposit(late)).toEqual({ ok: true, repeated: true, overspent: false, entries: [] });
  });
  test('guards hold in their order', () => {
    let facts: DepositFacts = {
      ...base,
      amount: -1,
      tombstoned: true,
      reconciled: true,
      paymentMax: 0,
      licenseValid: false,
      shopExists: false,
    };
    const right: [string, Partial<DepositFacts>][] = [
      ['AMOUNT_INVALID', { amount: 5 }],
      ['TOMBSTONED', { tombstoned: false }],
      ['RECONCILED', { reconciled: false }],
      ['CLASS_LIMIT', { paymentMax: 5 }],
      ['LICENSE_EXPIRED', { licenseValid: true }],
      ['ACCOUNT_UNKNOWN', { shopExists: true }],
    ];
    for (const [expected, cure] of right) {
      expect(code(ruleDeposit(facts))).toBe(expected);
      facts = { ...facts, ...cure };
    }
    expect(code(ruleDeposit(facts))).toBe('OK');
  });
});

describe('the office', () => {
  const open: OpenFacts = { name: 'Ada', accountKey: 'aa', keyIsLicensable: true, existing: null, keyOwner: null };
  test.each<[string, Partial<OpenFacts>]>([
    ['OK', {}],
    ['OK', { accountKey: null, keyIsLicensable: false }],
    ['OK', { existing: { accountKey: 'aa', closed: false }, keyOwner: 'Ada' }],
    ['ACCOUNT_CLOSED', { existing: { accountKey: 'aa', closed: true }, keyOwner: 'Ada' }],
    ['NAME_TAKEN', { existing: { accountKey: 'bb', closed: true } }],
    ['NAME_INVALID', { name: ' Ada' }],
    ['NAME_INVALID', { name: '' }],
    ['NAME_INVALID', { name: 5 }],
    ['KEY_INVALID', { keyIsLicensable: false }],
    ['NAME_TAKEN', { existing: { accountKey: 'bb', closed: false } }],
    ['NAME_TAKEN', { existing: { accountKey: null, closed: false } }],
    ['NAME_TAKEN', { accountKey: null, existing: { accountKey: 'aa', closed: false } }],
    ['KEY_TAKEN', { keyOwner: 'Bob' }],
  ])('open: %s %j', (expected, changes) => {
    expect(code(ruleOpen({ ...open, ...changes }))).toBe(expected);
  });

  test.each<[string, unknown, boolean, Balances]>([
    ['OK', 5, true, {}],
    ['ACCOUNT_UNKNOWN', 5, false, {}],
    ['AMOUNT_INVALID', 0, true, {}],
    ['BALANCE_TOO_LARGE', 5, true, { [ABC]: MAX }],
  ])('fund: %s', (expected, amount, exists, balances) => {
    expect(code(ruleFund({ name: 'Ada', amount, exists, balances }))).toBe(expected);
  });

  const close = { exists: true, closed: false, balance: 0, counters: 0, undecided: 0 };
  test.each<[string, Partial<typeof close>]>([
    ['OK', {}],
    ['OK', { closed: true, undecided: 1 }],
    ['ACCOUNT_UNKNOWN', { exists: false, balance: 1 }],
    ['ACCOUNT_NOT_EMPTY', { balance: 1, undecided: 1 }],
    ['ACCOUNT_NOT_EMPTY', { counters: 1 }],
    ['ACCOUNT_NOT_EMPTY', { counters: -1 }],
    ['ACCOUNT_BUSY', { undecided: 1 }],
  ])('close: %s %j', (expected, changes) => {
    expect(code(ruleClose({ ...close, ...changes }))).toBe(expected);
  });

  const terminal = { shopExists: true, keyIsLicensable: true, key: 'aa', registeredKey: null as string | null };
  test.each<[string, Partial<typeof terminal>]>([
    ['OK', {}],
    ['OK', { registeredKey: 'aa' }],
    ['ACCOUNT_UNKNOWN', { shopExists: false }],
    ['KEY_INVALID', { keyIsLicensable: false }],
    ['TERMINAL_TAKEN', { registeredKey: 'bb' }],
  ])('terminal: %s %j', (expected, changes) => {
    expect(code(ruleTerminal({ ...terminal, ...changes }))).toBe(expected);
  });

  test.each<[string, boolean, boolean]>([
    ['OK', false, false],
    ['OK', true, false],
    ['OK', true, true],
    ['ALREADY_PAID', false, true],
  ])('tombstone: %s stored %p deposited %p', (expected, stored, deposited) => {
    expect(code(ruleTombstone({ stored, deposited }))).toBe(expected);
  });

  const trace = { why: 'overspent', known: true, ebc: -1, owner: 'Ada' as string | null, held: false };
  test.each<[string, Partial<Omit<typeof trace, 'why'>> & { why?: unknown }]>([
    ['OK', {}],
    ['REASON_MISSING', { why: ' ' }],
    ['REASON_MISSING', { why: 'x'.repeat(201) }],
    ['REASON_MISSING', { why: undefined }],
    ['PSEUDONYM_UNKNOWN', { known: false }],
    ['NOT_OVERSPENT', { ebc: 0 }],
    ['NOT_OVERSPENT', { ebc: 5, owner: null }],
    ['OWNER_UNKNOWN', { owner: null }],
    ['HELD', { held: true, owner: null }],
    ['NOT_OVERSPENT', { held: true, ebc: 0 }],
  ])('trace: %s %j', (expected, changes) => {
    expect(code(ruleTrace({ ...trace, ...changes }))).toBe(expected);
  });

  const deny = { why: 'stolen', denied: false, listed: 99, listMax: 100 };
  test.each<[string, Partial<typeof deny>]>([
    ['OK', {}],
    ['OK', { denied: true, listed: 100 }],
    ['REASON_MISSING', { why: '' }],
    ['DENY_LIST_FULL', { listed: 100 }],
  ])('deny: %s %j', (expected, changes) => {
    expect(code(ruleDeny({ ...deny, ...changes }))).toBe(expected);
  });

  const register = {
    name: 'Ada',
    keyIsLicensable: true,
    registeredName: null as string | null,
    pseudonymsOfName: 0,
    pseudonymsMax: 1,
  };
  test.each<[string, Partial<typeof register>]>([
    ['OK', {}],
    ['OK', { registeredName: 'Ada', pseudonymsOfName: 1 }],
    ['KEY_INVALID', { keyIsLicensable: false }],
    ['PSEUDONYM_TAKEN', { registeredName: 'Bob' }],
    ['PSEUDONYM_LIMIT', { pseudonymsOfName: 1 }],
  ])('register: %s %j', (expected, changes) => {
    expect(code(ruleRegister({ ...register, ...changes }))).toBe(expected);
  });
});
