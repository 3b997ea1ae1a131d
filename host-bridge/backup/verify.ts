/** Whether a backup is whole and its books add up: its files' hashes, SQLite's own check, ids, and the audit. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { audit } from '../audit/audit.js';
import { failure } from '../base/errors.js';
import { factsOf, looked } from './databases.js';
import { checkFile, readManifest, type BackupDatabase, type Manifest } from './manifest.js';
import { openKeys } from './sealed-keys.js';

/** Told what is looked at. */
export type OnProgress = (what: string, done: number, of: number) => void;

/** What was found. */
export interface Verified {
  manifest: Manifest;
  /** The audit of the copies as they are now; null without an issuer's. */
  audit: Manifest['audit'];
}

/** Audits the copies; null where no issuer's is among them. */
export function auditCopies(folder: string, databases: BackupDatabase[], onProgress?: OnProgress): Manifest['audit'] {
  const path = (role: string) => databases.some((one) => one.role === role) && join(folder, `${role}.db`);
  const [issuer, bank, trustee] = [path('issuer'), path('bank'), path('trustee')];
  if (!issuer) return null;
  const report = audit({
    issuerDatabase: issuer,
    ...(bank ? { bankDatabase: bank } : {}),
    ...(trustee ? { trusteeDatabase: trustee } : {}),
    onProgress: (table, rows) => onProgress?.(`audit of ${table}`, rows, rows),
  });
  return { ok: report.ok, broken: report.broken.length, in: report.in, held: report.held, currency: report.currency };
}

/** @throws TapcashError BACKUP_INVALID: SQLite finds the file damaged */
export function checkIntegrity(path: string): void {
  const found = looked(path, (database) => database.pragma('integrity_check', { simple: true }) as string);
  if (found !== 'ok') throw failure('BACKUP_INVALID', `${path}: ${found}`);
}

/**
 * Verifies a backup. @param passphrase its keys are opened too, where it has some
 * @throws TapcashError BACKUP_INVALID, DATABASE_NEWER, PASSPHRASE_WRONG
 */
export function verifyBackup(folder: string, passphrase: string | null, onProgress?: OnProgress): Verified {
  const manifest = readManifest(folder);
  const { databases, settings, keys } = manifest;
  databases.forEach((file, i) => {
    onProgress?.(file.name, i, databases.length);
    const path = checkFile(folder, file);
    checkIntegrity(path);
    const { databaseId, epoch, acts, schema } = looked(path, (database) => factsOf(database, file.role));
    if (databaseId !== file.databaseId || epoch !== file.epoch || acts !== file.acts || schema !== file.schema)
      throw failure('BACKUP_INVALID', `${path}: another id, epoch or number of acts than its manifest says`);
  });
  if (settings) checkFile(folder, settings);
  if (keys) {
    const path = checkFile(folder, keys);
    if (passphrase !== null) openKeys(readFileSync(path, 'utf8'), passphrase);
  }
  return { manifest, audit: auditCopies(folder, databases, onProgress) };
}
