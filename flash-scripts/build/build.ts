/**
 * Builds the firmware: TypeScript to one short ES5 bundle a role that means on Espruino what it means by ECMAScript.
 *
 *   compile.ts   type check, source rules (refuse*.ts), lowering, ES5 by module
 *   minify.ts    one function of all modules, terser; property-names.ts: which names of properties it may shorten
 *   overlays.ts  before, after and last: parts that lie in files of their own
 *   alias.ts     natives as variables of that function
 *   repair.ts    compound assignments and numbers that Espruino reads differently
 *   hoist.ts     declarations to the top of their function
 *   start-names.ts   names that a board deletes once it runs
 *   refuse-output.ts   a look at the result
 *   tokens.ts    reserved words and operators as the interpreter's own bytes
 *
 * Leaves out flashing and provisioning, and source maps: the interpreter could not use them.
 */
import { join, resolve } from 'node:path';
import { aliasNatives } from './alias.js';
import { BuildError } from './build-error.js';
import { bundlePath, currentBundles, readProgram, removeOldBundles, writeProgram } from './bundle-files.js';
import { compileModules } from './compile.js';
import { hoist } from './hoist.js';
import { joinModules, shorten } from './minify.js';
import { cutOverlays, gatherOverlays, gatherResidents, openBundle, type CutProgram } from './overlays.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { shortenableNames } from './property-names.js';
import { checkBundle, findHelpers } from './refuse-output.js';
import { repair } from './repair.js';
import { listStartNames } from './start-names.js';
import { detokenise, tokenise } from './tokens.js';
import { displayPath } from './display-path.js';
import { ROLES, type Role } from '../boards/roles.js';

export { BuildError } from './build-error.js';

/** Most bytes of a bundle. What does not fit and is rarely wanted goes into an overlay. */
export const BUDGET_BYTES = 48 * 1024;

export interface BuildOptions {
  /** false leaves names, layout and statements alone: for reading and for measuring. Default true. */
  minify?: boolean;
  /** Properties that may be shortened: property-names.ts. Default none, for code that others call by its names. */
  shortNames?: string[];
}

export interface Bundle {
  /** The bundle in letters: ES5, ASCII; one function, to run beside other programs. */
  code: string;
  /**
   * The program in the interpreter's tokens, characters 0 to 255, as boards are flashed with it; in letters if not
   * minified.
   */
  program: CutProgram;
  /** Of the bundle, without overlays. */
  bytes: number;
  /** What a builder should know and nobody must mend. */
  warnings: string[];
}

/**
 * Builds a bundle from any entry file.
 * @throws BuildError BUILD_NO_ENTRY, BUILD_TYPES, BUILD_REFUSED (with `problems`), BUILD_FAILED
 */
export async function buildBundle(entryFile: string, options: BuildOptions = {}): Promise<Bundle> {
  const compiled = compileModules(entryFile);
  const joined = await joinModules(compiled);
  const minify = options.minify !== false;
  const short = await shorten(aliasNatives(gatherOverlays(joined)), minify, options.shortNames);
  const code = listStartNames(hoist(repair(gatherResidents(short))));
  const problems = [...findHelpers(joined), ...checkBundle(code)];
  if (problems.length)
    throw new BuildError('BUILD_REFUSED', 'the finished bundle would not run right on Espruino:', problems);
  const letters = cutOverlays(code);
  const opened = { ...letters, bundle: openBundle(letters.bundle) };
  const program = minify ? inTokens(opened) : opened;
  const bytes = program.bundle.length;
  return { code: letters.bundle, program, bytes, warnings: sizeWarnings(bytes, displayPath(resolve(entryFile))) };
}

function sizeWarnings(bytes: number, entry: string): string[] {
  return bytes > 0.9 * BUDGET_BYTES ? [`${entry}: ${bytes} bytes, the budget is ${BUDGET_BYTES}`] : [];
}

/** A program in tokens. @throws BuildError where they would not mean the same code, letter for letter */
function inTokens({ bundle, overlays }: CutProgram): CutProgram {
  const convert = (code: string): string => {
    const tokens = tokenise(code);
    if (detokenise(tokens) !== code) throw new BuildError('BUILD_FAILED', 'the bundle in tokens is not the bundle');
    return tokens;
  };
  return {
    bundle: convert(bundle),
    overlays: Object.fromEntries(Object.entries(overlays).map(([file, code]) => [file, convert(code)])),
  };
}

/** Builds the bundle of a role from its main file. @throws BuildError */
export function buildRole(role: Role, options: BuildOptions = {}): Promise<Bundle> {
  return buildBundle(join(packageRoot(), 'firmware', role, 'main.ts'), { shortNames: shortenableNames(), ...options });
}

export interface RunOptions {
  roles?: readonly string[];
  /** Where to; default where commands look for bundles. Bundles that are there already are kept. */
  outDir?: string;
  /** Most bytes of a bundle. Default `BUDGET_BYTES`. */
  budgetBytes?: number;
  /** Lines for a program instead of for people. */
  json?: boolean;
  log?: (line: string) => void;
}

/** One role's line in the result. */
export interface RunResult {
  role: Role;
  file: string;
  bytes: number;
  /** Bytes of its overlays together; the budget is for the bundle. */
  overlayBytes: number;
  budgetBytes: number;
  ms: number;
  /** Whether it was there already, built from the same sources. */
  kept: boolean;
  warnings: string[];
}

/** Bytes of a program's overlays together. */
export function overlayBytes({ overlays }: CutProgram): number {
  return Object.values(overlays).reduce((sum, code) => sum + code.length, 0);
}

function checkRoles(roles: readonly string[]): Role[] {
  for (const role of roles) {
    if (!(ROLES as readonly string[]).includes(role))
      throw new BuildError('BUILD_NO_ENTRY', `no role ${role}: there are ${ROLES.join(' and ')}`);
  }
  return roles as Role[];
}

function describeResult({ role, bytes, overlayBytes, budgetBytes, ms, kept }: RunResult): string {
  const used = Math.round((bytes / budgetBytes) * 100);
  return `${role.padEnd(14)} ${String(bytes).padStart(6)} bytes  ${String(used).padStart(3)}% of ${budgetBytes}  overlays ${overlayBytes} bytes  (${kept ? 'its sources have not changed' : `${ms} ms`})`;
}

/** A role's program: what is there if it may be kept, else built and written. */
async function buildOrKeep(role: Role, folder: string, options: RunOptions): Promise<RunResult> {
  const startMs = performance.now();
  const there = options.outDir === undefined ? readProgram(role, folder) : null;
  if (!there && !options.json) options.log?.(`building ${role} ...`);
  const program = there ?? (await buildRole(role)).program;
  if (!there) writeProgram(role, program, folder);
  const bytes = program.bundle.length;
  return {
    role,
    file: bundlePath(role, '', folder),
    bytes,
    overlayBytes: overlayBytes(program),
    budgetBytes: options.budgetBytes ?? BUDGET_BYTES,
    ms: Math.round(performance.now() - startMs),
    kept: there !== null,
    warnings: sizeWarnings(bytes, `firmware/${role}/main.ts`),
  };
}

/**
 * `tapcash build`: builds roles, writes their bundles, prints sizes against the budget.
 * Every role is built and written before one that is too big stops the command.
 * @throws BuildError, also BUILD_TOO_BIG; its `code` decides the exit code, which is never 0
 */
export async function runBuild(options: RunOptions = {}): Promise<RunResult[]> {
  const log = options.log ?? ((line: string) => console.log(line));
  const folder = options.outDir ?? currentBundles();
  const results: RunResult[] = [];
  for (const role of checkRoles(options.roles?.length ? options.roles : ROLES)) {
    const result = await buildOrKeep(role, folder, { ...options, log });
    results.push(result);
    if (!options.json) for (const line of [describeResult(result), ...result.warnings]) log(line);
  }
  if (options.outDir === undefined) removeOldBundles();
  const tooBig = results.filter((each) => each.bytes > each.budgetBytes);
  if (options.json) log(JSON.stringify({ ok: tooBig.length === 0, bundles: results }));
  if (tooBig.length) {
    throw new BuildError(
      'BUILD_TOO_BIG',
      `over the budget of ${tooBig[0]!.budgetBytes} bytes: ${tooBig.map((each) => `${each.role} by ${each.bytes - each.budgetBytes}`).join(', ')}`,
    );
  }
  return results;
}
