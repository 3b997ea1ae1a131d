/**
 * A line's terminal at an HTTP address, for wallets. Left out: TLS, which belongs to a proxy in front, as for all
 * services here; what passes is signed, and says no more to who listens than a tap does.
 */
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import type { Result } from '../base/errors.js';
import { silentLog } from '../base/log.js';
import { listen } from '../http/http-server.js';
import { LINE_ENDPOINTS, type ReplyOf } from '../http/schemas.js';
import { createService } from '../http/service.js';
import type { LineTerminal } from './line-terminal.js';
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
  });
  try {
    const open = await listen(app, host, port);
    return { url: `http://${host.includes(':') ? `[${host}]` : host}:${open}`, close: () => app.close() };
  } catch (thrown) {
    await app.close();
    throw thrown;
  }
}
