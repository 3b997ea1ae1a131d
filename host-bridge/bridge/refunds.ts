/**
 * Refunds at the clerk's wish: what goes back is on disk under its id before the terminal signs it, and goes out
 * through the outbox as a history does, so that it is taken from the shop's account once.
 *
 * What another till took, or this one before its computer was replaced, the depositary knows (paid-elsewhere.ts).
 * Whether a payment has reached the issuer, and how much of it is left, the depositary judges.
 */
import { isAmount } from '../../firmware/core/amount.js';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { CHARGE_ID_BYTES, KIND } from '../../firmware/wire/link/link-messages.js';
import { challenge, history, license, licenseBody, RS_BYTES, SIGNATURE_BYTES } from '../../firmware/wire/payment.js';
import { refund as refundMessage, refundBody, REFUND_ID_BYTES } from '../../firmware/wire/refund.js';
import type { Logger } from 'pino';
import type { Scheduler } from '../base/scheduler.js';
import { call, type Approval, type Services } from '../base/services/calls.js';
import { ruleRole } from '../base/services/roles.js';
import { refusal, type ErrorCode, type Result } from '../base/errors.js';
import { bytesOf, type Database } from '../base/sqlite/database.js';
import type { TerminalSession } from '../serial/terminal-session.js';
import type { BridgeRow } from './bridge-store.js';
import type { Charges } from './charges.js';
import { findPaidElsewhere, type PaidElsewhereOptions } from './paid-elsewhere.js';
import { untilDelivered, type OutboxDelivery } from './outbox-delivery.js';
import type { Outbox, OutboxEntry } from './outbox.js';

/** A terminal that is being tapped signs after the tap. */
const SIGN_MS = 60_000;

/** A refund as the clerk sees it. */
export interface RefundView {
  /** 8 bytes as hexadecimal. */
  id: string;
  /** Rs of the payment, as hexadecimal. */
  rs: string;
  amount: number;
  state: OutboxEntry['state'];
  code: ErrorCode | null;
}

/** The clerk's refunds. */
export interface Refunds {
  /**
   * Gives a payment back.
   * @param payment id of its charge (8 bytes) or its Rs (16), as hexadecimal
   * @param amount default: all of it
   * @param id as hexadecimal: the same id again is the same refund; default random, or that of one of this amount which
   *   is not finished
   * @param approval a supervisor's, of exactly this refund: then that role counts, as the house has it, and not the
   *   clerk's limit. Codes: CHARGE_UNKNOWN, NOT_PAID, HISTORY_UNKNOWN, AMOUNT_INVALID, ROLE_FORBIDDEN,
   *   OPERATOR_UNKNOWN, REQUEST_ID_REUSED, BAD_REQUEST, the terminal's; what the depositary says stands in the refund.
   */
  refund(payment: string, amount?: number, id?: string, approval?: Approval): Promise<Result<{ refund: RefundView }>>;
}

export interface RefundOptions {
  database: Database;
  outbox: Outbox;
  charges: Pick<Charges, 'find'>;
  /** Who keeps the accounts. */
  house: PaidElsewhereOptions['house'];
  terminal: Pick<TerminalSession, 'ask' | 'status'>;
  delivery: Pick<OutboxDelivery, 'kick' | 'watch'>;
  scheduler: Scheduler;
  random(bytes: number): Uint8Array;
  /** Unix time, seconds. */
  nowS(): number;
  /** Most that the clerk may give back of one payment; default: all of it. */
  refundMax?: number | undefined;
  services: Pick<Services, 'checkApproval'>;
  log: Pick<Logger, 'info'>;
}

interface RefundRow {
  id: Uint8Array;
  rs: Uint8Array;
  amount: number;
  body: Uint8Array;
  bytes: Uint8Array | null;
}

/** The refunds in their table. */
interface RefundTable {
  find(id: Uint8Array): RefundRow | null;
  /** The oldest of this payment and amount whose delivery has not ended. */
  unfinished(rs: Uint8Array, amount: number): RefundRow | null;
  /** Keeps what the terminal is to sign. */
  add(row: Omit<RefundRow, 'bytes'>, timeS: number): void;
  /** The first signature counts. */
  sign(id: Uint8Array, bytes: Uint8Array): void;
  /** Sum of a payment's refunds that were not refused. */
  sum(rs: Uint8Array): number;
  /** Drops one that was never signed. */
  forget(id: Uint8Array): void;
}

function createRefundTable(database: Database): RefundTable {
  const find = database.prepare<[id: Uint8Array], BridgeRow<'refund'>>('SELECT * FROM refund WHERE id = ?');
  const unfinished = database.prepare<
    [rs: Uint8Array, amount: number],
    BridgeRow<'refund'>
  >(`SELECT r.* FROM refund r LEFT JOIN outbox o ON o.bytes = r.bytes WHERE r.rs = ? AND r.amount = ?
    AND (o.state IS NULL OR o.state IN ('pending', 'held')) ORDER BY r.asked_s LIMIT 1`);
  const add = database.prepare('INSERT INTO refund (id, rs, amount, body, asked_s) VALUES (?, ?, ?, ?, ?)');
  const sign = database.prepare('UPDATE refund SET bytes = ? WHERE id = ? AND bytes IS NULL');
  const sum = database.prepare<[rs: Uint8Array], { sum: number }>(
    `SELECT coalesce(sum(r.amount), 0) AS sum FROM refund r LEFT JOIN outbox o ON o.bytes = r.bytes
    WHERE r.rs = ? AND (o.state IS NULL OR o.state <> 'refused')`,
  );
  const forget = database.prepare('DELETE FROM refund WHERE id = ? AND bytes IS NULL');
  const rowOf = (row: BridgeRow<'refund'> | undefined): RefundRow | null =>
    row
      ? {
          id: bytesOf(row.id),
          rs: bytesOf(row.rs),
          amount: row.amount,
          body: bytesOf(row.body),
          bytes: bytesOf(row.bytes),
        }
      : null;
  return {
    find: (id) => rowOf(find.get(id)),
    unfinished: (rs, amount) => rowOf(unfinished.get(rs, amount)),
    add: (row, timeS) => void add.run(row.id, row.rs, row.amount, row.body, timeS),
    sum: (rs) => sum.get(rs)!.sum,
    sign: (id, bytes) => void sign.run(bytes, id),
    forget: (id) => void forget.run(id),
  };
}

/** Rs of what the clerk means: a charge by its id, or a payment by its Rs. */
function rsOf(charges: RefundOptions['charges'], payment: string): Uint8Array | null {
  const bytes = fromHex(payment);
  if (bytes?.length === RS_BYTES) return bytes;
  const tap = bytes?.length === CHARGE_ID_BYTES ? charges.find(bytes)?.tap : null;
  return tap ? fromHex(tap.rs) : null;
}

/** Whether it is the id of a charge that this bridge has opened, paid or not. */
function isCharge(charges: RefundOptions['charges'], payment: string): boolean {
  const bytes = fromHex(payment);
  return bytes?.length === CHARGE_ID_BYTES && !!charges.find(bytes);
}

/** The history of a payment: delivered by this bridge, or by another. */
async function paidFor(options: RefundOptions, rs: Uint8Array): Promise<Result<{ history: Uint8Array }>> {
  const here = options.outbox.historyOf(rs);
  return here ? { ok: true, history: here } : findPaidElsewhere({ ...options, signMs: SIGN_MS }, rs);
}

/** What a history that was kept says: whose it is, and its challenge. */
function readPaid(paid: Uint8Array) {
  const h = history.decode(paid)!;
  return { ...challenge.decode(h.challenge)!, pku: licenseBody.decode(license.decode(h.license)!.body)!.pku };
}

/** Whether the clerk gives back so much of a payment. @param max his limit; undefined: there is none */
function ruleClerk(max: number | undefined, sum: number): Result<object> {
  if (max === undefined) return { ok: true };
  return ruleRole({ role: 'clerk', limit: max, isRoot: false, isForgotten: false }, 'refund', sum);
}

/** What is asked for, as bytes. Codes: AMOUNT_INVALID, BAD_REQUEST, NOT_PAID, CHARGE_UNKNOWN */
function readAsked(
  { charges }: RefundOptions,
  payment: string,
  amount: number | undefined,
  idText: string | undefined,
): Result<{ rs: Uint8Array; id: Uint8Array | null }> {
  if (amount !== undefined && !isAmount(amount)) return refusal('AMOUNT_INVALID');
  const id = idText === undefined ? null : fromHex(idText);
  if (idText !== undefined && id?.length !== REFUND_ID_BYTES) return refusal('BAD_REQUEST', 'refund id');
  const rs = rsOf(charges, payment);
  return rs ? { ok: true, rs, id } : refusal(isCharge(charges, payment) ? 'NOT_PAID' : 'CHARGE_UNKNOWN');
}

/** Whether the clerk, or who approved it, gives back so much of a payment, in sum. */
async function ruleSum(
  options: RefundOptions,
  sum: number,
  refund: { payment: string; amount: number | null; id: string | null },
  approval?: Approval,
): Promise<Result<object>> {
  if (!approval) return ruleClerk(options.refundMax, sum);
  const { payment, amount, id } = refund;
  if (id === null) return refusal('BAD_REQUEST', 'an approval is of a refund id');
  const check = options.services.checkApproval;
  if (!check) return refusal('ROLE_FORBIDDEN', 'this bridge asks no house about operators');
  const may = await call(() => check({ payment, amount, id }, approval, sum));
  if (may.ok) options.log.info({ refund: id, operator: approval.operator, sum }, 'a refund was approved');
  return may;
}

/** Whether a refund's id means the one that is known. Code: REQUEST_ID_REUSED */
function ruleKnown(row: RefundRow, rs: Uint8Array, amount: number): Result<{ row: RefundRow }> {
  const isSame = toHex(row.rs) === toHex(rs) && row.amount === amount;
  return isSame ? { ok: true, row } : refusal('REQUEST_ID_REUSED');
}

/** @returns false where another command began a refund while this one was judged: then it is judged again */
function addIfUnchanged(table: RefundTable, row: Omit<RefundRow, 'bytes'>, sum: number, askedS: number): boolean {
  if (table.find(row.id) || table.sum(row.rs) !== sum) return false;
  table.add(row, askedS);
  return true;
}

/** Makes the refunds over the bridge's database. */
export function createRefunds(options: RefundOptions): Refunds {
  const { database, outbox, scheduler } = options;
  const table = createRefundTable(database);

  /** The refund of this id, or of this payment and amount, that is known; or a new one, on disk. */
  async function begin(
    rs: Uint8Array,
    paid: Uint8Array,
    amount: number | undefined,
    id: Uint8Array | null,
    rule: (sum: number) => Promise<Result<object>>,
  ): Promise<Result<{ row: RefundRow }>> {
    const { amount: all, ...paidFields } = readPaid(paid);
    const wanted = amount ?? all;
    for (;;) {
      const known = id ? table.find(id) : table.unfinished(rs, wanted);
      if (known) return ruleKnown(known, rs, wanted);
      // Of one payment in sum, or many small refunds would be a large one.
      const sum = table.sum(rs);
      const may = await rule(sum + wanted);
      if (!may.ok) return may;
      // Signed by the terminal that is connected, whichever of the shop's took the payment.
      const told = await options.terminal.status();
      if (!told.ok) return told;
      const refundId = id ?? options.random(REFUND_ID_BYTES);
      const asked = { rs, amount: wanted, refundId, terminalId: told.status.terminalId };
      const row = { id: refundId, rs, amount: wanted, body: refundBody.encode({ ...paidFields, ...asked }) };
      const askedS = Math.floor(options.nowS());
      if (database.transaction(() => addIfUnchanged(table, row, sum, askedS)))
        return { ok: true, row: table.find(refundId)! };
    }
  }

  /** The terminal's signature, and into the outbox with it. */
  async function signed(row: RefundRow): Promise<Result<{ bytes: Uint8Array }>> {
    if (row.bytes) return { ok: true, bytes: row.bytes };
    const answer = await options.terminal.ask(KIND.refund, row.body, SIGN_MS);
    // Another terminal came meanwhile: nothing was signed, and the next try is made out for that one.
    if (answer.code === 'WRONG_NAME') table.forget(row.id);
    if (answer.code !== 'OK') return refusal(answer.code, 'refund');
    if (answer.body.length !== SIGNATURE_BYTES) return refusal('BAD_REQUEST', "the terminal's signature");
    const bytes = refundMessage.encode({ signature: answer.body, body: row.body });
    database.transaction(() => {
      table.sign(row.id, bytes);
      // Two commands at once: the first signature counts.
      outbox.add('refund', table.find(row.id)!.bytes!);
    });
    return { ok: true, bytes: table.find(row.id)!.bytes! };
  }

  return {
    async refund(payment, amount, idText, approval) {
      const read = readAsked(options, payment, amount, idText);
      if (!read.ok) return read;
      const { rs, id } = read;
      const found = await paidFor(options, rs);
      if (!found.ok) return found;
      const asked = { payment, amount: amount ?? null, id: idText ?? null };
      const begun = await begin(rs, found.history, amount, id, (sum) => ruleSum(options, sum, asked, approval));
      if (!begun.ok) return begun;
      const { row } = begun;
      const signing = await signed(row);
      if (!signing.ok) return signing;
      const { state, code } = await untilDelivered(outbox, options.delivery, scheduler, signing.bytes);
      return { ok: true, refund: { id: toHex(row.id), rs: toHex(rs), amount: row.amount, state, code } };
    },
  };
}
