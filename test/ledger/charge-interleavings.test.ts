/**
 * Deposit, tombstone and claim of one charge on PostgreSQL, from two connections, in every order of their statements:
 * what each was answered, and what is in the books then, is what they come to one after the other, in one of the two
 * orders. And that the enumeration would find it: without the lock it finds orders that credit what was cancelled.
 *
 * A statement that waits for the other connection's lock waits until the other has gone on; that it waits is asked of
 * the server, so no time decides.
 */
import { extent } from '../kit/extent.js';
import {
  checkPostings,
  hasPostgres,
  openForFile,
  postgresForFile,
  postgresRows,
  testOnPostgres,
} from '../kit/postgres.js';
import { CURRENCY, historyOf, ISSUER, person, rsOf, START_S } from '../kit/people.js';
import type { Result } from '../../host-bridge/base/errors.js';
import type { PostgresDatabase } from '../../host-bridge/base/postgres/postgres.js';
import { buryAct, depositAct, requestOf, type VerifiedHistory } from '../../host-bridge/houses/depositary.js';
import { decodeHistory } from '../../host-bridge/houses/read-history.js';
import { claimAct } from '../../host-bridge/houses/refunds-and-claims.js';
import { OUT } from '../../host-bridge/ledger/rules-bank.js';
import { postgresChargesOf } from '../../host-bridge/ledger/postgres/postgres-charges.js';
import { postgresCreditsOf } from '../../host-bridge/ledger/postgres/postgres-credits.js';
import { POSTGRES_BANK_MIGRATIONS } from '../../host-bridge/ledger/postgres/postgres-schema.js';

const WEEK_S = 7 * 86400;
const ADA = person('Ada');
const BOB = person('Bob');

/** A bank at a time. */
const houseAt = (nowS: number) => ({
  ...{ issuer: ISSUER, currency: CURRENCY, graceS: WEEK_S, claimWindowS: WEEK_S, nowS: () => nowS },
  registrar: { keys: () => [] },
  ...{ payerOf: () => OUT, isKnown: () => true, clockDoubted: () => false, restored: false },
  onOverspent: () => undefined,
});
const LATER_S = START_S + WEEK_S + 1;

function requestFor(charge: number, who = ADA, amount = 20): VerifiedHistory {
  const bytes = historyOf(who, 'Shop', amount, rsOf(charge));
  const decoded = decodeHistory(houseAt(START_S), bytes);
  if (!decoded.ok) throw new Error(decoded.code);
  return requestOf(decoded.read, bytes);
}

/** An act about a charge, over a database; what it was answered comes as a text. */
type Act = (database: PostgresDatabase, charge: number) => Promise<string>;
const said = (result: Result<object>): string => (result.ok ? JSON.stringify(result) : result.code);

const deposit =
  (requestsOf: (charge: number) => VerifiedHistory[], nowS = START_S): Act =>
  async (database, charge) => {
    const credits = postgresCreditsOf(database, { knowsPseudonyms: false, shard: 1 });
    return (await credits.credit(depositAct(houseAt(nowS), requestsOf(charge)))).map(said).join(' ');
  };
const bury: Act = async (database, charge) =>
  said(
    await postgresChargesOf(database).bury(
      buryAct(houseAt(START_S), { shop: 'Shop', rs: rsOf(charge) }, new Uint8Array([1])),
    ),
  );
const claim =
  (nowS = START_S): Act =>
  async (database, charge) =>
    said(await postgresChargesOf(database).claim(claimAct(houseAt(nowS), requestFor(charge))));

const one = deposit((charge) => [requestFor(charge)]);
const later = deposit((charge) => [requestFor(charge)], LATER_S);
/** Two charges, in one order and in the other. */
const both = deposit((charge) => [requestFor(charge), requestFor(charge + 1)]);
const bothTurned = deposit((charge) => [requestFor(charge + 1), requestFor(charge, ADA, 35)]);

/** What two connections do at the same time, and what was done before. */
const RACES: [name: string, before: Act[], first: Act, second: Act][] = [
  ['deposit and tombstone', [], one, bury],
  ['deposit and claim', [], one, claim()],
  ['deposit and tombstone, with a claim open', [claim()], one, bury],
  ['deposit and a claim whose window is over', [claim()], later, claim(LATER_S)],
  ['deposit by a clock that is behind, and a claim whose window is over', [claim()], one, claim(LATER_S)],
  ['tombstone and claim', [], bury, claim()],
  ['tombstone and an open claim', [claim()], bury, claim()],
  ['the same deposit twice', [], one, one],
  ['deposits of two pseudonyms', [], one, deposit((charge) => [requestFor(charge, BOB)])],
  ['two charges, in two orders and with another amount', [], both, bothTurned],
  ['two charges, and a tombstone of one', [], both, bury],
];

/** A connection that goes on by one statement when it is told to. */
class Stepper {
  database!: PostgresDatabase;
  isDone = false;
  /** How many statements it came to. */
  steps = 0;
  private go: (() => void) | null = null;
  private isArmed = false;

  constructor(readonly name: string) {}

  readonly beforeStatement = (): Promise<void> => {
    if (!this.isArmed) return Promise.resolve();
    this.steps++;
    return new Promise((resolve) => void (this.go = resolve));
  };

  async run(act: Act, charge: number): Promise<string> {
    [this.isDone, this.steps, this.isArmed] = [false, 0, true];
    return act(this.database, charge).finally(() => {
      [this.isDone, this.isArmed] = [true, false];
    });
  }

  /** Whether it waits to be told. */
  get isReady(): boolean {
    return this.go !== null;
  }

  step(): void {
    const go = this.go!;
    this.go = null;
    go();
  }
}

const names = ['first', 'second'];
const steppers = names.map((name) => new Stepper(name));
let watcher: PostgresDatabase;
let charge = 0;

/** Until it has come to its next statement or its end, or waits for a lock. */
async function settle(stepper: Stepper): Promise<void> {
  while (!stepper.isReady && !stepper.isDone) {
    const [row] = await watcher.transaction((tx) =>
      tx.query<{ waits: boolean }>(
        'waits',
        "SELECT bool_or(wait_event_type = 'Lock') AS waits FROM pg_stat_activity WHERE application_name = $1",
        [stepper.name],
      ),
    );
    if (row!.waits && !stepper.isReady && !stepper.isDone) return;
  }
}

/** Both acts, the next statement of one or of the other as the order says; what is left over, in turn. */
async function interleave(acts: [Act, Act], order: number[]): Promise<string[]> {
  const results = Promise.all(acts.map((act, i) => steppers[i]!.run(act, charge)));
  for (const stepper of steppers) await settle(stepper);
  for (let at = 0; !steppers.every(({ isDone }) => isDone);) {
    const wanted = order[at] ?? at % 2;
    const ready = [wanted, 1 - wanted].find((i) => steppers[i]!.isReady);
    // Where neither is, the one that waited for a lock has just got it.
    if (ready !== undefined) {
      steppers[ready]!.step();
      at++;
    }
    for (const stepper of steppers) await settle(stepper);
  }
  return results;
}

/** What the books say of the charge and the one after it. */
const BOOKS_OF_CHARGES = `
  SELECT c.rs = $1 AS first, c.tombstone IS NOT NULL AS buried, h.pku AS payer, h.amount, l.granted_s, l.due_s
  FROM charges c
  LEFT JOIN histories h ON h.rs = c.rs AND h.shop = c.shop
  LEFT JOIN claims l ON l.rs = c.rs AND l.shop = c.shop
  WHERE c.rs IN ($1, $2) ORDER BY 1, 3`;

/** Every order of so many steps of one and of the other. */
function* orders(first: number, second: number): Generator<number[]> {
  if (first === 0 && second === 0) yield [];
  if (first > 0) for (const rest of orders(first - 1, second)) yield [0, ...rest];
  if (second > 0) for (const rest of orders(first, second - 1)) yield [1, ...rest];
}

async function outcome(results: string[]): Promise<string> {
  const rows = await watcher.transaction((tx) =>
    tx.query('books of charges', BOOKS_OF_CHARGES, [rsOf(charge), rsOf(charge + 1)]),
  );
  return `${results.join(' | ')} ${JSON.stringify(rows)}`;
}

/** Runs a race once; each has charges of its own. */
async function race(before: Act[], run: () => Promise<string[]>): Promise<string> {
  charge += 2;
  for (const act of before) await act(watcher, charge);
  return outcome(await run());
}

const cluster = postgresForFile();
beforeAll(async () => {
  if (!hasPostgres) return;
  watcher = await openForFile(cluster(), 'races', POSTGRES_BANK_MIGRATIONS);
  await watcher.transaction((tx) =>
    tx.query('', "INSERT INTO accounts (name, opened_s) VALUES ('Shop', $1)", [START_S]),
  );
  for (const stepper of steppers)
    stepper.database = await openForFile(cluster(), 'races', POSTGRES_BANK_MIGRATIONS, {
      beforeStatement: stepper.beforeStatement,
      applicationName: stepper.name,
    });
}, 60_000);

/** What a race comes to in each of the two orders. */
async function outcomesInTurn(before: Act[], first: Act, second: Act): Promise<string[]> {
  const inTurn = async (acts: [Act, number][]) => {
    const results = ['', ''];
    for (const [act, place] of acts) results[place] = await act(watcher, charge);
    return results;
  };
  const firstThen: [Act, number][] = [
    [first, 0],
    [second, 1],
  ];
  return [await race(before, () => inTurn(firstThen)), await race(before, () => inTurn(firstThen.toReversed()))];
}

/** Every order of their statements: of the most that each has, of one alone before the other. */
async function ordersOf(before: Act[], first: Act, second: Act): Promise<number[][]> {
  const most = [0, 0];
  for (const leader of [0, 1]) {
    await race(before, () => interleave([first, second], Array<number>(20).fill(leader)));
    steppers.forEach(({ steps }, i) => void (most[i] = Math.max(most[i]!, steps)));
  }
  return [...orders(most[0]!, most[1]!)];
}

/** So many of them at equal distances, with the first and the last. */
const evenly = <T>(all: T[], count: number): T[] =>
  count >= all.length
    ? all
    : Array.from({ length: count }, (_, i) => all[Math.round((i * (all.length - 1)) / (count - 1))]!);

testOnPostgres.each(RACES)(
  '%s: every order comes to one of the two',
  async (_name, before, first, second) => {
    const serial = await outcomesInTurn(before, first, second);
    for (const order of evenly(await ordersOf(before, first, second), extent(16, 60, Infinity)))
      expect(serial).toContain(await race(before, () => interleave([first, second], order)));
    checkPostings(await postgresRows(watcher, false));
  },
  600_000,
);

/** The same act where nobody locks: the row is there, and is taken by nobody. */
const withoutLock =
  (act: Act): Act =>
  (database, number) =>
    act(
      {
        ...database,
        transaction: (work) =>
          database.transaction((tx) =>
            work({
              query: (name, sql, values) =>
                name === 'lock charges' ? Promise.resolve([]) : tx.query(name, sql, values),
            }),
          ),
      },
      number,
    );

testOnPostgres.each(RACES.filter(([name]) => /^deposit (and tombstone$|by a clock)/.test(name)))(
  '%s: without the lock some order comes to neither',
  async (_name, before, first, second) => {
    const wanted = await outcomesInTurn(before, first, second);
    const row: Act = async (database, number) => {
      const sql = "INSERT INTO charges (rs, shop) VALUES ($1, 'Shop') ON CONFLICT DO NOTHING";
      await database.transaction((tx) => tx.query('row of a charge', sql, [rsOf(number)]));
      return '';
    };
    const acts: [Act, Act] = [withoutLock(first), withoutLock(second)];
    for (const order of await ordersOf([...before, row], ...acts)) {
      const came = await race([...before, row], () => interleave(acts, order));
      if (!wanted.includes(came)) return;
    }
    throw new Error('the enumeration finds nothing');
  },
  600_000,
);
