/**
 * When a name is opened: as soon as EBC falls below 0, or when an operator asks; what is recorded in each policy, in
 * every scheme. EP 0926637 [0031], [0056], [0081].
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { codeOf, good, rsOf, START_S } from '../kit/people.js';
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

const ROWS = SCHEMES.map(({ number }) => number);

let houses: Houses;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
});
afterEach(() => {
  expect(conservation(houses).ok).toBe(true);
  houses.close();
  expect(audit(houses.databases).broken).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
});

/** Ada has 10, pays 4, then a copy of her token pays 7 and 5. @returns her PKU1 */
async function overspends(number: number, tracePolicy: 'automatic' | 'operator'): Promise<Uint8Array> {
  houses = await createHouses(number, { folder, tracePolicy });
  const ada = userOf(houses, 'Ada', 100, houses.scheme.pseudonymsMax > 1 ? 2 : 1);
  const bob = userOf(houses, 'Bob', 100);
  for (const each of [ada, bob]) {
    expect(await register(houses, each)).toBe('OK');
    expect(await withdraw(houses, each, 10)).toBe('OK');
  }
  good(deposit(houses, bob.pay(SHOP, 10, rsOf(90), START_S)));
  good(deposit(houses, ada.pay(SHOP, 4, rsOf(1), START_S)));
  await returnAll(houses);
  // Nobody is named whose EBC is 0 or more, in either policy.
  expect(houses.issuerStore.traces()).toEqual([]);
  for (const [i, amount] of [7, 5].entries()) {
    good(deposit(houses, ada.pay(SHOP, amount, rsOf(2 + i), START_S)));
    await returnAll(houses);
  }
  expect(good(houses.office.counterOf(ada.pku)).ebc).toBe(-6);
  return ada.pku;
}

test.each(ROWS)('scheme %i, automatic: recorded once, as EBC falls below 0', async (number) => {
  const pku = await overspends(number, 'automatic');
  const { scheme, issuerStore } = houses;
  const [row, ...more] = issuerStore.traces();
  expect(more).toEqual([]);
  const atIssuer = scheme.traceBy === 'issuer';
  expect(row).toMatchObject({
    ...{ operator: 'automatic', why: 'overspent', ebc: -1 },
    ...(atIssuer ? { name: 'Ada', proof: 'PROVEN', order: null } : { name: null, proof: null }),
  });
  if (!atIssuer) {
    // The order is signed and kept: the house that knows the name opens it as it is brought.
    const named =
      scheme.traceBy === 'bank' ? houses.bankOffice!.trace(row!.order!) : houses.trustee!.trace(row!.order!);
    expect(good(named)).toMatchObject({ name: 'Ada', proof: 'PROVEN', ebc: -1 });
    const book = scheme.traceBy === 'bank' ? houses.bankStore! : houses.trusteeStore!;
    expect(book.traces()).toMatchObject([{ name: 'Ada', why: 'overspent', order: row!.order }]);
  }
  // An operator may ask all the same, and is on record beside it.
  expect(good(traceOf(houses, pku, 'a complaint'))).toMatchObject({ name: 'Ada', ebc: -6 });
  expect(issuerStore.traces().map(({ operator, why }) => [operator, why])).toEqual([
    ['automatic', 'overspent'],
    ['operator', 'a complaint'],
  ]);
});

test.each(ROWS)('scheme %i, operator: nothing is opened until somebody asks, and says why', async (number) => {
  const pku = await overspends(number, 'operator');
  expect(houses.issuerStore.traces()).toEqual([]);
  expect(codeOf(traceOf(houses, pku, ' '))).toBe('REASON_MISSING');
  expect(good(traceOf(houses, pku, 'overspent'))).toMatchObject({ name: 'Ada', proof: 'PROVEN', ebc: -6 });
  expect(houses.issuerStore.traces()).toMatchObject([{ operator: 'operator', why: 'overspent', ebc: -6 }]);
});

test('a pseudonym that the books know no owner of is left to an operator', async () => {
  houses = await createHouses(1, { folder, tracePolicy: 'automatic' });
  const ada = userOf(houses, 'Ada', 100);
  expect(await register(houses, ada)).toBe('OK');
  good(deposit(houses, ada.pay(SHOP, 3, rsOf(1), START_S)));
  expect([good(houses.office.counterOf(ada.pku)).ebc, houses.issuerStore.traces()]).toEqual([-3, []]);
});
