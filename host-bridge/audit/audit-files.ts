/**
 * The files that an audit reads: opened for reading alone, and refused where they hold nothing, or what this program does
 * not know: an audit of rows that it overlooks would find them right.
 */
import Sqlite from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { failure } from '../base/errors.js';
import { databaseFailure } from '../base/sqlite/database.js';
import { SCHEMA_VERSIONS } from '../ledger/sqlite/sqlite-schema.js';
import type { House } from './audit-books.js';

/** Opens a house's database for reading. @throws TapcashError FILE_MISSING, DATABASE_EMPTY, DATABASE_* */
export function openAudited(path: string): Sqlite.Database {
  if (!existsSync(path)) throw failure('FILE_MISSING', path);
  let database: Sqlite.Database | null = null;
  try {
    database = new Sqlite(path, { readonly: true, fileMustExist: true });
    if (database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined)
      throw failure('DATABASE_EMPTY', `${path}: it holds no tables`);
    return database;
  } catch (thrown) {
    database?.close();
    throw databaseFailure(thrown, path);
  }
}

/** @throws TapcashError DATABASE_NEWER: the schema is one that this program does not know */
export function checkSchema(database: Sqlite.Database, house: House): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > SCHEMA_VERSIONS[house])
    throw failure(
      'DATABASE_NEWER',
      `${database.name}: version ${version}, this program knows ${SCHEMA_VERSIONS[house]}`,
    );
}
