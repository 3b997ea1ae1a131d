/**
 * Delivery of the outbox: oldest first, one at a time, at least once.
 *
 * An outage (no connection, a service or its database down) stops everything and is tried again later and later, with
 * jitter, so that many shops do not come back at the same moment. A refusal that an operator can mend puts off that one
 * row; any other refusal is final, and kept with its code.
 */
import type { Logger } from 'pino';
import { createBackOff } from '../base/back-off.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import { bodyOfThrown, type ErrorCode, type Result } from '../base/errors.js';
import type { Outbox, OutboxEntry, OutboxKind, OutboxResult, OutboxRow } from './outbox.js';
import { call, weigh, type Services } from '../base/services/calls.js';

/** First delay after an outage; doubled each time. */
export const BACKOFF_FIRST_MS = 1000;
export const BACKOFF_MAX_MS = 300_000;
/** How long a row is put off whose refusal an operator can mend. */
export const HOLD_S = 60;

export interface DeliveryOptions {
  outbox: Outbox;
  /** Who keeps the accounts. */
  depositary: Pick<Services['issuer'], 'deposit' | 'tombstone' | 'refund'>;
  scheduler: Scheduler;
  log: Logger;
  /** 0 to 1; default Math.random: jitter is no secret. */
  random?(): number;
  /** A row got its final result. */
  onResult?(row: OutboxRow, state: string, code: ErrorCode | null): void;
}

/** The loop that delivers. */
export interface OutboxDelivery {
  /** There may be something to deliver. During an outage it waits for its time. */
  kick(): void;
  /** Why deliveries wait, or null. */
  outage(): ErrorCode | null;
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

/** Starts nothing until the first `kick`. */
export function createOutboxDelivery(options: DeliveryOptions): OutboxDelivery {
  const { outbox, depositary, scheduler, log, random = Math.random } = options;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let timer: Timer | null = null;
  let outage: ErrorCode | null = null;
  const backOff = createBackOff(BACKOFF_FIRST_MS, BACKOFF_MAX_MS, random);

  /** @returns whether to go on with the next row */
  async function deliver(row: OutboxRow): Promise<boolean> {
    outbox.trying(row);
    const { deliver: send, done } = KINDS[row.kind];
    const reply = await call<{ repeated: boolean }>(() => send(depositary, row.bytes));
    if (reply.ok) {
      settled(row, reply.repeated && row.kind === 'history' ? 'duplicate' : done, null);
      return true;
    }
    const weight = weigh(reply.code);
    if (weight === 'outage') {
      if (outage === null)
        log.warn({ code: reply.code, detail: reply.detail }, 'the depositary cannot be reached; deliveries wait');
      outage = reply.code;
      return false;
    }
    if (weight === 'held') {
      log.warn({ code: reply.code, sequence: row.sequence, kind: row.kind }, 'held back');
      outbox.hold(row, reply.code, HOLD_S);
    } else settled(row, 'refused', reply.code);
    return true;
  }

  function settled(row: OutboxRow, state: OutboxResult, code: ErrorCode | null): void {
    outbox.settle(row, state, code ?? undefined);
    if (state === 'refused') log.error({ code, sequence: row.sequence, kind: row.kind }, 'refused by the depositary');
    else log.info({ state, sequence: row.sequence, kind: row.kind }, 'delivered');
    options.onResult?.(row, state, code);
  }

  async function drain(): Promise<void> {
    for (;;) {
      again = false;
      const row = stopped ? null : outbox.next();
      if (!row) {
        if (again) continue;
        outage = stopped ? outage : null;
        return;
      }
      if (!(await deliver(row))) return;
      outage = null;
      backOff.reset();
    }
  }

  function waitAndKick(afterMs: number): void {
    if (stopped || timer !== null) return;
    timer = scheduler.setTimer(() => {
      timer = null;
      run();
    }, afterMs);
  }

  function run(): void {
    if (stopped || running) return;
    running = drain()
      .catch((thrown) => {
        // Our own database failed: as an outage, for what was not recorded is delivered again.
        outage = bodyOfThrown(thrown).code;
        log.error({ code: outage, err: outage === 'INTERNAL' ? thrown : undefined }, 'delivery failed');
      })
      .then(() => {
        running = null;
        if (stopped) return;
        if (outage !== null) waitAndKick(backOff.nextMs());
        else if (again) run();
        else {
          const heldS = outbox.heldForS();
          if (heldS !== null) waitAndKick(Math.max(1, heldS) * 1000);
        }
      });
  }

  return {
    kick() {
      again = true;
      if (outage === null) {
        if (timer !== null) scheduler.clearTimer(timer);
        timer = null;
        run();
      }
    },
    outage: () => outage,
    async stop() {
      stopped = true;
      if (timer !== null) scheduler.clearTimer(timer);
      timer = null;
      await running;
    },
  };
}

/** How long somebody waits for the depositary's word; what has none yet goes on by itself. */
const DELIVER_MS = 5000;
const LOOK_MS = 20;

/** What became of a message of the outbox: its final result, why it is held, or `pending` after some seconds. */
export async function untilDelivered(
  outbox: Outbox,
  delivery: Pick<OutboxDelivery, 'kick'>,
  scheduler: Scheduler,
  bytes: Uint8Array,
): Promise<Pick<OutboxEntry, 'state' | 'code'>> {
  delivery.kick();
  for (
    const endMs = scheduler.nowMs() + DELIVER_MS;
    ;
    await new Promise<void>((resolve) => void scheduler.setTimer(resolve, LOOK_MS))
  ) {
    const entry = outbox.find(bytes)!;
    if (entry.state !== 'pending' || scheduler.nowMs() >= endMs) return entry;
  }
}
