/**
 * Espruino's own Telnet server, in its Linux build (`--telnet`, port 2323): who connects gets the console and can run a
 * program, unless our bundle runs.
 *
 * The port is fixed, so there is one interpreter at a time. No prelude: the bundle has what the build has, and so it
 * stops with a fault, on an empty Storage at once, and with all files where the build lacks pins; both after its first
 * statement. That it stays closed while a board runs, consoles.test.ts shows on the emulated one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { LINUX_FLASH, writeStorageImage } from '../../host-bridge/emulator/storage-image.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { interpreter, interpreterTest } from '../build/fixture-runner.js';
import { filesFor } from '../user-token/token-board-rig.js';

const PORT = 2323;

let folder: string;
let running: ChildProcess | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-telnet-'));
});
afterEach(() => {
  running?.kill('SIGKILL');
  running = null;
  rmSync(folder, { recursive: true, force: true });
});

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts the interpreter; what it prints. @param script its program; none: what is in its flash */
function start(script: string | null): { printed(): string } {
  const args = ['--telnet'];
  if (script !== null) {
    writeFileSync(join(folder, 'program.js'), script, 'latin1');
    args.push('program.js');
  }
  const child = spawn(interpreter!, args, { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });
  running = child;
  let printed = '';
  child.stdout.on('data', (data: Buffer) => (printed += data.toString('latin1')));
  return { printed: () => printed };
}

/** Connects, types, and gives what came back in a while; null where nobody listens. */
function typeByTelnet(text: string): Promise<string | null> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(PORT, '127.0.0.1');
    socket.on('error', () => resolve(null));
    socket.on('data', (data) => (received += data.toString('latin1')));
    socket.on('connect', () => {
      socket.write(text);
      setTimeout(() => (socket.destroy(), resolve(received)), 1000);
    });
  });
}

/** A program that tells by the interpreter's own output that it ran. */
const INTRUDER = '\x03\nprint("intru"+"der");USB.write("intru"+"der")\n';

async function waitFor(isThere: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !isThere(); tries++) await wait(50);
  expect(isThere()).toBe(true);
}

interpreterTest('a program of its own leaves the console to whoever connects', async () => {
  const control = start('print("up"); setInterval(function () {}, 1);');
  await waitFor(() => control.printed().includes('up'));
  let received: string | null = null;
  for (let tries = 0; tries < 40 && !received?.includes('intruder'); tries++) {
    received = await typeByTelnet(INTRUDER);
    if (received === null) await wait(100);
  }
  expect(received).toContain('intruder');
});

for (const [where, isStored] of [
  ['as an argument, its Storage empty', false],
  ['from its Storage, provisioned', true],
] as const) {
  interpreterTest(`our bundle, started ${where}: nobody gets a prompt, and no program runs`, async () => {
    const { bundle, overlays } = await builtProgram('user-token');
    if (isStored) {
      const image = new Uint8Array(LINUX_FLASH.bytes).fill(0xff);
      const files = { ...overlays, ...filesFor('linux'), '.bootcde': bundle };
      const bytes = Object.entries(files).map(([name, data]): [string, Uint8Array] => [
        name,
        typeof data === 'string' ? Buffer.from(data, 'latin1') : data,
      ]);
      writeStorageImage(image, new Map(bytes), loadBoard('linux').flash.address - LINUX_FLASH.address);
      writeFileSync(join(folder, 'espruino.flash'), image);
    }
    const ours = start(isStored ? null : bundle);
    const answers: (string | null)[] = [];
    // While it starts, and when it has stopped.
    for (let tries = 0; tries < 5; tries++) answers.push(await typeByTelnet(INTRUDER));
    await waitFor(() => ours.printed().includes('tapcash: '));
    for (let tries = 0; tries < 3; tries++) answers.push(await typeByTelnet(INTRUDER));
    expect(answers.filter((answer) => answer)).toEqual([]);
    expect(ours.printed()).not.toContain('intruder');
    expect(running!.exitCode).toBe(null);
  });
}
