/**
 * A house's service: a table of endpoints on our server (http-server.ts), with signatures of operators and of the bank
 * around them, and their description in OpenAPI.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import swagger from '@fastify/swagger';
import type { Logger } from 'pino';
import type { HostRefusal, Result } from '../base/errors.js';
import type { Act } from '../base/services/roles.js';
import { answerOf, answerRefusal, bodyText, createHttpServer, sendAnswer, type Answer } from './http-server.js';
import { ErrorReply, OperatorHeaders, type BodyOf, type Endpoint, type ReplyOf } from './schemas.js';

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

/** Who may do what in a house's office. */
export interface Gate {
  /** Whether who asks is an operator whose role has the act. */
  check(request: RawRequest, act: Act): HostRefusal | null;
  /** Runs an operator's handler: checks again, now with the amount that it moves, and acts once. */
  act(request: RawRequest, act: Act, amount: number | null, run: () => Answer<unknown>): Answer<unknown>;
}

export interface ServiceOptions<E extends Record<string, Endpoint>> {
  title: string;
  endpoints: E;
  handlers: Handlers<E>;
  log: Logger;
  /** Adds addresses for people, which the description leaves out. */
  pages?(app: FastifyInstance): void;
  /** Needed where an endpoint takes an operator. `check` refuses before the body is looked at. */
  operators?: Gate;
  /** Needed where an endpoint takes the bank. `sign` gives the headers of a reply (bank-channel.ts). */
  bank?: {
    check: (request: RawRequest) => HostRefusal | null;
    sign: (request: RawRequest, status: number, body: string) => Record<string, string>;
  };
}

/** Builds the server; it does not listen yet. */
export async function createService<E extends Record<string, Endpoint>>(
  options: ServiceOptions<E>,
): Promise<FastifyInstance> {
  const app = createHttpServer({ log: options.log });
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: options.title, version: '1' } } });
  for (const name of Object.keys(options.endpoints) as (keyof E)[]) addEndpoint(app, options, name);
  options.pages?.(app);
  app.get('/v2/openapi.json', { schema: { hide: true } }, async () => app.swagger());
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
  if (endpoint.act && !operators) throw new TypeError(`${endpoint.path} takes an operator`);
  const handle = options.handlers[name];
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    ...(endpoint.bodyBytesMax === undefined ? {} : { bodyLimit: endpoint.bodyBytesMax }),
    schema: {
      summary: endpoint.summary,
      operationId: String(name),
      ...(endpoint.method === 'POST' ? { body: endpoint.body } : {}),
      ...(endpoint.act ? { headers: OperatorHeaders } : {}),
      response: { 200: endpoint.reply, default: ErrorReply },
    },
    // Before validation, so that strangers learn nothing about what an office address takes.
    preValidation: async (request, reply) => {
      const refused =
        endpoint.act && operators
          ? operators.check(rawOf(request), endpoint.act)
          : endpoint.bank && bank
            ? bank.check(rawOf(request))
            : null;
      return refused ? sendAnswer(reply, answerRefusal(refused)) : undefined;
    },
    handler: async (request, reply) => {
      const raw = rawOf(request);
      const run = () => handle(request.body as BodyOf<E[keyof E]>, raw);
      // An operator's act and its reply are one transaction, and so nothing that waits.
      if (endpoint.act && operators && !endpoint.looks)
        return sendAnswer(
          reply,
          operators.act(raw, endpoint.act, amountOf(request.body), () => answerOf(run() as Result<object>)),
        );
      const answer = answerOf(await run());
      if (endpoint.bank && bank) reply.headers(bank.sign(raw, answer.status, JSON.stringify(answer.body)));
      return sendAnswer(reply, answer);
    },
  });
}

/** What an act moves, by the one name that amounts have; the body was validated. */
function amountOf(body: unknown): number | null {
  const { amount } = (body ?? {}) as { amount?: unknown };
  return typeof amount === 'number' ? amount : null;
}

function rawOf(request: FastifyRequest): RawRequest {
  return {
    method: request.method,
    url: request.url,
    headers: request.headers,
    body: bodyText(request),
  };
}
