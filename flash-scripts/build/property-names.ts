/**
 * Which property names of the firmware the build may shorten: those that it declares itself and that nothing else
 * reads.
 *
 * A name is kept when Espruino or the language gives or takes it (espruino.d.ts, TypeScript's lib.es5.d.ts), when it
 * stands in a file of a board (board-configs, board-files.ts), or when it occurs anywhere as a text. The names of a
 * message's fields are no texts in this sense: a layout declares them, and minify.ts shortens them there as everywhere
 * else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { boardKeys } from './bundle-files.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';

/** Firmware whose names are the interpreter's. */
const INTERPRETER = 'espruino.d.ts';

/** Its texts are kinds of fields, which are compared only. */
const CODEC = join('wire', 'codec.ts');

/** Makes a layout; the first text of each of its fields is the field's name. */
export const LAYOUT_MAKER = 'defineMessage';

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
}

function isFieldName(node: ts.StringLiteralLike): boolean {
  const field = node.parent;
  const call = field.parent?.parent;
  return (
    ts.isArrayLiteralExpression(field) &&
    field.elements[0] === node &&
    !!call &&
    ts.isCallExpression(call) &&
    call.expression.getText() === LAYOUT_MAKER
  );
}

/** Calls back with each name that a source declares as a property, method or field, and with each text in it. */
function look(path: string, declared: (name: string) => void, text: (value: string) => void): void {
  const visit = (node: ts.Node): void => {
    const named =
      ts.isPropertySignature(node) ||
      ts.isMethodSignature(node) ||
      ts.isPropertyDeclaration(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isPropertyAssignment(node) ||
      ts.isShorthandPropertyAssignment(node);
    if (named && ts.isIdentifier(node.name)) declared(node.name.text);
    if (ts.isStringLiteralLike(node)) (isFieldName(node) ? declared : text)(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true));
}

/** Names that may be shortened, sorted. */
export function shortenableNames(): string[] {
  const own = new Set<string>();
  const kept = new Set<string>();
  const keep = (name: string): void => void kept.add(name);
  const firmware = join(packageRoot(), 'firmware');
  const ignore = (): void => undefined;
  for (const name of sourcesIn(firmware)) {
    look(
      join(firmware, name),
      name === INTERPRETER ? keep : (each) => void own.add(each),
      name === CODEC ? ignore : keep,
    );
  }
  look(join(dirname(ts.getDefaultLibFilePath({})), 'lib.es5.d.ts'), keep, keep);
  boardKeys().forEach(keep);
  look(join(packageRoot(), 'flash-scripts', 'provision', 'board-files.ts'), keep, keep);
  return [...own].filter((name) => !kept.has(name) && name.length > 2).sort();
}
