/**
 * Storage is never compacted in the field. A compaction that is cut off loses every file (src/jsflash.c,
 * jsfCompactInternal), and a write that does not fit compacts by itself; so a running board writes no file at all. It
 * only erases what the host left for it to take, one word in a file's header each.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import type { Board, EmulatedBoard } from '../../host-bridge/emulator/board.js';
import { emulatedBoards } from '../../host-bridge/rig/nfc-boards.js';
import { createTapRig } from '../../host-bridge/rig/tap-rig.js';
import { interpreter, interpreterTest } from '../build/fixture-runner.js';

const SEED = 'tapcash.seed';
const ASK = 'tapcash.ask';

/** Tells each change of a board's files from now on, before it happens; it does not happen where that says false. */
function watchFiles(board: Board, onChange: (what: string) => boolean): void {
  const { files } = board as EmulatedBoard;
  for (const change of ['set', 'delete'] as const) {
    const plain = files[change].bind(files) as (name: string, data?: Uint8Array) => never;
    files[change] = ((name: string, data?: Uint8Array) => {
      // A program looks for files that are not there, too.
      if (change === 'delete' && !files.has(name)) return false;
      return onChange(`${change} ${name}`) && plain(name, data);
    }) as never;
  }
}

async function newRig() {
  const scheduler = createVirtualScheduler();
  const rig = await createTapRig({ scheduler, maker: emulatedBoards(scheduler), seed: 19 });
  expect(await rig.connected()).toBe(true);
  expect(await rig.deny([])).toBe('OK');
  return rig;
}

test('from its start through desk and payments, a board changes no file', async () => {
  const rig = await newRig();
  try {
    const changes: string[] = [];
    const token = await rig.addToken('Alice', 1000);
    for (const { board } of [rig.terminalDevice, token.device]) {
      watchFiles(board, (change) => changes.push(change) > 0);
      board.reset();
    }
    expect(await rig.connected()).toBe(true);
    for (let paid = 1; paid <= 2; paid++) {
      expect((await rig.charge(250)).code).toBe('OK');
      token.presence.hold(rig.field);
      expect(await rig.until(() => rig.kept.size === paid, 6000)).toBe(true);
      await rig.rest(1000);
      token.presence.leave();
      await rig.rest(3000);
    }
    expect(await rig.deny([token.pku])).toBe('OK');
    expect(changes).toEqual([]);
  } finally {
    rig.close();
  }
});

test('what the host left is erased at the first start, once; cut off around it, the board starts as it was', async () => {
  const rig = await newRig();
  const board = rig.terminalDevice.board as EmulatedBoard;
  try {
    const changes: string[] = [];
    let cut = { at: 0, before: false };
    watchFiles(board, (change) => {
      changes.push(change);
      if (changes.length !== cut.at) return true;
      board.powerOff();
      return !cut.before;
    });
    const files = [...board.files.keys()].filter((name) => name !== SEED && name !== ASK).sort();
    const startAnew = () => {
      board.powerOff();
      board.install({ [SEED]: Uint8Array.from({ length: 32 }, (_, i) => i + 1), [ASK]: new Uint8Array(40).fill(65) });
      changes.length = 0;
      board.powerOn();
      return rig.until(() => changes.length === (cut.at || 2), 30_000);
    };
    expect(await startAnew()).toBe(true);
    expect(changes).toEqual([`delete ${SEED}`, `delete ${ASK}`]);
    for (const at of [1, 2]) {
      for (const before of [true, false]) {
        cut = { at, before };
        expect(await startAnew()).toBe(true);
        cut = { at: 0, before };
        board.powerOff();
        const errors = board.errors.length;
        board.powerOn();
        expect(await rig.until(() => board.screen()[0] === 'READY', 30_000)).toBe(true);
        expect([[...board.files.keys()].sort(), board.errors.slice(errors)]).toEqual([files, []]);
      }
    }
  } finally {
    rig.close();
  }
});

/** Runs a program in a folder of its own flash until it prints `last`, and kills it there. @returns what it printed */
function runUntil(folder: string, program: string, last: string): Promise<string> {
  const file = join(folder, 'script.js');
  writeFileSync(file, program, 'latin1');
  return new Promise((resolve) => {
    const running = spawn(interpreter!, [file], { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });
    let printed = '';
    running.stdout.on('data', (data) => {
      printed += String(data);
      if (printed.includes(last)) running.kill('SIGKILL');
    });
    running.on('close', () => resolve(printed));
  });
}

const FILES = ['.bootcde', 'curve.js', 'tapcash.cfg', 'tapcash.root'];
/** Most of Storage is trash, as after files that were written anew. */
const FILLED = `
  var s = require("Storage");
  s.write("old", "x", 0, 150000); s.erase("old");
  ${JSON.stringify(FILES)}.forEach(function (name, i) { s.write(name, (name + i).repeat(20)); });
  s.write("${SEED}", "s".repeat(32)); s.write("${ASK}", "a".repeat(64));
  function halt(at) { print("halt " + at); while (1); }`;
const LISTED = `
  var s = require("Storage");
  print("files " + s.list().sort().map(function (name) { return name + ":" + E.CRC32(s.read(name)); }).join());
  print("listed");`;

interpreterTest(
  'killed around each erasure in the interpreter, all other files stay, and nothing is compacted',
  async () => {
    const found: string[] = [];
    for (const at of [1, 2, 3, 4]) {
      const folder = mkdtempSync(join(tmpdir(), 'tapcash-storage-'));
      try {
        const steps = [`s.erase("${SEED}")`, `s.erase("${ASK}")`];
        const program = `${FILLED}
        ${at === 1 ? 'halt(1);' : ''} ${steps[0]}; ${at === 2 ? 'halt(2);' : ''}
        ${at === 3 ? 'halt(3);' : ''} ${steps[1]}; halt(4);`;
        expect(await runUntil(folder, program, `halt ${at}`)).not.toContain('Compacting');
        const listed = await runUntil(folder, LISTED, 'listed');
        const names = /files (.*)/.exec(listed)![1].trim().split(',');
        expect(names.map((name) => name.split(':')[0]).filter((name) => name !== SEED && name !== ASK)).toEqual(FILES);
        found.push(names.filter((name) => FILES.includes(name.split(':')[0])).join());
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
    expect(new Set(found).size).toBe(1);
  },
);

interpreterTest('a write that does not fit compacts by itself: that is why there is none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-storage-'));
  try {
    const program = `${FILLED}
      s.write("new", "x", 0, 150000);
      print("done");`;
    expect(await runUntil(folder, program, 'done')).toContain('Compacting');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
