/**
 * A line's terminal at an HTTP address, for wallets. Left out: TLS, which belongs to a proxy in front, as for all
 * services here; what passes is signed, and says no more to who listens than a tap does.
 */
import type { FastifyInstance } from 'fastify';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { refusal, type Result } from '../base/errors.js';
import { silentLog } from '../base/log.js';
import { answerRefusal, listen, sendAnswer } from '../http/http-server.js';
import { LINE_ENDPOINTS, type ReplyOf } from '../http/schemas.js';
import { createService } from '../http/service.js';
import type { LineTerminal } from './line-terminal.js';
import { PAGE_HEADERS, payPage } from './pay-page.js';
import type { VisitReply } from './visit.js';

/** Where a line is served. */
export interface LineServiceOptions {
  terminal: Pick<LineTerminal, 'charge' | 'arrive' | 'answer'>;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  log?: Parameters<typeof createService>[0]['log'];
}

/** The address, open. */
export interface LineService {
  url: string;
  close(): Promise<void>;
}

function stepOf(result: Result<{ reply: VisitReply }>): Result<ReplyOf<typeof LINE_ENDPOINTS.answer>> {
  if (!result.ok) return result;
  const { visit, number, command, code } = result.reply;
  return { ok: true, visit, number, command: command === null ? null : toHex(command), code };
}

/** A name and a port, as a browser says where it went; through a proxy, that of the proxy. */
const HOST = /^[A-Za-z0-9.:[\]-]{1,255}$/;

/** The page of a charge, at the link that pays it. */
function servePayPage(app: FastifyInstance, terminal: Pick<LineTerminal, 'charge'>): void {
  app.get<{ Params: { charge: string } }>('/pay/:charge', { schema: { hide: true } }, async (request, reply) => {
    const { params, headers } = request;
    const id = /^[0-9a-f]{16}$/.test(params.charge) ? fromHex(params.charge) : null;
    const found = id ? terminal.charge(id) : refusal('CHARGE_UNKNOWN');
    if (!found.ok) return sendAnswer(reply, answerRefusal(found));
    const host = HOST.test(headers.host ?? '') ? headers.host : 'ADDRESS';
    const protocol = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
    return reply.headers(PAGE_HEADERS).send(payPage(found, `${protocol}://${host}/pay/${params.charge}`));
  });
}

/** Opens it. @throws TapcashError PORT_IN_USE, ADDRESS_INVALID */
export async function startLineService(options: LineServiceOptions): Promise<LineService> {
  const { terminal, host = '127.0.0.1', port = 0, log = silentLog() } = options;
  const app = await createService({
    title: "tapcash: a shop's line",
    endpoints: LINE_ENDPOINTS,
    handlers: {
      charge: ({ charge }) => terminal.charge(fromHex(charge)!),
      arrive: async ({ charge }) => stepOf(await terminal.arrive(fromHex(charge)!)),
      answer: async ({ visit, number, answer }) => stepOf(await terminal.answer(visit, number, fromHex(answer)!)),
    },
    log,
    pages: (app) => servePayPage(app, terminal),
  });
  try {
    const open = await listen(app, host, port);
    return { url: `http://${host.includes(':') ? `[${host}]` : host}:${open}`, close: () => app.close() };
  } catch (thrown) {
    await app.close();
    throw thrown;
  }
}
