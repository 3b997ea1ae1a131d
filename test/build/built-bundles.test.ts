/** Bundles are kept by the hash of all that decides them, and built by nobody but `npm run build` and tests. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import {
  BUILD_PACKAGES,
  bundlePath,
  readProgram,
  SOURCE_FILES,
  sourcesHash,
  writeProgram,
} from '../../flash-scripts/build/bundle-files.js';
import { programFrom } from '../../flash-scripts/build/built-bundles.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

const root = packageRoot();
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tapcash-bundles-'))));
afterEach(() => rmSync(folder, { recursive: true }));

describe('the hash', () => {
  /** A copy of all that decides the bundles. */
  function copySources(): void {
    for (const path of ['firmware', 'flash-scripts/build', 'board-configs', ...SOURCE_FILES]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      cpSync(join(root, path), join(folder, path), { recursive: true });
    }
  }
  beforeEach(copySources);

  test('is the same in another folder, whatever the dates of its files', () => {
    expect(sourcesHash(folder)).toBe(sourcesHash(root));
    expect(sourcesHash(folder)).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each([
    'firmware/user-token/main.ts',
    'firmware/crypto/field.ts',
    'firmware/espruino.d.ts',
    'flash-scripts/build/hoist.ts',
    ...SOURCE_FILES,
  ])('changes with %s', (path) => {
    const before = sourcesHash(folder);
    appendFileSync(join(folder, path), '\n');
    expect(sourcesHash(folder)).not.toBe(before);
  });

  test('changes with a new source', () => {
    const before = sourcesHash(folder);
    writeFileSync(join(folder, 'firmware', 'core', 'another.ts'), '');
    expect(sourcesHash(folder)).not.toBe(before);
  });

  test('changes with names in board configurations, which are not shortened; not with their values', () => {
    const before = sourcesHash(folder);
    const path = join(folder, 'board-configs', 'another.json');
    writeFileSync(
      path,
      readFileSync(join(folder, 'board-configs', 'linux.json'), 'utf8').replace(/: "\w+/g, ': "other'),
    );
    expect(sourcesHash(folder)).toBe(before);
    writeFileSync(path, '{"pins":[{"neverSeenBefore":1}]}');
    expect(sourcesHash(folder)).not.toBe(before);
  });
});

/** Every file and package that the build loads, by what it imports as values or types. */
function loadedBy(entry: string, found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const { fileName } of ts.preProcessFile(readFileSync(join(root, entry), 'utf8')).importedFiles) {
    if (!fileName.startsWith('.')) found.add(fileName);
    else loadedBy(relative(root, join(root, dirname(entry), fileName)).replace(/\.js$/, '.ts'), found);
  }
  return found;
}

test('all that the build loads is in the hash', () => {
  const loaded = [...loadedBy('flash-scripts/build/build.ts')];
  expect(loaded.length).toBeGreaterThan(15);
  const missing = loaded.filter(
    (name) =>
      !name.startsWith('flash-scripts/build/') &&
      !name.startsWith('node:') &&
      ![...SOURCE_FILES, ...BUILD_PACKAGES].includes(name),
  );
  expect(missing).toEqual([]);
});

describe('a program', () => {
  const program = { bundle: 'bundle \xe9', overlays: { 'curve.js': 'curve', 'desk.js': 'desk \xff' } };

  test('is read as it was written, and nothing of another role with it', () => {
    writeProgram('user-token', program, folder);
    writeProgram('shop-terminal', { bundle: 'other', overlays: { 'till.js': '' } }, folder);
    expect(readProgram('user-token', folder)).toEqual(program);
    expect(readdirSync(folder).filter((name) => !name.endsWith('.js'))).toEqual([]);
  });

  test('is not there before its bundle is: overlays alone are a build that was stopped', () => {
    writeProgram('user-token', program, folder);
    rmSync(bundlePath('user-token', '', folder));
    expect(readProgram('user-token', folder)).toBeNull();
  });

  test('that was not built from the sources as they are is refused: no command builds it by the way', async () => {
    await expect(programFrom('user-token', folder, null)).rejects.toMatchObject({ code: 'BUNDLES_OUTDATED' });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is taken from the place of tests only where it is not built', async () => {
    const own = join(folder, 'own');
    writeProgram('user-token', program, own);
    expect(await programFrom('user-token', folder, own)).toEqual(program);
    const built = { bundle: 'built', overlays: {} };
    writeProgram('user-token', built, folder);
    expect(await programFrom('user-token', folder, own)).toEqual(built);
  });
});
