/**
 * Where built bundles lie, and which sources they were built from.
 *
 * Bundles are kept by content: dist/firmware-bundles/<hash of all that decides them>/. So what is there is never
 * written again, a running demo keeps its bundles, and a changed source is seen whatever its date. Loads no compiler:
 * every command that needs a bundle reads it here.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Role } from '../boards/roles.js';
import type { CutProgram } from './overlays.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

/** The folder of built bundles; one folder in it for each state of the sources. */
export const BUNDLES_FOLDER = join(packageRoot(), 'dist', 'firmware-bundles');

/** Folders all of whose sources decide what a bundle is: the firmware, and the build itself. */
const SOURCE_FOLDERS = ['firmware', 'flash-scripts/build'];

/** What the build reads besides: property-names.ts looks at the texts of board-files.ts. */
export const SOURCE_FILES = [
  'firmware/tsconfig.json',
  'flash-scripts/boards/roles.ts',
  'flash-scripts/provision/board-files.ts',
  'host-bridge/base/crypto/hash.ts',
  'host-bridge/base/package-root.ts',
];

/** Packages whose version decides what a bundle is. */
export const BUILD_PACKAGES = ['acorn', 'rollup', 'terser', 'typescript'];

/** Calls back with the names of all properties in a value that was read from JSON. */
function keysOf(value: unknown, add: (name: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    add(name);
    keysOf(inner, add);
  }
}

/** Names of properties in board configurations, sorted: the build shortens none of them. */
export function boardKeys(root = packageRoot()): string[] {
  const names = new Set<string>();
  const boards = join(root, 'board-configs');
  for (const file of readdirSync(boards).filter((name) => name.endsWith('.json')))
    keysOf(JSON.parse(readFileSync(join(boards, file), 'utf8')), (name) => void names.add(name));
  return [...names].sort();
}

/** Paths of all files that decide the bundles, from the root, sorted. */
export function sourceFiles(root: string): string[] {
  const inFolders = SOURCE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name.split('\\').join('/')}`),
  );
  return [...inFolders, ...SOURCE_FILES].sort();
}

/** Hash of all that decides the bundles, 16 hexadecimal digits; the same in every checkout of the same sources. */
export function sourcesHash(root = packageRoot()): string {
  const hash = createHash('sha256');
  for (const path of sourceFiles(root))
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  const require = createRequire(join(packageRoot(), 'package.json'));
  const versions = BUILD_PACKAGES.map((name) => (require(`${name}/package.json`) as { version: string }).version);
  return hash
    .update(JSON.stringify([boardKeys(root), versions]))
    .digest('hex')
    .slice(0, 16);
}

/** Where bundles of the sources as they are now lie, or will. */
export function currentBundles(): string {
  return join(BUNDLES_FOLDER, sourcesHash());
}

/** Where a role's bundle lies once it is built; or its overlay of that name. */
export function bundlePath(role: Role, overlay: string, folder: string): string {
  return join(folder, overlay ? `${role}.${overlay}` : `${role}.js`);
}

/** Writes a role's files, its bundle last, each complete or not at all: other processes may build them, too. */
export function writeProgram(role: Role, { bundle, overlays }: CutProgram, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [overlay, code] of [...Object.entries(overlays), ['', bundle] as const]) {
    const path = bundlePath(role, overlay, folder);
    writeFileSync(`${path}.${process.pid}`, code, 'latin1');
    renameSync(`${path}.${process.pid}`, path);
  }
}

/** The program of a role in a folder; null where it was not built. Its overlays are the files beside it. */
export function readProgram(role: Role, folder: string): CutProgram | null {
  if (!existsSync(bundlePath(role, '', folder))) return null;
  const overlays = readdirSync(folder)
    .filter((name) => name.startsWith(`${role}.`) && name.endsWith('.js') && name !== `${role}.js`)
    .map((name) => name.slice(role.length + 1))
    .map((overlay) => [overlay, readFileSync(bundlePath(role, overlay, folder), 'latin1')]);
  return { bundle: readFileSync(bundlePath(role, '', folder), 'latin1'), overlays: Object.fromEntries(overlays) };
}

/**
 * By what a program is named, 8 hexadecimal digits: all its overlays begin with it (overlays.ts, cutOverlays). Null for
 * one without overlays.
 */
export function programName({ overlays }: CutProgram): string | null {
  const [overlay] = Object.values(overlays);
  return /^"([0-9a-f]{8})"/.exec(overlay ?? '')?.[1] ?? null;
}

/** Removes the bundles of other states of the sources. */
export function removeOldBundles(): void {
  const current = sourcesHash();
  for (const name of existsSync(BUNDLES_FOLDER) ? readdirSync(BUNDLES_FOLDER) : [])
    if (name !== current) rmSync(join(BUNDLES_FOLDER, name), { recursive: true, force: true });
}
