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
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { espRig, plantInterpreter, type EspRig } from '../flash/flash-rig.js';
import { extent } from '../kit/extent.js';
import { tempFolder } from '../kit/temp-folder.js';
import { tapcash, traces, type Ended, type Host } from '../flash/tapcash-command.js';
import { writeRelease } from '../flash/firmware-kit.js';
import { leaks, secretsOf } from '../kit/secrets.js';

const BOARD = ['--board', 'esp32-devkitc-wrover'];

const ptys: Pty[] = [];
afterAll(() => ptys.forEach((pty) => pty.close()));

/** With keys and a manifest. */
const host: Host = { folder: tempFolder(), printed: [] };
beforeAll(async () => {
  for (const command of ['keys', 'manifest'])
    expect((await tapcash(host, [command, '--data', host.folder], null)).status).toBe(0);
});

/** A board without lines on a pty, and the options that name it. */
async function boardOnPty(): Promise<{ rig: EspRig; at: string[] }> {
  const rig = espRig('esp32', false, loadBoard(BOARD[1]).pn532);
  const pty = await connectPty(rig.esp);
  ptys.push(pty);
  return { rig, at: [...BOARD, '--serial', pty.path] };
}

function jsonOf(ended: Ended): any {
  expect([ended.status, ended.status === 0 ? '' : ended.err]).toEqual([0, '']);
  return JSON.parse(ended.out);
}

/** A board with an older version of two files. */
function makeOld(rig: EspRig): void {
  for (const name of ['desk.js', '.bootcde'])
    rig.esp.board.files.set(name, Buffer.concat([rig.esp.board.files.get(name)!, Buffer.from(' ')]));
}

function expectNoLeak(rig: EspRig): void {
  const secrets = secretsOf(rig);
  expect(secrets.size).toBeGreaterThan(3);
  expect(leaks(secrets, traces(host))).toEqual([]);
}

/** Kills the command at these steps in turn, each time started again; @returns the run that nobody stopped. */
async function killedAt(host: Host, args: string[], bench: EspRig, steps: string[]): Promise<Ended> {
  const some = steps.filter((_, i) => i % 3 === 1);
  const chosen = extent(some.slice(-1), some, steps);
  for (const step of chosen) {
    const { status, err } = await tapcash(host, args, bench, (err, end) => err.includes(step) && end('SIGKILL'));
    // What a command that ended by itself had said.
    expect([step, status, status === 'SIGKILL' ? '' : err]).toEqual([step, 'SIGKILL', '']);
  }
  return tapcash(host, args, bench);
}

test('a token, from an empty board to an update; the commands killed at their steps', async () => {
  const { rig, at } = await boardOnPty();
  const release = tempFolder();
  writeRelease(release, { appBytes: 60_000 });
  const flash = ['flash', ...at, '--role', 'token', '--firmware', release, '--baud', '115200', '--json'];
  const flashed = await killedAt(host, flash, rig, [
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
  expect(rig.lines.at(-1)).toContain('NOT_PROVISIONED');

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
    await killedAt(host, provision, rig, [
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
  expect(rig.lines.at(-1)).toBe('tapcash: user-token runs');

  makeOld(rig);
  const update = ['flash', ...at, '--only-app', '--json'];
  const interrupted = await tapcash(host, update, rig, (err, end) => err.includes('curve.js') && end('SIGINT'));
  expect([interrupted.status, interrupted.err]).toEqual([3, expect.stringContaining('INTERRUPTED')]);
  expect(jsonOf(await killedAt(host, update, rig, ['interpreter 2v29', 'desk.js: written']))).toMatchObject({
    ok: true,
    role: 'user-token',
    provisioned: true,
    written: ['.bootcde'],
  });
  expect(jsonOf(await tapcash(host, provision, rig)).keys).toEqual(keys);
  expect(jsonOf(await tapcash(host, ['doctor', ...at, '--json'], rig))).toMatchObject({ ok: true });
  expectNoLeak(rig);

  // Where registration is sealed, whoever sees the label must not learn PKU.
  expect((await tapcash(host, ['manifest', '--scheme', '3', '--data', host.folder], null)).status).toBe(0);
  const sealed = jsonOf(await tapcash(host, [...provision, '--scheme', '3'], rig));
  expect(sealed.keys).toEqual({ account: keys.account });
  expect(readFileSync(sealed.labels[0], 'utf8')).toContain(keys.account);
  expect(readFileSync(sealed.labels[0], 'utf8')).toContain('Ada');
  for (const label of sealed.labels) expect(label).not.toContain(keys.pseudonym.slice(0, 8));
  expect(readFileSync(sealed.labels[0], 'utf8')).not.toContain(keys.pseudonym);
  expectNoLeak(rig);
});

test('a terminal, flashed over an interpreter that is there and waited for until it is plugged in; killed likewise', async () => {
  const { rig, at } = await boardOnPty();
  plantInterpreter(rig.esp);
  const flashed = await killedAt(host, ['flash', ...at, '--only-app', '--role', 'terminal', '--json'], rig, [
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
    await killedAt(host, provision, rig, ['tapcash.seed: ', 'tapcash.cfg: ', 'the board starts']),
  );
  expect(readFileSync(labels[0], 'utf8')).toContain(terminalId);
  expect(rig.lines.at(-1)).toBe('tapcash: shop-terminal runs');

  const plug = join(host.folder, 'plug');
  const doctor = await tapcash(host, ['doctor', '--serial', plug, '--wait-for-board'], rig, (err) => {
    if (err.includes(`waiting for ${plug} to be plugged in`)) tryLink(at.at(-1)!, plug);
  });
  expect([doctor.status, doctor.out]).toEqual([
    0,
    expect.stringContaining('0 histories, 0 cancellations\nNothing is wrong.'),
  ]);
  expect(keys.terminal).toHaveLength(64);
  expectNoLeak(rig);
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
