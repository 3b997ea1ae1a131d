/**
 * The bundles that boards are flashed with, built only when a source has changed: from dist/firmware-bundles where that is
 * newer than every source, else built and put there. Demo and tests take them from here.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildRole, bundlePath, type Role } from './build.js';
import { packageRoot } from './package-root.js';

/** Folders whose files decide what a bundle is: the firmware, and the build itself. */
const SOURCES = ['firmware', 'flash-scripts'];

/** When a file below the folder was last changed, milliseconds. */
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
  const changedMs = Math.max(...SOURCES.map((folder) => newest(join(packageRoot(), folder))));
  if (existsSync(path) && statSync(path).mtimeMs > changedMs) return readFileSync(path, 'latin1');
  const { code } = await buildRole(role);
  mkdirSync(dirname(path), { recursive: true });
  // Several processes may build at once: each writes a file of its own, and the last rename stays.
  writeFileSync(`${path}.${process.pid}`, code, 'latin1');
  renameSync(`${path}.${process.pid}`, path);
  return code;
}

/** The bundle of a role. @throws BuildError */
export function builtBundle(role: Role): Promise<string> {
  let bundle = building.get(role);
  if (!bundle) building.set(role, (bundle = load(role)));
  return bundle;
}
