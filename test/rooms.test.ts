/**
 * Imports point one way (docs/architecture.md 6):
 * core <- crypto, wire, drivers <- user-token, shop-terminal; firmware imports nothing outside; the host takes only
 * core, crypto and wire from it; actors know the ledger's interface alone; the environment is read in two places.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../host-bridge/base/package-root.js';

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
const layerOf = (path: string): string => path.split('/').slice(0, 2).join('/');

const BELOW_BOARD = ['firmware/core', 'firmware/wire', 'firmware/records', 'firmware/nfc', 'firmware/panel'];

/** What each layer of firmware may import, besides itself. */
const BELOW: { [layer: string]: string[] } = {
  'firmware/core': [],
  'firmware/crypto': ['firmware/core'],
  'firmware/wire': ['firmware/core'],
  'firmware/nfc': ['firmware/core', 'firmware/wire'],
  'firmware/records': ['firmware/core'],
  'firmware/panel': ['firmware/core'],
  'firmware/board': BELOW_BOARD,
  'firmware/user-token': [...BELOW_BOARD, 'firmware/crypto', 'firmware/board'],
  'firmware/shop-terminal': [...BELOW_BOARD, 'firmware/crypto', 'firmware/board'],
};

/**
 * The one place where drivers look up: what the interpreter's natives must be, so that crypto can have them as an
 * argument.
 */
const makesNatives = ({ from, to, typeOnly }: Import): boolean =>
  typeOnly && from === 'firmware/board/espruino-natives.ts' && to === 'firmware/core/crypto-natives.ts';

const breaksLayers = (each: Import): boolean =>
  layerOf(each.from) !== layerOf(each.to) &&
  !(BELOW[layerOf(each.from)] ?? []).includes(layerOf(each.to)) &&
  !makesNatives(each);

/** Fills the records of a board in the interpreter, which only what reads them can write. */
const fillsRecords = ({ from, to }: Import): boolean =>
  from === 'host-bridge/bench/memory.ts' && /^firmware\/.*\/record(s|-log)\.ts$/.test(to);

/** The host takes the codecs; board-config.ts and the like only as types, whose meaning both sides share. */
const breaksHost = (each: Import): boolean => !fillsRecords(each) && breaksHostRule(each);
const breaksHostRule = ({ from, to, typeOnly }: Import): boolean =>
  !from.startsWith('firmware/') &&
  to.startsWith('firmware/') &&
  !/^firmware\/(core|crypto|wire)\//.test(to) &&
  !(typeOnly && to.startsWith('firmware/drivers/'));

/** Actors: no HTTP, no SQL, of the ledger its rules and its interface. */
const breaksActors = ({ from, to }: Import): boolean =>
  from.startsWith('host-bridge/houses/') &&
  (/^host-bridge\/(http|serial|emulator|demo|cli)/.test(to) ||
    /^(fastify|better-sqlite3|serialport|pino|commander|node:(http|https|net|fs|child_process|process))/.test(to) ||
    (to.startsWith('host-bridge/ledger/') && /sqlite|postgres|memory|database/.test(to)));

const firmware = sourcesIn('firmware').filter((path) => !path.endsWith('.d.ts'));
const host = [...sourcesIn('host-bridge'), ...sourcesIn('flash-scripts')];

test('there is something to look at', () => {
  expect(firmware.length).toBeGreaterThan(20);
  expect(host.length).toBeGreaterThan(20);
});

test('firmware: every layer imports only what lies below it, and nothing outside', () => {
  expect(show(firmware.flatMap((path) => importsOf(path)).filter(breaksLayers))).toEqual([]);
});

test('firmware: no file outside the layers', () => {
  expect(firmware.filter((path) => !BELOW[layerOf(path)])).toEqual([]);
});

test('host: of firmware only core, crypto and wire', () => {
  expect(show(host.flatMap((path) => importsOf(path)).filter(breaksHost))).toEqual([]);
});

test("actors: no HTTP, no SQL, the ledger's interface alone", () => {
  expect(show(host.flatMap((path) => importsOf(path)).filter(breaksActors))).toEqual([]);
});

test('imports of own files name files that exist', () => {
  const own = [...firmware, ...host]
    .flatMap((path) => importsOf(path))
    .filter(({ to }) => /^(firmware|host-bridge|flash-scripts)\//.test(to));
  expect(show(own.filter(({ to }) => !existsSync(join(root, to))))).toEqual([]);
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

test('the environment is read by the command line, and to find the interpreter', () => {
  const allowed = ['host-bridge/cli.ts', 'host-bridge/emulator/find-interpreter.ts'];
  expect(host.flatMap((path) => environmentReads(path)).filter((path) => !allowed.includes(path))).toEqual([]);
});

describe('the rules see what breaks them', () => {
  const bad = (path: string, text: string, breaks: (each: Import) => boolean): number =>
    importsOf(path, text).filter(breaks).length;

  test.each([
    ['firmware/core/x.ts', "import { a } from '../wire/codec.js';"],
    ['firmware/wire/x.ts', "import type { A } from '../crypto/field.js';"],
    ['firmware/drivers/x.ts', "export { a } from '../user-token/purse.js';"],
    ['firmware/board/espruino-natives.ts', "import { Natives } from './crypto/crypto-kit.js';"],
    ['firmware/user-token/x.ts', "import { a } from '../shop-terminal/till.js';"],
    ['firmware/crypto/x.ts', "import { createHash } from 'node:crypto';"],
    ['firmware/shop-terminal/x.ts', "const x = import('../host-bridge/base/errors.js');"],
  ])('layers: %s %s', (path, text) => {
    expect(bad(path, text, breaksLayers)).toBe(1);
  });

  test.each([
    ['host-bridge/bridge/x.ts', "import { a } from '../firmware/user-token/purse.js';"],
    ['host-bridge/bridge/x.ts', "import { a } from '../firmware/core/clock.js';"],
    ['flash-scripts/x.ts', "import type { A } from '../firmware/shop-terminal/till.js';"],
  ])('host: %s %s', (path, text) => {
    expect(bad(path, text, breaksHost)).toBe(1);
  });

  test.each([
    ['host-bridge/houses/x.ts', "import { a } from '../ledger/sqlite/sqlite-books.js';"],
    ['host-bridge/houses/x.ts', "import { a } from '../http/server.js';"],
    ['host-bridge/houses/x.ts', "import Database from 'better-sqlite3';"],
  ])('actors: %s %s', (path, text) => {
    expect(bad(path, text, breaksActors)).toBe(1);
  });

  test.each(['const a = process.env.HOME;', "const a = process['env'];", "import { env } from 'node:process';"])(
    'environment: %s',
    (text) => {
      expect(environmentReads('host-bridge/bridge/x.ts', text)).toHaveLength(1);
    },
  );
});
