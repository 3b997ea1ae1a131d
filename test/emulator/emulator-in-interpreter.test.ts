/** The real interpreter as a board. Skipped where there is none. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InterpreterBoard, InterpreterOptions } from '../../host-bridge/emulator/interpreter.js';
import { createInterpreterBoard } from '../../host-bridge/emulator/interpreter.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { until } from '../kit/real-time.js';

const path = findInterpreter(process.env);
const whenPresent = path ? describe : describe.skip;
const RAW_ADDRESS = 0x10031000;

async function make(
  bundle: string,
  more: Partial<InterpreterOptions> = {},
): Promise<{ board: InterpreterBoard; lines: string[] }> {
  const lines: string[] = [];
  const board = await createInterpreterBoard({
    path: path!,
    name: 'board',
    bundle: `(function(){${bundle}})()`,
    onConsole: (line) => void lines.push(line),
    ...more,
  });
  boards.push(board);
  return { board, lines };
}

const boards: InterpreterBoard[] = [];
afterEach(() => {
  for (const board of boards.splice(0)) board.close();
});

whenPresent('a board in the real interpreter', () => {
  test.each(['argument', 'storage'] as const)(
    'runs its bundle with its files, started by %s, and keeps flash through power cuts',
    async (boot) => {
      const { board, lines } = await make(
        `var f = require('Flash'), s = require('Storage');
       print('flash ' + f.read(4, ${RAW_ADDRESS})[0] + ' file ' + s.read('x').charCodeAt(0) + ' count ' + s.read('count'));
       f.write(new Uint8Array([f.read(4, ${RAW_ADDRESS})[0] >> 1, 255, 255, 255]), ${RAW_ADDRESS});
       s.write('count', 'x' + (s.read('count') || ''));`,
        { boot, files: { x: '\xfe\x00' } },
      );
      for (let i = 0; i < 3; i++) {
        board.powerOn();
        await board.ready();
        board.powerOff();
      }
      expect(lines).toEqual([
        'flash 255 file 254 count undefined',
        'flash 127 file 254 count x',
        'flash 63 file 254 count xx',
      ]);
      expect(board.errors).toEqual([]);
      expect(board.rawImage()[0]).toBe(31);
      expect(Buffer.from(board.files().get('count')!).toString()).toBe('xxx');
    },
  );

  test('answers on its serial port within a few milliseconds', async () => {
    const scheduler = createRealScheduler();
    const line = createSerialLine(scheduler, 0);
    const { board } = await make(
      `var c = JSON.parse(require('Storage').read('tapcash.cfg')).board.pn532;
       Serial1.on('data', function (d) { Serial1.write(d); });
       Serial1.setup(115200, {path: c.path});`,
      {
        files: { 'tapcash.cfg': JSON.stringify({ board: { pn532: { port: 'Serial1' } } }) },
        serials: { Serial1: line.a },
      },
    );
    let came = '';
    line.b.onData = (data) => (came += data);
    board.powerOn();
    await board.ready();
    const frame = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
    line.b.write(frame);
    await until(() => came.length >= 256);
    expect(came).toBe(frame);
    const times: number[] = [];
    for (let i = 0; i < 41; i++) {
      came = '';
      const startMs = performance.now();
      line.b.write('ping');
      await until(() => came === 'ping');
      times.push(performance.now() - startMs);
    }
    const sorted = times.sort((a, b) => a - b);
    console.log(`${sorted[20].toFixed(1)} ms a round trip, ${sorted[0].toFixed(1)} at best`);
    // Without the prelude's timer it is 50 to 100 ms. The best of all, since other work on the machine only adds.
    expect(sorted[0]).toBeLessThan(45);
  });

  test('goes on with the flash of a working directory that it is given, on new ports', async () => {
    const workDir = mkdtempSync(join(tmpdir(), 'tapcash-'));
    const config = JSON.stringify({ board: { link: { port: 'Serial1' } } });
    const bundle = `var s = require('Storage'); s.write('count', 'x' + (s.read('count') || '')); print(s.read('count') + ' ' + JSON.parse(s.read('tapcash.cfg')).board.link.path);`;
    const seen: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { board, lines } = await make(bundle, {
        workDir,
        files: { 'tapcash.cfg': config },
        paths: { Serial1: `/dev/port${i}` },
        boot: 'storage',
      });
      board.powerOn();
      await board.ready();
      seen.push(...lines);
      board.close();
    }
    rmSync(workDir, { recursive: true });
    expect(seen).toEqual(['x /dev/port0', 'xx /dev/port1']);
  });

  test('has buttons and pins', async () => {
    const { board, lines } = await make(`
      pinMode('D5', 'input_pullup');
      print('held ' + digitalRead('D7'));
      setWatch(function () { print('pressed'); digitalWrite('D2', 1); }, 'D5', {repeat: true, edge: 'falling', debounce: 20});`);
    board.hold('D7', 1);
    board.powerOn();
    await board.ready();
    board.press('D5', 60);
    await until(() => board.pin('D2') === 1);
    expect(lines).toEqual(['held 1', 'pressed']);
    expect(JSON.parse(await board.evaluate('process.memory().usage'))).toBeGreaterThan(50);
  });

  test('loses power at the flash operation that it is told', async () => {
    let lost = 0;
    const { board, lines } = await make(
      `var f = require('Flash');
       function go() { for (var i = 0; i < 4; i++) { f.write(new Uint8Array([i, i, i, i, i, i, i, i]), ${RAW_ADDRESS} + 8 * i); print('wrote ' + i); } }
       global.go = go; if (require('Storage').read('boot')) go();`,
      { onPowerLost: () => void lost++ },
    );
    board.powerOn();
    await board.ready();
    board.cutAfter(2, 'during', 1);
    board.evaluate('go()').catch(() => undefined);
    await until(() => lost === 1);
    expect(board.powered).toBe(false);
    expect(lines).toEqual(['wrote 0', 'wrote 1']);
    expect([...board.rawImage().subarray(12, 28)]).toEqual([
      1, 1, 1, 1, 2, 2, 2, 2, 255, 255, 255, 255, 255, 255, 255, 255,
    ]);
  });

  // On two processors its threads spoil each other's queue of events: interpreter-process.ts.
  (process.platform === 'linux' ? test : test.skip)('stays on one processor', async () => {
    const { board } = await make('');
    board.powerOn();
    const status = JSON.parse(await board.evaluate('require("fs").readFileSync("/proc/self/status")'));
    expect(/Cpus_allowed_list:\s*(\S+)/.exec(status)![1]).toMatch(/^\d+$/);
  });

  test('tells uncaught errors and its own end', async () => {
    const { board } = await make(`setTimeout(function () { throw new Error('broken'); }, 1); setTimeout(quit, 100);`);
    board.powerOn();
    await until(() => !board.powered);
    expect(board.errors).toEqual(['Uncaught Error: broken', 'the interpreter ended: 0']);
  });
});
