/**
 * A program with an overlay: what lies where, and that it runs the same on the emulated board and in the interpreter.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBundle, type Bundle } from '../../flash-scripts/build/build.js';
import { gatherOverlays, gatherResidents } from '../../flash-scripts/build/overlays.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createBoard } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
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
});

const LINES = ['nobody uses this else 42 1', 'nobody uses this else 42 2', '11 3'];

function onBoard(files: Record<string, string>, { program } = built): string[] {
  const lines: string[] = [];
  const board = createBoard({
    scheduler: createVirtualScheduler(),
    name: 'board',
    bundle: program.bundle,
    files,
    flash: createEmulatedFlash({ address: 0, bytes: 4096, pageBytes: 1024 }),
    entropy: () => new Uint8Array(0),
    onConsole: (line) => void lines.push(line),
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
  for (const files of [{}, { 'extra.js': other }])
    expect(onBoard(files as Record<string, string>)).toEqual(['not of this build', 'not of this build', '11 1']);
});

interpreterTest('it runs in the interpreter, too', () => {
  const text = Buffer.from(built.program.overlays['extra.js']!, 'latin1').toString('base64');
  expect(runInEspruino(`require("Storage").write("extra.js",atob("${text}"));${built.program.bundle}`)).toEqual(LINES);
});

test('what the main program uses stays there, what overlays use goes to each of them', () => {
  const source = `(function(){
    function both(){return 1} function first(){return both()+deep()} function deep(){return 2} var used=3; var unused=both;
    overlay(o,'a.js',function(){return first()+used}); overlay(o,'b.js',function(){return both()});
    print(used);
  })();`;
  const text = gatherOverlays(source);
  const [a, b] = [text.indexOf("'a.js'"), text.indexOf("'b.js'")];
  const places = (name: string): string[] =>
    [...text.matchAll(new RegExp(`(function|var) ${name}\\b`, 'g'))].map(({ index }) =>
      index < a ? 'main' : index < b ? 'a' : 'b',
    );
  expect(['both', 'first', 'deep', 'used'].map(places)).toEqual([['a', 'b'], ['a'], ['a'], ['main']]);
});

test('a variable that changes cannot be copied to two overlays', () => {
  const source = (change: string): string => `(function(){
    var state=1; function both(){${change} return state}
    overlay(o,'a.js',function(){return both()}); overlay(o,'b.js',function(){return state});
  })();`;
  expect(() => gatherOverlays(source('state=2;'))).toThrow(/a\.js: state changes, and another overlay uses it, too/);
  expect(() => gatherOverlays(source(''))).not.toThrow();
});

describe('a resident overlay', () => {
  const RESIDENT = `
    import { openResident } from '../../../firmware/board/startup.js';
    const storage = require('Storage') as any;
    function half(value: number): number { return value / 2; }
    function tally(start: number): { add: (half: number) => number } {
      let sum = start;
      // A parameter that is called like a function of the overlay.
      function add(half: number): number { return (sum += half + twice(half)); }
      return { add: add };
    }
    function twice(value: number): number { return half(value * LIST.length); }
    const LIST = [1, 2, 3, 4];
    function shared(value: number): number { return value + 1; }
    function names(): string[] { return storage.read('part.js').split('"')[3].split(' '); }
    function there(): boolean[] { return names().map(function (name) { return name in global; }); }
    const part = resident(function <T>(file: string, id: string, evaluate: (text: string) => void): any {
      return openResident<T>(storage, global, file, id, evaluate);
    }, 'part.js', function () { return { tally: tally, half: function (value: number) { return shared(half(value)); } }; });
    const made = part.load();
    const tallied = made.tally(10);
    print(tallied.add(1), tallied.add(2), made.half(8), shared(1));
    print(names().length > 1, there().indexOf(false));
    part.drop();
    print(there().indexOf(true), 'part.js' in global);
    const again = part.load();
    print(again.tally(0).add(4));
  `;
  const SAID = ['13 19 5 2', 'true -1', '-1 false', '12'];
  let program: Bundle;
  beforeAll(async () => {
    const folder = mkdtempSync(join(packageRoot(), 'test', 'build', 'tmp-'));
    try {
      writeFileSync(join(folder, 'program.ts'), RESIDENT);
      program = await buildBundle(join(folder, 'program.ts'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('makes its names global while it is loaded', () => {
    expect(onBoard(program.program.overlays, program)).toEqual(SAID);
  });

  interpreterTest('does so in the interpreter, too', () => {
    const text = Buffer.from(program.program.overlays['part.js']!, 'latin1').toString('base64');
    expect(runInEspruino(`require("Storage").write("part.js",atob("${text}"));${program.program.bundle}`)).toEqual(
      SAID,
    );
  });

  interpreterTest('makes functions that keep no scope, where an overlay makes some that do', () => {
    const sizes = (load: string): string[] =>
      runInEspruino(`var f;(function(){var around=1;${load}})();print(E.getSizeOf(f));`);
    const [inside, outside] = [
      sizes('f=function(){return 1};'),
      sizes("Object.defineProperty({},'text',{set:eval}).text='f=function(){return 1};';"),
    ];
    expect(Number(outside)).toBeLessThan(Number(inside));
  });
});

describe('an overlay that passes', () => {
  const PASSING = `
    import { openResident } from '../../../firmware/board/startup.js';
    const storage = require('Storage') as any;
    function shared(value: number): number { return value + 1; }
    function onlyInside(value: number): number { return shared(value) * 2; }
    function other(): string { return 'overlaid'; }
    function tally(start: number): { add: (value: number) => number; more: () => string } {
      let sum = start;
      const load = overlay(function (file, id, begin) {
        return function () { return begin(id && storage.read(file))(); };
      }, 'more.js', function () { return other; });
      return { add: function (value) { return (sum += onlyInside(value)); }, more: function () { return load()(); } };
    }
    function run(start: number): { add: (value: number) => number; more: () => string } { return tally(start); }
    const making = passing(function <T>(file: string, id: string, evaluate: (text: string) => void): any {
      return openResident<T>(storage, global, file, id, evaluate);
    }, 'make.js', function () { return { run: run, makers: [tally] }; });
    const names = storage.read('make.js').split('"')[3].split(' ');
    const made = making.load().run(10);
    making.drop();
    print(names.length, names.map(function (name: string) { return name in global; }).join());
    print(made.add(1), made.add(2), made.more());
  `;
  const SAID = ['2 false,false', '14 20 overlaid'];
  let program: Bundle;
  beforeAll(async () => {
    const folder = mkdtempSync(join(packageRoot(), 'test', 'build', 'tmp-'));
    try {
      writeFileSync(join(folder, 'program.ts'), PASSING);
      program = await buildBundle(join(folder, 'program.ts'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is deleted once it has run, and leaves what it made', () => {
    expect(onBoard(program.program.overlays, program)).toEqual(SAID);
  });

  interpreterTest('does so in the interpreter, too', () => {
    const written = Object.entries(program.program.overlays).map(
      ([file, code]) =>
        `require("Storage").write("${file}",atob("${Buffer.from(code, 'latin1').toString('base64')}"));`,
    );
    expect(runInEspruino(written.join('') + program.program.bundle)).toEqual(SAID);
  });

  test('may not be named by what stays', () => {
    const gathered = (statements: string): string =>
      gatherResidents(`(function(){
        function a(){return b()} function b(){return 1} function c(){return function(){return b()}} ${statements}
      })()`);
    expect(() => gathered("passing(o,'m.js',function(){return [a,b]});")).not.toThrow();
    expect(() => gathered("passing(o,'m.js',function(){return [b,c]});")).toThrow(/m\.js: b would be gone, and a func/);
    expect(() => gathered("passing(o,'m.js',function(){return a}); a();")).toThrow(/m\.js: a would be gone, and the b/);
    expect(() => gathered("function d(){b()} d(); passing(o,'m.js',function(){return b});")).toThrow(/b would be gone/);
  });
});

test("what several residents use lies in the first of them, and a local name is nobody else's", () => {
  const text = gatherResidents(`(function(){
    function a(){return 1} function b(a){return a} var c=2,d=3; function e(){return a()+c}
    resident(o,'x.js',function(){return e}); resident(o,'y.js',function(){return a()+d+c});
    print(b(1));
  })()`);
  const [x, y] = [text.indexOf("'x.js'"), text.indexOf("'y.js'")];
  const places = (name: string): string[] =>
    [...text.matchAll(new RegExp(`(function|var) ${name}\\b`, 'g'))].map(({ index }) =>
      index < x ? 'main' : index < y ? 'x' : 'y',
    );
  expect(['a', 'b', 'c', 'd', 'e'].map(places)).toEqual([['x'], ['main'], ['x'], ['y'], ['x']]);
});

test('anything but a function in its place is refused', () => {
  expect(() => gatherOverlays("(function(){overlay(o,'a.js',make)})()")).toThrow(/overlay\(open, 'file', function/);
});

test('an overlay that uses variables of the function around it is refused', () => {
  const around = (what: string): string =>
    `(function(){var known=1; function f(given){var own=2; function g(){} overlay(o,'a.js',function(){return ${what}})} f()})();`;
  for (const what of ['given', 'own', 'function(){return g}'])
    expect(() => gatherOverlays(around(what))).toThrow(/a\.js: only names of modules/);
  expect(() => gatherOverlays(around('known'))).not.toThrow();
});
