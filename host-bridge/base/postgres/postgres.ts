/**
 * PostgreSQL through node-postgres: opening, migration, transactions, and errors with our codes.
 *
 * READ COMMITTED, and each transaction locks first what it decides about: so a query that comes after sees all that was
 * committed before the lock was had (postgresql.org/docs/15/transaction-iso.html, 13.2.1). What the server ends for a
 * deadlock or a failed serialization is run again, a few times. Commits are on disk before they are answered: a server
 * without `fsync` is refused.
 */
import pg from 'pg';
import { failure, isFailure, type ErrorCode } from '../errors.js';

/** Most connections of one process. */
const CONNECTIONS_MAX = 4;
const CONNECT_TIMEOUT_MS = 10_000;
/** How often a transaction is run before its lock is given up. */
const RUNS_MAX = 8;
/** How long a statement waits for a lock: as SQLite's busy timeout. */
const LOCK_TIMEOUT_MS = 5000;
/** Any number: processes that migrate take turns by it. */
const MIGRATION_LOCK = 0x74617063;

/** What `$1`, `$2`, ... can stand for; arrays as PostgreSQL's text for them. */
export type PostgresValue = string | number | boolean | Uint8Array | null;

/** A transaction that is open. */
export interface PostgresTransaction {
  /** @param name of the prepared statement: one text, one name @returns its rows */
  query<Row extends object>(name: string, sql: string, values: PostgresValue[]): Promise<Row[]>;
}

/** An open database. */
export interface PostgresDatabase {
  /**
   * Runs `work` in one transaction: all of it on disk, or nothing. It may be run again, so it keeps nothing outside.
   * @throws TapcashError DATABASE_*
   */
  transaction<T>(work: (tx: PostgresTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** How a database is opened. */
export interface PostgresOptions {
  /** Statements of each schema version: `migrations[0]` makes version 1. */
  migrations: string[];
  /** Told before each statement of a transaction, by its name, and before `COMMIT`, which wait for it. */
  beforeStatement?: (name: string) => Promise<void>;
}

const CODES: [sqlState: RegExp, code: ErrorCode][] = [
  [/^(40001|40P01|55P03)$/, 'DATABASE_LOCKED'],
  [/^25006$/, 'DATABASE_READ_ONLY'],
  [/^53100$/, 'DATABASE_FULL'],
  [/^(XX001|XX002)$/, 'DATABASE_CORRUPT'],
  [/^(08...|28...|3D000|57P0.|53300|E[A-Z]+)$/, 'DATABASE_UNREACHABLE'],
];

/** The failure that an exception of PostgreSQL stands for; a mistake of ours passes unchanged. */
function postgresFailure(thrown: unknown): unknown {
  if (isFailure(thrown) || typeof thrown !== 'object' || thrown === null) return thrown;
  const { code, message } = thrown as { code?: unknown; message?: unknown };
  if (typeof code === 'string')
    return failure(
      CODES.find(([pattern]) => pattern.test(code))?.[1] ?? 'DATABASE_FAILED',
      `PostgreSQL: ${code}`,
      thrown,
    );
  // What the driver says of a connection that broke has no code.
  return /connect|terminat|timeout/i.test(String(message))
    ? failure('DATABASE_UNREACHABLE', `PostgreSQL: ${String(message)}`, thrown)
    : thrown;
}

const isWorthAnotherRun = (thrown: unknown): boolean =>
  ['40001', '40P01'].includes(String((thrown as { code?: unknown } | null)?.code));

/** Amounts stay within 2^53 - 1, so numbers hold every bigint exactly. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.INT8 && format !== 'binary')
      return (text: string) => {
        const value = Number(text);
        if (!Number.isSafeInteger(value)) throw new RangeError('a bigint beyond 2^53');
        return value;
      };
    return pg.types.getTypeParser(oid, format as 'text');
  },
};

/**
 * Opens a database, and makes or migrates its tables. @param url postgres://user@host/database
 * @throws TapcashError DATABASE_*, DATABASE_NEWER where another version of this program has it
 */
export async function openPostgres(
  url: string,
  { migrations, beforeStatement }: PostgresOptions,
): Promise<PostgresDatabase> {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'tapcash',
    types,
    // Every set is joined to an index: a plan that goes through a table would be kept after the table has grown.
    options: `-c synchronous_commit=on -c lock_timeout=${LOCK_TIMEOUT_MS} -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c jit=off`,
  });
  // A connection that breaks while nobody uses it is replaced.
  pool.on('error', () => {});
  const database: PostgresDatabase = {
    transaction: (work) => runTransaction(pool, work, beforeStatement),
    close: () => pool.end(),
  };
  try {
    await prepareDatabase(database, migrations);
    return database;
  } catch (thrown) {
    await pool.end();
    throw thrown;
  }
}

type Work<T> = (tx: PostgresTransaction) => Promise<T>;
type Before = PostgresOptions['beforeStatement'];

async function runTransaction<T>(pool: pg.Pool, work: Work<T>, before: Before): Promise<T> {
  for (let run = 1; ; run++) {
    try {
      return await runOnce(pool, work, before);
    } catch (thrown) {
      // No pause between: the server has waited for its `deadlock_timeout` before it ended one of two.
      if (run === RUNS_MAX || !isWorthAnotherRun(thrown)) throw postgresFailure(thrown);
    }
  }
}

async function runOnce<T>(pool: pg.Pool, work: Work<T>, before: Before): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // Between two statements nobody waits for it: a connection that breaks then would end the process.
  const onBroken = (error: Error) => void (broken = error);
  client.on('error', onBroken);
  try {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    const result = await work({
      async query<Row extends object>(name: string, text: string, values: PostgresValue[]) {
        await before?.(name);
        return (await client.query<Row & pg.QueryResultRow>({ name, text, values })).rows;
      },
    });
    await before?.('COMMIT');
    await client.query('COMMIT');
    return result;
  } catch (thrown) {
    // A connection that cannot even end its transaction is not used again.
    await client.query('ROLLBACK').catch((again: Error) => void (broken = again));
    throw thrown;
  } finally {
    client.off('error', onBroken);
    client.release(broken);
  }
}

async function prepareDatabase(database: PostgresDatabase, migrations: string[]): Promise<void> {
  await database.transaction(async (tx) => {
    const all = <Row extends object>(sql: string, values: PostgresValue[] = []) => tx.query<Row>('', sql, values);
    const [setting] = await all<{ fsync: string }>("SELECT current_setting('fsync') AS fsync");
    if (setting?.fsync !== 'on') throw failure('DATABASE_FAILED', 'PostgreSQL: fsync is off');
    await all('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await all('CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)');
    const [row] = await all<{ version: number }>('SELECT version FROM schema_version');
    const version = row?.version ?? 0;
    if (version > migrations.length)
      throw failure('DATABASE_NEWER', `PostgreSQL: version ${version}, this program knows ${migrations.length}`);
    if (version === migrations.length) return;
    for (const migration of migrations.slice(version))
      for (const statement of migration.split(/;\s*\n/).filter((sql) => sql.trim() !== '')) await all(statement);
    await all('DELETE FROM schema_version');
    await all('INSERT INTO schema_version (version) VALUES ($1)', [migrations.length]);
  });
}

/** PostgreSQL's text for an array of bytes, of their hexadecimal digits. */
export const byteaArray = (hexes: readonly string[]): string =>
  hexes.length === 0 ? '{}' : `{"\\\\x${hexes.join('","\\\\x')}"}`;

/** The same for numbers; null stands for NULL. */
export const numberArray = (numbers: readonly (number | null)[]): string =>
  `{${numbers.map((number) => number ?? 'NULL').join(',')}}`;

/** The same for texts. */
export const textArray = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
