/**
 * Two replicas that bring deposits to one PostgreSQL: the same histories from both, and while the server is ended as a
 * power cut would end it. What was answered is in the books, each history once, and the books add up.
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
import { isFailure } from '../../host-bridge/base/errors.js';
import type { PostgresDatabase } from '../../host-bridge/base/postgres/postgres.js';
import { depositAct, requestOf, type VerifiedHistory } from '../../host-bridge/houses/depositary.js';
import { counterAccount } from '../../host-bridge/houses/issuer/issuer-return.js';
import { decodeHistory } from '../../host-bridge/houses/read-history.js';
import type { CreditEngine } from '../../host-bridge/ledger/credits.js';
import { postgresCreditsOf } from '../../host-bridge/ledger/postgres/postgres-credits.js';
import { POSTGRES_ISSUER_MIGRATIONS } from '../../host-bridge/ledger/postgres/postgres-schema.js';

const PAYERS = ['Ada', 'Bob', 'Cem'].map((name) => person(name));
const house = {
  ...{ issuer: ISSUER, currency: CURRENCY, graceS: 0, registrar: { keys: () => [] }, nowS: () => START_S },
  ...{ payerOf: counterAccount, clockDoubted: () => false, restored: false, onOverspent: () => undefined },
};

let charge = 0;
/** Histories of charges that nobody has paid. */
function newRequests(count: number): VerifiedHistory[] {
  return Array.from({ length: count }, () => {
    const bytes = historyOf(PAYERS[charge % PAYERS.length]!, 'Shop', 1 + (charge % 7), rsOf(charge++));
    const decoded = decodeHistory(house, bytes);
    if (!decoded.ok) throw new Error(decoded.code);
    return requestOf(decoded.read, bytes);
  });
}

const cluster = postgresForFile();
let database: PostgresDatabase;
let replicas: Pick<CreditEngine, 'credit'>[] = [];
beforeAll(async () => {
  if (!hasPostgres) return;
  database = await openForFile(cluster(), 'kill', POSTGRES_ISSUER_MIGRATIONS);
  await database.transaction((tx) => tx.query('', "INSERT INTO accounts (name, opened_s) VALUES ('Shop', 1)", []));
  const others = [1, 2].map(() => openForFile(cluster(), 'kill', POSTGRES_ISSUER_MIGRATIONS));
  replicas = (await Promise.all(others)).map((each, shard) =>
    postgresCreditsOf(each, { knowsPseudonyms: true, shard }),
  );
}, 60_000);

/** How often each history was answered as new, and as known. */
const answered = new Map<VerifiedHistory, { added: number; repeated: number }>();

/** Until it is answered: a server that is gone is asked again, with the same histories. */
async function credit(engine: Pick<CreditEngine, 'credit'>, requests: VerifiedHistory[]): Promise<number> {
  for (let failures = 0; ; failures++) {
    try {
      const results = await engine.credit(depositAct(house, requests));
      results.forEach((result, i) => {
        if (!result.ok) throw new TypeError(result.code);
        const counts = answered.get(requests[i]!) ?? { added: 0, repeated: 0 };
        if (result.repeated) counts.repeated++;
        else counts.added++;
        answered.set(requests[i]!, counts);
      });
      return failures;
    } catch (thrown) {
      if (!isFailure(thrown) || !['DATABASE_UNREACHABLE', 'DATABASE_LOCKED'].includes(thrown.code)) throw thrown;
      if (failures > 10_000) throw thrown;
    }
  }
}

async function checkBooks(): Promise<void> {
  const rows = await postgresRows(database, true);
  checkPostings(rows);
  expect(rows['histories']!.length).toBe(charge);
  expect(answered.size).toBe(charge);
  for (const { added, repeated } of answered.values()) {
    expect(added).toBeLessThanOrEqual(1);
    expect(added + repeated).toBeGreaterThanOrEqual(1);
  }
}

testOnPostgres(
  'both replicas at the same time with the same histories: one adds each',
  async () => {
    for (let round = 0; round < extent(15, 50, 200); round++) {
      const requests = newRequests(6);
      const turned = requests.toReversed();
      await Promise.all([
        credit(replicas[0]!, requests),
        credit(replicas[1]!, turned.slice(0, 4)),
        credit(replicas[1]!, turned.slice(2)),
      ]);
    }
    await checkBooks();
    for (const { added } of answered.values()) expect(added).toBe(1);
  },
  600_000,
);

testOnPostgres(
  'nothing that was answered is lost when the server is killed',
  async () => {
    let failed = 0;
    for (let round = 0; round < extent(5, 20, 200); round++) {
      let isOver = false;
      const busy = replicas.map(async (engine) => {
        do failed += await credit(engine, newRequests(1 + (charge % 5)));
        while (!isOver);
      });
      await cluster().crash();
      isOver = true;
      await Promise.all(busy);
    }
    expect(failed).toBeGreaterThan(0);
    await checkBooks();
  },
  600_000,
);

testOnPostgres('a batch is six statements and one commit, however many histories it has', async () => {
  const names: string[] = [];
  const watched = await openForFile(cluster(), 'kill', POSTGRES_ISSUER_MIGRATIONS, {
    beforeStatement: async (name) => void names.push(name),
  });
  const engine = postgresCreditsOf(watched, { knowsPseudonyms: true });
  for (const count of [3, 64]) {
    names.length = 0;
    await credit(engine, newRequests(count));
    expect(names).toEqual([
      ...['lock charges', 'charges known', 'shops', 'lock counters', 'sums', 'write known', 'COMMIT'],
    ]);
  }
});
