/**
 * Whether the emulated board gives what Espruino gives: the same scripts on both, their printed lines compared.
 *
 * Where there is no interpreter, the emulated half runs against the lines that are written here, and the rest is
 * skipped.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createBoard } from '../../host-bridge/emulator/board.js';
import { ABSENT_GLOBALS, ABSENT_MEMBERS } from '../../host-bridge/emulator/espruino-absent.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createInterpreterBoard } from '../../host-bridge/emulator/interpreter.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { LINUX_FLASH } from '../../host-bridge/emulator/storage-image.js';

const interpreter = findInterpreter(process.env);
const testBoth = interpreter ? test : test.skip;
const RAW = 0x10031000;

const PRELUDE = `
function hex(b) { b = new Uint8Array(b); var s = ''; for (var i = 0; i < b.length; i++) s += (256 + b[i]).toString(16).substr(1); return s; }
function tried(f) { try { return f(); } catch (e) { return 'threw'; } }
`;

/** Lines that a script prints on the emulated board, up to "done". */
function onEmulated(code: string): string[] {
  const scheduler = createVirtualScheduler();
  const lines: string[] = [];
  const board = createBoard({
    scheduler,
    name: 'emulated',
    platform: 'linux',
    bundle: code,
    files: { old: 'abc' },
    flash: createEmulatedFlash(LINUX_FLASH),
    entropy: (count) => new Uint8Array(count),
    onConsole: (line) => void lines.push(line),
  });
  board.powerOn();
  scheduler.runUntil(() => lines.includes('done'), 60_000);
  expect(board.errors).toEqual([]);
  return lines;
}

/** The same in the interpreter. */
async function onInterpreter(code: string): Promise<string[]> {
  const lines: string[] = [];
  const board = await createInterpreterBoard({
    path: interpreter!,
    name: 'interpreter',
    bundle: code,
    files: { old: 'abc' },
    onConsole: (line) => void lines.push(line),
  });
  board.powerOn();
  const endMs = Date.now() + 300_000;
  while (!lines.includes('done') && board.powered && Date.now() < endMs)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(board.errors).toEqual([]);
  board.close();
  return lines;
}

const CASES: Record<string, string> = {
  'strings and bytes': `
    print(E.toString(0, 1, 'Hi', [2, [3, 'x']], new Uint8Array([4, 255])).length, hex(E.toUint8Array('a', 256 + 7, -1, [1, 2], {data: [9, 8], count: 2}, {callback: function () { return 'cb'; }})));
    print(hex(E.toArrayBuffer('\\x00\\xff\\x80')), E.toString([65, 66]), '\\xfe\\x00'.charCodeAt(0), E.sum([1, 2, 3.5]), E.sum(new Uint8Array([200, 100])), E.clip(9, 1, 5));
    print(E.CRC32('123456789'), E.CRC32(new Uint8Array([1, 2, 3, 255])), E.CRC32([1, 258]), E.CRC32(new Uint8Array(0)), E.reverseByte(1));
    print(E.CRC32(new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 4)), hex(new Uint8Array([1, 2, 3, 4]).slice(1, 3)));`,
  'dot products': `
    print(E.convolve([1, 2, 3], [4, 5, 6, 7], 2), E.convolve([1, 2, 3], [4, 5, 6, 7], -1), E.convolve([1, 2, 3, 4, 5], [1, 10], 0), E.convolve([1, 2], [3, 4], 7));
    print(E.convolve(new Uint8Array([1, 2]), '\\xff\\x01', 0), E.convolve(new Float64Array([0.5, 4194304]), new Float64Array([8, 4194304]), 0), E.convolve([], [1], 0));
    print(E.convolve(new Float32Array([1.5, 2.5, 100]).subarray(1), new Int16Array([-3, 7, 9]), 1), E.convolve([3], new Float64Array([1, 2, 3]), 2));
    var bits = new Uint8Array(18), pairs = new Uint8Array(9);
    E.mapInPlace(new Uint8Array([5, 128]), bits, undefined, -1);
    E.mapInPlace(new Uint8Array([27, 228]), pairs, [7, 8, 9, 10], 2);
    print(bits.join(), pairs.join());`,
  hashes: `
    var c = require('crypto');
    ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'].forEach(function (n) { print(n, hex(c[n]('abc')), hex(c[n](new Uint8Array([1, 0, 255])))); });
    print(hex(c.SHA256([1, 2, 3])), hex(c.SHA256('')), hex(c.SHA512(new Uint8Array([9, 9, 1, 2, 3]).subarray(2))));
    print(c.SHA256('x').byteLength, typeof c.SHA256('x'));`,
  AES: `
    var A = require('crypto').AES, k = new Uint8Array(16), m = new Uint8Array(32), iv = new Uint8Array(16);
    for (var i = 0; i < 32; i++) { m[i] = i * 7; if (i < 16) { k[i] = i; iv[i] = 255 - i; } }
    print(hex(A.encrypt(m, k, {mode: 'ECB'})), hex(A.decrypt(A.encrypt(m, k, {mode: 'ECB'}), k, {mode: 'ECB'})));
    print(hex(A.encrypt(m, k, {iv: iv, mode: 'CBC'})), hex(A.encrypt(m, k)), hex(A.encrypt(m.subarray(0, 5), k, {iv: iv, mode: 'CFB'})));
    print(hex(A.encrypt(m, k, {iv: iv, mode: 'CTR'})), hex(A.encrypt(m, m, {mode: 'ECB'})));`,
  flash: `
    var f = require('Flash'), a = ${RAW};
    print(hex(f.read(8, a)), JSON.stringify(f.getPage(a + 1500)));
    f.write(new Uint8Array([0xf0, 0x0f, 0xff, 0x81]), a + 4); f.write([0x3c, 0xff, 0, 0xff], a + 4); f.write('\\xff\\xfe\\xff\\x7f', a + 8);
    print(hex(f.read(12, a)), hex(f.read(3, a + 5)), f.read(0, a));
    f.write(new Uint8Array([9, 9, 9, 9, 1, 2, 3, 4, 9, 9, 9, 9]).subarray(4, 8), a + 1024);
    print(hex(f.read(8, a + 1024)));
    f.erasePage(a + 1023); print(hex(f.read(12, a)), hex(f.read(4, a + 1024)), f.getPage(0x10040000));`,
  Storage: `
    var s = require('Storage');
    print(s.read('none'), s.read('old'), s.read('old', 1), s.read('old', 1, 1), s.read('old', 0, 99), s.readArrayBuffer('none'));
    print(s.write('a', 'hello'), s.read('a')); print(s.write('a', [1, 2, 300]), hex(s.readArrayBuffer('a')), s.write('b', {x: 1}), s.read('b'), s.readJSON('b').x);
    print(s.write('p', 'ab', 0, 6), hex(E.toUint8Array(s.read('p'))), s.write('p', 'cd', 2), hex(E.toUint8Array(s.read('p'))));
    print(tried(function () { return s.write('p', 'x', 2); }), tried(function () { return s.write('p', 'toolong', 3); }), tried(function () { return s.write('e', ''); }));
    s.erase('a'); print(s.read('a'), s.list(/^[abp]$/).join(), s.write('b', new Uint8Array([5, 6, 7]).subarray(1)), hex(E.toUint8Array(s.read('b'))));
    print(s.write('1234567890123456789012345678', 'x'), s.read('1234567890123456789012345678'), tried(function () { return require('Nothing'); }));`,
  'timers, in order': `
    var log = []; function say(x) { log.push(x); }
    setTimeout(say, 300, 'c'); setTimeout(say, 100, 'a'); setTimeout(say, 200, 'b'); var x = setTimeout(say, 150, 'never'); clearTimeout(x); clearTimeout(12345);
    var n = 0, i = setInterval(function () { if (++n === 3) clearInterval(i); say('i' + n); }, 500);
    print(tried(function () { clearTimeout(undefined); }), tried(function () { clearInterval(undefined); }), tried(function () { setTimeout(5, 1); }));
    setTimeout(function () { log.push('outer'); setTimeout(say, 0, 'inner'); log.push('outer end'); }, 400);
    setTimeout(function () { print(log.join()); print('done'); }, 2000);`,
  promises: `
    var log = [];
    new Promise(function (r) { log.push('now'); r(1); }).then(function (v) { log.push('then' + v); return v + 1; }).then(function (v) { log.push('then' + v); throw 'x'; }).catch(function (e) { log.push('catch' + e); });
    Promise.resolve(7).then(function (v) { log.push('r' + v); });
    Promise.all([1, Promise.resolve(2)]).then(function (v) { log.push('all' + v.join('+')); });
    log.push('sync');
    setTimeout(function () { log.push('timer'); print(log[0], log[1], log.sort().join()); print('done'); }, 50);`,
  'errors and values': `
    var e = new Error('m'); e.code = 'C';
    try { throw e; } catch (x) { print(x.code, x.message, x instanceof Error, '' + x); }
    try { throw new TypeError('t'); } catch (x) { print(x.message, x instanceof TypeError, '' + x); }
    print(tried(function () { return null.x; }), tried(function () { return undefined.x(); }), tried(function () { return nothing; }));
    print(new Uint8Array([256, -1, 1.9]).join(), new Uint8Array(3)[5], [1][4], 'ab'[7], (-7) % 3, 7 >> 1, -1 >>> 0, 1 << 31, 0xffffffff * 3, 5 / 2);
    print(JSON.stringify({a: 1, b: [1, 'x', null], c: undefined, d: true}), JSON.parse('{"a":[1,2]}').a[1], typeof global, typeof process.env.BOARD);
    print('a,b'.split(',').length, 'abc'.substr(1), 'abc'.indexOf('c'), 'x'.charCodeAt(0), String.fromCharCode(65, 66), parseInt('ff', 16), [3, 1, 2].sort().join(), [1, 2, 3].indexOf(2));`,
  'pins and watches': `
    pinMode('D5', 'input_pullup'); var n = 0;
    digitalWrite(D6, 1); print(digitalRead(D6), digitalRead('D5'));
    var w = setWatch(function (e) { n++; print('edge ' + e.state); if (n === 2) { clearWatch(w); digitalWrite('D7', 1); digitalWrite('D7', 0); } }, 'D7', {repeat: true, edge: 'both', debounce: 0});
    digitalWrite('D7', 1);
    setTimeout(function () { digitalWrite('D7', 0); }, 20);
    setWatch(function () { print('once'); }, 'D8', {edge: 'rising', debounce: 10});
    digitalWrite('D8', 1);
    setTimeout(function () { digitalWrite('D8', 0); }, 60); setTimeout(function () { digitalWrite('D8', 1); }, 80);
    setTimeout(function () { print(n); print('done'); }, 250);`,
};

describe('the emulated board is like Espruino', () => {
  testBoth.each(Object.keys(CASES))('%s', async (name) => {
    const code = CASES[name].includes("print('done')") ? CASES[name] : `${CASES[name]}\nprint('done');`;
    const program = `(function(){${PRELUDE}${code}})();`;
    const real = await onInterpreter(program);
    expect(onEmulated(program)).toEqual(real);
    expect(real.length).toBeGreaterThan(1);
  });

  testBoth('in what it does not have', async () => {
    const owners: Record<string, string> = {
      'Object.prototype': '({})',
      'Array.prototype': '[]',
      'Number.prototype': '(1)',
      'String.prototype': '""',
      'RegExp.prototype': '(/a/)',
      'ArrayBuffer.prototype': '(new ArrayBuffer(1))',
      'Object.getPrototypeOf(Uint8Array)': 'Uint8Array',
      'Object.getPrototypeOf(Uint8Array.prototype)': '(new Uint8Array(1))',
    };
    const names = [...ABSENT_GLOBALS];
    for (const [owner, members] of Object.entries(ABSENT_MEMBERS))
      for (const m of members.split(' ')) names.push(`${owners[owner] ?? owner}["${m}"]`);
    const ask = (list: string[]) =>
      list.map((n) => `try { if (typeof ${n} !== 'undefined') print(${JSON.stringify(n)}); } catch (e) {}`).join('\n');
    const program = `(function(){${ask(names)}\nprint('done');})()`;
    expect(await onInterpreter(program)).toEqual(['done']);
    expect(onEmulated(program)).toEqual(['done']);
  });
});

describe('the record log', () => {
  const ENTRY = `
    import { openRecordLog } from '${join(packageRoot(), 'firmware', 'records', 'record-log.js')}';
    const flash = require('Flash');
    const region = { address: ${RAW}, pages: 6, pageBytes: 1024 };
    function payload(n: number, mark: number): Uint8Array {
      const out = new Uint8Array(n);
      for (let i = 0; i < n; i++) out[i] = mark * 31 + i * 7;
      return out;
    }
    let opened = openRecordLog(flash, region, E.CRC32);
    for (let i = 0; i < 120 && opened.ok; i++) {
      opened.log.put(1 + (i % 3), (i * 5) % 7, payload(i % 9 === 8 ? 0 : 20 + (i * 13) % 90, i));
      if (i % 40 === 39) opened = openRecordLog(flash, region, E.CRC32);
    }
    if (opened.ok) {
      const log = opened.log;
      for (let type = 1; type <= 3; type++) {
        const slots = log.slots(type);
        for (let i = 0; i < slots.length; i++) print(type, slots[i], E.CRC32(log.get(type, slots[i])!), log.get(type, slots[i])!.length);
      }
      print(log.freeBytes(), log.fits(900), log.writes() > 0, log.get(9, 9));
      let code = '';
      try { log.put(0, 0, payload(1, 1)); } catch (error: any) { code = error.message; }
      print(code);
      while (log.tidy());
    }
    for (let page = 0; page < 6; page++) print(E.CRC32(flash.read(1024, ${RAW} + page * 1024)));
    print('done');`;

  testBoth('writes the same bytes in the interpreter', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
    try {
      writeFileSync(join(folder, 'entry.ts'), ENTRY);
      const { code } = await buildBundle(join(folder, 'entry.ts'));
      const real = await onInterpreter(code);
      expect(real.length).toBeGreaterThan(20);
      expect(onEmulated(code)).toEqual(real);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
