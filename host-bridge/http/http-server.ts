/**
 * The one HTTP server of the host: Fastify with our errors, our log and bounded requests. The houses' services, the
 * bridge's control and the demo's people stand on it.
 *
 * Everything that arrives is refused or answered; nothing that arrives can end the process. Left out: TLS, which
 * belongs to a proxy in front.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Logger } from 'pino';
import { WIRE_VERSION } from '../../firmware/wire/signed.js';
import {
  ERRORS,
  errorBody,
  failure,
  isFailure,
  refusal,
  type ErrorCode,
  type HostRefusal,
  type Result,
} from '../base/errors.js';
import { repeatedKey } from './json-keys.js';
import { sharedCompilers } from './schema-compilers.js';
import { olderSide } from '../base/update-needed.js';

/** Largest body; the largest message of the protocol is a few hundred bytes. */
const BODY_BYTES_MAX = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 1_000;
const KEEP_ALIVE_MS = 5_000;
/** More than a thousand bridges at once; beyond, connections are dropped instead of memory filled. */
const CONNECTIONS_MAX = 2048;

/** What a handler answers: a 200 body, or a refusal. */
export type Answer<R> = { status: 200; body: R } | { status: number; body: ReturnType<typeof errorBody> };

export interface HttpServerOptions {
  log: Logger;
  /** Longest time that a handler holds its answer without a byte sent; default 0. */
  heldMs?: number;
  /** Whether closing cuts the answers under way, instead of waiting for them: they may be held for long. */
  cutsAtClose?: boolean;
  /** What every request must carry as its bearer token, but for the addresses that are open; default: nothing. */
  token?: string;
}

/** Builds the server; it has no addresses yet and does not listen. */
export function createHttpServer({ log, heldMs = 0, cutsAtClose, token }: HttpServerOptions): FastifyInstance {
  const app = fastify({
    loggerInstance: log,
    // Fastify's own lines would hold addresses with their queries; ours are written below.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Node looks for slow clients every 30 s by itself, and gives their headers 60 s.
    http: { headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: CHECK_INTERVAL_MS },
    connectionTimeout: 2 * REQUEST_TIMEOUT_MS + heldMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: cutsAtClose || 'idle',
    // Fastify's defaults would turn "5" into 5 and drop fields that it does not know.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    schemaController: { compilersFactory: sharedCompilers },
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply as FastifyReply),
    clientErrorHandler: refuseConnection,
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX;
  takeJson(app);
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((request, reply) => sendAnswer(reply, answerRefusal(noSuchAddress(request.url))));
  // Before anything else of the request is looked at.
  if (token !== undefined) app.addHook('onRequest', requiringToken(token));
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
  return app;
}

/** An address of another version of the protocol names the side that is older; any other is none. */
function noSuchAddress(url: string): HostRefusal {
  const version = Number(/^\/v([0-9]{1,3})\//.exec(url)?.[1] ?? WIRE_VERSION);
  return version === WIRE_VERSION ? refusal('NOT_FOUND') : refusal('UPDATE_NEEDED', olderSide('client', version));
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Nobody needs a token here: files of pages, which hold nothing secret. */
    isOpen?: boolean;
  }
}

/** A hook that refuses who has not the token as a bearer's, for the whole server or for one address. */
export function requiringToken(token: string) {
  const wanted = Buffer.from(`Bearer ${token}`);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    if (request.routeOptions.config.isOpen) return undefined;
    const given = Buffer.from(request.headers.authorization ?? '');
    const isIts = given.length === wanted.length && timingSafeEqual(given, wanted);
    return isIts ? undefined : sendAnswer(reply, answerRefusal(refusal('CONTROL_DENIED')));
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

const RAW = Symbol('body as sent');

/** The body as sent; '' where there is none. */
export function bodyText(request: FastifyRequest): string {
  return (request as unknown as { [RAW]?: string })[RAW] ?? '';
}

/**
 * Reads JSON bodies: keeps the text, since signatures are over it, and takes numbers only as plain whole numbers, and
 * each key once. JSON would let 9007199254740991.4 and 1e3 pass as whole numbers that nobody wrote, and the second of
 * two amounts as the one that was meant.
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
      return parse(request, body, (error: Error | null, value?: unknown) => {
        if (error) return done(error, undefined);
        const twice = repeatedKey(body);
        if (twice === null) return done(null, value);
        return done(failure('BAD_REQUEST', `the key ${JSON.stringify(twice.slice(0, 40))} stands twice`), undefined);
      });
    },
  );
}

/**
 * A string, also one that does not end, or what looks like a number. Whatever it begins with, it takes at once: the
 * time grows as the text does.
 */
const STRING_OR_NUMBER = /"(?:\\[^]?|[^"\\])*"?|-?[0-9][0-9.eE+-]*/g;

/** Whether JSON text holds a number with a point, an exponent, or beyond 2^53 - 1. */
export function hasOddNumber(json: string): boolean {
  const numbers = (json.match(STRING_OR_NUMBER) ?? []).filter((token) => !token.startsWith('"'));
  return numbers.some((text) => !/^-?(0|[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(Number(text)));
}

const CODE = Symbol('code of the error');

function codeOf(reply: FastifyReply): { code?: ErrorCode } {
  const code = (reply as unknown as { [CODE]?: ErrorCode })[CODE];
  return code ? { code } : {};
}

/** Sends an answer; its code goes into the log. */
export function sendAnswer(reply: FastifyReply, answer: Answer<unknown>): FastifyReply {
  if (answer.status !== 200)
    (reply as unknown as { [CODE]?: ErrorCode })[CODE] = (answer.body as { code: ErrorCode }).code;
  return reply.code(answer.status).send(answer.body);
}

/** Turns whatever was thrown, by Fastify or by us, into a line of the table. */
function sendError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (isFailure(error)) {
    if (ERRORS[error.code].http >= 500) request.log.error({ code: error.code, detail: error.detail }, 'failed');
    return sendAnswer(reply, answerRefusal(refusal(error.code, error.detail)));
  }
  const refused = refusalOf(error as FastifyError);
  if (refused.code === 'INTERNAL') request.log.error({ err: error }, 'unforeseen');
  return sendAnswer(reply, answerRefusal(refused));
}

function refusalOf(error: FastifyError): HostRefusal {
  const invalid = error.validation?.[0];
  if (invalid) {
    const field =
      invalid.instancePath ||
      String(invalid.params?.['missingProperty'] ?? invalid.params?.['additionalProperty'] ?? 'body');
    return {
      ok: false,
      code: /^\/(amount|funding)$/.test(field) ? 'AMOUNT_INVALID' : 'BAD_REQUEST',
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
    // Windows says EACCES of a port that another program has for itself; elsewhere that is a missing right.
    const isTaken = code === 'EADDRINUSE' || (code === 'EACCES' && process.platform === 'win32');
    if (isTaken) throw failure('PORT_IN_USE', `${host}:${port}`, thrown);
    throw failure('ADDRESS_INVALID', `${host}:${port}: ${code ?? 'not an address'}`, thrown);
  }
  return (app.server.address() as { port: number }).port;
}
