/**
 * `tapcash setup`: one folder with keys, manifest and settings, made once; and commands after it, without an option for
 * a key.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { parseManifest } from '../../flash-scripts/provision/manifest.js';
import { openPty, type Pty } from '../../host-bridge/emulator/pty.js';
import { tapcashHere, tapcashProcess, type Ended } from './command-runs.js';

const parent = mkdtempSync(join(tmpdir(), 'tapcash-setup-'));
const children: ChildProcess[] = [];
const ptys: Pty[] = [];
afterAll(() => ptys.forEach((pty) => pty.close()));
afterEach(async () => {
  const gone = children.splice(0).map((child) => {
    const end = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode !== null) return undefined;
    child.kill('SIGTERM');
    return end;
  });
  await Promise.all(gone);
});
afterAll(() => rmSync(parent, { recursive: true }));

const GIVEN = ['--currency', 'EUR', '--shop', 'Cafe Roma', '--user', 'Alice', '--user', 'Bob', '--json'];
const setup = (folder: string, more: string[] = []): Promise<Ended> =>
  tapcashHere(['setup', join(parent, folder), '--scheme', '1', ...GIVEN, ...more]);

/** Names and contents of all files. */
const printOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    );

test('makes keys, manifest and settings, and a second time changes nothing', async () => {
  const folder = join(parent, 'twice');
  const first = await setup('twice');
  expect([first.status, first.err]).toEqual([0, '']);
  const { ok, made, settings } = JSON.parse(first.out);
  expect([ok, made]).toEqual([true, true]);
  expect(settings).toMatchObject({ scheme: 1, currency: 'EUR', shop: 'Cafe Roma', users: ['Alice', 'Bob'] });
  expect(Object.keys(settings.keys).sort()).toEqual(['issuer', 'operator', 'trustee']);
  expect(JSON.parse(readFileSync(join(folder, 'tapcash.json'), 'utf8'))).toEqual(settings);
  const manifest = parseManifest(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({ currency: 'EUR', issuerKey: settings.keys.issuer, root: settings.keys.issuer });
  for (const name of ['issuer.key', 'trustee.key', 'operator.key', 'tapcash.json'])
    expect([name, statSync(join(folder, name)).mode & 0o077]).toEqual([name, 0]);

  const before = printOf(folder);
  const second = await setup('twice');
  expect([second.status, JSON.parse(second.out)]).toEqual([0, expect.objectContaining({ made: false, settings })]);
  const other = await tapcashHere(['setup', folder, '--scheme', '6']);
  expect([other.status, other.err]).toEqual([2, expect.stringContaining('--scheme 6: it has 1')]);
  const text = await tapcashHere(['setup', folder]);
  expect(text.out).toMatch(/was set up before; nothing is changed/);
  expect(text.out.split('\n').filter((line) => line.length > 80 && !line.includes(parent))).toEqual([]);
  expect(printOf(folder)).toEqual(before);
});

test('where nobody can be asked it says what is missing, and makes nothing', async () => {
  const folder = join(parent, 'nobody');
  const ended = await tapcashHere(['setup', folder, '--user', 'Alice']);
  expect([ended.status, ended.err]).toEqual([2, expect.stringContaining('--shop is needed')]);
  const both = await tapcashHere(['setup', folder]);
  expect([both.status, both.err]).toEqual([2, expect.stringContaining('--shop NAME --user NAME is needed')]);
  expect(existsSync(folder)).toBe(false);
  // Whoever starts a house there, or mistypes its folder, is told what makes one.
  const early = await tapcashHere(['issuer', '--data', folder]);
  expect([early.status, early.err]).toEqual([
    2,
    expect.stringMatching(/is needed: [^]*a folder made by tapcash setup has it/),
  ]);
  const taken = await tapcashHere(['setup', folder, '--shop', 'Alice', '--user', 'Alice']);
  expect([taken.status, existsSync(folder)]).toEqual([2, false]);
});

test('a setup that broke off is given again, and goes on with the keys that it had made', async () => {
  const keys = (ended: Ended) => JSON.parse(ended.out).settings.keys;
  const first = keys(await setup('again'));
  rmSync(join(parent, 'again', 'tapcash.json'));
  const second = await setup('again');
  expect([JSON.parse(second.out).made, keys(second)]).toEqual([true, first]);
});

test.each([2, 6])('scheme %i has the keys of its houses', async (scheme) => {
  const ended = await tapcashHere(['setup', join(parent, `scheme-${scheme}`), '--scheme', String(scheme), ...GIVEN]);
  const { keys } = JSON.parse(ended.out).settings;
  expect(Object.keys(keys).sort()).toEqual(['bank', 'issuer', 'operator', ...(scheme === 2 ? ['trustee'] : [])]);
});

test('a damaged settings file is named, and what is wrong with it', async () => {
  await setup('damaged');
  const path = join(parent, 'damaged', 'tapcash.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"scheme": 1', '"scheme": 9'));
  const ended = await tapcashHere(['status', '--data', join(parent, 'damaged')]);
  expect([ended.status, ended.err]).toEqual([2, expect.stringContaining('scheme: 1 to 6 expected')]);
});

/** The first of three TCP ports in a row that are free now. */
async function freePorts(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const servers: Server[] = [];
    const free = await Promise.all(
      [first, first + 1, first + 2].map(
        (port) =>
          new Promise<boolean>((resolve) => {
            const server = createServer();
            servers.push(server);
            server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
          }),
      ),
    );
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (free.every(Boolean)) return first;
  }
  throw new Error('no three free ports');
}

test('issuer, trustee, office, bridge and status find everything in the folder', async () => {
  const folder = join(parent, 'served');
  await setup('served', ['--listen', String(await freePorts())]);
  const serve = (args: string[], cwd = parent): Promise<Ended> => {
    const { child, ended } = tapcashProcess(args, cwd);
    children.push(child);
    return ended;
  };
  const died: string[] = [];
  for (const house of ['issuer', 'trustee'])
    void serve([house, '--data', folder]).then(({ status, err }) => died.push(`${house} ${status} ${err}`));
  /** Until it is served, or a house has ended. */
  const once = async (args: string[]): Promise<Ended> => {
    for (let tries = 0; ; tries++) {
      const ended = await tapcashHere(args);
      if (ended.status === 0 || tries === 300 || died.length > 0) return ended;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const opened = await once(['office', 'open', 'Cafe Roma', '--data', folder, '--json']);
  expect([opened.status, died, opened.err.slice(-300)]).toEqual([0, [], expect.anything()]);
  const balance = await tapcashHere(['office', 'balance', 'Cafe Roma', '--data', folder, '--json']);
  expect(JSON.parse(balance.out)).toEqual({ ok: true, balance: 0 });
  // The folder as working directory is as good as its name.
  const pty = await openPty();
  ptys.push(pty);
  void serve(['bridge', '--serial', pty.path], folder).then(({ status, err }) => died.push(`bridge ${status} ${err}`));
  const status = await once(['status', '--data', folder, '--json']);
  expect([status.status, died]).toEqual([0, []]);
  expect(JSON.parse(status.out)).toMatchObject({ ok: true, link: { up: false } });
  expect(existsSync(join(folder, 'bridge', 'bridge.json'))).toBe(true);
});

test('names are taken as they are typed, in normal form C', async () => {
  const shop = 'Cafe\u0301 \u00dcnal & S\u00f6hne';
  const { out, err } = await tapcashHere([
    ...['setup', join(parent, 'names'), '--scheme', '1', '--currency', 'EUR', '--json'],
    ...['--shop', shop, '--user', 'Nguye\u0302\u0303n Va\u0306n', '--user', '\u5c0f\u6797'],
  ]);
  expect(err).toBe('');
  expect(JSON.parse(out).settings).toMatchObject({
    shop: shop.normalize('NFC'),
    users: ['Nguy\u1ec5n V\u0103n', '\u5c0f\u6797'],
  });
  const again = await tapcashHere(['setup', join(parent, 'names'), '--shop', shop.normalize('NFC'), '--json']);
  expect(JSON.parse(again.out)).toMatchObject({ ok: true, made: false });
});
