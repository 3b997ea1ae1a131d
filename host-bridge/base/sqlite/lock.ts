/**
 * A lock that one process has at a time: SQLite's exclusive lock on an empty file. The system gives it back when the
 * process ends, however it ends, so a crash leaves nothing behind (sqlite.org/lockingv3.html).
 */
import Sqlite from 'better-sqlite3';
import { failure, type ErrorCode } from '../errors.js';
import { databaseFailure } from './database.js';

/**
 * Takes it.
 * @param path of the file, which stays there
 * @param busy what to say when another process has it, with `detail`
 * @returns gives it back; may be called twice
 * @throws TapcashError `busy`, DATABASE_*
 */
export function takeLock(path: string, busy: ErrorCode, detail: string): () => void {
  let file: Sqlite.Database | null = null;
  try {
    file = new Sqlite(path, { timeout: 0 });
    // A transaction that never writes and never ends: no other file is made for it.
    file.exec('BEGIN EXCLUSIVE');
  } catch (thrown) {
    file?.close();
    const isTaken = (thrown as { code?: unknown }).code === 'SQLITE_BUSY';
    throw isTaken ? failure(busy, detail, thrown) : databaseFailure(thrown, path);
  }
  const held = file;
  return () => {
    if (held.open) held.close();
  };
}
