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
import { openEventStream } from '../http/event-stream.js';
import { refuseStrangers, servePages } from '../http/page-files.js';
import type { BenchAct } from '../web/bench/bench-events.js';
import { refusal, type Result } from '../base/errors.js';
import type { Bench } from './bench.js';
import { openBenchShop, type BenchShop } from './bench-shop.js';

const UNREAD_BYTES_MAX = 4 * 1024 * 1024;

const AMOUNT = { type: 'integer', minimum: 1, maximum: 1_000_000 };
const COUNT = { type: 'integer', minimum: 0, maximum: 1_000_000 };
const ACT = {
  type: 'object',
  additionalProperties: false,
  required: ['do'],
  properties: {
    do: {
      enum: ['charge', 'cancel', 'tap', 'leave', 'press', 'key', 'network', 'audit', 'clone', 'deliver', 'restart'],
    },
    amount: AMOUNT,
    board: { type: 'string', maxLength: 64 },
    key: { type: 'string', maxLength: 1 },
    on: { type: 'boolean' },
    tearAfter: COUNT,
    noiseAt: COUNT,
    cutToken: COUNT,
    cutTerminal: COUNT,
    scheme: { type: 'integer', minimum: 1, maximum: 6 },
    seed: COUNT,
  },
};

/** The page, open. */
export interface BenchPage {
  /** With the token: for people. */
  url: string;
  close(): Promise<void>;
}

/** How long a page waits for another shop. */
const OPEN_MS = 120_000;

/**
 * Opens the page of a bench on any free port.
 * @param open makes another shop, of a scheme and from a seed, when the page asks for one; it is closed with the page
 * @throws TapcashError NOT_FOUND: it was not built
 */
export async function openBenchPage(bench: Bench, open = openBenchShop): Promise<BenchPage> {
  const token = randomBytes(16).toString('hex');
  const app = createHttpServer({ log: silentLog(), heldMs: OPEN_MS, cutsAtClose: true });
  refuseStrangers(app);
  servePages(app, join(packageRoot(), 'dist', 'web', 'bench'));
  const needsToken = { onRequest: requiringToken(token) };
  const now = createSeat(bench, open);
  app.get('/events', needsToken, async (_request, reply) => stream(now, reply));
  app.post('/act', { ...needsToken, schema: { body: ACT } }, async (request, reply) =>
    sendAnswer(reply, answerOf(await now.act(request.body as BenchAct))),
  );
  const url = `http://127.0.0.1:${await listen(app, '127.0.0.1', 0)}/#${token}`;
  return {
    url,
    async close() {
      await app.close();
      await now.close();
    },
  };
}

type Send = Parameters<Bench['listen']>[0];
type Seat = ReturnType<typeof createSeat>;

/** The bench that pages look at: the first one, or the one that took its place. */
function createSeat(first: Bench, open: typeof openBenchShop) {
  let bench = first;
  let own: BenchShop | null = null;
  let run = 0;
  let isOpening = false;
  const pages = new Map<Send, () => void>();

  async function restart({ scheme = 1, seed = 1 }: BenchAct): Promise<Result<object>> {
    if (isOpening) return refusal('BUSY', 'another shop is being opened');
    isOpening = true;
    try {
      const next = await open(scheme, seed, ++run);
      const before = own;
      own = next;
      bench = next.bench;
      for (const [send, leave] of pages) {
        leave();
        pages.set(send, bench.listen(send));
      }
      await before?.close();
      return { ok: true };
    } finally {
      isOpening = false;
    }
  }
  return {
    act: (act: BenchAct) => (act.do === 'restart' ? restart(act) : bench.act(act)),
    look: (send: Send) => void pages.set(send, bench.listen(send)),
    leave(send: Send) {
      pages.get(send)?.();
      pages.delete(send);
    },
    close: async () => own?.close(),
  };
}

/** Tells a page what happens, a message a frame. */
function stream(now: Seat, reply: FastifyReply): void {
  const send: Send = openEventStream(reply, { unreadBytesMax: UNREAD_BYTES_MAX, onClose: () => now.leave(send) });
  now.look(send);
}
