/**
 * Compiles a TypeScript source with all that it imports into a folder, so that a child process of a test can run it.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { transformSync } from '@swc/core';

const root = resolve(__dirname, '../..');

/** @param entry path of the source @returns path of the module to run */
export function compile(entry: string): string {
  const out = mkdtempSync(join(tmpdir(), 'tapcash-compiled-'));
  symlinkSync(join(root, 'node_modules'), join(out, 'node_modules'));
  writeFileSync(join(out, 'package.json'), '{"type":"module"}');
  const target = (source: string) => join(out, relative(root, source).replace(/\.ts$/, '.js'));
  const queue = [resolve(entry)];
  for (let i = 0; i < queue.length; i++) {
    const source = queue[i] as string;
    const text = readFileSync(source, 'utf8');
    const { code } = transformSync(text, {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    });
    mkdirSync(dirname(target(source)), { recursive: true });
    writeFileSync(target(source), code);
    for (const [, path] of code.matchAll(/from ["'](\.{1,2}\/[^"']+)\.js["']/g)) {
      const imported = resolve(dirname(source), `${path}.ts`);
      if (existsSync(imported) && !queue.includes(imported)) queue.push(imported);
    }
  }
  return target(resolve(entry));
}
