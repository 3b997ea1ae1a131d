/**
 * The services as their callers have them: the procedures of base/services/procedures.ts as promises, over HTTP.
 *
 * A client never throws for what the network or a service does: no connection, no answer in time and nonsense are named
 * results (SERVICE_DOWN, SERVICE_SILENT, REPLY_INVALID). It does not repeat by itself; whoever calls may repeat the
 * same request, which has effect once. `isRetryable` of errors.ts says for which codes that makes sense.
 */
import { randomBytes } from 'node:crypto';
import { Value } from '@sinclair/typebox/value';
import { copy, toHex } from '../../firmware/core/bytes.js';
import type {
  AccountsOffice,
  BankOffice,
  BankService,
  DepositResult,
  HouseService,
  IssuerForBank,
  IssuerOffice,
  IssuerService,
  PublicParameters,
  Remote,
  TrusteeService,
  UnloadCheck,
} from '../base/services/procedures.js';
import type { KeyLine } from '../base/keys/key-line.js';
import { sha256 } from '../base/crypto/hash.js';
import type { Signer } from '../base/crypto/signer.js';
import { isErrorCode, refusal, type Result } from '../base/errors.js';
import { bytes } from '../base/hex.js';
import type { Approval, ApprovedRefund, Services } from '../base/services/calls.js';
import { ruleRole } from '../base/services/roles.js';
import type { Random } from '../base/keys/key-file.js';
import { REQUEST_ID_BYTES, signOperatorRequest } from './operator-requests.js';
import { BANK_HEADERS, isAnswer, signBankRequest } from './bank-channel.js';
import {
  BANK_ENDPOINTS,
  COMMON_ENDPOINTS,
  ISSUER_ENDPOINTS,
  OPERATOR_HEADERS,
  TRUSTEE_ENDPOINTS,
  type BodyOf,
  type Endpoint,
  type ReplyOf,
} from './schemas.js';

/** How long a client waits for a reply unless told otherwise. */
const CLIENT_TIMEOUT_MS = 5000;

/** How often a deny list may change while its pages are fetched. */
const DENY_TRIES_MAX = 3;

/** Longest reply that a client reads. */
const REPLY_CHARS_MAX = 256 * 1024;

export interface ClientOptions {
  /** For example http://127.0.0.1:40123. */
  url: string;
  timeoutMs?: number;
}

export interface OfficeOptions extends ClientOptions {
  /** The operator's key. */
  operator: Signer;
  /** The issuer's id, 4 bytes: a request for one issuer is nothing to another. */
  issuer: Uint8Array;
  random?: Random;
}

type Call = <E extends Endpoint>(
  endpoint: E,
  body: BodyOf<E>,
  headers?: (text: string) => Record<string, string>,
  believe?: (response: Response, text: string) => boolean,
) => Promise<Result<ReplyOf<E>>>;

/** Makes one request and reads its reply by the endpoint's schema. */
export function createCall({ url, timeoutMs = CLIENT_TIMEOUT_MS }: ClientOptions): Call {
  const base = url.replace(/\/+$/, '');
  return async (endpoint, body, headers, believe) => {
    const text = endpoint.method === 'POST' ? JSON.stringify(body) : '';
    let response: Response;
    let reply: unknown;
    try {
      response = await fetch(base + endpoint.path, {
        method: endpoint.method,
        redirect: 'error',
        headers: { ...(text ? { 'content-type': 'application/json' } : {}), ...headers?.(text) },
        ...(text ? { body: text } : {}),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const received = await response.text();
      if (believe && !believe(response, received))
        return refusal('WRONG_SERVICE', `${base}: the reply is not the issuer's`);
      reply = parse(received);
    } catch (thrown) {
      const silent = (thrown as Error)?.name === 'TimeoutError';
      return refusal(
        silent ? 'SERVICE_SILENT' : 'SERVICE_DOWN',
        silent ? `${base} within ${timeoutMs} ms` : `${base}: ${reasonOf(thrown)}`,
      );
    }
    if (response.status === 200) {
      if (!Value.Check(endpoint.reply, reply)) return refusal('REPLY_INVALID', base + endpoint.path);
      return { ok: true, ...(reply as ReplyOf<typeof endpoint>) };
    }
    const { code, message } = (reply ?? {}) as { code?: unknown; message?: unknown };
    if (isErrorCode(code) && code !== 'OK') return refusal(code, detailOf(message));
    // A proxy in front, or a service that is just ending.
    return response.status === 502 || response.status === 503
      ? refusal('SERVICE_DOWN', `${base}: status ${response.status}`)
      : refusal('REPLY_INVALID', `${base}${endpoint.path}: status ${response.status}`);
  };
}

function parse(text: string): unknown {
  if (text.length > REPLY_CHARS_MAX) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What the service put in parentheses after the cause. */
function detailOf(message: unknown): string | undefined {
  return typeof message === 'string' ? /\((.*)\)$/.exec(message)?.[1] : undefined;
}

function reasonOf(thrown: unknown): string {
  const cause = (thrown as { cause?: { code?: unknown } })?.cause?.code;
  return typeof cause === 'string' ? cause : 'no connection';
}

type ParametersReply = Result<{
  issuer: string;
  issuerKey: string;
  registrarKey: string;
  currency: string;
  scheme: number;
  sealKey: string | null;
  successions: string[];
}>;

function readParameters(reply: ParametersReply): Result<{ parameters: PublicParameters }> {
  if (!reply.ok) return reply;
  const { issuer, issuerKey, registrarKey, currency, scheme, sealKey, successions } = reply;
  return {
    ok: true,
    parameters: {
      issuer: bytes(issuer),
      issuerKey: bytes(issuerKey),
      registrarKey: bytes(registrarKey),
      currency,
      scheme,
      sealKey: maybe(sealKey),
      successions: successions.map(bytes),
    },
  };
}

/** What every house answers. */
function houseCalls(call: Call): Remote<HouseService> {
  return {
    parameters: async () => readParameters(await call(COMMON_ENDPOINTS.parameters, null)),
    succeed: (notice) => call(COMMON_ENDPOINTS.succeed, { notice: toHex(notice) }),
  };
}

/** A house of any kind over HTTP. */
export function createHouseClient(options: ClientOptions): Remote<HouseService> {
  return houseCalls(createCall(options));
}

/** What every client can ask, beside its procedures. */
export interface Health {
  /** Whether service and database work. */
  health(): Promise<Result<ReplyOf<typeof COMMON_ENDPOINTS.health>>>;
}

/** The trustee over HTTP. */
export function createTrusteeClient(options: ClientOptions): Remote<TrusteeService> & Health {
  const call = createCall(options);
  const at = TRUSTEE_ENDPOINTS;
  return {
    health: () => call(at.health, null),
    ...houseCalls(call),
    async register(request, certificate) {
      const reply = await call(at.register, { request: toHex(request), certificate: toHex(certificate) });
      return reply.ok ? { ...reply, license: bytes(reply.license) } : reply;
    },
    async renew(request, certificate) {
      const reply = await call(at.renew, { request: toHex(request), certificate: toHex(certificate) });
      return reply.ok ? { ...reply, license: bytes(reply.license) } : reply;
    },
    async licenseOf(pku) {
      const reply = await call(at.licenseOf, { pku: toHex(pku) });
      return reply.ok ? { ok: true, license: bytes(reply.license) } : reply;
    },
    trace: async (order) => readTrace(await call(at.trace, { order: toHex(order) })),
  };
}

const maybe = (text: string | null): Uint8Array | null => (text === null ? null : bytes(text));

function readBoxes<T extends { boxes: string[] }>(
  reply: Result<T>,
): Result<Omit<T, 'boxes'> & { boxes: Uint8Array[] }> {
  return reply.ok ? { ...reply, boxes: reply.boxes.map(bytes) } : reply;
}

type TraceReply = Result<{
  name: string;
  ebc: number;
  proof: 'PROVEN' | 'UNPROVEN';
  request: string;
  certificate: string;
}>;

function readTrace(reply: TraceReply) {
  return reply.ok ? { ...reply, request: bytes(reply.request), certificate: bytes(reply.certificate) } : reply;
}

/** One result of many; null where it makes no sense. */
function depositResult({
  code,
  detail,
  amount,
  repeated,
}: ReplyOf<typeof ISSUER_ENDPOINTS.depositMany>['results'][0]): DepositResult | null {
  if (code === 'OK') return amount === null ? null : { ok: true, amount, repeated };
  return isErrorCode(code) ? refusal(code, detail ?? undefined) : null;
}

/** What shops ask of whoever keeps the accounts. */
function shopCalls(call: Call) {
  return {
    deposit: (history: Uint8Array) => call(ISSUER_ENDPOINTS.deposit, { history: toHex(history) }),
    async depositMany(histories: Uint8Array[]): Promise<Result<{ results: DepositResult[] }>> {
      const reply = await call(ISSUER_ENDPOINTS.depositMany, { histories: histories.map(toHex) });
      if (!reply.ok) return reply;
      const results = reply.results.map(depositResult);
      return results.length === histories.length && results.every((result) => result !== null)
        ? { ok: true, results }
        : refusal('REPLY_INVALID', ISSUER_ENDPOINTS.depositMany.path);
    },
    tombstone: (tombstone: Uint8Array) => call(ISSUER_ENDPOINTS.tombstone, { tombstone: toHex(tombstone) }),
    refund: (refund: Uint8Array) => call(ISSUER_ENDPOINTS.refund, { refund: toHex(refund) }),
    claim: (history: Uint8Array) => call(ISSUER_ENDPOINTS.claim, { history: toHex(history) }),
    async findPayment(shop: string, rs: Uint8Array, question: Uint8Array | null) {
      const body = { shop, rs: toHex(rs), question: question && toHex(question) };
      const reply = await call(ISSUER_ENDPOINTS.findPayment, body);
      return reply.ok ? { ...reply, history: maybe(reply.history) } : reply;
    },
    checkUnload: (what: UnloadCheck) =>
      call(ISSUER_ENDPOINTS.checkUnload, {
        ...what,
        accountKey: toHex(what.accountKey),
        license: toHex(what.license),
      }),
  };
}

/** The bank over HTTP, as its customers and shops have it. */
export function createBankClient(options: ClientOptions): Remote<BankService> & Health {
  const call = createCall(options);
  const at = BANK_ENDPOINTS;
  return {
    health: () => call(at.health, null),
    ...houseCalls(call),
    request: async (request) => readBoxes(await call(at.request, { request: toHex(request) })),
    async couponKeys() {
      const reply = await call(at.couponKeys, null);
      return reply.ok
        ? { ok: true, keys: reply.keys.map(({ amount, modulus }) => ({ amount, modulus: bytes(modulus) })) }
        : reply;
    },
    ...shopCalls(call),
  };
}

export interface BankChannelOptions extends ClientOptions {
  /** SKB. */
  signer: Signer;
  /** The issuer's keys: whose answers are believed. */
  issuerLine: KeyLine;
  /** Unix time, seconds; default the machine's. */
  clock?(): number;
  /** The issuer's id, 4 bytes. */
  issuer: Uint8Array;
  random?: Random;
}

const machineClock = (): number => Date.now() / 1000;

/** The issuer over HTTP, as its bank has it. */
export function createBankChannel(options: BankChannelOptions): Remote<IssuerForBank> {
  const plain = createCall(options);
  const at = ISSUER_ENDPOINTS;
  const call: Call = (endpoint, body) => {
    const requestId = (options.random ?? randomBytes)(REQUEST_ID_BYTES);
    return plain(
      endpoint,
      body,
      (text) => signBankRequest(options.signer, options.issuer, requestId, endpoint.method, endpoint.path, text),
      (response, text) =>
        isAnswer(
          options.issuerLine,
          (options.clock ?? machineClock)(),
          toHex(requestId),
          response.status,
          text,
          response.headers.get(BANK_HEADERS.answer),
        ) || response.status !== 200,
    );
  };
  return {
    async receive(message, signature) {
      const reply = await call(at.receive, { message: toHex(message), signature: signature && toHex(signature) });
      return reply.ok
        ? {
            ok: true,
            reply: bytes(reply.reply),
            signature: maybe(reply.signature),
            boxes: reply.boxes.map(bytes),
            repeated: reply.repeated,
          }
        : reply;
    },
    returnCash: (histories) => call(at.returnCash, { histories: histories.map(toHex) }),
  };
}

/** The issuer over HTTP, as tokens and shops have it. */
export function createIssuerClient(options: ClientOptions): Remote<IssuerService> & Health {
  const call = createCall(options);
  const at = ISSUER_ENDPOINTS;
  return {
    health: () => call(at.health, null),
    ...houseCalls(call),
    async withdraw(request) {
      const reply = await call(at.withdraw, { request: toHex(request) });
      return reply.ok ? { ...reply, receipt: bytes(reply.receipt) } : reply;
    },
    async receipts(request) {
      const reply = await call(at.receipts, { request: toHex(request) });
      return reply.ok ? { ok: true, receipts: reply.receipts.map(bytes) } : reply;
    },
    ...shopCalls(call),
    redeem: async (request) => readBoxes(await call(at.redeem, { request: toHex(request) })),
    async couponKeys() {
      const reply = await call(at.couponKeys, null);
      return reply.ok ? { ok: true, list: bytes(reply.list), moduli: reply.moduli.map(bytes) } : reply;
    },
    async signedTime(nonce) {
      const reply = await call(at.signedTime, { nonce: toHex(nonce) });
      return reply.ok ? { ok: true, time: bytes(reply.time) } : reply;
    },
    async terminalNotice(terminalId) {
      const reply = await call(at.terminalNotice, { terminalId: toHex(terminalId) });
      return reply.ok ? { ok: true, notice: maybe(reply.notice) } : reply;
    },
    async denyList(from) {
      const messages: Uint8Array[] = [];
      let version: number | null = null;
      for (let tries = 0; ;) {
        const reply = await call(at.denyList, { from, skip: messages.length });
        if (!reply.ok) return reply;
        // Another version in between: from its beginning.
        if (version !== null && reply.version !== version) {
          if (++tries === DENY_TRIES_MAX) return refusal('BUSY', 'the deny list changes all the time');
          messages.length = 0;
        } else messages.push(...reply.messages.map(bytes));
        version = reply.version;
        if (reply.total === messages.length) return { ok: true, version, messages };
        if (messages.length > 0 && reply.messages.length === 0) return refusal('REPLY_INVALID', 'deny list');
      }
    },
  };
}

/** The issuer's office over HTTP, for one operator. Each call is one request id; see `createOfficeCall` for a retry. */
export function createOfficeClient(options: OfficeOptions): Remote<IssuerOffice> {
  return officeOf(options, () => (options.random ?? randomBytes)(REQUEST_ID_BYTES));
}

/**
 * One act of the office under a fixed request id: every call with the same arguments is the same request, acts once,
 * and gets the same reply. @param requestId 16 bytes, random
 */
export function createOfficeCall(options: OfficeOptions, requestId: Uint8Array): Remote<IssuerOffice> {
  return officeOf(options, () => requestId);
}

function operatorCall(options: OfficeOptions, nextId: () => Uint8Array): Call {
  const plain = createCall(options);
  return (endpoint, body) =>
    plain(endpoint, body, (text) =>
      signOperatorRequest(options.operator, options.issuer, nextId(), endpoint.method, endpoint.path, text),
    );
}

function accountsOf(call: Call): Remote<AccountsOffice> {
  const at = BANK_ENDPOINTS;
  return {
    async openAccount(name, accountKey) {
      const reply = await call(at.openAccount, { name, accountKey: accountKey && toHex(accountKey) });
      return reply.ok ? { ...reply, certificate: maybe(reply.certificate) } : reply;
    },
    fundAccount: (name, amount) => call(at.fundAccount, { name, amount }),
    payOut: (name, amount, reference) => call(at.payOut, { name, amount, reference }),
    closeAccount: (name) => call(at.closeAccount, { name }),
    registerTerminal: (shop, terminalId, key) =>
      call(at.registerTerminal, { shop, terminalId: toHex(terminalId), key: toHex(key) }),
    async licenseClassOf(name) {
      const reply = await call(at.licenseClassOf, { name });
      return reply.ok ? { ...reply, accountKey: bytes(reply.accountKey) } : reply;
    },
    setLicenseClass: (accountKey, licenseClass) =>
      call(at.setLicenseClass, { accountKey: toHex(accountKey), licenseClass }),
    balanceOf: (name) => call(at.balanceOf, { name }),
    heldAccounts: (limit, after) => call(at.heldAccounts, { limit, after }),
    async numbers() {
      const reply = await call(at.numbers, {});
      if (!reply.ok) return reply;
      const { ok, ...numbers } = reply;
      return { ok, numbers };
    },
    async payments(query) {
      const reply = await call(at.payments, query);
      return reply.ok
        ? {
            ok: true,
            more: reply.more,
            payments: reply.payments.map((row) => ({ ...row, pku: bytes(row.pku), rs: bytes(row.rs) })),
          }
        : reply;
    },
  };
}

function officeOf(options: OfficeOptions, nextId: () => Uint8Array): Remote<IssuerOffice> {
  const call = operatorCall(options, nextId);
  const at = ISSUER_ENDPOINTS;
  return {
    ...accountsOf(call),
    deny: (pku, why) => call(at.deny, { pku: toHex(pku), why }),
    retireTerminal: (terminalId, retired, why) =>
      call(at.retireTerminal, { terminalId: toHex(terminalId), retired, why }),
    lose: (of, why, newest = null) => call(at.lose, { of: toHex(of), why, newest: newest && toHex(newest) }),
    async release(of) {
      const reply = await call(at.release, { of: toHex(of) });
      return reply.ok ? { ...reply, order: maybe(reply.order) } : reply;
    },
    trace: async (pku, why) => readTrace(await call(at.trace, { pku: toHex(pku), why })),
    async traceOrder(pku, why) {
      const reply = await call(at.traceOrder, { pku: toHex(pku), why });
      return reply.ok ? { ...reply, order: bytes(reply.order) } : reply;
    },
    publishCouponKeys: (keys) =>
      call(at.publishCouponKeys, { keys: keys.map(({ amount, modulus }) => ({ amount, modulus: toHex(modulus) })) }),
    counterOf: (of) => call(at.counterOf, { of: toHex(of) }),
    async unclaimed(limit, after) {
      const reply = await call(at.unclaimed, { limit, after });
      return reply.ok ? { ...reply, sets: reply.sets.map((row) => ({ ...row, pku: bytes(row.pku) })) } : reply;
    },
    async overspends() {
      const reply = await call(at.overspends, {});
      return reply.ok
        ? { ok: true, overspends: reply.overspends.map((row) => ({ ...row, pku: bytes(row.pku) })) }
        : reply;
    },
  };
}

/**
 * The bank's office over HTTP, for one operator.
 * @param requestId 16 bytes for one act that may be repeated; else each call has its own
 */
export function createBankOfficeClient(options: OfficeOptions, requestId?: Uint8Array): Remote<BankOffice> {
  const call = operatorCall(options, () => requestId ?? (options.random ?? randomBytes)(REQUEST_ID_BYTES));
  return {
    ...accountsOf(call),
    trace: async (order) => readTrace(await call(BANK_ENDPOINTS.trace, { order: toHex(order) })),
    async registrationsOf(name) {
      const reply = await call(BANK_ENDPOINTS.registrationsOf, { name });
      return reply.ok ? { ok: true, registrations: reply.registrations.map(bytes) } : reply;
    },
    creditRelease: (name, order) => call(BANK_ENDPOINTS.creditRelease, { name, order: toHex(order) }),
  };
}

/** A house's clock, as an operator has it. */
export interface ClockClient extends Health {
  /** @param timeS what the operator's own clock says, whole seconds. Codes: CLOCK_DIFFERS */
  confirm(timeS: number, why: string): Promise<Result<ReplyOf<typeof BANK_ENDPOINTS.confirmClock>>>;
}

/** The clock of any house over HTTP. */
export function createClockClient(options: OfficeOptions): ClockClient {
  const call = operatorCall(options, () => (options.random ?? randomBytes)(REQUEST_ID_BYTES));
  return {
    health: () => createCall(options)(BANK_ENDPOINTS.health, null),
    confirm: (timeS, why) => call(BANK_ENDPOINTS.confirmClock, { timeS, why }),
  };
}

/**
 * Asks the house whether an operator may put so much into an account at once (base/services/calls.ts).
 * @returns Codes: ROLE_FORBIDDEN, OPERATOR_UNKNOWN and those of the connection
 */
export function createFundingCheck(options: OfficeOptions): (amount: number) => Promise<Result<object>> {
  const operators = createOperatorsClient(options);
  return async (amount) => {
    const who = await operators.self();
    return who.ok ? ruleRole({ ...who, isForgotten: false }, 'fund', amount) : who;
  };
}

/** An approval is the question who one is, under an id that only this refund has. */
function approvalId({ payment, amount, id }: ApprovedRefund): Uint8Array {
  return copy(sha256(`tapcash refund ${payment} ${amount ?? 'all'} ${id}`), 0, REQUEST_ID_BYTES);
}

/** An operator's approval of a refund, for `createApprovalCheck`. */
export function approveRefund({ operator, issuer }: Omit<OfficeOptions, 'url'>, refund: ApprovedRefund): Approval {
  const { method, path } = BANK_ENDPOINTS.self;
  const headers = signOperatorRequest(operator, issuer, approvalId(refund), method, path, JSON.stringify({}));
  return { operator: headers[OPERATOR_HEADERS.operator]!, signature: headers[OPERATOR_HEADERS.signature]! };
}

/**
 * Asks the house, at each refund anew, whether who approved it may give back so much (base/services/calls.ts). The
 * bridge holds no operator's key: it brings the operator's own question to the house.
 * @returns Codes: ROLE_FORBIDDEN, OPERATOR_UNKNOWN and those of the connection
 */
export function createApprovalCheck(options: ClientOptions): NonNullable<Services['checkApproval']> {
  const call = createCall(options);
  return async (refund, { operator, signature }, sum) => {
    const who = await call(BANK_ENDPOINTS.self, {}, () => ({
      [OPERATOR_HEADERS.requestId]: toHex(approvalId(refund)),
      [OPERATOR_HEADERS.operator]: operator,
      [OPERATOR_HEADERS.signature]: signature,
    }));
    return who.ok ? ruleRole({ ...who, isForgotten: false }, 'refund', sum) : who;
  };
}

/** Who else is an operator of a house, as a root key says it, and who one is oneself. */
export interface OperatorsClient {
  /** Codes: ROLE_FORBIDDEN, where one is none that counts. */
  self(): Promise<Result<ReplyOf<typeof BANK_ENDPOINTS.self>>>;
  list(): Promise<Result<ReplyOf<typeof BANK_ENDPOINTS.operators>>>;
  /** Codes: those of `ruleAddOperator`. */
  add(who: BodyOf<typeof BANK_ENDPOINTS.addOperator>): Promise<Result<{ repeated: boolean }>>;
  /** Codes: OPERATOR_NOT_LISTED. */
  remove(name: string): Promise<Result<{ repeated: boolean }>>;
}

/**
 * The operators of any house over HTTP.
 * @param requestId 16 bytes for one act that may be repeated; else each call has its own
 */
export function createOperatorsClient(options: OfficeOptions, requestId?: Uint8Array): OperatorsClient {
  const call = operatorCall(options, () => requestId ?? (options.random ?? randomBytes)(REQUEST_ID_BYTES));
  const at = BANK_ENDPOINTS;
  return {
    self: () => call(at.self, {}),
    list: () => call(at.operators, {}),
    add: (who) => call(at.addOperator, who),
    remove: (name) => call(at.removeOperator, { name }),
  };
}
