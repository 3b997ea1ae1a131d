/** Backups of running houses, what a verification finds, and restoring: what is refused, and what is then there. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { audit } from '../../host-bridge/audit/audit.js';
import { makeBackup, type BackupOptions } from '../../host-bridge/backup/backup.js';
import { restore, type RestoreOptions } from '../../host-bridge/backup/restore.js';
import { openKeys, passphraseOf, sealKeys } from '../../host-bridge/backup/sealed-keys.js';
import { verifyBackup } from '../../host-bridge/backup/verify.js';
import { openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { readIdentity } from '../../host-bridge/base/sqlite/database-identity.js';
import { startIssuer } from '../../host-bridge/services/start.js';
import { good, registrarSigner, START_S } from '../kit/people.js';
import { failed } from '../kit/failed.js';
import { tempFolder } from '../kit/temp-folder.js';
import { spread } from '../kit/extent.js';

const start = (dataDir: string) =>
  startIssuer({ dataDir, registrarKey: registrarSigner.publicKey, operatorKeys: [], clock: () => START_S });
type Running = Awaited<ReturnType<typeof start>>;
const fund = (service: Running, amount = 100) =>
  good(service.actor.office('operator').fundAccount('Shop', amount)).balance;
const balance = (service: Running) => good(service.actor.office('operator').balanceOf('Shop')).balance;

/** A folder with an issuer that holds 33.00 for a shop, and a bridge beside it; both ended. */
async function usedFolder(): Promise<string> {
  const dataDir = tempFolder();
  const service = await start(dataDir);
  good(service.actor.office('operator').openAccount('Shop', null));
  for (let i = 0; i < 11; i++) fund(service, 300);
  await service.close();
  openBridgeStore(join(dataDir, 'bridge'), { nowS: () => START_S }).close();
  return dataDir;
}

const backUp = (data: string, more: Partial<BackupOptions> = {}) => {
  const to = join(tempFolder(), 'backup');
  return makeBackup({ data, to, passphrase: null, nowS: START_S + 60, ...more }).then((manifest) => ({ to, manifest }));
};
const restoring = (from: string, data: string, more: Partial<RestoreOptions> = {}) =>
  restore({ from, data, replace: true, passphrase: null, nowS: START_S + 3600, ...more });

test('a backup of a running house is one moment, whatever is booked while it is made; its books are right', async () => {
  const dataDir = await usedFolder();
  const service = await start(dataDir);
  // Enough pages for many turns.
  const filler = new Sqlite(join(dataDir, 'bridge', 'bridge.db'));
  const add = filler.prepare(`INSERT INTO desk_act (act, request_id) VALUES (?, zeroblob(4000))`);
  filler.transaction(() => Array.from({ length: 3000 }, (_, i) => add.run(`act ${i}`)))();
  filler.close();
  let turns = 0;
  const { to, manifest } = await backUp(dataDir, { onProgress: () => void (++turns % 2 && fund(service)) });
  expect(turns).toBeGreaterThan(4);
  expect(balance(service)).toBeGreaterThan(3300);
  expect(manifest).toMatchObject({ audit: { ok: true, broken: 0, in: 3300, held: 3300 }, keys: null });
  expect(manifest.databases.map(({ role, folder, acts }) => [role, folder, acts])).toEqual([
    ['issuer', '', 11],
    ['bridge', 'bridge', 0],
  ]);
  expect(verifyBackup(to, null)).toEqual({ manifest, audit: manifest.audit });
  for (const name of readdirSync(to)) expect(statSync(join(to, name)).mode & 0o777).toBe(0o600);
  expect(readdirSync(to).sort()).toEqual(['backup.json', 'bridge.db', 'issuer.db']);
  await service.close();
});

test('what is restored is the backup, under a new epoch; what was there lies beside it', async () => {
  const dataDir = await usedFolder();
  const { to } = await backUp(dataDir);
  const later = await start(dataDir);
  expect(fund(later)).toBe(3400);
  await later.close();
  const before = readIdentity(join(dataDir, 'issuer.id'))!;
  const [issuer] = restoring(to, dataDir).restored;
  expect(issuer).toMatchObject({ role: 'issuer', epoch: 2, acts: 11 });
  expect(readIdentity(join(dataDir, 'issuer.id'))).toEqual({ ...before, epoch: 2, acts: 11 });
  const aside = audit({ issuerDatabase: issuer!.aside! });
  expect([aside.ok, aside.in]).toEqual([true, 3400]);
  const service = await start(dataDir);
  expect(balance(service)).toBe(3300);
  await service.close();
  expect(audit({ issuerDatabase: join(dataDir, 'issuer.db') }).lines).toEqual([
    {
      ...{ database: 'issuer', epoch: 2, cause: 'restored', why: null },
      ...{ beganS: START_S + 3600, backupS: START_S + 60 },
    },
  ]);
  // Again from the same backup: an epoch is never given twice.
  expect(restoring(to, dataDir, { nowS: START_S + 7200 }).restored.map(({ epoch }) => epoch)).toEqual([3, 3]);
});

test('a restore that was cut off before the id was written is taken for what it is', async () => {
  const dataDir = await usedFolder();
  const { to } = await backUp(dataDir);
  const id = readFileSync(join(dataDir, 'issuer.id'));
  restoring(to, dataDir);
  writeFileSync(join(dataDir, 'issuer.id'), id);
  await (await start(dataDir)).close();
  expect(readIdentity(join(dataDir, 'issuer.id'))!.epoch).toBe(2);
});

test('a restore into an empty folder; of one database alone', async () => {
  const { to } = await backUp(await usedFolder());
  const dataDir = tempFolder();
  expect(restoring(to, dataDir, { only: ['bridge'] }).restored.map(({ role, aside }) => [role, aside])).toEqual([
    ['bridge', null],
  ]);
  expect(readdirSync(dataDir)).toEqual(['bridge']);
  expect(() => restoring(to, dataDir, { only: ['bank'] })).toThrow(failed('BACKUP_INVALID', /bank/));
});

test('a restore is refused over a running service, over a database, and of another one', async () => {
  const [dataDir, other] = [await usedFolder(), await usedFolder()];
  const { to } = await backUp(dataDir);
  const service = await start(dataDir);
  expect(() => restoring(to, dataDir)).toThrow(failed('SERVICE_RUNS', /issuer\.db/));
  expect(balance(service)).toBe(3300);
  await service.close();
  expect(() => restoring(to, dataDir, { replace: false })).toThrow(failed('DATABASE_THERE', /issuer\.db/));
  expect(() => restoring(to, other)).toThrow(failed('BACKUP_FOREIGN', /issuer/));
  expect(readdirSync(dataDir).filter((name) => /before|restoring/.test(name))).toEqual([]);
});

test('a database that is damaged goes aside as it is', async () => {
  const dataDir = await usedFolder();
  const { to } = await backUp(dataDir);
  writeFileSync(join(dataDir, 'issuer.db'), 'nonsense '.repeat(1000));
  const [issuer] = restoring(to, dataDir).restored;
  expect(readFileSync(issuer!.aside!, 'utf8')).toMatch(/^nonsense/);
  await (await start(dataDir)).close();
});

test('a backup writes over nothing, and one that is stopped leaves nothing', async () => {
  const dataDir = await usedFolder();
  const { to } = await backUp(dataDir);
  await expect(backUp(dataDir, { to })).rejects.toEqual(failed('BACKUP_EXISTS'));
  const empty = tempFolder();
  await backUp(dataDir, { to: empty });
  expect(readdirSync(empty)).toContain('backup.json');
  const parent = tempFolder();
  const stop = new AbortController();
  const stopped = backUp(dataDir, {
    to: join(parent, 'late'),
    signal: stop.signal,
    onProgress: (what) => void (what === 'bridge.db' && stop.abort()),
  });
  await expect(stopped).rejects.toEqual(failed('BACKUP_STOPPED'));
  expect(readdirSync(parent)).toEqual([]);
  await expect(backUp(tempFolder())).rejects.toEqual(failed('FILE_MISSING'));
});

test('an empty copy is no source, nor is a schema that is newer', async () => {
  const dataDir = await usedFolder();
  const database = new Sqlite(join(dataDir, 'issuer.db'));
  const version = database.pragma('user_version', { simple: true }) as number;
  database.pragma(`user_version = ${version + 1}`);
  database.close();
  await expect(backUp(dataDir)).rejects.toEqual(failed('DATABASE_NEWER'));
  rmSync(join(dataDir, 'issuer.db'));
  new Sqlite(join(dataDir, 'issuer.db')).exec('PRAGMA journal_mode = WAL').close();
  await expect(backUp(dataDir)).rejects.toEqual(failed('DATABASE_EMPTY'));
});

describe('a backup that is not whole', () => {
  let whole: string;
  beforeAll(async () => {
    whole = (await backUp(await usedFolder())).to;
  });
  const damaged = (damage: (folder: string) => void): string => {
    const folder = tempFolder();
    for (const name of readdirSync(whole)) copyFileSync(join(whole, name), join(folder, name));
    damage(folder);
    return folder;
  };
  const edit = (name: string, change: (bytes: Buffer) => Buffer) => (folder: string) =>
    writeFileSync(join(folder, name), change(readFileSync(join(folder, name))));
  const flipped = (bytes: Buffer) => (bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000), bytes);
  const said = (change: (manifest: Record<string, never>) => void) =>
    edit('backup.json', (bytes) => {
      const manifest = JSON.parse(bytes.toString()) as Record<string, never>;
      change(manifest);
      return Buffer.from(JSON.stringify(manifest));
    });
  test.each<[string, (folder: string) => void, RegExp]>([
    ['no manifest', (folder) => rmSync(join(folder, 'backup.json')), /backup\.json: missing/],
    ['half a manifest', edit('backup.json', (bytes) => bytes.subarray(0, 300)), /not JSON/],
    ['another format', said((manifest) => Object.assign(manifest, { version: 2 })), /version/],
    ['no databases', said((manifest) => Object.assign(manifest, { databases: [] })), /fields/],
    ['a path outside', said(({ databases }) => Object.assign(databases[0]!, { name: '../issuer.db' })), /fields/],
    ['a missing file', (folder) => rmSync(join(folder, 'bridge.db')), /bridge\.db: missing/],
    ['a byte less', edit('issuer.db', (bytes) => bytes.subarray(0, bytes.length - 1)), /bytes instead of/],
    ['one bit', edit('issuer.db', flipped), /another hash/],
    ['another epoch', said(({ databases }) => Object.assign(databases[0]!, { epoch: 7 })), /another id, epoch/],
  ])('%s', (_, damage, detail) => {
    const folder = damaged(damage);
    expect(() => verifyBackup(folder, null)).toThrow(failed('BACKUP_INVALID', detail));
    const data = tempFolder();
    expect(() => restoring(folder, data)).toThrow(failed('BACKUP_INVALID', detail));
    expect(readdirSync(data)).toEqual([]);
  });
});

test('books that do not add up are copied, said to be so, and not restored', async () => {
  const dataDir = await usedFolder();
  const database = new Sqlite(join(dataDir, 'issuer.db'));
  database.exec(`UPDATE balances SET balance = balance + 1 WHERE account = 'abc:Shop'`);
  database.close();
  const { to, manifest } = await backUp(dataDir);
  expect(manifest.audit).toMatchObject({ ok: false });
  expect(verifyBackup(to, null).audit).toEqual(manifest.audit);
  expect(() => restoring(to, dataDir)).toThrow(failed('BACKUP_BROKEN'));
});

describe('keys', () => {
  const passphrase = 'correct horse battery';

  test('are in the backup only where asked, only under the passphrase, and never written over', async () => {
    const dataDir = await usedFolder();
    const { to, manifest } = await backUp(dataDir, { passphrase });
    expect(manifest.keys!.files).toEqual(['issuer.key']);
    const key = readFileSync(join(dataDir, 'issuer.key'), 'utf8');
    for (const name of readdirSync(to)) expect(readFileSync(join(to, name)).includes(key.slice(28, 60))).toBe(false);
    expect(() => verifyBackup(to, 'another passphrase')).toThrow(failed('PASSPHRASE_WRONG'));
    verifyBackup(to, passphrase);

    const empty = tempFolder();
    expect(restoring(to, empty, { passphrase }).keys).toEqual(['issuer.key']);
    expect(readFileSync(join(empty, 'issuer.key'), 'utf8')).toBe(key);
    expect(statSync(join(empty, 'issuer.key')).mode & 0o777).toBe(0o600);
    await (await start(empty)).close();
    expect(restoring(to, dataDir, { passphrase }).keys).toEqual([]);

    const other = tempFolder();
    mkdirSync(other, { recursive: true });
    writeFileSync(join(other, 'issuer.key'), 'another key');
    expect(() => restoring(to, other, { passphrase })).toThrow(failed('KEY_THERE', /issuer\.key/));
    expect(existsSync(join(other, 'issuer.db'))).toBe(false);
  });

  test('every changed field of the sealed file is found', () => {
    const text = sealKeys({ 'issuer.key': 'secret' }, passphrase);
    expect(openKeys(text, passphrase)).toEqual({ 'issuer.key': 'secret' });
    const sealed = JSON.parse(text) as Record<string, unknown>;
    const changes = {
      n: 2 ** 14,
      r: 4,
      salt: 'AAAA',
      nonce: 'AAAAAAAAAAAAAAAA',
      tag: 'AAAAAAAAAAAAAAAAAAAAAA==',
      data: 'AAAA',
    };
    for (const [field, value] of spread(Object.entries(changes), 3))
      expect(() => openKeys(JSON.stringify({ ...sealed, [field]: value }), passphrase)).toThrow(
        failed('PASSPHRASE_WRONG'),
      );
    for (const [field, value] of Object.entries({ format: 'x', version: 2, n: 2 ** 30, p: 0 }))
      expect(() => openKeys(JSON.stringify({ ...sealed, [field]: value }), passphrase)).toThrow(
        failed('BACKUP_INVALID'),
      );
    expect(() => openKeys('nonsense', passphrase)).toThrow(failed('BACKUP_INVALID'));
  });

  test('a short passphrase is refused; the end of its line is not part of it', () => {
    expect(passphraseOf('correct horse battery\n')).toBe(passphrase);
    expect(() => passphraseOf('short\n')).toThrow(failed('PASSPHRASE_SHORT', /12/));
  });
});
