/**
 * Second half of the build: one function of all modules (rollup), made short (terser).
 *
 * Everything lies in one function, so that module-level names are locals of one scope. Each option that is set here was
 * tried in Espruino 2v29; what terser may still do wrong is put right or refused afterwards (repair.ts,
 * refuse-output.ts).
 */
import { dirname, resolve } from 'node:path';
import { rollup } from 'rollup';
import { minify } from 'terser';
import type { MinifyOptions } from 'terser';
import { BuildError } from './build-error.js';
import type { CompiledModules } from './compile.js';
import { LOWERING_HELPERS } from './lower.js';
import { LAYOUT_MAKER } from './property-names.js';
import { parseBundle, walk } from './syntax-tree.js';
import { TextEdits } from './text-edits.js';
import { displayPath } from './display-path.js';

/** What the bundle brings because Espruino has no such global. */
const POLYFILLS: { [name: string]: string } = {
  // The message is what anybody reads; `instanceof` on errors is refused anyway.
  RangeError: 'var RangeError = Error;',
};

const START = '\0start';

/** Joins compiled modules to one self-calling function, ES5. @throws BuildError for circular imports */
export async function joinModules(compiled: CompiledModules): Promise<string> {
  const circular: string[] = [];
  const bundle = await rollup({
    input: START,
    onLog: (_level, log) => {
      if (log.code === 'CIRCULAR_DEPENDENCY') circular.push((log.ids ?? []).map(displayPath).join(' -> '));
    },
    plugins: [
      {
        name: 'compiled-modules',
        resolveId: (id, importer) => {
          if (id === START || importer === START) return id;
          const path = resolve(dirname(importer ?? ''), id.replace(/\.js$/, ''));
          // As the compiler found it (`moduleSuffixes` of firmware/tsconfig.json).
          return ['.board.ts', '.ts'].map((ending) => path + ending).find((file) => compiled.modules.has(file)) ?? null;
        },
        // The entry is imported for what it does, so that its exports (for tests) are dropped.
        load: (id) => (id === START ? `import ${JSON.stringify(compiled.entry)};` : (compiled.modules.get(id) ?? null)),
      },
    ],
  });
  // Rollup orders a circle somehow; whoever runs first sees the other's variables undefined.
  if (circular.length) {
    const problems = circular.map((path) => ({
      rule: 'circular-import',
      file: path.split(' ')[0]!,
      line: 1,
      column: 1,
      message: path,
    }));
    throw new BuildError('BUILD_REFUSED', 'modules that import each other:', problems);
  }
  const sources = [...compiled.modules.values()];
  const helpers = Object.keys(LOWERING_HELPERS).filter((name) => sources.some((source) => source.includes(`${name}(`)));
  const intro = [
    ...[...compiled.polyfills].map((name) => POLYFILLS[name]),
    ...helpers.map((name) => LOWERING_HELPERS[name]),
  ].join('\n');
  const { output } = await bundle.generate({
    format: 'iife',
    strict: false,
    esModule: false,
    generatedCode: 'es5',
    freeze: false,
    intro,
  });
  await bundle.close();
  return output[0].code;
}

/** Short names that mean something to whoever asks for a global by its name: a build's own display, natives, pins. */
const TAKEN = [
  'E',
  'g',
  ...['A', 'B', 'C', 'D'].flatMap((port) => Array.from({ length: 10 }, (_, i) => `${port}${i}`)),
];

const OPTIONS: MinifyOptions = {
  ecma: 5,
  compress: {
    // A layout that nobody uses is nothing.
    pure_funcs: [LAYOUT_MAKER],
    // Would drop "ram", Espruino's own directive.
    directives: false,
    passes: 2,
    // Would move a function that is called once into its caller, where Espruino skips over its text at every call.
    reduce_funcs: false,
    // Only functions of one return statement: a call costs more than such a body, and less than new variables.
    inline: 1,
    // Infinity is a name on Espruino, 1/0 a division each time.
    keep_infinity: true,
    // Would reorder and merge cases; Espruino takes no `case` after `default`.
    switches: false,
    // (function(){})() instead of !function(){}(): Espruino runs both, and people can read one.
    negate_iife: false,
    // hoist.ts does these, and must come last.
    hoist_funs: false,
    hoist_vars: false,
  },
  mangle: { toplevel: true, reserved: TAKEN },
  format: { ascii_only: true, comments: false, semicolons: true, wrap_iife: true },
};

/** Marks the names of fields in layouts as names of properties, for terser. */
function markFieldNames(code: string): string {
  const edits = new TextEdits(code);
  walk(parseBundle(code), (node) => {
    if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier' || node.callee.name !== LAYOUT_MAKER)
      return;
    const fields = node.arguments[0]!.type === 'ArrayExpression' ? node.arguments[0].elements : [null];
    for (const field of fields) {
      const name = field?.type === 'ArrayExpression' && field.elements[0];
      if (!name || name.type !== 'Literal')
        throw new BuildError('BUILD_FAILED', `${LAYOUT_MAKER}: a list of fields written out expected`);
      edits.insert(name.start, '/*@__KEY__*/');
    }
  });
  return edits.toString();
}

/**
 * Makes code short.
 * @param short false leaves names and layout alone, for measuring and for reading
 * @param names properties that may be shortened too (property-names.ts)
 */
export async function shorten(code: string, short: boolean, names: string[] = []): Promise<string> {
  // `builtins`: which names are the language's or the interpreter's is known; terser's list has all of a browser's,
  // too.
  const properties = names.length ? { regex: new RegExp(`^(?:${names.join('|')})$`), builtins: true } : false;
  const options: MinifyOptions = short
    ? { ...OPTIONS, mangle: { toplevel: true, reserved: TAKEN, properties } }
    : { ...OPTIONS, compress: false, mangle: false, format: { ...OPTIONS.format, beautify: true } };
  const result = await minify(markFieldNames(code), options);
  return result.code ?? '';
}
