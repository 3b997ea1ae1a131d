/**
 * The clerk's side of the bridge: one charge at a time, from the request to its result (docs/architecture.md 4).
 *
 * The charge is on disk before the terminal hears of it. Reports tell how it goes; since a report can get lost, the
 * charge is also asked for again under its id and number, which opens nothing twice: OK means open, ALREADY_PAID paid,
 * NO_CHARGE and CHARGE_EXPIRED cancelled, NOT_NEWER that the terminal has had later charges and forgotten this one.
 */
import type { Logger } from 'pino';
import { isAmount, isBalance } from '../../firmware/core/amount.js';
import { equal } from '../../firmware/core/bytes.js';
import type { Code } from '../../firmware/core/codes.js';
import {
  CHARGE_ID_BYTES,
  CHARGE_STATES,
  type OpenTerms,
  type TapReport,
  type TerminalStatus,
} from '../../firmware/wire/link/link-messages.js';
import { inBackground } from '../base/background.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import { bodyOfThrown, refusal, type Result } from '../base/errors.js';
import type { TerminalSession } from '../serial/terminal-session.js';
import { chargeView, isResolved, readReport, type Charge, type ChargeRow, type Charges } from './charges.js';

/** How often a charge is asked for again while nothing is heard of it. */
export const ASK_AGAIN_MS = 10_000;
/** After a failed request: soon. */
const RETRY_MS = 1000;
/** How long `charge` waits for the terminal's first word. */
const FIRST_WORD_MS = 5000;
/** How long a charge may wait for a token unless the shop says otherwise. */
export const CHARGE_LIFETIME_S = 300;
/** A charge that never reached the terminal is given up at this age: its customer is gone. */
export const SENDING_MAX_S = 60;

export interface ClerkOptions {
  charges: Charges;
  terminal: Pick<TerminalSession, 'up' | 'charge' | 'cancel'>;
  scheduler: Scheduler;
  nowS(): number;
  /** When the bridge's database was restored last, Unix time; null: never. */
  restoredS: number | null;
  random(bytes: number): Uint8Array;
  /** How long a charge may wait for a token; default `CHARGE_LIFETIME_S`. */
  lifetimeS?: number;
  /** Whether the desk is in use, so that the reader is not free. */
  deskBusy(): boolean;
  log: Logger;
}

/** The clerk's side. */
export interface Clerk {
  /**
   * Opens a charge and waits for the terminal's word, if it comes soon.
   * @param id 8 bytes; the same id again is the same charge. Codes: AMOUNT_INVALID, CHARGE_OPEN, BUSY; then the
   * terminal's own stand in the charge (`refused`, `code`).
   * @param open of one whose y its payer says, with `amount` 0
   */
  charge(amount: number, id?: Uint8Array, open?: OpenTerms | null): Promise<Result<{ charge: Charge }>>;
  /**
   * The charge once it has changed more often than `seen`, is resolved, or `waitMs` have passed. Codes: CHARGE_UNKNOWN.
   */
  wait(id: Uint8Array, seen: number, waitMs: number): Promise<Result<{ charge: Charge }>>;
  /**
   * Gives the current charge up, or the one named. Codes: CHARGE_UNKNOWN, NO_CHARGE, ALREADY_PAID; else it is repeated.
   */
  cancel(id?: Uint8Array): Promise<Result<{ charge: Charge }>>;
  /**
   * Whether a charge is one of before a restore, whose end was perhaps forgotten: nobody is shown it before the
   * terminal was asked.
   */
  isForgotten(charge: Pick<ChargeRow, 'state' | 'openedS'>): boolean;
  /** A tap's report came. */
  onReport(report: TapReport): void;
  /** The link is up, with this terminal at its end. @param number the last one that it took a charge under */
  onTerminal(status: Pick<TerminalStatus, 'terminalId' | 'chargeNumber' | 'chargeState'>): void;
  onChange(charge: ChargeRow): void;
  stop(): void;
}

/** What the terminal's answer to a charge means for it; null where it means nothing yet. */
function meaning(code: Code): 'open' | 'paid' | 'cancelled' | 'refused' | 'lost' | null {
  if (code === 'OK') return 'open';
  if (code === 'ALREADY_PAID') return 'paid';
  if (code === 'NO_CHARGE' || code === 'CHARGE_EXPIRED') return 'cancelled';
  // It may have been paid before the later ones; its history tells.
  if (code === 'NOT_NEWER') return 'lost';
  const unheard: Code[] = ['LINK_DOWN', 'UPDATE_NEEDED', 'NO_ANSWER', 'BUSY', 'DEVICE_FAULT', 'UNKNOWN_CODE'];
  return unheard.includes(code) ? null : 'refused';
}

/** Whether a payer can say something within these limits. */
function isOpenTerms({ base, min, max }: OpenTerms): boolean {
  return isBalance(base) && isAmount(min) && isAmount(max) && base <= min && min <= max;
}

/** Whether y was not reported yet. Asked again, a terminal that was paid reports it. */
const isUnsaid = (row: ChargeRow): boolean => row.open !== null && row.amount === 0;

/** Whether the same was asked for under one id. */
function isSameCharge(known: ChargeRow, amount: number, open: OpenTerms | null): boolean {
  if (!open || !known.open) return !open && !known.open && known.amount === amount;
  return known.open.base === open.base && known.open.min === open.min && known.open.max === open.max;
}

function chargeResult(row: ChargeRow | null): Result<{ charge: Charge }> {
  return row ? { ok: true, charge: chargeView(row) } : refusal('CHARGE_UNKNOWN');
}

/** Those who wait until a charge has changed. */
interface ChargeWaiters {
  wait(id: Uint8Array, seen: number, waitMs: number): Promise<Result<{ charge: Charge }>>;
  /** A charge has changed: each looks whether it is theirs. */
  wake(): void;
  /** Nobody waits any longer. */
  stop(): void;
}

function createChargeWaiters({ charges, scheduler }: Pick<ClerkOptions, 'charges' | 'scheduler'>): ChargeWaiters {
  const looks = new Set<() => void>();
  let stopped = false;
  const wake = () => [...looks].forEach((look) => look());
  return {
    async wait(id, seen, waitMs) {
      const row = charges.find(id);
      if (!row || isResolved(row.state) || row.changes > seen || waitMs <= 0 || stopped) return chargeResult(row);
      await new Promise<void>((resolve) => {
        const end = (): void => {
          scheduler.clearTimer(limit);
          looks.delete(look);
          resolve();
        };
        const look = (): void => {
          const latest = charges.find(id);
          if (stopped || !latest || isResolved(latest.state) || latest.changes > seen) end();
        };
        const limit = scheduler.setTimer(end, waitMs);
        looks.add(look);
      });
      return chargeResult(charges.find(id));
    },
    wake,
    stop() {
      stopped = true;
      wake();
    },
  };
}

/** Makes the clerk's side. */
export function createClerk(options: ClerkOptions): Clerk {
  const { charges, terminal, scheduler, nowS, lifetimeS = CHARGE_LIFETIME_S } = options;
  const waiters = createChargeWaiters(options);
  let timer: Timer | null = null;
  let asking: Promise<void> | null = null;
  let terminalId: Uint8Array | null = null;
  let lastNumber = 0;
  /** The charge that was opened since the start, by a clock that nobody sets. */
  let opened: { id: string; ms: number } | null = null;
  let stopped = false;

  function askIn(delayMs: number): void {
    if (timer !== null) scheduler.clearTimer(timer);
    timer = stopped ? null : scheduler.setTimer(askLater, delayMs);
  }

  const askLater = (): void => inBackground(ask(), options.log, 'a charge could not be asked for');

  /** Asks the terminal for the current charge; one question at a time. */
  function ask(): Promise<void> {
    return (asking ??= askOnce()
      .then(() => {
        const row = charges.current();
        const isCalm = row && terminal.up() && row.state !== 'sending' && row.wanted && !isForgotten(row);
        if (row) askIn(isCalm ? ASK_AGAIN_MS : RETRY_MS);
      })
      .catch((thrown) => {
        options.log.error({ code: bodyOfThrown(thrown).code }, 'a charge could not be recorded');
        askIn(ASK_AGAIN_MS);
      })
      .finally(() => {
        asking = null;
      }));
  }

  /** Seconds since a charge was opened, on a clock that nobody sets; what an earlier run opened begins with its age. */
  function ageS(row: ChargeRow): number {
    const { id } = row;
    if (opened?.id !== id) opened = { id, ms: scheduler.nowMs() - Math.max(0, nowS() - row.openedS) * 1000 };
    return (scheduler.nowMs() - opened.ms) / 1000;
  }

  /** How long a charge may still wait for a token, whole seconds. */
  const leftS = (row: ChargeRow): number => Math.ceil(Math.max(0, lifetimeS - ageS(row)));

  async function askOnce(): Promise<void> {
    const row = charges.current();
    if (!row || !terminal.up() || terminalId === null || stopped) return;
    if (row.terminalId && !equal(row.terminalId, terminalId))
      return charges.set(row.idBytes, 'lost', 'TERMINAL_UNKNOWN');
    if (isForgotten(row)) return compare(row);
    const number = row.number ?? charges.setTerminal(row.idBytes, terminalId, lastNumber);
    if (!row.wanted || (row.state === 'sending' && ageS(row) > SENDING_MAX_S)) {
      await giveUp(row);
      return;
    }
    // The terminal counts for itself, but not while it is off.
    if (leftS(row) === 0 && row.state !== 'accepted') {
      await giveUp(row, 'CHARGE_EXPIRED');
      return;
    }
    const code = await terminal.charge(row.idBytes, row.amount, number, leftS(row), row.open);
    const latest = charges.find(row.idBytes) ?? row;
    const state = meaning(code) === 'paid' && isUnsaid(latest) ? null : meaning(code);
    // An accepted charge is OK for the terminal too; its own report says what became of it.
    if (state && !(state === 'open' && latest.state === 'accepted'))
      charges.set(
        row.idBytes,
        state,
        code === 'OK' || code === 'ALREADY_PAID' || code === 'NO_CHARGE' ? latest.code : code,
      );
  }

  const isForgotten: Clerk['isForgotten'] = ({ state, openedS }) =>
    options.restoredS !== null && openedS <= options.restoredS && !isResolved(state);

  /**
   * A charge of before a restore is never opened again, for it may have been paid since. It is given up at the
   * terminal, which knows its last charge alone: another one than this means that nobody here can tell what became of
   * it.
   */
  async function compare(row: ChargeRow): Promise<void> {
    const code = await terminal.cancel(row.idBytes);
    if (code === 'OK') charges.set(row.idBytes, 'cancelled', 'CHARGE_FORGOTTEN');
    else if (code === 'ALREADY_PAID') charges.set(row.idBytes, 'paid', null);
    else if (code === 'NO_CHARGE') charges.set(row.idBytes, 'lost', 'CHARGE_FORGOTTEN');
  }

  /** Cancels at the terminal, also what was perhaps never sent: an answer that got lost may have opened it. */
  async function giveUp(row: ChargeRow, why: Code | null = row.wanted ? 'LINK_DOWN' : null): Promise<Code> {
    const code = await terminal.cancel(row.idBytes);
    if (code === 'OK' || code === 'NO_CHARGE') charges.set(row.idBytes, 'cancelled', why);
    else if (code === 'ALREADY_PAID' && !isUnsaid(charges.find(row.idBytes) ?? row))
      charges.set(row.idBytes, 'paid', null);
    return code;
  }

  /**
   * A terminal that was away comes back with a charge open that was given up here meanwhile, because another terminal
   * had its place: nobody waits for it any more.
   */
  async function endForgotten(status: Parameters<Clerk['onTerminal']>[0]): Promise<void> {
    const row = charges.atTerminal(status.terminalId, status.chargeNumber);
    if (status.chargeState !== CHARGE_STATES.open || row?.state !== 'lost') return;
    const code = await terminal.cancel(row.idBytes);
    options.log.warn({ charge: row.id, code }, 'the terminal came back with a charge that was given up');
  }

  return {
    async charge(amount, id = options.random(CHARGE_ID_BYTES), open = null) {
      if (open ? amount !== 0 || !isOpenTerms(open) : !isAmount(amount)) return refusal('AMOUNT_INVALID');
      if (id.length !== CHARGE_ID_BYTES) return refusal('BAD_REQUEST', 'charge id');
      const known = charges.find(id);
      if (known)
        return isSameCharge(known, amount, open)
          ? chargeResult(known)
          : refusal('CHARGE_OPEN', 'this id has another amount');
      if (charges.current()) return refusal('CHARGE_OPEN');
      if (options.deskBusy()) return refusal('BUSY', 'the desk is in use');
      opened = { id: charges.add(id, amount, open).id, ms: scheduler.nowMs() };
      // A question under way is about an earlier charge.
      await asking;
      await ask();
      return waiters.wait(id, 0, terminal.up() ? FIRST_WORD_MS : 0);
    },
    wait: waiters.wait,
    async cancel(id) {
      const row = id ? charges.find(id) : charges.current();
      if (!row) return refusal(id ? 'CHARGE_UNKNOWN' : 'NO_CHARGE');
      if (row.state === 'paid') return refusal('ALREADY_PAID');
      if (isResolved(row.state)) return chargeResult(row);
      charges.unwant(row.idBytes);
      const code = await giveUp({ ...row, wanted: false });
      if (code === 'OK' || code === 'NO_CHARGE') return chargeResult(charges.find(row.idBytes));
      // Until the terminal has answered, the charge may be open, and be paid.
      return code === 'ALREADY_PAID'
        ? refusal(code)
        : refusal(code, 'the charge is cancelled as soon as the terminal answers, unless it is paid before');
    },
    isForgotten,
    onReport(report) {
      const read = readReport(report);
      if (read) charges.set(report.chargeId, read.state, read.tap.code, read.tap, report.amount);
    },
    onTerminal(status) {
      terminalId = status.terminalId;
      lastNumber = status.chargeNumber;
      inBackground(endForgotten(status).finally(ask), options.log, 'a charge could not be asked for');
    },
    onChange: waiters.wake,
    stop() {
      stopped = true;
      if (timer !== null) scheduler.clearTimer(timer);
      timer = null;
      waiters.stop();
    },
  };
}
