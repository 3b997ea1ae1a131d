/**
 * The files that an audit reads: opened for reading alone, and refused where they hold nothing, or what this program
 * does not know: an audit of rows that it overlooks would find them right.
 */
import Sqlite from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { failure } from '../base/errors.js';
import { databaseFailure } from '../base/sqlite/database.js';
import { SCHEMA_VERSIONS } from '../ledger/sqlite/sqlite-schema.js';
import type { Audited, House } from './audit-books.js';

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

const hasTable = (database: Sqlite.Database, name: string): boolean =>
  database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(name) !== undefined;

/** Which keys followed which; none in an older schema. */
export function successionsIn(database: Sqlite.Database): Audited<'successions'>[] {
  if (!hasTable(database, 'successions')) return [];
  return database.prepare<[], Audited<'successions'>>('SELECT * FROM successions ORDER BY house, number').all();
}

/** How an epoch after the first began. */
export interface AuditedLine {
  database: House;
  epoch: number;
  cause: string;
  beganS: number;
  backupS: number | null;
  why: string | null;
}

/** Epochs after the first, at whose begin something may be missing; none in an older schema. */
export function linesIn(database: Sqlite.Database, house: House): AuditedLine[] {
  if (!hasTable(database, 'epochs')) return [];
  return database
    .prepare<[], Audited<'epochs'>>(`SELECT * FROM epochs WHERE cause <> 'made' ORDER BY epoch`)
    .all()
    .map((row) => ({
      database: house,
      epoch: Number(row.epoch),
      cause: row.cause,
      beganS: Number(row.began_s),
      backupS: row.backup_s === null ? null : Number(row.backup_s),
      why: row.why,
    }));
}

/** How often snapshots of several databases are tried until they show one moment. */
const SNAPSHOT_TRIES = 100;

/**
 * Begins a snapshot in each database, all of one moment: what the first one's last change was is the same before and
 * after the others' begin. They last until their databases are closed.
 * @param watch another connection to the first database; null where there is one database alone
 */
export function beginTogether(watch: Sqlite.Database | null, databases: Sqlite.Database[]): void {
  for (let tries = 1; ; tries++) {
    const before = watch?.pragma('data_version', { simple: true });
    // A snapshot begins with the first look.
    for (const database of databases) database.exec('BEGIN; SELECT count(*) FROM sqlite_schema;');
    if (watch?.pragma('data_version', { simple: true }) === before || tries === SNAPSHOT_TRIES) return;
    for (const database of databases) database.exec('ROLLBACK');
  }
}
