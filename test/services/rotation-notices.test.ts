/**
 * Succession notices from hostile hands, and old keys after their time: each is refused by name, and changes nothing.
 */
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { HOUSE, signedSuccession, successionBody, type SuccessionBody } from '../../firmware/wire/succession.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import type { HouseName } from '../../host-bridge/base/keys/key-line.js';
import { writeSuccession } from '../../host-bridge/base/keys/succession.js';
import type { Signer } from '../../host-bridge/base/crypto/signer.js';
import { writeTraceOrder } from '../../host-bridge/houses/trace-order.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { bankSigner, finish, register, SHOP } from '../houses/houses-rig.js';
import {
  codeOf,
  flipped,
  good,
  historyOf,
  ISSUER,
  issuerSigner,
  licenseOf,
  person,
  registrarSigner,
  rsOf,
  signerOf,
  START_S,
} from '../kit/people.js';
import { startRotating, type Rotating } from './rotating-houses-rig.js';

const YEAR_S = 365 * 86400;
let at: Rotating;
afterEach(async () => {
  await at.close();
  at.end();
});

/** A notice of the issuer's that would be good, but for `changes`. */
const noticeOf = (changes: Partial<SuccessionBody> = {}, by: Signer = issuerSigner): Uint8Array =>
  writeSuccession(by, {
    house: HOUSE.issuer,
    issuer: ISSUER,
    number: 1,
    newKey: signerOf('next').publicKey,
    sealKey: new Uint8Array(32),
    fromS: START_S,
    untilS: START_S + YEAR_S,
    ...changes,
  });

const bodyOf = (notice: Uint8Array): SuccessionBody => successionBody.decode(signedSuccession.decode(notice)!.body)!;

test('a notice is taken once, whoever brings it and however often, and no other of its number', async () => {
  at = await startRotating(6);
  const bank = at.bank!;
  const small = new Uint8Array(32);
  small[0] = 1;
  const hostile: [name: string, notice: Uint8Array, code: string][] = [
    ['nonsense', new Uint8Array(5), 'BAD_REQUEST'],
    ['another house that there is not', noticeOf({ house: HOUSE.trustee }, registrarSigner), 'BAD_REQUEST'],
    ['no house', noticeOf({ house: 9 }), 'BAD_REQUEST'],
    ['another issuer', noticeOf({ issuer: new Uint8Array(4) }), 'ISSUER_UNKNOWN'],
    ['by a stranger', noticeOf({}, signerOf('Mallory')), 'SIGNATURE_INVALID'],
    ["for the bank's key, by the issuer", noticeOf({ house: HOUSE.bank }), 'SIGNATURE_INVALID'],
    ["the bank's own notice, for the issuer", noticeOf({}, bankSigner), 'SIGNATURE_INVALID'],
    ['number 0', noticeOf({ number: 0 }), 'SUCCESSION_CONFLICT'],
    ['the one after the next', noticeOf({ number: 2 }), 'SUCCESSION_CONFLICT'],
    ['itself', noticeOf({ newKey: issuerSigner.publicKey }), 'KEY_INVALID'],
    ["the bank's key", noticeOf({ newKey: bankSigner.publicKey }), 'KEY_INVALID'],
    ['a key of small order', noticeOf({ newKey: small }), 'KEY_INVALID'],
    ['an end before its beginning', noticeOf({ untilS: START_S }), 'BAD_REQUEST'],
  ];
  const before = good(bank.parameters());
  for (const [name, notice, code] of hostile) expect([name, codeOf(bank.succeed(notice))]).toEqual([name, code]);
  const first = noticeOf();
  for (let i = 0; i < first.length; i++) expect(codeOf(bank.succeed(flipped(first, i)))).not.toBe('OK');
  expect(good(bank.parameters())).toEqual(before);

  expect(good(bank.succeed(first))).toMatchObject({ house: 'issuer', number: 1, repeated: false });
  expect(good(bank.succeed(first))).toMatchObject({ repeated: true });
  // A fork: the old key has signed twice.
  expect(codeOf(bank.succeed(noticeOf({ newKey: signerOf('other').publicKey })))).toBe('SUCCESSION_CONFLICT');
  // The notice of one house is none of another's, though its successor signs it.
  expect(codeOf(bank.succeed(noticeOf({ house: HOUSE.bank, number: 1 }, signerOf('next'))))).toBe('SIGNATURE_INVALID');
  // Two at once: boards know two keys.
  const next = { number: 2, newKey: signerOf('third').publicKey };
  expect(
    codeOf(
      bank.succeed(noticeOf({ ...next, fromS: START_S + YEAR_S - 1, untilS: START_S + 2 * YEAR_S }, signerOf('next'))),
    ),
  ).toBe('ROTATION_RUNNING');
  expect(
    codeOf(bank.succeed(noticeOf({ ...next, fromS: START_S + YEAR_S, untilS: START_S + 2 * YEAR_S }, issuerSigner))),
  ).toBe('SIGNATURE_INVALID');
  expect(
    good(bank.succeed(noticeOf({ ...next, fromS: START_S + YEAR_S, untilS: START_S + 2 * YEAR_S }, signerOf('next'))))
      .number,
  ).toBe(2);
});

/** A license under a key, as a thief of it signs one. */
function forged(pku: Uint8Array, by: Signer, validUntilS: number): Uint8Array {
  const body = licenseBody.encode({ ...licenseBody.decode(license.decode(licenseOf(pku))!.body)!, validUntilS });
  return license.encode({ body, signature: by.sign(SIGNED.license, body) });
}

test.each([
  [1, 'trustee', registrarSigner],
  [3, 'issuer', issuerSigner],
] as const)(
  'scheme %i: what the old key of the %s can still sign ends with its last license',
  async (number, house, old) => {
    at = await startRotating(number);
    const { untilS } = await at.rotate(house as HouseName);
    const eve = person('Eve');
    const pay = (counter: number, validUntilS: number) =>
      (at.bank ?? at.issuer).deposit(
        historyOf(eve, SHOP, 5, rsOf(counter), {}, { license: forged(eve.pku, old, validUntilS) }),
      );
    expect(codeOf(pay(1, untilS + 1))).toBe('KEY_RETIRED');
    expect(at.conservation()).toMatchObject({ ok: true });
    // Such as it gave before: good until its end, and a week after it as ever, whatever became of the key.
    expect(codeOf(pay(2, untilS))).toBe('OK');
    at.clock.nowS = untilS + 7 * 86400 - 1;
    expect(codeOf(pay(3, untilS))).toBe('OK');
    at.clock.nowS = untilS + 7 * 86400;
    expect(codeOf(pay(4, untilS))).toBe('LICENSE_EXPIRED');
  },
);

test('a bank is told by the old key of the issuer nothing of a time after it, and nothing at all once its time is over', async () => {
  at = await startRotating(3);
  const ada = at.userOf('Ada', 100);
  expect(await register(at, ada)).toBe('OK');
  const { fromS, untilS } = await at.rotate('issuer');
  const facts = { subject: new Uint8Array(32), ebc: -5, operator: '00'.repeat(8), reason: 'why' };
  const clerk = at.bank!.office('clerk');
  const traced = (timeS: number) => codeOf(clerk.trace(writeTraceOrder(issuerSigner, { ...facts, timeS })));
  expect(traced(fromS)).toBe('KEY_RETIRED');
  // OWNER_UNKNOWN: its signature was good.
  expect(traced(fromS - 1)).toBe('OWNER_UNKNOWN');
  at.clock.nowS = untilS;
  expect(traced(fromS - 1)).toBe('KEY_RETIRED');
});

test('what was sealed to the old key is answered while its time lasts, once; after that it is refused, and its draw goes back', async () => {
  at = await startRotating(3);
  const [ada, bob] = [at.userOf('Ada', 100), at.userOf('Bob', 100)];
  for (const user of [ada, bob]) expect(await register(at, user)).toBe('OK');
  const [early, late] = [await ada.startWithdrawal(10), await bob.startWithdrawal(20)];
  const { untilS } = await at.rotate('issuer');
  at.update(ada);
  const first = good(await at.bank!.request(early.bytes));
  expect(first.repeated).toBe(false);
  expect(good(await at.bank!.request(early.bytes))).toEqual({ ...first, repeated: true });
  expect(await finish(at, ada)).toBe('OK');
  at.clock.nowS = untilS;
  expect(good(await at.bank!.request(late.bytes)).boxes).toEqual([]);
  expect([good(at.accounts.balanceOf('Ada')).balance, good(at.accounts.balanceOf('Bob')).balance]).toEqual([90, 100]);
  // The reply that there was is given as ever.
  expect(good(await at.bank!.request(early.bytes))).toEqual({ ...first, repeated: true });
  expect(at.conservation()).toMatchObject({ ok: true });
});

test('books that know less than the others, or another successor, are named', async () => {
  at = await startRotating(5);
  await at.rotate('issuer');
  await at.rotate('bank');
  const { default: Sqlite } = await import('better-sqlite3');
  const damaged = (path: string, sql: string, ...values: unknown[]) => {
    const database = new Sqlite(path);
    database.exec('SAVEPOINT damage');
    const rows = database.prepare('SELECT * FROM successions').all() as {
      house: number;
      number: number;
      notice: Buffer;
      time_s: number;
    }[];
    database.exec('RELEASE damage');
    database.prepare(sql).run(...values);
    const { broken } = audit(at.databases);
    database.exec('DELETE FROM successions');
    for (const row of rows)
      database
        .prepare('INSERT INTO successions VALUES (?, ?, ?, ?)')
        .run(row.house, row.number, row.notice, row.time_s);
    database.close();
    return broken.map(({ database: where, table, problem }) => `${where} ${table}: ${problem}`).join('; ');
  };
  const { issuerDatabase, bankDatabase } = at.databases;
  expect(audit(at.databases).broken).toEqual([]);
  const fork = noticeOf({ newKey: signerOf('fork').publicKey, fromS: START_S + 1 });
  expect(damaged(issuerDatabase, 'DELETE FROM successions WHERE house = 1')).toMatch(
    /one that the issuer does not have: its database is older/,
  );
  expect(damaged(bankDatabase!, 'DELETE FROM successions WHERE house = 3')).toMatch(
    /a successor that its own books do not have/,
  );
  expect(damaged(bankDatabase!, 'UPDATE successions SET notice = ? WHERE house = 1', Buffer.from(fork))).toMatch(
    /another than the issuer has heard of/,
  );
  expect(
    damaged(
      bankDatabase!,
      'UPDATE successions SET notice = ? WHERE house = 1',
      Buffer.from(noticeOf({}, signerOf('Mallory'))),
    ),
  ).toMatch(/not signed by the key before it/);
  expect(damaged(bankDatabase!, 'UPDATE successions SET number = 2 WHERE house = 1')).toMatch(
    /says other than its row/,
  );
  expect(damaged(bankDatabase!, `UPDATE successions SET notice = x'00' WHERE house = 1`)).toMatch(/does not decode/);
  expect(bodyOf(fork).number).toBe(1);
  expect(audit(at.databases).broken).toEqual([]);
});
