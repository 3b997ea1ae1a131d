/** A database from before there were payouts: its transactions stay as they were, and so does what refers to them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../host-bridge/base/sqlite/database.js';
import { BANK_MIGRATIONS, ISSUER_MIGRATIONS } from '../../host-bridge/ledger/sqlite/sqlite-schema.js';

test.each([
  ['issuer', ISSUER_MIGRATIONS],
  ['bank', BANK_MIGRATIONS],
])('%s: payouts in an older database', (_house, migrations) => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  const path = join(folder, 'house.db');
  const before = migrations.slice(
    0,
    migrations.findIndex((one) => one.includes('CREATE TABLE payouts')),
  );
  const old = openDatabase(path, { migrations: before });
  for (const id of [3, 7]) {
    old.prepare('INSERT INTO transactions (id, kind, time_s) VALUES (?, ?, 5)').run(id, 'fund');
    old.prepare('INSERT INTO entries (transaction_id, account, delta) VALUES (?, ?, 1)').run(id, 'abc:Ada');
  }
  old.close();
  const now = openDatabase(path, { migrations });
  expect(now.prepare<[], { id: number }>('SELECT id FROM transactions ORDER BY id').all()).toEqual([
    { id: 3 },
    { id: 7 },
  ]);
  now.prepare("INSERT INTO transactions (id, kind, time_s) VALUES (8, 'payout', 6)").run();
  expect(() => now.prepare("INSERT INTO transactions (id, kind, time_s) VALUES (9, 'gift', 6)").run()).toThrow();
  const entry = now.prepare("INSERT INTO entries (transaction_id, account, delta) VALUES (?, 'abc:Ada', 1)");
  entry.run(8);
  expect(() => entry.run(99)).toThrow();
  expect(() => now.prepare('DELETE FROM transactions WHERE id = 3').run()).toThrow();
  now.close();
  rmSync(folder, { recursive: true });
});
