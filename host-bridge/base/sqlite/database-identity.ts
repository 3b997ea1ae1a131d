/**
 * Which database a house or a bridge has: a random id and an epoch, in the database and in a file beside its key.
 *
 * The first start makes both. From then on a database that is empty, missing, another one or an older one is refused by
 * name before anything is written into it: started on, it would have forgotten what others were told. The file's
 * `acts` is a lower bound of what the database holds, so that an older copy of the same database shows too. An epoch
 * begins with the database, with each restore, and with each loss that an operator accepts; the
 * table `epochs` is the record of that. docs/restore.md says what an epoch is for.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fromHex, toHex } from '../../../firmware/core/bytes.js';
import { replaceFile } from '../durable-file.js';
import type { Epoch } from '../epoch.js';
import { failure } from '../errors.js';
import { bytesOf, openDatabase, type Database, type DatabaseOptions } from './database.js';

const ID_BYTES = 16;
/** How often what the database holds is written into the file, if it has changed: so much a crash can hide. */
const NOTE_MS = 10_000;

/** The table, for every database that has an identity: a migration of its own. */
export const EPOCHS_TABLE = `
CREATE TABLE epochs (
  epoch INTEGER PRIMARY KEY CHECK (epoch >= 1),
  database_id BLOB NOT NULL CHECK (length(database_id) = ${ID_BYTES}),
  cause TEXT NOT NULL CHECK (cause IN ('made', 'restored', 'loss accepted')),
  began_s INTEGER NOT NULL,
  acts INTEGER NOT NULL, -- how many the database held then
  backup_s INTEGER, -- when the backup was made that was restored
  why TEXT,
  CHECK ((cause = 'restored') = (backup_s IS NOT NULL))
) STRICT;
`;

/** A row of it. */
interface EpochRow {
  epoch: number;
  database_id: Buffer;
  cause: Epoch['cause'];
  began_s: number;
  acts: number;
  backup_s: number | null;
  why: string | null;
}

/** What the file beside the key says. */
export interface Identity {
  /** 16 bytes. */
  databaseId: Uint8Array;
  epoch: number;
  /** At least so many acts the database holds. */
  acts: number;
}

/** How a database is known. */
export interface IdentityOptions {
  /** The file beside the key. */
  file: string;
  /** SQL of one row with `acts`: how many acts the database holds; it never falls. */
  actsSql: string;
  /** Unix time, seconds. */
  nowS(): number;
  /** An operator takes what is there, and says why; null: nothing was accepted. */
  acceptLoss?: string | null | undefined;
}

/** SQL of how many acts a database holds, by the role that has it. */
export const ACTS_SQL = {
  issuer: 'SELECT coalesce(max(id), 0) AS acts FROM transactions',
  bank: 'SELECT coalesce(max(id), 0) AS acts FROM transactions',
  trustee: 'SELECT count(*) AS acts FROM registrations',
  bridge: "SELECT coalesce(sum(seq), 0) AS acts FROM sqlite_sequence WHERE name IN ('outbox', 'charge')",
} as const;

/** What the file says; null where there is none. @throws TapcashError DATABASE_ID_INVALID */
export function readIdentity(path: string): Identity | null {
  if (!existsSync(path)) return null;
  let found: { database?: unknown; epoch?: unknown; acts?: unknown } | null;
  try {
    found = JSON.parse(readFileSync(path, 'utf8')) as typeof found;
  } catch (thrown) {
    throw failure('DATABASE_ID_INVALID', `${path}: ${(thrown as NodeJS.ErrnoException).code ?? 'not JSON'}`, thrown);
  }
  const databaseId = typeof found?.database === 'string' ? fromHex(found.database) : null;
  const [epoch, acts] = [found?.epoch, found?.acts];
  if (databaseId?.length !== ID_BYTES || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(acts))
    throw failure('DATABASE_ID_INVALID', path);
  return { databaseId, epoch: epoch as number, acts: acts as number };
}

/** Writes the file, complete or not at all, where it says something new. */
export function writeIdentity(path: string, identity: Identity): void {
  const before = readIdentity(path);
  const same = before && toHex(before.databaseId) === toHex(identity.databaseId) && before.epoch === identity.epoch;
  // Two processes on one database: the one that ends last may have seen less.
  const acts = same ? Math.max(before.acts, identity.acts) : identity.acts;
  if (same && before.acts === acts) return;
  replaceFile(path, `${JSON.stringify({ database: toHex(identity.databaseId), epoch: identity.epoch, acts })}\n`);
}

/** The epochs of a database, oldest first. */
export function epochsOf(database: Pick<Database, 'prepare'>): Epoch[] {
  return database
    .prepare<[], EpochRow>('SELECT * FROM epochs ORDER BY epoch')
    .all()
    .map((row) => ({
      epoch: row.epoch,
      databaseId: bytesOf(row.database_id),
      cause: row.cause,
      beganS: row.began_s,
      acts: row.acts,
      backupS: row.backup_s,
      why: row.why,
    }));
}

/** Begins an epoch. Within a transaction. */
export function addEpoch(database: Pick<Database, 'prepare'>, epoch: Epoch): void {
  database
    .prepare(
      'INSERT INTO epochs (epoch, database_id, cause, began_s, acts, backup_s, why) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    .run(epoch.epoch, epoch.databaseId, epoch.cause, epoch.beganS, epoch.acts, epoch.backupS, epoch.why);
}

/**
 * Opens the database that belongs to the file beside the key, or makes both at the first start.
 * @throws TapcashError DATABASE_EMPTY, DATABASE_FOREIGN, DATABASE_OLDER, DATABASE_ID_INVALID, USAGE: a loss was
 *   accepted and there is none; and those of `openDatabase`
 */
export function openOwnDatabase(path: string, options: DatabaseOptions, identity: IdentityOptions): Database {
  const known = readIdentity(identity.file);
  const bytes = existsSync(path) ? statSync(path).size : 0;
  // Another process may be making it right now: then its log is there.
  const isBegun = existsSync(`${path}-wal`);
  const lost = known ? `epoch ${known.epoch} with ${known.acts} acts at least was here` : 'it holds no tables';
  const mayBeEmpty = identity.acceptLoss || (known === null && (bytes === 0 || isBegun));
  if (bytes === 0 && !isBegun && !mayBeEmpty) throw failure('DATABASE_EMPTY', `${path}: ${lost}`);
  const database = openDatabase(path, {
    ...options,
    beforeMigration: (hasTables) => {
      if (!hasTables && !mayBeEmpty) throw failure('DATABASE_EMPTY', `${path}: ${lost}`);
    },
  });
  try {
    const now = database.transaction(() => claim(database, known, identity));
    writeIdentity(identity.file, now);
    return closingWith(database, identity, now);
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** How many acts a database holds. */
function actsOf(database: Pick<Database, 'prepare'>, sql: string): number {
  return database.prepare<[], { acts: number }>(sql).get()?.acts ?? 0;
}

/** Compares a database with the file, within a transaction; begins an epoch where there is none, or a loss accepted. */
function claim(database: Database, known: Identity | null, identity: IdentityOptions): Identity {
  const last = epochsOf(database).pop() ?? null;
  const acts = actsOf(database, identity.actsSql);
  const begin = (databaseId: Uint8Array, epoch: number, cause: Epoch['cause'], why: string | null): Identity => {
    addEpoch(database, { epoch, databaseId, cause, beganS: Math.floor(identity.nowS()), acts, backupS: null, why });
    return { databaseId, epoch, acts };
  };
  const fault = known && faultOf(known, last, acts, database.path);
  if (identity.acceptLoss) {
    if (!fault) throw failure('USAGE', '--accept-loss: nothing is lost; start without it');
    // The id stays where the database is gone, so that an older backup of it can still be restored.
    const epoch = Math.max(known.epoch, last?.epoch ?? 0) + 1;
    return begin(last?.databaseId ?? known.databaseId, epoch, 'loss accepted', identity.acceptLoss);
  }
  if (fault) throw fault;
  return last ? { ...last, acts } : begin(new Uint8Array(randomBytes(ID_BYTES)), 1, 'made', null);
}

/** Why a database is not the one that the file knows; null: it is. */
function faultOf(known: Identity, last: Epoch | null, acts: number, path: string): Error | null {
  const id = toHex(known.databaseId);
  if (!last) return failure(acts === 0 ? 'DATABASE_EMPTY' : 'DATABASE_FOREIGN', `${path}: ${id} was here`);
  if (toHex(last.databaseId) !== id)
    return failure('DATABASE_FOREIGN', `${path}: ${toHex(last.databaseId)} instead of ${id}`);
  // A higher epoch is a restore whose end the file has not heard of.
  if (last.epoch > known.epoch || (last.epoch === known.epoch && acts >= known.acts)) return null;
  return failure(
    'DATABASE_OLDER',
    `${path}: epoch ${last.epoch} with ${acts} acts, but epoch ${known.epoch} with ${known.acts} was here`,
  );
}

/**
 * The database, with what it holds written down while it is used and at its end: an older copy that takes its place is
 * then seen, also where the process or the machine was killed.
 */
function closingWith(database: Database, identity: IdentityOptions, now: Identity): Database {
  const changes = database.prepare<[], { count: number }>('SELECT total_changes() AS count');
  let noted = -1; // changes that were there at the last note
  let isOpen = true;
  function note(): void {
    try {
      const { count } = changes.get()!;
      if (count === noted) return;
      writeIdentity(identity.file, { ...now, acts: actsOf(database, identity.actsSql) });
      noted = count;
    } catch {
      // A lower bound that is lower than it could be: no reason not to go on, or not to end.
    }
  }
  const timer = setInterval(note, NOTE_MS);
  timer.unref();
  return {
    ...database,
    close() {
      clearInterval(timer);
      if (isOpen) note();
      isOpen = false;
      database.close();
    },
  };
}
