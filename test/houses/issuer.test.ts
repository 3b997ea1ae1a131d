/**
 * The issuer's procedures, in process: every result code that a token, a shop or an operator can meet.
 */
import { CLASS_FULL, CLASS_SMALL } from '../../firmware/core/license-class.js';
import { LICENSE_VALID_S, quarterEnd } from '../../host-bridge/houses/licensing.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { concat, equal, toHex } from '../../firmware/core/bytes.js';
import {
  DENIED_MAX,
  denyBody,
  PREFIX_BYTES,
  signedDenyList,
  signedTime,
  timeBody,
} from '../../firmware/wire/notices.js';
import { history } from '../../firmware/wire/payment.js';
import { accountBody, accountCertificate } from '../../firmware/wire/registration.js';
import { prefixBytes } from '../../host-bridge/base/deny-lists.js';
import { denies, listOf } from '../kit/deny-lists.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { receipt, receiptBody, withdrawal } from '../../firmware/wire/withdrawal.js';
import { isSigned } from '../../host-bridge/base/crypto/signer.js';
import { abcOf, ebcOf } from '../../host-bridge/ledger/rules.js';
import {
  codeOf,
  createRig,
  flipped,
  good,
  historyOf,
  ISSUER,
  issuerSigner,
  licenseOf,
  person,
  rsOf,
  seedOf,
  signerOf,
  START_S,
  tombstoneOf,
  withdrawalOf,
  type Rig,
} from '../kit/people.js';

const ada = person('Ada');
const bob = person('Bob');
const terminal = signerOf('terminal');
const DAY_S = 86400;

let rig: Rig;
beforeEach(() => {
  rig = createRig();
  rig.open(ada, 100);
  rig.open(bob, 100);
  rig.shop('Shop');
  good(rig.office.registerTerminal('Shop', rsOf(0).subarray(0, 4), terminal.publicKey));
});
afterEach(() => {
  const { in: putIn, held } = rig.issuerStore.numbers();
  expect(held).toBe(putIn);
  rig.close();
});

const abc = (name: string) => rig.issuerStore.balance(abcOf(name));
const ebc = (pku: Uint8Array) => rig.issuerStore.balance(ebcOf(toHex(pku)));

describe('withdraw', () => {
  test('moves x from ABC to EBC and gives a signed, numbered receipt', () => {
    const { receipt: bytes, repeated } = good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30)));
    const paper = receipt.decode(bytes);
    expect(repeated).toBe(false);
    expect(receiptBody.decode(paper?.body as Uint8Array)).toEqual({
      issuer: ISSUER,
      currency: 'EUR',
      pku: ada.pku,
      number: 1,
      kind: 1,
      amount: 30,
    });
    expect(
      isSigned(issuerSigner.publicKey, SIGNED.receipt, paper?.body as Uint8Array, paper?.signature as Uint8Array),
    ).toBe(true);
    expect([abc('Ada'), ebc(ada.pku)]).toEqual([70, 30]);
  });

  test('asked again, the same bytes and no second debit', () => {
    const first = good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30)));
    const again = good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30)));
    expect(again).toMatchObject({ repeated: true });
    expect(equal(again.receipt, first.receipt)).toBe(true);
    expect([abc('Ada'), ebc(ada.pku)]).toEqual([70, 30]);
  });

  test('a used number with another amount is RECEIPT_MISSED; the missed receipts come from that number on', () => {
    const one = good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30))).receipt;
    const two = good(rig.issuer.withdraw(withdrawalOf(ada, 2, 20))).receipt;
    const late = withdrawalOf(ada, 1, 25);
    expect(codeOf(rig.issuer.withdraw(late))).toBe('RECEIPT_MISSED');
    expect(good(rig.issuer.receipts(late)).receipts).toEqual([one, two]);
    expect(good(rig.issuer.receipts(withdrawalOf(ada, 2, 1))).receipts).toEqual([two]);
    expect(codeOf(rig.issuer.withdraw(withdrawalOf(ada, 3, 25)))).toBe('OK');
    expect(abc('Ada')).toBe(25);
  });

  test('receipts go to the owner alone', () => {
    good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30)));
    expect(codeOf(rig.issuer.receipts(withdrawalOf(bob, 1, 1, { pku: ada.pku })))).toBe('SIGNATURE_INVALID');
    expect(codeOf(rig.issuer.receipts(withdrawalOf(bob, 1, 1)))).toBe('PSEUDONYM_UNKNOWN');
    expect(codeOf(rig.issuer.receipts(withdrawalOf({ ...bob, token: ada.token, pku: ada.pku }, 1, 1)))).toBe(
      'PSEUDONYM_TAKEN',
    );
    expect(codeOf(rig.issuer.receipts(flipped(withdrawalOf(ada, 1, 1), 3)))).toBe('SIGNATURE_INVALID');
  });

  test.each<[string, () => Uint8Array]>([
    ['BAD_REQUEST', () => new Uint8Array(0)],
    ['BAD_REQUEST', () => concat([withdrawalOf(ada, 1, 5), new Uint8Array(1)])],
    ['BAD_REQUEST', () => withdrawalOf(ada, 1, 5).subarray(0, 182)],
    ['BAD_REQUEST', () => withdrawalOf(ada, 0, 5)],
    ['ISSUER_UNKNOWN', () => withdrawalOf(ada, 1, 5, { issuer: new Uint8Array(4) })],
    ['CURRENCY_UNKNOWN', () => withdrawalOf(ada, 1, 5, { currency: 'USD' })],
    ['ACCOUNT_UNKNOWN', () => withdrawalOf(person('Eve'), 1, 5)],
    ['ACCOUNT_KEY_MISSING', () => withdrawalOf(person('Shop'), 1, 5)],
    ['SIGNATURE_INVALID', () => withdrawalOf(ada, 1, 5, {}, { account: bob.account })],
    ['SIGNATURE_INVALID', () => withdrawalOf(ada, 1, 5, {}, { token: bob.token })],
    ['RECEIPT_AHEAD', () => withdrawalOf(ada, 2, 5)],
    ['RECEIPT_AHEAD', () => withdrawalOf(ada, 4294967295, 5)],
    ['FUNDS_INSUFFICIENT', () => withdrawalOf(ada, 1, 101)],
    ['FUNDS_INSUFFICIENT', () => withdrawalOf(ada, 1, Number.MAX_SAFE_INTEGER)],
  ])('%s, and nothing changes', (expected, request) => {
    expect(codeOf(rig.issuer.withdraw(request()))).toBe(expected);
    expect([abc('Ada'), abc('Bob'), ebc(ada.pku)]).toEqual([100, 100, 0]);
    expect(rig.issuerStore.numbers().receipts).toBe(0);
  });

  test('every byte of a request is covered: turned by one bit it is refused', () => {
    const request = withdrawalOf(ada, 1, 30);
    for (let at = 0; at < request.length; at++)
      expect([at, rig.issuer.withdraw(flipped(request, at)).ok]).toEqual([at, false]);
    expect(rig.issuerStore.numbers().receipts).toBe(0);
  });

  test("somebody else's pseudonym cannot be drawn under another name", () => {
    // Bob signs with his account for Ada's PKU, but has no SKU of it.
    expect(codeOf(rig.issuer.withdraw(withdrawalOf(bob, 1, 5, { pku: ada.pku })))).toBe('SIGNATURE_INVALID');
    // Even with both keys in hand, a bound pseudonym keeps its name.
    good(rig.issuer.withdraw(withdrawalOf(ada, 1, 5)));
    expect(codeOf(rig.issuer.withdraw(withdrawalOf({ ...bob, token: ada.token, pku: ada.pku }, 2, 5)))).toBe(
      'PSEUDONYM_TAKEN',
    );
    expect(rig.issuerStore.pseudonym(ada.pku)?.name).toBe('Ada');
  });

  test('a denied pseudonym gets no more cash, but its lost receipt again', () => {
    const first = good(rig.issuer.withdraw(withdrawalOf(ada, 1, 5)));
    good(rig.office.deny(ada.pku, 'stolen'));
    expect(codeOf(rig.issuer.withdraw(withdrawalOf(ada, 2, 5)))).toBe('DENIED');
    expect(equal(good(rig.issuer.withdraw(withdrawalOf(ada, 1, 5))).receipt, first.receipt)).toBe(true);
  });
});

describe('deposit', () => {
  beforeEach(() => void good(rig.issuer.withdraw(withdrawalOf(ada, 1, 50))));

  test('moves y from EBC to the shop, once for each (PKU, IdS, Rs)', () => {
    const h = historyOf(ada, 'Shop', 20, rsOf(1));
    expect(good(rig.issuer.deposit(h))).toMatchObject({ amount: 20, repeated: false });
    expect(good(rig.issuer.deposit(h))).toMatchObject({ amount: 20, repeated: true });
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 20, rsOf(2))));
    expect([abc('Shop'), ebc(ada.pku)]).toEqual([40, 10]);
  });

  test('the identity is not the bytes: a renewed license changes nothing, another amount or time is a conflict', () => {
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 20, rsOf(1))));
    const renewed = licenseOf(ada.pku, { validUntilS: START_S + 999 * DAY_S });
    expect(good(rig.issuer.deposit(historyOf(ada, 'Shop', 20, rsOf(1), {}, { license: renewed })))).toMatchObject({
      repeated: true,
    });
    expect(codeOf(rig.issuer.deposit(historyOf(ada, 'Shop', 21, rsOf(1))))).toBe('CHALLENGE_CONFLICT');
    expect(codeOf(rig.issuer.deposit(historyOf(ada, 'Shop', 20, rsOf(1), { counter: 2 })))).toBe('CHALLENGE_CONFLICT');
    expect(abc('Shop')).toBe(20);
  });

  test('the money goes to the shop that the user signed for', () => {
    rig.shop('Thief');
    const h = history.decode(historyOf(ada, 'Shop', 20, rsOf(1)));
    const forged = historyOf(ada, 'Thief', 20, rsOf(1));
    const stolen = history.encode({
      ...(history.decode(forged) as NonNullable<typeof h>),
      signature: (h as NonNullable<typeof h>).signature,
    });
    expect(codeOf(rig.issuer.deposit(stolen))).toBe('SIGNATURE_INVALID');
    expect(abc('Thief')).toBe(0);
  });

  test.each<[string, () => Uint8Array]>([
    ['BAD_REQUEST', () => new Uint8Array(0)],
    ['BAD_REQUEST', () => historyOf(ada, 'Shop', 5, rsOf(1)).subarray(0, 100)],
    ['BAD_REQUEST', () => concat([historyOf(ada, 'Shop', 5, rsOf(1)), new Uint8Array(1)])],
    ['ISSUER_UNKNOWN', () => historyOf(ada, 'Shop', 5, rsOf(1), { issuer: new Uint8Array(4) })],
    [
      'ISSUER_UNKNOWN',
      () => historyOf(ada, 'Shop', 5, rsOf(1), {}, { license: licenseOf(ada.pku, { issuer: new Uint8Array(4) }) }),
    ],
    ['CURRENCY_UNKNOWN', () => historyOf(ada, 'Shop', 5, rsOf(1), { currency: 'USD' })],
    [
      'CURRENCY_UNKNOWN',
      () => historyOf(ada, 'Shop', 5, rsOf(1), {}, { license: licenseOf(ada.pku, { currency: 'USD' }) }),
    ],
    ['LICENSE_INVALID', () => historyOf(ada, 'Shop', 5, rsOf(1), {}, { license: licenseOf(ada.pku, {}, ada.token) })],
    ['SIGNATURE_INVALID', () => historyOf(ada, 'Shop', 5, rsOf(1), {}, { token: bob.token })],
    ['ACCOUNT_UNKNOWN', () => historyOf(ada, 'Nowhere', 5, rsOf(1))],
    [
      'LICENSE_EXPIRED',
      () =>
        historyOf(ada, 'Shop', 5, rsOf(1), {}, { license: licenseOf(ada.pku, { validUntilS: START_S - 7 * DAY_S }) }),
    ],
  ])('%s, and nothing changes', (expected, bytes) => {
    expect(codeOf(rig.issuer.deposit(bytes()))).toBe(expected);
    expect([abc('Shop'), ebc(ada.pku), rig.issuerStore.numbers().histories]).toEqual([0, 50, 0]);
  });

  test('a license is judged at arrival, with the window as grace', () => {
    const license = licenseOf(ada.pku, { validUntilS: START_S });
    rig.clock.nowS = START_S + 7 * DAY_S - 1;
    expect(codeOf(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1), {}, { license })))).toBe('OK');
    rig.clock.nowS = START_S + 7 * DAY_S;
    expect(codeOf(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(2), {}, { license })))).toBe('LICENSE_EXPIRED');
    // What was credited stays credited.
    expect(good(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1), {}, { license })))).toMatchObject({
      repeated: true,
    });
  });

  test('every byte of a history is covered: turned by one bit it is refused', () => {
    const h = historyOf(ada, 'Shop', 20, rsOf(1));
    for (let at = 0; at < h.length; at++) expect([at, rig.issuer.deposit(flipped(h, at)).ok]).toEqual([at, false]);
    expect(abc('Shop')).toBe(0);
  });
});

// Amounts that a codec of ours would never write, signed by their owners all the same.
const NO_AMOUNTS: [string, number[]][] = [
  ['0', [0, 0, 0, 0, 0, 0, 0, 0]],
  ['-1', [255, 255, 255, 255, 255, 255, 255, 255]],
  ['2^53', [0, 32, 0, 0, 0, 0, 0, 0]],
  ['2^63', [128, 0, 0, 0, 0, 0, 0, 0]],
  ['5 as a double', [64, 20, 0, 0, 0, 0, 0, 0]],
];
describe.each(NO_AMOUNTS)('the amount %s on the wire, well signed', (_what, bytes) => {
  test('is no withdrawal and no payment', () => {
    const body = withdrawalOf(ada, 1, 5).slice(128);
    body.set(bytes, 43);
    const request = withdrawal.encode({
      accountSignature: ada.account.sign(SIGNED.withdrawal, body),
      proof: ada.token.sign(SIGNED.withdrawalProof, body),
      body,
    });
    expect(codeOf(rig.issuer.withdraw(request))).toBe('BAD_REQUEST');
    const paid = historyOf(ada, 'Shop', 5, rsOf(1)).slice(172);
    paid.set(bytes, 7);
    const h = history.encode({
      license: licenseOf(ada.pku),
      signature: ada.token.sign(SIGNED.payment, paid),
      challenge: paid,
    });
    expect(codeOf(rig.issuer.deposit(h))).toBe('BAD_REQUEST');
    expect([abc('Ada'), abc('Shop'), ebc(ada.pku)]).toEqual([100, 0, 0]);
  });
});

describe('tombstone', () => {
  const stone = tombstoneOf(terminal, 'Shop', rsOf(1));
  beforeEach(() => void good(rig.issuer.withdraw(withdrawalOf(ada, 1, 50))));

  test('tombstone, then no deposit of that charge from anybody', () => {
    expect(good(rig.issuer.tombstone(stone))).toMatchObject({ repeated: false });
    expect(good(rig.issuer.tombstone(stone))).toMatchObject({ repeated: true });
    expect(codeOf(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1))))).toBe('TOMBSTONED');
    expect(codeOf(rig.issuer.deposit(historyOf(bob, 'Shop', 5, rsOf(1))))).toBe('TOMBSTONED');
    expect(codeOf(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(2))))).toBe('OK');
  });

  test('deposit, then no tombstone', () => {
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1))));
    expect(codeOf(rig.issuer.tombstone(stone))).toBe('ALREADY_PAID');
  });

  test.each<[string, () => Uint8Array]>([
    ['BAD_REQUEST', () => new Uint8Array(70)],
    ['TERMINAL_UNKNOWN', () => tombstoneOf(terminal, 'Shop', rsOf(1, 2))],
    ['TERMINAL_UNKNOWN', () => tombstoneOf(terminal, 'Other', rsOf(1))],
    ['SIGNATURE_INVALID', () => tombstoneOf(ada.token, 'Shop', rsOf(1))],
    ['SIGNATURE_INVALID', () => flipped(stone, 70)],
  ])('%s, and the charge can still be deposited', (expected, bytes) => {
    expect(codeOf(rig.issuer.tombstone(bytes()))).toBe(expected);
    expect(codeOf(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1))))).toBe('OK');
  });
});

describe('time and deny list', () => {
  const listAt = () => {
    const { version, messages } = good(rig.issuer.denyList(0));
    let timeS: number | undefined;
    for (const message of messages) {
      const signed = signedDenyList.decode(message);
      const body = denyBody.decode(signed?.body as Uint8Array);
      expect(
        isSigned(issuerSigner.publicKey, SIGNED.denyList, signed?.body as Uint8Array, signed?.signature as Uint8Array),
      ).toBe(true);
      expect(body?.toVersion).toBe(version);
      timeS = body?.timeS;
    }
    return { version, timeS, prefixes: toHex(prefixBytes(listOf(messages))) };
  };

  test('signed time answers the nonce', () => {
    const nonce = seedOf('nonce').subarray(0, 8);
    const signed = signedTime.decode(good(rig.issuer.signedTime(nonce)).time);
    expect(timeBody.decode(signed?.body as Uint8Array)).toEqual({
      issuer: ISSUER,
      timeS: START_S,
      nonce: new Uint8Array(nonce),
    });
    expect(
      isSigned(issuerSigner.publicKey, SIGNED.time, signed?.body as Uint8Array, signed?.signature as Uint8Array),
    ).toBe(true);
    expect(codeOf(rig.issuer.signedTime(new Uint8Array(7)))).toBe('BAD_REQUEST');
  });

  test('an unchanged list keeps its version for an hour, then is signed anew with a higher one', () => {
    expect(listAt()).toEqual({ version: 1, timeS: START_S, prefixes: '' });
    rig.clock.nowS += 3599;
    expect(listAt()).toEqual({ version: 1, timeS: START_S, prefixes: '' });
    rig.clock.nowS += 1;
    expect(listAt()).toEqual({ version: 2, timeS: START_S + 3600, prefixes: '' });
  });

  test('lists that say the same are not kept, those that say something are', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
    const kept = createRig({ issuerPath: join(folder, 'issuer.db') });
    for (let hour = 0; hour < 5; hour++) {
      good(kept.issuer.denyList(0));
      if (hour === 2) good(kept.office.deny(ada.pku, 'stolen'));
      kept.clock.nowS += 3600;
    }
    kept.close();
    const database = new Sqlite(join(folder, 'issuer.db'));
    expect(database.prepare('SELECT version FROM deny_lists ORDER BY version').all()).toEqual([
      { version: 3 },
      { version: 6 },
    ]);
    database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a clock that was in the future does not freeze the list', () => {
    rig.clock.nowS = 4_000_000_000;
    listAt();
    rig.clock.nowS = START_S;
    expect(listAt()).toEqual({ version: 2, timeS: START_S, prefixes: '' });
  });

  test('a denial is on the next version at once; prefixes ascend', () => {
    listAt();
    const denied = [
      good(rig.office.deny(ada.pku, 'stolen')),
      good(rig.office.deny(bob.pku, 'lost')),
      good(rig.office.deny(bob.pku, 'lost')),
    ];
    expect(denied.map(({ version, repeated }) => [version, repeated])).toEqual([
      [2, false],
      [3, false],
      [3, true],
    ]);
    expect(listAt().prefixes).toBe([toHex(ada.pku).slice(0, 8), toHex(bob.pku).slice(0, 8)].sort().join(''));
    expect(codeOf(rig.office.deny(ada.pku, ''))).toBe('REASON_MISSING');
    expect(codeOf(rig.office.deny(new Uint8Array(31), 'x'))).toBe('BAD_REQUEST');
  });

  test('as many as a terminal can hold; the next is refused to an operator, and a loss says so', () => {
    const pkuOf = (i: number): Uint8Array => {
      const pku = seedOf(`denied ${i}`).slice();
      new DataView(pku.buffer).setUint32(0, i * 100_003);
      return pku;
    };
    rig.issuerStore.transaction(() => {
      for (let i = 1; i < DENIED_MAX; i++)
        rig.issuerStore.putDenial({ pku: pkuOf(i), untilS: null, why: 'test', sinceS: START_S });
    });
    good(rig.office.deny(pkuOf(DENIED_MAX), 'test'));
    expect(codeOf(rig.office.deny(ada.pku, 'test'))).toBe('DENY_LIST_FULL');
    expect(listAt().prefixes.length).toBe(DENIED_MAX * PREFIX_BYTES * 2);
    // An overspend is recorded and denied all the same; those denied before it stay on the list.
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1))));
    expect(rig.issuerStore.denial(ada.pku)).toMatchObject({ why: 'overspent' });
    expect(listAt().prefixes.length).toBe(DENIED_MAX * PREFIX_BYTES * 2);
    expect(good(rig.office.overspends()).overspends.length).toBe(1);
    good(rig.issuer.withdraw(withdrawalOf(bob, 1, 5)));
    expect(good(rig.office.lose(bob.pku, 'left on the train'))).toMatchObject({ onDenyList: false, repeated: false });
    expect(good(rig.office.lose(bob.pku, 'left on the train'))).toMatchObject({ onDenyList: false, repeated: true });
  });
});

describe('overspend and trace', () => {
  function overspend() {
    good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30)));
    good(rig.issuer.withdraw(withdrawalOf(bob, 1, 30)));
    good(rig.issuer.deposit(historyOf(bob, 'Shop', 30, rsOf(1))));
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 30, rsOf(2))));
    good(rig.issuer.denyList(0));
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 25, rsOf(3)))); // a clone
  }

  test('the shop is credited, EBC is negative, the list grows, and the right name comes out with its proof', () => {
    overspend();
    expect([abc('Shop'), ebc(ada.pku), ebc(bob.pku)]).toEqual([85, -25, 0]);
    const { version, messages } = good(rig.issuer.denyList(0));
    expect(version).toBe(2);
    expect(denies(messages, ada.pku)).toBe(true);
    expect(denies(messages, bob.pku)).toBe(false);
    expect(good(rig.office.overspends()).overspends).toEqual([{ pku: ada.pku, ebc: -25, timeS: START_S }]);
    const traced = good(rig.office.trace(ada.pku, 'overspent'));
    expect(traced).toMatchObject({ name: 'Ada', ebc: -25, proof: 'PROVEN' });
    expect(equal(traced.request, withdrawalOf(ada, 1, 30))).toBe(true);
    const certificate = accountCertificate.decode(traced.certificate);
    expect(accountBody.decode(certificate?.body as Uint8Array)).toEqual({
      accountKey: ada.account.publicKey,
      name: 'Ada',
    });
    expect(rig.issuerStore.traces()).toEqual([
      {
        pku: ada.pku,
        operator: 'operator',
        why: 'overspent',
        ebc: -25,
        name: 'Ada',
        proof: 'PROVEN',
        timeS: START_S,
        order: null,
      },
    ]);
  });

  test('nobody else can be traced', () => {
    overspend();
    expect(codeOf(rig.office.trace(bob.pku, 'curious'))).toBe('NOT_OVERSPENT');
    expect(codeOf(rig.office.trace(seedOf('nobody'), 'curious'))).toBe('PSEUDONYM_UNKNOWN');
    expect(codeOf(rig.office.trace(ada.pku, ''))).toBe('REASON_MISSING');
    expect(codeOf(rig.office.trace(new Uint8Array(5), 'x'))).toBe('BAD_REQUEST');
    expect(rig.issuerStore.traces()).toEqual([]);
  });

  test('further overspending is credited, with one denial and one row each', () => {
    overspend();
    const { version } = good(rig.issuer.denyList(0));
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(4))));
    expect(good(rig.issuer.denyList(0)).version).toBe(version);
    expect(good(rig.office.overspends()).overspends).toEqual([{ pku: ada.pku, ebc: -30, timeS: START_S }]);
  });

  test('a pseudonym that never withdrew overspends at its first payment; its name is with the trustee', () => {
    const eve = person('Eve');
    good(rig.issuer.deposit(historyOf(eve, 'Shop', 5, rsOf(1))));
    expect(ebc(eve.pku)).toBe(-5);
    expect(codeOf(rig.office.trace(eve.pku, 'overspent'))).toBe('OWNER_UNKNOWN');
  });

  test('a name whose request its account key did not sign is UNPROVEN', () => {
    // The issuer itself frames Bob: it binds Eve's pseudonym to him with a request that he never signed.
    const eve = person('Eve');
    const forged = withdrawalOf({ ...eve, name: 'Bob' }, 1, 5);
    good(rig.issuer.deposit(historyOf(eve, 'Shop', 5, rsOf(1))));
    rig.issuerStore.bindPseudonym(eve.pku, 'Bob', forged);
    expect(good(rig.office.trace(eve.pku, 'overspent'))).toMatchObject({ name: 'Bob', proof: 'UNPROVEN' });
  });

  test('a denial leaves the list when every license that may be out is over, grace included', () => {
    overspend();
    rig.clock.nowS = quarterEnd(START_S, LICENSE_VALID_S) + 7 * DAY_S - 1;
    expect(denies(good(rig.issuer.denyList(0)).messages, ada.pku)).toBe(true);
    rig.clock.nowS += 1;
    expect(denies(good(rig.issuer.denyList(0)).messages, ada.pku)).toBe(false);
    // With a renewed license it pays again, is overspent again, and is back.
    const renewed = licenseOf(ada.pku, { validUntilS: START_S + 999 * DAY_S });
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 1, rsOf(9), {}, { license: renewed })));
    expect(denies(good(rig.issuer.denyList(0)).messages, ada.pku)).toBe(true);
  });
});

describe('the office', () => {
  test('an account is opened once for a name and a key', () => {
    const first = good(rig.office.openAccount('Ada', ada.account.publicKey));
    expect(first.repeated).toBe(true);
    const certificate = accountCertificate.decode(first.certificate as Uint8Array);
    expect(
      isSigned(
        issuerSigner.publicKey,
        SIGNED.account,
        certificate?.body as Uint8Array,
        certificate?.signature as Uint8Array,
      ),
    ).toBe(true);
    expect(codeOf(rig.office.openAccount('Ada', bob.account.publicKey))).toBe('NAME_TAKEN');
    expect(codeOf(rig.office.openAccount('Ada', null))).toBe('NAME_TAKEN');
    expect(codeOf(rig.office.openAccount('Ada2', ada.account.publicKey))).toBe('KEY_TAKEN');
    expect(codeOf(rig.office.openAccount('Ada2', new Uint8Array(32)))).toBe('KEY_INVALID');
    expect(codeOf(rig.office.openAccount('Zoe\u0308', null))).toBe('NAME_INVALID');
    expect(good(rig.office.openAccount('Shop', null))).toMatchObject({ certificate: null, repeated: true });
  });

  test.each([0, -1, 0.1, '1e3' as unknown as number, NaN, '5' as unknown as number, 2 ** 53, 2 ** 63])(
    'money in: %p is no amount',
    (amount) => {
      expect(codeOf(rig.office.fundAccount('Ada', amount))).toBe('AMOUNT_INVALID');
      expect(abc('Ada')).toBe(100);
    },
  );

  test('money in, and no more of it than 2^53 - 1 in all', () => {
    expect(good(rig.office.fundAccount('Ada', 5))).toMatchObject({ balance: 105 });
    expect(codeOf(rig.office.fundAccount('Nobody', 5))).toBe('ACCOUNT_UNKNOWN');
    expect(codeOf(rig.office.fundAccount('Shop', Number.MAX_SAFE_INTEGER))).toBe('BALANCE_TOO_LARGE');
    expect(codeOf(rig.office.fundAccount('Shop', Number.MAX_SAFE_INTEGER - 205))).toBe('OK');
    expect(rig.issuerStore.numbers()).toMatchObject({ in: Number.MAX_SAFE_INTEGER, held: Number.MAX_SAFE_INTEGER });
    expect(codeOf(rig.office.fundAccount('Ada', 1))).toBe('BALANCE_TOO_LARGE');
  });

  test('terminals: one key for each id of a shop', () => {
    const id = rsOf(0).subarray(0, 4);
    expect(good(rig.office.registerTerminal('Shop', id, terminal.publicKey))).toMatchObject({ repeated: true });
    expect(codeOf(rig.office.registerTerminal('Shop', id, ada.pku))).toBe('TERMINAL_TAKEN');
    expect(codeOf(rig.office.registerTerminal('Nowhere', id, terminal.publicKey))).toBe('ACCOUNT_UNKNOWN');
    expect(codeOf(rig.office.registerTerminal('Shop', rsOf(0, 9).subarray(0, 4), new Uint8Array(32)))).toBe(
      'KEY_INVALID',
    );
    expect(codeOf(rig.office.registerTerminal('Shop', new Uint8Array(3), terminal.publicKey))).toBe('BAD_REQUEST');
  });

  test('payments deposited last come first, and pages go to the end', () => {
    for (let i = 1; i <= 3; i++) good(rig.issuer.deposit(historyOf(ada, 'Shop', i, rsOf(i))));
    const row = (i: number) => ({ pku: ada.pku, shop: 'Shop', rs: rsOf(i), amount: i, refunded: 0, arrivedS: START_S });
    const first = good(rig.office.payments({ limit: 2 }));
    expect([first.payments, first.more]).toEqual([[3, 2].map(row), expect.any(String)]);
    expect(good(rig.office.payments({ limit: 2, before: first.more! }))).toMatchObject({
      payments: [row(1)],
      more: null,
    });
    for (const limit of [0, 1e6, 1.5, NaN]) expect(codeOf(rig.office.payments({ limit }))).toBe('BAD_REQUEST');
  });

  test('balances and numbers', () => {
    good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30)));
    expect(good(rig.office.balanceOf('Ada'))).toMatchObject({ balance: 70 });
    expect(codeOf(rig.office.balanceOf('Nobody'))).toBe('ACCOUNT_UNKNOWN');
    expect(good(rig.office.counterOf(ada.pku))).toMatchObject({ ebc: 30, receiptNumber: 1 });
    expect(codeOf(rig.office.counterOf(bob.pku))).toBe('PSEUDONYM_UNKNOWN');
    expect(good(rig.office.numbers()).numbers).toMatchObject({
      in: 200,
      abc: 170,
      ebc: 30,
      held: 200,
      accounts: 3,
      pseudonyms: 1,
      receipts: 1,
      histories: 0,
      tombstones: 0,
      overspent: 0,
    });
    expect(good(rig.issuer.parameters()).parameters).toEqual({
      issuer: ISSUER,
      issuerKey: issuerSigner.publicKey,
      registrarKey: signerOf('registrar').publicKey,
      currency: 'EUR',
      scheme: 1,
      sealKey: null,
      successions: [],
    });
  });
});

test("a payment above its license's class is not credited, nor one of a class that is not known", () => {
  const at = (licenseClass: number, amount: number) =>
    codeOf(
      rig.issuer.deposit(
        historyOf(ada, 'Shop', amount, rsOf(amount), {}, { license: licenseOf(ada.pku, { licenseClass }) }),
      ),
    );
  expect([at(CLASS_SMALL, 5000), at(CLASS_SMALL, 5001), at(CLASS_FULL, 5002), at(0, 1), at(3, 1), at(255, 1)]).toEqual([
    'OK',
    'CLASS_LIMIT',
    'OK',
    'CLASS_LIMIT',
    'CLASS_LIMIT',
    'CLASS_LIMIT',
  ]);
});
