/**
 * `tapcash outbox` and the exit code of `tapcash status`: from a running bridge and from the database of one that does
 * not run; and two bridges on one folder.
 */
import { existsSync, mkdtempSync, readFileSync, renameSync, statSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex } from '../../firmware/core/bytes.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { currentBundles, programName, readProgram } from '../../flash-scripts/build/bundle-files.js';
import { refusal } from '../../host-bridge/base/errors.js';
import { takeLock } from '../../host-bridge/base/sqlite/lock.js';
import { openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { createOutbox } from '../../host-bridge/bridge/outbox.js';
import { startControl, type Control } from '../../host-bridge/control/control-api.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { createRig, type Rig } from '../bridge/bridge-rig.js';
import { makeHistory, makeTombstone } from '../kit/histories.js';
import { tapcashHere } from './command-runs.js';

const folder = mkdtempSync(join(tmpdir(), 'tapcash-outbox-command-'));

/** A folder as a bridge left it: three of each state. */
function leftFolder(): string {
  const dataDir = mkdtempSync(join(folder, 'left-'));
  const database = openBridgeStore(dataDir);
  const outbox = createOutbox(database, () => 1_800_000_000);
  for (let i = 0; i < 9; i++) {
    outbox.add('history', makeHistory(i));
    const row = outbox.next(0)!;
    if (i % 3 === 0) outbox.settle(row, 'credited');
    else if (i % 3 === 1) outbox.hold(row, 'LICENSE_EXPIRED', 1e15);
    else outbox.settle(row, 'refused', 'TOMBSTONED');
  }
  database.close();
  return dataDir;
}

interface Page {
  ok: boolean;
  entries: { sequence: number; state: string; code: string | null }[];
  next: number | null;
}
const listed = async (...args: string[]) => {
  const { out } = await tapcashHere(['outbox', ...args, '--json']);
  return JSON.parse(out) as Page;
};

describe('without a bridge', () => {
  test('the list has age, last code and what to do; pages follow one another to the end', async () => {
    const data = leftFolder();
    const shown = await tapcashHere(['outbox', '--data', data]);
    expect([shown.status, shown.err]).toEqual([0, expect.stringContaining('No bridge runs here')]);
    expect(shown.out).toMatch(/0 pending, 3 held, 3 refused/);
    expect(shown.out).toMatch(/ 9 +history +1\.00 EUR +refused +\d+ \w+ +0 +TOMBSTONED/);
    expect(shown.out).toMatch(/LICENSE_EXPIRED +The license is no longer valid\. Renew the license/);
    expect(shown.out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    const numbers: number[] = [];
    for (let before: number | null = null; ;) {
      const page = await listed(
        'list',
        '--data',
        data,
        '--limit',
        '4',
        ...(before ? ['--before', String(before)] : []),
      );
      numbers.push(...page.entries.map(({ sequence }) => sequence));
      before = page.next;
      if (before === null) break;
    }
    expect(numbers).toEqual([9, 8, 6, 5, 3, 2]);
    expect((await listed('list', '--delivered', '--data', data)).entries).toHaveLength(9);
  });

  test('the export has every message complete, and is not written over', async () => {
    const data = leftFolder();
    const file = join(data, 'out.jsonl');
    expect(await tapcashHere(['outbox', 'export', file, '--data', data])).toMatchObject({ status: 0 });
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const read = lines.map((line) => JSON.parse(line) as { path: string; body: { history: string }; code: string });
    expect(read).toHaveLength(6);
    expect(read[0]).toMatchObject({ path: expect.stringMatching(/^\/v\d+\/histories$/), code: 'LICENSE_EXPIRED' });
    expect(read.map(({ body }) => fromHex(body.history))).toEqual([1, 2, 4, 5, 7, 8].map((i) => makeHistory(i)));
    expect(statSync(file).mode & 0o077).toBe(0);
    const again = await tapcashHere(['outbox', 'export', file, '--data', data]);
    expect([again.status, again.err]).toEqual([2, expect.stringContaining('FILE_EXISTS')]);
  });

  test('what is to be sent again goes on when a bridge starts', async () => {
    const data = leftFolder();
    expect((await tapcashHere(['outbox', 'resend', '3', '--data', data])).status).toBe(0);
    expect((await listed('list', '--data', data)).entries).toContainEqual(
      expect.objectContaining({ sequence: 3, state: 'held', code: 'TOMBSTONED' }),
    );
    expect((await tapcashHere(['outbox', 'resend', '1', '--data', data])).err).toContain('NOT_FOUND');
    expect((await tapcashHere(['outbox', 'resend', '--data', data])).status).toBe(2);
    expect((await tapcashHere(['outbox', 'resend', '--all', '--data', data])).out).toMatch(/^6 messages/);
    const database = openBridgeStore(data);
    expect(createOutbox(database, () => 0).counts()).toMatchObject({ held: 6, refused: 0, credited: 3 });
    database.close();
  });

  test('what was refused for good is acknowledged with a reason, and stays listed and exported', async () => {
    const data = leftFolder();
    const acknowledge = (id: string, ...more: string[]) =>
      tapcashHere(['outbox', 'acknowledge', id, ...more, '--data', data]);
    expect((await acknowledge('3')).status).toBe(2);
    expect((await acknowledge('3', '--why', ' ')).err).toContain('REASON_MISSING');
    // Held is not refused, credited is not either.
    for (const id of ['2', '1', '77']) expect((await acknowledge(id, '--why', 'seen')).err).toContain('NOT_FOUND');
    for (let times = 0; times < 2; times++)
      expect(await acknowledge('3', '--why', 'paid again in cash')).toMatchObject({ status: 0 });
    const page = (await listed('--data', data)) as Page & { acknowledged: number };
    expect(page.acknowledged).toBe(1);
    expect(page.entries).toContainEqual(
      expect.objectContaining({ sequence: 3, state: 'refused', acknowledged: 'paid again in cash' }),
    );
    expect((await tapcashHere(['outbox', '--data', data])).out).toMatch(
      /3 refused \(1 acknowledged\)[^]* 3 +history +1\.00 EUR +acknowledged/,
    );
    const file = join(data, 'out.jsonl');
    await tapcashHere(['outbox', 'export', file, '--data', data]);
    expect(readFileSync(file, 'utf8')).toContain('"acknowledged":"paid again in cash"');
    // Sent again it is trouble again.
    await tapcashHere(['outbox', 'resend', '3', '--data', data]);
    expect(await listed('--data', data)).toMatchObject({ acknowledged: 0 });
  });

  test('the folder above finds it, as settings and the demo lay it out; of two it takes none', async () => {
    const above = mkdtempSync(join(folder, 'above-'));
    renameSync(leftFolder(), join(above, 'bridge-cafe'));
    expect((await listed('list', '--data', above)).entries).toHaveLength(6);
    renameSync(leftFolder(), join(above, 'bridge'));
    expect((await tapcashHere(['outbox', '--data', above])).err).toContain('SERVICE_DOWN');
  });

  test('no database at all: it says that no bridge runs', async () => {
    const { status, err } = await tapcashHere(['outbox', '--data', join(folder, 'nothing')]);
    expect([status, err]).toEqual([3, expect.stringContaining('SERVICE_DOWN')]);
    expect(existsSync(join(folder, 'nothing'))).toBe(false);
  });
});

describe('with a bridge', () => {
  let rig: Rig;
  let control: Control;
  let fate: 'ours' | 'held' | 'down';
  beforeEach(async () => {
    rig = await createRig({ scheduler: createRealScheduler(), baud: 0 });
    fate = 'ours';
    const { issuer } = rig.services as { issuer: { deposit(bytes: Uint8Array): unknown } };
    const deposit = issuer.deposit.bind(issuer);
    rig.services.issuer = new Proxy(rig.services.issuer, {
      get: (target, name) =>
        name === 'deposit'
          ? (bytes: Uint8Array) =>
              fate === 'ours' ? deposit(bytes) : refusal(fate === 'held' ? 'BAD_REQUEST' : 'SERVICE_DOWN')
          : target[name as keyof typeof target],
    });
    await rig.bridge.close();
    await rig.start();
    control = await startControl({ bridge: rig.bridge, dataDir: rig.dataDir });
  });
  afterEach(async () => {
    await control.close();
    await rig.stop();
  });
  const pay = async (counter: number) => {
    await rig.terminal.request(KIND.history, makeHistory(counter));
    // The answer came after the message was kept; its delivery has then begun, and ends without waiting.
    for (let i = 0; i < 200 && (await statusOf()).outbox.pending > 0 && fate !== 'down'; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const statusOf = async () =>
    JSON.parse((await tapcashHere(['status', '--data', rig.dataDir, '--json'])).out) as {
      ok: boolean;
      outage: string | null;
      outbox: Record<string, number>;
    };
  const exitOf = async () => (await tapcashHere(['status', '--data', rig.dataDir])).status;

  test('status names the firmware of the terminal, and of what would be flashed here', async () => {
    const own = readProgram('shop-terminal', currentBundles());
    const program = own && programName(own);
    expect(await statusOf()).toMatchObject({ ok: true, firmware: { terminal: 'fa1b2c3d', own: program } });
    const shown = await tapcashHere(['status', '--data', rig.dataDir]);
    expect([shown.status, shown.out]).toEqual([0, expect.stringMatching(/^firmware {3}fa1b2c3d/m)]);
    // A terminal from before it told its firmware is understood all the same.
    rig.terminal.firmware = new Uint8Array(0);
    expect(await statusOf()).toMatchObject({
      terminal: { firmware: '', shop: expect.any(String) },
      firmware: { terminal: null, own: program },
    });
  });

  test('status exits 0, 1 with something held, 3 in an outage; resend ends it', async () => {
    expect([await exitOf(), (await statusOf()).ok]).toEqual([0, true]);
    fate = 'held';
    await pay(1);
    expect([await exitOf(), (await statusOf()).ok]).toEqual([1, false]);
    expect((await listed('list', '--data', rig.dataDir)).entries).toMatchObject([
      { state: 'held', code: 'BAD_REQUEST' },
    ]);
    fate = 'ours';
    expect((await tapcashHere(['outbox', 'resend', '--all', '--data', rig.dataDir])).out).toMatch(/^1 message is/);
    for (let i = 0; i < 200 && (await statusOf()).outbox['held'] !== 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await exitOf()).toBe(0);
    // A refusal for good warns until the clerk has taken note of it.
    await rig.terminal.request(KIND.tombstone, makeTombstone(1));
    for (let i = 0; i < 200 && (await statusOf()).outbox['refused'] !== 1; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect([await exitOf(), (await statusOf()).ok]).toEqual([1, false]);
    const refused = (await listed('list', '--data', rig.dataDir)).entries.find(({ state }) => state === 'refused')!;
    const acknowledge = ['outbox', 'acknowledge', String(refused.sequence), '--why', 'the payment counts'];
    expect(await tapcashHere([...acknowledge, '--data', rig.dataDir])).toMatchObject({ status: 0 });
    expect([await exitOf(), (await statusOf()).ok]).toEqual([0, true]);
    expect((await listed('list', '--data', rig.dataDir)).entries).toHaveLength(1);
    fate = 'down';
    await pay(2);
    for (let i = 0; i < 200 && (await statusOf()).outage === null; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect([await exitOf(), (await statusOf()).ok]).toEqual([3, false]);
  });

  test('a second bridge on the folder is refused by name, and changes nothing', async () => {
    const { bridge } = rig;
    await expect(rig.start()).rejects.toMatchObject({ code: 'BRIDGE_RUNS', detail: rig.dataDir });
    rig.bridge = bridge;
    expect((await statusOf()).ok).toBe(true);
    const resent = await tapcashHere(['outbox', 'resend', '--all', '--data', rig.dataDir]);
    expect(resent.status).toBe(0); // by the one that runs
  });
});

test('a bridge that was killed leaves no lock behind', async () => {
  const path = join(folder, 'killed.lock');
  const sqlite = require.resolve('better-sqlite3');
  const script = `const f = new (require(${JSON.stringify(sqlite)}))(${JSON.stringify(path)}); f.exec('BEGIN EXCLUSIVE'); console.log('has'); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const take = () => takeLock(path, 'BRIDGE_RUNS', folder);
  expect(take).toThrow(expect.objectContaining({ code: 'BRIDGE_RUNS' }));
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
  const free = take();
  expect(take).toThrow(expect.objectContaining({ code: 'BRIDGE_RUNS' }));
  free();
  free();
  take()();
});
