/**
 * Runs the tests by Jest, two files more at a time than there are processors: some wait for a port, a process or the
 * time that a tap takes.
 *
 *     npm test                              all, after a build
 *     npm run test:room -- nfc              the tests of one room or more
 *     npm run test:long                     the long form of every test that has one (test/kit/extent.ts)
 *     npm run test:long -- simulation       of those files only
 *         --seeds 1000                      lives of a simulation
 *         --first-seed 7                    the first life, and other inputs of every property; without it 1
 *         --minutes 30                      further seeds for so long
 *         --all                             nothing left out, also what takes hours
 *
 * Other options go to Jest.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TEST = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(TEST);
/** Options of the long form, and what they are in test/kit/extent.ts. */
const LONG = { seeds: 'number', 'first-seed': 'number', minutes: 'number', all: 'boolean' };

function fail(text) {
  console.error(text);
  process.exit(2);
}

function jest(args) {
  const bin = createRequire(import.meta.url).resolve('jest/bin/jest');
  if (!args.some((arg) => /^(-i|-w|--runInBand|--maxWorkers)/.test(arg)))
    args = [`--maxWorkers=${availableParallelism() + 2}`, ...args];
  process.exit(spawnSync(process.execPath, [bin, ...args], { cwd: ROOT, stdio: 'inherit' }).status ?? 1);
}

function room(args) {
  const rooms = readdirSync(TEST, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'kit')
    .map((entry) => entry.name);
  const named = args.filter((arg) => !arg.startsWith('-'));
  const unknown = named.filter((name) => !existsSync(join(TEST, name)) || !rooms.includes(name.split('/')[0]));
  if (named.length === 0 || unknown.length > 0)
    fail(`${unknown.length > 0 ? `No tests for: ${unknown.join(', ')}\n` : ''}Rooms: ${rooms.join(' ')}`);
  jest([...args.filter((arg) => arg.startsWith('-')), ...named.map((name) => `test/${name}/`)]);
}

/** Whether a file of this folder imports test/kit/extent.ts, itself or by what it imports. */
function hasLongForm(path, seen = new Set()) {
  if (seen.has(path) || !path.startsWith(TEST) || !existsSync(path)) return false;
  seen.add(path);
  const imported = [...readFileSync(path, 'utf8').matchAll(/from '(\.[^']+)\.js'/g)].map(([, name]) =>
    join(dirname(path), `${name}.ts`),
  );
  return imported.some((one) => one === join(TEST, 'kit', 'extent.ts') || hasLongForm(one, seen));
}

/** Test files that have a long form. */
function filesWithLongForm() {
  return readdirSync(TEST, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(TEST, name))
    .filter((path) => hasLongForm(path));
}

function long(args) {
  const { values, positionals, tokens } = parseArgs({ args, options: {}, strict: false, tokens: true });
  const longForms = {};
  const passedOn = [];
  for (const [name, value] of Object.entries(values)) {
    const key = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
    if (!(name in LONG)) passedOn.push(value === true ? `--${name}` : `--${name}=${value}`);
    else if (LONG[name] === 'boolean') longForms[key] = true;
    else {
      // "--seeds 10" and "--seeds=10" alike.
      const token = tokens.find((each) => each.kind === 'option' && each.name === name);
      const next = tokens.find((each) => each.kind === 'positional' && each.index === token.index + 1);
      const given = token.value ?? next?.value;
      if (token.value === undefined && next) positionals.splice(positionals.indexOf(next.value), 1);
      longForms[key] = Number(given);
      if (!(longForms[key] > 0)) fail(`--${name} needs a number`);
    }
  }
  const files = filesWithLongForm().filter(
    (path) => positionals.length === 0 || positionals.some((part) => relative(ROOT, path).includes(part)),
  );
  if (files.length === 0) fail(`No long form in a file named ${positionals.join(', ')}`);
  // A day: only a test that hangs gets there.
  jest([
    '--globals',
    JSON.stringify({ longForms }),
    '--testTimeout=86400000',
    ...passedOn,
    '--runTestsByPath',
    ...files,
  ]);
}

const [what, ...args] = process.argv.slice(2);
if (what === 'all') jest(args);
else if (what === 'room') room(args);
else if (what === 'long') long(args);
else fail('all, room or long?');
