/**
 * The database under the stores: durability settings, transactions, migration, and every failure by its name.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { failure } from '../../host-bridge/base/errors.js';
import { databaseFailure, openDatabase } from '../../host-bridge/base/sqlite/database.js';
import { lifeOf } from '../../host-bridge/ledger/sqlite/sqlite-accounts.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import { ISSUER_MIGRATIONS } from '../../host-bridge/ledger/sqlite/sqlite-schema.js';
import { failed } from '../kit/failed.js';
import { BOOKS, person } from '../kit/people.js';
import { compileSources, runScript } from '../services/compiled-host.js';

const MIGRATIONS = ['CREATE TABLE t (a INTEGER NOT NULL) STRICT'];
const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = () => join(folder, `${files++}.db`);

test('WAL, synchronous FULL, mode 600', () => {
  const path = newFile();
  const database = openDatabase(path, { migrations: MIGRATIONS });
  expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
  expect(database.prepare('PRAGMA foreign_keys').get()).toEqual({ foreign_keys: 1 });
  database.close();
  database.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a transaction is all or nothing, also when nested', () => {
  const database = openDatabase(':memory:', { migrations: MIGRATIONS });
  const add = database.prepare('INSERT INTO t VALUES (?)');
  const count = () => database.prepare<[], { n: number }>('SELECT count(*) AS n FROM t').get()!.n;
  expect(() =>
    database.transaction(() => {
      add.run(1);
      database.transaction(() => add.run(2));
      throw failure('BUSY');
    }),
  ).toThrow(failed('BUSY'));
  expect(count()).toBe(0);
  expect(database.transaction(() => add.run(3).changes)).toBe(1);
  expect(count()).toBe(1);
});

test('amounts up to 2^53 - 1 are stored exactly; what is no integer, or beyond, is not stored', () => {
  const store = openIssuerStore(':memory:', BOOKS);
  store.post('fund', 0, [
    { account: 'in', delta: -Number.MAX_SAFE_INTEGER },
    { account: 'abc:Ada', delta: Number.MAX_SAFE_INTEGER },
  ]);
  expect([store.balance('in'), store.balance('abc:Ada'), store.balance('abc:Bob')]).toEqual([
    -Number.MAX_SAFE_INTEGER,
    Number.MAX_SAFE_INTEGER,
    0,
  ]);
  // The rules would never let these come here; the tables refuse them too, and nothing of the posting stays.
  for (const delta of [1, 0.5, NaN, 0])
    expect(() =>
      store.post('fund', 0, [
        { account: 'abc:Bob', delta: 5 },
        { account: 'abc:Ada', delta },
      ]),
    ).toThrow(failed('DATABASE_FAILED'));
  expect(() => store.post('fund', 0, [{ account: 'abc:Bob', delta: -1 }])).toThrow(failed('DATABASE_FAILED', /CHECK/));
  expect(store.balance('abc:Bob')).toBe(0);
  store.close();
});

test('a name is bound to a pseudonym once', () => {
  const store = openIssuerStore(':memory:', BOOKS);
  const { pku } = person('Ada');
  for (const name of ['Ada', 'Bob']) store.addAccount({ name, accountKey: null, certificate: null, openedS: 0 });
  store.addPseudonym(pku);
  store.addPseudonym(pku);
  store.bindPseudonym(pku, 'Ada', new Uint8Array(1));
  store.bindPseudonym(pku, 'Bob', new Uint8Array(2));
  expect(store.pseudonym(pku)).toEqual({
    pku,
    counter: pku,
    name: 'Ada',
    request: new Uint8Array(1),
    receiptNumber: 0,
  });
  store.close();
});

test('a locked database waits, then says so; a reader is not held up', () => {
  const path = newFile();
  const one = openDatabase(path, { migrations: MIGRATIONS });
  const two = openDatabase(path, { migrations: MIGRATIONS, busyTimeoutMs: 50 });
  one.transaction(() => {
    expect(() => two.transaction(() => undefined)).toThrow(failed('DATABASE_LOCKED', RegExp(path)));
    expect(two.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 0 });
  });
  two.transaction(() => two.prepare('INSERT INTO t VALUES (1)').run());
  expect(one.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }]);
  one.close();
  two.close();
});

test('schemas: older is migrated, newer and foreign are refused', () => {
  const path = newFile();
  openDatabase(path, { migrations: MIGRATIONS }).close();
  const next = [...MIGRATIONS, 'ALTER TABLE t ADD COLUMN b TEXT'];
  openDatabase(path, { migrations: next }).close();
  expect(() => openDatabase(path, { migrations: MIGRATIONS })).toThrow(failed('DATABASE_NEWER', /version 2/));
  expect(() => openDatabase(path, { migrations: [...next, ''], readOnly: true })).toThrow(
    failed('DATABASE_CORRUPT', /version 2 instead of 3/),
  );
  const foreign = newFile();
  new Sqlite(foreign).exec('CREATE TABLE theirs (x)').close();
  expect(() => openDatabase(foreign, { migrations: MIGRATIONS })).toThrow(
    failed('DATABASE_CORRUPT', /not a database of tapcash/),
  );
});

test('a migration that fails leaves the older version', () => {
  const path = newFile();
  openDatabase(path, { migrations: MIGRATIONS }).close();
  expect(() => openDatabase(path, { migrations: [...MIGRATIONS, 'CREATE TABLE more (x); nonsense'] })).toThrow(
    failed('DATABASE_FAILED'),
  );
  const database = openDatabase(path, { migrations: MIGRATIONS });
  expect(database.prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name = 'more'`).get()).toEqual({ n: 0 });
  database.close();
});

test.each([
  ['SQLITE_READONLY_DBMOVED', 'DATABASE_READ_ONLY'],
  ['SQLITE_BUSY_SNAPSHOT', 'DATABASE_LOCKED'],
  ['SQLITE_CORRUPT_INDEX', 'DATABASE_CORRUPT'],
  ['SQLITE_NOTADB', 'DATABASE_CORRUPT'],
  ['SQLITE_FULL', 'DATABASE_FULL'],
  ['SQLITE_CANTOPEN', 'DATABASE_UNREACHABLE'],
  ['SQLITE_IOERR_FSYNC', 'DATABASE_FAILED'],
])('%s is %s', (sqlite, code) => {
  expect(databaseFailure(Object.assign(new Error('x'), { code: sqlite }), '/some/file')).toEqual(
    failed(code, /\/some\/file/),
  );
});

test('other exceptions pass as they are', () => {
  const thrown = new TypeError('ours');
  expect(databaseFailure(thrown, '/x')).toBe(thrown);
  expect(databaseFailure(failure('BUSY'), '/x')).toEqual(failed('BUSY'));
});

test('files that are not there or not readable', () => {
  expect(() => openDatabase(join(folder, 'no', 'such', 'folder.db'), { migrations: MIGRATIONS })).toThrow(
    failed('DATABASE_UNREACHABLE', /ENOENT/),
  );
  expect(() => openDatabase(newFile(), { migrations: MIGRATIONS, readOnly: true })).toThrow(failed('FILE_MISSING'));
  const nonsense = newFile();
  writeFileSync(nonsense, 'nonsense '.repeat(1000));
  expect(() => openDatabase(nonsense, { migrations: MIGRATIONS })).toThrow(failed('DATABASE_CORRUPT'));
});

test('opened for reading, it cannot be written', () => {
  const path = newFile();
  openDatabase(path, { migrations: MIGRATIONS }).close();
  const database = openDatabase(path, { migrations: MIGRATIONS, readOnly: true });
  expect(() => database.prepare('INSERT INTO t VALUES (1)').run()).toThrow(failed('DATABASE_READ_ONLY'));
  database.close();
  // What the health check does is refused too, though it meets no row.
  const issuerPath = newFile();
  openIssuerStore(issuerPath, BOOKS).close();
  const books = openDatabase(issuerPath, { migrations: ISSUER_MIGRATIONS, readOnly: true });
  expect(() => lifeOf(books).check()).toThrow(failed('DATABASE_READ_ONLY'));
  books.close();
});

test('three processes that make one file at the same moment all get it', async () => {
  const compiled = compileSources();
  const source = `
    import { createInterface } from 'node:readline';
    import { openDatabase } from './host-bridge/base/sqlite/database.js';
    console.log('"ready"');
    for await (const line of createInterface({ input: process.stdin })) {
      const { path, atMs } = JSON.parse(line);
      while (Date.now() < atMs);
      try { openDatabase(path, { migrations: ${JSON.stringify(MIGRATIONS)} }).close(); console.log('"OK"'); } catch (thrown) { console.log(JSON.stringify(String(thrown))); }
    }`;
  const children = [1, 2, 3].map(() => runScript(compiled, source));
  await Promise.all(children.map((child) => child.line()));
  for (let round = 0; round < 40; round++) {
    const path = newFile();
    const atMs = Date.now() + 10;
    for (const child of children) child.say({ path, atMs });
    expect(await Promise.all(children.map((child) => child.line()))).toEqual(['OK', 'OK', 'OK']);
  }
  for (const child of children) child.process.stdin?.end();
  expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0]);
  rmSync(compiled, { recursive: true, force: true });
});

// Root may write everything, so another user tries: one who must be able to read this package.
const nobody = 65534;
const canNobodyRead = () =>
  spawnSync(process.execPath, ['-e', `require('fs').readdirSync(${JSON.stringify(packageRoot())})`], { uid: nobody })
    .status === 0;
const asNobody = process.getuid?.() === 0 && canNobodyRead() ? test : test.skip;
asNobody('a file without write permission is named at start', async () => {
  const shared = mkdtempSync(join(tmpdir(), 'tapcash-'));
  const compiled = compileSources();
  chmodSync(compiled, 0o755);
  chmodSync(shared, 0o777);
  const path = join(shared, 'issuer.db');
  openDatabase(path, { migrations: ISSUER_MIGRATIONS }).close();
  chmodSync(path, 0o444);
  const source = `
    import { openDatabase } from './host-bridge/base/sqlite/database.js';
    try { openDatabase(${JSON.stringify(path)}, { migrations: [''] }); console.log('"opened"'); } catch (thrown) { console.log(JSON.stringify([thrown.code, thrown.message])); }`;
  const child = runScript(compiled, source, { uid: nobody });
  expect(await child.line()).toEqual(['DATABASE_READ_ONLY', expect.stringContaining(path)]);
  expect(await child.ended).toBe(0);
  chownSync(path, 0, 0);
  rmSync(shared, { recursive: true, force: true });
  rmSync(compiled, { recursive: true, force: true });
});
