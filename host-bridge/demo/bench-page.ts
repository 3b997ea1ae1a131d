/**
 * The bench's page on 127.0.0.1: its files, its events as Server-Sent Events, its acts.
 *
 * The address that is printed ends with a random token after "#", which no browser sends on: the page itself reads it,
 * and shows it with each request. The files hold nothing secret and need none.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { silentLog } from '../base/log.js';
import { packageRoot } from '../base/package-root.js';
import { answerOf, createHttpServer, listen, requiringToken, sendAnswer } from '../http/http-server.js';
import { ALIVE_MS, openEventStream } from '../http/event-stream.js';
import { refuseStrangers, servePages } from '../http/page-files.js';
import type { BenchAct } from '../web/bench/bench-events.js';
import type { Bench } from './bench.js';

const UNREAD_BYTES_MAX = 4 * 1024 * 1024;

const AMOUNT = { type: 'integer', minimum: 1, maximum: 1_000_000 };
const COUNT = { type: 'integer', minimum: 0, maximum: 1_000_000 };
const ACT = {
  type: 'object',
  additionalProperties: false,
  required: ['do'],
  properties: {
    do: { enum: ['charge', 'cancel', 'tap', 'leave', 'press', 'key', 'network', 'audit', 'clone', 'deliver'] },
    amount: AMOUNT,
    board: { type: 'string', maxLength: 64 },
    key: { type: 'string', maxLength: 1 },
    on: { type: 'boolean' },
    tearAfter: COUNT,
    noiseAt: COUNT,
    cutToken: COUNT,
    cutTerminal: COUNT,
  },
};

/** The page, open. */
export interface BenchPage {
  /** With the token: for people. */
  url: string;
  close(): Promise<void>;
}

/** Opens the page of a bench on any free port. @throws TapcashError NOT_FOUND: it was not built */
export async function openBenchPage(bench: Bench): Promise<BenchPage> {
  const token = randomBytes(16).toString('hex');
  const app = createHttpServer({ log: silentLog(), heldMs: 2 * ALIVE_MS, cutsAtClose: true });
  refuseStrangers(app);
  servePages(app, join(packageRoot(), 'dist', 'web', 'bench'));
  const needsToken = { onRequest: requiringToken(token) };
  app.get('/events', needsToken, async (_request, reply) => stream(bench, reply));
  app.post('/act', { ...needsToken, schema: { body: ACT } }, async (request, reply) =>
    sendAnswer(reply, answerOf(await bench.act(request.body as BenchAct))),
  );
  const url = `http://127.0.0.1:${await listen(app, '127.0.0.1', 0)}/#${token}`;
  return { url, close: () => app.close() };
}

/** Tells a page what happens, a message a frame. */
function stream(bench: Bench, reply: FastifyReply): void {
  let leave = (): void => undefined;
  const send = openEventStream(reply, { unreadBytesMax: UNREAD_BYTES_MAX, onClose: () => leave() });
  leave = bench.listen(send);
}
