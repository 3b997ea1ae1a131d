/**
 * The trustee's store on SQLite.
 */
import { claimBooks, openStoreDatabase, type StoreOptions } from './sqlite-books.js';
import { lifeOf, operatorsOf, tracesOf } from './sqlite-accounts.js';
import { TRUSTEE_MIGRATIONS } from './sqlite-schema.js';
import { bytesOf } from '../../base/sqlite/database.js';
import type { Books, TrusteeStore } from '../store.js';
import type { Row } from '../table-rows.js';

/**
 * Opens or makes the trustee's database. @param path a file, or ':memory:'
 * @throws TapcashError DATABASE_*, and KEY_MISMATCH where the file belongs to other books
 */
export function openTrusteeStore(path: string, books: Books, options: StoreOptions = {}): TrusteeStore {
  const database = openStoreDatabase(path, 'trustee', TRUSTEE_MIGRATIONS, options);
  try {
    claimBooks(database, books);
    const find = database.prepare<[pku: Uint8Array], Row<'registrations'>>('SELECT * FROM registrations WHERE pku = ?');
    const count = database.prepare<[name: string], { count: number }>(
      'SELECT count(*) AS count FROM registrations WHERE name = ?',
    );
    const add = database.prepare(
      'INSERT INTO registrations (pku, name, account_key, certificate, request, license, time_s) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    const renew = database.prepare('UPDATE registrations SET license = ? WHERE pku = ?');
    return {
      ...lifeOf(database, 'SELECT max(time_s) AS time_s FROM registrations'),
      ...operatorsOf(database),
      ...tracesOf(database),
      registration(pku) {
        const row = find.get(pku);
        if (!row) return null;
        return {
          pku: bytesOf(row.pku),
          name: row.name,
          accountKey: bytesOf(row.account_key),
          certificate: bytesOf(row.certificate),
          request: bytesOf(row.request),
          license: bytesOf(row.license),
          timeS: row.time_s,
        };
      },
      pseudonymsOf: (name) => count.get(name)!.count,
      renewLicense: (pku, license) => void renew.run(license, pku),
      addRegistration: (row) =>
        void add.run(row.pku, row.name, row.accountKey, row.certificate, row.request, row.license, row.timeS),
    };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}
