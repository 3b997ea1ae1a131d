/**
 * A PostgreSQL of one's own in a temporary folder, reached by a socket in it alone: for the benchmark and for tests.
 * Never one that happens to run. It keeps its promises of durability: `fsync` and `synchronous_commit` are on.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** Where distributions put the programs of each version. */
const VERSIONS_FOLDER = '/usr/lib/postgresql';
const VERSION_MIN = 15;
/** Who runs the server where this process is root, who may not. */
const SERVER_USER = 'postgres';

/** A server that runs. */
export interface PostgresCluster {
  /** A new database. @returns its address */
  makeDatabase(name: string): Promise<string>;
  /** The address of one. @param applicationName what the server knows its connections by */
  addressOf(name: string, applicationName?: string): string;
  /** CPU time of the server and of what it runs, so far; null where the system does not say. */
  cpuUs(): number | null;
  /** Ends it as a power cut would, and starts it again. */
  crash(): Promise<void>;
  /** Ends it, and removes its folder. */
  stop(): Promise<void>;
}

/** The folder of the programs of the newest version, 15 or later; null: none is installed. */
export function findPostgres(): string | null {
  const versions = existsSync(VERSIONS_FOLDER) ? readdirSync(VERSIONS_FOLDER).map(Number) : [];
  const newest = versions.filter((version) => version >= VERSION_MIN).sort((a, b) => b - a);
  const folders = newest.map((version) => join(VERSIONS_FOLDER, `${version}`, 'bin'));
  return folders.find((folder) => existsSync(join(folder, 'initdb'))) ?? null;
}

function serverUser(): { uid?: number; gid?: number } {
  const id = (which: string) => Number(execFileSync('id', [which, SERVER_USER], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** @param folder a new one, which is made and belongs to the server @param settings of the server, as `name=value` */
export async function startPostgres(
  programs: string,
  folder: string,
  settings: readonly string[] = [],
): Promise<PostgresCluster> {
  mkdirSync(folder, { mode: 0o700 });
  const owner = process.getuid?.() === 0 ? serverUser() : {};
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid!);
  const call = (name: string, ...args: string[]) => run(join(programs, name), args, { cwd: '/', ...owner });
  const data = join(folder, 'data');
  const options = [`-k ${folder}`, ...['listen_addresses=', ...settings].map((setting) => `-c ${setting}`)].join(' ');
  const control = (...args: string[]) => call('pg_ctl', '-D', data, '-w', ...args);
  const start = () => control('-l', join(folder, 'log'), '-o', options, 'start');
  const addressOf = (name: string, applicationName = 'tapcash') =>
    `postgres://${SERVER_USER}@/${encodeURIComponent(name)}?host=${folder}&application_name=${applicationName}`;
  await call('initdb', '-D', data, '-U', SERVER_USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync');
  await start();
  return {
    addressOf,
    async makeDatabase(name) {
      const client = new pg.Client({ connectionString: addressOf('postgres') });
      await client.connect();
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`).finally(() => client.end());
      return addressOf(name);
    },
    cpuUs: () => cpuOfServer(join(data, 'postmaster.pid')),
    async crash() {
      await control('-m', 'immediate', 'stop');
      await start();
    },
    async stop() {
      await control('-m', 'fast', 'stop').catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const TICK_US = 10_000;

/** Of the process in a file and of all that it began, those included that have ended (proc(5), stat). */
function cpuOfServer(pidFile: string): number | null {
  if (!existsSync('/proc/self/stat')) return null;
  const server = readFileSync(pidFile, 'utf8').split('\n')[0];
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    // What has ended meanwhile is with its parent then.
    const text = tryRead(`/proc/${pid}/stat`);
    const [, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (pid !== server && parent !== server) continue;
    const [user, system, endedUser, endedSystem] = rest.slice(9, 13).map(Number);
    ticks += user! + system! + (pid === server ? endedUser! + endedSystem! : 0);
  }
  return ticks * TICK_US;
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
