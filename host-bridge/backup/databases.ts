/** The databases that a backup is about: where they lie, and what each says of itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { databaseFailure } from '../base/sqlite/database.js';
import { ACTS_SQL } from '../base/sqlite/database-identity.js';
import { failure } from '../base/errors.js';
import { pathsOf } from '../base/keys/key-file.js';
import { BRIDGE_MIGRATIONS } from '../bridge/bridge-store.js';
import { BANK_MIGRATIONS, ISSUER_MIGRATIONS, TRUSTEE_MIGRATIONS } from '../ledger/sqlite/sqlite-schema.js';
import type { BackupDatabase, Role } from './manifest.js';

/** What makes each role's schema. */
export const MIGRATIONS: Record<Role, string[]> = {
  issuer: ISSUER_MIGRATIONS,
  bank: BANK_MIGRATIONS,
  trustee: TRUSTEE_MIGRATIONS,
  bridge: BRIDGE_MIGRATIONS,
};

/** A database in its place. */
export interface Place {
  role: Role;
  folder: BackupDatabase['folder'];
  database: string;
  identity: string;
}

/** Where a role's database lies. */
export function placeOf(data: string, role: Role, folder: BackupDatabase['folder']): Place {
  const { database, identity } = pathsOf(join(data, folder), role);
  return { role, folder, database, identity };
}

/** The databases of a folder: of houses, and of a bridge there or in a folder of its own. */
export function placesIn(data: string): Place[] {
  return [
    ...(['issuer', 'bank', 'trustee'] as const).map((role) => placeOf(data, role, '')),
    placeOf(data, 'bridge', ''),
    placeOf(data, 'bridge', 'bridge'),
  ].filter(({ database }) => existsSync(database));
}

/** What a database says of itself. @throws TapcashError DATABASE_EMPTY, DATABASE_NEWER, DATABASE_ID_INVALID */
export function factsOf(
  database: Sqlite.Database,
  role: Role,
): Pick<BackupDatabase, 'databaseId' | 'epoch' | 'acts' | 'schema'> {
  const has = (table: string) => database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table);
  if (database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined)
    throw failure('DATABASE_EMPTY', `${database.name}: it holds no tables`);
  const schema = database.pragma('user_version', { simple: true }) as number;
  const newest = MIGRATIONS[role].length;
  if (schema > newest)
    throw failure('DATABASE_NEWER', `${database.name}: version ${schema}, this program knows ${newest}`);
  const row = has('epochs')
    ? database
        .prepare<[], { id: Buffer; epoch: number }>(
          'SELECT database_id AS id, epoch FROM epochs ORDER BY epoch DESC LIMIT 1',
        )
        .get()
    : undefined;
  if (!row) throw failure('DATABASE_ID_INVALID', `${database.name}: it has no id yet; start its service once`);
  const { acts } = database.prepare<[], { acts: number }>(ACTS_SQL[role]).get()!;
  return { databaseId: row.id.toString('hex'), epoch: row.epoch, acts, schema };
}

/** Looks at a database, for reading alone. @throws TapcashError DATABASE_* */
export function looked<T>(path: string, look: (database: Sqlite.Database) => T): T {
  let database: Sqlite.Database | null = null;
  try {
    database = new Sqlite(path, { readonly: true, fileMustExist: true });
    return look(database);
  } catch (thrown) {
    throw databaseFailure(thrown, path);
  } finally {
    database?.close();
  }
}
