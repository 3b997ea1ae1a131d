/**
 * Delivery of the outbox: oldest first, at least once. Histories that wait one behind the other go in one call;
 * anything else goes alone.
 *
 * An outage (no connection, a service or its database down, another house at the address, our own database) stops
 * everything and is tried again later and later, with jitter, so that many shops do not come back at the same moment. A
 * final answer (base/services/finality.ts) ends a row; any other refusal puts off that one row, later and later too.
 * All waits are on the scheduler's clock, which nobody sets, and one timer is set at a time.
 */
import type { Logger } from 'pino';
import { createBackOff, delayAfter, jittered } from '../base/back-off.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import { bodyOfThrown, type ErrorCode, type HostRefusal, type Result } from '../base/errors.js';
import type { AskIdentity } from './depositary-identity.js';
import type { Outbox, OutboxEntry, OutboxKind, OutboxResult, OutboxRow } from './outbox.js';
import { call, weigh, type Services } from '../base/services/calls.js';

/** First delay after an outage; doubled each time. */
export const BACKOFF_FIRST_MS = 1000;
export const BACKOFF_MAX_MS = 300_000;
/** How long a row is put off whose refusal may pass; doubled each time, up to an hour. */
export const HOLD_S = 60;
export const HOLD_MAX_S = 3600;
/** Most histories in one call: a small house must answer it within the time that a client waits. */
const HISTORIES_MAX = 64;

export interface DeliveryOptions {
  outbox: Outbox;
  /** Who keeps the accounts. */
  depositary: Pick<Services['issuer'], 'deposit' | 'tombstone' | 'refund'> &
    Partial<Pick<Services['issuer'], 'depositMany'>>;
  /** Whether that house is ours; default: it is. */
  identity?: AskIdentity;
  scheduler: Scheduler;
  log: Logger;
  /** 0 to 1; default Math.random: jitter is no secret. */
  random?(): number;
  /** A row got its final result. */
  onResult?(row: OutboxRow, state: string, code: ErrorCode | null): void;
}

/** Why deliveries wait. */
export type Outage = Pick<HostRefusal, 'code' | 'detail'>;

/** The loop that delivers. */
export interface OutboxDelivery {
  /** There may be something to deliver. During an outage it waits for its time; `now`: somebody wants it tried. */
  kick(now?: boolean): void;
  /** Code of what deliveries wait for, or null. */
  outage(): ErrorCode | null;
  /** The same, with what exactly. */
  outageDetail(): Outage | null;
  /** After each step: `look` until the function given is called. */
  watch(look: () => void): () => void;
  /** Ends after the row under way. */
  stop(): Promise<void>;
}

type To = DeliveryOptions['depositary'];

/** How each kind is delivered, and what it is then. */
const KINDS: Record<
  OutboxKind,
  {
    deliver(to: To, bytes: Uint8Array): Result<{ repeated: boolean }> | Promise<Result<{ repeated: boolean }>>;
    done: OutboxResult;
  }
> = {
  history: { deliver: (to, bytes) => to.deposit(bytes), done: 'credited' },
  tombstone: { deliver: (to, bytes) => to.tombstone(bytes), done: 'buried' },
  refund: { deliver: (to, bytes) => to.refund(bytes), done: 'refunded' },
};

/** Starts nothing until the first `kick`. @throws TapcashError DATABASE_* */
export function createOutboxDelivery(options: DeliveryOptions): OutboxDelivery {
  const { outbox, depositary, scheduler, log, random = Math.random, identity = async () => null } = options;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let timer: Timer | null = null;
  let outage: Outage | null = null;
  /** The house has been ours once. */
  let isKnown = false;
  let takesMany = depositary.depositMany !== undefined;
  const backOff = createBackOff(BACKOFF_FIRST_MS, BACKOFF_MAX_MS, random);
  const looks = new Set<() => void>();
  outbox.begin();

  function waits({ code, detail }: Outage): false {
    if (outage?.code !== code) log.warn({ code, detail }, 'nothing reaches the depositary; deliveries wait');
    outage = { code, ...(detail === undefined ? {} : { detail }) };
    return false;
  }

  /** Takes what waits next to the house. @returns whether to go on */
  async function deliver(row: OutboxRow): Promise<boolean> {
    const stranger = await identity();
    if (stranger) return waits(stranger);
    const rows = takesMany && row.kind === 'history' ? outbox.alike(row, HISTORIES_MAX) : [row];
    return rows.length > 1 ? deliverMany(rows) : deliverOne(row);
  }

  async function deliverOne(row: OutboxRow): Promise<boolean> {
    outbox.trying([row]);
    return conclude(row, await call<{ repeated: boolean }>(() => KINDS[row.kind].deliver(depositary, row.bytes)));
  }

  async function deliverMany(rows: OutboxRow[]): Promise<boolean> {
    outbox.trying(rows);
    const reply = await call(() => depositary.depositMany!(rows.map(({ bytes }) => bytes)));
    if (!reply.ok && weigh('history', reply.code) === 'outage') return waits(reply);
    if (reply.ok && reply.results.length === rows.length) {
      let goesOn = true;
      for (const [i, row] of rows.entries()) goesOn = (await conclude(row, reply.results[i]!)) && goesOn;
      return goesOn;
    }
    // A house of before there were such calls; or one of them makes the whole call fail, and fails alone then.
    if (!reply.ok && reply.code === 'NOT_FOUND') takesMany = false;
    return deliverOne(rows[0]!);
  }

  /** @returns whether to go on with the next row */
  async function conclude(row: OutboxRow, reply: Result<{ repeated: boolean }>): Promise<boolean> {
    if (reply.ok) {
      settled(row, reply.repeated && row.kind === 'history' ? 'duplicate' : KINDS[row.kind].done, null);
      return true;
    }
    const weight = weigh(row.kind, reply.code);
    if (weight === 'outage') return waits(reply);
    if (weight === 'final') {
      // Nobody but our own house has the last word.
      const impostor = await identity(true);
      if (impostor) return waits(impostor);
      settled(row, 'refused', reply.code);
      return true;
    }
    log.warn({ code: reply.code, detail: reply.detail, sequence: row.sequence, kind: row.kind }, 'held back');
    const holdMs = jittered(delayAfter(row.holds, HOLD_S * 1000, HOLD_MAX_S * 1000), random);
    outbox.hold(row, reply.code, scheduler.nowMs() + holdMs);
    return true;
  }

  function settled(row: OutboxRow, state: OutboxResult, code: ErrorCode | null): void {
    outbox.settle(row, state, code ?? undefined);
    if (state === 'refused') log.error({ code, sequence: row.sequence, kind: row.kind }, 'refused by the depositary');
    else log.info({ state, sequence: row.sequence, kind: row.kind }, 'delivered');
    options.onResult?.(row, state, code);
  }

  /** Another house at the address is said before there is something to deliver; one that is down is not. */
  async function strangerAtStart(): Promise<Outage | null> {
    const stranger = isKnown ? null : await identity();
    isKnown ||= stranger === null;
    return stranger?.code === 'WRONG_SERVICE' ? stranger : null;
  }

  async function drain(): Promise<void> {
    for (;;) {
      again = false;
      const row = stopped ? null : outbox.next(scheduler.nowMs());
      if (!row) {
        const stranger = stopped || again ? null : await strangerAtStart();
        if (again) continue;
        if (stranger) return void waits(stranger);
        outage = stopped ? outage : null;
        return;
      }
      const goesOn = await deliver(row);
      looks.forEach((look) => look());
      if (!goesOn) return;
      outage = null;
      backOff.reset();
    }
  }

  /** Our own database failed, or our own code: as an outage, for what was not recorded is delivered again. */
  function failed(thrown: unknown): void {
    const { code } = bodyOfThrown(thrown);
    log.error({ code, err: code === 'INTERNAL' ? thrown : undefined }, 'delivery failed');
    outage = { code };
  }

  /** How long the next try waits; null: until somebody kicks. */
  function pauseMs(): number | null {
    if (outage === null) {
      try {
        const dueMs = outbox.heldUntilMs();
        return dueMs === null ? null : Math.max(0, dueMs - scheduler.nowMs());
      } catch (thrown) {
        failed(thrown);
      }
    }
    return backOff.nextMs();
  }

  async function work(): Promise<void> {
    await drain().catch(failed);
    running = null;
    if (stopped) return;
    if (again && outage === null) return run();
    const waitMs = pauseMs();
    if (waitMs !== null) setTimer(waitMs);
  }

  function setTimer(afterMs: number | null): void {
    if (timer !== null) scheduler.clearTimer(timer);
    timer = null;
    if (afterMs === null || stopped) return;
    timer = scheduler.setTimer(() => {
      timer = null;
      run();
    }, afterMs);
  }

  function run(): void {
    if (stopped || running) return;
    setTimer(null);
    running = work();
  }

  return {
    kick(now = false) {
      again = true;
      if (now && !running) outage = null;
      if (outage === null) run();
    },
    outage: () => outage?.code ?? null,
    outageDetail: () => outage,
    watch(look) {
      looks.add(look);
      return () => void looks.delete(look);
    },
    async stop() {
      stopped = true;
      setTimer(null);
      await running;
    },
  };
}

/** How long somebody waits for the depositary's word; what has none yet goes on by itself. */
const DELIVER_MS = 5000;

/** Resolves when `isDone()` after a step of the delivery, or when `waitMs` have passed. @returns whether it is done */
export function untilStep(
  delivery: Pick<OutboxDelivery, 'watch'>,
  scheduler: Scheduler,
  waitMs: number,
  isDone: () => boolean,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const end = (done: boolean): void => {
      scheduler.clearTimer(limit);
      leave();
      resolve(done);
    };
    const look = (isLast: boolean): void => {
      try {
        if (isDone()) end(true);
        else if (isLast) end(false);
      } catch (thrown) {
        // Whoever asks has it; the delivery goes on.
        scheduler.clearTimer(limit);
        leave();
        reject(thrown as Error);
      }
    };
    const limit = scheduler.setTimer(() => look(true), waitMs);
    const leave = delivery.watch(() => look(false));
    look(false);
  });
}

/** What became of a message of the outbox: its final result, why it is held, or `pending` after some seconds. */
export async function untilDelivered(
  outbox: Outbox,
  delivery: Pick<OutboxDelivery, 'kick' | 'watch'>,
  scheduler: Scheduler,
  bytes: Uint8Array,
): Promise<Pick<OutboxEntry, 'state' | 'code'>> {
  delivery.kick();
  await untilStep(delivery, scheduler, DELIVER_MS, () => outbox.find(bytes)!.state !== 'pending');
  return outbox.find(bytes)!;
}
