/** A program with an overlay: what lies where, and that it runs the same on the emulated board and in the interpreter. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBundle, type Bundle } from '../../flash-scripts/build.js';
import { gatherOverlays } from '../../flash-scripts/overlays.js';
import { packageRoot } from '../../flash-scripts/package-root.js';
import { createBoard } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createVirtualScheduler } from '../../host-bridge/emulator/scheduler.js';
import { interpreterTest, runInEspruino } from './fixture-runner.js';

const SOURCE = `
interface Sum { sumTotal: number; sumLabel: string }
let calls = 0;
function shared(a: number, b: number): number { calls++; return a * 10 + b; }
const WORDS = ['nobody', 'else'];
function onlyMain(sum: Sum): string { return sum.sumLabel + ' ' + sum.sumTotal; }
function onlyOverlay(a: number): Sum { return { sumTotal: shared(a, 2), sumLabel: WORDS.join(' uses this ') }; }
function readText(file: string, id: string): string {
  const text = require('Storage').read(file);
  return text && text.substr(1, id.length) === id ? text : 'throw new Error("not of this build")';
}
const loadExtra = overlay(function (file, id, start) {
  return function () { return start(readText(file, id))(); };
}, 'extra.js', function () { return onlyOverlay; });
function attempt(): void {
  try { print(onlyMain(loadExtra()(4)), calls); } catch (error: any) { print(error.message); }
}
attempt();
attempt();
print(shared(1, 1), calls);
`;

let built: Bundle;
beforeAll(async () => {
  const folder = mkdtempSync(join(packageRoot(), 'test', 'build', 'tmp-'));
  try {
    writeFileSync(join(folder, 'program.ts'), SOURCE);
    built = await buildBundle(join(folder, 'program.ts'), { shortNames: ['sumTotal', 'sumLabel'] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

const LINES = ['nobody uses this else 42 1', 'nobody uses this else 42 2', '11 3'];

function onBoard(files: Record<string, string>): string[] {
  const lines: string[] = [];
  const board = createBoard({
    scheduler: createVirtualScheduler(), name: 'board', bundle: built.program.bundle, files,
    flash: createEmulatedFlash({ address: 0, bytes: 4096, pageBytes: 1024 }), entropy: () => new Uint8Array(0), onConsole: (line) => void lines.push(line),
  });
  board.powerOn();
  expect(board.errors).toEqual([]);
  return lines;
}

test('what only the overlay uses lies in its file, under the same short names', () => {
  const file = built.program.overlays['extra.js']!;
  expect(Object.keys(built.program.overlays)).toEqual(['extra.js']);
  expect([built.code.includes('nobody'), file.includes('nobody')]).toEqual([false, true]);
  expect(file).not.toMatch(/sum/);
});

test('it runs as if it were one', () => {
  expect(onBoard(built.program.overlays)).toEqual(LINES);
});

test('a file that is missing or of another build is not evaluated', () => {
  const { 'extra.js': file } = built.program.overlays as { 'extra.js': string };
  const other = `"00000000${file.slice(9)}`;
  for (const files of [{}, { 'extra.js': other }]) expect(onBoard(files as Record<string, string>)).toEqual(['not of this build', 'not of this build', '11 1']);
});

interpreterTest('it runs in the interpreter, too', () => {
  const text = Buffer.from(built.program.overlays['extra.js']!, 'latin1').toString('base64');
  expect(runInEspruino(`require("Storage").write("extra.js",atob("${text}"));${built.program.bundle}`)).toEqual(LINES);
});

test('what the main program or two overlays use stays in the main program', () => {
  const source = `(function(){
    function both(){return 1} function first(){return both()+deep()} function deep(){return 2} var used=3; var unused=both;
    overlay(o,'a.js',function(){return first()+used}); overlay(o,'b.js',function(){return both()});
    print(used);
  })();`;
  const text = gatherOverlays(source);
  const [a, b] = [text.indexOf("'a.js'"), text.indexOf("'b.js'")];
  const places = ['both', 'first', 'deep'].map((name) => text.indexOf(`function ${name}(`)).concat(text.indexOf('var used'));
  expect(places.map((at) => (at < a ? 'main' : at < b ? 'a' : 'b'))).toEqual(['main', 'a', 'a', 'main']);
});

test('anything but a function in its place is refused', () => {
  expect(() => gatherOverlays("(function(){overlay(o,'a.js',make)})()")).toThrow(/overlay\(open, 'file', function/);
});

test('an overlay that uses variables of the function around it is refused', () => {
  const around = (what: string): string => `(function(){var known=1; function f(given){var own=2; function g(){} overlay(o,'a.js',function(){return ${what}})} f()})();`;
  for (const what of ['given', 'own', 'function(){return g}']) expect(() => gatherOverlays(around(what))).toThrow(/a\.js: only names of modules/);
  expect(() => gatherOverlays(around('known'))).not.toThrow();
});
