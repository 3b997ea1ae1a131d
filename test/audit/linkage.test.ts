/**
 * What each party can link, from its books after a run: for each scheme what docs/schemes.md says, and the guess by
 * time and amount where people behave so that it succeeds, and where they do not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linkage, linkageText, type PartyLinkage } from '../../host-bridge/audit/linkage.js';
import {
  createHouses,
  deposit,
  finish,
  register,
  returnAll,
  userOf,
  withdraw,
  type Houses,
} from '../houses/houses-rig.js';
import type { ReferenceWallet } from '../houses/reference-wallet.js';
import { good, rsOf } from '../kit/people.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const HOUR = 3600;

/** Ada and Bob draw, wait, pay three times each at two shops with one pseudonym after another. */
async function run(
  number: number,
  n: number,
  drawn: [number, number],
  waitS: number,
): Promise<Record<string, PartyLinkage>> {
  const houses = await createHouses(number, { folder });
  good(houses.accounts.openAccount('Other', null));
  const users = [userOf(houses, 'Ada', 100, n), userOf(houses, 'Bob', 100, n)];
  for (const user of users) expect(await register(houses, user)).toBe('OK');
  for (const [i, user] of users.entries()) {
    await take(houses, user, drawn[i]!, waitS);
    houses.clock.nowS += waitS;
  }
  let counter = 0;
  for (const user of users)
    for (let i = 0; i < 3; i++)
      good(deposit(houses, user.pay(i % 2 ? 'Other' : 'Shop', 1, rsOf(counter++), houses.clock.nowS, i % n)));
  await returnAll(houses);
  houses.close();
  return Object.fromEntries(linkage(houses.databases).map((row) => [row.party, row]));
}

/** Cash; of coupons first all are drawn, and redeemed later. */
async function take(houses: Houses, user: ReferenceWallet, amount: number, waitS: number): Promise<void> {
  if (houses.scheme.issue !== 'coupon') return void expect(await withdraw(houses, user, amount)).toBe('OK');
  for (let left = amount; left > 0; left -= 5) {
    await user.startCoupon(5);
    expect(await finish(houses, user)).toBe('OK');
  }
  houses.clock.nowS += waitS / 2;
  for (const coupon of [...user.coupons]) {
    await user.startRedemption(coupon);
    expect(await finish(houses, user)).toBe('OK');
  }
}

test.each([
  [1, 1],
  [2, 1],
  [3, 1],
  [4, 1],
  [4, 3],
  [5, 1],
  [6, 1],
  [6, 3],
])('scheme %i with %i pseudonyms: by record', async (number, n) => {
  const by = await run(number, n, [10, 10], 0);
  const seen = 2 * n;
  // A shop sees pseudonyms and no name; with one pseudonym it tells its two payers apart, with three it sees as many as
  // came.
  expect(by['shop Shop']).toEqual({
    party: 'shop Shop',
    pseudonyms: Math.min(seen, 4),
    namedByRecord: 0,
    namedByTiming: 0,
    fewestCandidates: null,
    payments: 4,
    payers: n === 1 ? 2 : 4,
  });
  expect(by['all shops']).toMatchObject({ namedByRecord: 0, payments: 6, payers: seen });
  // The issuer knows which pseudonyms are one set [0112]; names only where it keeps the accounts [0032].
  expect(by['issuer']).toMatchObject({ pseudonyms: seen, namedByRecord: number === 1 ? 2 : 0, payments: 6, payers: 2 });
  if (number >= 2) {
    expect(by['bank']).toMatchObject({
      namedByRecord: 0,
      namedByTiming: 0,
      fewestCandidates: 2,
      payments: 6,
      payers: seen,
    });
    // [0057]: what the bank passed on, the issuer opened; in scheme 2 nothing is in both books.
    expect(by['issuer + bank']).toMatchObject({ namedByRecord: number === 2 ? 0 : seen, payers: 2 });
  }
  if (number <= 2) {
    // The trustee knows every name and no payment [0056]; with whoever takes histories it knows all.
    expect(by['trustee']).toMatchObject({ pseudonyms: 2, namedByRecord: 2, payments: 0 });
    if (number === 2) expect(by['bank + trustee']).toMatchObject({ namedByRecord: 2, payments: 6 });
  }
});

describe('scheme 2: bank and issuer guess by time and amount', () => {
  const guess = async (drawn: [number, number], waitS: number) => {
    const { namedByRecord, namedByTiming, fewestCandidates } = (await run(2, 1, drawn, waitS))['issuer + bank']!;
    return { namedByRecord, namedByTiming, fewestCandidates };
  };
  test('redeemed at once, far from anybody else: both are named', async () => {
    const houses = await createHouses(2, { folder });
    const users = [userOf(houses, 'Ada', 100), userOf(houses, 'Bob', 100)];
    for (const user of users) {
      expect(await register(houses, user)).toBe('OK');
      expect(await withdraw(houses, user, 5)).toBe('OK');
      houses.clock.nowS += HOUR;
    }
    houses.close();
    expect(linkage(houses.databases).find(({ party }) => party === 'issuer + bank')).toMatchObject({
      namedByRecord: 0,
      namedByTiming: 2,
    });
  });
  test('the same amounts at the same time: nobody is', async () => {
    expect(await guess([10, 10], 0)).toEqual({ namedByRecord: 0, namedByTiming: 0, fewestCandidates: 2 });
  });
  test('more coupons than the other ever drew: the one who drew them is', async () => {
    expect(await guess([5, 20], 0)).toEqual({ namedByRecord: 0, namedByTiming: 1, fewestCandidates: 2 });
  });
});

test('who draws first and pays at once is alone among those who could have paid', async () => {
  const houses = await createHouses(3, { folder });
  const [ada, bob] = [userOf(houses, 'Ada', 100), userOf(houses, 'Bob', 100)];
  for (const user of [ada, bob]) expect(await register(houses, user)).toBe('OK');
  expect(await withdraw(houses, ada, 10)).toBe('OK');
  good(deposit(houses, ada.pay('Shop', 3, rsOf(1), houses.clock.nowS)));
  houses.clock.nowS += HOUR;
  expect(await withdraw(houses, bob, 10)).toBe('OK');
  good(deposit(houses, bob.pay('Shop', 3, rsOf(2), houses.clock.nowS)));
  houses.close();
  const found = linkage(houses.databases);
  // Only Ada had drawn when the first payment was made; the second could be either's.
  expect(found.find(({ party }) => party === 'bank')).toMatchObject({
    namedByRecord: 0,
    namedByTiming: 1,
    fewestCandidates: 2,
  });
  expect(linkageText(found).split('\n')).toHaveLength(found.length + 8);
});

test('cash unloaded to the own account names one pseudonym to the bank, and none to the issuer, which knows no accounts', async () => {
  const houses = await createHouses(4, { folder });
  const [ada, bob] = [userOf(houses, 'Ada', 100, 3), userOf(houses, 'Bob', 100, 3)];
  for (const user of [ada, bob])
    expect([await register(houses, user), await withdraw(houses, user, 10)]).toEqual(['OK', 'OK']);
  for (let i = 0; i < 3; i++) good(deposit(houses, ada.pay('Shop', 1, rsOf(i), houses.clock.nowS, i)));
  good(deposit(houses, ada.pay('Ada', 2, rsOf(9), houses.clock.nowS, 1)));
  await returnAll(houses);
  houses.close();
  const found = linkage(houses.databases);
  expect(found.find(({ party }) => party === 'bank')).toMatchObject({ pseudonyms: 3, namedByRecord: 1 });
  expect(found.find(({ party }) => party === 'issuer')).toMatchObject({ pseudonyms: 6, namedByRecord: 0 });
});

test.each([
  [1, 'issuer', 2],
  [2, 'bank + trustee', 2],
])(
  "scheme %i: who unloads to another's account is still named by the books, and so is the other",
  async (number, party, named) => {
    const houses = await createHouses(number, { folder });
    const [ada, bob] = [userOf(houses, 'Ada', 100), userOf(houses, 'Bob', 100)];
    for (const user of [ada, bob])
      expect([await register(houses, user), await withdraw(houses, user, 5)]).toEqual(['OK', 'OK']);
    good(deposit(houses, ada.pay('Bob', 2, rsOf(9), houses.clock.nowS)));
    await returnAll(houses);
    houses.close();
    expect(linkage(houses.databases).find((each) => each.party === party)).toMatchObject({ namedByRecord: named });
  },
);

test('files that are not there, or not ours', () => {
  expect(() => linkage({ issuerDatabase: join(folder, 'absent.db') })).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/DATABASE|FILE/) }),
  );
});
