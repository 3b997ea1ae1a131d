/**
 * Whose books a database holds: the keys and the currency that every row in it is about.
 */
import { equal, fromChars } from '../../firmware/core/bytes.js';
import { failure } from '../errors.js';
import type { Books } from './store.js';
import type { Database } from './sqlite.js';

/** Writes the books' marks into a new database, or compares. @throws TapcashError KEY_MISMATCH */
export function claimBooks(database: Database, books: Books): void {
  const find = database.prepare('SELECT value FROM books WHERE key = ?');
  const add = database.prepare('INSERT INTO books (key, value) VALUES (?, ?)');
  const marks: [key: string, value: Uint8Array, what: string][] = [
    ['issuerKey', books.issuerKey, 'issuer key'],
    ['registrarKey', books.registrarKey, 'registrar key'],
    ['currency', fromChars(books.currency), 'currency'],
    ['scheme', new Uint8Array([books.scheme ?? 1]), 'scheme'],
    ...(books.bankKey ? [['bankKey', books.bankKey, 'bank key'] as [string, Uint8Array, string]] : []),
  ];
  database.transaction(() => {
    for (const [key, value, what] of marks) {
      const row = find.get(key);
      if (row === undefined) add.run(key, value);
      else if (!equal(row.value, value)) throw failure('KEY_MISMATCH', `${database.path}: another ${what}`);
    }
  });
}
