/**
 * What `tapcash bench --services` measures, and how it prints it. `--json` prints the report as it is.
 */
import { table } from '../../base/text-table.js';

/** Deposits with so many clients, histories in a request, and processes on one database. */
export interface ServiceResult {
  engine: 'sqlite' | 'postgres';
  clients: number;
  /** Histories in one request; 1: the address for one. */
  batch: number;
  processes: number;
  /** Deposits a second, verified and durable; null where nothing was measured. */
  perSecond: number | null;
  /** Of what one core verifies of Ed25519 in the same time, with ready keys and the same bytes. */
  ofVerify: number | null;
  /** Of what a server does that takes the same body and only answers, with as many clients. */
  ofEmptyPost: number | null;
  /** Of a request. */
  p50Ms: number | null;
  p99Ms: number | null;
  p999Ms: number | null;
  /** CPU of the house, of a database beside it, and of the clients, for one deposit. */
  houseCpuUs: number | null;
  databaseCpuUs: number | null;
  clientsCpuUs: number | null;
  /** Why nothing was measured. */
  skipped?: string;
}

/** Cost of a payment with so many pseudonyms in the books. */
export interface GrowthResult {
  engine: 'sqlite' | 'postgres';
  pseudonyms: number;
  /** Of one payment, in requests of `batch` by one client; null where nothing was measured. */
  medianMs: number | null;
  batch: number;
  skipped?: string;
}

/** The report. */
export interface ServicesReport {
  node: string;
  cpu: string;
  cores: number;
  /** Load of the machine before anything was measured, processes. */
  loadBefore: number;
  /** Seconds of each measurement. */
  seconds: number;
  /** Ed25519 verifications a second, one core, median of the run. */
  verifyPerSecond: number;
  /** Commits a second of a small transaction on the disk that the books are on. */
  commitsPerSecond: number;
  results: ServiceResult[];
  growth: GrowthResult[];
}

const number = (value: number | null, digits = 0): string => (value === null ? '-' : value.toFixed(digits));
const percent = (value: number | null): string => (value === null ? '-' : `${(100 * value).toFixed(0)} %`);

/** The report for people. */
export function servicesText(report: ServicesReport): string {
  const rows = report.results.map((row) =>
    row.skipped
      ? [row.engine, `${row.clients}`, `${row.batch}`, `${row.processes}`, 'skipped', '-', '-', '-', '-', '-']
      : [
          ...[row.engine, `${row.clients}`, `${row.batch}`, `${row.processes}`, number(row.perSecond)],
          ...[percent(row.ofVerify), percent(row.ofEmptyPost)],
          ...[number(row.p50Ms, 1), number(row.p99Ms, 1), number(row.p999Ms, 1)],
        ],
  );
  const growth = report.growth.map((row) => [
    row.engine,
    `${row.pseudonyms}`,
    row.skipped ? 'skipped' : number(row.medianMs, 3),
  ]);
  const whys = [...report.results, ...report.growth].flatMap(({ skipped }) => skipped ?? []);
  return [
    `Node ${report.node}, ${report.cores} cores (${report.cpu}), load ${report.loadBefore.toFixed(1)} before`,
    `Ed25519, one core: ${number(report.verifyPerSecond)} verified a second; disk: ${number(report.commitsPerSecond)} commits a second`,
    '',
    ...table(rows, {
      head: ['engine', 'clients', 'batch', 'proc.', 'a second', 'verify', 'empty', 'p50', 'p99', 'p99.9'],
      align: 'lrrrrrrrrr',
    }),
    'verify: of what one core verifies; empty: of a server that only answers;',
    'p: ms of a request; proc.: processes on one database',
    '',
    ...table(growth, { head: ['engine', 'pseudonyms', 'ms a payment'], align: 'lrr' }),
    ...[...new Set(whys)].map((why) => `skipped: ${why}`),
  ].join('\n');
}
