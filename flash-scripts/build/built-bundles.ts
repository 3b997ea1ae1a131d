/**
 * The bundles that boards are flashed with, built only when a source has changed: from dist/firmware-bundles where that
 * is newer than every source, else built and put there. Demo and tests take them from here.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildRole, bundlePath, BUNDLES_FOLDER, writeProgram, type Role } from './build.js';
import type { CutProgram } from './overlays.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

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

const building = new Map<Role, Promise<CutProgram>>();

/** The built program of a role; its overlays are the files beside it. */
function read(role: Role): CutProgram {
  const names = readdirSync(BUNDLES_FOLDER).flatMap((name) =>
    name.startsWith(`${role}.`) && name.endsWith('.js') ? [name.slice(role.length + 1)] : [],
  );
  const overlays = names
    .filter((name) => name !== 'js')
    .map((name) => [name, readFileSync(bundlePath(role, name), 'latin1')]);
  return { bundle: readFileSync(bundlePath(role), 'latin1'), overlays: Object.fromEntries(overlays) };
}

async function load(role: Role): Promise<CutProgram> {
  const path = bundlePath(role);
  const changedMs = Math.max(...SOURCES.map((folder) => newest(join(packageRoot(), folder))));
  if (existsSync(path) && statSync(path).mtimeMs > changedMs) return read(role);
  const { program } = await buildRole(role);
  writeProgram(role, program);
  return program;
}

/** The program of a role as boards are flashed with it. @throws BuildError */
export function builtProgram(role: Role): Promise<CutProgram> {
  let program = building.get(role);
  if (!program) building.set(role, (program = load(role)));
  return program;
}
