/**
 * What comments and documents name is there: files, folders, sections, anchors.
 *
 * A bare name (outbox.ts) means the file in the same folder, else the only one of that name in the same room, else the
 * only one in the repository. `docs/security.md 2` means a heading that begins with "2.". Left out: names of functions,
 * and files of other projects (`FOREIGN`).
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../host-bridge/base/package-root.js';

const root = packageRoot();

const FOLDERS = ['firmware', 'board-configs', 'flash-scripts', 'host-bridge', 'test', 'docs'];
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];

/** Files that are no part of the repository: of other projects, or made when something runs. */
const FOREIGN = new Set([
  'lib.es5.d.ts', // TypeScript's
  'PINS.md', // of the Cheap Yellow Display's project
  'bridge.json', // of a running bridge's data folder
]);

const slashed = (path: string): string => path.split('\\').join('/');

/** Every file of the repository by its path from the root, as far as it may be named. */
function filesOf(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${slashed(name)}`)
    .filter((path) => !path.includes('node_modules') && statSync(join(root, path)).isFile());
}

const files = [
  ...FOLDERS.flatMap(filesOf),
  ...readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : [])),
];
const fileSet = new Set(files);
const folderSet = new Set(files.flatMap((path) => parentsOf(path)));

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The text of all comments of a source, one under another. */
function commentsOf(text: string): string {
  const source = ts.createSourceFile('any.ts', text, ts.ScriptTarget.ES2022, true);
  const comments: string[] = [];
  const visit = (node: ts.Node): void => {
    const parts = node.getChildren(source).filter((child) => !ts.isJSDoc(child));
    if (parts.length > 0) return parts.forEach(visit);
    const before = text.slice(node.getFullStart(), node.getStart(source, false));
    if (before.includes('/')) comments.push(before);
  };
  visit(source);
  return comments.join('\n').replace(/\n[ \t]*(\*(?!\/)|\/\/)[ \t]?/g, '\n');
}

/** What a heading is called in links, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[`*]/g, '')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replace(/ /g, '-');

function headingsOf(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/^#+ +(.+)$/gm)].map((match) => match[1]!.trim());
}

const roomOf = (path: string): string => path.split('/').slice(0, 2).join('/');

/** The file that a name means in `from`; a text that says why there is no such one; null where there is. */
function faultOf(name: string, from: string): string | null {
  if (FOREIGN.has(basename(name))) return null;
  const here = dirname(from);
  const pattern = new RegExp(
    `(^|/)${name
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('[\\w.-]*')}(\\.test\\.ts)?$`,
  );
  if (name.includes('/')) {
    const direct = normalize(join(here, name));
    if (fileSet.has(name) || folderSet.has(name) || fileSet.has(slashed(direct))) return null;
    return files.some((path) => pattern.test(path)) ? null : `${name}: no such file`;
  }
  if (name.includes('*')) return files.some((path) => pattern.test(path)) ? null : `${name}: no such file`;
  const named = files.filter((path) => basename(path) === name);
  if (named.length === 0) return `${name}: no such file`;
  const nearest = [
    named.filter((path) => dirname(path) === here),
    named.filter((path) => roomOf(path) === roomOf(from)),
    named.filter((path) => path.split('/')[0] === from.split('/')[0]),
    named,
  ].find((some) => some.length > 0)!;
  return nearest.length === 1 ? null : `${name}: ${nearest.join(' or ')}?`;
}

const PATHS = new RegExp(`(?<![\\w./<-])(?:${FOLDERS.join('|')})/[\\w./*-]*[\\w*]`, 'g');
/** A file's name, with folders or without; no part of an address, an option or a wider name. */
const NAMES = /(?<![\w./:@<*-])(?:[\w*-][\w.*-]*\/)*[\w*-][\w.*-]*\.(?:ts|md|svg)(?![\w/])/g;
const SECTIONS = /\b([\w-]+\.md),? (?:section )?(\d+)\b/g;

/** Sections by number, which comments and documents name alike. */
function sectionFaults(text: string): string[] {
  return [...text.matchAll(SECTIONS)].flatMap(([said, document, number]) => {
    const path = files.find((each) => each.startsWith('docs/') && basename(each) === document);
    if (!path || headingsOf(path).some((heading) => heading.startsWith(`${number}. `))) return [];
    return [`${said}: no such section`];
  });
}

/** Everything wrong with what `text`, part of file `from`, names. */
function faultsOf(text: string, from: string): string[] {
  // Names that a line's end has cut are not looked for: comments are wrapped between words only.
  const names = new Set([...(text.match(PATHS) ?? []), ...(text.match(NAMES) ?? [])]);
  const faults = [...names].flatMap((name) => faultOf(name, from) ?? []);
  const unnamed = [...text.matchAll(/\b[A-Z]{4,}(?:\.md)?,? section/g)].map(([said]) => `${said}: which document?`);
  return [...faults, ...sectionFaults(text), ...unnamed].map((fault) => `${from}: ${fault}`);
}

/** Links of a document: files, and headings in them. */
function linkFaults(text: string, from: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
    if (/^[a-z]+:/.test(target!)) return [];
    const [file, anchor] = target!.split('#') as [string, string?];
    const path = file === '' ? from : slashed(normalize(join(dirname(from), file)));
    if (!fileSet.has(path) && !folderSet.has(path)) return [`${from}: ${target}: no such file`];
    if (anchor === undefined || headingsOf(path).some((heading) => anchorOf(heading) === anchor)) return [];
    return [`${from}: ${target}: no such heading`];
  });
}

const documents = [...DOCUMENTS, ...filesOf('docs').filter((path) => path.endsWith('.md'))].filter((path) =>
  fileSet.has(path),
);
const sources = FOLDERS.slice(0, -1)
  .flatMap(filesOf)
  .filter((path) => path.endsWith('.ts') && path !== 'test/docs.test.ts');

test('what is not there is found', () => {
  const wrong = (text: string): string[] => faultsOf(commentsOf(text), 'firmware/wire/payment.ts');
  expect(wrong('/** See codec.ts, nfc/iso-dep-client.ts, docs/security.md 2 and test/wire. */ let a;')).toEqual([]);
  expect(wrong('/** The rules of refuse*.ts. */ let a = "no-such.ts"; // host-bridge/bridge/outbox.ts')).toEqual([]);
  expect(wrong('const a = 1; // no-such.ts')).toEqual(['firmware/wire/payment.ts: no-such.ts: no such file']);
  expect(wrong('f(/* nfc/no-such.ts */);')).toEqual(['firmware/wire/payment.ts: nfc/no-such.ts: no such file']);
  expect(wrong('/** test/no-room/x */')).toEqual(['firmware/wire/payment.ts: test/no-room/x: no such file']);
  expect(wrong('/** main.ts */')).toHaveLength(1);
  expect(wrong('/** docs/security.md 99 */')).toEqual(['firmware/wire/payment.ts: security.md 99: no such section']);
  expect(wrong('/** DESIGN section 4 */')).toEqual(['firmware/wire/payment.ts: DESIGN section: which document?']);
  expect(linkFaults('[a](docs/security.md#2-flash-that-holds-money) [b](https://x.org/y)', 'README.md')).toEqual([]);
  expect(linkFaults('[a](docs/security.md#no) [b](no.md)', 'README.md')).toHaveLength(2);
});

test('comments name files, folders and sections that are there', () => {
  expect(sources.length).toBeGreaterThan(300);
  expect(sources.flatMap((path) => faultsOf(commentsOf(readFileSync(join(root, path), 'utf8')), path))).toEqual([]);
});

test('documents name files, folders, sections and headings that are there', () => {
  expect(documents.length).toBeGreaterThan(8);
  expect(
    documents.flatMap((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return [...faultsOf(text, path), ...linkFaults(text, path)];
    }),
  ).toEqual([]);
});
