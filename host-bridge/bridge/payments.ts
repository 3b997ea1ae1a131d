/**
 * The payments that came through this bridge, newest first, in pages: for the clerk, who refunds by what he sees here.
 *
 * Each search has its index, so that a page of a million rows is read as fast as one of ten. The order is that of
 * arrival; a place in it is (second of arrival, number).
 */
import { copy, fromHex, toChars, toHex } from '../../firmware/core/bytes.js';
import { nameOfChars } from '../../firmware/wire/name.js';
import { challenge, history, KEY_BYTES, RS_BYTES } from '../../firmware/wire/payment.js';
import { refusal, type ErrorCode, type Result } from '../base/errors.js';
import { cursorOf, readCursor, type PaymentQuery } from '../base/payment-query.js';
import { bytesOf, type Database, type SqlValue } from '../base/sqlite/database.js';
import type { BridgeRow } from './bridge-store.js';

/** A payment as the clerk sees it. */
export interface Payment {
  /** What `tapcash refund` takes: the charge's id, or Rs where no charge of this bridge's is known. */
  id: string;
  /** 16 bytes. */
  rs: Uint8Array;
  /** 32 bytes: whose token paid. */
  token: Uint8Array;
  /** Whom it was paid to; the owner, where a token was unloaded. */
  shop: string;
  amount: number;
  /** Sum of its refunds that were not refused. */
  refunded: number;
  state: BridgeRow<'outbox'>['state'];
  code: ErrorCode | null;
  /** Ts of the terminal, Unix time; 0 where it had none. */
  paidS: number;
  arrivedS: number;
}

interface Found {
  sequence: number;
  identity: Buffer;
  bytes: Buffer;
  amount: number;
  state: Payment['state'];
  code: ErrorCode | null;
  arrivedS: number;
  charge: Buffer | null;
  refunded: number;
}

const SELECT = `SELECT o.sequence, o.identity, o.bytes, o.amount, o.state, o.code, o.arrived_s AS arrivedS, c.id AS charge,
  (SELECT coalesce(sum(r.amount), 0) FROM refund r LEFT JOIN outbox s ON s.bytes = r.bytes
    WHERE r.rs = substr(o.identity, 33, 16) AND coalesce(s.state, 'pending') <> 'refused') AS refunded
  FROM outbox o LEFT JOIN charge c ON json_extract(c.tap, '$.rs') = lower(hex(substr(o.identity, 33, 16)))
  WHERE o.kind = 'history'`;

/** The question of a page. Codes: BAD_REQUEST (the place), CHARGE_UNKNOWN. */
export type ListPayments = (query: PaymentQuery) => Result<{ payments: Payment[]; more: string | null }>;

/** Makes the list over the bridge's database. @param rsOfCharge Rs of a charge of this bridge's, by its id */
export function createPayments(database: Database, rsOfCharge: (id: Uint8Array) => Uint8Array | null): ListPayments {
  return (query) => {
    const before = readCursor(query.before);
    if (before === undefined) return refusal('BAD_REQUEST', 'before');
    const charge = query.charge === undefined ? null : fromHex(query.charge)!;
    const rs = charge && (charge.length === RS_BYTES ? charge : rsOfCharge(charge));
    if (charge && !rs) return refusal('CHARGE_UNKNOWN');
    const clauses: [sql: string, ...values: SqlValue[]][] = [];
    if (before) clauses.push(['(o.arrived_s, o.sequence) < (?, ?)', before.timeS, before.number]);
    if (query.sinceS !== undefined) clauses.push(['o.arrived_s >= ?', query.sinceS]);
    if (query.untilS !== undefined) clauses.push(['o.arrived_s < ?', query.untilS]);
    if (query.amount !== undefined) clauses.push(['o.amount = ?', query.amount]);
    if (query.token !== undefined) clauses.push(['substr(o.identity, 1, 32) = ?', fromHex(query.token)!]);
    if (rs) clauses.push(['substr(o.identity, 33, 16) = ?', rs]);
    const sql = [SELECT, ...clauses.map(([one]) => one)].join(' AND ');
    const found = database
      .prepare<SqlValue[], Found>(`${sql} ORDER BY o.arrived_s DESC, o.sequence DESC LIMIT ?`)
      .all(...clauses.flatMap(([, ...values]) => values), query.limit + 1);
    const page = found.slice(0, query.limit);
    const last = page.at(-1);
    return {
      ok: true,
      payments: page.map(read),
      more: found.length > query.limit && last ? cursorOf(last.arrivedS, last.sequence) : null,
    };
  };
}

function read({ identity: stored, bytes, amount, state, code, arrivedS, charge, refunded }: Found): Payment {
  const identity = bytesOf(stored);
  const rs = copy(identity, KEY_BYTES, KEY_BYTES + RS_BYTES);
  const id = bytesOf(charge);
  return {
    id: toHex(id ?? rs),
    rs,
    token: copy(identity, 0, KEY_BYTES),
    shop: nameOfChars(toChars(copy(identity, KEY_BYTES + RS_BYTES, identity.length))),
    amount,
    refunded,
    state,
    code,
    paidS: challenge.decode(history.decode(bytesOf(bytes))!.challenge)!.timeS,
    arrivedS,
  };
}
