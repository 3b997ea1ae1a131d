/**
 * Claims 1 to 38 of EP 0926637, element by element (test/claims.json): each element names the test that exercises it,
 * and that test reports it as it runs (kit/exercises.ts). claims-reporter.mjs misses an element whose test passed
 * without. docs/schemes.md: its table is the scheme table, its diagrams are of a form that draws.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SCHEMES } from '../firmware/core/scheme.js';
import { claimsTable, exercises, type ClaimsTable } from './kit/exercises.js';

const ROOT = join(__dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const table = claimsTable();
const ELEMENTS = table.claims.flatMap(({ elements }) => elements);

/** Elements that no test exercises, as nothing here does what they say. This list only becomes shorter. */
const NOT_EXERCISED_YET: string[] = [];

type Shown = [file: string, title: string];

/** Whether a file has a test of this title. */
function hasTest([file, title]: Shown): boolean {
  if (!existsSync(join(ROOT, 'test', file))) return false;
  // A call of test or test.each, or a key of a table of places that test.each runs over.
  return read(`test/${file}`)
    .split('\n')
    .some(
      (line, at, lines) =>
        // A title on a line of its own, below a long test.each(...)(.
        (/((^|\s)test\b.*|^\s*\]\))\($/.test(lines[at - 1] ?? '') &&
          [`'${title}',`, `"${title}",`].some((quoted) => line.trim() === quoted)) ||
        (/(^|\s)(test\b.*\(|\]\)\()/.test(line) &&
          [`'${title}'`, `"${title}"`, `\`${title}\``].some((quoted) => line.includes(quoted))) ||
        line.trim().startsWith(`'${title}':`) ||
        line.trim().startsWith(`"${title}":`),
    );
}

test('claims 1 to 38, their elements numbered in order, each of some scheme', () => {
  expect(table.claims.map(({ claim }) => claim)).toEqual(Array.from({ length: 38 }, (_, i) => i + 1));
  const numbers = SCHEMES.map(({ number }) => number);
  for (const { claim, schemes, elements } of table.claims) {
    expect([claim, schemes.length > 0, elements.length > 0]).toEqual([claim, true, true]);
    for (const number of schemes) expect(numbers).toContain(number);
    expect(elements.map(([id]) => id)).toEqual(elements.map((_, i) => `${claim}.${i + 1}`));
  }
});

test.each(Object.entries(table.tests))('%s is a test: %s', (name, shown) => {
  expect(hasTest(shown)).toBe(true);
  expect(read(`test/${shown[0]}`)).toContain('exercises(');
  expect(ELEMENTS.some(([, , tests]) => tests.split(' ').includes(name))).toBe(true);
});

test('an element names its tests, or is one of those that are not exercised yet', () => {
  for (const [id, , tests] of ELEMENTS)
    for (const name of tests.split(' ').filter(Boolean)) expect([id, name in table.tests]).toEqual([id, true]);
  expect(ELEMENTS.filter(([, , tests]) => tests === '').map(([id]) => id)).toEqual(NOT_EXERCISED_YET);
  expect(NOT_EXERCISED_YET.length).toBeLessThanOrEqual(2);
});

test('a test cannot report what is no element', () => {
  expect(() => exercises('14.99')).toThrow('no element 14.99');
});

describe('the reporter', () => {
  const small: ClaimsTable = {
    tests: { ONE: ['a.test.ts', 'scheme %i: does it'], TWO: ['b.test.ts', 'does more'] },
    claims: [
      {
        claim: 1,
        of: 'any',
        schemes: [1],
        elements: [
          ['1.1', 'this', 'ONE'],
          ['1.2', 'that', 'TWO', 'another way'],
          ['1.3', 'what is missing', ''],
        ],
      },
    ],
  };
  const ran = (title: string, status = 'passed') => ({ title, fullName: `all ${title}`, status });
  const ALL = { 'a.test.ts': [ran('scheme 3: does it')], 'b.test.ts': [ran('does more')] };
  const said = (id: string, file: string, title: string) => ({ ids: [id], file, test: `all ${title}` });
  const BOTH = [said('1.1', 'a.test.ts', 'scheme 3: does it'), said('1.2', 'b.test.ts', 'does more')];

  /** What `judge` of the reporter says; it is no CommonJS, so Node runs it. */
  function judge(files: object, reports: object[], isWhole = true): { text: string; faults: string[] } {
    const script = `import { judge } from ${JSON.stringify(pathToFileURL(join(__dirname, 'claims-reporter.mjs')))};
      const [table, files, reports, isWhole] = JSON.parse(process.argv[1]);
      console.log(JSON.stringify(judge(table, new Map(Object.entries(files)), reports, isWhole)));`;
    const given = JSON.stringify([small, files, reports, isWhole]);
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, given]);
    if (stdout.length === 0) throw new Error(String(stderr));
    return JSON.parse(String(stdout)) as { text: string; faults: string[] };
  }

  test('counts in its last line, and names what differs and what is not exercised yet', () => {
    const { text, faults } = judge(ALL, BOTH);
    expect(faults).toEqual([]);
    expect(text).toContain('exercised with a difference: 1.2 that: another way');
    expect(text).toContain('not exercised yet: 1.3 what is missing');
    expect(text.split('\n').pop()).toBe('3 elements: 2 exercised, 1 not exercised yet');
  });

  test.each<[what: string, files: object, reports: object[], fault: string]>([
    ['passed, and did not report', ALL, BOTH.slice(1), '1.1 this: not reported by a.test.ts'],
    ['is not there', { ...ALL, 'a.test.ts': [ran('other')] }, BOTH.slice(1), '1.1 this: a.test.ts has no test'],
    ['whose file was not run', { 'b.test.ts': ALL['b.test.ts'] }, BOTH.slice(1), '1.1 this: its file was not run'],
    ['of another element reports', ALL, [...BOTH, said('1.1', 'b.test.ts', 'does more')], '1.1: reported by b.test.ts'],
    [
      'exercises what is listed as missing',
      ALL,
      [...BOTH, said('1.3', 'b.test.ts', 'does more')],
      '1.3: "all does more"',
    ],
  ])('a test that %s is missed', (_what, files, reports, fault) => {
    const { text, faults } = judge(files, reports);
    expect(faults).toEqual([expect.stringContaining(fault)]);
    expect(text.split('\n').pop()).toContain('1 MISSED');
  });

  test('of a run of some files judges their elements, and says how many it did not look at', () => {
    const { text, faults } = judge({ 'b.test.ts': ALL['b.test.ts'] }, BOTH.slice(1), false);
    expect(faults).toEqual([]);
    expect(text.split('\n').pop()).toBe(
      '3 elements: 1 exercised, 1 not exercised yet, 1 not looked at: their files were not run',
    );
  });

  test('a test that was skipped, or failed, exercised nothing', () => {
    const files = { 'a.test.ts': [ran('scheme 3: does it', 'pending')], 'b.test.ts': [ran('does more', 'failed')] };
    const { text, faults } = judge(files, BOTH);
    expect(faults).toEqual([]);
    expect(text.split('\n').pop()).toBe(
      '3 elements: 0 exercised, 1 not exercised yet, 1 skipped, 1 in tests that failed',
    );
  });
});

test('a test that is not there is missed', () => {
  expect(hasTest(['houses/schemes.test.ts', 'scheme %i with %i pseudonyms: the life of 31'])).toBe(false);
  expect(hasTest(['actors/nowhere.test.ts', 'anything'])).toBe(false);
});

describe('docs/schemes.md', () => {
  const page = read('docs/schemes.md');

  test('its first table is the scheme table', () => {
    const cells = page
      .split('\n')
      .filter((line) => /^\| [1-6] \| (trustee|issuer)/.test(line))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const cash = { direct: 'direct', coupon: 'blind coupon', sealed: 'sealed', keyed: 'keyed' };
    expect(cells).toEqual(
      SCHEMES.map((row) => [
        String(row.number),
        row.licenseFrom,
        row.registration === 'open' ? 'open' : 'sealed, through the bank',
        row.accountsAt,
        cash[row.issue],
        row.signedBetweenInstitutions ? 'yes' : '-',
        row.pseudonymsMax === 1 ? '1' : `1 to ${row.pseudonymsMax}`,
        row.traceBy,
        row.paragraphs,
      ]),
    );
  });

  test('its diagrams have only lines that mermaid draws, between parties that they name', () => {
    const diagrams = [...page.matchAll(/```mermaid\n([\s\S]*?)```/g)].map(([, text]) => text!.trimEnd().split('\n'));
    expect(diagrams).toHaveLength(5);
    for (const [first, ...lines] of diagrams) {
      expect(first).toBe('sequenceDiagram');
      const parties = lines.flatMap((line) => /^ {4}participant ([A-Z]) as [a-z' ]+$/.exec(line)?.[1] ?? []);
      for (const line of lines.slice(parties.length)) {
        // A semicolon would end the line for mermaid, and # begins an entity.
        const [, from, to] =
          /^ {4}([A-Z])->>([A-Z]): [^;#]+$/.exec(line) ?? /^ {4}Note over ([A-Z])(): [^;#]+$/.exec(line) ?? [];
        expect([line, parties.includes(from!), to === '' || parties.includes(to!)]).toEqual([line, true, true]);
      }
    }
  });
});
