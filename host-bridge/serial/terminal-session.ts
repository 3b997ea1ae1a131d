/**
 * A bridge's session with a terminal: the link of firmware/wire/link/link-session.ts over a port that may vanish and
 * return.
 *
 * Requests are promises of named results; nothing of the line ever rejects. Left out: what the requests mean to money
 * (bridge/bridge.ts). Requests of the terminal go to one handler, which must answer each.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { fromChars, readU32, toChars } from '../../firmware/core/bytes.js';
import type { Code } from '../../firmware/core/codes.js';
import {
  chargeRequest,
  openChargeRequest,
  type OpenTerms,
  deskRequest,
  KIND,
  terminalStatus,
  type TerminalStatus,
} from '../../firmware/wire/link/link-messages.js';
import { createLinkSession, MESSAGE_BYTES_MAX, ROLE } from '../../firmware/wire/link/link-session.js';
import { SENDS_TO_BOARD_MAX } from '../../firmware/wire/link/link-transport.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import { createRealScheduler } from '../base/scheduler.js';
import { olderSide } from '../base/update-needed.js';
import { bodyOfThrown, failure, refusal, type ErrorBody, type Result, type TapcashError } from '../base/errors.js';
import type { BoardPort } from './port.js';

/** Longest frame that a host takes: it has room for every message of a tap in one frame. */
const HOST_BURST_BYTES = 512;
/** How long a port that vanished is waited for between two tries. */
const REOPEN_MS = 1000;
/**
 * How long a terminal may take for a request. A board that checks a payment again is deaf for 36 s at most
 * (firmware/wire/link/link-transport.ts), and one that verifies a list for seconds more. A charge is asked for again
 * under its id, three times in the minute for which its customer is waited for (bridge/clerk.ts, SENDING_MAX_S).
 */
const TIMEOUTS_MS = { status: 60_000, charge: 20_000, cancel: 60_000, time: 60_000, denyList: 90_000, retired: 60_000 };
/**
 * Beyond the time that somebody has to tap; a terminal waits 60 s for a token's answer
 * (firmware/shop-terminal/main.ts).
 */
const DESK_EXTRA_MS = 75_000;

/** An answer of the terminal. */
export interface Answer {
  code: Code;
  body: Uint8Array;
}

export interface TerminalSessionOptions {
  /** Opens the port; called again after it was lost. */
  open(): Promise<BoardPort>;
  scheduler?: Scheduler;
  /** A request of the terminal; `reply` at most once, at any time. */
  onRequest(kind: number, body: Uint8Array, reply: (code: Code) => void): void;
  onUp(): void;
  /** LINK_DOWN or UPDATE_NEEDED, with which side is older. */
  onDown(code: Code, detail?: string): void;
  /** The port vanished, or cannot be opened again; told once until it is back. */
  onPort?(state: { ok: true; path: string } | { ok: false; error: ErrorBody }): void;
  /** Session numbers; default node:crypto. */
  random32?(): number;
}

/** A session with a terminal. */
export interface TerminalSession {
  /** Opens the port and starts. @throws what `open` throws: then nothing is running */
  start(): Promise<void>;
  /** Ends session and port; requests under way get LINK_DOWN. */
  stop(): Promise<void>;
  up(): boolean;
  /** Resolves once the session is up. @throws TapcashError BOARD_SILENT, UPDATE_NEEDED */
  waitUp(timeoutMs: number): Promise<void>;
  /** Any request; the others are this one with their kind. */
  ask(kind: number, body: Uint8Array, timeoutMs: number): Promise<Answer>;
  status(): Promise<Result<{ status: TerminalStatus }>>;
  /**
   * @param id 8 bytes, the same in each retry, as is the `number` @param number above that of every charge before
   * @param lifetimeS how long it may still wait for a token
   */
  charge(id: Uint8Array, amount: number, number: number, lifetimeS: number, open?: OpenTerms | null): Promise<Code>;
  cancel(id: Uint8Array): Promise<Code>;
  /** @param bytes encoded `signedTime` */
  time(bytes: Uint8Array): Promise<Code>;
  /** @param bytes encoded `signedDenyList` */
  denyList(bytes: Uint8Array): Promise<Code>;
  /** @param bytes encoded `signedRetired` */
  retired(bytes: Uint8Array): Promise<Code>;
  /**
   * A command to the token that is tapped within `timeoutMs`; the code is the token's, or NO_TOKEN, TAP_TORN, BUSY ...
   */
  desk(ins: number, data: Uint8Array, timeoutMs: number): Promise<Answer>;
  /**
   * Gives up a desk command that waits for a token, by a new session: the terminal forgets what the last one asked of
   * its reader. One that a token is at work on ends as usual.
   * @returns once the new session is there, or has not come in its time
   */
  leaveDesk(): Promise<void>;
}

/** How long a new session that was asked for may take. */
const AGAIN_MS = 5000;

/** Makes a session; nothing happens before `start`. */
export function createTerminalSession(options: TerminalSessionOptions): TerminalSession {
  const scheduler = options.scheduler ?? createRealScheduler();
  let port: BoardPort | null = null;
  let running = false;
  let reopening: Timer | null = null;
  let portTold = true;
  let older: string | undefined; // side, where the two speak different versions
  const waiters = new Set<() => void>();
  const settle = () => [...waiters].forEach((waiter) => waiter());

  const link = createLinkSession({
    role: ROLE.bridge,
    sendsMax: SENDS_TO_BOARD_MAX,
    burstBytesMax: HOST_BURST_BYTES,
    clock: {
      setTimeout: (callback, delayMs) => scheduler.setTimer(callback, delayMs),
      clearTimeout: (timer) => scheduler.clearTimer(timer),
    },
    crc32: (bytes) => crc32(bytes),
    chars: { toChars, fromChars },
    write: (bytes) => port?.write(bytes),
    random32: options.random32 ?? (() => readU32(randomBytes(4), 0)),
    onRequest: options.onRequest,
    onUp() {
      older = undefined;
      settle();
      options.onUp();
    },
    onDown(code, version) {
      older = code === 'UPDATE_NEEDED' ? olderSide('board', version) : undefined;
      settle();
      options.onDown(code, older);
    },
  });

  function attach(opened: BoardPort): void {
    port = opened;
    opened.onData = (bytes) => link.receive(bytes);
    opened.onLost = onLost;
    link.start();
    if (!portTold) options.onPort?.({ ok: true, path: opened.path });
    portTold = true;
  }

  function tellLost(thrown: unknown): void {
    if (portTold) options.onPort?.({ ok: false, error: bodyOfThrown(thrown) });
    portTold = false;
  }

  function onLost(why: TapcashError): void {
    port = null;
    const wasUp = link.up();
    link.stop();
    if (wasUp) options.onDown('LINK_DOWN');
    tellLost(why);
    reopenLater();
  }

  function reopenLater(): void {
    if (running && reopening === null)
      reopening = scheduler.setTimer(() => void reopen().catch(reopenLater), REOPEN_MS);
  }

  async function reopen(): Promise<void> {
    reopening = null;
    try {
      const opened = await options.open();
      if (running) attach(opened);
      else await opened.close();
    } catch (thrown) {
      tellLost(thrown);
      reopenLater();
    }
  }

  function ask(kind: number, body: Uint8Array, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve) =>
      link.request(kind, body, (code, answer) => resolve({ code, body: answer }), timeoutMs),
    );
  }
  const codeOf = async (kind: number, body: Uint8Array, timeoutMs: number): Promise<Code> =>
    (await ask(kind, body, timeoutMs)).code;

  function waitUp(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = scheduler.setTimer(() => end(failure('BOARD_SILENT', port?.path)), timeoutMs);
      function end(why: TapcashError | null): void {
        waiters.delete(look);
        scheduler.clearTimer(timer);
        if (why) reject(why);
        else resolve();
      }
      function look(): void {
        if (link.up()) end(null);
        else if (older) end(failure('UPDATE_NEEDED', older));
        else if (!running) end(failure('INTERRUPTED'));
      }
      waiters.add(look);
      look();
    });
  }

  return {
    async start() {
      const opened = await options.open();
      running = true;
      attach(opened);
    },
    async stop() {
      running = false;
      if (reopening !== null) scheduler.clearTimer(reopening);
      reopening = null;
      link.stop();
      const open = port;
      port = null;
      await open?.close();
      settle();
    },
    up: link.up,
    waitUp,
    ask,
    async status() {
      const { code, body } = await ask(KIND.status, new Uint8Array(0), TIMEOUTS_MS.status);
      if (code !== 'OK') return refusal(code);
      const status = terminalStatus.decode(body);
      return status ? { ok: true, status } : refusal('BAD_REQUEST', 'terminal status');
    },
    charge: (id, amount, number, lifetimeS, open) =>
      open
        ? codeOf(KIND.openCharge, openChargeRequest.encode({ number, id, lifetimeS, ...open }), TIMEOUTS_MS.charge)
        : codeOf(KIND.charge, chargeRequest.encode({ number, id, amount, lifetimeS }), TIMEOUTS_MS.charge),
    cancel: (id) => codeOf(KIND.cancel, id, TIMEOUTS_MS.cancel),
    time: (bytes) => codeOf(KIND.time, bytes, TIMEOUTS_MS.time),
    retired: (bytes) => codeOf(KIND.retired, bytes, TIMEOUTS_MS.retired),
    async denyList(bytes) {
      return bytes.length + 2 > MESSAGE_BYTES_MAX ? 'BAD_REQUEST' : codeOf(KIND.denyList, bytes, TIMEOUTS_MS.denyList);
    },
    async leaveDesk() {
      if (!link.up()) return;
      link.stop();
      options.onDown('LINK_DOWN');
      link.start();
      await waitUp(AGAIN_MS).catch(() => undefined);
    },
    desk: (ins, data, timeoutMs) =>
      ask(KIND.desk, deskRequest.encode({ timeoutMs, ins, data }), timeoutMs + DESK_EXTRA_MS),
  };
}
