/** A database whose histories were kept by their pseudonym: they and their refunds stay as they were. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../host-bridge/base/sqlite/database.js';
import { BANK_MIGRATIONS, ISSUER_MIGRATIONS } from '../../host-bridge/ledger/sqlite/sqlite-schema.js';

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);

test.each([
  ['issuer', ISSUER_MIGRATIONS],
  ['bank', BANK_MIGRATIONS],
])('%s: histories and refunds of an older database', (_house, migrations) => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  const path = join(folder, 'house.db');
  const old = openDatabase(path, {
    migrations: migrations.slice(
      0,
      migrations.findIndex((one) => one.includes('CREATE TABLE histories_anew')),
    ),
  });
  const add = `INSERT INTO histories (pku, shop, rs, amount, history, arrived_s, transaction_id, returned_s, return_code)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  for (const id of [7, 3, 5]) {
    old.prepare("INSERT INTO transactions (id, kind, time_s) VALUES (?, 'deposit', 5)").run(id);
    old
      .prepare(add)
      .run(bytes(32, 9 - id), 'Shop', bytes(16, id), id, bytes(200, id), 5, id, id === 3 ? 6 : null, null);
  }
  old.prepare("INSERT INTO transactions (id, kind, time_s) VALUES (8, 'refund', 5)").run();
  old
    .prepare(
      'INSERT INTO refunds (pku, shop, rs, refund_id, amount, refund, time_s, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    )
    .run(bytes(32, 2), 'Shop', bytes(16, 7), bytes(8, 1), 7, bytes(90, 1), 5, 8);
  const columns = 'transaction_id, pku, shop, rs, amount, history, arrived_s, returned_s, return_code';
  const all = `SELECT ${columns} FROM histories ORDER BY transaction_id`;
  const before = old.prepare(all).all();
  old.close();

  const now = openDatabase(path, { migrations });
  expect(now.prepare(all).all()).toEqual(before);
  expect(before.length).toBe(3);
  // One charge once, and what is refunded stays.
  expect(() => now.prepare(add).run(bytes(32, 2), 'Shop', bytes(16, 7), 7, bytes(200, 7), 5, 9, null, null)).toThrow();
  expect(() => now.prepare('DELETE FROM histories WHERE transaction_id = 7').run()).toThrow();
  expect(now.prepare('DELETE FROM histories WHERE transaction_id = 5').run().changes).toBe(1);
  now.close();
  rmSync(folder, { recursive: true });
});
