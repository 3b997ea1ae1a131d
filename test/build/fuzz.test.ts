/**
 * Random programs, patterns and numbers: what the build makes of them means in the interpreter what it means in Node.
 * Each failure prints what it was; programs are repeatable by their seed. The long form has twice as many programs,
 * `npm run test:long -- fuzz --all` four times.
 */
import { hoist } from '../../flash-scripts/build/hoist.js';
import { shorten } from '../../flash-scripts/build/minify.js';
import { checkBundle } from '../../flash-scripts/build/refuse-output.js';
import { regexFault } from '../../flash-scripts/build/refuse-regex.js';
import { espruinoNumber, exactNumber, repair } from '../../flash-scripts/build/repair.js';
import { extent } from '../kit/extent.js';
import { interpreterTest, runInEspruino, runInNode } from './fixture-runner.js';
import { createRandom, writeProgram } from './program-generator.js';

const PROGRAMS = extent(50, 100, 200);

const programs = Array.from({ length: PROGRAMS }, (_, seed) => `(function(){${writeProgram(createRandom(seed))}})();`);

/** One script of them all; each prints its number first. */
const numbered = (list: string[]): string => list.map((program, seed) => `print("#${seed}");${program}`).join('\n');

/** What each program printed. */
function byProgram(lines: string[]): string[] {
  const found: string[] = [];
  for (const line of lines) {
    if (/^#\d+$/.test(line)) found.push('');
    else found[found.length - 1] += `${line}\n`;
  }
  return found;
}

describe.each([false, true])('random programs about scopes, minified: %s', (short) => {
  const expected = byProgram(runInNode(numbered(programs)));
  let built: string[] = [];

  beforeAll(async () => {
    built = await Promise.all(
      programs.map(async (program) => hoist(repair(short ? await shorten(program, true) : program))),
    );
  });

  /** The first program that prints something else, with all that is needed to look into it. */
  function firstWrong(found: string[]): object | null {
    const seed = programs.findIndex((_, i) => found[i] !== expected[i]);
    return seed < 0
      ? null
      : { seed, program: programs[seed], built: built[seed], found: found[seed], expected: expected[seed] };
  }

  test('pass the check of the bundle', () => {
    expect(built.flatMap((code, seed) => checkBundle(code).map((problem) => ({ seed, ...problem })))).toEqual([]);
  });

  test('mean the same in Node as before', () => {
    expect(firstWrong(byProgram(runInNode(numbered(built))))).toBeNull();
  });

  interpreterTest('mean the same in Espruino', () => {
    expect(firstWrong(byProgram(runInEspruino(numbered(built), 60000)))).toBeNull();
  });
});

interpreterTest('the programs ask enough: without the passes many differ', () => {
  const expected = byProgram(runInNode(numbered(programs)));
  const found = byProgram(runInEspruino(numbered(programs), 60000));
  expect(programs.filter((_, i) => found[i] !== expected[i]).length).toBeGreaterThan(PROGRAMS / 4);
});

interpreterTest('patterns that are let through match as ECMAScript says', () => {
  const random = createRandom(2029);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const atoms = [
    'a',
    'b',
    '-',
    '\\d',
    '\\w',
    '[ab]',
    '[^a]',
    '[a-c]',
    '[-a]',
    '[a-]',
    '\\.',
    '\\s',
    '\\D',
    '[^\\d]',
    '\\x61',
    '[\\]b]',
    '0',
    ' ',
    '\\-',
    '[+*]',
    '\\n',
  ];
  const patterns = new Set<string>();
  while (patterns.size < 400) {
    let pattern = pick(['', '', '^']);
    for (let i = random(4); i >= 0; i--) {
      const atom = pick(atoms) + pick(['', '', '*', '+', '?']);
      pattern += pick([atom, atom, `(${atom}${pick(atoms)})`, `(${atom})`, `(${atom})*`, `${atom}|`]);
    }
    pattern += pick(['', '', '$']);
    const flags = pick(['', 'g']);
    if (regexFault(pattern, flags) === null) patterns.add(`/${pattern}/${flags}`);
  }
  const texts = [
    '',
    'a',
    'b',
    'ab',
    'aab',
    'ba',
    '0',
    '10',
    'a0b1',
    '-',
    'a-b',
    'a.b',
    ' ',
    'abcabc',
    'cab ba',
    '\n',
    '+',
    'aaa',
    '0a0',
    'b ]',
  ];
  const script = [...patterns].map((pattern) => `t(${JSON.stringify(pattern)},${pattern});`).join('\n');
  const tester =
    `var texts=${JSON.stringify(texts)};function t(n,r){var out=n;for(var i=0;i<texts.length;i++){` +
    'var m=r.exec(texts[i]);r.lastIndex=0;out+=" "+(m?m.index+JSON.stringify(m.slice(0)):"-")+r.test(texts[i]);r.lastIndex=0;' +
    'out+=JSON.stringify(texts[i].replace(r,"[$1]"))}print(out)}\n';
  expect(runInEspruino(tester + script)).toEqual(runInNode(tester + script));
});

test('patterns as Espruino cannot match them are refused', () => {
  for (const pattern of [
    'a?',
    'a{2}',
    '(a)*',
    '((a))',
    'a|b',
    '(?:a)',
    '.',
    '\\b',
    '\\1',
    '[^a]+',
    '\\S+',
    'a^',
    '$a',
    'a**',
    '[[]',
    '[a-a]',
    '\\u0061',
    '\\cA',
    '[\\d-z]',
    'a+a',
    '\\d+\\w',
    'a+b*a',
    'a*$',
    '[^b]*b*$',
  ]) {
    expect([pattern, regexFault(pattern)]).toEqual([pattern, expect.any(String)]);
  }
});

/** Doubles of every size. */
function randomDoubles(count: number): number[] {
  const random = createRandom(53);
  const bytes = new DataView(new ArrayBuffer(8));
  const found: number[] = [];
  while (found.length < count) {
    bytes.setUint32(0, random(2 ** 31));
    bytes.setUint32(4, random(2 ** 32));
    // Numbers as people write them, and numbers of any bits.
    const value = found.length % 2 ? bytes.getFloat64(0) : random(10 ** (1 + random(9))) / 10 ** random(12);
    if (Number.isFinite(value)) found.push(value);
  }
  return [...found, Number.MIN_VALUE, Number.MAX_VALUE, 2 ** 53, 2 ** 53 - 1, 2 ** 70, 2 ** -1022, 0.1, 0.3];
}

interpreterTest('numbers are read exactly', () => {
  const values = randomDoubles(600);
  // What repair.ts says of Espruino's reading is so: what it calls exact is, what it rewrites is right.
  const written = values.map((value) => (espruinoNumber(String(value)) === value ? String(value) : exactNumber(value)));
  expect(written.filter((text) => text.startsWith('(')).length).toBeGreaterThan(100);
  const script = `var f=new Float64Array(1),u=new Uint32Array(f.buffer);function p(x){f[0]=x;print(u[0]+" "+u[1])}\n${written.map((text) => `p(${text});`).join('\n')}`;
  const expected = values.map((value) => new Uint32Array(new Float64Array([value]).buffer).join(' '));
  expect(runInEspruino(script)).toEqual(expected);
});
