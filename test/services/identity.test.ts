/**
 * Which database a house or a bridge starts on: the id and the epoch beside the key. Each way in which another one than
 * the last can lie there is refused by name, and nothing is written into it.
 */
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { audit } from '../../host-bridge/audit/audit.js';
import { linkage } from '../../host-bridge/audit/linkage.js';
import { openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { readIdentity } from '../../host-bridge/base/sqlite/database-identity.js';
import { startBank, startIssuer, startTrustee, type IssuerPlace } from '../../host-bridge/services/start.js';
import { good, issuerSigner, registrarSigner, seedOf, START_S } from '../kit/people.js';
import { failed } from '../kit/failed.js';
import { tempFolder } from '../kit/temp-folder.js';

const place = (dataDir: string, more: Partial<IssuerPlace> = {}): IssuerPlace => ({
  dataDir,
  registrarKey: registrarSigner.publicKey,
  operatorKeys: [],
  clock: () => START_S,
  random: () => seedOf('issuer'),
  ...more,
});

/** An issuer that has opened and funded an account `times` times, and ended. @returns its folder */
async function usedIssuer(times = 1, dataDir = tempFolder()): Promise<string> {
  const service = await startIssuer(place(dataDir));
  const office = service.actor.office('operator');
  good(office.openAccount('Shop', null));
  for (let i = 0; i < times; i++) good(office.fundAccount('Shop', 100));
  await service.close();
  return dataDir;
}
const databaseOf = (dataDir: string) => join(dataDir, 'issuer.db');
const identityOf = (dataDir: string) => readIdentity(join(dataDir, 'issuer.id'))!;

test('the first start writes the id beside the key, for its owner alone; later starts find the same', async () => {
  const dataDir = await usedIssuer(3);
  expect(statSync(join(dataDir, 'issuer.id')).mode & 0o777).toBe(0o600);
  const first = identityOf(dataDir);
  expect(first).toMatchObject({ epoch: 1, acts: 3 });
  expect(first.databaseId).toHaveLength(16);
  await usedIssuer(1, dataDir);
  expect(identityOf(dataDir)).toEqual({ ...first, acts: 4 });
  const other = identityOf(await usedIssuer());
  expect(other.databaseId).not.toEqual(first.databaseId);
});

test('a missing database is refused, and none is made in its place', async () => {
  const dataDir = await usedIssuer(7);
  rmSync(databaseOf(dataDir));
  await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_EMPTY', /epoch 1 with 7 acts/));
  expect(existsSync(databaseOf(dataDir))).toBe(false);
  writeFileSync(databaseOf(dataDir), '');
  await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_EMPTY'));
});

test('a copy of the file while its service runs holds no tables, and is refused with the id and without', async () => {
  const dataDir = tempFolder();
  const service = await startIssuer(place(dataDir));
  good(service.actor.office('operator').openAccount('Shop', null));
  const copy = join(tempFolder(), 'issuer.db');
  copyFileSync(databaseOf(dataDir), copy);
  expect(statSync(copy).size).toBe(4096);
  await service.close();
  copyFileSync(copy, databaseOf(dataDir));
  await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_EMPTY', /issuer\.db/));
  rmSync(join(dataDir, 'issuer.id'));
  await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_EMPTY', /no tables/));
  expect(statSync(databaseOf(dataDir)).size).toBe(4096);
  expect(() => audit({ issuerDatabase: copy })).toThrow(failed('DATABASE_EMPTY'));
});

test('another database of the same keys is refused', async () => {
  const [mine, theirs] = [await usedIssuer(), await usedIssuer(9)];
  copyFileSync(databaseOf(theirs), databaseOf(mine));
  await expect(startIssuer(place(mine))).rejects.toEqual(failed('DATABASE_FOREIGN', /instead of/));
});

test('an older copy of the same database is refused', async () => {
  const dataDir = await usedIssuer();
  const older = join(tempFolder(), 'older.db');
  copyFileSync(databaseOf(dataDir), older);
  await usedIssuer(5, dataDir);
  copyFileSync(older, databaseOf(dataDir));
  await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_OLDER', /1 acts, but epoch 1 with 6/));
});

test('an older copy is refused also where the process was killed: what it did until shortly before is known', async () => {
  const dataDir = await usedIssuer();
  const older = join(tempFolder(), 'older.db');
  copyFileSync(databaseOf(dataDir), older);
  jest.useFakeTimers({
    doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'clearTimeout', 'queueMicrotask', 'performance', 'Date'],
  });
  const service = await startIssuer(place(dataDir));
  try {
    for (let n = 0; n < 3; n++) good(service.actor.office('operator').fundAccount('Shop', 100));
    jest.advanceTimersByTime(10_000);
    // As the disk is now, without an end of the process.
    const killed = tempFolder();
    for (const name of readdirSync(dataDir)) copyFileSync(join(dataDir, name), join(killed, name));
    for (const end of ['', '-wal', '-shm']) rmSync(`${databaseOf(killed)}${end}`, { force: true });
    copyFileSync(older, databaseOf(killed));
    await expect(startIssuer(place(killed))).rejects.toEqual(failed('DATABASE_OLDER', /1 acts, but epoch 1 with 4/));
  } finally {
    jest.useRealTimers();
    await service.close();
  }
});

test('an id file that was lost comes back from the database; one that is damaged is named', async () => {
  const dataDir = await usedIssuer(2);
  const before = identityOf(dataDir);
  renameSync(join(dataDir, 'issuer.id'), join(dataDir, 'away'));
  await usedIssuer(1, dataDir);
  expect(identityOf(dataDir)).toEqual({ ...before, acts: 3 });
  for (const text of ['', '{}', '[]', 'null', '{"database":"00","epoch":1,"acts":0}']) {
    writeFileSync(join(dataDir, 'issuer.id'), text);
    await expect(startIssuer(place(dataDir))).rejects.toEqual(failed('DATABASE_ID_INVALID', /issuer\.id/));
  }
});

describe('--accept-loss', () => {
  test('takes what is there under a new epoch, with the reason on record, also in the audit', async () => {
    const dataDir = await usedIssuer(3);
    const { databaseId } = identityOf(dataDir);
    rmSync(databaseOf(dataDir));
    const service = await startIssuer(place(dataDir, { acceptLoss: 'the disk burnt' }));
    await service.close();
    expect(identityOf(dataDir)).toEqual({ databaseId, epoch: 2, acts: 0 });
    expect(audit({ issuerDatabase: databaseOf(dataDir) }).lines).toEqual([
      { database: 'issuer', epoch: 2, cause: 'loss accepted', beganS: START_S, backupS: null, why: 'the disk burnt' },
    ]);
    await (await startIssuer(place(dataDir))).close();
  });

  test('is refused where nothing is lost, so that it cannot stay on a command line', async () => {
    const dataDir = tempFolder();
    await expect(startIssuer(place(dataDir, { acceptLoss: 'why not' }))).rejects.toEqual(failed('USAGE', /nothing/));
    await usedIssuer(1, dataDir);
    await expect(startIssuer(place(dataDir, { acceptLoss: 'why not' }))).rejects.toEqual(failed('USAGE', /nothing/));
  });

  test.each(['foreign', 'older'])('takes a database that is %s', async (which) => {
    const dataDir = await usedIssuer(2);
    const copy = join(tempFolder(), 'copy.db');
    copyFileSync(databaseOf(which === 'older' ? dataDir : await usedIssuer(1)), copy);
    if (which === 'older') await usedIssuer(1, dataDir);
    copyFileSync(copy, databaseOf(dataDir));
    await (await startIssuer(place(dataDir, { acceptLoss: 'it is meant' }))).close();
    await (await startIssuer(place(dataDir))).close();
    expect(identityOf(dataDir).epoch).toBe(2);
  });
});

test('bank, trustee and bridge are held to theirs, too', async () => {
  const dataDir = tempFolder();
  const issuerKey = issuerSigner.publicKey;
  const bank = () =>
    startBank({
      ...{ dataDir, issuerKey, registrarKey: issuerKey, operatorKeys: [], scheme: 3, clock: () => START_S },
      issuerChannel: () => ({
        receive: async () => ({ ok: false, code: 'SERVICE_DOWN' }),
        returnCash: async () => ({ ok: false, code: 'SERVICE_DOWN' }),
      }),
    });
  const trustee = () => startTrustee({ dataDir, issuerKey, clock: () => START_S });
  const bridge = async () => openBridgeStore(dataDir, { nowS: () => START_S });
  for (const [role, open] of Object.entries({ bank, trustee, bridge })) {
    await (await open()).close();
    expect(readIdentity(join(dataDir, `${role}.id`))).toMatchObject({ epoch: 1 });
    rmSync(join(dataDir, `${role}.db`));
    await expect(open()).rejects.toEqual(failed('DATABASE_EMPTY', new RegExp(`${role}\\.db`)));
  }
});

test('a database of a newer schema is refused everywhere, by the audit and linkage, too', async () => {
  const dataDir = await usedIssuer();
  const database = new Sqlite(databaseOf(dataDir));
  const version = database.pragma('user_version', { simple: true }) as number;
  database.pragma(`user_version = ${version + 1}`);
  database.close();
  const newer = failed('DATABASE_NEWER', new RegExp(`version ${version + 1}, this program knows ${version}`));
  await expect(startIssuer(place(dataDir))).rejects.toEqual(newer);
  expect(() => audit({ issuerDatabase: databaseOf(dataDir) })).toThrow(newer);
  expect(() => linkage({ issuerDatabase: databaseOf(dataDir) })).toThrow(newer);
  expect(readFileSync(join(dataDir, 'issuer.id'), 'utf8')).toContain('"epoch":1');
});
