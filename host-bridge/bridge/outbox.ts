/**
 * The outbox: histories, tombstones and refunds on their way to the issuer, kept until their final result is known.
 *
 * A terminal erases a history only after `add` has committed it. What was delivered stays with its result, for the
 * clerk and for the proof that it was. Effect once is the issuer's: identity (PKU, IdS, Rs), so the same bytes may be
 * sent again after a crash at any point. Delivery itself is outbox-delivery.ts.
 */
import { concat, fromChars } from '../../firmware/core/bytes.js';
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
}

/** How many rows there are of each state. */
export type OutboxCounts = Record<OutboxEntry['state'], number>;

/** The outbox in its database. */
export interface Outbox {
  /**
   * Keeps a message: OK once it is on disk, also when it already was. BAD_REQUEST when it is none.
   * @throws TapcashError DATABASE_*
   */
  add(kind: OutboxKind, bytes: Uint8Array): Code;
  /** The oldest row that is due. */
  next(): OutboxRow | null;
  /** Notes, before the sending, that it is tried. */
  trying(row: OutboxRow): void;
  settle(row: OutboxRow, result: OutboxResult, code?: ErrorCode): void;
  /** Not before `delayS` from now again; others go on. */
  hold(row: OutboxRow, code: ErrorCode, delayS: number): void;
  /** Seconds until a held row is due; null when none is held. */
  heldForS(): number | null;
  counts(): OutboxCounts;
  /** The history of a charge that was paid here, whatever became of it. @param rs 16 bytes */
  historyOf(rs: Uint8Array): Uint8Array | null;
  /** What became of a message, by its bytes. */
  find(bytes: Uint8Array): Pick<OutboxEntry, 'state' | 'code'> | null;
  /** The newest rows of the given states. */
  entries(states: OutboxEntry['state'][], limit: number): OutboxEntry[];
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
    identity: concat([body.pku, paidChallenge.rs, fromChars(paidChallenge.shop)]),
    amount: paidChallenge.amount,
  };
}

/** Makes the outbox over the bridge's database. @param nowS Unix time, seconds */
export function createOutbox(database: Database, nowS: () => number): Outbox {
  const add = database.prepare(
    'INSERT INTO outbox (kind, identity, bytes, amount, arrived_s) VALUES (?, ?, ?, ?, ?) ON CONFLICT (bytes) DO NOTHING',
  );
  const next = database.prepare<[nowS: number], Pick<BridgeRow<'outbox'>, 'sequence' | 'kind' | 'bytes' | 'attempts'>>(
    "SELECT sequence, kind, bytes, attempts FROM outbox WHERE state IN ('pending', 'held') AND next_s <= ? ORDER BY sequence LIMIT 1",
  );
  const trying = database.prepare('UPDATE outbox SET attempts = attempts + 1 WHERE sequence = ?');
  const settle = database.prepare('UPDATE outbox SET state = ?, code = ?, done_s = ? WHERE sequence = ?');
  const hold = database.prepare("UPDATE outbox SET state = 'held', code = ?, next_s = ? WHERE sequence = ?");
  const held = database.prepare<[], { nextS: number | null }>(
    "SELECT min(next_s) AS nextS FROM outbox WHERE state = 'held'",
  );
  const histories = database.prepare<[rs: Uint8Array], Pick<BridgeRow<'outbox'>, 'bytes'>>(
    "SELECT bytes FROM outbox WHERE kind = 'history' AND substr(identity, 33, 16) = ? ORDER BY sequence LIMIT 1",
  );
  const find = database.prepare<[bytes: Uint8Array], Pick<BridgeRow<'outbox'>, 'state' | 'code'>>(
    'SELECT state, code FROM outbox WHERE bytes = ?',
  );
  const counts = database.prepare<[], Pick<BridgeRow<'outbox'>, 'state'> & { count: number }>(
    'SELECT state, count(*) AS count FROM outbox GROUP BY state',
  );
  const seconds = () => Math.floor(nowS());
  return {
    add(kind, bytes) {
      const identified = identify(kind, bytes);
      if (!identified) return 'BAD_REQUEST';
      database.transaction(() => add.run(kind, identified.identity, bytes, identified.amount, seconds()));
      return 'OK';
    },
    next() {
      const row = next.get(seconds());
      return row ? { ...row, bytes: bytesOf(row.bytes) } : null;
    },
    trying: (row) => void trying.run(row.sequence),
    settle: (row, result, code) => void settle.run(result, code ?? null, seconds(), row.sequence),
    hold: (row, code, delayS) => void hold.run(code, seconds() + Math.ceil(delayS), row.sequence),
    heldForS() {
      const { nextS } = held.get()!;
      return nextS === null ? null : Math.max(0, nextS - seconds());
    },
    counts() {
      const all: OutboxCounts = { pending: 0, held: 0, credited: 0, duplicate: 0, buried: 0, refunded: 0, refused: 0 };
      for (const { state, count } of counts.all()) all[state] = count;
      return all;
    },
    historyOf: (rs) => bytesOf(histories.get(rs)?.bytes ?? null),
    find: (bytes) => find.get(bytes) ?? null,
    entries(states, limit) {
      const marks = states.map(() => '?').join();
      const select = database.prepare<(string | number)[], OutboxEntry>(
        `SELECT sequence, kind, state, code, amount, attempts, arrived_s AS arrivedS, done_s AS doneS FROM outbox WHERE state IN (${marks}) ORDER BY sequence DESC LIMIT ?`,
      );
      return select.all(...states, limit);
    },
  };
}
