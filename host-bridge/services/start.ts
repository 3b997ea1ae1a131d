/**
 * Starting and ending the services: key, database, procedures, addresses, port; in this order, and back again at the
 * end.
 */
import { schemeOf } from '../../firmware/core/scheme.js';
import type { Logger } from 'pino';
import { WIRE_VERSION } from '../../firmware/wire/signed.js';
import { createBank, type Bank, type BankOptions } from '../houses/bank/bank.js';
import { COUPON_AMOUNTS } from '../base/crypto/coupon-signer.js';
import { createIssuer, type Issuer, type IssuerOptions } from '../houses/issuer/issuer.js';
import type {
  AccountsOffice,
  DepositResult,
  HouseService,
  IssuerForBank,
  IssuerService,
  PublicParameters,
  Remote,
  Service,
  TrusteeService,
} from '../base/services/procedures.js';
import { createVerifyPool, type VerifyPool } from '../base/crypto/verify-pool.js';
import { linesOf, type HouseName, type KeyLine } from '../base/keys/key-line.js';
import type { Signer } from '../base/crypto/signer.js';
import { createTrustee, type TrusteeOptions } from '../houses/trustee/trustee.js';
import { failure } from '../base/errors.js';
import { openBankStore } from '../ledger/sqlite/sqlite-bank.js';
import { openIssuerStore } from '../ledger/sqlite/sqlite-issuer.js';
import { openTrusteeStore } from '../ledger/sqlite/sqlite-trustee.js';
import type { IssuerStore } from '../ledger/store.js';
import { checkBankRequest, BANK_HEADERS, signAnswer } from '../http/bank-channel.js';
import { startForwarding } from '../http/forwarding.js';
import { bytes, hexed } from '../base/hex.js';
import { firstKey, houseCoupons, houseSigner, houseUnsealer, isFirstStart } from './house-keys.js';
import { couponKeys, ensureDataDir, pathsOf, sealSeed, type Random } from '../base/keys/key-file.js';
import { silentLog } from '../base/log.js';
import type { Epoch } from '../base/epoch.js';
import { askerOf, createOperators, type Operators, type OperatorsOptions } from './operators.js';
import { createHouseClock, type HouseClock, type HouseClockOptions } from './house-clock.js';
import {
  BANK_ENDPOINTS,
  DENY_MESSAGES_MAX,
  ISSUER_ENDPOINTS,
  TRUSTEE_ENDPOINTS,
  type BodyOf,
  type Endpoint,
} from '../http/schemas.js';
import { STANDARD_CURRENCY } from '../base/money.js';
import { listen } from '../http/http-server.js';
import { createService, type Handlers, type RawRequest, type ServiceOptions } from '../http/service.js';

/** Where a service lives. */
export interface PlaceOptions {
  /** Holds the key and the database; made where missing. */
  dataDir: string;
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** ISO 4217; default `STANDARD_CURRENCY`. */
  currency?: string;
  /** Unix time in seconds; default the machine's. */
  clock?: () => number;
  /** Seconds of a clock that nobody sets; default the process's. */
  monotonic?: () => number;
  /** Number of the scheme's row; default 1. */
  scheme?: number;
  /** For the key made at first start; default node:crypto. */
  random?: Random;
  /** Default: none. See log.ts. */
  log?: Logger;
  /** Public keys, 32 bytes each, of desks: tellers, until the office removes them. Default: none. */
  tellerKeys?: Uint8Array[];
  /** Most that such a desk may put into an account at once, minor units; default: nothing. */
  tellerLimit?: number | null;
  /** Take the database that is there, though it is not the one that was: the operator's reason, for the record. */
  acceptLoss?: string;
}

export interface IssuerPlace
  extends
    PlaceOptions,
    Partial<
      Pick<
        IssuerOptions,
        'depositGraceS' | 'claimWindowS' | 'denyRefreshS' | 'licenseValidS' | 'licenseClass' | 'tracePolicy' | 'bankKey'
      >
    > {
  /** PKR, 32 bytes; left out where the scheme has the issuer sign licenses. */
  registrarKey?: Uint8Array;
  /** Root keys, 32 bytes each: supervisors who say who else is an operator. */
  operatorKeys: Uint8Array[];
}

export interface TrusteePlace
  extends PlaceOptions, Partial<Pick<TrusteeOptions, 'licenseValidS' | 'licenseClass' | 'issuer'>> {
  /** As at the issuer, to confirm its clock for example; default: nobody. */
  operatorKeys?: Uint8Array[];
  /** PKI, 32 bytes. */
  issuerKey: Uint8Array;
  /** PKB where the bank keeps the accounts. */
  accountsKey?: Uint8Array;
}

export interface BankPlace extends PlaceOptions, Partial<Pick<BankOptions, 'depositGraceS' | 'claimWindowS'>> {
  /** PKI, and PKR where the trustee signs licenses; 32 bytes. */
  issuerKey: Uint8Array;
  registrarKey: Uint8Array;
  operatorKeys: Uint8Array[];
  /**
   * The issuer, as this bank reaches it.
   * @param signer SKB, which the channel signs with
   * @param issuerLine whose answers it believes
   */
  issuerChannel(signer: Signer, issuerLine: KeyLine): Remote<IssuerForBank>;
  /** How long after a return the next one may wait, milliseconds; default 1000. */
  forwardMs?: number;
}

/** A service that answers. */
export interface RunningService<T> {
  /** For example http://127.0.0.1:40123. */
  url: string;
  port: number;
  /** The house's first key, 32 bytes. */
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
const processClock = () => performance.now() / 1000;

/**
 * Starts the issuer.
 * @throws TapcashError KEY_FILE_INVALID, KEY_MISMATCH, DATA_DIR_FAILED, DATABASE_*, PORT_IN_USE, ADDRESS_INVALID
 */
export async function startIssuer(place: IssuerPlace): Promise<RunningService<Issuer>> {
  const { ownKey: issuerKey, database, identity, currency, scheme } = settle(place, 'issuer');
  const registrarKey = scheme.licenseFrom === 'issuer' ? issuerKey : place.registrarKey;
  if (!registrarKey) throw failure('USAGE', `scheme ${scheme.number}: the trustee's key is missing`);
  const needsSeal = scheme.registration === 'sealed' || scheme.issue !== 'direct';
  // Before the database is there: beside one, a key that is missing is lost.
  if (needsSeal && isFirstStart(place.dataDir, 'issuer')) sealSeed(place.dataDir, place.random);
  const bankKey = place.bankKey ?? null;
  const store = openIssuerStore(
    database,
    { issuerKey, registrarKey, currency, scheme: scheme.number, bankKey },
    { identity },
  );
  const time = clockOf(place, store);
  const clock = time.nowS;
  const lines = linesOf(store, { issuerKey, registrarKey, bankKey });
  const { signer, unsealer } = await orClose(store, async () => ({
    signer: houseSigner(place.dataDir, 'issuer', lines.issuer, time.keyS),
    unsealer: needsSeal ? await houseUnsealer(place.dataDir, lines.issuer, clock, place.random) : null,
  }));
  const pool = createVerifyPool();
  const issuer = createIssuer({
    ...place,
    verifyMany: pool.verify,
    ...{ store, signer, issuerKey, registrarKey, currency, clock, scheme, unsealer },
    clockDoubted: () => time.doubt() !== null,
  });
  const operators = operatorsOf(place, store, lines.issuerId, clock);
  return run(place, closing(store, pool), issuer, issuerKey, database, {
    title: 'tapcash issuer',
    endpoints: ISSUER_ENDPOINTS,
    handlers: issuerHandlers(issuer, store, time, operators),
    operators,
    bank: {
      check: (request) => checkBankRequest(lines.bank, clock(), lines.issuerId, request),
      sign: (request, status, body) =>
        signAnswer(signer, String(request.headers[BANK_HEADERS.requestId]), status, body),
    },
  });
}

/** Starts the bank, which begins to return histories at once. @throws as `startIssuer` */
export async function startBank(place: BankPlace): Promise<RunningService<Bank>> {
  const { ownKey: bankKey, database, identity, currency, scheme } = settle(place, 'bank');
  const { issuerKey, registrarKey } = place;
  if (scheme.issue === 'coupon' && isFirstStart(place.dataDir, 'bank')) couponKeys(place.dataDir, COUPON_AMOUNTS);
  const store = openBankStore(
    database,
    { issuerKey, registrarKey, currency, scheme: scheme.number, bankKey },
    { identity },
  );
  const time = clockOf(place, store);
  const clock = time.nowS;
  const lines = linesOf(store, { issuerKey, registrarKey, bankKey });
  const { signer, coupons } = await orClose(store, async () => ({
    signer: houseSigner(place.dataDir, 'bank', lines.bank!, time.keyS),
    coupons: scheme.issue === 'coupon' ? houseCoupons(place.dataDir, lines.bank!, time) : null,
  }));
  const pool = createVerifyPool();
  const bank = createBank({
    ...place,
    verifyMany: pool.verify,
    store,
    signer,
    bankKey,
    currency,
    clock,
    clockDoubted: () => time.doubt() !== null,
    scheme,
    coupons,
    issuer: place.issuerChannel(signer, lines.issuer),
  });
  const operators = operatorsOf(place, store, lines.issuerId, clock);
  const service = await run(place, closing(store, pool), bank, bankKey, database, {
    title: 'tapcash bank',
    endpoints: BANK_ENDPOINTS,
    handlers: {
      ...commonHandlers('bank', bank, store, time),
      ...officeHandlers(time, operators),
      ...shopHandlers(bank),
      ...accountHandlers(bank),
      request: async ({ request }) => hexed(await bank.request(bytes(request))),
      couponKeys: () => hexed(bank.couponKeys()),
      trace: ({ order }, request) => hexed(officeOf(bank, request).trace(bytes(order))),
      registrationsOf: ({ name }, request) => hexed(officeOf(bank, request).registrationsOf(name)),
      creditRelease: ({ name, order }, request) => officeOf(bank, request).creditRelease(name, bytes(order)),
    } satisfies Handlers<typeof BANK_ENDPOINTS>,
    operators,
  });
  const forwarding = startForwarding(() => bank.forward(), place.log ?? silentLog(), place.forwardMs);
  return {
    ...service,
    async close() {
      await forwarding.stop();
      await service.close();
    },
  };
}

/** Starts the trustee. @throws as `startIssuer` */
export async function startTrustee(place: TrusteePlace): Promise<RunningService<TrusteeService>> {
  const { ownKey: registrarKey, database, identity, currency, scheme } = settle(place, 'trustee');
  const { issuerKey, accountsKey: bankKey = null } = place;
  const store = openTrusteeStore(
    database,
    { issuerKey, registrarKey, currency, scheme: scheme.number, bankKey },
    { identity },
  );
  const time = clockOf(place, store);
  const clock = time.nowS;
  const { registrar, issuerId } = linesOf(store, { issuerKey, registrarKey, bankKey });
  const signer = await orClose(store, async () => houseSigner(place.dataDir, 'trustee', registrar, time.keyS));
  const trustee = createTrustee({
    ...place,
    ...{ store, signer, registrarKey, currency, clock, scheme },
    clockDoubted: () => time.doubt() !== null,
  });
  const operators = operatorsOf(place, store, issuerId, clock);
  return run(place, store, trustee, registrarKey, database, {
    title: 'tapcash trustee',
    endpoints: TRUSTEE_ENDPOINTS,
    handlers: {
      ...commonHandlers('trustee', trustee, store, time),
      ...officeHandlers(time, operators),
      register: ({ request, certificate }) => hexed(trustee.register(bytes(request), bytes(certificate))),
      renew: async ({ request, certificate }) => hexed(await trustee.renew(bytes(request), bytes(certificate))),
      licenseOf: ({ pku }) => hexed(trustee.licenseOf(bytes(pku))),
      trace: ({ order }) => hexed(trustee.trace(bytes(order))),
    } satisfies Handlers<typeof TRUSTEE_ENDPOINTS>,
    operators,
  });
}

function settle(place: PlaceOptions, role: HouseName) {
  ensureDataDir(place.dataDir);
  const paths = pathsOf(place.dataDir, role);
  const clock = place.clock ?? machineClock;
  return {
    ownKey: firstKey(place.dataDir, role, place.random),
    database: paths.database,
    identity: { file: paths.identity, nowS: clock, acceptLoss: place.acceptLoss },
    currency: place.currency ?? STANDARD_CURRENCY,
    clock,
    scheme: schemeOf(place.scheme ?? 1),
  };
}

/** A store as the service looks at it. */
interface CheckedStore {
  check(): void;
  epochs(): Epoch[];
}

/** The clock of a house that starts, judged by its books. */
function clockOf(place: PlaceOptions, store: HouseClockOptions['store'] & CheckedStore): HouseClock {
  const log = place.log ?? silentLog();
  const line = store.epochs().findLast(({ cause }) => cause !== 'made');
  if (line)
    log.warn({ epoch: line.epoch, cause: line.cause, beganS: line.beganS, backupS: line.backupS }, 'acts are missing');
  return createHouseClock({
    wallS: place.clock ?? machineClock,
    monotonicS: place.monotonic ?? processClock,
    ...{ store, log },
  });
}

/** Closes the store where a step before listening fails. */
async function orClose<T>(store: { close(): void }, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}

/** Listens, and ties the ends together; what was opened is closed again where a step fails. */
async function run<T extends HouseService, E extends Record<string, Endpoint>>(
  place: PlaceOptions,
  store: { close(): unknown },
  actor: T,
  publicKey: Uint8Array,
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
      await store.close();
      log.info('closed');
    };
    return { url, port, publicKey, parameters: known.parameters, database, actor, close: () => (closing ??= end()) };
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** Both ends together. */
function closing(store: { close(): void }, pool: VerifyPool): { close(): Promise<void> } {
  return {
    async close() {
      store.close();
      await pool.close();
    },
  };
}

/** Who may act in the office of a house. */
function operatorsOf(
  place: PlaceOptions & { operatorKeys?: Uint8Array[] },
  store: OperatorsOptions['store'],
  issuer: Uint8Array,
  clock: () => number,
): Operators {
  const { operatorKeys = [], tellerKeys, tellerLimit } = place;
  return createOperators({ store, issuer, rootKeys: operatorKeys, tellerKeys, tellerLimit, nowS: clock });
}

function commonHandlers(role: string, actor: HouseService, store: CheckedStore, time: HouseClock) {
  return {
    health: () => {
      store.check();
      const line = store.epochs().findLast(({ cause }) => cause !== 'made');
      const restored = line ? { epoch: line.epoch, beganS: line.beganS, backupS: line.backupS } : null;
      return { ok: true as const, role, wireVersion: WIRE_VERSION, clock: time.state(), restored };
    },
    parameters: () => {
      const known = actor.parameters();
      return known.ok ? { ok: true as const, ...hexed(known.parameters) } : known;
    },
    succeed: ({ notice }: { notice: string }) => actor.succeed(bytes(notice)),
  };
}

/** For operators, in every house. */
function officeHandlers(time: HouseClock, operators: Operators) {
  return {
    confirmClock: ({ timeS, why }, request) => time.confirm(askerOf(request), why, timeS),
    self: (_body, request) => operators.self(request),
    operators: () => hexed(operators.list()),
    addOperator: ({ key, ...who }, request) => operators.add({ ...who, key: bytes(key) }, askerOf(request)),
    removeOperator: ({ name }, request) => operators.remove(name, askerOf(request)),
  } satisfies Partial<Handlers<typeof BANK_ENDPOINTS>>;
}

/** One result of many, as JSON. */
const depositLine = (result: DepositResult) =>
  result.ok
    ? { code: 'OK', detail: null, amount: result.amount, repeated: result.repeated }
    : { code: result.code, detail: result.detail ?? null, amount: null, repeated: false };

/** Deposits, one and many. */
export function depositHandlers(house: Service<Pick<IssuerService, 'depositMany'>>) {
  return {
    async deposit({ history }: { history: string }) {
      const done = await house.depositMany([bytes(history)]);
      return done.ok ? done.results[0]! : done;
    },
    async depositMany({ histories }: { histories: string[] }) {
      const done = await house.depositMany(histories.map(bytes));
      return done.ok ? { ok: true as const, results: done.results.map(depositLine) } : done;
    },
  };
}

/** For shops, wherever accounts are kept. */
function shopHandlers(
  house: Service<Pick<IssuerService, 'depositMany' | 'tombstone' | 'refund' | 'claim' | 'findPayment' | 'checkUnload'>>,
) {
  return {
    ...depositHandlers(house),
    tombstone: ({ tombstone }: { tombstone: string }) => house.tombstone(bytes(tombstone)),
    refund: ({ refund }: { refund: string }) => house.refund(bytes(refund)),
    claim: ({ history }: { history: string }) => house.claim(bytes(history)),
    findPayment: async ({ shop, rs, question }: BodyOf<typeof ISSUER_ENDPOINTS.findPayment>) =>
      hexed(await house.findPayment(shop, bytes(rs), question === null ? null : bytes(question))),
    checkUnload: (what: BodyOf<typeof ISSUER_ENDPOINTS.checkUnload>) =>
      house.checkUnload({ ...what, accountKey: bytes(what.accountKey), license: bytes(what.license) }),
  };
}

/** The office of the operator who signed a request. */
function officeOf<O>(house: { office(operator: string): O }, request: RawRequest): O {
  return house.office(askerOf(request));
}

/** For operators, wherever accounts are kept. */
function accountHandlers(house: { office(operator: string): AccountsOffice }) {
  return {
    openAccount: ({ name, accountKey }, request) =>
      hexed(officeOf(house, request).openAccount(name, accountKey === null ? null : bytes(accountKey))),
    fundAccount: ({ name, amount }, request) => officeOf(house, request).fundAccount(name, amount),
    payOut: ({ name, amount, reference }, request) => officeOf(house, request).payOut(name, amount, reference),
    closeAccount: ({ name }, request) => officeOf(house, request).closeAccount(name),
    registerTerminal: ({ shop, terminalId, key }, request) =>
      officeOf(house, request).registerTerminal(shop, bytes(terminalId), bytes(key)),
    licenseClassOf: ({ name }, request) => hexed(officeOf(house, request).licenseClassOf(name)),
    setLicenseClass: ({ accountKey, licenseClass }, request) =>
      officeOf(house, request).setLicenseClass(bytes(accountKey), licenseClass),
    balanceOf: ({ name }, request) => officeOf(house, request).balanceOf(name),
    heldAccounts: ({ limit, after }, request) => officeOf(house, request).heldAccounts(limit, after),
    numbers: (_body, request) => {
      const result = officeOf(house, request).numbers();
      return result.ok ? { ok: true as const, ...result.numbers } : result;
    },
    payments: (query, request) => hexed(officeOf(house, request).payments(query)),
  } satisfies Partial<Handlers<typeof BANK_ENDPOINTS>>;
}

function issuerHandlers(
  issuer: Issuer,
  store: IssuerStore,
  time: HouseClock,
  operators: Operators,
): Handlers<typeof ISSUER_ENDPOINTS> {
  return {
    ...commonHandlers('issuer', issuer, store, time),
    ...officeHandlers(time, operators),
    ...shopHandlers(issuer),
    ...accountHandlers(issuer),
    withdraw: ({ request }) => hexed(issuer.withdraw(bytes(request))),
    receipts: ({ request }) => hexed(issuer.receipts(bytes(request))),
    redeem: async ({ request }) => hexed(await issuer.redeem(bytes(request))),
    couponKeys: () => hexed(issuer.couponKeys()),
    receive: async ({ message, signature }) =>
      hexed(await issuer.receive(bytes(message), signature === null ? null : bytes(signature))),
    returnCash: ({ histories }) => issuer.returnCash(histories.map(bytes)),
    signedTime: ({ nonce }) => hexed(issuer.signedTime(bytes(nonce))),
    terminalNotice: ({ terminalId }) => hexed(issuer.terminalNotice(bytes(terminalId))),
    denyList({ from, skip }) {
      const reply = issuer.denyList(from);
      if (!reply.ok) return reply;
      const { version, messages } = reply;
      return hexed({
        ok: true,
        version,
        messages: messages.slice(skip, skip + DENY_MESSAGES_MAX),
        total: messages.length,
      });
    },
    deny: ({ pku, why }, request) => officeOf(issuer, request).deny(bytes(pku), why),
    retireTerminal: ({ terminalId, retired, why }, request) =>
      officeOf(issuer, request).retireTerminal(bytes(terminalId), retired, why),
    lose: ({ of, why, newest }, request) =>
      officeOf(issuer, request).lose(bytes(of), why, newest === null ? null : bytes(newest)),
    release: ({ of }, request) => hexed(officeOf(issuer, request).release(bytes(of))),
    trace: ({ pku, why }, request) => hexed(officeOf(issuer, request).trace(bytes(pku), why)),
    traceOrder: ({ pku, why }, request) => hexed(officeOf(issuer, request).traceOrder(bytes(pku), why)),
    publishCouponKeys: ({ keys }, request) =>
      officeOf(issuer, request).publishCouponKeys(
        keys.map(({ amount, modulus }) => ({ amount, modulus: bytes(modulus) })),
      ),
    counterOf: ({ of }, request) => officeOf(issuer, request).counterOf(bytes(of)),
    unclaimed: ({ limit, after }, request) => hexed(officeOf(issuer, request).unclaimed(limit, after)),
    overspends: (_body, request) => hexed(officeOf(issuer, request).overspends()),
  };
}
