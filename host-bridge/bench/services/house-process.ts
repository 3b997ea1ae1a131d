/**
 * A process of `tapcash bench --services`: a house that takes deposits, on SQLite or, as far as its acts are there, on
 * PostgreSQL; or a server that takes the same bodies and only answers. Its settings come as the first message; it
 * answers with its port, and then with the CPU time that it took, whenever it is asked.
 */
import fastify from 'fastify';
import { createVerifyPool } from '../../base/crypto/verify-pool.js';
import { linesOf } from '../../base/keys/key-line.js';
import { silentLog } from '../../base/log.js';
import { STANDARD_CURRENCY } from '../../base/money.js';
import { openPostgres } from '../../base/postgres/postgres.js';
import { createDeposits } from '../../houses/deposit-queue.js';
import { DEPOSIT_GRACE_S } from '../../houses/depositary.js';
import { counterAccount } from '../../houses/issuer/issuer-return.js';
import { listen } from '../../http/http-server.js';
import { ISSUER_ENDPOINTS } from '../../http/schemas.js';
import { createService } from '../../http/service.js';
import { postgresCreditsOf } from '../../ledger/postgres/postgres-credits.js';
import { POSTGRES_ISSUER_MIGRATIONS } from '../../ledger/postgres/postgres-schema.js';
import { depositHandlers, startIssuer } from '../../services/start.js';

/** What a process is to be; keys are hexadecimal. */
export type HouseSettings =
  | { kind: 'house'; dataDir: string; registrarKey: string }
  | { kind: 'postgres'; url: string; issuerKey: string; registrarKey: string }
  | { kind: 'empty'; bodyBytesMax: number };

/** What it says. */
export type HouseMessage = { port: number } | { cpuUs: number };

interface Started {
  port: number;
  close(): Promise<unknown>;
}

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

async function startEmpty(bodyBytesMax: number): Promise<Started> {
  const app = fastify({ bodyLimit: bodyBytesMax });
  app.post('/*', async () => ({ ok: true }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { port: (app.server.address() as { port: number }).port, close: () => app.close() };
}

/** The addresses for deposits of an issuer in scheme 1, behind the same server and the same queue. */
async function startOnPostgres(url: string, issuerKey: Uint8Array, registrarKey: Uint8Array): Promise<Started> {
  const database = await openPostgres(url, { migrations: POSTGRES_ISSUER_MIGRATIONS });
  const pool = createVerifyPool();
  const { issuerId, registrar } = linesOf({ successions: () => [] }, { issuerKey, registrarKey, bankKey: null });
  const house = {
    ...{ issuer: issuerId, currency: STANDARD_CURRENCY, registrar, graceS: DEPOSIT_GRACE_S },
    store: postgresCreditsOf(database, { knowsPseudonyms: true }),
    nowS: () => Math.floor(Date.now() / 1000),
    ...{ payerOf: counterAccount, clockDoubted: () => false, restored: false, onOverspent: () => undefined },
  };
  const deposits = createDeposits(house, pool.verify);
  const { deposit, depositMany } = ISSUER_ENDPOINTS;
  const app = await createService({
    title: 'deposits',
    endpoints: { deposit, depositMany },
    handlers: depositHandlers({ depositMany: (histories) => deposits.deposit(histories) }),
    log: silentLog(),
  });
  return {
    port: await listen(app, '127.0.0.1', 0),
    close: () => Promise.all([app.close(), pool.close(), database.close()]),
  };
}

function start(settings: HouseSettings): Promise<Started> {
  if (settings.kind === 'empty') return startEmpty(settings.bodyBytesMax);
  const registrarKey = bytes(settings.registrarKey);
  return settings.kind === 'house'
    ? startIssuer({ dataDir: settings.dataDir, registrarKey, operatorKeys: [] })
    : startOnPostgres(settings.url, bytes(settings.issuerKey), registrarKey);
}

const say = (message: HouseMessage): void => void process.send!(message);

async function main(settings: HouseSettings): Promise<void> {
  const running = await start(settings);
  const end = async (): Promise<void> => {
    await running.close();
    process.exit(0);
  };
  process.on('message', () => say({ cpuUs: cpuUs() }));
  process.once('disconnect', () => {
    end().catch(fail);
  });
  say({ port: running.port });
}

function fail(thrown: unknown): void {
  process.stderr.write(`${String(thrown)}\n`);
  process.exit(1);
}

process.once('message', (settings: HouseSettings) => {
  main(settings).catch(fail);
});
