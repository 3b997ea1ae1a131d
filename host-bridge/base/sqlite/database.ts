/**
 * SQLite through better-sqlite3: opening, migration, transactions, and errors with our codes.
 *
 * WAL with synchronous FULL: what was acknowledged survives power loss (sqlite.org/pragma.html#pragma_synchronous).
 * Every write transaction is BEGIN IMMEDIATE, so two processes on one file take turns instead of failing half way
 * (sqlite.org/lang_transaction.html, 2.2). Amounts stay within 2^53 - 1, so JavaScript numbers hold every INTEGER
 * exactly.
 */
import { closeSync, openSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { failure, isFailure, type ErrorCode } from '../errors.js';

/** Marks the file as ours (PRAGMA application_id): "tapc". */
const APPLICATION_ID = 0x74617063;

/** How long a transaction waits for another process's. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * How far the write-ahead log grows, in pages of 4 KiB, before it is brought into the file. Each time costs two more
 * syncs, and a page that changed often meanwhile is written once.
 */
const CHECKPOINT_PAGES = 8000;
/** Most memory for pages that were read. */
const CACHE_KIB = 64 * 1024;

/** What a statement's `?` can stand for; bytes go in as Uint8Array and come out as Buffer. */
export type SqlValue = string | number | Uint8Array | null;

/** A prepared statement that throws our codes: what stands for its `?`, in order, and the rows that it gives. */
export interface Statement<Params extends SqlValue[], Row> {
  get(...values: Params): Row | undefined;
  all(...values: Params): Row[];
  run(...values: Params): { changes: number; lastInsertRowid: number };
}

/** An open database. */
export interface Database {
  readonly path: string;
  /** The caller says what the statement takes and gives: the row types stand beside the schemas. */
  prepare<Params extends SqlValue[] = SqlValue[], Row = never>(sql: string): Statement<Params, Row>;
  transaction<T>(run: () => T): T;
  close(): void;
}

export interface DatabaseOptions {
  /** Statements of each schema version: `migrations[0]` makes version 1. */
  migrations: string[];
  readOnly?: boolean;
  busyTimeoutMs?: number;
  /** Told, before anything is written, whether the file has tables; what it throws leaves the file as it was. */
  beforeMigration?: (hasTables: boolean) => void;
}

const CODE_BY_PREFIX: [prefix: string, code: ErrorCode][] = [
  ['SQLITE_READONLY', 'DATABASE_READ_ONLY'],
  ['SQLITE_BUSY', 'DATABASE_LOCKED'],
  ['SQLITE_LOCKED', 'DATABASE_LOCKED'],
  ['SQLITE_CORRUPT', 'DATABASE_CORRUPT'],
  ['SQLITE_NOTADB', 'DATABASE_CORRUPT'],
  ['SQLITE_FULL', 'DATABASE_FULL'],
  ['SQLITE_CANTOPEN', 'DATABASE_UNREACHABLE'],
  ['SQLITE_PERM', 'DATABASE_READ_ONLY'],
];

/** The failure that an exception of SQLite stands for; other exceptions pass unchanged. */
export function databaseFailure(thrown: unknown, path: string): unknown {
  if (isFailure(thrown)) return thrown;
  const sqliteCode = (thrown as { code?: unknown })?.code;
  if (typeof sqliteCode !== 'string' || !sqliteCode.startsWith('SQLITE_')) return thrown;
  for (const [prefix, code] of CODE_BY_PREFIX) if (sqliteCode.startsWith(prefix)) return failure(code, path, thrown);
  return failure('DATABASE_FAILED', `${path}: ${sqliteCode}`, thrown);
}

function guarded<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    throw databaseFailure(thrown, path);
  }
}

/** Opens or makes a database. @throws TapcashError DATABASE_* */
export function openDatabase(path: string, options: DatabaseOptions): Database {
  return guarded(path, () => {
    const raw = openFile(path, options);
    try {
      prepareFile(raw, path, options);
    } catch (thrown) {
      raw.close();
      throw thrown;
    }
    return wrap(raw, path);
  });
}

function openFile(path: string, options: DatabaseOptions): Sqlite.Database {
  const timeout = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS;
  if (path === ':memory:') return new Sqlite(path, { timeout });
  try {
    // SQLite opens a file that it may not write silently for reading; ask the system first, so that starting says so.
    closeSync(openSync(path, options.readOnly ? 'r' : 'a', 0o600));
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
      throw failure(options.readOnly ? 'DATABASE_UNREACHABLE' : 'DATABASE_READ_ONLY', path, thrown);
    if (code === 'ENOENT' && options.readOnly) throw failure('FILE_MISSING', path, thrown);
    if (code === 'ENOSPC') throw failure('DATABASE_FULL', path, thrown);
    throw failure('DATABASE_UNREACHABLE', `${path}: ${code}`, thrown);
  }
  return new Sqlite(path, { timeout, readonly: options.readOnly ?? false });
}

function prepareFile(raw: Sqlite.Database, path: string, options: DatabaseOptions): void {
  const wanted = options.migrations.length;
  const versionOf = () => raw.pragma('user_version', { simple: true }) as number;
  const checkOwner = () => {
    const id = raw.pragma('application_id', { simple: true });
    if (id !== APPLICATION_ID && (versionOf() !== 0 || hasTables(raw)))
      throw failure('DATABASE_CORRUPT', `${path}: not a database of tapcash`);
    if (versionOf() > wanted)
      throw failure('DATABASE_NEWER', `${path}: version ${versionOf()}, this program knows ${wanted}`);
  };
  raw.transaction(() => {
    checkOwner();
    options.beforeMigration?.(hasTables(raw));
  })(); // one state of the file, also while another process makes it
  if (options.readOnly) {
    if (versionOf() !== wanted)
      throw failure('DATABASE_CORRUPT', `${path}: schema version ${versionOf()} instead of ${wanted}`);
    return;
  }
  switchToWal(raw, options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
  raw.pragma('synchronous = FULL');
  raw.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  raw.pragma(`cache_size = -${CACHE_KIB}`);
  if (versionOf() !== wanted) migrate(raw, path, options, checkOwner);
  raw.pragma('foreign_keys = ON');
}

/** What rows refer to is checked at the end, so that a table can be made anew (sqlite.org/lang_altertable.html, 7). */
function migrate(raw: Sqlite.Database, path: string, options: DatabaseOptions, checkOwner: () => void): void {
  const wanted = options.migrations.length;
  const versionOf = () => raw.pragma('user_version', { simple: true }) as number;
  raw.pragma('foreign_keys = OFF');
  raw
    .transaction(() => {
      checkOwner(); // another process may have been first
      for (let version = versionOf(); version < wanted; version++) raw.exec(options.migrations[version] as string);
      if ((raw.pragma('foreign_key_check') as unknown[]).length > 0)
        throw failure('DATABASE_CORRUPT', `${path}: rows refer to others that are not there`);
      raw.pragma(`application_id = ${APPLICATION_ID}`);
      raw.pragma(`user_version = ${wanted}`);
    })
    .immediate();
}

/** Switching to WAL needs the file for itself, and SQLite does not wait for that by its busy timeout. */
function switchToWal(raw: Sqlite.Database, timeoutMs: number): void {
  const pauseMs = 10;
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      raw.pragma('journal_mode = WAL');
      return;
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code !== 'SQLITE_BUSY' || waitedMs >= timeoutMs) throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    }
  }
}

function hasTables(raw: Sqlite.Database): boolean {
  return raw.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined;
}

function wrap(raw: Sqlite.Database, path: string): Database {
  // Made once: to make one for each transaction took 7 % of a deposit.
  const inTransaction = raw.transaction(<T>(run: () => T) => run()).immediate as <T>(run: () => T) => T;
  return {
    path,
    prepare<Params extends SqlValue[], Row>(sql: string): Statement<Params, Row> {
      const statement = guarded(path, () => raw.prepare<Params, Row>(sql));
      // Written out, for a function made at each call took a tenth of a deposit.
      return {
        get(...values) {
          try {
            return statement.get(...values);
          } catch (thrown) {
            throw databaseFailure(thrown, path);
          }
        },
        all(...values) {
          try {
            return statement.all(...values);
          } catch (thrown) {
            throw databaseFailure(thrown, path);
          }
        },
        run(...values) {
          try {
            const { changes, lastInsertRowid } = statement.run(...values);
            return { changes, lastInsertRowid: Number(lastInsertRowid) };
          } catch (thrown) {
            throw databaseFailure(thrown, path);
          }
        },
      };
    },
    transaction: (run) => guarded(path, () => inTransaction(run)),
    close: () => {
      if (raw.open) guarded(path, () => raw.close());
    },
  };
}

/** A column of bytes, or null, as a Uint8Array of its own. */
export function bytesOf(column: Buffer): Uint8Array;
export function bytesOf(column: Buffer | null): Uint8Array | null;
export function bytesOf(column: Buffer | null): Uint8Array | null {
  return column === null ? null : new Uint8Array(column);
}
