/**
 * The bundles that boards are flashed with, built once for all tests: from dist/firmware-bundles where that is newer than
 * every source, else built and put there.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildRole, bundlePath, type Role } from '../flash-scripts/build.js';
import { packageRoot } from '../flash-scripts/package-root.js';

function newest(folder: string): number {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    time = Math.max(time, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return time;
}

const building = new Map<Role, Promise<string>>();

async function load(role: Role): Promise<string> {
  const path = bundlePath(role);
  const sources = Math.max(newest(join(packageRoot(), 'firmware')), newest(join(packageRoot(), 'flash-scripts')));
  if (existsSync(path) && statSync(path).mtimeMs > sources) return readFileSync(path, 'latin1');
  const { code } = await buildRole(role);
  mkdirSync(dirname(path), { recursive: true });
  // Several test processes may build at once: each writes a file of its own, and the last rename stays.
  writeFileSync(`${path}.${process.pid}`, code, 'latin1');
  renameSync(`${path}.${process.pid}`, path);
  return code;
}

/** The bundle of a role. @throws BuildError */
export function bundleOf(role: Role): Promise<string> {
  let bundle = building.get(role);
  if (!bundle) building.set(role, (bundle = load(role)));
  return bundle;
}
