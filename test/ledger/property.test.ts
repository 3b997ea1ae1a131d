/**
 * Random sequences of everything that people and shops can do, in any order and with repetitions: after each sequence
 * the books add up, the audit finds nothing, and a model of a few lines agrees with the balances.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc } from '../kit/properties.js';
import { toHex } from '../../firmware/core/bytes.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { abcOf, ebcOf, IN } from '../../host-bridge/ledger/rules.js';
import {
  createRig,
  good,
  historyOf,
  person,
  rsOf,
  signerOf,
  tombstoneOf,
  withdrawalOf,
  type Person,
  type Rig,
} from '../kit/people.js';

const PEOPLE = [person('Ada'), person('Bob'), person('Cy')];
const SHOPS = ['Shop', 'Cafe'];
const terminal = signerOf('terminal');

type Fund = { do: 'fund'; who: number; amount: number };
type Withdraw = { do: 'withdraw'; who: number; amount: number; back: number };
type Deposit = { do: 'deposit'; who: number; shop: number; charge: number; amount: number };
type Bury = { do: 'bury'; shop: number; charge: number };
type Step = Fund | Withdraw | Deposit | Bury;

const who = fc.nat(PEOPLE.length - 1);
const shop = fc.nat(SHOPS.length - 1);
const charge = fc.nat(7);
const amount = fc.integer({ min: 1, max: 60 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('fund' as const), who, amount }),
  fc.record({ do: fc.constant('withdraw' as const), who, amount, back: fc.nat(2) }),
  // Few amounts for each charge, so that repetitions and conflicts both happen.
  fc.record({ do: fc.constant('deposit' as const), who, shop, charge, amount: fc.constantFrom(20, 20, 20, 35) }),
  fc.record({ do: fc.constant('bury' as const), shop, charge }),
);

/** What should be in the books, by the simplest means. */
function createModel() {
  const balances = new Map<string, number>();
  const numbers = new Map<number, number[]>();
  const deposited = new Map<string, number>();
  const buried = new Set<string>();
  const denied = new Set<number>();
  const add = (account: string, delta: number) => void balances.set(account, (balances.get(account) ?? 0) + delta);
  const of = (account: string) => balances.get(account) ?? 0;
  return { balances, numbers, deposited, buried, denied, add, of };
}

type Model = ReturnType<typeof createModel>;

function fund(rig: Rig, model: Model, s: Fund): void {
  const { name } = PEOPLE[s.who] as Person;
  good(rig.office.fundAccount(name, s.amount));
  model.add(abcOf(name), s.amount);
  model.add(IN, -s.amount);
}

function withdraw(rig: Rig, model: Model, s: Withdraw): void {
  const p = PEOPLE[s.who] as Person;
  const given = model.numbers.get(s.who) ?? [];
  const number = Math.max(1, given.length + 1 - s.back);
  const { ok } = rig.issuer.withdraw(withdrawalOf(p, number, s.amount));
  if (number <= given.length) return expect(ok).toBe(given[number - 1] === s.amount);
  const may = !model.denied.has(s.who) && model.of(abcOf(p.name)) >= s.amount;
  expect(ok).toBe(may);
  if (!may) return;
  model.numbers.set(s.who, [...given, s.amount]);
  model.add(abcOf(p.name), -s.amount);
  model.add(ebcOf(toHex(p.pku)), s.amount);
}

function deposit(rig: Rig, model: Model, s: Deposit): void {
  const p = PEOPLE[s.who] as Person;
  const name = SHOPS[s.shop] as string;
  const ebc = ebcOf(toHex(p.pku));
  const identity = `${s.who} ${s.shop} ${s.charge}`;
  const before = model.deposited.get(identity);
  const { ok } = rig.issuer.deposit(historyOf(p, name, s.amount, rsOf(s.charge)));
  if (before !== undefined) return expect(ok).toBe(before === s.amount);
  const may = !model.buried.has(`${s.shop} ${s.charge}`);
  expect(ok).toBe(may);
  if (!may) return;
  model.deposited.set(identity, s.amount);
  model.add(abcOf(name), s.amount);
  model.add(ebc, -s.amount);
  if (model.of(ebc) < 0) model.denied.add(s.who);
}

function bury(rig: Rig, model: Model, s: Bury): void {
  const charge = `${s.shop} ${s.charge}`;
  const paid = [...model.deposited.keys()].some((identity) => identity.endsWith(` ${charge}`));
  expect(rig.issuer.tombstone(tombstoneOf(terminal, SHOPS[s.shop] as string, rsOf(s.charge))).ok).toBe(!paid);
  if (!paid) model.buried.add(charge);
}

function play(rig: Rig, steps: Step[]): void {
  const model = createModel();
  for (const s of steps) {
    if (s.do === 'fund') fund(rig, model, s);
    else if (s.do === 'withdraw') withdraw(rig, model, s);
    else if (s.do === 'deposit') deposit(rig, model, s);
    else bury(rig, model, s);
    const { in: putIn, held } = rig.issuerStore.numbers();
    expect([putIn, held]).toEqual([-model.of(IN) || 0, putIn]);
  }
  for (const [account, balance] of model.balances)
    expect([account, rig.issuerStore.balance(account)]).toEqual([account, balance]);
}

test('whatever is done in whatever order, the books add up', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  let run = 0;
  try {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        const issuerPath = join(folder, `${run++}.db`);
        const rig = createRig({ issuerPath });
        try {
          for (const p of PEOPLE) rig.open(p);
          for (const name of SHOPS) {
            rig.shop(name);
            good(rig.office.registerTerminal(name, rsOf(0).subarray(0, 4), terminal.publicKey));
          }
          play(rig, steps);
          const report = audit({ issuerDatabase: issuerPath });
          expect(report.broken).toEqual([]);
          expect(report.in).toBe(report.held);
        } finally {
          rig.close();
        }
      }),
      { numRuns: 40 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
