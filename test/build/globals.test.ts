/** What firmware can name: Espruino's globals, as the interpreter has them, and nothing of DOM or Node. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { buildBundle } from '../../flash-scripts/build/build.js';
import type { BuildError } from '../../flash-scripts/build/build.js';
import { findRefusals } from '../../flash-scripts/build/refuse.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { interpreterTest, runInEspruino } from './fixture-runner.js';

/** Builds a source that stands among the fixtures for a moment; the rules that it breaks. */
async function problemsOf(source: string): Promise<string[]> {
  const folder = mkdtempSync(join(packageRoot(), 'test', 'build', 'tmp-'));
  try {
    const file = join(folder, 'source.ts');
    writeFileSync(file, source);
    await buildBundle(file);
    return [];
  } catch (error) {
    return (error as BuildError).problems.map(({ rule, line, message }) => `${rule} ${line} ${message}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const OUTSIDE = (
  'window document navigator location localStorage fetch XMLHttpRequest WebSocket crypto performance console alert atob btoa ' +
  'Buffer __dirname __filename module exports setImmediate queueMicrotask TextEncoder TextDecoder URL structuredClone globalThis.document ' +
  'Map Set WeakMap Symbol Proxy Reflect BigInt Promise Intl Atomics SharedArrayBuffer'
).split(' ');

test('no DOM, Node or later ECMAScript global can be named', async () => {
  const source =
    OUTSIDE.map((name, i) => `const v${i} = ${name};`).join('\n') +
    `\nprint(${OUTSIDE.map((_, i) => `v${i}`).join(', ')});`;
  const lines = (await problemsOf(source))
    .filter((problem) => /^(types|library) /.test(problem))
    .map((problem) => Number(problem.split(' ')[1]));
  expect([...new Set(lines)].sort((a, b) => a - b)).toEqual(OUTSIDE.map((_, i) => i + 1));
});

test.each(['process.argv', 'process.exit(1)', "require('fs')", "require('node:crypto')", 'E.hwRand()', 'Serial1.path'])(
  '%s cannot be named',
  async (expression) => {
    expect(await problemsOf(`print(${expression});`)).toEqual([expect.stringMatching(/^types 1 /)]);
  },
);

/** Names and member names that espruino.d.ts declares as values. */
function declaredValues(): string[] {
  const path = join(packageRoot(), 'firmware', 'espruino.d.ts');
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES5, true);
  const interfaces = new Map<string, string[]>();
  const members = (node: ts.Node): string[] => {
    if (ts.isTypeReferenceNode(node)) return interfaces.get(node.typeName.getText()) ?? [];
    return ts.isTypeLiteralNode(node) || ts.isInterfaceDeclaration(node)
      ? node.members.flatMap((each) => (each.name ? [each.name.getText()] : []))
      : [];
  };
  const found: string[] = [];
  file.forEachChild((node) => void (ts.isInterfaceDeclaration(node) && interfaces.set(node.name.text, members(node))));
  file.forEachChild((node) => {
    if (ts.isFunctionDeclaration(node) && node.name!.text !== 'require') found.push(node.name!.text);
    if (ts.isFunctionDeclaration(node) && node.name!.text === 'require') {
      const module = node.parameters[0]!.type!.getText();
      // There is no radio on Linux.
      if (module !== "'Wifi'") found.push(...members(node.type!).map((member) => `require(${module}).${member}`));
    }
    if (!ts.isVariableStatement(node)) return;
    for (const { name, type } of node.declarationList.declarations)
      found.push(name.getText(), ...members(type!).map((member) => `${name.getText()}.${member}`));
  });
  return found;
}

interpreterTest('everything that is declared exists', () => {
  const names = declaredValues();
  expect(names.length).toBeGreaterThan(70);
  const lines = runInEspruino(names.map((name) => `if(typeof ${name}==="undefined")print("${name}");`).join('\n'));
  expect(lines).toEqual([]);
});

/** Applies the rules to sources that only a program knows, at places in firmware/. */
function refusalsAt(path: string, source: string): string[] {
  const root = packageRoot();
  const file = join(root, 'firmware', path);
  const options: ts.CompilerOptions = { target: ts.ScriptTarget.ES5, lib: ['lib.es5.d.ts'], types: [], strict: true };
  const host = ts.createCompilerHost(options, true);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, source, ts.ScriptTarget.ES5, true) : read(name, ...rest);
  const program = ts.createProgram([file, join(root, 'firmware', 'espruino.d.ts')], options, host);
  return findRefusals(program, [program.getSourceFile(file)!], [join(root, 'firmware')]).problems.map(
    ({ rule, line }) => `${rule} ${line}`,
  );
}

const NAMED =
  'export function f(bus: { write(data: string): void }): void {\n  bus.write("x");\n  print(getTime());\n  const port: SerialPort = Serial1;\n  port.write("x");\n}\n';

test.each(['core', 'crypto', 'wire', 'nfc', 'records', 'panel', 'board'])(
  "%s names none of Espruino's globals, nor their types",
  (folder) => {
    expect(refusalsAt(`${folder}/probe.ts`, NAMED)).toEqual([
      'device-global 3',
      'device-global 3',
      'device-global 4',
      'device-global 4',
    ]);
  },
);

test.each(['user-token/probe.ts', 'shop-terminal/probe.ts', 'board/espruino-probe.ts'])('%s may', (path) => {
  expect(refusalsAt(path, NAMED)).toEqual([]);
});
