/**
 * Puts the databases of a backup in their places, under a new epoch: what was booked since the backup was made is
 * forgotten, and everybody must be able to see that (docs/restore.md).
 *
 * Nothing is changed before all of it was looked at: the backup whole, no service running, no other database's place,
 * no other key written over. A database that is there goes aside, never away.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { replaceFile, syncPath } from '../base/durable-file.js';
import { failure } from '../base/errors.js';
import { databaseFailure, openDatabase } from '../base/sqlite/database.js';
import { addEpoch, epochsOf, readIdentity, writeIdentity } from '../base/sqlite/database-identity.js';
import { factsOf, looked, MIGRATIONS, placeOf, type Place } from './databases.js';
import type { BackupDatabase, Manifest, Role } from './manifest.js';
import { openKeys, type KeyFiles } from './sealed-keys.js';
import { verifyBackup, type OnProgress } from './verify.js';

export interface RestoreOptions {
  /** The backup's folder. */
  from: string;
  /** Where the databases go. */
  data: string;
  /** Databases that are there may go aside. */
  replace: boolean;
  /** Whose databases; left out: all of the backup. */
  only?: Role[] | undefined;
  /** Opens the keys of the backup; null: they stay where they are. */
  passphrase: string | null;
  /** Unix time, seconds. */
  nowS: number;
  onProgress?: OnProgress;
}

/** A database that was restored. */
export interface Restored {
  role: Role;
  database: string;
  epoch: number;
  acts: number;
  /** Where the one that was there lies now; null: none was. */
  aside: string | null;
}

/** What was done. */
export interface RestoreReport {
  manifest: Manifest;
  restored: Restored[];
  /** Names of the key files that were written. */
  keys: string[];
}

/**
 * Restores.
 * @throws TapcashError BACKUP_INVALID, BACKUP_BROKEN, BACKUP_FOREIGN, DATABASE_THERE, SERVICE_RUNS, KEY_THERE,
 *   PASSPHRASE_WRONG, DATABASE_*
 */
export function restore(options: RestoreOptions): RestoreReport {
  const { from, data, only, passphrase } = options;
  const { manifest, audit } = verifyBackup(from, passphrase, options.onProgress);
  if (audit && !audit.ok) throw failure('BACKUP_BROKEN', `${from}: ${audit.broken} rows`);
  const wanted = manifest.databases.filter(({ role }) => !only || only.includes(role));
  const missing = only?.find((role) => !wanted.some((file) => file.role === role));
  if (missing) throw failure('BACKUP_INVALID', `${from}: no database of the ${missing}`);
  const steps = wanted.map((file) => ({ file, place: placeOf(data, file.role, file.folder) }));
  for (const { file, place } of steps) checkPlace(file, place, options);
  const keys = keysToWrite(manifest, options);
  const copies = steps.map(({ file, place }) => prepare(file, place, manifest, options));
  try {
    for (const [name, text] of Object.entries(keys)) replaceFile(join(data, name), text);
    if (manifest.settings && !existsSync(join(data, manifest.settings.name)))
      replaceFile(join(data, manifest.settings.name), readFileSync(join(from, manifest.settings.name)));
    return { manifest, restored: copies.map((copy) => swap(copy, options.nowS)), keys: Object.keys(keys) };
  } finally {
    for (const { temporary } of copies) rmSync(temporary, { force: true });
  }
}

/** @throws TapcashError BACKUP_FOREIGN, DATABASE_THERE, SERVICE_RUNS */
function checkPlace(file: BackupDatabase, { role, database, identity }: Place, { replace }: RestoreOptions): void {
  const known = readIdentity(identity);
  if (known && toHex(known.databaseId) !== file.databaseId)
    throw failure('BACKUP_FOREIGN', `${role}: ${file.databaseId} instead of ${toHex(known.databaseId)}`);
  if (!existsSync(database)) return;
  if (!replace) throw failure('DATABASE_THERE', database);
  settleFile(database);
}

/**
 * Brings what stands in a database's log into its file, which only one who has it alone may do.
 * @throws TapcashError SERVICE_RUNS
 */
function settleFile(path: string): void {
  let database: Sqlite.Database | null = null;
  try {
    database = new Sqlite(path, { timeout: 0, fileMustExist: true });
    database.pragma('journal_mode = DELETE');
  } catch (thrown) {
    const { code } = databaseFailure(thrown, path) as { code?: string };
    if (code === 'DATABASE_LOCKED') throw failure('SERVICE_RUNS', path, thrown);
    // A file that is damaged goes aside as it is.
    if (code !== 'DATABASE_CORRUPT') throw databaseFailure(thrown, path);
  } finally {
    database?.close();
  }
}

/** The keys of the backup that are not there. @throws TapcashError KEY_THERE: another one is */
function keysToWrite({ keys }: Manifest, { from, data, passphrase }: RestoreOptions): KeyFiles {
  if (!keys || passphrase === null) return {};
  const files = openKeys(readFileSync(join(from, keys.name), 'utf8'), passphrase);
  const missing: KeyFiles = {};
  for (const [name, text] of Object.entries(files)) {
    if (!/^[a-z0-9-]+(\.[0-9]+)?\.key$/.test(name)) throw failure('BACKUP_INVALID', `${keys.name}: ${name}`);
    const path = join(data, name);
    if (!existsSync(path)) missing[name] = text;
    else if (readFileSync(path, 'utf8') !== text) throw failure('KEY_THERE', path);
  }
  return missing;
}

interface Prepared {
  file: BackupDatabase;
  place: Place;
  temporary: string;
  epoch: number;
}

/** A copy beside its place, of this program's schema, with its new epoch; on the disk. */
function prepare(file: BackupDatabase, place: Place, manifest: Manifest, options: RestoreOptions): Prepared {
  const { role, database: path, identity } = place;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.restoring`;
  rmSync(temporary, { force: true });
  copyFileSync(join(options.from, file.name), temporary);
  chmodSync(temporary, 0o600);
  const epoch = Math.max(file.epoch, readIdentity(identity)?.epoch ?? 0, epochAt(path, role)) + 1;
  const database = openDatabase(temporary, { migrations: MIGRATIONS[role] });
  try {
    database.transaction(() => {
      const databaseId = epochsOf(database).pop()!.databaseId;
      const { acts } = file;
      const [beganS, backupS] = [Math.floor(options.nowS), manifest.madeS];
      addEpoch(database, { epoch, databaseId, cause: 'restored', beganS, acts, backupS, why: null });
    });
  } finally {
    database.close();
  }
  syncPath(temporary);
  return { file, place, temporary, epoch };
}

/** Epoch of the database that is there; 0 where none can be read. */
function epochAt(path: string, role: Role): number {
  try {
    return existsSync(path) ? looked(path, (database) => factsOf(database, role)).epoch : 0;
  } catch {
    return 0;
  }
}

/** Moves what is there aside, and the copy into its place. */
function swap({ file, place, temporary, epoch }: Prepared, nowS: number): Restored {
  const { role, database, identity } = place;
  const stamp = new Date(nowS * 1000).toISOString().slice(0, 19).replace(/[:T]/g, '-');
  const aside = existsSync(database) ? `${database}.before-${stamp}` : null;
  if (aside !== null) {
    if (existsSync(aside)) throw failure('DATABASE_THERE', aside);
    for (const end of ['', '-wal', '-shm'])
      if (existsSync(`${database}${end}`)) renameSync(`${database}${end}`, `${aside}${end}`);
  }
  // A log without its database is of no use, and would be taken for that of the copy.
  for (const end of ['-wal', '-shm']) rmSync(`${database}${end}`, { force: true });
  renameSync(temporary, database);
  syncPath(dirname(database));
  // Last: a database of a higher epoch than the file says is a restore that was cut off here.
  writeIdentity(identity, { databaseId: fromHex(file.databaseId)!, epoch, acts: file.acts });
  return { role, database, epoch, acts: file.acts, aside };
}
