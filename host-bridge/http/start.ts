/**
 * Starting and ending the services: key, database, procedures, addresses, port; in this order, and back again at the end.
 */
import type { Logger } from 'pino';
import { WIRE_VERSION } from '../../firmware/wire/signed.js';
import { createIssuer, type Issuer, type IssuerOptions } from '../actors/issuer.js';
import type { PublicParameters, TrusteeService } from '../actors/services.js';
import type { Signer } from '../actors/signer.js';
import { createTrustee, type TrusteeOptions } from '../actors/trustee.js';
import type { Result } from '../errors.js';
import { openIssuerStore } from '../ledger/sqlite-issuer.js';
import { openTrusteeStore } from '../ledger/sqlite-trustee.js';
import type { IssuerStore } from '../ledger/store.js';
import { bytes, hexed } from './hex.js';
import { ensureDataDir, pathsOf, serviceKey, type Random } from './key-file.js';
import { silentLog } from './log.js';
import { actOnce, readOperatorRequest } from './operator-requests.js';
import { ISSUER_ENDPOINTS, OPERATOR_HEADERS, TRUSTEE_ENDPOINTS, type Endpoint } from './schemas.js';
import { answerRefusal, createService, listen, type Answer, type Handlers, type RawRequest, type ServiceOptions } from './service.js';

/** Where a service lives. */
export interface PlaceOptions {
  /** Holds the key and the database; made where missing. */
  dataDir: string;
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** ISO 4217; default EUR. */
  currency?: string;
  /** Unix time in seconds; default the machine's. */
  clock?: () => number;
  /** For the key made at first start; default node:crypto. */
  random?: Random;
  /** Default: none. See log.ts. */
  log?: Logger;
}

export interface IssuerPlace extends PlaceOptions, Partial<Pick<IssuerOptions, 'depositGraceS' | 'denyRefreshS'>> {
  /** PKR, 32 bytes. */
  registrarKey: Uint8Array;
  /** Public keys, 32 bytes each, of those who may act in the office. */
  operatorKeys: Uint8Array[];
}

export interface TrusteePlace extends PlaceOptions, Partial<Pick<TrusteeOptions, 'licenseValidS'>> {
  /** PKI, 32 bytes. */
  issuerKey: Uint8Array;
}

/** A service that answers. */
export interface RunningService<T> {
  /** For example http://127.0.0.1:40123. */
  url: string;
  port: number;
  /** PKI or PKR, 32 bytes. */
  publicKey: Uint8Array;
  parameters: PublicParameters;
  /** Path of the database, for the audit. */
  database: string;
  /** The same procedures in process. */
  actor: T;
  /** Takes no more requests, ends those under way, closes the database. May be called twice. */
  close(): Promise<void>;
}

const machineClock = () => Date.now() / 1000;

/** Starts the issuer. @throws TapcashError KEY_FILE_INVALID, KEY_MISMATCH, DATA_DIR_FAILED, DATABASE_*, PORT_IN_USE, ADDRESS_INVALID */
export async function startIssuer(place: IssuerPlace): Promise<RunningService<Issuer>> {
  const { signer, database, currency, clock } = settle(place, 'issuer');
  const store = openIssuerStore(database, { issuerKey: signer.publicKey, registrarKey: place.registrarKey, currency });
  const issuer = createIssuer({ ...place, store, signer, currency, clock });
  return run(place, store, issuer, signer, database, {
    title: 'tapcash issuer',
    endpoints: ISSUER_ENDPOINTS,
    handlers: issuerHandlers(issuer, store),
    operators: operatorGate(issuer, store, place.operatorKeys, clock),
  });
}

/** Starts the trustee. @throws as `startIssuer` */
export async function startTrustee(place: TrusteePlace): Promise<RunningService<TrusteeService>> {
  const { signer, database, currency, clock } = settle(place, 'trustee');
  const store = openTrusteeStore(database, { issuerKey: place.issuerKey, registrarKey: signer.publicKey, currency });
  const trustee = createTrustee({ ...place, store, signer, currency, clock });
  return run(place, store, trustee, signer, database, {
    title: 'tapcash trustee',
    endpoints: TRUSTEE_ENDPOINTS,
    handlers: {
      ...commonHandlers('trustee', trustee, store),
      register: ({ request, certificate }) => hexed(trustee.register(bytes(request), bytes(certificate))),
    } satisfies Handlers<typeof TRUSTEE_ENDPOINTS>,
  });
}

function settle(place: PlaceOptions, role: string) {
  ensureDataDir(place.dataDir);
  const signer = serviceKey(place.dataDir, role, place.random);
  return { signer, database: pathsOf(place.dataDir, role).database, currency: place.currency ?? 'EUR', clock: place.clock ?? machineClock };
}

/** Listens, and ties the ends together; what was opened is closed again where a step fails. */
async function run<T extends { parameters(): Result<{ parameters: PublicParameters }> }, E extends Record<string, Endpoint>>(
  place: PlaceOptions,
  store: { close(): void },
  actor: T,
  signer: Signer,
  database: string,
  service: Omit<ServiceOptions<E>, 'log'>,
): Promise<RunningService<T>> {
  const host = place.host ?? '127.0.0.1';
  const log = place.log ?? silentLog();
  try {
    const app = await createService({ ...service, log });
    const port = await listen(app, host, place.port ?? 0).catch(async (thrown) => {
      await app.close();
      throw thrown;
    });
    const known = actor.parameters();
    if (!known.ok) throw new TypeError('an actor knows its parameters');
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    log.info({ url }, 'listening');
    let closing: Promise<void> | null = null;
    const end = async () => {
      await app.close();
      store.close();
      log.info('closed');
    };
    return { url, port, publicKey: signer.publicKey, parameters: known.parameters, database, actor, close: () => (closing ??= end()) };
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}

/** Who may act in the office, and that each request acts once. */
function operatorGate(issuer: Issuer, store: IssuerStore, operatorKeys: Uint8Array[], clock: () => number) {
  const read = (request: RawRequest) => {
    const known = issuer.parameters();
    if (!known.ok) return known;
    return readOperatorRequest(operatorKeys, known.parameters.issuer, request);
  };
  return {
    check: (request: RawRequest) => {
      const found = read(request);
      return found.ok ? null : found;
    },
    gate: (request: RawRequest, act: () => Answer<unknown>): Answer<unknown> => {
      const found = read(request);
      if (!found.ok) return answerRefusal(found);
      const done = actOnce(store, found.act, Math.floor(clock()), act);
      return done.ok ? done.reply : answerRefusal(done);
    },
  };
}

function commonHandlers(role: string, actor: { parameters(): Result<{ parameters: PublicParameters }> }, store: { check(): void }) {
  return {
    health: () => {
      store.check();
      return { ok: true as const, role, wireVersion: WIRE_VERSION };
    },
    parameters: () => {
      const known = actor.parameters();
      return known.ok ? { ok: true as const, ...hexed(known.parameters) } : known;
    },
  };
}

function issuerHandlers(issuer: Issuer, store: IssuerStore): Handlers<typeof ISSUER_ENDPOINTS> {
  const officeOf = (request: RawRequest) => issuer.office(String(request.headers[OPERATOR_HEADERS.operator]));
  return {
    ...commonHandlers('issuer', issuer, store),
    withdraw: ({ request }) => hexed(issuer.withdraw(bytes(request))),
    receipts: ({ request }) => hexed(issuer.receipts(bytes(request))),
    deposit: ({ history }) => issuer.deposit(bytes(history)),
    tombstone: ({ tombstone }) => issuer.tombstone(bytes(tombstone)),
    signedTime: ({ nonce }) => hexed(issuer.signedTime(bytes(nonce))),
    denyList: () => hexed(issuer.denyList()),
    openAccount: ({ name, accountKey }, request) => hexed(officeOf(request).openAccount(name, accountKey === null ? null : bytes(accountKey))),
    fundAccount: ({ name, amount }, request) => officeOf(request).fundAccount(name, amount),
    registerTerminal: ({ shop, terminalId, key }, request) => officeOf(request).registerTerminal(shop, bytes(terminalId), bytes(key)),
    deny: ({ pku, why }, request) => officeOf(request).deny(bytes(pku), why),
    trace: ({ pku, why }, request) => hexed(officeOf(request).trace(bytes(pku), why)),
    balanceOf: ({ name }, request) => officeOf(request).balanceOf(name),
    counterOf: ({ pku }, request) => officeOf(request).counterOf(bytes(pku)),
    numbers: (_body, request) => {
      const result = officeOf(request).numbers();
      return result.ok ? { ok: true, ...result.numbers } : result;
    },
    histories: ({ limit }, request) => hexed(officeOf(request).histories(limit)),
    overspends: (_body, request) => hexed(officeOf(request).overspends()),
  };
}
