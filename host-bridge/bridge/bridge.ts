/**
 * The bridge: the "communication line" between a shop terminal and the services, and the teller's desk.
 *
 * It holds nothing that makes money: histories and tombstones are signed before they come here, time and deny list
 * before they leave. What the terminal hands over is on disk before it is acknowledged; everything else may end at any
 * moment and begins again. Parts: serial/terminal-session.ts (the link), verifier.ts, outbox.ts with
 * outbox-delivery.ts, notice-push.ts, clerk.ts, teller.ts. Left out: the address for other processes (control-api.ts).
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { fromHex, readU32, toHex } from '../../firmware/core/bytes.js';
import { codeOf, type Code } from '../../firmware/core/codes.js';
import { KIND, tapReport, type TapReport, type TerminalStatus } from '../../firmware/wire/link/link-messages.js';
import type { Scheduler } from '../base/scheduler.js';
import { createRealScheduler } from '../base/scheduler.js';
import { bodyOfThrown, refusal, type ErrorBody, type ErrorCode, type Result } from '../base/errors.js';
import { inBackground } from '../base/background.js';
import { silentLog } from '../base/log.js';
import type { BoardPort } from '../serial/port.js';
import { createTerminalSession, type TerminalSession } from '../serial/terminal-session.js';
import { epochsOf } from '../base/sqlite/database-identity.js';
import { openOnlyBridgeStore } from './bridge-store.js';
import { createCharges, type Charge, type Charges } from './charges.js';
import { createClerk, type Clerk } from './clerk.js';
import { createDeskActs } from './desk/desk-acts.js';
import type { DeskEvent } from './desk/desk-steps.js';
import { createUnload } from './desk/desk-unload.js';
import { createHouseLines, type KeyStatus } from './house-lines.js';
import { createNoticePush, type NoticePush } from './notice-push.js';
import { createOutbox, type Outbox, type OutboxCounts, type OutboxEntry, type OutboxKind } from './outbox.js';
import { createDepositaryIdentity } from './depositary-identity.js';
import { createOutboxDelivery, untilStep, type OutboxDelivery } from './outbox-delivery.js';
import { createPayments, type ListPayments } from './payments.js';
import { createRefunds, type Refunds } from './refunds.js';
import type { Services } from '../base/services/calls.js';
import { createTeller, type Teller } from './desk/teller.js';
import { createVerifier, type Verifier, type VerifierTimes } from './verifier.js';

export interface BridgeOptions {
  /** Opens the terminal's port: `() => openBoardPort(path)`, or an emulated one. Called again after it was lost. */
  port(): Promise<BoardPort>;
  services: Services;
  /** Holds the bridge's database; made where missing. */
  dataDir: string;
  /** The first PKI, 32 bytes. */
  issuerKey: Uint8Array;
  /** The first PKR, 32 bytes. */
  registrarKey: Uint8Array;
  log?: Logger;
  scheduler?: Scheduler;
  /** Unix time, seconds; default the machine's. */
  clock?(): number;
  /** Default node:crypto. */
  random?(bytes: number): Uint8Array;
  denyPollMs?: number;
  /** Take the database that is there, though it is not the one that was: the reason, for the record. */
  acceptLoss?: string | undefined;
  /** How long a charge may wait for a token; default five minutes. */
  chargeLifetimeS?: number;
  /** Most that the clerk may give back of one payment, minor units; default: all of it. */
  refundMax?: number | undefined;
  onEvent?(event: BridgeEvent): void;
}

/** What happens, for who watches. */
export type BridgeEvent =
  | { type: 'link'; up: boolean; code: Code }
  | { type: 'port'; ok: boolean; error: ErrorBody | null }
  | { type: 'terminal'; status: TerminalStatus }
  | { type: 'charge'; charge: Charge }
  | { type: 'tap'; report: TapReport }
  | { type: 'alarm'; code: Code }
  | { type: 'kept'; kind: 'history' | 'tombstone' }
  /** A procedure of the teller's waits for this. */
  | { type: 'desk-wait'; wait: DeskEvent['wait'] }
  /** A procedure of the teller's has ended so. */
  | { type: 'desk'; code: ErrorCode }
  | { type: 'delivered'; kind: OutboxKind; result: string; code: ErrorCode | null };

/** State of the bridge, for people. */
export interface BridgeStatus extends KeyStatus {
  link: {
    up: boolean;
    code: Code;
    port: ErrorBody | null;
    /** Which side is older, with UPDATE_NEEDED. */ older?: string;
  };
  /** As of the last question to it; null before. */
  terminal: TerminalStatus | null;
  /** The terminal was told that another one has taken its place: it opens no charge. */
  retired: boolean;
  charge: Charge | null;
  /** A procedure of the teller's is under way. */
  deskBusy: boolean;
  outbox: OutboxCounts;
  /** How many of the refused ones the clerk has acknowledged. */
  acknowledged: number;
  /** Newest histories, tombstones and refunds that are held back, or were refused and are not acknowledged. */
  trouble: OutboxEntry[];
  /** Why deliveries wait; null when they do not. */
  outage: ErrorCode | null;
  /** What exactly, where the code leaves it open. */
  outageDetail: string | null;
  verify: VerifierTimes;
  /** Codes of alarms since the start, newest last. */
  alarms: Code[];
  /** The bridge's database was restored, or a loss accepted; null: neither ever was. */
  restored: { beganS: number; backupS: number | null } | null;
}

/** A running bridge. */
export interface Bridge {
  terminal: TerminalSession;
  teller: Teller;
  charge: Clerk['charge'];
  wait: Clerk['wait'];
  cancel: Clerk['cancel'];
  refund: Refunds['refund'];
  outbox: Pick<Outbox, 'entries' | 'messages'>;
  outboxState(): Pick<BridgeStatus, 'outbox' | 'acknowledged' | 'outage' | 'outageDetail'>;
  /** What is held or was refused is tried now: one, or all of it. Codes: NOT_FOUND. @returns how many */
  resend(sequence?: number): Promise<Result<{ count: number }>>;
  /** The clerk takes note of what was refused for good: it stays, and is no trouble any more. Codes: NOT_FOUND. */
  acknowledge(sequence: number, why: string): Result<object>;
  /** A page of the payments that came through here, newest first. */
  payments: ListPayments;
  charges(limit: number): Charge[];
  /** Asks the terminal, if it answers. */
  status(): Promise<BridgeStatus>;
  /** The same, with what the terminal said last: for who looks often. */
  lastStatus(): BridgeStatus;
  /** Calls back after each event (`BridgeEvent`). @returns what ends it */
  watch(onEvent: () => void): () => void;
  /** Resolves once the outbox has nothing left to deliver, or `waitMs` have passed. @returns whether it is empty */
  drained(waitMs: number): Promise<boolean>;
  /** Looks for a newer deny list now, and brings it. */
  pushDenyList(): Promise<void>;
  /** Ends gently: the delivery under way ends, the port and the database are closed. May be called twice. */
  close(): Promise<void>;
}

const ALARMS_MAX = 20;
const TROUBLE_MAX = 20;

/** Starts a bridge. @throws TapcashError BRIDGE_RUNS, DATA_DIR_FAILED, DATABASE_*, and what `port` throws */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const {
    services,
    log = silentLog(),
    scheduler = createRealScheduler(),
    random = randomBytes,
    clock = () => Date.now() / 1000,
  } = options;
  const watchers = new Set<() => void>();
  const onEvent = (event: BridgeEvent): void => {
    options.onEvent?.(event);
    for (const watcher of watchers) watcher();
  };
  const database = openOnlyBridgeStore(options.dataDir, { nowS: clock, acceptLoss: options.acceptLoss });
  const outbox = createOutbox(database, clock);
  const lines = createHouseLines(
    { issuerKey: options.issuerKey, registrarKey: options.registrarKey },
    services.issuer,
    clock,
    log,
  );
  const verifier = createVerifier({ registrar: lines.registrar, terminalHas: () => lastStatus?.registrar ?? null });
  const link: BridgeStatus['link'] = { up: false, code: 'LINK_DOWN', port: null };
  const alarms: Code[] = [];
  let deskBusy = false;
  let lastStatus: TerminalStatus | null = null;

  const depositary = services.bank ?? services.issuer;
  const delivery = createOutboxDelivery({
    outbox,
    depositary,
    identity: createDepositaryIdentity(depositary, options.issuerKey, scheduler),
    scheduler,
    log,
    onResult: (row, result, code) => onEvent({ type: 'delivered', kind: row.kind, result, code }),
  });
  const charges: Charges = createCharges(database, clock, (row) => {
    clerk.onChange(row);
    log.info({ charge: row.id, amount: row.amount, state: row.state, code: row.code }, 'charge');
    onEvent({ type: 'charge', charge: row });
  });
  const terminal = createTerminalSession({
    open: options.port,
    scheduler,
    random32: () => readU32(random(4), 0),
    onUp() {
      Object.assign(link, { up: true, code: 'OK', older: undefined });
      log.info('the terminal is connected');
      onEvent({ type: 'link', up: true, code: 'OK' });
      inBackground(greet(), log, 'the terminal could not be asked who it is');
    },
    onDown(code, older) {
      Object.assign(link, { up: false, code, older });
      log.warn({ code }, 'the terminal is not connected');
      notices.onDown();
      onEvent({ type: 'link', up: false, code });
    },
    onPort(state) {
      link.port = state.ok ? null : state.error;
      log.warn(
        { port: state.ok ? state.path : state.error.message },
        state.ok ? 'the port is back' : 'the port is lost',
      );
      onEvent({ type: 'port', ok: state.ok, error: link.port });
    },
    onRequest: (kind, body, reply) =>
      reply(answer({ kind, body, outbox, verifier, notices, clerk, log, alarms, delivery, onEvent })),
  });
  const line = epochsOf(database).findLast(({ cause }) => cause !== 'made');
  const restored = line ? { beganS: line.beganS, backupS: line.backupS } : null;
  if (restored) log.warn(restored, 'the database was restored; what came after the backup is missing here');
  const clerk = createClerk({
    ...{ charges, terminal, scheduler, nowS: clock, random, deskBusy: () => deskBusy, log },
    restoredS: restored?.beganS ?? null,
    lifetimeS: options.chargeLifetimeS,
  });
  const notices = createNoticePush({
    issuer: services.issuer,
    terminal,
    issuerLine: lines.issuer,
    learn: lines.learn,
    scheduler,
    log,
    denyPollMs: options.denyPollMs,
  });
  const acts = createDeskActs(database, random, clock);
  const refunds = createRefunds({
    ...{ database, outbox, charges, house: depositary, terminal, delivery, scheduler, random },
    nowS: clock,
    refundMax: options.refundMax,
    ...{ services, log },
  });
  const ending = new AbortController();
  const teller = createTeller({
    terminal,
    scheduler,
    services,
    acts,
    registrar: lines.registrar,
    nowS: clock,
    keysFollowed: lines.haveFollowed,
    unload: createUnload({ services, outbox, delivery, scheduler, random, nowS: clock }),
    reserve,
    closed: ending.signal,
    onWait: ({ wait }) => onEvent({ type: 'desk-wait', wait }),
    onEnd: (code) => onEvent({ type: 'desk', code }),
  });

  function reserve(): Result<{ free(): void }> {
    if (deskBusy) return refusal('BUSY', 'the desk is in use');
    if (charges.current()) return refusal('CHARGE_OPEN');
    deskBusy = true;
    return { ok: true, free: () => void (deskBusy = false) };
  }

  /** Asks the terminal who it is; what waits for that goes on. */
  async function greet(): Promise<void> {
    inBackground(lines.learn(), log, 'the houses could not be asked for their keys');
    const status = await askStatus();
    if (!status) return;
    clerk.onTerminal(status);
    notices.onTerminal(status.denyVersion, status.terminalId);
  }

  async function askStatus(): Promise<TerminalStatus | null> {
    const answer = await terminal.status();
    if (!answer.ok) return null;
    lastStatus = answer.status;
    onEvent({ type: 'terminal', status: answer.status });
    return answer.status;
  }

  const outboxState = () => ({
    outbox: outbox.counts(),
    acknowledged: outbox.acknowledged(),
    outage: delivery.outage(),
    outageDetail: delivery.outageDetail()?.detail ?? null,
  });

  function statusNow(): BridgeStatus {
    return {
      link: { ...link },
      terminal: lastStatus,
      retired: notices.isRetired(),
      charge: charges.newest(1).find((charge) => !clerk.isForgotten(charge)) ?? null,
      restored,
      deskBusy,
      trouble: outbox.trouble(TROUBLE_MAX),
      ...outboxState(),
      verify: verifier.times(),
      alarms: [...alarms],
      ...lines.status(lastStatus?.registrar ?? null),
    };
  }

  let closing: Promise<void> | null = null;
  async function end(): Promise<void> {
    ending.abort();
    clerk.stop();
    notices.stop();
    await terminal.stop();
    await delivery.stop();
    database.close();
  }
  const close = () => (closing ??= end());

  try {
    await terminal.start();
  } catch (thrown) {
    await close();
    throw thrown;
  }
  delivery.kick();
  return {
    terminal,
    teller,
    charge: clerk.charge,
    wait: clerk.wait,
    cancel: clerk.cancel,
    refund: refunds.refund,
    outbox,
    outboxState,
    resend: (sequence) => resend(outbox, delivery, sequence),
    acknowledge: (sequence, why) =>
      outbox.acknowledge(sequence, why) ? { ok: true } : refusal('NOT_FOUND', `${sequence} was not refused`),
    payments: createPayments(database, (id) => {
      const tap = charges.find(id)?.tap;
      return tap ? fromHex(tap.rs) : null;
    }),
    charges: charges.newest,
    async status() {
      if (terminal.up()) await askStatus();
      return statusNow();
    },
    lastStatus: statusNow,
    watch(watcher) {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    drained: (waitMs) =>
      untilStep(delivery, scheduler, waitMs, () => {
        const { pending, held } = outbox.counts();
        return pending + held === 0;
      }),
    pushDenyList: notices.pushDenyList,
    close,
  };
}

const RESEND_ROWS = 500;

/** A part at a time, so that nobody else waits for a long outbox. */
async function resend(outbox: Outbox, delivery: OutboxDelivery, sequence?: number): Promise<Result<{ count: number }>> {
  if (sequence !== undefined && !outbox.resend(sequence))
    return refusal('NOT_FOUND', `${sequence} is neither held nor refused`);
  let count = sequence === undefined ? 0 : 1;
  for (let last = 0, more = sequence === undefined; more;) {
    const part = outbox.resendSome(last, RESEND_ROWS);
    [count, last, more] = [count + part.count, part.last, part.count === RESEND_ROWS];
    await new Promise((resolve) => setImmediate(resolve));
  }
  delivery.kick(true);
  return { ok: true, count };
}

interface RequestContext {
  kind: number;
  body: Uint8Array;
  outbox: Outbox;
  verifier: Verifier;
  notices: NoticePush;
  clerk: Clerk;
  delivery: OutboxDelivery;
  log: Logger;
  alarms: Code[];
  onEvent(event: BridgeEvent): void;
}

/** Answers a request of the terminal. What it keeps is on disk when this returns OK. */
function answer(context: RequestContext): Code {
  try {
    return answerOrThrow(context);
  } catch (thrown) {
    const { code, message } = bodyOfThrown(thrown);
    context.log.error(
      { code, message, err: code === 'INTERNAL' ? thrown : undefined },
      'a request of the terminal failed',
    );
    return 'BUSY';
  }
}

function answerOrThrow({
  kind,
  body,
  outbox,
  verifier,
  notices,
  clerk,
  delivery,
  log,
  alarms,
  onEvent,
}: RequestContext): Code {
  if (kind === KIND.verify) return verifier.answer(body);
  if (kind === KIND.history || kind === KIND.tombstone) {
    const name = kind === KIND.history ? 'history' : 'tombstone';
    const code = outbox.add(name, body);
    if (code === 'OK') onEvent({ type: 'kept', kind: name });
    delivery.kick();
    return code;
  }
  if (kind === KIND.tap) {
    const report = tapReport.decode(body);
    if (!report) return 'BAD_REQUEST';
    log.info({ charge: toHex(report.chargeId), code: codeOf(report.code), paidMs: report.paidMs }, 'tap');
    clerk.onReport(report);
    onEvent({ type: 'tap', report });
    return 'OK';
  }
  if (kind === KIND.alarm) {
    if (body.length !== 1) return 'BAD_REQUEST';
    const code = codeOf(body[0] as number);
    log.error({ code }, 'alarm of the terminal');
    alarms.push(code);
    if (alarms.length > ALARMS_MAX) alarms.shift();
    onEvent({ type: 'alarm', code });
    return 'OK';
  }
  if (kind === KIND.timeWanted) {
    if (body.length !== 8) return 'BAD_REQUEST';
    notices.onTimeWanted(body);
    return 'OK';
  }
  return 'BAD_REQUEST';
}
