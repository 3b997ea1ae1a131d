/** Two ends of the serial link on an emulated cable in virtual time, with a wire that can be made to misbehave. */
import { crc32 } from 'node:zlib';
import { fromChars, toChars } from '../../firmware/core/bytes.js';
import type { Code } from '../../firmware/core/codes.js';
import { createLinkSession, ROLE, type LinkOptions, type LinkSession } from '../../firmware/wire/link/link-session.js';
import { createVirtualScheduler, type Scheduler, type Timer } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';

/** What becomes of a write: the chunks that go out instead, each after a delay. */
export type Fault = (bytes: Uint8Array) => { bytes: Uint8Array; delayMs: number }[];

const clockOf = (scheduler: Scheduler) => ({
  setTimeout: (callback: () => void, delayMs: number): Timer => scheduler.setTimer(callback, delayMs),
  clearTimeout: (timer: Timer) => scheduler.clearTimer(timer),
});

export interface Side {
  link: LinkSession;
  /** Requests that arrived here. */
  requests: { kind: number; body: Uint8Array }[];
  ups: number;
  downs: Code[];
  /** Writes once more what this side wrote some time ago. */
  late(bytes: Uint8Array): void;
}

export interface Pair {
  scheduler: ReturnType<typeof createVirtualScheduler>;
  bridge: Side;
  terminal: Side;
  /** Writes so far, both sides together, in order. */
  writes: Uint8Array[];
  /** Starts a side, or starts it afresh as after a reset. */
  boot(role: 'bridge' | 'terminal'): void;
}

export interface PairOptions {
  baud?: number;
  /** Bursts that the UARTs of bridge and terminal take. */
  bursts?: [number, number];
  /** Looks at the number of the write; none: the bytes go out as they are. */
  fault?: (write: number) => Fault | undefined;
  /** How a side answers; default: the body back. */
  respond?: LinkOptions['onRequest'];
}

export function createPair(options: PairOptions = {}): Pair {
  const scheduler = createVirtualScheduler();
  const line = createSerialLine(scheduler, options.baud ?? 115200);
  let sessions = 1000;
  const empty = (end: typeof line.a): Side => ({
    ...{ link: null as unknown as LinkSession, requests: [], ups: 0, downs: [] },
    late: (bytes) => end.write(toChars(bytes)),
  });
  const pair: Pair = { scheduler, bridge: empty(line.a), terminal: empty(line.b), writes: [], boot };

  function boot(role: 'bridge' | 'terminal'): void {
    const side = pair[role];
    const end = role === 'bridge' ? line.a : line.b;
    if (side.link) side.link.stop();
    const own = createLinkSession({
      role: ROLE[role],
      burstBytesMax: (options.bursts ?? [64, 64])[role === 'bridge' ? 0 : 1],
      clock: clockOf(scheduler),
      crc32: (bytes) => crc32(bytes),
      write(bytes) {
        const fault = options.fault?.(pair.writes.length);
        pair.writes.push(bytes.slice());
        for (const out of fault ? fault(bytes.slice()) : [{ bytes, delayMs: 0 }]) {
          if (out.delayMs === 0) end.write(toChars(out.bytes));
          else scheduler.setTimer(() => end.write(toChars(out.bytes)), out.delayMs);
        }
      },
      random32: () => (sessions += 0x31415927) >>> 0,
      onRequest(kind, body, reply) {
        side.requests.push({ kind, body });
        if (options.respond) options.respond(kind, body, reply);
        else reply('OK', body);
      },
      onUp: () => void side.ups++,
      onDown: (code) => void side.downs.push(code),
    });
    side.link = own;
    end.onData = (data) => own.receive(fromChars(data));
    own.start();
  }
  return pair;
}

/** Boots both and waits until both are up. */
export function bootBoth(pair: Pair, limitMs = 60_000): boolean {
  pair.boot('terminal');
  pair.boot('bridge');
  return pair.scheduler.runUntil(() => pair.bridge.link.up() && pair.terminal.link.up(), limitMs);
}

export interface Outcome {
  calls: number;
  code: Code | null;
  body: Uint8Array;
}

/** Sends a request and records what comes back. */
export function ask(side: Side, kind: number, body: Uint8Array, timeoutMs = 30_000): Outcome {
  const outcome: Outcome = { calls: 0, code: null, body: new Uint8Array(0) };
  side.link.request(
    kind,
    body,
    (code, answer) => {
      outcome.calls++;
      outcome.code = code;
      outcome.body = answer;
    },
    timeoutMs,
  );
  if (outcome.calls > 0) throw new Error('callback before the request returned');
  return outcome;
}

/** Bytes that a reader can tell apart by `seed`, with many that SLIP escapes. */
export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => [192, 219, seed & 255, (i * 7 + seed) & 255][i & 3]);
}

/**
 * The same for a request that is begun with `known` bytes of its body, and finished `afterMs` later; without a link
 * LINK_DOWN.
 */
export function askInParts(
  pair: Pair,
  side: Side,
  kind: number,
  body: Uint8Array,
  known: number,
  afterMs: number,
  timeoutMs = 20_000,
): Outcome {
  const outcome: Outcome = { calls: 0, code: null, body: new Uint8Array(0) };
  const done = (code: Code, answer: Uint8Array) =>
    void Object.assign(outcome, { calls: outcome.calls + 1, code, body: answer });
  const begun = side.link.begin(kind, body.slice(0, known), body.length - known);
  if (begun) pair.scheduler.setTimer(() => side.link.finish(begun, body.slice(known), done, timeoutMs), afterMs);
  else done('LINK_DOWN', outcome.body);
  return outcome;
}
