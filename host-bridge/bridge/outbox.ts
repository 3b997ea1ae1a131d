/**
 * The outbox: histories, tombstones and refunds on their way to the issuer, kept until their final result is known.
 *
 * A terminal erases a history only after `add` has committed it. What was delivered stays with its result, for the
 * clerk and for the proof that it was. Effect once is the issuer's: identity (PKU, IdS, Rs), so the same bytes may be
 * sent again after a crash at any point. Delivery itself is outbox-delivery.ts.
 */
import { concat, fromChars } from '../../firmware/core/bytes.js';
import { charsOfName } from '../../firmware/wire/name.js';
import type { Code } from '../../firmware/core/codes.js';
import { challenge, chargeId, history, license, licenseBody, tombstone } from '../../firmware/wire/payment.js';
import { refund, refundBody } from '../../firmware/wire/refund.js';
import type { ErrorCode } from '../base/errors.js';
import { bytesOf, type Database } from '../base/sqlite/database.js';
import type { BridgeRow } from './bridge-store.js';

export type OutboxKind = BridgeRow<'outbox'>['kind'];

/**
 * Final results: credited; credited before (an earlier delivery, whose reply was lost); tombstone stored; refund
 * posted; refused.
 */
export type OutboxResult = Exclude<BridgeRow<'outbox'>['state'], 'pending' | 'held'>;

/** What is to be delivered. */
export interface OutboxRow {
  sequence: number;
  kind: OutboxKind;
  bytes: Uint8Array;
  attempts: number;
  /** How often in succession it was put off. */
  holds: number;
}

/** A row for people. */
export interface OutboxEntry {
  sequence: number;
  kind: OutboxKind;
  state: BridgeRow<'outbox'>['state'];
  code: ErrorCode | null;
  amount: number | null;
  attempts: number;
  arrivedS: number;
  doneS: number | null;
  /** Why the clerk takes note of a refusal for good, and when; null: not. */
  acknowledged: string | null;
  acknowledgedS: number | null;
}

/** A row to be sent by hand: all of it. */
export interface OutboxMessage extends OutboxEntry {
  bytes: Uint8Array;
}

/** How many rows there are of each state. */
export type OutboxCounts = Record<OutboxEntry['state'], number>;

/** The outbox in its database. Waits are on a clock that nobody sets: `nowMs`, from the caller's scheduler. */
export interface Outbox {
  /**
   * Keeps a message: OK once it is on disk, also when it already was. BAD_REQUEST when it is none.
   * @throws TapcashError DATABASE_*
   */
  add(kind: OutboxKind, bytes: Uint8Array): Code;
  /** Another process delivers from now on, and its clock begins anew: what is held is due. */
  begin(): void;
  /** The oldest row that waits for nothing, else the held row that is due longest. */
  next(nowMs: number): OutboxRow | null;
  /** A row that waits for nothing, and those behind it as far as they are of its kind. */
  alike(row: OutboxRow, limit: number): OutboxRow[];
  /** Notes, before the sending, that they are tried. */
  trying(rows: OutboxRow[]): void;
  settle(row: OutboxRow, result: OutboxResult, code?: ErrorCode): void;
  /** Not before `dueMs` again; others go on. */
  hold(row: OutboxRow, code: ErrorCode, dueMs: number): void;
  /** When the next held row is due; null when none is held. */
  heldUntilMs(): number | null;
  counts(): OutboxCounts;
  /** How many of the refused ones are acknowledged. */
  acknowledged(): number;
  /** The clerk takes note of what was refused for good. @returns whether there is such a row */
  acknowledge(sequence: number, why: string): boolean;
  /** The newest that are held, or were refused and are not acknowledged. */
  trouble(limit: number): OutboxEntry[];
  /** The history of a charge that was paid here, whatever became of it. @param rs 16 bytes */
  historyOf(rs: Uint8Array): Uint8Array | null;
  /** What became of a message, by its bytes. */
  find(bytes: Uint8Array): Pick<OutboxEntry, 'state' | 'code'> | null;
  /** The newest rows of the given states. @param before those with a smaller number: the next page */
  entries(states: OutboxEntry['state'][], limit: number, before?: number): OutboxEntry[];
  /** The oldest rows of the given states with their bytes. @param after those with a larger number: the next page */
  messages(states: OutboxEntry['state'][], limit: number, after?: number): OutboxMessage[];
  /** One that is held or was refused is due now, with its last code. @returns whether there is such a row */
  resend(sequence: number): boolean;
  /** The same for the oldest of them after a number. @returns how many, and the last one's number */
  resendSome(after: number, limit: number): { count: number; last: number };
}

/** The identity of a message and its amount, or null where it is none. */
function identify(kind: OutboxKind, bytes: Uint8Array): { identity: Uint8Array; amount: number | null } | null {
  if (kind === 'tombstone') {
    const stone = tombstone.decode(bytes);
    return stone && chargeId.decode(stone.chargeId) ? { identity: stone.chargeId, amount: null } : null;
  }
  if (kind === 'refund') {
    const body = refundBody.decode(refund.decode(bytes)?.body ?? new Uint8Array(0));
    return body && { identity: body.refundId, amount: body.amount };
  }
  const paid = history.decode(bytes);
  const paidChallenge = paid && challenge.decode(paid.challenge);
  const body = paid && licenseBody.decode(license.decode(paid.license)!.body);
  if (!paidChallenge || !body) return null;
  return {
    identity: concat([body.pku, paidChallenge.rs, fromChars(charsOfName(paidChallenge.shop))]),
    amount: paidChallenge.amount,
  };
}

const ENTRY =
  'sequence, kind, state, code, amount, attempts, arrived_s AS arrivedS, done_s AS doneS, acknowledged, acknowledged_s AS acknowledgedS' as const;

/** Makes the outbox over the bridge's database. @param nowS Unix time, seconds: for people, nothing waits by it */
export function createOutbox(database: Database, nowS: () => number): Outbox {
  const find = database.prepare<[bytes: Uint8Array], Pick<BridgeRow<'outbox'>, 'state' | 'code'>>(
    'SELECT state, code FROM outbox WHERE bytes = ?',
  );
  const counts = database.prepare<[], BridgeRow<'outbox_count'>>('SELECT state, count FROM outbox_count');
  return {
    ...arrivalsOf(database, nowS),
    ...deliveriesOf(database, nowS),
    ...pagesOf(database),
    ...resendingOf(database),
    ...noticesOf(database, nowS),
    counts() {
      const all: OutboxCounts = { pending: 0, held: 0, credited: 0, duplicate: 0, buried: 0, refunded: 0, refused: 0 };
      for (const { state, count } of counts.all()) all[state] = count;
      return all;
    },
    find: (bytes) => find.get(bytes) ?? null,
  };
}

function arrivalsOf(database: Database, nowS: () => number): Pick<Outbox, 'add' | 'historyOf'> {
  const add = database.prepare(
    'INSERT INTO outbox (kind, identity, bytes, amount, arrived_s) VALUES (?, ?, ?, ?, ?) ON CONFLICT (bytes) DO NOTHING',
  );
  const histories = database.prepare<[rs: Uint8Array], Pick<BridgeRow<'outbox'>, 'bytes'>>(
    "SELECT bytes FROM outbox WHERE kind = 'history' AND substr(identity, 33, 16) = ? ORDER BY sequence LIMIT 1",
  );
  return {
    add(kind, bytes) {
      const identified = identify(kind, bytes);
      if (!identified) return 'BAD_REQUEST';
      database.transaction(() => add.run(kind, identified.identity, bytes, identified.amount, Math.floor(nowS())));
      return 'OK';
    },
    historyOf: (rs) => bytesOf(histories.get(rs)?.bytes ?? null),
  };
}

type Delivered = 'begin' | 'next' | 'alike' | 'trying' | 'settle' | 'hold' | 'heldUntilMs';

function deliveriesOf(database: Database, nowS: () => number): Pick<Outbox, Delivered> {
  type Due = Pick<BridgeRow<'outbox'>, 'sequence' | 'kind' | 'bytes' | 'attempts' | 'holds'>;
  const columns = 'sequence, kind, bytes, attempts, holds';
  const begin = database.prepare(
    "UPDATE outbox INDEXED BY outbox_due SET next_ms = 0 WHERE state = 'held' AND next_ms > 0",
  );
  const pending = database.prepare<[], Due>(
    `SELECT ${columns} FROM outbox WHERE state = 'pending' ORDER BY sequence LIMIT 1`,
  );
  const pendingFrom = database.prepare<[sequence: number, limit: number], Due>(
    `SELECT ${columns} FROM outbox WHERE state = 'pending' AND sequence >= ? ORDER BY sequence LIMIT ?`,
  );
  const due = database.prepare<[nowMs: number], Due>(
    `SELECT ${columns} FROM outbox INDEXED BY outbox_due WHERE state = 'held' AND next_ms <= ? ORDER BY next_ms LIMIT 1`,
  );
  const trying = database.prepare('UPDATE outbox SET attempts = attempts + 1 WHERE sequence = ?');
  const settle = database.prepare('UPDATE outbox SET state = ?, code = ?, done_s = ? WHERE sequence = ?');
  const hold = database.prepare(
    "UPDATE outbox SET state = 'held', code = ?, next_ms = ?, holds = holds + 1 WHERE sequence = ?",
  );
  const held = database.prepare<[], { nextMs: number }>(
    "SELECT next_ms AS nextMs FROM outbox INDEXED BY outbox_due WHERE state = 'held' AND next_ms >= 0 ORDER BY next_ms LIMIT 1",
  );
  return {
    begin: () => void begin.run(),
    next(nowMs) {
      // What has just arrived does not wait behind what was put off.
      const row = pending.get() ?? due.get(Math.floor(nowMs));
      return row ? { ...row, bytes: bytesOf(row.bytes) } : null;
    },
    alike(row, limit) {
      const rows = pendingFrom.all(row.sequence, limit);
      if (rows[0]?.sequence !== row.sequence) return [row];
      const other = rows.findIndex(({ kind }) => kind !== row.kind);
      return rows.slice(0, other < 0 ? rows.length : other).map((one) => ({ ...one, bytes: bytesOf(one.bytes) }));
    },
    trying: (rows) => database.transaction(() => rows.forEach((row) => trying.run(row.sequence))),
    settle: (row, result, code) => void settle.run(result, code ?? null, Math.floor(nowS()), row.sequence),
    hold: (row, code, dueMs) => void hold.run(code, Math.ceil(dueMs), row.sequence),
    heldUntilMs: () => held.get()?.nextMs ?? null,
  };
}

/** Pages are read state by state, each by its index, and put in order here: so none is looked for among the others. */
function pagesOf(database: Database): Pick<Outbox, 'entries' | 'messages'> {
  const newest = database.prepare<[state: string, before: number, limit: number], OutboxEntry>(
    `SELECT ${ENTRY} FROM outbox WHERE state = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?`,
  );
  const oldest = database.prepare<
    [state: string, after: number, limit: number],
    OutboxEntry & Pick<BridgeRow<'outbox'>, 'bytes'>
  >(`SELECT ${ENTRY}, bytes FROM outbox WHERE state = ? AND sequence > ? ORDER BY sequence LIMIT ?`);
  return {
    entries: (states, limit, before = Number.MAX_SAFE_INTEGER) =>
      states
        .flatMap((state) => newest.all(state, before, limit))
        .sort((a, b) => b.sequence - a.sequence)
        .slice(0, limit),
    messages: (states, limit, after = 0) =>
      states
        .flatMap((state) => oldest.all(state, after, limit))
        .sort((a, b) => a.sequence - b.sequence)
        .slice(0, limit)
        .map((row) => ({ ...row, bytes: bytesOf(row.bytes) })),
  };
}

/** What the clerk has yet to see, and what he has. */
function noticesOf(database: Database, nowS: () => number): Pick<Outbox, 'acknowledged' | 'acknowledge' | 'trouble'> {
  const acknowledged = database.prepare<[], { count: number }>('SELECT count FROM outbox_acknowledged WHERE id = 1');
  const acknowledge = database.prepare(
    "UPDATE outbox SET acknowledged = ?, acknowledged_s = ? WHERE sequence = ? AND state = 'refused'",
  );
  const trouble = database.prepare<[state: string, limit: number], OutboxEntry>(
    `SELECT ${ENTRY} FROM outbox INDEXED BY outbox_trouble
     WHERE state IN ('held', 'refused') AND acknowledged_s IS NULL AND state = ? ORDER BY sequence DESC LIMIT ?`,
  );
  return {
    acknowledged: () => acknowledged.get()!.count,
    acknowledge: (sequence, why) => acknowledge.run(why, Math.floor(nowS()), sequence).changes > 0,
    trouble: (limit) =>
      ['held', 'refused']
        .flatMap((state) => trouble.all(state, limit))
        .sort((a, b) => b.sequence - a.sequence)
        .slice(0, limit),
  };
}

function resendingOf(database: Database): Pick<Outbox, 'resend' | 'resendSome'> {
  const resend = database.prepare(
    "UPDATE outbox SET state = 'held', next_ms = 0, holds = 0, done_s = NULL, acknowledged = NULL, acknowledged_s = NULL WHERE sequence = ? AND state IN ('held', 'refused')",
  );
  const after = database.prepare<[state: string, after: number, limit: number], { sequence: number }>(
    'SELECT sequence FROM outbox WHERE state = ? AND sequence > ? ORDER BY sequence LIMIT ?',
  );
  return {
    resend: (sequence) => resend.run(sequence).changes > 0,
    resendSome: (from, limit) =>
      database.transaction(() => {
        const found = ['held', 'refused'].flatMap((state) => after.all(state, from, limit));
        const rows = found.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
        rows.forEach(({ sequence }) => resend.run(sequence));
        return { count: rows.length, last: rows.at(-1)?.sequence ?? from };
      }),
  };
}
