/**
 * `tapcash bench --services`: how many deposits a second a house takes, verified and durable, beside what limits it, in
 * one run on one machine: Ed25519 verification on one core, commits of the same disk, and a server that takes the same
 * bodies and only answers.
 *
 * Machines change speed while they run, and others use them: so verification is measured again before and after every
 * round, and the shares are what counts. What was credited is counted in the books at the end.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '../../../firmware/core/bytes.js';
import { failure } from '../../base/errors.js';
import { openDatabase } from '../../base/sqlite/database.js';
import { ISSUER_ENDPOINTS } from '../../http/schemas.js';
import { median } from '../interpreter-programs.js';
import { makeBooks, makePostgresBooks, type BenchBooks, type BooksWanted } from './bench-payers.js';
import { postOf, quantile, runClients, type Round } from './clients.js';
import { findPostgres, startPostgres, type PostgresCluster } from './postgres-cluster.js';
import type { HouseMessage, HouseSettings } from './house-process.js';
import type { GrowthResult, ServiceResult, ServicesReport } from './services-report.js';

export interface ServicesBenchOptions {
  /** Of each measurement. */
  seconds: number;
  /** Default: 1, 8, 64, 512. */
  clients?: readonly number[];
  /** Default: 1 and 2. */
  processes?: readonly number[];
  /** Pseudonyms that pay, a multiple of 8; default: 1,000. */
  payers?: number;
  /** Pseudonyms in the books, ascending. */
  growth: readonly number[];
  /** Default: SQLite, and PostgreSQL where it is installed. */
  engines?: readonly Engine[];
  /** Compiled file of house-process.ts; default: beside this one. */
  houseFile?: string;
  say(line: string): void;
  /** Ends the run; what was started ends with it. */
  signal?: AbortSignal;
}

type Engine = ServiceResult['engine'];

/** Histories of a batch: what a bridge or a bank brings at once. */
const BATCH = 64;
/** Pseudonyms that pay in a round; their licenses are known when it begins. */
const PAYERS = 1000;
const CLIENTS = [1, 8, 64, 512];
const PROCESSES = [1, 2];
const VERIFY_SECONDS = 0.3;
/** Requests of one client that a payment's cost is the median of. */
const GROWTH_REQUESTS = 100;
/** Bytes that a history signs: tag and challenge with a name of 6 bytes. */
const SIGNED_BYTES = 9 + 46;

/** Ed25519 verifications a second on this core, of ready keys. */
function measureVerify(seconds: number): number {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const message = randomBytes(SIGNED_BYTES);
  const signature = sign(null, message, privateKey);
  const beganMs = performance.now();
  let done = 0;
  do for (let i = 0; i < 50; i++, done++) verify(null, message, publicKey, signature);
  while (performance.now() < beganMs + seconds * 1000);
  return (done * 1000) / (performance.now() - beganMs);
}

/** Small transactions a second, each on disk before the next. */
function measureCommits(folder: string, seconds: number): number {
  const path = join(folder, 'commits.db');
  const database = openDatabase(path, { migrations: ['CREATE TABLE t (n INTEGER) STRICT'] });
  const add = database.prepare('INSERT INTO t VALUES (?)');
  const beganMs = performance.now();
  let done = 0;
  do database.transaction(() => add.run(done++));
  while (performance.now() < beganMs + seconds * 1000);
  const perSecond = (done * 1000) / (performance.now() - beganMs);
  database.close();
  return perSecond;
}

/** A process that serves. */
interface Served {
  port: number;
  cpuUs(): Promise<number>;
  end(): Promise<void>;
}

const children = new Set<ChildProcess>();

async function serve(file: string, settings: HouseSettings): Promise<Served> {
  const child = fork(file, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.add(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ask = (message: object): Promise<HouseMessage> => {
    const answered = new Promise<HouseMessage>((resolve) => {
      child.once('message', (said) => resolve(said as HouseMessage));
      child.send(message);
    });
    const failed = ended.then(() => Promise.reject(failure('SERVICE_DOWN', 'a process of the benchmark ended')));
    return Promise.race([answered, failed]);
  };
  const started = (await ask(settings)) as { port: number };
  return {
    port: started.port,
    cpuUs: async () => ((await ask({})) as { cpuUs: number }).cpuUs,
    async end() {
      if (child.connected) child.disconnect();
      await ended;
      children.delete(child);
    },
  };
}

const singlePost = (history: Uint8Array): Buffer =>
  postOf(ISSUER_ENDPOINTS.deposit.path, JSON.stringify({ history: toHex(history) }));
const batchPost = (histories: Uint8Array[]): Buffer =>
  postOf(ISSUER_ENDPOINTS.depositMany.path, JSON.stringify({ histories: histories.map(toHex) }));

/** Requests of so many histories each. */
function postsOf(histories: Uint8Array[], batch: number): Buffer[] {
  if (batch === 1) return histories.map(singlePost);
  return Array.from({ length: Math.floor(histories.length / batch) }, (_, i) =>
    batchPost(histories.slice(i * batch, (i + 1) * batch)),
  );
}

function* repeated<T>(all: T[]): Generator<T> {
  for (let i = 0; ; i++) yield all[i % all.length]!;
}

/** Of PostgreSQL: what a server that has more than a test's few rows to keep is given. */
const SERVER_SETTINGS = ['shared_buffers=256MB', 'max_wal_size=4GB', 'max_connections=40'];

/** One run, on one engine. */
class ServicesBench {
  private readonly houseFile: string;
  private readonly payers: number;
  private readonly verifies: number[] = [];
  private credited = 0;

  constructor(
    private readonly options: ServicesBenchOptions,
    private readonly engine: Engine,
    /** Makes books by this name. */
    private readonly make: (name: string, wanted: BooksWanted) => Promise<BenchBooks>,
    /** CPU time of a database beside the house, so far. */
    private readonly databaseUs: () => number | null,
  ) {
    this.payers = options.payers ?? PAYERS;
    this.houseFile = options.houseFile ?? fileURLToPath(new URL('house-process.js', import.meta.url));
  }

  /** Each that was measured. */
  verifications(): number[] {
    return this.verifies;
  }

  private verifyNow(): number {
    this.verifies.push(measureVerify(Math.min(VERIFY_SECONDS, this.options.seconds)));
    return this.verifies.at(-1)!;
  }

  private check(): void {
    if (this.options.signal?.aborted) throw failure('INTERRUPTED', 'the benchmark');
  }

  /** Sends payments, and counts them. */
  private async round(ports: number[], clients: number, posts: Iterator<Buffer>, batch: number): Promise<Round> {
    const round = await runClients(ports, clients, posts, this.options.seconds);
    this.credited += round.done * batch;
    return round;
  }

  private house({ settings }: BenchBooks): Promise<Served> {
    return serve(this.houseFile, settings);
  }

  /** The licenses of who pays become known to a process. */
  private async warm(books: BenchBooks, port: number): Promise<void> {
    const batch = this.payers / 8;
    const posts = postsOf(books.firstHistories(), batch);
    const sent = await runClients([port], 1, posts.values(), Infinity);
    this.credited += sent.done * batch;
  }

  async measureAll(): Promise<ServiceResult[]> {
    const { clients = CLIENTS, processes = PROCESSES, say } = this.options;
    this.check();
    const books = await this.make('books', { payers: this.payers, pseudonyms: 0, onProgress: () => undefined });
    const results: ServiceResult[] = [];
    const empty = await serve(this.houseFile, { kind: 'empty', bodyBytesMax: 1 << 20 });
    for (const count of processes) {
      const houses = [await this.house(books)];
      while (houses.length < count) houses.push(await this.house(books));
      for (const { port } of houses) await this.warm(books, port);
      for (const batch of [1, BATCH])
        for (const clientCount of clients) {
          this.check();
          const row = await this.measure(books, houses, empty, { clients: clientCount, batch });
          results.push(row);
          say(
            `${this.engine}, ${clientCount} clients, ${batch} a request, ${count} processes: ${row.perSecond!.toFixed(0)} a second`,
          );
        }
      for (const house of houses) await house.end();
    }
    await empty.end();
    await this.checkBooks(books);
    await books.remove();
    return results;
  }

  private async measure(
    books: BenchBooks,
    houses: Served[],
    empty: Served,
    { clients, batch }: { clients: number; batch: number },
  ): Promise<ServiceResult> {
    const { seconds } = this.options;
    const before = this.verifyNow();
    // More than there is time for: nobody takes a history in less than its verification, on each core.
    const most = Math.ceil((before * seconds * 1.2 * Math.min(2, cpus().length)) / (batch === 1 ? 2 : 1));
    const posts = postsOf(books.histories(Math.max(most, clients * batch * 2)), batch);
    const sample = posts.slice(0, 64);
    const beforeUs = await cpuOf(houses);
    const databaseUs = this.databaseUs();
    const ports = houses.map(({ port }) => port);
    const round = await this.round(ports, clients, posts.values(), batch);
    const houseUs = (await cpuOf(houses)) - beforeUs;
    const serverUs = databaseUs === null ? null : this.databaseUs()! - databaseUs;
    const after = this.verifyNow();
    const answered = await runClients([empty.port], clients, repeated(sample), Math.min(1.5, seconds));
    const deposits = round.done * batch;
    const perSecond = deposits / round.seconds;
    return {
      engine: this.engine,
      clients,
      batch,
      processes: houses.length,
      perSecond,
      ofVerify: perSecond / ((before + after) / 2),
      ofEmptyPost: perSecond / ((answered.done * batch) / answered.seconds),
      p50Ms: quantile(round.latenciesMs, 0.5),
      p99Ms: quantile(round.latenciesMs, 0.99),
      p999Ms: quantile(round.latenciesMs, 0.999),
      houseCpuUs: houseUs / deposits,
      databaseCpuUs: serverUs === null ? null : serverUs / deposits,
      clientsCpuUs: round.cpuUs / deposits,
    };
  }

  async measureGrowth(pseudonyms: number): Promise<GrowthResult> {
    const { say } = this.options;
    this.credited = 0;
    let saidAt = performance.now();
    const onProgress = (rows: number): void => {
      this.check();
      if (performance.now() < saidAt + 5000) return;
      saidAt = performance.now();
      say(`books of ${pseudonyms} pseudonyms: ${rows} written`);
    };
    const books = await this.make(`growth-${pseudonyms}`, { payers: this.payers, pseudonyms, onProgress });
    const house = await this.house(books);
    await this.warm(books, house.port);
    const posts = postsOf(books.histories(GROWTH_REQUESTS * BATCH), BATCH);
    const round = await runClients([house.port], 1, posts.values(), Infinity);
    await house.end();
    this.credited += round.done * BATCH + pseudonyms;
    await this.checkBooks(books);
    await books.remove();
    const medianMs = quantile(round.latenciesMs, 0.5)! / BATCH;
    say(`${this.engine}, ${pseudonyms} pseudonyms: ${medianMs.toFixed(3)} ms a payment`);
    return { engine: this.engine, pseudonyms, medianMs, batch: BATCH };
  }

  /** All that was answered, and nothing else, is in the books. */
  private async checkBooks(books: BenchBooks): Promise<void> {
    const count = await books.count();
    if (count !== this.credited)
      throw new Error(`${this.credited} payments were acknowledged, ${count} are in the books`);
  }
}

async function cpuOf(houses: Served[]): Promise<number> {
  let sum = 0;
  for (const house of houses) sum += await house.cpuUs();
  return sum;
}

const NO_POSTGRES = 'no PostgreSQL 15 or later is installed';

/** Rows of what was not measured: they are there, and say why. */
function skippedRows(results: ServiceResult[], growth: GrowthResult[]) {
  const nothing = { perSecond: null, ofVerify: null, ofEmptyPost: null, p50Ms: null, p99Ms: null, p999Ms: null };
  return {
    results: results.map(({ clients, batch, processes }): ServiceResult => ({
      ...{ engine: 'postgres', clients, batch, processes, ...nothing },
      ...{ houseCpuUs: null, databaseCpuUs: null, clientsCpuUs: null, skipped: NO_POSTGRES },
    })),
    growth: growth.map(({ pseudonyms, batch }): GrowthResult => ({
      ...{ engine: 'postgres', pseudonyms, medianMs: null, batch, skipped: NO_POSTGRES },
    })),
  };
}

/** Measures all of it. */
export async function benchServices(options: ServicesBenchOptions): Promise<ServicesReport> {
  const { seconds, say, engines = ['sqlite', 'postgres'] } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-services-'));
  let cluster: PostgresCluster | null = null;
  try {
    const loadBefore = loadavg()[0]!;
    const commitsPerSecond = measureCommits(folder, Math.min(2, seconds));
    say(`disk: ${commitsPerSecond.toFixed(0)} commits a second`);
    const onSqlite = new ServicesBench(
      options,
      'sqlite',
      async (name, wanted) => makeBooks(join(folder, name), wanted),
      () => null,
    );
    const benches = engines.includes('sqlite') ? [onSqlite] : [];
    const programs = engines.includes('postgres') ? findPostgres() : null;
    if (programs) {
      chmodSync(folder, 0o711); // the server is another user's
      const server = await startPostgres(programs, join(folder, 'server'), SERVER_SETTINGS);
      cluster = server;
      const make = async (name: string, wanted: BooksWanted) =>
        makePostgresBooks(await server.makeDatabase(name), wanted);
      benches.push(new ServicesBench(options, 'postgres', make, server.cpuUs));
    }
    const results: ServiceResult[] = [];
    for (const bench of benches) results.push(...(await bench.measureAll()));
    const growth: GrowthResult[] = [];
    for (const bench of benches)
      for (const pseudonyms of options.growth) growth.push(await bench.measureGrowth(pseudonyms));
    const skipped = skippedRows(programs ? [] : results, programs ? [] : growth);
    return {
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      loadBefore,
      seconds,
      verifyPerSecond: median(benches.flatMap((bench) => bench.verifications())),
      commitsPerSecond,
      results: [...results, ...skipped.results],
      growth: [...growth, ...skipped.growth],
    };
  } catch (thrown) {
    // A Ctrl-C ends the processes too, whose clients say so first.
    throw options.signal?.aborted ? failure('INTERRUPTED', 'the benchmark') : thrown;
  } finally {
    for (const child of children) child.kill();
    children.clear();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
