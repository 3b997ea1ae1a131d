/**
 * Commands to a bridge that runs in another process: what `tapcash charge`, `tapcash teller` and `tapcash bridge
 * status` use.
 *
 * Never throws for what files, network or bridge do; those are named results. SERVICE_DOWN: no bridge runs with this
 * folder.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { toHex } from '../../firmware/core/bytes.js';
import { isErrorCode, refusal, type ErrorCode, type HostRefusal, type Result } from '../base/errors.js';
import {
  CONTROL_ENDPOINTS,
  DeskLine,
  type ControlBody,
  type ControlEndpoint,
  type ControlReply,
} from './control-schemas.js';
import { CONTROL_FILE } from './control-file.js';
import type { Approval } from '../base/services/calls.js';
import type { DeskEvent } from '../bridge/desk/desk-steps.js';

type At = typeof CONTROL_ENDPOINTS;
export type ControlCharge = ControlReply<At['charge']>['charge'];
export type ControlRefund = ControlReply<At['refund']>['refund'];
export type ControlStatus = ControlReply<At['status']>;

export type OutboxState = keyof ControlStatus['outbox'];

const pageOf = (states: OutboxState[], limit: number): string => `states=${states.join()}&limit=${limit}`;

/** What a charge is opened with: its amount, minor units, or what its payer may say. */
export type ChargeAsked = number | NonNullable<ControlCharge['open']>;

/** States of a charge after which nothing more happens. */
const RESOLVED = ['paid', 'cancelled', 'refused', 'lost'];

/** Whether nothing more happens to a charge. */
export const isResolved = ({ state }: Pick<ControlCharge, 'state'>): boolean => RESOLVED.includes(state);

const CLIENT_TIMEOUT_MS = 60_000;
/** Longest silence of a desk procedure; it says every 15 s that it is alive. */
const SILENCE_MS = 60_000;
const WAIT_MS = 25_000;

/** Commands to a running bridge. */
export interface ControlClient {
  status(): Promise<Result<ControlStatus>>;
  /** Opens a charge. @param id 16 hexadecimal digits; default random */
  charge(asked: ChargeAsked, id?: string): Promise<Result<{ charge: ControlCharge }>>;
  /** @param seen the `changes` already known @param waitMs how long to wait for another */
  wait(id: string, seen: number, waitMs: number): Promise<Result<{ charge: ControlCharge }>>;
  /**
   * Opens a charge and follows it to its end. @param onChange each state on the way @param signal stops following: the
   * charge stays as it is, INTERRUPTED
   */
  follow(
    asked: ChargeAsked,
    onChange: (charge: ControlCharge) => void,
    signal?: AbortSignal,
    id?: string,
  ): Promise<Result<{ charge: ControlCharge }>>;
  cancel(id?: string): Promise<Result<{ charge: ControlCharge }>>;
  /** @param payment a charge's id or Rs, as hexadecimal @param amount default: all of it @param id default random */
  refund(
    payment: string,
    amount?: number,
    id?: string,
    approval?: Approval,
  ): Promise<Result<ControlReply<At['refund']>>>;
  /** @param before number of the last entry of the page before */
  outbox(states: OutboxState[], limit: number, before?: number): Promise<Result<ControlReply<At['outbox']>>>;
  /** @param after number of the last message of the page before */
  messages(states: OutboxState[], limit: number, after?: number): Promise<Result<ControlReply<At['messages']>>>;
  /** @param sequence number of one; default: all */
  resend(sequence?: number): Promise<Result<ControlReply<At['resend']>>>;
  acknowledge(sequence: number, why: string): Promise<Result<object>>;
  /** A page of payments, newest first. */
  payments(query: ControlBody<At['payments']>): Promise<Result<ControlReply<At['payments']>>>;
  registerUser(
    request: ControlBody<At['register']>,
    call?: DeskListener,
  ): Promise<Result<ControlReply<At['register']>>>;
  renewUser(request: ControlBody<At['renew']>, call?: DeskListener): Promise<Result<ControlReply<At['renew']>>>;
  withdraw(request: ControlBody<At['withdraw']>, call?: DeskListener): Promise<Result<ControlReply<At['withdraw']>>>;
  unload(request: ControlBody<At['unload']>, call?: DeskListener): Promise<Result<ControlReply<At['unload']>>>;
  redeem(request?: ControlBody<At['redeem']>, call?: DeskListener): Promise<Result<ControlReply<At['redeem']>>>;
  collect(call?: DeskListener): Promise<Result<ControlReply<At['collect']>>>;
  statement(call?: DeskListener): Promise<Result<ControlReply<At['statement']>>>;
  reconcile(
    request?: ControlBody<At['reconcile']>,
    call?: DeskListener,
  ): Promise<Result<ControlReply<At['reconcile']>>>;
  /** Whether anything of an act at the desk has begun, and whether it has its answer. @param id 32 digits */
  actState(id: string): Promise<Result<ControlReply<At['act']>>>;
  tokenStatus(call?: DeskListener): Promise<Result<ControlReply<At['tokenStatus']>>>;
}

/** Who listens to a desk procedure. */
export interface DeskListener {
  onEvent?(event: DeskEvent): void;
  /** Gives the procedure up. */
  signal?: AbortSignal;
}

const chargeBody = (asked: ChargeAsked, id: string): ControlBody<At['charge']> =>
  typeof asked === 'object' && asked !== null ? { open: asked, id } : { amount: asked, id };

/** Makes the commands. @param dataDir the bridge's data folder */
export function createControlClient(
  dataDir: string,
  { timeoutMs = CLIENT_TIMEOUT_MS }: { timeoutMs?: number } = {},
): ControlClient {
  const at = CONTROL_ENDPOINTS;
  const call = <E extends ControlEndpoint>(endpoint: E, body: ControlBody<E>, path?: string) =>
    request(dataDir, endpoint, body, path, timeoutMs);
  const wait = (id: string, seen: number, waitMs: number) =>
    call(at.wait, null, `/charges/${encodeURIComponent(id)}?seen=${seen}&waitMs=${waitMs}`);
  const charge = (asked: ChargeAsked, id = toHex(randomBytes(8))) => call(at.charge, chargeBody(asked, id));

  async function follow(
    asked: ChargeAsked,
    onChange: (charge: ControlCharge) => void,
    signal?: AbortSignal,
    id?: string,
  ): Promise<Result<{ charge: ControlCharge }>> {
    let reply = await charge(asked, id);
    while (reply.ok) {
      onChange(reply.charge);
      const { id, changes, state } = reply.charge;
      if (RESOLVED.includes(state)) return reply;
      do {
        if (signal?.aborted) return refusal('INTERRUPTED', `charge ${id}`);
        reply = await wait(id, changes, WAIT_MS);
      } while (reply.ok && reply.charge.changes === changes);
    }
    return reply;
  }
  return {
    status: () => call(at.status, null),
    charge,
    wait,
    follow,
    cancel: (id) => call(at.cancel, id === undefined ? {} : { id }),
    refund: (payment, amount, id = toHex(randomBytes(8)), approval) =>
      call(at.refund, {
        payment,
        id,
        ...(amount === undefined ? {} : { amount }),
        ...(approval ? { approval } : {}),
      }),
    outbox: (states, limit, before) =>
      call(at.outbox, null, `${at.outbox.path}?${pageOf(states, limit)}${before ? `&before=${before}` : ''}`),
    messages: (states, limit, after = 0) =>
      call(at.messages, null, `${at.messages.path}?${pageOf(states, limit)}&after=${after}`),
    resend: (sequence) => call(at.resend, sequence === undefined ? {} : { sequence }),
    acknowledge: (sequence, why) => call(at.acknowledge, { sequence, why }),
    payments: (query) => call(at.payments, query),
    registerUser: (body, listener) => procedure(dataDir, at.register, body, listener),
    renewUser: (body, listener) => procedure(dataDir, at.renew, body, listener),
    withdraw: (body, listener) => procedure(dataDir, at.withdraw, body, listener),
    unload: (body, listener) => procedure(dataDir, at.unload, body, listener),
    redeem: (body = {}, listener) => procedure(dataDir, at.redeem, body, listener),
    collect: (listener) => procedure(dataDir, at.collect, {}, listener),
    statement: (listener) => procedure(dataDir, at.statement, {}, listener),
    reconcile: (body = {}, listener) => procedure(dataDir, at.reconcile, body, listener),
    actState: (id) => call(at.act, null, `/acts/${encodeURIComponent(id)}`),
    tokenStatus: (listener) => procedure(dataDir, at.tokenStatus, {}, listener),
  };
}

/** Address and token of the running bridge. */
function readPlace(dataDir: string): Result<{ url: string; token: string }> {
  try {
    const { url, token } = JSON.parse(readFileSync(join(dataDir, CONTROL_FILE), 'utf8')) as {
      url?: unknown;
      token?: unknown;
    };
    if (typeof url === 'string' && typeof token === 'string') return { ok: true, url, token };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EACCES')
      return refusal('CONTROL_DENIED', join(dataDir, CONTROL_FILE));
  }
  return refusal('SERVICE_DOWN', `no bridge runs with the data folder ${dataDir}`);
}

async function send(
  dataDir: string,
  endpoint: ControlEndpoint,
  body: unknown,
  path: string,
  signal: AbortSignal,
): Promise<Result<{ response: Response }>> {
  const place = readPlace(dataDir);
  if (!place.ok) return place;
  try {
    const response = await fetch(place.url + path, {
      method: endpoint.method,
      redirect: 'error',
      headers: {
        authorization: `Bearer ${place.token}`,
        ...(endpoint.method === 'POST' ? { 'content-type': 'application/json' } : {}),
      },
      ...(endpoint.method === 'POST' ? { body: JSON.stringify(body) } : {}),
      signal,
    });
    return { ok: true, response };
  } catch (thrown) {
    return lost(thrown, signal, `no bridge answers at ${place.url}`);
  }
}

function lost(thrown: unknown, signal: AbortSignal, detail: string): HostRefusal {
  if ((thrown as Error)?.name === 'TimeoutError') return refusal('SERVICE_SILENT', 'bridge');
  return signal.aborted ? refusal('INTERRUPTED') : refusal('SERVICE_DOWN', detail);
}

function readError(reply: unknown): HostRefusal {
  const { code, message } = (reply ?? {}) as { code?: unknown; message?: unknown };
  if (!isErrorCode(code) || code === 'OK') return refusal('REPLY_INVALID', 'bridge');
  return refusal(code as ErrorCode, typeof message === 'string' ? /\((.*)\)$/.exec(message)?.[1] : undefined);
}

async function request<E extends ControlEndpoint>(
  dataDir: string,
  endpoint: E,
  body: ControlBody<E>,
  path = endpoint.path,
  timeoutMs: number,
): Promise<Result<ControlReply<E>>> {
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = await send(dataDir, endpoint, body, path, signal);
  if (!sent.ok) return sent;
  try {
    const reply: unknown = await sent.response.json();
    if (sent.response.status !== 200) return readError(reply);
    return Value.Check(endpoint.reply, reply)
      ? { ok: true, ...(reply as ControlReply<E>) }
      : refusal('REPLY_INVALID', `bridge ${endpoint.path}`);
  } catch (thrown) {
    return lost(thrown, signal, 'the bridge ended');
  }
}

/** A desk procedure: reads its lines until the last one says how it ended. */
async function procedure<E extends ControlEndpoint>(
  dataDir: string,
  endpoint: E,
  body: ControlBody<E>,
  listener: DeskListener = {},
): Promise<Result<ControlReply<E>>> {
  const giveUp = new AbortController();
  const stop = () => giveUp.abort();
  listener.signal?.addEventListener('abort', stop, { once: true });
  if (listener.signal?.aborted) stop();
  let silence = setTimeout(stop, SILENCE_MS);
  try {
    const sent = await send(dataDir, endpoint, body, endpoint.path, giveUp.signal);
    if (!sent.ok) return sent;
    if (sent.response.status !== 200) return readError(await sent.response.json());
    for await (const line of linesOf(sent.response)) {
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MS);
      if (!Value.Check(DeskLine, line)) return refusal('REPLY_INVALID', `bridge ${endpoint.path}`);
      if (line.event) listener.onEvent?.(line.event);
      if (line.error) return readError(line.error);
      if (line.result !== undefined) {
        const { result } = line;
        return Value.Check(endpoint.reply, result)
          ? { ok: true, ...(result as ControlReply<E>) }
          : refusal('REPLY_INVALID', `bridge ${endpoint.path}`);
      }
    }
    return refusal('SERVICE_DOWN', 'the bridge ended');
  } catch (thrown) {
    return listener.signal?.aborted || !giveUp.signal.aborted
      ? lost(thrown, giveUp.signal, 'the bridge ended')
      : refusal('SERVICE_SILENT', 'bridge');
  } finally {
    clearTimeout(silence);
    listener.signal?.removeEventListener('abort', stop);
  }
}

async function* linesOf(response: Response): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
    }
  }
}
