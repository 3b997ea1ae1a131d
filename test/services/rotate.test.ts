/**
 * Making the next key: killed between any two steps, begun again; what is kept and for how long; databases of the
 * version before.
 */
import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { writeSuccession } from '../../host-bridge/base/keys/succession.js';
import { firstKey } from '../../host-bridge/services/house-keys.js';
import { keyPaths, readKeyFile } from '../../host-bridge/base/keys/key-file.js';
import {
  lastRotation,
  openHouseBooks,
  restoreSuccession,
  rotate,
  tidyKeys,
} from '../../host-bridge/services/rotate.js';
import { startIssuer, startTrustee } from '../../host-bridge/services/start.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import {
  BANK_MIGRATIONS,
  ISSUER_MIGRATIONS,
  TRUSTEE_MIGRATIONS,
} from '../../host-bridge/ledger/sqlite/sqlite-schema.js';
import { openDatabase } from '../../host-bridge/base/sqlite/database.js';
import { finish, register } from '../houses/houses-rig.js';
import type { ReferenceWallet } from '../houses/reference-wallet.js';
import { BOOKS, codeOf, good, ISSUER, issuerSigner, signerOf, START_S } from '../kit/people.js';
import { housesOf, startRotating, type Rotating } from './rotating-houses-rig.js';

const CLI = join(packageRoot(), 'dist', 'host-bridge', 'cli.js');

let at: Rotating;
afterEach(async () => {
  await at.close();
  at.end();
});

/** What a folder's books say of a house, and which of its key files are there. */
function stateOf(house: 'issuer' | 'bank') {
  const books = openHouseBooks(at.dataDir, house);
  const last = lastRotation(books, house);
  books.close();
  return {
    number: last?.number ?? 0,
    newKey: last ? toHex(last.newKey) : null,
    files: [1, 2, 3].map((number) => existsSync(keyPaths(at.dataDir, house, number).key)),
  };
}

/** What whoever rotates does next: the other houses and the token hear of it. */
function tellAll(wallet: ReferenceWallet): void {
  const books = openHouseBooks(at.dataDir, 'issuer');
  good(at.bank!.succeed(lastRotation(books, 'issuer')!.notice));
  books.close();
  at.update(wallet);
}

test.each(['keys', 'notice', 'done'] as const)(
  'killed at "%s": the old key or the new one, and the same again ends it',
  async (point) => {
    at = await startRotating(3);
    const ada = at.userOf('Ada', 100);
    expect(await register(at, ada)).toBe('OK');
    const options = { dataDir: at.dataDir, house: 'issuer' as const, nowS: at.clock.nowS, fromS: at.clock.nowS };
    await expect(
      rotate({
        ...options,
        onStep: (step) => {
          if (step === point) throw new Error('killed');
        },
      }),
    ).rejects.toThrow('killed');
    const after = stateOf('issuer');
    expect(after.number).toBe(point === 'done' ? 1 : 0);
    // The house goes on either way.
    at.clock.nowS += 1;
    if (point === 'done') tellAll(ada);
    await ada.startWithdrawal(5);
    expect(await finish(at, ada)).toBe('OK');
    const again = rotate({ ...options, nowS: at.clock.nowS, fromS: at.clock.nowS });
    if (point === 'done') await expect(again).rejects.toMatchObject({ code: 'ROTATION_RUNNING' });
    else expect((await again).number).toBe(1);
    const last = stateOf('issuer');
    expect([last.number, last.files]).toEqual([1, [true, true, false]]);
    expect(equal(readKeyFile(keyPaths(at.dataDir, 'issuer', 2).key).publicKey, Buffer.from(last.newKey!, 'hex'))).toBe(
      true,
    );
    at.clock.nowS += 1;
    if (point !== 'done') tellAll(ada);
    await ada.startWithdrawal(5);
    expect(await finish(at, ada)).toBe('OK');
  },
);

test('key files of a rotation that was killed are taken, not made anew', async () => {
  at = await startRotating(3);
  const options = { dataDir: at.dataDir, house: 'issuer' as const, nowS: START_S, fromS: START_S };
  await expect(
    rotate({
      ...options,
      onStep: (step) => {
        if (step === 'notice') throw new Error('killed');
      },
    }),
  ).rejects.toThrow('killed');
  const made = readKeyFile(keyPaths(at.dataDir, 'issuer', 2).key).publicKey;
  expect((await rotate(options)).newKey).toEqual(made);
});

test('a private key is deleted when nothing needs it, and the house starts without it', async () => {
  at = await startRotating(3);
  const { fromS, untilS } = await at.rotate('issuer');
  const files = (number: number) => [
    existsSync(keyPaths(at.dataDir, 'issuer', number).key),
    existsSync(keyPaths(at.dataDir, 'issuer', number).seal),
  ];
  expect(tidyKeys(at.dataDir, 'issuer', fromS - 1)).toEqual([]);
  // The signing key goes when its successor signs; what was sealed to the old one still comes.
  expect(tidyKeys(at.dataDir, 'issuer', fromS)).toEqual([keyPaths(at.dataDir, 'issuer', 1).key]);
  expect([files(1), files(2)]).toEqual([
    [false, true],
    [true, true],
  ]);
  await at.close();
  const place = { dataDir: at.dataDir, scheme: 3, operatorKeys: [], clock: () => untilS, bankKey: null };
  const start = () => startIssuer({ ...place, bankKey: firstKey(at.dataDir, 'bank') });
  await (await start()).close();
  expect(tidyKeys(at.dataDir, 'issuer', untilS)).toEqual([keyPaths(at.dataDir, 'issuer', 1).seal]);
  const service = await start();
  expect(service.publicKey).toEqual(issuerSigner.publicKey);
  await service.close();
  // Without the key in force it does not start, and says so.
  rmSync(keyPaths(at.dataDir, 'issuer', 2).key);
  await expect(start()).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
});

test('the next rotation waits until the time of the old key is over, and then follows', async () => {
  at = await startRotating(1);
  const { untilS } = await at.rotate('trustee');
  const next = (nowS: number) => rotate({ dataDir: at.dataDir, house: 'trustee', nowS, fromS: nowS });
  await expect(next(untilS - 1)).rejects.toMatchObject({ code: 'ROTATION_RUNNING' });
  const second = await next(untilS);
  expect(second.number).toBe(2);
  for (const house of housesOf(1)) expect(good(at.services[house]!.actor.succeed(second.notice)).number).toBe(2);
  await at.close();
  const started = await startTrustee({
    dataDir: at.dataDir,
    scheme: 1,
    issuerKey: issuerSigner.publicKey,
    clock: () => second.fromS,
  });
  await started.close();
});

test('books that were restored from before a rotation: the house is named, takes nothing from strangers, and gets its notice back', async () => {
  at = await startRotating(3);
  const { issuer } = at;
  const { notice, newKey } = await at.rotate('issuer');
  const database = openDatabase(at.databases.issuerDatabase, { migrations: ISSUER_MIGRATIONS });
  database.prepare('DELETE FROM successions').run();
  database.close();
  // With the same key file another notice: a fork, which no house takes.
  const again = await rotate({ dataDir: at.dataDir, house: 'issuer', nowS: at.clock.nowS + 5, fromS: 0 });
  expect(again.newKey).toEqual(newKey);
  expect(codeOf(at.bank!.succeed(again.notice))).toBe('SUCCESSION_CONFLICT');
  const undo = openDatabase(at.databases.issuerDatabase, { migrations: ISSUER_MIGRATIONS });
  undo.prepare('DELETE FROM successions').run();
  undo.close();
  // Whoever has an old key may not make the house follow a key that it does not have.
  expect(codeOf(issuer.succeed(notice))).toBe('SUCCESSION_CONFLICT');
  const [kept] = good(at.bank!.parameters()).parameters.successions;
  const thief = writeSuccession(issuerSigner, {
    house: 1,
    issuer: ISSUER,
    number: 1,
    newKey: signerOf('thief').publicKey,
    sealKey: new Uint8Array(32),
    fromS: START_S,
    untilS: START_S + 1,
  });
  expect(() => restoreSuccession(at.dataDir, 'issuer', thief, at.clock.nowS)).toThrow(
    expect.objectContaining({ code: 'KEY_FILE_INVALID' }),
  );
  expect(restoreSuccession(at.dataDir, 'issuer', kept!, at.clock.nowS)).toMatchObject({ number: 1, repeated: false });
  expect(restoreSuccession(at.dataDir, 'issuer', kept!, at.clock.nowS)).toMatchObject({ repeated: true });
  const ada = at.userOf('Ada', 100);
  at.update(ada);
  expect(await register(at, ada)).toBe('OK');
});

test('a house that was never started has nothing to rotate', async () => {
  at = await startRotating(1);
  await expect(rotate({ dataDir: at.dataDir, house: 'bank', nowS: START_S, fromS: START_S })).rejects.toMatchObject({
    code: 'FILE_MISSING',
  });
});

test('a database of the version before is brought to this one with its rows, and knows no successor', async () => {
  at = await startRotating(1);
  for (const [name, migrations] of [
    ['issuer', ISSUER_MIGRATIONS],
    ['bank', BANK_MIGRATIONS],
    ['trustee', TRUSTEE_MIGRATIONS],
  ] as const) {
    const path = join(at.dataDir, `old-${name}.db`);
    const old = openDatabase(path, { migrations: migrations.slice(0, 1) });
    old.prepare('INSERT INTO books (key, value) VALUES (?, ?)').run('currency', Buffer.from('EUR'));
    old.close();
    const database = openDatabase(path, { migrations: [...migrations] });
    const countOf = (table: string) =>
      database.prepare<[], { count: number }>(`SELECT count(*) AS count FROM ${table}`).get()?.count;
    expect(countOf('books')).toBe(1);
    expect(countOf('successions')).toBe(0);
    database.close();
  }
  const path = join(at.dataDir, 'old-issuer-2.db');
  openDatabase(path, { migrations: ISSUER_MIGRATIONS.slice(0, 1) }).close();
  const store = openIssuerStore(path, BOOKS);
  expect(store.successions(1)).toEqual([]);
  store.close();
});

test('the command: a rotation, told and told again, shown by keys and in the manifest; clear errors', async () => {
  at = await startRotating(1);
  const run = promisify(execFile);
  const cli = async (...args: string[]): Promise<Record<string, any>> => {
    const done = await run(process.execPath, [CLI, ...args, '--data', at.dataDir, '--json']).catch(
      (thrown: { stdout: string; stderr: string }) => thrown,
    );
    return JSON.parse(done.stdout || done.stderr) as Record<string, any>;
  };
  expect(await cli('rotate', 'shop')).toMatchObject({ error: { code: 'USAGE' } });
  const { url } = at.services.trustee!;
  const done = await cli('rotate', 'issuer', '--tell', url);
  expect(done).toMatchObject({ ok: true, house: 'issuer', number: 1, told: [url] });
  expect(await cli('rotate', 'issuer', '--again', '--tell', url)).toMatchObject({
    newKey: done['newKey'],
    notice: done['notice'],
  });
  expect(good(at.trustee!.parameters()).parameters.successions.map(toHex)).toEqual([done['notice']]);
  expect(await cli('rotate', 'issuer')).toMatchObject({ error: { code: 'ROTATION_RUNNING' } });
  const { lines, issuer } = await cli('keys');
  expect(issuer).toBe(toHex(issuerSigner.publicKey));
  expect(
    lines.filter((line: { house: string }) => line.house === 'issuer').map((line: { key: string }) => line.key),
  ).toEqual([issuer, done['newKey']]);
  // Boards get both, under the root of before: the new key does not sign yet.
  expect(await cli('manifest', '--scheme', '1')).toMatchObject({
    version: 1,
    root: issuer,
    issuer: toHex(ISSUER),
    issuerKey: done['newKey'],
    issuerBefore: issuer,
    registrarBefore: '',
    roots: done['notice'],
  });
});
