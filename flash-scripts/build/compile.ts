/**
 * First half of the build: type check, source rules, and TypeScript to ES5, module by module.
 *
 * Follows firmware/tsconfig.json. Three things the compiler would get wrong for Espruino are rewritten before it emits
 * (lower.ts); what it cannot get right is refused (refuse.ts).
 */
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { BuildError } from './build-error.js';
import type { Problem } from './build-error.js';
import { lowerForEspruino } from './lower.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { findRefusals } from './refuse.js';
import { displayPath } from './display-path.js';

/** What compilation gave: ES5 modules by the absolute path of their source. */
export interface CompiledModules {
  entry: string;
  modules: Map<string, string>;
  /** Names of the standard library that Espruino lacks and the bundle must bring: `RangeError`. */
  polyfills: Set<string>;
}

/** The declaration files of the standard library, parsed once: they are most of what a build reads. */
const libraryFiles = new Map<string, ts.SourceFile | undefined>();

function createHost(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options, true);
  const readSource = host.getSourceFile.bind(host);
  const libraryFolder = dirname(ts.getDefaultLibFilePath(options));
  host.getSourceFile = (fileName, ...rest) => {
    if (dirname(resolve(fileName)) !== libraryFolder) return readSource(fileName, ...rest);
    if (!libraryFiles.has(fileName)) libraryFiles.set(fileName, readSource(fileName, ...rest));
    return libraryFiles.get(fileName);
  };
  return host;
}

function readOptions(root: string): ts.CompilerOptions {
  const path = join(root, 'firmware', 'tsconfig.json');
  const file = ts.readConfigFile(path, (name) => ts.sys.readFile(name));
  if (file.error) throw new BuildError('BUILD_FAILED', ts.flattenDiagnosticMessageText(file.error.messageText, '\n'));
  // `include` is not used here: what the entry imports is what is built.
  const { options } = ts.convertCompilerOptionsFromJson(
    (file.config as { compilerOptions: object }).compilerOptions,
    dirname(path),
  );
  return { ...options, noEmit: false, removeComments: true, newLine: ts.NewLineKind.LineFeed };
}

function typeProblem(diagnostic: ts.Diagnostic): Problem {
  const place =
    diagnostic.file && diagnostic.start !== undefined
      ? diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start)
      : { line: 0, character: 0 };
  return {
    rule: 'types',
    file: diagnostic.file ? displayPath(diagnostic.file.fileName) : 'firmware/tsconfig.json',
    line: place.line + 1,
    column: place.character + 1,
    message: `TS${diagnostic.code}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`,
  };
}

/**
 * Compiles an entry file and all that it imports.
 * @throws BuildError BUILD_TYPES or BUILD_REFUSED, with every place that is to blame
 */
export function compileModules(entryFile: string): CompiledModules {
  const root = packageRoot();
  const entry = resolve(entryFile);
  if (!ts.sys.fileExists(entry)) throw new BuildError('BUILD_NO_ENTRY', `no such file: ${displayPath(entry)}`);
  const options = readOptions(root);
  const program = ts.createProgram(
    [entry, ...['espruino.d.ts', 'overlay.d.ts'].map((name) => join(root, 'firmware', name))],
    options,
    createHost(options),
  );

  const sources = program.getSourceFiles().filter((file) => !file.isDeclarationFile);
  const refusals = findRefusals(program, sources, [join(root, 'firmware'), dirname(entry)]);
  const typeProblems = ts.getPreEmitDiagnostics(program).map(typeProblem);
  const problems = [...refusals.problems, ...typeProblems];
  if (refusals.problems.length) throw new BuildError('BUILD_REFUSED', 'Espruino would get this wrong:', problems);
  if (problems.length) throw new BuildError('BUILD_TYPES', 'the firmware does not type-check:', problems);

  const modules = new Map<string, string>();
  const keep: ts.WriteFileCallback = (_name, text, _bom, _error, from) => {
    for (const file of from ?? []) modules.set(resolve(file.fileName), text);
  };
  program.emit(undefined, keep, undefined, false, { before: [lowerForEspruino(program)] });
  return { entry, modules, polyfills: refusals.polyfills };
}
