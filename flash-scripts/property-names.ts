/**
 * Which property names of the firmware the build may shorten: those that it declares itself and that nothing else reads.
 *
 * A name is kept when Espruino gives or takes it (espruino.d.ts, and the modules that stand next to the interpreter), when it
 * stands in a file of a board (board-configs, board-files.ts), or when it occurs anywhere as a text: codecs find the fields
 * of a message by their names. Names of the standard library are kept by terser.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { packageRoot } from './package-root.js';

/** Firmware whose names are the interpreter's. */
const INTERPRETERS = /^(espruino\.d|drivers[/\\]espruino-[a-z-]+)\.ts$/;

function filesIn(folder: string, extension: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(extension));
}

/** Calls back with each name that a source declares as a property or method, and with each text in it. */
function look(path: string, declared: (name: string) => void, text: (value: string) => void): void {
  const visit = (node: ts.Node): void => {
    const named = ts.isPropertySignature(node) || ts.isMethodSignature(node) || ts.isPropertyDeclaration(node) || ts.isMethodDeclaration(node) ||
      ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node);
    if (named && ts.isIdentifier(node.name)) declared(node.name.text);
    if (ts.isStringLiteralLike(node)) text(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, false));
}

function keysOf(value: unknown, add: (name: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    add(name);
    keysOf(inner, add);
  }
}

/** Names that may be shortened, sorted. */
export function shortenableNames(): string[] {
  const own = new Set<string>();
  const kept = new Set<string>();
  const keep = (name: string): void => void kept.add(name);
  const firmware = join(packageRoot(), 'firmware');
  for (const name of filesIn(firmware, '.ts')) look(join(firmware, name), INTERPRETERS.test(name) ? keep : (each) => void own.add(each), keep);
  const boards = join(packageRoot(), 'board-configs');
  for (const name of filesIn(boards, '.json')) keysOf(JSON.parse(readFileSync(join(boards, name), 'utf8')), keep);
  look(join(packageRoot(), 'flash-scripts', 'board-files.ts'), keep, keep);
  return [...own].filter((name) => !kept.has(name) && name.length > 2).sort();
}
