/** What the till's page is told: the state of bridge, terminal and charge, each time that it has changed. */
import type { FastifyReply } from 'fastify';
import { decimalsOf } from '../../firmware/core/amount-text.js';
import { errorBody, isErrorCode, type ErrorBody } from '../base/errors.js';
import type { Bridge } from '../bridge/bridge.js';
import { openEventStream } from '../http/event-stream.js';
import type { TillState } from '../web/till/till-state.js';

/** Most often that a page is told: what happens in between is told at once. */
const FRAME_MS = 50;
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
      open: charge.open,
      state: charge.state,
      said: saidOf(charge.code),
    },
    deskBusy,
    waiting: outbox.pending + outbox.held,
    refused: outbox.refused - acknowledged,
    outage: saidOf(outage, outageDetail),
  };
}

/** Tells a page the state now, and whenever it is another; what changed without an event, some seconds later. */
export function streamTill(bridge: Bridge, currency: string | null, reply: FastifyReply): void {
  let told = '';
  let frame: NodeJS.Timeout | null = null;
  function tell(): void {
    frame = null;
    const state = stateOf(bridge, currency);
    const text = JSON.stringify(state);
    if (text === told) return;
    told = text;
    send([state]);
  }
  const leave = bridge.watch(() => (frame ??= setTimeout(tell, FRAME_MS)));
  const send = openEventStream(reply, {
    unreadBytesMax: UNREAD_BYTES_MAX,
    onAlive: tell,
    onClose() {
      if (frame) clearTimeout(frame);
      leave();
    },
  });
  tell();
}
