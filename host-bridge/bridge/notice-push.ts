/**
 * What the issuer tells the terminal, brought by the bridge: signed time when the terminal asks, the deny list when
 * newer.
 *
 * Both are signed for the terminal and it checks them itself; here the signature is looked at only to name a service
 * that is not the terminal's issuer. Nothing is kept: an old time is worth nothing, and the terminal keeps its list.
 */
import type { Logger } from 'pino';
import { denyBody, PREFIX_BYTES, signedDenyList, signedTime } from '../../firmware/wire/notices.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { everyKey, type KeyLine } from '../base/keys/key-line.js';
import { isSigned } from '../base/crypto/signer.js';
import { inBackground } from '../base/background.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import type { ErrorCode } from '../base/errors.js';
import type { TerminalSession } from '../serial/terminal-session.js';
import { call, type Services } from '../base/services/calls.js';

/** How often the issuer is asked whether there is a newer deny list. */
export const DENY_POLL_MS = 60_000;
const TIME_RETRY_MS = 2000;
/** The terminal takes no answer to a nonce after two minutes. */
const TIME_RETRIES_MAX = 50;

export interface NoticePushOptions {
  issuer: Pick<Services['issuer'], 'signedTime' | 'denyList'>;
  terminal: Pick<TerminalSession, 'up' | 'time' | 'denyList'>;
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
  /** The link is up; the terminal holds this version. */
  onTerminal(denyVersion: number): void;
  onDown(): void;
  /** Version of the list that the terminal has, as far as known. */
  denyVersion(): number;
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

/** Makes it; the poll begins with the first `onTerminal`. */
export function createNoticePush(options: NoticePushOptions): NoticePush {
  const { issuer, terminal, learn, scheduler, log, denyPollMs = DENY_POLL_MS } = options;
  const timePush = createTimePush(options);
  let stopped = false;
  let version = 0;
  let timer: Timer | null = null;
  let pushing: Promise<void> | null = null;
  let told: ErrorCode | null = null;

  async function push(): Promise<void> {
    await learn();
    const reply = await call(() => issuer.denyList());
    if (!reply.ok) {
      if (told !== reply.code) log.warn({ code: reply.code }, 'no deny list');
      told = reply.code;
      return;
    }
    told = null;
    if (stopped || !terminal.up() || reply.version <= version) return;
    const list = signedDenyList.decode(reply.list);
    const body = list && denyBody.decode(list.body);
    if (
      !list ||
      !body ||
      body.version !== reply.version ||
      !(await isIssuers(options, SIGNED.denyList, list.body, list.signature))
    ) {
      return void log.error({ code: 'WRONG_SERVICE' }, 'the deny list is not of our issuer');
    }
    const code = await terminal.denyList(reply.list);
    if (code === 'OK' || code === 'NOT_NEWER') version = Math.max(version, reply.version);
    if (code === 'OK') log.info({ version, pseudonyms: body.prefixes.length / PREFIX_BYTES }, 'deny list accepted');
    else if (code !== 'NOT_NEWER' && code !== 'LINK_DOWN')
      log.warn({ code, version: reply.version }, 'deny list not accepted');
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
    onTerminal(denyVersion) {
      version = denyVersion;
      pushLater();
    },
    onDown: timePush.giveUp,
    denyVersion: () => version,
    pushDenyList: pushOnce,
    stop() {
      stopped = true;
      timePush.giveUp();
      if (timer !== null) scheduler.clearTimer(timer);
      timer = null;
    },
  };
}
