/**
 * All six schemes by their rows: register, withdraw, pay, deposit, return, trace, with the reference wallet as user,
 * and conservation after every step. EP 0926637 [0011]-[0117].
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { history, license, licenseBody } from '../../firmware/wire/payment.js';
import { audit } from '../../host-bridge/audit/audit.js';
import {
  conservation,
  createHouses,
  deposit,
  register,
  returnAll,
  SHOP,
  traceOf,
  userOf,
  withdraw,
  type Houses,
} from './houses-rig.js';
import type { ReferenceWallet } from './reference-wallet.js';
import { codeOf, good, rsOf, START_S } from '../kit/people.js';

/** Every row, and those with several pseudonyms also with three. */
const ROWS = SCHEMES.flatMap((scheme) =>
  (scheme.pseudonymsMax > 1 ? [1, 3] : [1]).map((n) => [scheme.number, n] as const),
);

let houses: Houses;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
});
afterEach(() => {
  houses.close();
  if (existsSync(houses.databases.issuerDatabase)) expect(audit(houses.databases).broken).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
});

const ebcOf = (wallet: ReferenceWallet) => good(houses.office.counterOf(wallet.pku)).ebc;
const abcOf = (name: string) => good(houses.accounts.balanceOf(name)).balance;

/** The step holds, and the money is all there. */
function after<T>(result: T, expected: T): void {
  expect(result).toEqual(expected);
  expect(conservation(houses)).toMatchObject({ ok: true });
}

test.each(ROWS)('scheme %i with %i pseudonyms: the life of 30', async (number, n) => {
  houses = await createHouses(number, { folder });
  const ada = userOf(houses, 'Ada', 100, n);
  const bob = userOf(houses, 'Bob', 100, n);
  after(await register(houses, ada), 'OK');
  after(await register(houses, bob), 'OK');
  after(await withdraw(houses, bob, 10), 'OK');
  after(await withdraw(houses, ada, 16, n - 1), 'OK');
  after(await withdraw(houses, ada, 14), 'OK');
  after([ada.balance, ebcOf(ada), abcOf('Ada')], [30, 30, 70]);

  const histories = [0, 1, 2].map((i) => ada.pay(SHOP, 5 + i, rsOf(i), START_S, i % n));
  for (const h of histories) after(good(deposit(houses, h)).repeated, false);
  // Again, and over: one credit.
  for (const h of histories) after(good(deposit(houses, h)).repeated, true);
  after(abcOf(SHOP), 18);
  await returnAll(houses);
  after([ada.balance, ebcOf(ada), ebcOf(bob)], [12, 12, 10]);
  await returnAll(houses);
  after(ebcOf(ada), 12);

  // [0031], [0056], [0081]: not while EBC is 0 or more, and not without a reason.
  after(codeOf(traceOf(houses, ada.pku)), 'NOT_OVERSPENT');
  good(deposit(houses, ada.pay(SHOP, 12, rsOf(9), START_S, n - 1)));
  await returnAll(houses);
  after([ada.balance, ebcOf(ada), codeOf(traceOf(houses, ada.pku))], [0, 0, 'NOT_OVERSPENT']);

  // A copy of the token spends 7 more [0031]: both payments are credited, the name comes out, nobody else's.
  good(deposit(houses, ada.pay(SHOP, 7, rsOf(10), START_S, n - 1)));
  await returnAll(houses);
  after(ebcOf(ada), -7);
  after(codeOf(traceOf(houses, ada.pku, ' ')), 'REASON_MISSING');
  after(codeOf(traceOf(houses, bob.pku)), 'NOT_OVERSPENT');
  for (const pseudonym of ada.pseudonyms)
    after(
      traceOf(houses, pseudonym.publicKey, 'Überzogen, "sehr"'),
      expect.objectContaining({ ok: true, name: 'Ada', ebc: -7, proof: 'PROVEN' }),
    );
  const recorded = (
    houses.trusteeStore && houses.scheme.traceBy === 'trustee'
      ? houses.trusteeStore
      : (houses.bankStore ?? houses.issuerStore)
  ).traces();
  expect(recorded.map(({ why, ebc, name }) => [why, ebc, name])).toEqual(
    ada.pseudonyms.map(() => ['Überzogen, "sehr"', -7, 'Ada']),
  );
  expect(houses.issuerStore.traces()).toHaveLength(n);
  for (const row of houses.issuerStore.traces())
    expect(row).toMatchObject({ operator: 'operator', why: 'Überzogen, "sehr"', ebc: -7 });

  // [0117]: one Balance, so all of the set are denied.
  for (const pseudonym of ada.pseudonyms) expect(houses.issuerStore.denial(pseudonym.publicKey)).not.toBeNull();
  for (const pseudonym of bob.pseudonyms) expect(houses.issuerStore.denial(pseudonym.publicKey)).toBeNull();
  if (houses.scheme.issue === 'coupon') return;
  after(await withdraw(houses, ada, 5), 'DENIED');
  after([abcOf('Ada'), ebcOf(ada)], [70, -7]);
});

test.each(ROWS)('scheme %i with %i pseudonyms: licenses of one quarter differ in PKU alone', async (number, n) => {
  houses = await createHouses(number);
  const terms: object[] = [];
  for (const [name, waitS] of [
    ['Ada', 0],
    ['Bob', 1234],
  ] as const) {
    houses.clock.nowS = START_S + waitS;
    const user = userOf(houses, name, 0, n);
    expect(await register(houses, user)).toBe('OK');
    for (const paper of user.licenses) {
      const { pku: _, multiplesHash: __, ...rest } = licenseBody.decode(license.decode(paper!)!.body)!;
      terms.push(rest);
    }
  }
  expect(terms).toHaveLength(2 * n);
  for (const each of terms) expect(each).toEqual(terms[0]);
});

test.each(SCHEMES.map(({ number }) => number))(
  'scheme %i: the other house takes nothing that is not its',
  async (number) => {
    houses = await createHouses(number);
    const ada = userOf(houses, 'Ada', 10);
    await register(houses, ada);
    await withdraw(houses, ada, 10);
    const paid = ada.pay(SHOP, 3, rsOf(1), START_S);
    const { issuer, office, scheme } = houses;
    if (scheme.accountsAt === 'issuer') return expect(codeOf(issuer.returnCash([paid]))).toBe('NOT_FOUND');
    // A history that bank and issuer both credited would be paid twice.
    expect([
      codeOf(issuer.deposit(paid)),
      codeOf(office.openAccount(SHOP, null)),
      codeOf(issuer.withdraw(paid)),
      codeOf(issuer.receipts(paid)),
    ]).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
  },
);

test.each(SCHEMES.map(({ number }) => number))(
  'scheme %i: a receipt that was missed comes with the next request',
  async (number) => {
    houses = await createHouses(number);
    const ada = userOf(houses, 'Ada', 30);
    await register(houses, ada);
    expect(await withdraw(houses, ada, 10)).toBe('OK');
    // The token loses what it had: an older copy of its memory asks for number 1 again.
    ada.receiptNumber = 0;
    ada.balance = 0;
    if (houses.scheme.issue === 'direct') {
      await ada.startWithdrawal(5);
      const { bytes } = ada.waiting!;
      expect(codeOf(houses.issuer.withdraw(bytes))).toBe('RECEIPT_MISSED');
      for (const paper of good(houses.issuer.receipts(bytes)).receipts) expect(ada.takeReceipt(paper)).toBe('OK');
    } else expect(await withdraw(houses, ada, 5)).toBe('RECEIPT_GAP');
    expect([ada.balance, ada.receiptNumber]).toEqual([10, 1]);
    expect(conservation(houses).ok).toBe(true);
    if (houses.scheme.issue === 'coupon') return; // its coupon waits, and is redeemed with the next number
    expect(await withdraw(houses, ada, 5)).toBe('OK');
    expect([ada.balance, abcOf('Ada')]).toEqual([15, 15]);
  },
);

test('a history says nothing of who paid but PKU and its license', async () => {
  houses = await createHouses(6);
  const ada = userOf(houses, 'Ada', 10, 3);
  await register(houses, ada);
  const h = ada.pay(SHOP, 3, rsOf(1), START_S, 2);
  expect(Buffer.from(h).includes('Ada')).toBe(false);
  for (const i of [0, 1]) expect(Buffer.from(h).includes(Buffer.from(ada.pseudonyms[i]!.publicKey))).toBe(false);
  expect(licenseBody.decode(license.decode(history.decode(h)!.license)!.body)!.pku).toEqual(
    ada.pseudonyms[2]!.publicKey,
  );
});
