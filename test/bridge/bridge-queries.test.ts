/**
 * Every query of a bridge's database is answered by an index, and what the outbox does costs as many rows as it gives,
 * however many there are. Judged by SQLite's plans and by a count of the rows that its queries look at, never by times.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { createOutbox } from '../../host-bridge/bridge/outbox.js';
import { extent } from '../kit/extent.js';
import { makeHistory, rsOf } from '../kit/histories.js';
import { run } from '../kit/virtual-time.js';
import { createRig } from './bridge-rig.js';

const isQuery = (sql: string): boolean => /^\s*(SELECT|INSERT|UPDATE|DELETE)\b/i.test(sql);

/** What is prepared on databases while `run` runs, by the name of the file. */
async function preparedIn(run: () => Promise<unknown>): Promise<[file: string, sql: string][]> {
  const found: [string, string][] = [];
  const { prepare } = Sqlite.prototype;
  Sqlite.prototype.prepare = function (this: Sqlite.Database, sql: string) {
    found.push([this.name, sql]);
    return prepare.call(this, sql);
  } as typeof prepare;
  try {
    await run();
  } finally {
    Sqlite.prototype.prepare = prepare;
  }
  return found;
}

/**
 * Steps of a plan that look at rows one after another, or sort them. `outbox_count` has a row for each state, the index
 * `charge_one` at most one, `epochs` one for each restore.
 */
function slowSteps(database: Sqlite.Database, sql: string): string[] {
  const marks = (sql.match(/\?/g) ?? []).length;
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array<null>(marks).fill(null)) as {
    detail: string;
  }[];
  return plan
    .map(({ detail }) => detail)
    .filter(
      (detail) =>
        /TEMP B-TREE/.test(detail) ||
        (/^SCAN /.test(detail) &&
          !/outbox_count|sqlite_|SCAN epochs|USING INDEX charge_one|^SCAN CONSTANT/.test(detail)),
    );
}

test('no query of the running bridge looks through a table or sorts one', async () => {
  let rig!: Awaited<ReturnType<typeof createRig>>;
  const prepared = await preparedIn(async () => {
    rig = await createRig({ baud: 0 });
    await run(rig.scheduler, rig.bridge.status());
  });
  const file = join(rig.dataDir, 'bridge.db');
  const queries = [...new Set(prepared.flatMap(([of, sql]) => (of === file && isQuery(sql) ? [sql] : [])))];
  expect(queries.length).toBeGreaterThan(20);
  const database = new Sqlite(file, { readonly: true });
  const slow = queries.flatMap((sql) => slowSteps(database, sql).map((step) => [step, sql]));
  database.close();
  await rig.stop();
  // The newest charge and the ids of all rows come from the end of the table itself.
  expect(slow.filter(([step, sql]) => !(step === 'SCAN charge' && /ORDER BY sequence DESC LIMIT/.test(sql!)))).toEqual(
    [],
  );
});

describe('an outbox of many rows', () => {
  const ROWS = extent(20_000, 1_000_000);
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-rows-'));
  let visited = 0;

  /** The outbox as the bridge has it, on a copy of its table whose rows say when they are looked at. */
  function openCounting() {
    const database = openBridgeStore(folder);
    return { database, outbox: createOutbox(database, () => 0) };
  }

  test(`${ROWS} of them: counts, pages, the next one and a refund's payment look at no more than they give`, () => {
    const { database } = openCounting();
    const raw = new Sqlite(join(folder, 'bridge.db'));
    // Of all states, most of them done; those to be found stand at the far end.
    raw
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO outbox (kind, identity, bytes, state, code, arrived_s, next_ms)
        SELECT 'history', randomblob(48), randomblob(20),
          CASE i % 10 WHEN 0 THEN 'held' WHEN 1 THEN 'refused' ELSE 'credited' END, 'NOT_FOUND', i, 1e12 + i FROM n`,
      )
      .run(ROWS);
    const paid = makeHistory(7);
    const { outbox } = openCounting();
    outbox.add('history', paid);
    expect(outbox.counts()).toMatchObject({
      held: ROWS / 10,
      refused: ROWS / 10,
      credited: (8 * ROWS) / 10,
      pending: 1,
    });

    // A function that SQLite has to call for each row that a query looks at, before it may give or drop it.
    raw.function('seen', { deterministic: false, directOnly: false }, () => (visited++, 1));
    const looksAt = (sql: string, ...values: unknown[]): number => {
      visited = 0;
      raw.prepare(sql.replace(/ WHERE /, ' WHERE seen() AND ')).all(...values);
      return visited;
    };
    const statements: string[] = [];
    const { prepare } = Sqlite.prototype;
    Sqlite.prototype.prepare = function (this: Sqlite.Database, sql: string) {
      statements.push(sql);
      return prepare.call(this, sql);
    } as typeof prepare;
    openCounting().database.close();
    Sqlite.prototype.prepare = prepare;
    const queryOf = (part: string) => statements.find((sql) => sql.startsWith('SELECT') && sql.includes(part))!;
    const states = 'state = ? AND sequence < ?';
    expect({
      next: looksAt(queryOf("state = 'pending'")),
      due: looksAt(queryOf("state = 'held' AND next_ms <= ?"), 10),
      page: looksAt(queryOf(states), 'refused', Number.MAX_SAFE_INTEGER, 20),
      lastPage: looksAt(queryOf(states), 'held', 100, 20),
      payment: looksAt(queryOf('substr(identity, 33, 16) = ?'), rsOf(7)),
      found: looksAt(queryOf('FROM outbox WHERE bytes = ?'), paid),
    }).toEqual({ next: 1, due: 0, page: 20, lastPage: 9, payment: 1, found: 1 });
    expect(outbox.historyOf(rsOf(7))).toEqual(paid);
    expect(outbox.next(0)).toMatchObject({ sequence: ROWS + 1 });
    expect(outbox.entries(['refused', 'held'], 3).map(({ sequence }) => sequence)).toEqual([ROWS, ROWS - 9, ROWS - 10]);
    expect(outbox.heldUntilMs()).toBe(1e12 + 10);
    raw.close();
    database.close();
  });
});
