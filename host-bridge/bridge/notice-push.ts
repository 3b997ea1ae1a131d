/**
 * What the issuer tells the terminal, brought by the bridge: signed time when the terminal asks, and what has changed
 * on the deny list since the version that it holds, the whole list where the terminal cannot use that; and that another
 * terminal has taken its place.
 *
 * Both are signed for the terminal and it checks them itself; here the signature is looked at only to name a service
 * that is not the terminal's issuer. Nothing is kept: an old time is worth nothing, and the terminal keeps its list.
 */
import type { Logger } from 'pino';
import { retiredBody, signedRetired, signedTime } from '../../firmware/wire/notices.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { everyKey, type KeyLine } from '../base/keys/key-line.js';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { isSigned } from '../base/crypto/signer.js';
import { readDenyMessage } from '../base/deny-lists.js';
import { inBackground } from '../base/background.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import type { Code } from '../../firmware/core/codes.js';
import type { ErrorCode } from '../base/errors.js';
import type { TerminalSession } from '../serial/terminal-session.js';
import { call, type Services } from '../base/services/calls.js';

/** How often the issuer is asked whether there is a newer deny list. */
export const DENY_POLL_MS = 60_000;
const TIME_RETRY_MS = 2000;
/** The terminal takes no answer to a nonce after two minutes. */
const TIME_RETRIES_MAX = 50;

export interface NoticePushOptions {
  issuer: Pick<Services['issuer'], 'signedTime' | 'denyList' | 'terminalNotice'>;
  terminal: Pick<TerminalSession, 'up' | 'time' | 'denyList' | 'retired'>;
  /** PKI, and what has followed it. */
  issuerLine: KeyLine;
  /** Asks whether a key has followed: at each poll, and before a signature is called nobody's. */
  learn(): Promise<void>;
  scheduler: Scheduler;
  log: Logger;
  denyPollMs?: number;
}

/** The way from the issuer to the terminal. */
export interface NoticePush {
  /** The terminal wants the time, with this nonce (8 bytes). */
  onTimeWanted(nonce: Uint8Array): void;
  /** The link is up; the terminal of this id holds this version. */
  onTerminal(denyVersion: number, terminalId: Uint8Array): void;
  onDown(): void;
  /** Version of the list that the terminal has, as far as known. */
  denyVersion(): number;
  /** The terminal was told that another one has taken its place. */
  isRetired(): boolean;
  /** Looks for a newer list now. */
  pushDenyList(): Promise<void>;
  stop(): void;
}

/** Whether the issuer signed it, with a key that this bridge knows or can learn of. */
async function isIssuers(
  { issuerLine, learn }: Pick<NoticePushOptions, 'issuerLine' | 'learn'>,
  type: number,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const known = () => everyKey(issuerLine).some((key) => isSigned(key, type, message, signature));
  if (known()) return true;
  await learn();
  return known();
}

/** Brings the terminal signed time: of its nonces only the newest is answered. */
function createTimePush(options: NoticePushOptions): { begin(nonce: Uint8Array): void; giveUp(): void } {
  const { issuer, terminal, scheduler, log } = options;
  let nonces = 0; // counts them, and each time that they were given up
  const pause = (ms: number) => new Promise<void>((resolve) => void scheduler.setTimer(resolve, ms));
  async function bring(nonce: Uint8Array): Promise<void> {
    const mine = ++nonces;
    for (let tries = 0; tries < TIME_RETRIES_MAX; tries++) {
      const reply = await call(() => issuer.signedTime(nonce));
      if (mine !== nonces) return;
      if (reply.ok) {
        const time = signedTime.decode(reply.time);
        if (!time || !(await isIssuers(options, SIGNED.time, time.body, time.signature)))
          return void log.error({ code: 'WRONG_SERVICE' }, 'signed time is not of our issuer');
        const code = await terminal.time(reply.time);
        if (code === 'OK') log.info('signed time accepted');
        else if (code !== 'LINK_DOWN') log.warn({ code }, 'signed time not accepted');
        return;
      }
      if (tries === 0) log.warn({ code: reply.code }, 'no signed time');
      await pause(TIME_RETRY_MS);
      if (mine !== nonces) return;
    }
  }
  return {
    begin: (nonce) => inBackground(bring(nonce), log, 'no signed time could be brought'),
    giveUp: () => void nonces++,
  };
}

/** Brings the terminal what was said last of it, once. */
function createRetirementPush(options: NoticePushOptions) {
  const { issuer, terminal, log } = options;
  let brought: Uint8Array | null = null; // to this terminal, and taken or known there
  let retired = false;
  return {
    isRetired: () => retired,
    forget() {
      brought = null;
      retired = false;
    },
    async bring(terminalId: Uint8Array): Promise<void> {
      const reply = await call(() => issuer.terminalNotice(terminalId));
      // The deny list's question, which comes next, names an outage.
      if (!reply.ok || !reply.notice || (brought && equal(reply.notice, brought))) return;
      const message = signedRetired.decode(reply.notice);
      const body = message && retiredBody.decode(message.body);
      if (
        !message ||
        !body ||
        !equal(body.terminalId, terminalId) ||
        !(await isIssuers(options, SIGNED.retired, message.body, message.signature))
      )
        return void log.error({ code: 'WRONG_SERVICE' }, 'the notice on the terminal is not of our issuer');
      const code = await terminal.retired(reply.notice);
      if (code !== 'OK' && code !== 'NOT_NEWER') {
        if (code !== 'LINK_DOWN') log.warn({ code }, 'the terminal did not take the notice on itself');
        return;
      }
      brought = reply.notice;
      retired = body.retired === 1;
      if (code === 'OK')
        log.warn({ terminalId: toHex(terminalId), retired }, 'the terminal was told whether its place was taken');
    },
  };
}

/** What the issuer says of its list. */
interface ListStep {
  version: number;
  /** Pseudonyms on it. */
  size: number;
  messages: Uint8Array[];
}

/** Fetches what the issuer's list is since a version, if that is the issuer; null where there is nothing to bring. */
function createListFetch(options: NoticePushOptions): (from: number) => Promise<ListStep | null> {
  const { issuer, log } = options;
  let told: ErrorCode | null = null;
  return async function fetchList(from) {
    const reply = await call(() => issuer.denyList(from));
    if (!reply.ok) {
      if (told !== reply.code) log.warn({ code: reply.code }, 'no deny list');
      told = reply.code;
      return null;
    }
    told = null;
    if (reply.version <= from) return null;
    let size = 0;
    for (const bytes of reply.messages) {
      const message = readDenyMessage(bytes);
      if (
        !message ||
        message.body.toVersion !== reply.version ||
        !(await isIssuers(options, SIGNED.denyList, message.signed, message.signature))
      ) {
        log.error({ code: 'WRONG_SERVICE' }, 'the deny list is not of our issuer');
        return null;
      }
      size = message.body.size;
    }
    return { version: reply.version, size, messages: reply.messages };
  };
}

/** Brings the messages, one after the other, as far as the terminal takes them. */
async function bringList(
  terminal: NoticePushOptions['terminal'],
  messages: readonly Uint8Array[],
  isStopped: () => boolean,
): Promise<Code> {
  for (const [i, bytes] of messages.entries()) {
    const code = isStopped() || !terminal.up() ? 'LINK_DOWN' : await terminal.denyList(bytes);
    if (code !== 'OK' || i === messages.length - 1) return code;
  }
  return 'NOT_NEWER';
}

/** Makes it; the poll begins with the first `onTerminal`. */
export function createNoticePush(options: NoticePushOptions): NoticePush {
  const { terminal, learn, scheduler, log, denyPollMs = DENY_POLL_MS } = options;
  const timePush = createTimePush(options);
  const fetchList = createListFetch(options);
  const retirement = createRetirementPush(options);
  let stopped = false;
  let version = 0;
  let terminalId: Uint8Array | null = null;
  let timer: Timer | null = null;
  let pushing: Promise<void> | null = null;

  async function push(): Promise<void> {
    await learn();
    if (terminalId && terminal.up() && !stopped) await retirement.bring(terminalId);
    for (const from of version === 0 ? [0] : [version, 0]) {
      const list = await fetchList(from);
      if (!list || list.version < version) return;
      const code = await bringList(terminal, list.messages, () => stopped);
      if (code === 'OK' || code === 'NOT_NEWER') version = Math.max(version, list.version);
      if (code === 'OK') log.info({ version, pseudonyms: list.size }, 'deny list accepted');
      if (code === 'LIST_MISMATCH' && from > 0) {
        log.warn({ version: list.version }, 'the terminal has another deny list: it gets the whole one');
        continue;
      }
      if (code !== 'OK' && code !== 'NOT_NEWER' && code !== 'LINK_DOWN')
        log.warn({ code, version: list.version }, 'deny list not accepted');
      return;
    }
  }

  const pushLater = (): void => inBackground(pushOnce(), log, 'no deny list could be brought');

  function pushOnce(): Promise<void> {
    if (timer !== null) scheduler.clearTimer(timer);
    timer = null;
    return (pushing ??= push().finally(() => {
      pushing = null;
      if (!stopped && timer === null) timer = scheduler.setTimer(pushLater, denyPollMs);
    }));
  }

  return {
    onTimeWanted: (nonce) => void (stopped || timePush.begin(nonce)),
    onTerminal(denyVersion, id) {
      if (!terminalId || !equal(id, terminalId)) retirement.forget();
      terminalId = id;
      version = denyVersion;
      pushLater();
    },
    onDown: timePush.giveUp,
    denyVersion: () => version,
    isRetired: retirement.isRetired,
    pushDenyList: pushOnce,
    stop() {
      stopped = true;
      timePush.giveUp();
      if (timer !== null) scheduler.clearTimer(timer);
      timer = null;
    },
  };
}
