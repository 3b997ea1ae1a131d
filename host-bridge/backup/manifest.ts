/**
 * What a backup says of itself: which databases it has, their ids and epochs, and the hash of each file. It is written
 * last, so that a folder without it is no backup.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../base/errors.js';
import type { HouseName } from '../base/keys/key-line.js';

/** Name of the file in the backup's folder. */
export const MANIFEST_FILE = 'backup.json';

/** Who has a database. */
export type Role = HouseName | 'bridge';

/** A file of a backup. */
export interface BackupFile {
  name: string;
  bytes: number;
  sha256: string;
}

/** A database of a backup. */
export interface BackupDatabase extends BackupFile {
  role: Role;
  /** Where it lies in its data folder: there, or in the folder of the bridge. */
  folder: '' | 'bridge';
  /** 32 hexadecimal digits. */
  databaseId: string;
  epoch: number;
  /** How many acts it holds. */
  acts: number;
  /** Version of its schema. */
  schema: number;
}

/** The manifest. */
export interface Manifest {
  format: 'tapcash-backup';
  version: 1;
  /** Unix time of the moment that all its databases show, and the same for people. */
  madeS: number;
  made: string;
  databases: BackupDatabase[];
  settings: BackupFile | null;
  /** Private keys under a passphrase, with the names of their files. */
  keys: (BackupFile & { files: string[] }) | null;
  /** What the audit said of the copies; null where no issuer's is among them, and only the files were checked. */
  audit: { ok: boolean; broken: number; in: number; held: number; currency: string } | null;
}

/** Hash and size of a file, read in parts. */
export function hashFile(path: string): { bytes: number; sha256: string } {
  const hash = createHash('sha256');
  const part = Buffer.alloc(1 << 20);
  const file = openSync(path, 'r');
  let bytes = 0;
  try {
    for (let read = readSync(file, part); read > 0; read = readSync(file, part)) {
      hash.update(part.subarray(0, read));
      bytes += read;
    }
  } finally {
    closeSync(file);
  }
  return { bytes, sha256: hash.digest('hex') };
}

const isFile = (found: Partial<BackupFile> | null): boolean =>
  typeof found?.name === 'string' &&
  /^[a-z0-9.-]+$/.test(found.name) &&
  !found.name.startsWith('.') &&
  Number.isSafeInteger(found.bytes) &&
  /^[0-9a-f]{64}$/.test(found.sha256 ?? '');

const isDatabase = (found: Partial<BackupDatabase> | null): boolean =>
  isFile(found) &&
  found!.name === `${found!.role}.db` &&
  ['issuer', 'bank', 'trustee', 'bridge'].includes(found!.role ?? '') &&
  ['', 'bridge'].includes(found!.folder ?? '-') &&
  /^[0-9a-f]{32}$/.test(found!.databaseId ?? '') &&
  [found!.epoch, found!.acts, found!.schema].every((each) => Number.isSafeInteger(each));

/** The manifest of a folder. @throws TapcashError BACKUP_INVALID */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST_FILE);
  if (!existsSync(path)) throw failure('BACKUP_INVALID', `${path}: missing`);
  let found: Partial<Manifest>;
  try {
    found = JSON.parse(readFileSync(path, 'utf8')) as Partial<Manifest>;
  } catch (thrown) {
    throw failure('BACKUP_INVALID', `${path}: not JSON`, thrown);
  }
  if (found?.format !== 'tapcash-backup' || found.version !== 1)
    throw failure('BACKUP_INVALID', `${path}: another format or version`);
  const whole =
    Number.isSafeInteger(found.madeS) &&
    Array.isArray(found.databases) &&
    found.databases.length > 0 &&
    found.databases.every(isDatabase) &&
    (found.settings === null || isFile(found.settings!)) &&
    (found.keys === null || (isFile(found.keys!) && Array.isArray(found.keys?.files)));
  if (!whole) throw failure('BACKUP_INVALID', `${path}: fields are missing`);
  return found as Manifest;
}

/** Compares a file with what the manifest says. @throws TapcashError BACKUP_INVALID */
export function checkFile(folder: string, file: BackupFile): string {
  const path = join(folder, file.name);
  if (!existsSync(path)) throw failure('BACKUP_INVALID', `${path}: missing`);
  const bytes = statSync(path).size;
  if (bytes !== file.bytes) throw failure('BACKUP_INVALID', `${path}: ${bytes} bytes instead of ${file.bytes}`);
  if (hashFile(path).sha256 !== file.sha256) throw failure('BACKUP_INVALID', `${path}: another hash`);
  return path;
}
