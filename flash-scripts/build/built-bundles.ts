/**
 * The bundles that boards are flashed with, as `npm run build` (and `npm ci`, which runs it) left them. No command
 * builds them by the way: that takes seconds of two processors and would write below a demo that runs.
 */
import { join } from 'node:path';
import { failure } from '../../host-bridge/base/errors.js';
import { BUNDLES_FOLDER, readProgram, sourcesHash, writeProgram } from './bundle-files.js';
import type { Role } from '../boards/roles.js';
import type { CutProgram } from './overlays.js';

const loading = new Map<Role, Promise<CutProgram>>();
let ownFolder: string | null = null;

/**
 * From now on bundles that are not in dist are built into a folder of their own, once for each state of the sources,
 * instead of refused: for tests, which run the sources as they are.
 */
export function buildMissingInto(folder: string): void {
  ownFolder = folder;
}

/**
 * The program of a role from a folder of built bundles; from the own folder if it is not there.
 * @param own where it is built if it is in neither; null: it is refused
 * @throws TapcashError BUNDLES_OUTDATED
 */
export async function programFrom(role: Role, folder: string, own: string | null): Promise<CutProgram> {
  const built = readProgram(role, folder) ?? (own && readProgram(role, own));
  if (built) return built;
  if (!own) throw failure('BUNDLES_OUTDATED');
  // The compilers are loaded by whoever builds, and by nobody else.
  const { buildRole } = await import('./build.js');
  const { program } = await buildRole(role);
  writeProgram(role, program, own);
  return program;
}

async function load(role: Role): Promise<CutProgram> {
  const hash = sourcesHash();
  return programFrom(role, join(BUNDLES_FOLDER, hash), ownFolder && join(ownFolder, hash));
}

/**
 * The program of a role as boards are flashed with it.
 * @throws TapcashError BUNDLES_OUTDATED when its sources have changed since it was built; BuildError under test
 */
export function builtProgram(role: Role): Promise<CutProgram> {
  let program = loading.get(role);
  if (!program) loading.set(role, (program = load(role)));
  return program;
}
