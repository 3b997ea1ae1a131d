/** The build command: what it writes and prints, and how it stops. The bundles of both roles as they are. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parse } from 'acorn';
import { BUDGET_BYTES, buildBundle, runBuild } from '../../flash-scripts/build/build.js';
import type { BuildError } from '../../flash-scripts/build/build.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { detokenise } from '../../flash-scripts/build/tokens.js';
import { isLong } from '../kit/extent.js';
import { FIXTURES } from './fixture-runner.js';
import { ROLES } from '../../flash-scripts/boards/roles.js';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'tapcash-build-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a command threw. */
async function thrownBy(promise: Promise<unknown>): Promise<BuildError> {
  return promise.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: BuildError) => error,
  );
}

describe('both roles', () => {
  const lines: string[] = [];
  let results: Awaited<ReturnType<typeof runBuild>>;
  /** The user's token with a budget that is too small for it; the long form builds it once more. */
  const small = { outDir: '', printed: [] as string[], error: null as BuildError | null };
  beforeAll(async () => {
    // What `npm run build` has made of the same sources, if it was run; else it is built now.
    results = await runBuild({ log: (line) => lines.push(line) });
    small.outDir = isLong ? join(folder, 'small') : dirname(results[0]!.file);
    const log = (line: string) => void small.printed.push(line);
    small.error = await thrownBy(
      runBuild({
        roles: ['user-token'],
        ...(isLong ? { outDir: small.outDir } : {}),
        budgetBytes: 1000,
        json: true,
        log,
      }),
    );
  });

  test('are built, in tokens of ES5, under global names of their own, within the budget', () => {
    expect(results.map(({ role }) => role)).toEqual([...ROLES]);
    for (const { file, bytes } of results) {
      const tokens = readFileSync(file, 'latin1');
      expect(tokens.length).toBe(bytes);
      const code = detokenise(tokens);
      expect(bytes).toBeLessThanOrEqual(BUDGET_BYTES);
      expect(/^[\x20-\x7e\n]*$/.test(code)).toBe(true);
      const names = parse(code, { ecmaVersion: 5 }).body.flatMap((statement) =>
        statement.type === 'FunctionDeclaration'
          ? [statement.id!.name]
          : statement.type === 'VariableDeclaration'
            ? statement.declarations.map(({ id }) => (id as { name: string }).name)
            : [],
      );
      expect(names.length).toBeGreaterThan(100);
      // `g` is the display of a build that has one, E the interpreter; pins and ports have longer names of this kind.
      expect(names.filter((name) => /^(E|g|[A-D]\d+)$/.test(name) || name.length > 3)).toEqual([]);
    }
  });

  test('are told about, with sizes', () => {
    for (const { role, bytes } of results)
      expect(lines.join('\n')).toMatch(new RegExp(`${role} +${bytes} bytes +\\d+% of ${BUDGET_BYTES}`));
  });

  test('give the same bytes again', () => {
    const again = join(small.outDir, 'user-token.js');
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(results[0]!.file, 'utf8'));
  });

  test('stop the command when they are too big, after writing them', () => {
    const { outDir, printed, error } = small;
    expect(error!.code).toBe('BUILD_TOO_BIG');
    expect(error!.message).toMatch(/user-token by \d+/);
    expect(existsSync(join(outDir, 'user-token.js'))).toBe(true);
    expect(printed).toHaveLength(1);
    expect(JSON.parse(printed[0]!)).toMatchObject({ ok: false, bundles: [{ role: 'user-token', budgetBytes: 1000 }] });
  });
});

test('a role that does not exist is named with those that do', async () => {
  const error = await thrownBy(runBuild({ roles: ['cashier'], outDir: folder, log: () => undefined }));
  expect([error.code, error.message]).toEqual([
    'BUILD_NO_ENTRY',
    'no role cashier: there are user-token and shop-terminal',
  ]);
});

test('an entry that does not exist is named', async () => {
  const error = await thrownBy(buildBundle(join(FIXTURES, 'nothing.ts')));
  expect([error.code, error.message]).toEqual(['BUILD_NO_ENTRY', 'no such file: test/build/fixtures/nothing.ts']);
});

test('the directive "ram" survives', async () => {
  const file = join(mkdtempSync(join(packageRoot(), 'test', 'build', 'tmp-')), 'ram.ts');
  try {
    writeFileSync(
      file,
      "function fast(a: number): number {\n  'ram';\n  for (let i = 0; i < 3; i++) a += i;\n  return a;\n}\nprint(fast(1), fast(2));\n",
    );
    expect((await buildBundle(file)).code).toMatch(/\{"ram";(var|for)/);
  } finally {
    rmSync(join(file, '..'), { recursive: true });
  }
});

describe('the interpreter', () => {
  test('is what ESPRUINO names', () => {
    expect(findInterpreter({ ESPRUINO: process.execPath, PATH: '' })).toBe(process.execPath);
  });

  test('must be there when ESPRUINO names it: a slip must not read as skipped', () => {
    expect(() => findInterpreter({ ESPRUINO: join(folder, 'none') })).toThrow(/ESPRUINO=.*none: no executable file/);
  });

  test('else is espruino-linux on the PATH, else none', () => {
    const place = mkdtempSync(join(folder, 'bin-'));
    expect(findInterpreter({ PATH: `${place}${delimiter}/nowhere` })).toBeNull();
    writeFileSync(join(place, 'espruino-linux'), '', { mode: 0o644 });
    expect(findInterpreter({ PATH: place })).toBeNull();
    rmSync(join(place, 'espruino-linux'));
    writeFileSync(join(place, 'espruino-linux'), '', { mode: 0o755 });
    expect(findInterpreter({ PATH: `/nowhere${delimiter}${place}` })).toBe(join(place, 'espruino-linux'));
    expect(findInterpreter({})).toBeNull();
  });
});

test('the package is found from anywhere', () => {
  const before = process.cwd();
  try {
    process.chdir(folder);
    expect(existsSync(join(packageRoot(), 'firmware', 'espruino.d.ts'))).toBe(true);
  } finally {
    process.chdir(before);
  }
});
