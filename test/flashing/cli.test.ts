/**
 * `tapcash flash`, `provision` and `doctor` as processes, on a pty, at a board without control lines: somebody holds BOOT and presses reset.
 *
 * Runs what `npm run prepare` has built, as `npm test` does first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../flash-scripts/package-root.js';
import { connectPty } from '../../host-bridge/emulator/esp-cable.js';
import type { Pty } from '../../host-bridge/emulator/pty.js';
import { espBench, tempFolder, type EspBench } from './bench.js';
import { writeRelease } from './firmware.js';

const CLI = join(packageRoot(), 'dist', 'host-bridge', 'cli.js');

interface Run {
  child: ChildProcess;
  out: string;
  err: string;
  ended: Promise<number | string>;
}

const ptys: Pty[] = [];
afterAll(() => ptys.forEach((pty) => pty.close()));

/** Runs the command line; a hand at the board does what it is asked for. */
function tapcash(args: string[], bench: EspBench, onText: (run: Run) => void = () => undefined): Run {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const run: Run = { child, out: '', err: '', ended: new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? (signal as string)))) };
  child.stdout!.on('data', (text: Buffer) => (run.out += text.toString()));
  child.stderr!.on('data', (text: Buffer) => {
    run.err += text.toString();
    if (text.includes('hold BOOT')) bench.esp.pressReset(true);
    if (text.includes('press the board')) bench.esp.pressReset();
    onText(run);
  });
  return run;
}

test('flash killed again and again, then Ctrl-C, then to its end; provision; doctor', async () => {
  const bench = espBench();
  const folder = tempFolder();
  writeRelease(folder);
  const pty = await connectPty(bench.esp);
  ptys.push(pty);
  const args = ['flash', '--board', 'esp32-devkitc', '--role', 'token', '--port', pty.path, '--firmware', folder, '--baud', '115200', '--json'];
  const stops: [at: string, signal: NodeJS.Signals, ended: number | string][] = [
    ['espruino_esp32.bin', 'SIGKILL', 'SIGKILL'],
    ['tab.base 25%', 'SIGKILL', 'SIGKILL'],
    ['.bootcde', 'SIGINT', 3],
  ];
  for (const [at, signal, ended] of stops) {
    const run = tapcash(args, bench, (now) => void (now.err.includes(at) && !now.child.killed && now.child.kill(signal)));
    expect([at, await run.ended]).toEqual([at, ended]);
    if (signal === 'SIGINT') expect(run.err).toContain('INTERRUPTED');
  }
  const run = tapcash(args, bench);
  expect(await run.ended).toBe(0);
  expect(JSON.parse(run.out)).toMatchObject({ ok: true, role: 'user-token', provisioned: false, written: ['.bootcde'] });
  expect(JSON.parse(run.out).right).toContain('tab.base');
  expect(run.err).toContain('espruino_esp32.bin: is there already');
  expect(bench.lines.at(-1)).toContain('NOT_PROVISIONED');

  const data = tempFolder();
  for (const command of ['keys', 'manifest']) expect(await tapcash([command, '--data', data, '--json'], bench).ended).toBe(0);
  const provision = tapcash(['provision', 'token', '--board', 'esp32-devkitc', '--name', 'Ada', '--port', pty.path, '--data', data, '--label', data, '--json'], bench);
  expect([await provision.ended, provision.err]).toEqual([0, expect.stringContaining('tapcash.cfg')]);
  const { keys, labels } = JSON.parse(provision.out) as { keys: { pseudonym: string }; labels: string[] };
  expect(readFileSync(labels[0], 'utf8')).toContain(keys.pseudonym);
  const doctor = tapcash(['doctor', '--port', pty.path, '--json'], bench);
  expect(await doctor.ended).toBe(0);
  expect(JSON.parse(doctor.out)).toMatchObject({ ok: true });
}, 180_000);
