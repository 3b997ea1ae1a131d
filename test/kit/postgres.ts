/**
 * PostgreSQL for tests: a server of the file's own, and books that were made on SQLite brought over to it. Where none
 * is installed, the tests that need it are skipped.
 */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { openPostgres, type PostgresDatabase } from '../../host-bridge/base/postgres/postgres.js';
import {
  findPostgres,
  startPostgres,
  type PostgresCluster,
} from '../../host-bridge/bench/services/postgres-cluster.js';
import { tempFolder } from './temp-folder.js';

const programs = findPostgres();

/** `test`, and `test.skip` where there is no PostgreSQL. */
export const testOnPostgres = programs === null ? test.skip : test;
export const hasPostgres = programs !== null;

/** A server for the file's tests; nothing where none is installed. */
export function postgresForFile(): () => PostgresCluster {
  let cluster: PostgresCluster | null = null;
  beforeAll(async () => {
    if (programs === null) return;
    const folder = tempFolder();
    chmodSync(folder, 0o711);
    cluster = await startPostgres(programs, join(folder, 'server'), ['shared_buffers=32MB', 'max_connections=40']);
  }, 60_000);
  afterAll(async () => {
    for (const database of open.splice(0)) await database.close();
    await cluster?.stop();
  });
  return () => cluster!;
}

/** An open database that is closed when the file's tests have ended; the first of its name makes it. */
export async function openForFile(
  cluster: PostgresCluster,
  name: string,
  migrations: string[],
  options: { beforeStatement?: (name: string) => Promise<void>; applicationName?: string } = {},
): Promise<PostgresDatabase> {
  const { applicationName, ...more } = options;
  if (!made.has(name)) await cluster.makeDatabase(name);
  made.add(name);
  const database = await openPostgres(cluster.addressOf(name, applicationName), { ...more, migrations });
  open.push(database);
  return database;
}

const made = new Set<string>();
const open: PostgresDatabase[] = [];

/** Tables that both engines have, with the columns that are the same. */
const TABLES: Record<string, string[]> = {
  transactions: ['id', 'kind', 'time_s'],
  entries: ['transaction_id', 'account', 'delta'],
  accounts: ['name', 'account_key', 'certificate', 'opened_s', 'closed_s'],
  histories: [
    ...['transaction_id', 'pku', 'shop', 'rs', 'amount', 'history', 'arrived_s', 'returned_s', 'return_code'],
  ],
  claims: ['pku', 'shop', 'rs', 'amount', 'history', 'opened_s', 'due_s', 'granted_s'],
};
const ISSUER_TABLES: Record<string, string[]> = {
  pseudonyms: ['pku', 'counter', 'name', 'request', 'receipt_number'],
  overspends: ['transaction_id', 'pku', 'ebc', 'time_s'],
};
const tablesOf = (isIssuer: boolean) => Object.entries({ ...TABLES, ...(isIssuer ? ISSUER_TABLES : {}) });

/** Puts the books of a SQLite file in the place of whatever a database holds. */
export async function copyBooks(path: string, database: PostgresDatabase, isIssuer: boolean): Promise<void> {
  const from = new Sqlite(path, { readonly: true });
  const rows = (sql: string) => from.prepare<[], unknown[]>(sql).raw().all();
  await database.transaction(async (tx) => {
    const put = async (table: string, columns: readonly string[], all: unknown[][]) => {
      await tx.query('', `DELETE FROM ${table}`, []);
      const places = columns.map((_, i) => `$${i + 1}`).join(', ');
      for (const row of all)
        await tx.query('', `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places})`, row as (string | null)[]);
    };
    for (const [table, columns] of tablesOf(isIssuer))
      await put(table, columns, rows(`SELECT ${columns.join(', ')} FROM ${table}`));
    await put('balances', ['account', 'balance'], rows('SELECT account, balance FROM balances'));
    const stones = rows('SELECT shop, rs, tombstone, time_s FROM tombstones');
    await put('charges', ['shop', 'rs', 'tombstone', 'buried_s'], stones);
    const [[last]] = rows('SELECT coalesce(max(id), 0) FROM transactions') as [[number]];
    await tx.query('', 'UPDATE acts SET last = $1', [last]);
  });
  from.close();
}

/** Every row of the books, in one form whichever engine holds them; balances of 0 are none. */
export type LedgerRows = Record<string, string[]>;

const lineOf = (row: unknown[]): string =>
  JSON.stringify(row.map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)));

/** @param path of a house's database on SQLite */
export function sqliteRows(path: string, isIssuer: boolean): LedgerRows {
  const database = new Sqlite(path, { readonly: true });
  const rows = (sql: string) => database.prepare<[], unknown[]>(sql).raw().all().map(lineOf).sort();
  const all = Object.fromEntries(
    tablesOf(isIssuer).map(([table, columns]) => [table, rows(`SELECT ${columns.join(', ')} FROM ${table}`)]),
  );
  const balances = rows('SELECT account, balance FROM balances WHERE balance <> 0');
  const tombstones = rows('SELECT shop, rs, tombstone, time_s FROM tombstones');
  database.close();
  return { ...all, balances, tombstones };
}

/** The same of PostgreSQL. */
export async function postgresRows(database: PostgresDatabase, isIssuer: boolean): Promise<LedgerRows> {
  return database.transaction(async (tx) => {
    const rows = async (sql: string) =>
      (await tx.query<Record<string, unknown>>('', sql, [])).map((row) => lineOf(Object.values(row))).sort();
    const all: LedgerRows = {};
    for (const [table, columns] of tablesOf(isIssuer))
      all[table] = await rows(`SELECT ${columns.join(', ')} FROM ${table}`);
    all['balances'] = await rows(
      'SELECT account, sum(balance)::bigint AS balance FROM balances GROUP BY account HAVING sum(balance) <> 0',
    );
    all['tombstones'] = await rows('SELECT shop, rs, tombstone, buried_s FROM charges WHERE tombstone IS NOT NULL');
    return all;
  });
}

/** Numbers of transactions have no gaps; what moved sums to 0, and to the balances. */
export function checkPostings({ transactions, entries, balances }: LedgerRows): void {
  const read = (lines: string[] = []) => lines.map((line) => JSON.parse(line) as [number | string, string, number]);
  const numbers = read(transactions).map(([id]) => Number(id));
  expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
  const sums = new Map<string, number>();
  for (const [, account, delta] of read(entries)) sums.set(account, (sums.get(account) ?? 0) + delta);
  expect([...sums.values()].reduce((sum, value) => sum + value, 0)).toBe(0);
  const held = Object.fromEntries([...sums].filter(([, sum]) => sum !== 0));
  expect(Object.fromEntries((balances ?? []).map((line) => JSON.parse(line) as [string, number]))).toEqual(held);
}
