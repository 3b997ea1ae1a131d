/**
 * Whose books a database holds: the keys and the currency that every row in it is about.
 */
import Sqlite from 'better-sqlite3';
import { equal, fromChars } from '../../../firmware/core/bytes.js';
import { failure } from '../../base/errors.js';
import type { Books } from '../store.js';
import type { Row } from '../table-rows.js';
import { databaseFailure, openDatabase, type Database, type DatabaseOptions } from '../../base/sqlite/database.js';
import { ACTS_SQL, openOwnDatabase, type IdentityOptions } from '../../base/sqlite/database-identity.js';
import type { HouseName } from '../../base/keys/key-line.js';

/** How a store is opened. */
export interface StoreOptions extends Pick<DatabaseOptions, 'busyTimeoutMs'> {
  /** Which database it must be; left out for one that nobody will start on again. */
  identity?: Omit<IdentityOptions, 'actsSql'>;
}

/** Opens a house's database, or makes it. @throws TapcashError DATABASE_* */
export function openStoreDatabase(
  path: string,
  house: HouseName,
  migrations: string[],
  { identity, ...options }: StoreOptions,
): Database {
  if (!identity) return openDatabase(path, { ...options, migrations });
  return openOwnDatabase(path, { ...options, migrations }, { ...identity, actsSql: ACTS_SQL[house] });
}

/** A mark of the books in a file; null where there is none. @throws TapcashError DATABASE_* */
export function bookMark(path: string, key: string): Uint8Array | null {
  let database: Sqlite.Database | null = null;
  try {
    database = new Sqlite(path, { readonly: true });
    const row = database
      .prepare<[key: string], Pick<Row<'books'>, 'value'>>('SELECT value FROM books WHERE key = ?')
      .get(key);
    return row ? new Uint8Array(row.value) : null;
  } catch (thrown) {
    throw databaseFailure(thrown, path);
  } finally {
    database?.close();
  }
}

/** Writes the books' marks into a new database, or compares. @throws TapcashError KEY_MISMATCH */
export function claimBooks(database: Database, books: Books): void {
  const find = database.prepare<[key: string], Pick<Row<'books'>, 'value'>>('SELECT value FROM books WHERE key = ?');
  const add = database.prepare('INSERT INTO books (key, value) VALUES (?, ?)');
  const marks: [key: string, value: Uint8Array, what: string][] = [
    ['issuerKey', books.issuerKey, 'issuer key'],
    ['registrarKey', books.registrarKey, 'registrar key'],
    ['currency', fromChars(books.currency), 'currency'],
    ['scheme', new Uint8Array([books.scheme ?? 1]), 'scheme'],
    ...(books.bankKey ? [['bankKey', books.bankKey, 'bank key'] as [string, Uint8Array, string]] : []),
  ];
  database.transaction(() => {
    for (const [key, value, what] of marks) {
      const row = find.get(key);
      if (row === undefined) add.run(key, value);
      else if (!equal(row.value, value)) throw failure('KEY_MISMATCH', `${database.path}: another ${what}`);
    }
  });
}
