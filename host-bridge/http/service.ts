/**
 * What both services share: a Fastify server over a table of endpoints, with our errors, our log and bounded requests.
 *
 * Everything that arrives is refused or answered; nothing that arrives can end the process. Left out: TLS, which
 * belongs to a proxy in front; by default a service listens on this machine only.
 */
import fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import swagger from '@fastify/swagger';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import {
  ERRORS,
  errorBody,
  failure,
  isFailure,
  type ErrorCode,
  type HostRefusal,
  type Result,
} from '../base/errors.js';
import { ErrorReply, OperatorHeaders, type BodyOf, type Endpoint, type ReplyOf } from './schemas.js';

/** Largest body; the largest message of the protocol is a few hundred bytes. */
const BODY_BYTES_MAX = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** More than a thousand bridges at once; beyond, connections are dropped instead of memory filled. */
const CONNECTIONS_MAX = 2048;

/** What a handler answers: a 200 body, or a refusal. */
export type Answer<R> = { status: 200; body: R } | { status: number; body: ReturnType<typeof errorBody> };

/** One function for each endpoint of a table. */
export type Handlers<E> = {
  [K in keyof E]: (body: BodyOf<E[K]>, request: RawRequest) => Result<ReplyOf<E[K]>> | Promise<Result<ReplyOf<E[K]>>>;
};

/** The parts of a request that signatures are over. */
export interface RawRequest {
  method: string;
  url: string;
  headers: Record<string, unknown>;
  /** The body as sent. */
  body: string;
}

/** Runs an operator's handler: checks who asks, and acts once. */
export type Gate = (request: RawRequest, run: () => Answer<unknown>) => Answer<unknown>;

export interface ServiceOptions<E extends Record<string, Endpoint>> {
  title: string;
  endpoints: E;
  handlers: Handlers<E>;
  log: Logger;
  /** Needed where an endpoint takes an operator. `check` refuses before the body is looked at. */
  operators?: { check: (request: RawRequest) => HostRefusal | null; gate: Gate };
  /** Needed where an endpoint takes the bank. `sign` gives the headers of a reply (bank-channel.ts). */
  bank?: {
    check: (request: RawRequest) => HostRefusal | null;
    sign: (request: RawRequest, status: number, body: string) => Record<string, string>;
  };
}

/** The answer to a refusal. */
export function answerRefusal(refused: HostRefusal): Answer<never> {
  return { status: ERRORS[refused.code].http, body: errorBody(refused.code, refused.detail) };
}

/** The answer to a procedure's result. */
export function answerOf<R extends object>(result: Result<R>): Answer<R> {
  if (!result.ok) return answerRefusal(result);
  const { ok: _, ...body } = result;
  return { status: 200, body: body as unknown as R };
}

/** Builds the server; it does not listen yet. */
export async function createService<E extends Record<string, Endpoint>>(
  options: ServiceOptions<E>,
): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: options.log,
    // Fastify's own lines would hold addresses with their queries; ours are written below.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: 2 * REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Fastify's defaults would turn "5" into 5 and drop fields that it does not know.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply as FastifyReply),
    clientErrorHandler: refuseConnection,
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX;
  takeJson(app);
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((_request, reply) => send(reply, answerRefusal({ ok: false, code: 'NOT_FOUND' })));
  app.addHook('onResponse', async (request, reply) => {
    const line = {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      ...codeOf(reply),
    };
    if (reply.statusCode >= 500) app.log.error(line, 'request');
    else app.log.info(line, 'request');
  });
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: options.title, version: '1' } } });
  for (const name of Object.keys(options.endpoints) as (keyof E)[]) addEndpoint(app, options, name);
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await app.ready();
  return app;
}

function addEndpoint<E extends Record<string, Endpoint>>(
  app: FastifyInstance,
  options: ServiceOptions<E>,
  name: keyof E,
): void {
  const endpoint = options.endpoints[name] as Endpoint;
  const { operators, bank } = options;
  if (endpoint.bank && !bank) throw new TypeError(`${endpoint.path} takes the bank`);
  if (endpoint.operator && !operators) throw new TypeError(`${endpoint.path} takes an operator`);
  const handle = options.handlers[name];
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    schema: {
      summary: endpoint.summary,
      operationId: String(name),
      ...(endpoint.method === 'POST' ? { body: endpoint.body } : {}),
      ...(endpoint.operator ? { headers: OperatorHeaders } : {}),
      response: { 200: endpoint.reply, default: ErrorReply },
    },
    // Before validation, so that strangers learn nothing about what an office address takes.
    preValidation: async (request, reply) => {
      const refused =
        endpoint.operator && operators
          ? operators.check(rawOf(request))
          : endpoint.bank && bank
            ? bank.check(rawOf(request))
            : null;
      return refused ? send(reply, answerRefusal(refused)) : undefined;
    },
    handler: async (request, reply) => {
      const raw = rawOf(request);
      const run = () => handle(request.body as BodyOf<E[keyof E]>, raw);
      // An operator's act and its reply are one transaction, and so nothing that waits.
      if (endpoint.operator && operators)
        return send(
          reply,
          operators.gate(raw, () => answerOf(run() as Result<object>)),
        );
      const answer = answerOf(await run());
      if (endpoint.bank && bank) reply.headers(bank.sign(raw, answer.status, JSON.stringify(answer.body)));
      return send(reply, answer);
    },
  });
}

const RAW = Symbol('body as sent');

function rawOf(request: FastifyRequest): RawRequest {
  return {
    method: request.method,
    url: request.url,
    headers: request.headers,
    body: (request as unknown as { [RAW]?: string })[RAW] ?? '',
  };
}

/**
 * Reads JSON bodies: keeps the text, since signatures are over it, and takes numbers only as plain whole numbers. JSON
 * would let 9007199254740991.4 and 1e3 pass as whole numbers that nobody wrote.
 */
function takeJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: BODY_BYTES_MAX },
    (request, text, done) => {
      const body = text as string;
      (request as unknown as { [RAW]?: string })[RAW] = body;
      if (hasOddNumber(body))
        return done(failure('AMOUNT_INVALID', 'numbers are written as plain whole numbers'), undefined);
      return parse(request, body, done);
    },
  );
}

/** Whether JSON text holds a number with a point, an exponent, or beyond 2^53 - 1. */
export function hasOddNumber(json: string): boolean {
  const numbers = json.replace(/"(?:\\.|[^"\\])*"/g, '""').match(/-?[0-9][0-9.eE+-]*/g) ?? [];
  return numbers.some((text) => !/^-?(0|[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(Number(text)));
}

const CODE = Symbol('code of the error');

function codeOf(reply: FastifyReply): { code?: ErrorCode } {
  const code = (reply as unknown as { [CODE]?: ErrorCode })[CODE];
  return code ? { code } : {};
}

function send(reply: FastifyReply, answer: Answer<unknown>): FastifyReply {
  if (answer.status !== 200)
    (reply as unknown as { [CODE]?: ErrorCode })[CODE] = (answer.body as { code: ErrorCode }).code;
  return reply.code(answer.status).send(answer.body);
}

/** Turns whatever was thrown, by Fastify or by us, into a line of the table. */
function sendError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (isFailure(error)) {
    if (ERRORS[error.code].http >= 500) request.log.error({ code: error.code, detail: error.detail }, 'failed');
    return send(reply, answerRefusal({ ok: false, code: error.code, detail: error.detail }));
  }
  const refused = refusalOf(error as FastifyError);
  if (refused.code === 'INTERNAL') request.log.error({ err: error }, 'unforeseen');
  return send(reply, answerRefusal(refused));
}

function refusalOf(error: FastifyError): HostRefusal {
  const invalid = error.validation?.[0];
  if (invalid) {
    const field =
      invalid.instancePath ||
      String(invalid.params?.['missingProperty'] ?? invalid.params?.['additionalProperty'] ?? 'body');
    return {
      ok: false,
      code: field === '/amount' ? 'AMOUNT_INVALID' : 'BAD_REQUEST',
      detail: `${field.slice(0, 40)} ${invalid.message ?? ''}`.trim(),
    };
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { ok: false, code: 'BODY_TOO_LARGE' };
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return { ok: false, code: 'MEDIA_TYPE_UNKNOWN' };
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return { ok: false, code: 'BAD_REQUEST', detail: 'not JSON, or not HTTP' };
  return { ok: false, code: 'INTERNAL' };
}

/** Bytes that are not HTTP at all: answer once, then close. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const code: ErrorCode = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'TIMED_OUT' : 'BAD_REQUEST';
  const body = JSON.stringify(errorBody(code));
  const status = code === 'TIMED_OUT' ? '408 Request Timeout' : '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Listens. @throws TapcashError PORT_IN_USE, ADDRESS_INVALID @returns the port */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw failure('PORT_IN_USE', `${host}:${port}`, thrown);
    throw failure('ADDRESS_INVALID', `${host}:${port}: ${code ?? 'not an address'}`, thrown);
  }
  return (app.server.address() as { port: number }).port;
}
