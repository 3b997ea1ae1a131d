/** What the till's page is told: the state of bridge, terminal and charge, each time that it has changed. */
import type { FastifyReply } from 'fastify';
import { decimalsOf } from '../../firmware/core/amount-text.js';
import { errorBody, isErrorCode, type ErrorBody } from '../base/errors.js';
import type { Bridge } from '../bridge/bridge.js';
import type { TillState } from '../web/till/till-state.js';

/** Most often that a page is told: what happens in between is told at once. */
const FRAME_MS = 50;
/** A line to say that the connection is good; what changed without an event is seen then. */
const ALIVE_MS = 5_000;
/** A page that reads no more is let go; it comes back and is told everything anew. */
const UNREAD_BYTES_MAX = 1024 * 1024;

/** What a code says to people; null for the code that all is well, and for none. */
function saidOf(code: string | null, detail?: string | null): ErrorBody | null {
  return code !== null && code !== 'OK' && isErrorCode(code) ? errorBody(code, detail ?? undefined) : null;
}

function stateOf(bridge: Bridge, currency: string | null): TillState {
  const { link, terminal, charge, deskBusy, outbox, acknowledged, outage, outageDetail, retired } = bridge.lastStatus();
  return {
    currency,
    decimals: currency === null ? null : decimalsOf(currency),
    shop: terminal?.shop ?? null,
    link: link.up ? null : (link.port ?? saidOf(link.code)),
    retired,
    charge: charge && {
      id: charge.id,
      amount: charge.amount,
      state: charge.state,
      said: saidOf(charge.code),
    },
    deskBusy,
    waiting: outbox.pending + outbox.held,
    refused: outbox.refused - acknowledged,
    outage: saidOf(outage, outageDetail),
  };
}

/** Tells a page the state now, and whenever it is another, until it goes. */
export function streamTill(bridge: Bridge, currency: string | null, reply: FastifyReply): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  raw.flushHeaders();
  let told = '';
  let frame: NodeJS.Timeout | null = null;
  function tell(): void {
    frame = null;
    const state = JSON.stringify(stateOf(bridge, currency));
    if (state === told) return;
    told = state;
    if (raw.writableLength > UNREAD_BYTES_MAX) raw.destroy();
    else raw.write(`data: [${state}]\n\n`);
  }
  const alive = setInterval(() => {
    raw.write(': alive\n\n');
    tell();
  }, ALIVE_MS);
  const leave = bridge.watch(() => (frame ??= setTimeout(tell, FRAME_MS)));
  raw.on('close', () => {
    clearInterval(alive);
    if (frame) clearTimeout(frame);
    leave();
  });
  tell();
}
