/**
 * Says at the end of a run which elements of the patent's claims its tests exercised (test/claims.json, and
 * kit/exercises.ts, which tests report by). An element is missed where a test of its own passed without reporting it,
 * or is not there; so is one that somebody else reports, or that the table calls not exercised. A run of some files
 * judges their elements, and says how many it did not look at.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const TEST = dirname(fileURLToPath(import.meta.url));
const FOLDER = 'TAPCASH_TESTS_ELEMENTS';

/** Whether a test has this title as it is written there: `%i` and the like stand for anything. */
function fits(written, title) {
  const parts = written.split(/%[a-z]/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`).test(title);
}

/** Of one element at one of its tests: 'not run', 'skipped', 'failed', 'exercised', or what is wrong. */
function outcomeAt(id, [file, title], files, reports) {
  const tests = files.get(file);
  if (!tests) return 'not run';
  const own = tests.filter((test) => fits(title, test.title));
  if (own.length === 0) return `${file} has no test "${title}"`;
  if (own.some(({ status }) => status === 'failed')) return 'failed';
  const passed = own.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName);
  if (passed.length === 0) return 'skipped';
  const isReported = reports.some(
    (report) => report.file === file && report.ids.includes(id) && passed.includes(report.test),
  );
  return isReported ? 'exercised' : `not reported by ${file}, "${title}"`;
}

/**
 * Judges a run.
 * @param table test/claims.json
 * @param files by path below test/: its tests with title, fullName and status
 * @param reports what tests said: ids, file, and the test's full name
 * @param isWhole every file should have run
 * @returns text, its last line the count; and the faults
 */
export function judge(table, files, reports, isWhole) {
  const elements = table.claims.flatMap((claim) => claim.elements);
  const faults = [];
  const [differing, notYet, count] = [[], [], { exercised: 0, 'not run': 0, skipped: 0, failed: 0 }];
  for (const [id, what, tests, differs] of elements) {
    const names = tests.split(' ').filter(Boolean);
    const own = names.map((name) => table.tests[name]);
    for (const { file, test } of reports.filter(({ ids }) => ids.includes(id))) {
      if (names.length === 0) faults.push(`${id}: "${test}" exercises it: take it from those not exercised yet`);
      else if (!own.some(([named, title]) => named === file && fits(title, titleOf(files, file, test))))
        faults.push(`${id}: reported by ${file}, "${test}", which it does not name`);
    }
    if (names.length === 0) notYet.push(`${id} ${what}`);
    if (differs) differing.push(`${id} ${what}: ${differs}`);
    const outcomes = own.map((each) => outcomeAt(id, each, files, reports));
    const worst = outcomes.find((each) => each !== 'exercised') ?? 'exercised';
    if (names.length === 0) continue;
    if (worst in count) count[worst]++;
    else faults.push(`${id} ${what}: ${worst}`);
    if (worst === 'not run' && isWhole) faults.push(`${id} ${what}: its file was not run`);
  }
  const lines = ['', 'Claims 1 to 38 of EP 0926637 by their elements'];
  if (isWhole) {
    for (const each of differing) lines.push(`  exercised with a difference: ${each}`);
    for (const each of notYet) lines.push(`  not exercised yet: ${each}`);
  }
  for (const each of new Set(faults)) lines.push(`  MISSED: ${each}`);
  const others = [
    `${count.exercised} exercised`,
    `${notYet.length} not exercised yet`,
    ...(count.skipped > 0 ? [`${count.skipped} skipped`] : []),
    ...(count.failed > 0 ? [`${count.failed} in tests that failed`] : []),
    ...(faults.length > 0 ? [`${new Set(faults).size} MISSED`] : []),
    ...(count['not run'] > 0 ? [`${count['not run']} not looked at: their files were not run`] : []),
  ];
  lines.push(`${elements.length} elements: ${others.join(', ')}`);
  return { text: lines.join('\n'), faults: [...new Set(faults)] };
}

/** The title of a test as it ran, from its full name. */
function titleOf(files, file, fullName) {
  return files.get(file)?.find((test) => test.fullName === fullName)?.title ?? fullName;
}

/** Everything that tests reported. */
function readReports(folder) {
  return readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
}

export default class ClaimsReporter {
  #isWhole;
  #error;

  constructor({
    testPathPatterns,
    testNamePattern,
    runTestsByPath,
    onlyChanged,
    onlyFailures,
    shard,
    findRelatedTests,
  }) {
    const hasPatterns = (testPathPatterns?.patterns ?? testPathPatterns ?? []).length > 0;
    this.#isWhole = ![
      hasPatterns,
      testNamePattern,
      runTestsByPath,
      onlyChanged,
      onlyFailures,
      shard,
      findRelatedTests,
    ].some(Boolean);
  }

  onRunComplete(_contexts, { testResults, wasInterrupted }) {
    const folder = process.env[FOLDER];
    if (!folder || wasInterrupted) return;
    const table = JSON.parse(readFileSync(join(TEST, 'claims.json'), 'utf8'));
    const files = new Map(
      testResults.map(({ testFilePath, testResults: tests }) => [
        relative(TEST, testFilePath).split(sep).join('/'),
        tests.map(({ title, fullName, status }) => ({ title, fullName, status })),
      ]),
    );
    const { text, faults } = judge(table, files, readReports(folder), this.#isWhole);
    console.log(text);
    if (faults.length > 0) this.#error = new Error(`${faults.length} elements of claims are missed`);
  }

  /** Jest ends with a fault where there is one. */
  getLastError() {
    return this.#error;
  }
}
