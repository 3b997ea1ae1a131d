/**
 * The command line as data: every command says what it does and shows how, an option means the same everywhere, help
 * fits a terminal, and a command loads what it needs and no more.
 *
 * Runs what `npm run prepare` has built, as `npm test` does first.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createProgram } from '../../host-bridge/commands/program.js';
import { COMMANDS } from '../../host-bridge/commands/table/all-commands.js';
import { longFlag, type CommandSpec } from '../../host-bridge/commands/table/spec.js';
import { OPTIONS } from '../../host-bridge/commands/table/vocabulary.js';

/** A command and the words that call it. */
interface Named {
  path: string[];
  spec: CommandSpec;
}

const listed = (specs: readonly CommandSpec[], before: string[] = []): Named[] =>
  specs.flatMap((spec) => {
    const path = [...before, spec.name];
    return [{ path, spec }, ...listed(spec.commands ?? [], path)];
  });
const all = listed(COMMANDS);
const byName = new Map(all.map((one) => [one.path.join(' '), one]));

/** Words of an example, with what stands in quotes as one. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((found) => found[1] ?? found[2]!);

/** What is wrong with an example of a command; nothing: it is one. */
function faultsOf(line: string, { path, spec }: Named): string[] {
  const words = wordsOf(line);
  let depth = 0;
  while (depth < words.length && byName.has(words.slice(0, depth + 1).join(' '))) depth++;
  const called = byName.get(words.slice(0, depth).join(' '));
  if (!called || called.path.slice(0, path.length).join(' ') !== path.join(' ')) return [`${line}: another command`];
  const flags = new Map((called.spec.options ?? []).map((option) => [longFlag(option), option]));
  const faults: string[] = [];
  const values: string[] = [];
  for (let i = depth; i < words.length; i++) {
    const word = words[i]!;
    if (!word.startsWith('--')) values.push(word);
    else if (!flags.has(word)) faults.push(`${line}: no ${word}`);
    else if (flags.get(word)!.flags.includes('<')) i++;
  }
  const known = called.spec.arguments ?? [];
  const needed = known.filter(({ name }) => name.startsWith('<')).length;
  const most = known.some(({ name }) => name.includes('...')) ? Infinity : known.length;
  if (called.spec.run && (values.length < needed || values.length > most))
    faults.push(`${line}: ${values.length} values`);
  return spec.run || spec.commands ? faults : [`${line}: nothing to run`];
}

test('every command is described, does something or groups others, and has examples that it understands', () => {
  expect(all.length).toBeGreaterThan(45);
  for (const { path, spec } of all) {
    expect([path, spec.what.length > 5, !!(spec.run ?? spec.commands)]).toEqual([path, true, true]);
    expect([path, spec.examples?.length ?? 0]).not.toEqual([path, 0]);
  }
  expect(all.flatMap((one) => (one.spec.examples ?? []).flatMap((line) => faultsOf(line, one)))).toEqual([]);
});

test('an option is a word of the vocabulary and means the same in every command', () => {
  const words = new Map(Object.values(OPTIONS).map(({ flags, what }) => [longFlag({ flags }), `${flags} ${what}`]));
  // Two entries of one name would be two meanings.
  expect(words.size).toBe(Object.keys(OPTIONS).length);
  const odd = all.flatMap(({ path, spec }) =>
    (spec.options ?? [])
      .filter((option) => words.get(longFlag(option)) !== `${option.flags} ${option.what}`)
      .map(({ flags }) => `${path.join(' ')} ${flags}`),
  );
  expect(odd).toEqual([]);
  const used = new Set(all.flatMap(({ spec }) => (spec.options ?? []).map(longFlag)));
  expect([...words.keys()].filter((word) => !used.has(word))).toEqual([]);
});

/** The help of a command as people see it. */
function helpOf(path: string[]): string {
  const program = createProgram({});
  let command = program;
  for (const name of path) command = command.commands.find((one) => one.name() === name)!;
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

test.each([[[]], ...all.map(({ path }) => [path])])(
  'help of %j fits 80 columns and shows examples',
  (path: string[]) => {
    const help = helpOf(path);
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
    if (path.length > 0) expect(help).toContain(`Examples:\n  tapcash ${path[0]}`);
  },
);

/** URLs of the modules that a command loads, Node's own apart; V8 lists every script that it has compiled. */
function modulesOf(args: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-modules-'));
  spawnSync(process.execPath, [join(packageRoot(), 'dist', 'host-bridge', 'cli.js'), ...args], {
    cwd: folder,
    env: { ...process.env, NODE_V8_COVERAGE: join(folder, 'coverage') },
  });
  const urls = readdirSync(join(folder, 'coverage')).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, 'coverage', name), 'utf8')) as {
      result: { url: string }[];
    };
    return result.map(({ url }) => url);
  });
  return [...new Set(urls)].filter((url) => url.startsWith('file:'));
}

const HEAVY =
  /node_modules\/(typescript|rollup|terser|better-sqlite3|fastify|espruino|esptool-js|serialport|pino)\/|host-bridge\/(emulator|rig|bench|houses|services)\//;

test.each([
  [['--help'], 40],
  [['charge', '--help'], 40],
  [['charge', '350'], 300],
  [['status'], 300],
  [['tap', 'Alice'], 50],
  [['stop'], 50],
  [['teller', 'status'], 300],
  [['boards'], 120],
])('tapcash %j loads at most %i modules, and no heavy one', (args, most) => {
  const modules = modulesOf(args);
  expect(modules.length).toBeGreaterThan(15);
  expect(modules.filter((url) => HEAVY.test(url))).toEqual([]);
  expect(modules.length).toBeLessThanOrEqual(most);
});
