/**
 * `tapcash bench`: what the board's cryptography costs in Espruino's Linux build, and what a payment takes.
 *
 * Machines change speed while they run, so the figures to compare are the ratios: TweetNaCl.js runs in the same
 * process, in alternation with ours (interpreter-programs.ts). An ESP32 is some hundred times slower; nothing here was
 * measured on one.
 */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { overlayBytes } from '../../flash-scripts/build/build.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { failure } from '../base/errors.js';
import { packageRoot } from '../base/package-root.js';
import {
  BASE_SHAPE,
  edwardsOfX25519,
  KEY_SHAPE,
  makeCombTable,
  SEAL_SHAPE,
} from '../../flash-scripts/provision/tables.js';
import { createEd25519 } from '../../firmware/crypto/ed25519.js';
import { boardScript, runBoardScript, type BoardFiles } from './board-script.js';
import { measureMemory, PHASES, type MemoryReport } from './memory.js';
import { measureOnNode } from './node-figures.js';
import {
  median,
  OPERATIONS,
  operationsProgram,
  ratio,
  ROUNDS,
  SEED,
  type Figure,
  type Operation,
} from './interpreter-programs.js';
import { INSTALL, rivalSources } from './rival-sources.js';
import { writePerformance } from './performance-page.js';
import type { BenchReport } from './bench-report.js';
import { tapSvg } from './tap-plot.js';
import { ESTIMATE, measureOtherTaps, measureTap, PERCENTILES, type Percentiles } from './tap-budget.js';
import { measureTiming, T_LIMIT } from './timing.js';
import { createHostNatives } from '../base/crypto/node-natives.js';
import { multiplesOf } from '../base/crypto/key-multiples.js';
import type { Role } from '../../flash-scripts/boards/roles.js';

export interface BenchOptions {
  /** Path of Espruino's Linux build, or null: then only Node is measured. */
  interpreter: string | null;
  /** Operations only. */
  quick?: boolean;
  /** File for a plot of the tap's phases. */
  svg?: string;
  json?: boolean;
  /** Also writes docs/performance.md, docs/tap.svg and README's five numbers. */
  write?: boolean;
  log?: (line: string) => void;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: packageRoot(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

/** Tables and keys that the programs read. */
function makeFiles(): BoardFiles {
  const baseTable = makeCombTable(BASE_SHAPE);
  const { publicKey } = createEd25519(createHostNatives({ checked: false }), { base: baseTable }).keyFromSeed(
    new Uint8Array(Buffer.from(SEED, 'hex')),
  );
  const bytesOf = (key: { export(options: { format: 'jwk' }): { x?: string; n?: string } }): Uint8Array => {
    const { x, n } = key.export({ format: 'jwk' });
    return new Uint8Array(Buffer.from((x ?? n)!, 'base64url'));
  };
  return {
    baseTable,
    keyTable: makeCombTable(KEY_SHAPE, publicKey),
    multiples: multiplesOf(publicKey),
    peerTable: makeCombTable(SEAL_SHAPE, edwardsOfX25519(bytesOf(generateKeyPairSync('x25519').publicKey))),
    modulus: bytesOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
  };
}

/** Bytes of a role's program. */
async function programBytes(role: Role): Promise<{ bundle: number; overlay: number }> {
  const program = await builtProgram(role);
  return { bundle: program.bundle.length, overlay: overlayBytes(program) };
}

async function measureInInterpreter(path: string, files: BoardFiles) {
  const script = await boardScript(files, operationsProgram(rivalSources()));
  const values = new Map<string, string[]>();
  for (const line of await runBoardScript(path, files, script, 900_000)) {
    const [name, ...rest] = line.split(' ');
    values.set(name!, [...(values.get(name!) ?? []), rest.join(' ')]);
  }
  const middle = (name: string): number => median(values.get(name)!.map(Number));
  const figure = ([name]: (typeof OPERATIONS)[number]): [Operation, Figure] => {
    const figure: Figure = { ms: middle(name) };
    if (values.has(`${name}.tweetnacl`)) figure.timesTweetnacl = middle(`${name}.tweetnacl`);
    if (values.has(`${name}.tweetnaclFast`)) figure.timesTweetnaclFast = middle(`${name}.tweetnaclFast`);
    return [name, figure];
  };
  const [version, ...build] = values.get('version')![0]!.split(' ');
  return {
    interpreter: { version: version!, build: build.join(' ') },
    emptyLoopUs: middle('emptyLoop') * 1000,
    operations: Object.fromEntries(OPERATIONS.map(figure)) as Record<Operation, Figure>,
  };
}

async function measureTaps(): Promise<NonNullable<BenchReport['tap']>> {
  const { withBridge, alone } = await measureTap('uart');
  const i2c = await measureTap('i2c');
  return {
    withBridge,
    alone,
    i2c: { withBridge: i2c.withBridge, alone: i2c.alone },
    others: await measureOtherTaps(),
  };
}

/**
 * Measures, and prints a table or JSON.
 * @throws Error when the interpreter stops before the end: its output is in the message
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const { interpreter } = options;
  if (options.write && (options.quick || !interpreter))
    throw failure(interpreter ? 'USAGE' : 'INTERPRETER_MISSING', '--write takes a whole run, in the interpreter too');
  const log = options.log ?? ((line: string) => console.log(line));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  say('making tables ...');
  const files = makeFiles();
  if (rivalSources().length === 0) process.stderr.write(`no library to compare with is installed: ${INSTALL}\n`);
  say('measuring on Node ...');
  const node = { version: process.version, operations: await measureOnNode(files) };
  if (interpreter) say(`measuring operations in ${interpreter}, two minutes ...`);
  const inside = interpreter ? await measureInInterpreter(interpreter, files) : null;
  const long = interpreter && !options.quick ? interpreter : null;
  if (long) say('counting the variables of a payment, a minute ...');
  const memory = long ? await measureMemory(long) : null;
  if (long) say('comparing the time of 100,000 signatures in two classes, a minute ...');
  const timing = long ? await measureTiming(long, files.baseTable!) : null;
  if (!options.quick) say('modelling taps on ESP32 boards, four minutes ...');
  const tap = options.quick ? null : await measureTaps();
  if (tap && options.svg)
    writeFileSync(
      options.svg,
      tapSvg([
        { title: 'HSU', ...tap },
        { title: 'I2C', ...tap.i2c },
      ]),
    );
  // Where they are most: the registrar is not the issuer, and a token seals.
  const tables = files.baseTable!.length + 2 * files.keyTable!.length;
  const report: BenchReport = {
    machine: `${cpus()[0]?.model ?? 'unknown'} x ${cpus().length}`,
    commit: commit(),
    interpreter: inside && inside.interpreter,
    emptyLoopUs: inside && inside.emptyLoopUs,
    operations: inside && inside.operations,
    node,
    memory,
    bytes: {
      token: { ...(await programBytes('user-token')), tables: tables + files.peerTable!.length },
      terminal: { ...(await programBytes('shop-terminal')), tables },
    },
    tap,
    timing,
  };
  if (options.json) log(JSON.stringify(report));
  else describe(report, log);
  if (options.write) say(`written: ${writePerformance(report).join(', ')}`);
  return report;
}

function describePeaks(
  { token, terminal, counted }: MemoryReport,
  row: (title: string, ...cells: string[]) => void,
  log: (line: string) => void,
): void {
  row('\nmost variables in each phase', 'token', 'terminal');
  for (const phase of PHASES) row(phase, ...[token, terminal].map(({ peaks }) => String(peaks[phase] ?? '-')));
  log(`Counted in a build with variables of ${counted.bytes} bytes, an ESP32's have 14; it has ${counted.variables}.`);
}

function describe(report: BenchReport, log: (line: string) => void): void {
  log(`\n${report.machine}, commit ${report.commit}, Node ${report.node.version}`);
  if (report.interpreter)
    log(
      `Espruino ${report.interpreter.version} ${report.interpreter.build}, empty loop ${report.emptyLoopUs!.toFixed(2)} us`,
    );
  else log('interpreter: skipped, none found (set ESPRUINO or put espruino-linux on the PATH)');
  const row = (title: string, ...cells: string[]): void =>
    log(title.padEnd(44) + cells.map((cell) => cell.padStart(16)).join(''));
  const table = (where: string, figures: Record<Operation, Figure> | null): void => {
    if (!figures) return;
    const times = (
      [
        ['x nacl.js', 'timesTweetnacl'],
        ['x nacl-fast.js', 'timesTweetnaclFast'],
        ['x noble', 'timesNoble'],
      ] as const
    ).filter(([, key]) => figures.keyPair[key] !== undefined);
    row('', where, ...times.map(([title]) => title));
    for (const [name, title] of OPERATIONS) {
      const figure = figures[name];
      row(title, `${figure.ms.toFixed(figure.ms < 0.1 ? 3 : 2)} ms`, ...times.map(([, key]) => ratio(figure[key])));
    }
    log('');
  };
  table('interpreter', report.operations);
  table('Node', report.node.operations);
  log(
    'nacl.js and nacl-fast.js are the two builds of TweetNaCl.js, noble is @noble/curves; each in the same process, in alternation:',
  );
  log(`medians of ${ROUNDS} rounds spread over the run, ratios those within a round.\n`);
  row('', 'bundle', 'overlay', 'tables', 'most variables');
  for (const board of ['token', 'terminal'] as const) {
    row(
      board,
      `${report.bytes[board].bundle} bytes`,
      `${report.bytes[board].overlay} bytes`,
      `${report.bytes[board].tables} bytes`,
      report.memory ? String(report.memory[board].variablesPeak) : '-',
    );
  }
  if (report.memory) describePeaks(report.memory, row, log);
  if (report.tap) {
    row('\na tap, modelled ESP32', 'p50', 'p99');
    const line = (title: string, { p50Ms, p99Ms }: Percentiles): void => row(title, `${p50Ms} ms`, `${p99Ms} ms`);
    line('HSU, with a bridge', report.tap.withBridge);
    line('HSU, terminal alone', report.tap.alone);
    line('I2C, with a bridge', report.tap.i2c.withBridge);
    line('I2C, terminal alone', report.tap.i2c.alone);
    for (const { board, cycles, p50Ms, p99Ms } of report.tap.others)
      row(`${board}, ${cycles} cycles`, `${p50Ms} ms`, `${p99Ms} ms`);
    for (const text of ['An estimate, at these prices:', ...ESTIMATE, ...PERCENTILES]) log(text);
  }
  if (!report.timing) return;
  const { samples, t, tPlanted } = report.timing;
  log(
    `\nTime of signing, two classes of nonces, ${samples} samples: t = ${t.toFixed(2)} (told apart from ${T_LIMIT}), with a planted leak ${tPlanted.toFixed(0)}.`,
  );
  log('On this interpreter and machine: it says nothing about an ESP32, whose doubles are computed in software.');
}
