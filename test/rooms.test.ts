/**
 * What a room may import (rooms.ts), for every room and every source file; that no files import each other in a circle,
 * types counted; and that the environment is read in one place. Each rule is shown to see what breaks it.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../host-bridge/base/package-root.js';
import { EXCEPTIONS, roomOf, ROOMS, roomsText } from './rooms.js';

const root = packageRoot();

interface Import {
  from: string;
  to: string;
  /** `import type`, or only types among the names: gone once compiled. */
  typeOnly: boolean;
}

function sourcesIn(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => `${folder}/${name.split('\\').join('/')}`);
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
}

/** What a file imports or re-exports, also by `import()` and `import("x").T`; own files by their path from the root. */
function importsOf(path: string, text = readFileSync(join(root, path), 'utf8')): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node, typeOnly: boolean): void => {
    if (!ts.isStringLiteralLike(specifier)) return;
    const name = specifier.text;
    const to = name.startsWith('.')
      ? relative(root, join(root, dirname(path), name))
          .split('\\')
          .join('/')
          .replace(/\.js$/, '.ts')
      : name;
    found.push({ from: path, to, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      const names = bindings && ts.isNamedImports(bindings) ? bindings.elements : undefined;
      add(
        node.moduleSpecifier,
        !!node.importClause &&
          (node.importClause.isTypeOnly ||
            (!node.importClause.name && !!names?.length && names.every((each) => each.isTypeOnly))),
      );
    }
    if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, node.isTypeOnly);
    // On a board `require` reaches Espruino's own modules, which espruino.d.ts lists.
    const requires =
      ts.isCallExpression(node) && node.expression.getText() === 'require' && !path.startsWith('firmware/');
    if (
      ts.isCallExpression(node) &&
      (requires || node.expression.kind === ts.SyntaxKind.ImportKeyword) &&
      node.arguments[0]
    )
      add(node.arguments[0], false);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    ts.forEachChild(node, visit);
  };
  visit(parse(path, text));
  return found;
}

const show = (imports: Import[]): string[] => imports.map(({ from, to }) => `${from} -> ${to}`);

const SOURCE = /^(firmware|flash-scripts|host-bridge|test)\//;
const isNodes = (name: string): boolean => name.startsWith('node:') || builtinModules.includes(name);

/** `@noble/curves/ed25519.js` is of the package `@noble/curves`; of Node's modules the first part counts. */
function packageOf(name: string): string {
  const parts = name.split('/');
  return parts.slice(0, name.startsWith('@') ? 2 : 1).join('/');
}

const isException = ({ from, to }: Import): boolean =>
  EXCEPTIONS.some((exception) => exception.from === from && exception.to.includes(to));

/** Whether the table forbids it. A file without a room may import nothing. */
function breaksTable(each: Import): boolean {
  const room = roomOf(each.from);
  if (!room) return true;
  if (isException(each)) return false;
  if (SOURCE.test(each.to)) {
    const target = roomOf(each.to);
    return !target || (target !== room && !room.may.includes(target.path));
  }
  const name = packageOf(each.to);
  return !room.outside.includes(name) && !(isNodes(name) && room.outside.includes('node:*'));
}

const firmware = sourcesIn('firmware');
const host = [...sourcesIn('host-bridge'), ...sourcesIn('flash-scripts')];
const ruled = [...firmware, ...host];
const tests = sourcesIn('test').filter((path) => !path.startsWith('test/build/fixtures/'));
const imports = new Map([...ruled, ...tests].map((path) => [path, importsOf(path)]));
const importsIn = (paths: string[]): Import[] => paths.flatMap((path) => imports.get(path) ?? []);

test('there is something to look at', () => {
  expect(firmware.length).toBeGreaterThan(20);
  expect(host.length).toBeGreaterThan(20);
  expect(tests.length).toBeGreaterThan(20);
});

test('every source file has a room, and every room has files', () => {
  expect(ruled.filter((path) => !roomOf(path))).toEqual([]);
  const used = new Set(ruled.map((path) => roomOf(path)?.path));
  expect(ROOMS.map(({ path }) => path).filter((path) => !used.has(path))).toEqual([]);
});

test('a row names rooms that there are, and only those above it', () => {
  const paths = ROOMS.map(({ path }) => path);
  expect(new Set(paths).size).toBe(paths.length);
  const wrong = ROOMS.flatMap(({ path, may }, at) =>
    may.filter((name) => !paths.slice(0, at).includes(name)).map((name) => `${path} may ${name}`),
  );
  expect(wrong).toEqual([]);
});

test.each(ROOMS.map(({ path }) => path))('%s imports what its row says', (path) => {
  const own = ruled.filter((file) => roomOf(file)?.path === path);
  expect(show(importsIn(own).filter(breaksTable))).toEqual([]);
});

test('every exception is still needed', () => {
  const found = new Set(show(importsIn(ruled)));
  const stale = EXCEPTIONS.flatMap(({ from, to }) => to.map((each) => `${from} -> ${each}`));
  expect(stale.filter((each) => !found.has(each))).toEqual([]);
});

test('imports of own files name files that exist', () => {
  const own = importsIn([...ruled, ...tests]).filter(({ to }) => SOURCE.test(to));
  expect(show(own.filter(({ to }) => !existsSync(join(root, to))))).toEqual([]);
});

test('docs/architecture.md shows the table', () => {
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
  const [, shown] = /<!-- rooms:[^>]*-->\n([\s\S]*?)\n<!-- end -->/.exec(text) ?? [];
  expect(shown?.trim()).toBe(roomsText());
});

/**
 * Groups of files that import each other in a circle: strongly connected components of more than one file, after
 * Tarjan (SIAM J. Computing 1, 1972), and files that import themselves.
 */
function circlesOf(all: Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of all) next.set(from, [...(next.get(from) ?? []), to]);
  const number = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const own = number.size;
    let low = own;
    number.set(file, own);
    stack.push(file);
    for (const to of next.get(file) ?? []) {
      if (!number.has(to)) low = Math.min(low, visit(to));
      else if (stack.includes(to)) low = Math.min(low, number.get(to)!);
    }
    lowest.set(file, low);
    if (low === own) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1 || next.get(file)?.includes(file)) circles.push(group.sort());
    }
    return low;
  };
  for (const file of next.keys()) if (!number.has(file)) visit(file);
  return circles;
}

test('no files import each other in a circle, counting types', () => {
  expect(circlesOf(importsIn([...ruled, ...tests]))).toEqual([]);
});

/** What Node has and a browser has not. */
const NODE_GLOBALS = ['Buffer', 'process', 'NodeJS', 'require', '__dirname', '__filename', 'global', 'setImmediate'];

/** Node's globals that a source names; a property or a variable of that name is none. */
function nodeGlobals(path: string, text = readFileSync(join(root, path), 'utf8')): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && NODE_GLOBALS.includes(node.text)) {
      const { parent } = node;
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertySignature(parent) && parent.name === node) ||
        (ts.isMethodSignature(parent) && parent.name === node);
      if (!isMember) found.push(`${path}: ${node.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(path, text));
  return found;
}

test("rooms that run in a browser too name none of Node's globals", () => {
  // The firmware's `process` and `require` are Espruino's; its build refuses what Espruino has not.
  const free = host.filter((path) => roomOf(path)?.nodeFree);
  expect(free.length).toBeGreaterThan(10);
  expect(free.flatMap((path) => nodeGlobals(path))).toEqual([]);
});

/** Where a source reads the environment. */
function environmentReads(path: string, text = readFileSync(join(root, path), 'utf8')): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isEnv = ts.isPropertyAccessExpression(node)
      ? node.name.text === 'env'
      : ts.isElementAccessExpression(node) && node.argumentExpression.getText().slice(1, -1) === 'env';
    if (isEnv && (node as ts.PropertyAccessExpression).expression.getText() === 'process') found.push(path);
    if (ts.isImportDeclaration(node) && /^(node:)?process$/.test((node.moduleSpecifier as ts.StringLiteral).text))
      found.push(path);
    ts.forEachChild(node, visit);
  };
  visit(parse(path, text));
  return found;
}

test('the environment is read by the command line alone', () => {
  const reads = host.flatMap((path) => environmentReads(path)).filter((path) => path !== 'host-bridge/cli.ts');
  expect(reads).toEqual([]);
});

describe('the rules see what breaks them', () => {
  const broken = (path: string, text: string): number => importsOf(path, text).filter(breaksTable).length;

  test.each([
    ['firmware/core/x.ts', "import { a } from '../wire/codec.js';"],
    ['firmware/wire/x.ts', "import type { A } from '../crypto/field.js';"],
    ['firmware/drivers/x.ts', "export { a } from '../user-token/purse.js';"],
    ['firmware/board/espruino-natives.ts', "import type { A } from '../crypto/field.js';"],
    ['firmware/user-token/x.ts', "import { a } from '../shop-terminal/till.js';"],
    ['firmware/crypto/x.ts', "import { createHash } from 'node:crypto';"],
    ['firmware/shop-terminal/x.ts', "const x = import('../../host-bridge/base/errors.js');"],
    ['firmware/x.ts', "import { a } from './core/bytes.js';"],
    ['host-bridge/bridge/x.ts', "import { a } from '../../firmware/user-token/purse.js';"],
    ['host-bridge/bridge/x.ts', "import { a } from '../../firmware/crypto/field.js';"],
    ['host-bridge/bridge/x.ts', "import type { A } from '../houses/issuer/issuer.js';"],
    ['host-bridge/bridge/x.ts', "import { a } from '../services/start.js';"],
    ['host-bridge/serial/x.ts', "import { a } from '../ledger/rules.js';"],
    ['host-bridge/base/x.ts', "import type { A } from '../ledger/store.js';"],
    ['host-bridge/base/x.ts', "import Database from 'better-sqlite3';"],
    ['host-bridge/audit/x.ts', "import { a } from '../houses/licensing.js';"],
    ['host-bridge/http/x.ts', "import type { A } from '../ledger/store.js';"],
    ['host-bridge/houses/x.ts', "import { a } from '../ledger/sqlite/sqlite-books.js';"],
    ['host-bridge/houses/x.ts', "import { a } from '../http/service.js';"],
    ['host-bridge/houses/x.ts', "import Database from 'better-sqlite3';"],
    ['host-bridge/houses/x.ts', "import { readFileSync } from 'node:fs';"],
    ['host-bridge/houses/x.ts', "import { readFileSync } from 'fs';"],
    ['host-bridge/houses/x.ts', "const fs = require('node:fs/promises');"],
    ['host-bridge/rig/x.ts', "import { a } from '../demo/report.js';"],
    ['host-bridge/emulator/x.ts', "import { a } from '../../flash-scripts/provision/board-files.js';"],
    ['host-bridge/attic/x.ts', "import { a } from '../base/errors.js';"],
    ['flash-scripts/boards/x.ts', "import type { A } from '../../firmware/shop-terminal/till.js';"],
    ['flash-scripts/boards/x.ts', "import { readFileSync } from 'node:fs';"],
    ['flash-scripts/provision/x.ts', "import { a } from '../flash/node/app-files.js';"],
    ['flash-scripts/flash/x.ts', "import { a } from '../../host-bridge/bridge/bridge.js';"],
    ['flash-scripts/x.ts', "import { a } from '../host-bridge/base/errors.js';"],
  ])('table: %s %s', (path, text) => {
    expect(broken(path, text)).toBe(1);
  });

  test.each([
    ['firmware/user-token/x.ts', "import { a } from './desk/desk.js';"],
    ['host-bridge/houses/x.ts', "import { randomBytes } from 'node:crypto';"],
    ['host-bridge/base/x.ts', "import { ed25519 } from '@noble/curves/ed25519.js';"],
    ['host-bridge/rig/x.ts', "import { mkdtempSync } from 'node:fs';"],
  ])('table: nothing wrong with %s %s', (path, text) => {
    expect(broken(path, text)).toBe(0);
  });

  test('circles', () => {
    const pairs = ['a b', 'b c', 'c a', 'c d', 'd e', 'e e', 'f g', 'g f', 'd g'];
    const all = pairs.map((pair) => ({ from: pair[0]!, to: pair[2]!, typeOnly: true }));
    expect(circlesOf(all).sort()).toEqual([['a', 'b', 'c'], ['e'], ['f', 'g']]);
    expect(circlesOf(all.filter(({ from }) => !'cefg'.includes(from)))).toEqual([]);
  });

  test.each(['Buffer.from("a")', 'let timer: NodeJS.Timeout;', 'const a = process.argv;', 'require("fs")'])(
    "Node's globals: %s",
    (text) => {
      expect(nodeGlobals('flash-scripts/flash/x.ts', text)).toHaveLength(1);
    },
  );

  test.each(['const a = board.process.memory();', 'print("process.memory()")', 'interface A { process: number }'])(
    "Node's globals: nothing wrong with %s",
    (text) => {
      expect(nodeGlobals('flash-scripts/flash/x.ts', text)).toEqual([]);
    },
  );

  test.each(['const a = process.env.HOME;', "const a = process['env'];", "import { env } from 'node:process';"])(
    'environment: %s',
    (text) => {
      expect(environmentReads('host-bridge/bridge/x.ts', text)).toHaveLength(1);
    },
  );
});
