/** `tapcash build`, `tapcash bench`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ROLES, type Role } from '../../flash-scripts/boards/roles.js';
import { runBuild } from '../../flash-scripts/build/build.js';
import { failure } from '../base/errors.js';
import type { BenchReport } from '../bench/bench-report.js';
import type { ServicesReport } from '../bench/services/services-report.js';
import { findInterpreter } from '../emulator/find-interpreter.js';
import { interruption, print } from './output.js';
import type { CommandContext } from './table/spec.js';

interface BuildCommand {
  out?: string;
  /** Folder of images. */
  image?: string;
  board?: string;
  data: string;
  json?: boolean;
}

/** `tapcash build`: the bundles that boards are flashed with; with `--image` also as files that the root has signed. */
export async function build(roles: string[], { out, image, board, data, json }: BuildCommand): Promise<void> {
  const odd = roles.find((role) => !(ROLES as readonly string[]).includes(role));
  if (odd !== undefined) throw failure('USAGE', `no role ${odd}: there are ${ROLES.join(' and ')}`);
  if (board !== undefined && image === undefined) throw failure('USAGE', '--board is for --image');
  if (out !== undefined && image !== undefined) throw failure('USAGE', '--image and --out: one of them');
  const chosen = roles.length > 0 ? (roles as Role[]) : ROLES;
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const bundles = await runBuild({
    roles: chosen,
    ...(out === undefined ? {} : { outDir: resolve(out) }),
    json: json === true,
    log: json && image !== undefined ? () => undefined : say,
  });
  if (image === undefined) return;
  const { writeImages } = await import('./image.js');
  const images = await writeImages(image, data, chosen, board);
  const lines = images.map(({ file, bytes }) => `${file}  ${bytes} bytes, signed by the root`);
  print(json, { bundles, images }, lines.join('\n'));
}

/** Options of `tapcash bench`. */
interface BenchOptions {
  interpreter?: string | true;
  quick?: boolean;
  svg?: string;
  write?: boolean;
  report?: string;
  boardReport?: string;
  services?: boolean;
  seconds?: string;
  large?: boolean;
  json?: boolean;
}

/** What `tapcash bench --json` printed into a file. @throws TapcashError FILE_MISSING, BAD_REQUEST */
function readReport<Report = BenchReport>(file: string): Report {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw failure('FILE_MISSING', file, error as Error);
  }
  try {
    return JSON.parse(text) as Report;
  } catch (error) {
    throw failure('BAD_REQUEST', `${file}: not what tapcash bench --json prints`, error as Error);
  }
}

/** `tapcash bench --board-report`: our estimates beside what boards measured; with `--write`, in the documents. */
async function boardFigures(file: string, { write, json }: BenchOptions): Promise<void> {
  const { readBoardReport } = await import('./board-report-file.js');
  const { compareFigures, figuresText, writeBoardFigures } = await import('../bench/board-figures.js');
  const { readPage } = await import('../bench/page-part.js');
  const report = readBoardReport(file);
  const figures = compareFigures(report, readPage());
  const written = write ? writeBoardFigures(report) : null;
  print(json, { figures, written }, figuresText(figures) + (written ? `\nwritten: ${written}` : ''));
}

/** Of one measurement of `tapcash bench --services`, unless told. */
const SECONDS = 4;
/** Pseudonyms in the books. */
const GROWTH = [1e3, 1e5, 1e6];
const GROWTH_LARGE = 1e7;

/** `tapcash bench --services`: what a house takes, beside what limits it; with `--write`, in the documents. */
async function services({ seconds, large, json, write, report: file }: BenchOptions): Promise<void> {
  const each = seconds === undefined ? SECONDS : Number(seconds);
  if (!(each > 0 && each <= 3600)) throw failure('USAGE', `--seconds ${seconds}: a number above 0, up to 3600`);
  const { benchServices } = await import('../bench/services/services-bench.js');
  const { servicesText } = await import('../bench/services/services-report.js');
  const { writeServices } = await import('../bench/services/services-page.js');
  const report = file
    ? readReport<ServicesReport>(file)
    : await benchServices({
        seconds: each,
        growth: large ? [...GROWTH, GROWTH_LARGE] : GROWTH,
        say: (line) => void process.stderr.write(`${line}\n`),
        signal: interruption(),
      });
  const written = write ? writeServices(report) : null;
  print(json, { ...report }, servicesText(report) + (written ? `\nwritten: ${written}` : ''));
}

/** `tapcash bench`: what the cryptography and a tap cost; with `--write`, in the documents. */
export async function bench(options: BenchOptions, { environment }: CommandContext): Promise<void> {
  if (options.boardReport) return boardFigures(options.boardReport, options);
  if (options.report && !options.write) throw failure('USAGE', '--report is for --write');
  if (options.services) return services(options);
  if (options.seconds !== undefined || options.large)
    throw failure('USAGE', '--seconds and --large are for --services');
  if (options.report) {
    const { writePerformance } = await import('../bench/performance-page.js');
    process.stdout.write(`written: ${writePerformance(readReport(options.report)).join(', ')}\n`);
    return;
  }
  const { runBench } = await import('../bench/bench.js');
  await runBench({
    interpreter: findInterpreter(
      typeof options.interpreter === 'string' ? { ESPRUINO: options.interpreter } : environment,
    ),
    quick: options.quick === true,
    ...(options.svg ? { svg: options.svg } : {}),
    write: options.write === true,
    json: options.json === true,
  });
}
