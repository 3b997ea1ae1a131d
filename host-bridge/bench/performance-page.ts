/**
 * docs/performance.md, the picture of a tap, and README's five numbers, made of a benchmark's report.
 *
 * What is in the report stands in the page; what a figure means and how it is measured stands here. Left out: measuring
 * (bench.ts).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUDGET_BYTES } from '../../flash-scripts/build/build.js';
import { failure } from '../base/errors.js';
import { packageRoot } from '../base/package-root.js';
import type { BenchReport } from './bench-report.js';
import { keepBoardPart } from './board-figures.js';
import { keepPart } from './page-part.js';
import { SERVICES_PART } from './services/services-page.js';
import { OPERATIONS, ratio, ROUNDS } from './interpreter-programs.js';
import { ESTIMATE, PERCENTILES } from './tap-budget.js';
import { COUNTS, NATIVES, SCALE } from '../emulator/construct-counts.js';
import { tapSvg } from './tap-plot.js';
import { T_LIMIT } from './timing.js';

/** A report in which everything was measured. */
type WholeReport = { [K in keyof BenchReport]: NonNullable<BenchReport[K]> };

/** Between these lines of README and the page stand the same five numbers. */
export const MARKERS = ['<!-- figures: written by tapcash bench --write -->', '<!-- end of figures -->'] as const;

/** Half of an ESP32's variables, which a payment is to stay below. */
const VARIABLES_MAX = 8191;

/** Bytes of tables, and of Storage that is kept for them. */
const TABLES_MAX = 131_072;

const thousands = (count: number): string => Math.round(count).toLocaleString('en-US');
const msOf = (ms: number): string => (ms < 1 ? ms.toFixed(ms < 0.1 ? 3 : 2) : ms.toFixed(1));
const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;
const times = (value: number | undefined): string =>
  value === undefined ? '' : value < 10 ? ratio(value) : thousands(value);

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The report, if nothing is missing in it. @throws TapcashError BAD_REQUEST that names what is missing */
export function wholeReport(report: BenchReport): WholeReport {
  const missing = Object.entries(report).flatMap(([name, value]) => (value === null ? [name] : []));
  if (missing.length > 0) throw failure('BAD_REQUEST', `this report has no ${missing.join(', ')}`);
  return report as WholeReport;
}

/** README's five numbers, with their markers. */
export function figuresBlock(report: WholeReport): string {
  const { tap, operations, memory, bytes } = report;
  const sign = operations.signAtTap;
  const verify = operations.verifyAnyKey;
  return [
    MARKERS[0],
    table(
      ['what', 'figure'],
      [
        [
          'a tap with a bridge, **modelled** for an ESP32',
          `${seconds(tap.withBridge.p50Ms)}; with a damaged block ${seconds(tap.withBridge.p99Ms)} (p99)`,
        ],
        ['the same, terminal alone', seconds(tap.alone.p50Ms)],
        [
          'sign at the tap, Espruino on a PC',
          `${msOf(sign.ms)} ms, ${times(sign.timesTweetnacl)} times as fast as TweetNaCl.js`,
        ],
        [
          'verify a signature, Espruino on a PC',
          `${msOf(verify.ms)} ms, ${times(verify.timesTweetnacl)} times as fast as TweetNaCl.js`,
        ],
        [
          'memory of a payment, terminal with a bridge',
          `${thousands(memory.terminal.withBridge)} variables, of 16,383 on an ESP32 with PSRAM; its program has ${thousands(bytes.terminal.bundle)} bytes`,
        ],
      ],
    ),
    MARKERS[1],
  ].join('\n');
}

function operationsPart({ operations, node }: WholeReport): string {
  return table(
    ['operation', 'Espruino', 'x nacl.js', 'x nacl-fast.js', 'Node', 'x nacl-fast.js', 'x noble'],
    OPERATIONS.map(([name, words]) => {
      const [inside, outside] = [operations[name], node.operations[name]];
      return [
        words,
        `${msOf(inside.ms)} ms`,
        times(inside.timesTweetnacl),
        times(inside.timesTweetnaclFast),
        `${outside.ms.toFixed(3)} ms`,
        times(outside.timesTweetnaclFast),
        times(outside.timesNoble),
      ];
    }),
  );
}

function tapPart({ tap }: WholeReport): string {
  const row = (title: string, { p50Ms, p99Ms, emptyPoolMs }: WholeReport['tap']['alone']): string[] => [
    title,
    `${thousands(p50Ms)} ms`,
    `${thousands(p99Ms)} ms`,
    `${thousands(emptyPoolMs)} ms`,
  ];
  return table(
    ['a tap', 'p50', 'p99', 'without a nonce ready'],
    [
      row('HSU, with a bridge', tap.withBridge),
      row('I2C, with a bridge', tap.i2c.withBridge),
      row('HSU, terminal alone', tap.alone),
      row('I2C, terminal alone', tap.i2c.alone),
    ],
  );
}

function othersPart({ tap }: WholeReport): string {
  return table(
    ['HSU, with a bridge, on another board', 'cycles an instruction', 'MHz', 'p50', 'p99'],
    tap.others.map(({ board, cycles, mhz, p50Ms, p99Ms }) => [
      board,
      cycles.toFixed(1),
      String(mhz),
      `${thousands(p50Ms)} ms`,
      `${thousands(p99Ms)} ms`,
    ]),
  );
}

/** Some of the prices, with how they were got. */
function pricesPart(): string {
  const scaled = (count: number): string => thousands(count * SCALE);
  const rows: [string, number][] = [
    ['a statement, without what is in it', COUNTS.statement],
    ['a name, found at once', COUNTS.name],
    ['each name that is looked through before', COUNTS.nameBefore],
    ['an operator', COUNTS.operator],
    ['an assignment', COUNTS.assignment],
    ['an element of an array', COUNTS.element],
    ['a property of an object of ours', COUNTS.member],
    ['`length`', COUNTS.length],
    ['a call, without arguments and body', COUNTS.call],
    ['a round of a loop, beside its test and step', COUNTS.round],
    ['a byte that a native call goes through', COUNTS.byte],
  ];
  return `${table(
    ['construct', 'counted, x86-64', 'scaled, ESP32'],
    rows.map(([what, count]) => [what, thousands(count), scaled(count)]),
  )}

- Counted: instructions of Espruino 2v29.277 for x86-64, by callgrind, around loops of one construct each. The whole table
  stands in \`host-bridge/emulator/construct-counts.ts\`.
- Scaled: times ${SCALE}. With that, and with ${thousands(NATIVES.dotElement)} instructions for an element of a dot product, the sums are within a tenth of
  what an ESP32 build (2v27.45) took for nine operations, counted in QEMU: 2.69 million for the signature of a tap, 259 million
  for a nonce, 347 million for a key pair, 1,052 million for the check of any key. \`test/emulator/construct-counts.test.ts\` holds it.
- Counted again in QEMU with today's code and WiFi off, right after a garbage collection: 2.29 million for the signature of a tap,
  262 million for a nonce of eight, 334 million for a key pair, 1,817 million for the check of a bare key; 10,880 for a round of an
  empty loop. With the interpreter's access point open a round took 11,830. \`test/system/esp32-in-qemu.test.ts\` holds some of them.
- Assumed: cycles an instruction, from a model of the cache run over the same instructions. 1.5 with everything in the cache,
  about 1.8 with flash at QIO 80 MHz, 2.3 to 3.0 at DIO 40 MHz, and 3.3 to 4.5 with variables in PSRAM (the table takes
  4.5). The C3 is reckoned with the same cycles at 160 MHz. Espruino's files say DIO 40 MHz, and \`tapcash flash\` leaves that; with
  \`--flash-mode qio\` it asks for QIO 80 MHz.
- Left out: the search for free memory.`;
}

function memoryPart({ memory, bytes }: WholeReport): string {
  const programs = table(
    ['board', 'program', 'overlays', 'tables'],
    (['token', 'terminal'] as const).map((board) => [
      board,
      `${thousands(bytes[board].bundle)} bytes`,
      `${thousands(bytes[board].overlay)} bytes`,
      `${thousands(bytes[board].tables)} bytes`,
    ]),
  );
  const variables = table(
    ['in a payment', 'most variables'],
    [
      ['token', thousands(memory.token.variablesPeak)],
      ['terminal with a bridge', thousands(memory.terminal.withBridge)],
      ['terminal alone', thousands(memory.terminal.alone)],
    ],
  );
  return `${programs}\n\n${variables}`;
}

/** docs/performance.md as a whole. */
export function performancePage(report: WholeReport): string {
  const { interpreter, timing } = report;
  return `# Performance

Written by \`tapcash bench --write\`; a change by hand is lost at the next run. **No board was measured.** What is said
about an ESP32 is a model or an estimate.

Measured on ${report.machine}, Node ${report.node.version}, Espruino ${interpreter.version} ${interpreter.build} (empty loop
${report.emptyLoopUs.toFixed(2)} us a round), at commit ${report.commit}.

## Five numbers

${figuresBlock(report)}

## A tap

![A modelled tap, phase by phase](tap.svg)

${tapPart(report)}

A tap counts from the token's first answer to the terminal's search until PAID shows. The firmware's own bundles run on emulated
boards whose programs take time: each construct of the program and each native call has a count of instructions, and an
instruction takes some cycles.

${ESTIMATE.map((line) => `- ${line}`).join('\n')}

${PERCENTILES.map((line) => `- ${line}`).join('\n')}

With a damaged block the reader asks again only after 155 ms: ISO 14443-4 gives a card that time. The figures are for interpreters
since August 2026 (2v29.267). The released 2v29 loses what a UART brings above 64 bytes, so the firmware asks for less at a
time there, and a tap over HSU takes longer. Nobody has modelled that.

${othersPart(report)}

### Where the prices come from

${pricesPart()}

**I2C in hardware does not work**: a PN532 holds the clock line for 0.4 to 1 ms, and ESP-IDF's driver gives up after 50 us at most
([hardware.md](hardware.md#wiring)). The figures for I2C are for Espruino's I2C in software. Take HSU or SPI.

## Cryptography

${operationsPart(report)}

"Espruino" is its Linux build on this machine; an ESP32 is some hundred times slower. nacl.js and nacl-fast.js are the two builds of
TweetNaCl.js. noble is @noble/curves, which needs BigInt and so cannot run on Espruino. The machine changes speed while it runs.
So each operation runs in the same process directly before and after its rival, in ${ROUNDS} rounds. Ratios are medians of the rounds, times
are medians over the run.

## Memory

${memoryPart(report)}

A program has at most ${thousands(BUDGET_BYTES)} bytes; the build refuses more. Overlays are read from flash when they are wanted. Tables have at most
${thousands(TABLES_MAX)} bytes. Variables are counted in a payment with history log, journal and nonces full. An ESP32 with PSRAM has 16,383, and a
payment is to need less than half, ${thousands(VARIABLES_MAX)}. [memory.md](memory.md) says how they are counted, what a role needs in all, and why modules
without PSRAM have too few.

## Time of signing

${thousands(timing.samples)} signatures in two classes of nonces: t = ${timing.t.toFixed(1)}, and ${timing.tPlanted.toFixed(0)} with a planted leak. From ${T_LIMIT} on the classes can be told
apart (Welch's t). An ESP32 computes doubles in software, in a time that depends on the operands; this says nothing about it.

## How to measure

    npm run bench                       # all of it, in ten minutes; a table
    npm run bench -- --json             # the report
    npm run bench -- --write            # this page, its picture, and README's five numbers
    npm run bench -- --write --report FILE    # the same from a report that --json gave before
    npm run bench -- --services --write       # deposits at a house, and their part of this page
`;
}

/** `text` with what stands between the markers replaced. @throws TapcashError BAD_REQUEST where it has no markers */
export function withFigures(text: string, block: string): string {
  const [start, end] = [text.indexOf(MARKERS[0]), text.indexOf(MARKERS[1])];
  if (start < 0 || end < start) throw failure('BAD_REQUEST', `README.md has no line ${MARKERS[0]}`);
  return text.slice(0, start) + block + text.slice(end + MARKERS[1].length);
}

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Writes page, picture and README's figures. @returns the files, from the repository's root */
export function writePerformance(report: BenchReport, root = packageRoot()): string[] {
  const whole = wholeReport(report);
  const readme = withFigures(readFileSync(join(root, 'README.md'), 'utf8'), figuresBlock(whole));
  const { tap } = whole;
  const before = readIfThere(join(root, 'docs/performance.md'));
  const files: [string, string][] = [
    ['docs/performance.md', keepPart(before, keepBoardPart(before, performancePage(whole)), SERVICES_PART)],
    [
      'docs/tap.svg',
      tapSvg([
        { title: 'HSU', ...tap },
        { title: 'I2C', ...tap.i2c },
      ]),
    ],
    ['README.md', readme],
  ];
  for (const [name, text] of files) writeFileSync(join(root, name), text);
  return files.map(([name]) => name);
}
