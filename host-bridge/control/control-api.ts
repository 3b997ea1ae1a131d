/**
 * The running bridge's address for other processes of the same user, and for the till's page, on 127.0.0.1 only.
 *
 * Address and a random token stand in `bridge.json` of the data folder, readable by its owner alone; every request but
 * those for the page's own files carries the token. So whoever may read the data folder may charge, as with the
 * bridge's database itself. Left out: a desk on another machine.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema } from '@sinclair/typebox';
import type { Logger } from 'pino';
import { fromHex } from '../../firmware/core/bytes.js';
import { bodyOfThrown, errorBody, failure, type ErrorBody, type Result } from '../base/errors.js';
import { replaceFile } from '../base/durable-file.js';
import { ensureDataDir } from '../base/keys/key-file.js';
import { hexed } from '../base/hex.js';
import type { PaymentQuery } from '../base/payment-query.js';
import { silentLog } from '../base/log.js';
import { packageRoot } from '../base/package-root.js';
import { answerOf, createHttpServer, listen, sendAnswer } from '../http/http-server.js';
import { refuseStrangers, servePages } from '../http/page-files.js';
import type { OpenTerms } from '../../firmware/wire/link/link-messages.js';
import type { Bridge } from '../bridge/bridge.js';
import { createControlClient } from './control-client.js';
import { CONTROL_FILE } from './control-file.js';
import {
  ActParams,
  CONTROL_ENDPOINTS,
  OutboxQuery,
  WaitParams,
  WaitQuery,
  type ControlEndpoint,
} from './control-schemas.js';
import type { OutboxEntry } from '../bridge/outbox.js';
import { streamTill } from './till-events.js';
import type { DeskEvent } from '../bridge/desk/desk-steps.js';

/** Longest time that `wait` holds a request. */
const WAIT_MAX_MS = 60_000;
const ALIVE_MS = 15_000;

export interface ControlOptions {
  bridge: Bridge;
  dataDir: string;
  /** ISO 4217: what amounts of other processes are in; default: nobody knows yet. */
  currency?: string | null;
  /** Where wallets pay the charges of this bridge, if they do. */
  line?: string | undefined;
  /** Default 0: any free port. */
  port?: number;
  log?: Logger;
}

/** The address, open. */
export interface Control {
  url: string;
  /** Ends it and removes the file; the bridge goes on. May be called twice. */
  close(): Promise<void>;
}

/** Opens the address. @throws TapcashError PORT_IN_USE (also: another bridge runs with this folder), DATA_DIR_FAILED */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { bridge, dataDir, currency = null, line, port = 0, log = silentLog() } = options;
  ensureDataDir(dataDir);
  await refuseSecond(dataDir);
  const token = randomBytes(32).toString('hex');
  const app = buildApp(bridge, { token, currency, log });
  const url = `http://127.0.0.1:${await listen(app, '127.0.0.1', port)}`;
  const path = join(dataDir, CONTROL_FILE);
  try {
    replaceFile(path, JSON.stringify({ url, token, currency, pid: process.pid, ...(line ? { line } : {}) }));
  } catch (thrown) {
    await app.close();
    throw thrown;
  }
  let closing: Promise<void> | null = null;
  async function end(): Promise<void> {
    removeOwn(path, token);
    await app.close();
  }
  return { url, close: () => (closing ??= end()) };
}

async function refuseSecond(dataDir: string): Promise<void> {
  const status = await createControlClient(dataDir, { timeoutMs: 2000 }).status();
  if (status.ok) throw failure('PORT_IN_USE', `a bridge runs with ${dataDir}`);
}

function removeOwn(path: string, token: string): void {
  try {
    if (readFileSync(path, 'utf8').includes(token)) unlinkSync(path);
  } catch {
    // It is gone already.
  }
}

interface AppOptions extends Required<Pick<ControlOptions, 'currency' | 'log'>> {
  token: string;
}

function buildApp(bridge: Bridge, { token, currency, log }: AppOptions): FastifyInstance {
  const app = createHttpServer({ log, token, heldMs: WAIT_MAX_MS, cutsAtClose: true });
  refuseStrangers(app);
  // Only our own clients have the token, and they send JSON: anything else is malformed, not a type to negotiate.
  app.addContentTypeParser('*', (_request, _payload, done) => done(failure('BAD_REQUEST', 'not a JSON request')));
  // Where nobody has built the page, there is none, and all else works.
  const page = join(packageRoot(), 'dist', 'web', 'till');
  if (existsSync(page)) servePages(app, page);
  addRoutes(app, bridge);
  app.get('/events', (_request, reply) => streamTill(bridge, currency, reply));
  return app;
}

type Plain = (
  endpoint: ControlEndpoint,
  extra: object,
  handle: (request: FastifyRequest) => Promise<Result<object>>,
) => void;

/** Adds addresses whose answer is one object. */
function plainRoutes(app: FastifyInstance): Plain {
  return (endpoint, extra, handle) =>
    void app.route({
      method: endpoint.method,
      url: endpoint.path,
      schema: {
        ...(endpoint.method === 'POST' ? { body: endpoint.body } : {}),
        ...extra,
        response: { 200: endpoint.reply },
      },
      handler: async (request, reply) => sendAnswer(reply as FastifyReply, answerOf(await handle(request))),
    });
}

function addRoutes(app: FastifyInstance, bridge: Bridge): void {
  const at = CONTROL_ENDPOINTS;
  const idOf = (id: string | undefined) => (id === undefined ? undefined : (fromHex(id) as Uint8Array));
  const plain = plainRoutes(app);
  function desk<Body extends TSchema>(
    endpoint: { path: string; body: Body },
    run: (body: Static<Body>, call: DeskCall) => Promise<Result<object>>,
  ): void {
    app.route({
      method: 'POST',
      url: endpoint.path,
      schema: { body: endpoint.body },
      handler: (request, reply) => stream(request, reply, run),
    });
  }
  plain(at.status, {}, async () => ({ ok: true, ...hexed(await bridge.status()) }));
  plain(at.charge, {}, async (request) => {
    const { amount = 0, open, id } = request.body as { amount?: number; open?: OpenTerms; id?: string };
    return bridge.charge(amount, idOf(id), open ?? null);
  });
  plain(at.wait, { params: WaitParams, querystring: WaitQuery }, async (request) => {
    const { seen = '0', waitMs = '0' } = request.query as { seen?: string; waitMs?: string };
    const id = idOf((request.params as { id: string }).id) as Uint8Array;
    return bridge.wait(id, Number(seen), Math.min(Number(waitMs), WAIT_MAX_MS));
  });
  plain(at.cancel, {}, async (request) => bridge.cancel(idOf((request.body as { id?: string }).id)));
  plain(at.refund, {}, async (request) => {
    const { payment, amount, id, approval } = request.body as Static<typeof at.refund.body>;
    return bridge.refund(payment, amount, id, approval);
  });
  plain(at.payments, {}, async (request) => hexed(bridge.payments(request.body as PaymentQuery)));
  plain(at.act, { params: ActParams }, async (request) => ({
    ok: true,
    state: bridge.teller.stateOf(idOf((request.params as { id: string }).id) as Uint8Array),
  }));
  addOutboxRoutes(plain, bridge);
  desk(at.register, ({ id, ...body }, call) => bridge.teller.registerUser({ ...body, id: idOf(id), ...call }));
  desk(at.renew, (body, call) => bridge.teller.renewUser({ ...body, ...call }));
  desk(at.withdraw, ({ id, ...body }, call) => bridge.teller.withdraw({ ...body, id: idOf(id), ...call }));
  desk(at.unload, ({ id, ...body }, call) => bridge.teller.unload({ ...body, id: idOf(id), ...call }));
  desk(at.redeem, ({ id }, call) => bridge.teller.redeem({ id: idOf(id), ...call }));
  desk(at.collect, (_body, call) => bridge.teller.collect(call));
  desk(at.statement, (_body, call) => bridge.teller.statement(call));
  desk(at.reconcile, ({ id }, call) => bridge.teller.reconcile({ id: idOf(id), ...call }));
  desk(at.tokenStatus, (_body, call) => bridge.teller.tokenStatus(call));
}

function addOutboxRoutes(plain: Plain, bridge: Bridge): void {
  const at = CONTROL_ENDPOINTS;
  const isPage = { querystring: OutboxQuery };
  plain(at.outbox, isPage, async (request) => {
    const { states, limit, before } = request.query as Static<typeof OutboxQuery>;
    const entries = bridge.outbox.entries(
      [...new Set(states.split(','))] as OutboxEntry['state'][],
      Number(limit),
      before === undefined ? undefined : Number(before),
    );
    return { ok: true, entries, ...bridge.outboxState() };
  });
  plain(at.messages, isPage, async (request) => {
    const { states, limit, after = '0' } = request.query as Static<typeof OutboxQuery>;
    const of = [...new Set(states.split(','))] as OutboxEntry['state'][];
    return hexed({ ok: true as const, messages: bridge.outbox.messages(of, Number(limit), Number(after)) });
  });
  plain(at.resend, {}, async (request) => bridge.resend((request.body as { sequence?: number }).sequence));
  plain(at.acknowledge, {}, async (request) => {
    const { sequence, why } = request.body as Static<typeof at.acknowledge.body>;
    return bridge.acknowledge(sequence, why);
  });
}

/** What a desk procedure is told beside its request. */
interface DeskCall {
  onEvent(event: DeskEvent): void;
  signal: AbortSignal;
}

/** Runs a desk procedure and tells how it goes, a line of JSON at a time; a caller who leaves gives it up. */
async function stream<Body>(
  request: FastifyRequest,
  reply: FastifyReply,
  run: (body: Body, call: DeskCall) => Promise<Result<object>>,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  const left = new AbortController();
  raw.on('close', () => left.abort());
  raw.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  raw.flushHeaders();
  const line = (value: object) => void (raw.writableEnded || raw.write(`${JSON.stringify(value)}\n`));
  const alive = setInterval(() => line({ alive: true }), ALIVE_MS);
  let error: ErrorBody | null = null;
  try {
    const result = await run(request.body as Body, { onEvent: (event) => line({ event }), signal: left.signal });
    if (result.ok) {
      const { ok: _, ...fields } = result;
      line({ result: hexed(fields) });
    } else error = errorBody(result.code, result.detail);
  } catch (thrown) {
    error = bodyOfThrown(thrown);
    if (error.code === 'INTERNAL') request.log.error({ err: thrown }, 'unforeseen');
  }
  clearInterval(alive);
  if (error) line({ error });
  raw.end();
}
