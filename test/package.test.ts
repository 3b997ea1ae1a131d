/**
 * What package.json and its lock promise: exact versions, a decision on every install script, no host in the lock; and
 * `./tapcash`, which needs no npx.
 *
 * Install scripts. Allowed: better-sqlite3 and serialport's bindings, which compile where no prebuilt file fits.
 * Denied, since each only looks whether the prebuilt file that it came with is there: @swc/core, unrs-resolver,
 * @parcel/watcher. EspruinoTools (npm espruino) wants Bluetooth, USB and WebRTC packages for its other connections;
 * only three of its files are in use here (flash-scripts/flash/node/espruino-tools.ts), which load none of them, so
 * `overrides` puts an empty package in their place. Overrides hold in a checkout alone, so the package that is packed
 * has copies of the three files, and no dependency on theirs.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sourceFiles } from '../flash-scripts/build/bundle-files.js';
import { packageRoot } from '../host-bridge/base/package-root.js';

const root = packageRoot();
const read = (name: string): any => JSON.parse(readFileSync(join(root, name), 'utf8'));
const manifest = read('package.json');
const lock = read('package-lock.json').packages as Record<string, { hasInstallScript?: boolean; resolved?: string }>;

test('every version is exact', () => {
  const flat = (overrides: object): [string, string][] =>
    Object.entries(overrides).flatMap(([name, value]) => (typeof value === 'object' ? flat(value) : [[name, value]]));
  const all = [
    ...Object.entries<string>(manifest.dependencies),
    ...Object.entries<string>(manifest.devDependencies),
    ...flat(manifest.overrides),
  ];
  expect(all.length).toBeGreaterThan(30);
  expect(all.filter(([, version]) => !/^(\d+\.\d+\.\d+$|npm:[\w-]+@\d+\.\d+\.\d+$|\$)/.test(version))).toEqual([]);
});

test('every install script is allowed or denied', () => {
  const withScript = Object.keys(lock).filter((path) => lock[path]!.hasInstallScript);
  const names = new Set(withScript.map((path) => path.split('node_modules/').pop()!));
  expect([...names].sort()).toEqual(Object.keys(manifest.allowScripts).sort());
});

test('the lock names no host that packages come from', () => {
  expect(Object.keys(lock).filter((path) => lock[path]!.resolved !== undefined)).toEqual([]);
});

test('the package can be installed: it holds what decides its bundles, the bundles, and no test', () => {
  expect([manifest.private, manifest.bin.tapcash, manifest.engines.node]).toEqual([
    undefined,
    'dist/host-bridge/cli.js',
    expect.stringContaining('>=20'),
  ]);
  // Without scripts: what is there is listed, and nothing is built.
  const listed = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
  const [{ files }] = JSON.parse(listed.stdout) as [{ files: { path: string }[] }];
  const paths = new Set(files.map(({ path }) => path));
  // .ci/package runs it; here what would be missed, and what must not go out.
  expect(sourceFiles(root).filter((path) => !paths.has(path))).toEqual([]);
  expect(manifest.dependencies).not.toHaveProperty('espruino');
  for (const file of ['espruino.js', 'core/utils.js', 'core/serial.js', 'LICENSE'])
    expect([...paths]).toContain(`dist/espruino-tools/${file}`);
  expect([...paths].filter((path) => path.startsWith('board-configs/')).length).toBeGreaterThan(3);
  expect([...paths].filter((path) => /^(test|node_modules|[.]ci)[/]|[.](key|db)$/.test(path))).toEqual([]);
});

describe('./tapcash', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'tapcash-checkout-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('says what to do before npm ci', () => {
    copyFileSync(join(root, 'tapcash'), join(folder, 'tapcash'));
    const { status, stdout, stderr } = spawnSync(join(folder, 'tapcash'), ['audit'], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toContain(`Run npm ci in ${folder}`);
  });

  test('finds its checkout through a link, from any folder', () => {
    const link = join(folder, 'link');
    symlinkSync(join(folder, 'tapcash'), link);
    const { status, stderr } = spawnSync(link, [], { encoding: 'utf8', cwd: tmpdir() });
    expect([status, stderr]).toEqual([3, expect.stringContaining(`Run npm ci in ${folder}`)]);
  });
});
