/**
 * The part of docs/performance.md about deposits at a house, made of what `tapcash bench --services` measured.
 */
import { packageRoot } from '../../base/package-root.js';
import { NEXT_SECTION, writePart, type PagePart } from '../page-part.js';
import type { GrowthResult, ServiceResult, ServicesReport } from './services-report.js';

/** Where it stands. */
export const SERVICES_PART: PagePart = {
  markers: ['<!-- services: written by tapcash bench --services --write -->', '<!-- end of services -->'],
  before: NEXT_SECTION,
};

const ENGINES = { sqlite: 'SQLite', postgres: 'PostgreSQL' };

const whole = (value: number | null): string => (value === null ? '' : Math.round(value).toLocaleString('en-US'));
const percent = (value: number | null): string => (value === null ? '' : `${(100 * value).toFixed(0)} %`);
const ms = (value: number | null): string => (value === null ? '' : value.toFixed(value < 10 ? 1 : 0));
const lineOf = (cells: (string | number)[]): string => `| ${cells.join(' | ')} |`;

function tableOf(head: string[], rows: (string | number)[][]): string[] {
  return [lineOf(head), lineOf(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(lineOf)];
}

const rowOf = (row: ServiceResult): (string | number)[] => [
  ...[ENGINES[row.engine], row.clients, row.batch, row.processes],
  ...(row.skipped === undefined ? [whole(row.perSecond), percent(row.ofVerify)] : ['skipped', '']),
  row.batch === 1 ? percent(row.ofEmptyPost) : '',
  ...[row.p50Ms, row.p99Ms, row.p999Ms].map(ms),
  ...[row.houseCpuUs, row.databaseCpuUs].map(whole),
];

function growthRows(growth: GrowthResult[]): (string | number)[][] {
  return growth.map(({ engine, pseudonyms, medianMs, skipped }) => {
    const first = growth.find((row) => row.engine === engine)?.medianMs ?? null;
    const times = medianMs === null || first === null ? '' : (medianMs / first).toFixed(2);
    return [ENGINES[engine], whole(pseudonyms), skipped === undefined ? medianMs!.toFixed(3) : 'skipped', times];
  });
}

/** Of a machine that others used meanwhile. */
const BUSY = [
  '',
  '**Other programs used these processors and this disk at the same time.** Rates are far below what the machine can do, shares',
  'of neighbouring lines differ by chance, and growth is not told from noise. The CPU times say most.',
];

/** The part, with its markers. */
export function servicesPart(report: ServicesReport): string {
  const { node, cpu, cores, loadBefore, seconds, verifyPerSecond, commitsPerSecond, results, growth } = report;
  return [
    SERVICES_PART.markers[0],
    '## Deposits at a house',
    '',
    `Measured on ${cpu} x ${cores}, Node ${node}, ${seconds} s for each line, clients and database on the same processors;`,
    `load before: ${loadBefore.toFixed(1)}. One core verified ${whole(verifyPerSecond)} signatures a second (Ed25519, node:crypto,`,
    `median of the run), and the disk took ${whole(commitsPerSecond)} commits a second. Shares are of what was measured right before`,
    'and after each line, so they count more than rates.',
    ...(loadBefore > cores / 2 ? BUSY : []),
    '',
    ...tableOf(
      [
        ...['engine', 'clients', 'a request', 'processes', 'a second', 'of verifying', 'of an empty POST'],
        ...['p50 ms', 'p99', 'p99.9', 'us of the house', 'of the database'],
      ],
      results.map(rowOf),
    ),
    '',
    'A deposit is verified and on disk before it is answered. *Of verifying*: of what one core verifies in that time. *Of an empty',
    'POST*: of what a Fastify server does that takes the same body and only answers. *us*: CPU time for one deposit. On PostgreSQL',
    'only the act of the deposit was measured, behind the same addresses: no service runs on it yet.',
    '',
    ...tableOf(['engine', 'pseudonyms in the books', 'ms a payment', 'times the first'], growthRows(growth)),
    '',
    'A payment in requests of 64 by one client, with as many past payments as pseudonyms.',
    SERVICES_PART.markers[1],
  ].join('\n');
}

/** Writes it into docs/performance.md. @returns the file, from the repository's root */
export function writeServices(report: ServicesReport, root = packageRoot()): string {
  return writePart(SERVICES_PART, servicesPart(report), root);
}
