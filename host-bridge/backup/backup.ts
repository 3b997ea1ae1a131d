/**
 * A backup of the databases of a folder, while their services run: SQLite's online backup of one moment, checked by the
 * audit after copying.
 *
 * The copies are made in a folder beside the one that was asked for, which gets its name when all of it is on the disk:
 * what has the name is whole. Nothing is ever written over.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { beginTogether } from '../audit/audit-files.js';
import { replaceFile, syncPath } from '../base/durable-file.js';
import { failure } from '../base/errors.js';
import { databaseFailure } from '../base/sqlite/database.js';
import { factsOf, looked, placesIn, type Place } from './databases.js';
import { hashFile, MANIFEST_FILE, type BackupDatabase, type BackupFile, type Manifest } from './manifest.js';
import { sealKeys } from './sealed-keys.js';
import { auditCopies, checkIntegrity, type OnProgress } from './verify.js';

/** Pages copied before others get their turn. */
const PAGES_AT_ONCE = 1000;
const SETTINGS_FILE = 'tapcash.json';
const KEYS_FILE = 'keys.sealed';

export interface BackupOptions {
  /** Folder with the databases. */
  data: string;
  /** The backup's own folder: not there yet, or empty. */
  to: string;
  /** Seals the private keys of the folder into the backup; null: they stay out. */
  passphrase: string | null;
  /** Unix time, seconds. */
  nowS: number;
  onProgress?: OnProgress;
  /** Ends it; nothing is left then. */
  signal?: AbortSignal;
}

/**
 * Makes a backup.
 * @throws TapcashError FILE_MISSING, BACKUP_EXISTS, BACKUP_STOPPED, BACKUP_INVALID, DATABASE_*, and those of the system
 */
export async function makeBackup(options: BackupOptions): Promise<Manifest> {
  const to = resolve(options.to);
  const places = placesIn(options.data);
  if (places.length === 0) throw failure('FILE_MISSING', `${options.data}: no database of a house or a bridge`);
  if (existsSync(to) && readdirSync(to).length > 0) throw failure('BACKUP_EXISTS', to);
  const partial = `${to}.partial-${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(partial, { recursive: true, mode: 0o700 });
    const databases = await copyDatabases(places, partial, options);
    const manifest: Manifest = {
      ...{ format: 'tapcash-backup', version: 1, madeS: options.nowS, databases },
      made: new Date(options.nowS * 1000).toISOString(),
      settings: copySettings(options.data, partial),
      keys: copyKeys(options.data, partial, options.passphrase),
      audit: auditCopies(partial, databases, options.onProgress),
    };
    stopIfAsked(options);
    replaceFile(join(partial, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
    if (existsSync(to)) rmdirSync(to);
    renameSync(partial, to);
    syncPath(dirname(to));
    return manifest;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function stopIfAsked({ signal }: Pick<BackupOptions, 'signal'>): void {
  if (signal?.aborted) throw failure('BACKUP_STOPPED');
}

/** Copies all databases as they are at one moment. */
async function copyDatabases(places: Place[], folder: string, options: BackupOptions): Promise<BackupDatabase[]> {
  const opened: Sqlite.Database[] = [];
  try {
    const open = (path: string): Sqlite.Database => {
      const database = new Sqlite(path, { readonly: true, fileMustExist: true });
      opened.push(database);
      return database;
    };
    const watch = open(places[0]!.database);
    const sources = places.map(({ database }) => open(database));
    // Before anything is copied: what is empty, or unknown to this program, is named.
    sources.forEach((source, i) => factsOf(source, places[i]!.role));
    beginTogether(watch, sources);
    const copies: BackupDatabase[] = [];
    for (const [i, place] of places.entries()) copies.push(await copyOne(sources[i]!, place, folder, options));
    return copies;
  } catch (thrown) {
    throw databaseFailure(thrown, places[0]!.database);
  } finally {
    for (const database of opened) database.close();
  }
}

async function copyOne(
  source: Sqlite.Database,
  { role, folder: inFolder }: Place,
  folder: string,
  options: BackupOptions,
): Promise<BackupDatabase> {
  const name = `${role}.db`;
  const path = join(folder, name);
  await source.backup(path, {
    progress({ totalPages, remainingPages }) {
      stopIfAsked(options);
      options.onProgress?.(name, totalPages - remainingPages, totalPages);
      return PAGES_AT_ONCE;
    },
  });
  stopIfAsked(options);
  // One file by itself, which can be read where nothing can be written.
  const copy = new Sqlite(path);
  copy.pragma('journal_mode = DELETE');
  copy.close();
  chmodSync(path, 0o600);
  checkIntegrity(path);
  syncPath(path);
  const facts = looked(path, (database) => factsOf(database, role));
  return { role, folder: inFolder, name, ...hashFile(path), ...facts };
}

function copySettings(data: string, folder: string): BackupFile | null {
  if (!existsSync(join(data, SETTINGS_FILE))) return null;
  const path = join(folder, SETTINGS_FILE);
  replaceFile(path, readFileSync(join(data, SETTINGS_FILE)));
  return { name: SETTINGS_FILE, ...hashFile(path) };
}

function copyKeys(data: string, folder: string, passphrase: string | null): Manifest['keys'] {
  if (passphrase === null) return null;
  const files = readdirSync(data).filter((name) => name.endsWith('.key'));
  const path = join(folder, KEYS_FILE);
  const texts = Object.fromEntries(files.map((name) => [name, readFileSync(join(data, name), 'utf8')]));
  replaceFile(path, sealKeys(texts, passphrase));
  return { name: KEYS_FILE, ...hashFile(path), files };
}
