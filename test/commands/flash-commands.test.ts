/**
 * `tapcash flash`, `provision` and `doctor` as processes, on a pty, at boards without control lines: somebody holds
 * BOOT and presses reset. Each is killed at step after step, and started again; in the end the board works, and the
 * host has none of its secrets.
 *
 * Runs what `npm run prepare` has built, as `npm test` does first. The short form kills each command once, the long one
 * at every third step; `npm run test:long -- flash-commands --all` at each.
 */
import { appendFileSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { connectPty } from '../../host-bridge/emulator/esp-cable.js';
import type { Pty } from '../../host-bridge/emulator/pty.js';
import { espBench, plantInterpreter, tempFolder, type EspBench } from '../flash/flash-rig.js';
import { killedAt, tapcash, traces, type Ended, type Host } from '../flash/tapcash-command.js';
import { writeRelease } from '../flash/firmware-kit.js';
import { leaks, secretsOf } from '../kit/secrets.js';

const BOARD = ['--board', 'esp32-devkitc'];

const ptys: Pty[] = [];
afterAll(() => ptys.forEach((pty) => pty.close()));

/** With keys and a manifest. */
const host: Host = { folder: tempFolder(), printed: [] };
beforeAll(async () => {
  for (const command of ['keys', 'manifest'])
    expect((await tapcash(host, [command, '--data', host.folder], null)).status).toBe(0);
});

/** A board without lines on a pty, and the options that name it. */
async function boardOnPty(): Promise<{ bench: EspBench; at: string[] }> {
  const bench = espBench('esp32', false);
  const pty = await connectPty(bench.esp);
  ptys.push(pty);
  return { bench, at: [...BOARD, '--serial', pty.path] };
}

function jsonOf(ended: Ended): any {
  expect([ended.status, ended.status === 0 ? '' : ended.err]).toEqual([0, '']);
  return JSON.parse(ended.out);
}

/** A board with an older version of two files. */
function makeOld(bench: EspBench): void {
  for (const name of ['desk.js', '.bootcde'])
    bench.esp.board.files.set(name, Buffer.concat([bench.esp.board.files.get(name)!, Buffer.from(' ')]));
}

function expectNoLeak(bench: EspBench): void {
  const secrets = secretsOf(bench);
  expect(secrets.size).toBeGreaterThan(3);
  expect(leaks(secrets, traces(host))).toEqual([]);
}

test('a token, from an empty board to an update; the commands killed at their steps', async () => {
  const { bench, at } = await boardOnPty();
  const release = tempFolder();
  writeRelease(release, { appBytes: 60_000 });
  const flash = ['flash', ...at, '--role', 'token', '--firmware', release, '--baud', '115200', '--json'];
  const flashed = await killedAt(host, flash, bench, [
    'chip ESP32',
    'bootloader.bin',
    'partitions_espruino.bin',
    'espruino_esp32.bin',
    'interpreter 2v29',
    'tab.base 25%',
    'tab.base: ',
    'desk.js: ',
    'root.js: ',
  ]);
  expect(jsonOf(flashed)).toMatchObject({
    ok: true,
    role: 'user-token',
    provisioned: false,
    written: expect.arrayContaining(['.bootcde']),
    right: expect.arrayContaining(['tab.base']),
  });
  expect(flashed.err).toContain('espruino_esp32.bin: is there already');
  expect(bench.lines.at(-1)).toContain('NOT_PROVISIONED');

  const provision = [
    'provision',
    'token',
    ...at,
    '--name',
    'Ada',
    '--data',
    host.folder,
    '--label',
    host.folder,
    '--json',
  ];
  const { keys, labels } = jsonOf(
    await killedAt(host, provision, bench, [
      'tapcash.seed: ',
      'tab.issuer: ',
      'tab.registrar: ',
      'tapcash.ask: ',
      'tapcash.cfg: ',
      'the board starts',
    ]),
  );
  // A name beside the pseudonym would undo it for whoever finds the token.
  expect(readFileSync(labels[0], 'utf8')).toContain(keys.pseudonym);
  expect(readFileSync(labels[0], 'utf8')).not.toContain('Ada');
  expect(bench.lines.at(-1)).toBe('tapcash: user-token runs');

  makeOld(bench);
  const update = ['flash', ...at, '--only-app', '--json'];
  const interrupted = await tapcash(host, update, bench, (err, end) => err.includes('curve.js') && end('SIGINT'));
  expect([interrupted.status, interrupted.err]).toEqual([3, expect.stringContaining('INTERRUPTED')]);
  expect(jsonOf(await killedAt(host, update, bench, ['interpreter 2v29', 'desk.js: written']))).toMatchObject({
    ok: true,
    role: 'user-token',
    provisioned: true,
    written: ['.bootcde'],
  });
  expect(jsonOf(await tapcash(host, provision, bench)).keys).toEqual(keys);
  expect(jsonOf(await tapcash(host, ['doctor', ...at, '--json'], bench))).toMatchObject({ ok: true });
  expectNoLeak(bench);

  // Where registration is sealed, whoever sees the label must not learn PKU.
  expect((await tapcash(host, ['manifest', '--scheme', '3', '--data', host.folder], null)).status).toBe(0);
  const sealed = jsonOf(await tapcash(host, [...provision, '--scheme', '3'], bench));
  expect(sealed.keys).toEqual({ account: keys.account });
  expect(readFileSync(sealed.labels[0], 'utf8')).toContain(keys.account);
  expect(readFileSync(sealed.labels[0], 'utf8')).toContain('Ada');
  for (const label of sealed.labels) expect(label).not.toContain(keys.pseudonym.slice(0, 8));
  expect(readFileSync(sealed.labels[0], 'utf8')).not.toContain(keys.pseudonym);
  expectNoLeak(bench);
});

test('a terminal, flashed over an interpreter that is there and waited for until it is plugged in; killed likewise', async () => {
  const { bench, at } = await boardOnPty();
  plantInterpreter(bench.esp);
  const flashed = await killedAt(host, ['flash', ...at, '--only-app', '--role', 'terminal', '--json'], bench, [
    'interpreter 2v29',
    'root.js: ',
  ]);
  expect(jsonOf(flashed)).toMatchObject({ role: 'shop-terminal', provisioned: false });
  const provision = [
    'provision',
    'terminal',
    ...at,
    '--shop',
    'Cafe Roma',
    '--data',
    host.folder,
    '--label',
    host.folder,
    '--json',
  ];
  const { keys, terminalId, labels } = jsonOf(
    await killedAt(host, provision, bench, ['tapcash.seed: ', 'tapcash.cfg: ', 'the board starts']),
  );
  expect(readFileSync(labels[0], 'utf8')).toContain(terminalId);
  expect(bench.lines.at(-1)).toBe('tapcash: shop-terminal runs');

  const plug = join(host.folder, 'plug');
  const doctor = await tapcash(host, ['doctor', '--serial', plug, '--wait-for-board'], bench, (err) => {
    if (err.includes(`waiting for ${plug} to be plugged in`)) tryLink(at.at(-1)!, plug);
  });
  expect([doctor.status, doctor.out]).toEqual([
    0,
    expect.stringContaining('0 histories, 0 cancellations\nNothing is wrong.'),
  ]);
  expect(keys.terminal).toHaveLength(64);
  expectNoLeak(bench);
});

function tryLink(target: string, path: string): void {
  try {
    symlinkSync(target, path);
  } catch {
    // It is there since the last line.
  }
}

test('a secret at the host would be found, however it is written', () => {
  const secrets = new Map([['seed', Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37 + 11) & 255))]]);
  const seed = secrets.get('seed')!;
  const written = [
    seed,
    seed.toString('hex'),
    seed.toString('base64'),
    seed.toString('base64url'),
    `"x${seed.toString('hex').toUpperCase()}"`,
    JSON.stringify([...seed]),
    Buffer.concat([Buffer.from('a'), seed, Buffer.from('b')]).toString('base64'),
  ];
  for (const form of written) {
    const other: Host = { folder: tempFolder(), printed: [] };
    appendFileSync(join(other.folder, 'log'), form);
    expect(leaks(secrets, traces(other)).length).toBeGreaterThan(0);
    expect(leaks(new Map([['other', Buffer.from(seed).reverse()]]), traces(other))).toEqual([]);
  }
});
