/**
 * The token's rules: one row per command and result code, and what each must leave unchanged.
 */
import { AMOUNT_MAX } from '../../firmware/core/amount.js';
import { PRESS_MS } from '../../firmware/user-token/confirmation.js';
import { RECORD } from '../../firmware/user-token/token-records.js';
import { CHALLENGE_CHARGE_AT, payment } from '../../firmware/wire/payment.js';
import { CLASS_FULL, CLASS_SMALL } from '../../firmware/core/license-class.js';
import {
  amountRequest,
  identity,
  recallRequest,
  receiptAnswer,
  requestPart,
} from '../../firmware/wire/token-commands.js';
import { registration, registrationBody } from '../../firmware/wire/registration.js';
import { withdrawal, withdrawalBody } from '../../firmware/wire/withdrawal.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { licenseGrant } from '../../firmware/wire/token-commands.js';
import {
  agreeTo,
  COMMAND_ID,
  account,
  boot,
  challengeBytes,
  chargeBytes,
  codeOfAnswer,
  CONFIG,
  isPaymentFor,
  ISSUER,
  issuer,
  keyOf,
  grantBytes,
  licenseBytes,
  multiplesFor,
  must,
  nameBytes,
  newFlash,
  pseudonym,
  ready,
  receiptBytes,
  rsOf,
  verifyRaw,
  type TestPurse,
} from './purse-rig.js';

const other = keyOf(0x55);
const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** [what, code, how]; every row but those that say OK must leave flash and Balance alone. */
type Row = [what: string, code: string, how: (t: TestPurse) => { ok: true } | { ok: false; code: any }];

const rows: Row[] = [
  ['pay', 'OK', (t) => t.purse.pay(challengeBytes({}), 0)],
  ['pay: not a challenge', 'BAD_REQUEST', (t) => t.purse.pay(challengeBytes({}).subarray(1), 0)],
  ['pay: nothing', 'BAD_REQUEST', (t) => t.purse.pay(new Uint8Array(0), 0)],
  ['pay: amount 0', 'BAD_REQUEST', (t) => t.purse.pay(challengeBytes({}).fill(0, 7, 15), 0)],
  ['pay: amount 2^53', 'BAD_REQUEST', (t) => t.purse.pay(challengeBytes({}).fill(0, 7, 15).fill(0x20, 8, 9), 0)],
  ['pay: another issuer', 'REFUSED', (t) => t.purse.pay(challengeBytes({ issuer: new Uint8Array(4) }), 0)],
  ['pay: another currency', 'REFUSED', (t) => t.purse.pay(challengeBytes({ currency: 'USD' }), 0)],
  ['pay: more than Balance', 'CONFIRM_NEEDED', (t) => t.purse.pay(challengeBytes({ amount: 5001 }), 0)],
  ['pay: more than Balance by far', 'CONFIRM_NEEDED', (t) => t.purse.pay(challengeBytes({ amount: AMOUNT_MAX }), 0)],
  ['pay: above one payment', 'CONFIRM_NEEDED', (t) => t.purse.pay(challengeBytes({ amount: 1001 }), 0)],
  ['pay: no signature to be had', 'DEVICE_FAULT', (t) => ((t.keys.fail = true), t.purse.pay(challengeBytes({}), 0))],
  ['open', 'OK', (t) => t.purse.open(chargeBytes(1))],
  ['open: not a charge id', 'BAD_REQUEST', (t) => t.purse.open(rsOf(1))],
  ['ack: unknown', 'NO_CHARGE', (t) => t.purse.ack(chargeBytes(1))],
  ['ack: not a charge id', 'BAD_REQUEST', (t) => t.purse.ack(new Uint8Array(3))],
  ['recall: none', 'NO_CHARGE', (t) => t.purse.recall(recallRequest.encode({ index: 0, shop: 'Cafe' }))],
  ['recall: nonsense', 'BAD_REQUEST', (t) => t.purse.recall(new Uint8Array(1))],
  ['identity: desk closed', 'DESK_CLOSED', (t) => t.desk.identity(0)],
  ['register: desk closed', 'DESK_CLOSED', (t) => t.desk.register(nameBytes('Ada'), 0)],
  ['license: desk closed', 'DESK_CLOSED', (t) => t.desk.license(grantBytes({ validUntilS: 1_900_000_000 }), 0)],
  ['license: nothing, desk closed', 'DESK_CLOSED', (t) => t.desk.license(new Uint8Array(0), 0)],
  ['license: again after its answer was lost, desk closed', 'OK', (t) => t.desk.license(grantBytes({}), 0)],
  ['withdraw: desk closed', 'DESK_CLOSED', (t) => t.desk.withdraw(new Uint8Array(16).fill(1), 0)],
  ['identity: press too old', 'DESK_CLOSED', (t) => (t.purse.press(0), t.desk.identity(PRESS_MS + 1))],
  ['identity: clock set back', 'DESK_CLOSED', (t) => (t.purse.press(10), t.desk.identity(9))],
  ['identity', 'OK', (t) => (t.purse.press(0), t.desk.identity(PRESS_MS))],
  ['register: same name', 'OK', (t) => (t.purse.press(0), t.desk.register(nameBytes('Ada'), 1))],
  ['register: another name', 'WRONG_NAME', (t) => (t.purse.press(0), t.desk.register(nameBytes('Eve'), 1))],
  ['register: no name', 'BAD_REQUEST', (t) => (t.purse.press(0), t.desk.register(nameBytes(''), 1))],
  ['license: again', 'OK', (t) => (t.purse.press(0), t.desk.license(grantBytes({}), 1))],
  ['license: longer', 'OK', (t) => (t.purse.press(0), t.desk.license(grantBytes({ validUntilS: 1_900_000_000 }), 1))],
  [
    'license: shorter',
    'NOT_NEWER',
    (t) => (t.purse.press(0), t.desk.license(grantBytes({ validUntilS: 1_600_000_000 }), 1)),
  ],
  ['license: cut', 'BAD_REQUEST', (t) => (t.purse.press(0), t.desk.license(grantBytes({}).subarray(1), 1))],
  [
    'license: for another PKU',
    'LICENSE_INVALID',
    (t) => (t.purse.press(0), t.desk.license(grantBytes({ pku: other.publicKey }), 1)),
  ],
  [
    'license: other issuer',
    'LICENSE_INVALID',
    (t) => (t.purse.press(0), t.desk.license(grantBytes({ issuer: new Uint8Array(4) }), 1)),
  ],
  [
    'license: other currency',
    'LICENSE_INVALID',
    (t) => (t.purse.press(0), t.desk.license(grantBytes({ currency: 'USD' }), 1)),
  ],
  [
    'license: by another key',
    'LICENSE_INVALID',
    (t) => (t.purse.press(0), t.desk.license(grantBytes({ by: issuer }), 1)),
  ],
  [
    'license: as another type',
    'LICENSE_INVALID',
    (t) => (t.purse.press(0), t.desk.license(grantBytes({ type: SIGNED.receipt }), 1)),
  ],
  [
    "license: another key's multiples",
    'LICENSE_INVALID',
    (t) => (
      t.purse.press(0),
      t.desk.license(licenseGrant.encode({ license: licenseBytes({}), multiples: multiplesFor(other.publicKey) }), 1)
    ),
  ],
  ['license: flipped bit', 'LICENSE_INVALID', (t) => (t.purse.press(0), t.desk.license(flip(grantBytes({}), 123), 1))],
  ['withdraw', 'CONFIRM_NEEDED', (t) => (t.purse.press(0), t.desk.withdraw(new Uint8Array(16).fill(1, 14), 1))],
  [
    'withdraw: agreed',
    'OK',
    (t) => (t.purse.press(0), agreeTo(t, 257), t.desk.withdraw(new Uint8Array(16).fill(1, 14), 1)),
  ],
  ['withdraw: 0', 'NO_CHARGE', (t) => (t.purse.press(0), t.desk.withdraw(new Uint8Array(16), 1))],
  ['withdraw: cut', 'BAD_REQUEST', (t) => (t.purse.press(0), t.desk.withdraw(new Uint8Array(15).fill(1, 14), 1))],
  [
    'withdraw: too much to take',
    'REFUSED',
    (t) => (t.purse.press(0), t.desk.withdraw(new Uint8Array([...COMMAND_ID, 0, 31, 255, 255, 255, 255, 255, 255]), 1)),
  ],
  ['receipt: next', 'OK', (t) => t.desk.receipt(receiptBytes({ number: 2 }))],
  ['receipt: taken already', 'OK', (t) => t.desk.receipt(receiptBytes({ number: 1 }))],
  ['receipt: number 0', 'OK', (t) => t.desk.receipt(receiptBytes({ number: 0 }))],
  ['receipt: gap', 'RECEIPT_GAP', (t) => t.desk.receipt(receiptBytes({ number: 3 }))],
  ['receipt: cut', 'BAD_REQUEST', (t) => t.desk.receipt(receiptBytes({ number: 2 }).subarray(1))],
  ['receipt: by another key', 'RECEIPT_INVALID', (t) => t.desk.receipt(receiptBytes({ number: 2, by: other }))],
  [
    'receipt: for another PKU',
    'RECEIPT_INVALID',
    (t) => t.desk.receipt(receiptBytes({ number: 2, pku: other.publicKey })),
  ],
  [
    'receipt: other issuer',
    'RECEIPT_INVALID',
    (t) => t.desk.receipt(receiptBytes({ number: 2, issuer: new Uint8Array(4) })),
  ],
  ['receipt: other currency', 'RECEIPT_INVALID', (t) => t.desk.receipt(receiptBytes({ number: 2, currency: 'USD' }))],
  ['receipt: unknown kind', 'RECEIPT_INVALID', (t) => t.desk.receipt(receiptBytes({ number: 2, kind: 4 }))],
  [
    'receipt: above 2^53 - 1',
    'RECEIPT_INVALID',
    (t) => t.desk.receipt(receiptBytes({ number: 2, amount: AMOUNT_MAX - 4999 })),
  ],
  ['receipt: up to 2^53 - 1', 'OK', (t) => t.desk.receipt(receiptBytes({ number: 2, amount: AMOUNT_MAX - 5000 }))],
];

test.each(rows)('%s: %s', (_what, code, how) => {
  const token = ready(5000);
  const before = { image: token.flash.image(), balance: token.purse.state.journal.balance() };
  expect(codeOfAnswer(how(token))).toBe(code);
  if (code === 'OK') return;
  expect(Buffer.compare(token.flash.image(), before.image)).toBe(0);
  expect(token.purse.state.journal.balance()).toBe(before.balance);
  if (code !== 'CONFIRM_NEEDED') expect(token.keys.signed).toBe(2); // registration, before
});

const unlicensed: Row[] = [
  ['pay', 'NOT_LICENSED', (t) => t.purse.pay(challengeBytes({}), 0)],
  ['open', 'NOT_LICENSED', (t) => t.purse.open(chargeBytes(1))],
  ['withdraw', 'NOT_LICENSED', (t) => t.desk.withdraw(new Uint8Array(16).fill(1, 14), 0)],
  ['identity', 'OK', (t) => t.desk.identity(0)],
  ['register', 'OK', (t) => t.desk.register(nameBytes('Ada'), 0)],
  ['register: two names', 'OK', (t) => (t.desk.register(nameBytes('Ada'), 0), t.desk.register(nameBytes('Eve'), 0))],
  ['license', 'OK', (t) => t.desk.license(grantBytes({}), 0)],
];
test.each(unlicensed)('not licensed, %s: %s', (_what, code, how) => {
  expect(codeOfAnswer(how(boot(newFlash())))).toBe(code);
});

describe("the class of the token's license", () => {
  /** With limits that no class reaches. */
  const WIDE = { ...CONFIG, limits: { paymentMax: AMOUNT_MAX, sumMax: AMOUNT_MAX } };
  /** Holds `balance` under a license of this class. */
  function holding(licenseClass: number, balance: number): TestPurse {
    const token = boot(newFlash(), WIDE);
    must(token.desk.register(nameBytes('Ada'), 0));
    must(token.desk.license(grantBytes({ licenseClass }), 0));
    // What its owner has got back is taken above any bound.
    must(token.desk.receipt(receiptBytes({ number: 1, amount: balance })));
    token.purse.press(0);
    return token;
  }
  const ask = (token: TestPurse, amount: number) => {
    agreeTo(token, amount);
    return codeOfAnswer(token.desk.withdraw(amountRequest.encode({ commandId: COMMAND_ID, amount }), 1));
  };

  test.each([
    ['small: up to its most', CLASS_SMALL, 5000, 'OK'],
    ['small: above', CLASS_SMALL, 5001, 'CLASS_LIMIT'],
    ['full', CLASS_FULL, 50_000, 'OK'],
    ['one that this version does not know', 9, 1, 'CLASS_LIMIT'],
    ['none', 0, 1, 'CLASS_LIMIT'],
  ])('bounds one payment, with OPEN before it or without: %s', (_what, licenseClass, amount, code) => {
    for (const opens of [true, false]) {
      const token = holding(licenseClass, 60_000);
      const image = token.flash.image();
      if (opens) must(token.purse.open(challengeBytes({}).subarray(CHALLENGE_CHARGE_AT)));
      expect(codeOfAnswer(token.purse.pay(challengeBytes({ amount }), 0))).toBe(code);
      if (code === 'OK') continue;
      // Nothing was written, signed or left to be confirmed.
      expect(Buffer.compare(token.flash.image(), image)).toBe(0);
      expect([token.keys.signed, token.purse.pending(0)]).toEqual([2, null]);
    }
  });

  test.each([
    ['up to its most', CLASS_SMALL, 14_000, 1000, 'OK'],
    ['above it', CLASS_SMALL, 14_000, 1001, 'CLASS_LIMIT'],
    ['where it is above already', CLASS_SMALL, 16_000, 1, 'CLASS_LIMIT'],
    ['full', CLASS_FULL, 14_000, 1_000_000, 'OK'],
    ['one that this version does not know', 9, 0, 1, 'CLASS_LIMIT'],
  ])('bounds what is held after a withdrawal: %s', (_what, licenseClass, balance, amount, code) => {
    const token = holding(licenseClass, balance || 1);
    const { signed } = token.keys;
    expect(ask(token, amount)).toBe(code);
    if (code !== 'OK') expect(token.keys.signed).toBe(signed);
    // A receipt that is there is taken all the same.
    must(token.desk.receipt(receiptBytes({ number: 2, amount: 20_000 })));
    expect(token.purse.state.journal.balance()).toBe((balance || 1) + 20_000);
  });
});

test('a payment is signed, debited once, repeated to the byte, and survives a reset', () => {
  const token = ready(5000);
  const bytes = challengeBytes({});
  const first = must(token.purse.pay(bytes, 0));
  expect(isPaymentFor(first.data, bytes)).toBe(true);
  expect(first.repeated).toBe(false);
  const again = must(token.purse.pay(bytes, 0));
  expect(again.repeated).toBe(true);
  expect(again.data).toEqual(first.data);
  const later = boot(token.flash);
  expect(later.purse.state.journal.balance()).toBe(4650);
  expect(must(later.purse.pay(bytes, 0)).data).toEqual(first.data);
  expect(later.purse.state.journal.balance()).toBe(4650);
  expect(later.keys.signed).toBe(0);
});

test('a known (IdS, Rs) with another y, Ts, counter, issuer or currency is a conflict, acknowledged or not', () => {
  const token = ready(5000);
  must(token.purse.pay(challengeBytes({}), 0));
  const others = [{ amount: 351 }, { timeS: 1 }, { counter: 10 }, { issuer: new Uint8Array(4) }, { currency: 'USD' }];
  for (const fields of others)
    expect(codeOfAnswer(token.purse.pay(challengeBytes(fields), 0))).toBe('CHALLENGE_CONFLICT');
  must(token.purse.ack(chargeBytes(1)));
  for (const fields of others)
    expect(codeOfAnswer(token.purse.pay(challengeBytes(fields), 0))).toBe('CHALLENGE_CONFLICT');
  // The same Rs at another shop is another charge.
  must(token.purse.pay(challengeBytes({ shop: 'Kiosk' }), 0));
  expect(token.purse.state.journal.balance()).toBe(5000 - 700);
});

test('above a limit: press, then exactly that payment within a minute', () => {
  const big = challengeBytes({ amount: 2000 });
  const cases: [string, (t: TestPurse) => void, Uint8Array, number, string][] = [
    ['pressed', (t) => t.purse.press(10), big, 20, 'OK'],
    ['pressed, at the last moment', (t) => t.purse.press(10), big, 10 + PRESS_MS, 'OK'],
    ['pressed, too late', (t) => t.purse.press(10), big, 11 + PRESS_MS, 'CONFIRM_NEEDED'],
    ['pressed too late for the question', (t) => t.purse.press(PRESS_MS + 1), big, PRESS_MS + 2, 'CONFIRM_NEEDED'],
    ['not pressed', () => undefined, big, 20, 'CONFIRM_NEEDED'],
    ['another amount', (t) => t.purse.press(10), challengeBytes({ amount: 2001 }), 20, 'CONFIRM_NEEDED'],
    ['another Rs', (t) => t.purse.press(10), challengeBytes({ amount: 2000, number: 2 }), 20, 'CONFIRM_NEEDED'],
    ['another shop', (t) => t.purse.press(10), challengeBytes({ amount: 2000, shop: 'Kiosk' }), 20, 'CONFIRM_NEEDED'],
    ['another Ts of the same charge', (t) => t.purse.press(10), challengeBytes({ amount: 2000, timeS: 5 }), 20, 'OK'],
  ];
  for (const [what, act, bytes, nowMs, code] of cases) {
    const token = ready(5000);
    expect(codeOfAnswer(token.purse.pay(big, 0))).toBe('CONFIRM_NEEDED');
    act(token);
    expect([what, codeOfAnswer(token.purse.pay(bytes, nowMs))]).toEqual([what, code]);
  }
});

test('a press that confirms a payment does not open the desk; one confirmation pays once', () => {
  const token = ready(5000);
  token.purse.pay(challengeBytes({ amount: 2000 }), 0);
  expect(token.purse.pending(1)).toMatchObject({ amount: 2000, shop: 'Cafe', confirmed: false });
  token.purse.press(1);
  expect(token.purse.pending(2)).toMatchObject({ confirmed: true });
  expect(codeOfAnswer(token.desk.identity(2))).toBe('DESK_CLOSED');
  must(token.purse.pay(challengeBytes({ amount: 2000 }), 3));
  expect(token.purse.pending(4)).toBe(null);
  expect(codeOfAnswer(token.purse.pay(challengeBytes({ amount: 2000, number: 2 }), 4))).toBe('CONFIRM_NEEDED');
});

test('the sum since the last press is limited, across resets, and a press sets it back', () => {
  const config = { ...CONFIG, debitSlots: 16 };
  let token = ready(50_000, config);
  for (const number of [1, 2]) must(token.purse.pay(challengeBytes({ amount: 1000, number }), 0));
  token = boot(token.flash, config);
  expect(codeOfAnswer(token.purse.pay(challengeBytes({ amount: 501, number: 3 }), 0))).toBe('CONFIRM_NEEDED');
  must(token.purse.pay(challengeBytes({ amount: 500, number: 4 }), 0));
  token.purse.press(1);
  must(token.purse.pay(challengeBytes({ amount: 501, number: 3 }), 2));
  token = boot(token.flash, config);
  expect(token.purse.state.journal.lastDebit().sumSincePress).toBe(501);
  // One press sets it back once.
  token.purse.press(3);
  for (const number of [5, 6]) must(token.purse.pay(challengeBytes({ amount: 1000, number }), 4));
  expect(codeOfAnswer(token.purse.pay(challengeBytes({ amount: 501, number: 7 }), 4))).toBe('CONFIRM_NEEDED');
});

test('a confirmation is for one question only: a second one asked after the press needs its own', () => {
  const token = ready(5000);
  token.purse.pay(challengeBytes({ amount: 2000 }), 0);
  token.purse.press(1);
  const second = challengeBytes({ amount: 3000, number: 2 });
  for (let tap = 0; tap < 3; tap++) expect(codeOfAnswer(token.purse.pay(second, 2 + tap))).toBe('CONFIRM_NEEDED');
  expect(codeOfAnswer(token.purse.pay(challengeBytes({ amount: 2000 }), 6))).toBe('CONFIRM_NEEDED');
});

test('the journal itself never overwrites a debit that was not acknowledged', () => {
  const token = ready(5000);
  must(token.purse.pay(challengeBytes({}), 0));
  expect(() => token.purse.state.journal.debit(0, 0, 1, 1, new Uint8Array(64), challengeBytes({ number: 2 }))).toThrow(
    RangeError,
  );
});

test('the journal is full of unacknowledged debits, and the oldest acknowledged one gives way', () => {
  const token = ready(50_000);
  for (const number of [1, 2, 3, 4]) must(token.purse.pay(challengeBytes({ amount: 10, number }), 0));
  const before = token.flash.image();
  expect(codeOfAnswer(token.purse.pay(challengeBytes({ amount: 10, number: 5 }), 0))).toBe('JOURNAL_FULL');
  expect(token.flash.image()).toEqual(before);
  must(token.purse.ack(chargeBytes(3)));
  must(token.purse.ack(chargeBytes(2)));
  const writes = token.log.writes();
  must(token.purse.ack(chargeBytes(2))); // again: no write
  expect(token.log.writes()).toBe(writes);
  must(token.purse.pay(challengeBytes({ amount: 10, number: 5 }), 0));
  const later = boot(token.flash);
  expect(must(later.purse.open(chargeBytes(9))).data[124]).toBe(3);
  const recall = (index: number) => later.purse.recall(recallRequest.encode({ index, shop: 'Cafe' }));
  // Of 2 and 3, both acknowledged, 2 is older: its place went to 5, and 3 can still be repeated.
  expect([0, 1, 2].map((index) => must(recall(index)).data)).toEqual([1, 5, 4].map(rsOf));
  expect(codeOfAnswer(recall(3))).toBe('NO_CHARGE');
  expect(must(later.purse.pay(challengeBytes({ amount: 10, number: 3 }), 0)).repeated).toBe(true);
  expect(must(later.purse.open(chargeBytes(9, 'Kiosk'))).data[124]).toBe(0);
});

test('a payment takes one record, an acknowledgement another', () => {
  const token = ready(5000);
  const writes = token.log.writes();
  must(token.purse.pay(challengeBytes({}), 0));
  expect(token.log.writes() - writes).toBe(2); // record, commit mark
  must(token.purse.ack(chargeBytes(1)));
  expect(token.log.writes() - writes).toBe(4);
  must(token.desk.receipt(receiptBytes({ number: 2 })));
  expect(token.log.writes() - writes).toBe(6);
});

test('after a flash failure everything is refused until reset, and the Balance is old or new', () => {
  const token = ready(5000);
  token.flash.cutAfter(0, 'during', 3);
  expect(codeOfAnswer(token.purse.pay(challengeBytes({}), 0))).toBe('DEVICE_FAULT');
  token.flash.powerOn();
  const all = [
    token.purse.pay(challengeBytes({}), 0),
    token.purse.open(chargeBytes(1)),
    token.purse.ack(chargeBytes(1)),
    token.purse.recall(recallRequest.encode({ index: 0, shop: 'Cafe' })),
    token.desk.receipt(receiptBytes({ number: 2 })),
    token.desk.identity(0),
    token.desk.register(nameBytes('Ada'), 0),
    token.desk.license(grantBytes({}), 0),
    token.desk.withdraw(new Uint8Array(16).fill(1, 14), 0),
  ];
  expect(all.map(codeOfAnswer)).toEqual(all.map(() => 'DEVICE_FAULT'));
  expect(boot(token.flash).purse.state.journal.balance()).toBe(5000);
});

test('a store that cannot be trusted does not open', () => {
  for (const [type, slot] of [
    [RECORD.debit, 0],
    [RECORD.debit, 9],
    [RECORD.settled, 1],
    [RECORD.credit, 0],
    [RECORD.license, 0],
    [RECORD.identity, 0],
  ]) {
    const token = ready(5000);
    token.log.put(type, slot, new Uint8Array([1, 2, 3]));
    expect(() => boot(token.flash)).toThrow(/cannot be read/);
  }
});

test('identity, registration, withdrawal and receipt say what they must', () => {
  const token = boot(newFlash());
  expect(identity.decode(must(token.desk.identity(0)).data)).toEqual({
    accountKey: account.publicKey,
    pku: pseudonym.publicKey,
    receiptNumber: 0,
    licensed: 0,
  });
  const request = registration.decode(requestPart.decode(must(token.desk.register(nameBytes('Ada'), 0)).data)!.part)!;
  expect(registrationBody.decode(request.body)).toEqual({
    pku: pseudonym.publicKey,
    accountKey: account.publicKey,
    name: 'Ada',
  });
  expect(verifyRaw(account.publicKey, signedBytes(SIGNED.registration, request.body), request.accountSignature)).toBe(
    true,
  );
  expect(verifyRaw(pseudonym.publicKey, signedBytes(SIGNED.registrationProof, request.body), request.proof)).toBe(true);
  must(token.desk.license(grantBytes({}), 0));
  expect(boot(token.flash).purse.state.name).toBe('Ada');
  token.purse.press(0);
  for (const number of [1, 2]) {
    agreeTo(token, 256);
    const asked = withdrawal.decode(
      requestPart.decode(must(token.desk.withdraw(new Uint8Array([...COMMAND_ID, 0, 0, 0, 0, 0, 0, 1, 0]), 0)).data)!
        .part,
    )!;
    expect(withdrawalBody.decode(asked.body)).toEqual({
      issuer: ISSUER,
      currency: 'EUR',
      pku: pseudonym.publicKey,
      number,
      amount: 256,
      name: 'Ada',
    });
    expect(verifyRaw(account.publicKey, signedBytes(SIGNED.withdrawal, asked.body), asked.accountSignature)).toBe(true);
    expect(verifyRaw(pseudonym.publicKey, signedBytes(SIGNED.withdrawalProof, asked.body), asked.proof)).toBe(true);
    const taken = must(token.desk.receipt(receiptBytes({ number, amount: 256 })));
    expect(receiptAnswer.decode(taken.data)).toEqual({ receiptNumber: number });
    expect(token.purse.state.journal.balance()).toBe(256 * number);
  }
  expect(must(boot(token.flash).purse.pay(challengeBytes({ amount: 1 }), 0)).ok).toBe(true);
  expect(payment.decode(must(token.purse.pay(challengeBytes({ amount: 1 }), 0)).data)!.amount).toBe(1);
});
