/**
 * What the clerk asked for: charges, kept before the terminal hears of them, so that every retry has the same id.
 *
 * A terminal knows the id of its last charge only, so the bridge has one charge at a time that is not resolved, and
 * asks for a new one after that. Left out: the talk with the terminal (bridge.ts).
 */
import { toHex } from '../../firmware/core/bytes.js';
import { codeOf } from '../../firmware/core/codes.js';
import { CHARGE_STATES, type OpenTerms, type TapReport } from '../../firmware/wire/link/link-messages.js';
import type { ErrorCode } from '../base/errors.js';
import { bytesOf, type Database } from '../base/sqlite/database.js';
import type { BridgeRow } from './bridge-store.js';

/**
 * `sending`: kept here, the terminal may or may not have it. `accepted`: below the floor limit, the check is still to
 * come. `lost`: the terminal was exchanged or provisioned anew before the result was known.
 */
export type ChargeState = BridgeRow<'charge'>['state'];

const OPEN_STATES: ChargeState[] = ['sending', 'open', 'accepted'];

/** What a tap took, milliseconds, and its flash writes. */
export type TapTimes = Pick<
  TapReport,
  'selectMs' | 'licenseMs' | 'challengeMs' | 'verifyMs' | 'flashMs' | 'paidMs' | 'flashWrites'
>;

/** The last tap for a charge. */
export interface Tap extends TapTimes {
  code: ErrorCode;
  /** Rs as hexadecimal. */
  rs: string;
}

/** A charge. */
export interface Charge {
  /** 8 bytes as hexadecimal. */
  id: string;
  /** y; 0 while it is the payer's to say. */
  amount: number;
  /** What the payer may say; null where the shop says the amount. */
  open: OpenTerms | null;
  state: ChargeState;
  /** Why it was refused, or the code of the last tap; null before. */
  code: ErrorCode | null;
  /** Grows with each change, so that a waiter knows what it has seen. */
  changes: number;
  tap: Tap | null;
  /** Unix time, seconds. */
  openedS: number;
  changedS: number;
}

/** A charge with what only the bridge needs. */
export interface ChargeRow extends Charge {
  idBytes: Uint8Array;
  terminalId: Uint8Array | null;
  /** The charge's number at that terminal; null before it was asked. */
  number: number | null;
  wanted: boolean;
}

/** The charges in their database. */
export interface Charges {
  /** Keeps a new one. @throws TapcashError DATABASE_*, also while another is not resolved */
  add(id: Uint8Array, amount: number, open?: OpenTerms | null): ChargeRow;
  find(id: Uint8Array): ChargeRow | null;
  /** The one that is not resolved. */
  current(): ChargeRow | null;
  newest(limit: number): Charge[];
  /** The one that a terminal was asked for under this number. */
  atTerminal(terminalId: Uint8Array, number: number): ChargeRow | null;
  /** Changes a charge that is not resolved; others stay as they are. */
  set(id: Uint8Array, state: ChargeState, code: ErrorCode | null, tap?: Tap, amount?: number): void;
  /** The clerk gave it up, but the terminal does not know it yet. */
  unwant(id: Uint8Array): void;
  /**
   * The terminal that is going to be asked, durable when it returns. @param last number that the terminal knows
   * @returns a number above that and above all others here
   */
  setTerminal(id: Uint8Array, terminalId: Uint8Array, last: number): number;
}

/** Whether nothing more will happen to a charge. */
export function isResolved(state: ChargeState): boolean {
  return !OPEN_STATES.includes(state);
}

/** A charge without what only the bridge needs. */
export function chargeView(row: ChargeRow): Charge {
  const { idBytes: _, terminalId: __, wanted: ___, number: ____, ...charge } = row;
  return charge;
}

/** The state and tap that a report tells; null where it tells of no charge. */
export function readReport(report: TapReport): { state: ChargeState; tap: Tap } | null {
  const states: Record<number, ChargeState | undefined> = {
    [CHARGE_STATES.open]: 'open',
    [CHARGE_STATES.accepted]: 'accepted',
    [CHARGE_STATES.paid]: 'paid',
    [CHARGE_STATES.cancelled]: 'cancelled',
  };
  const state = states[report.chargeState];
  if (!state) return null;
  const { selectMs, licenseMs, challengeMs, verifyMs, flashMs, paidMs, flashWrites } = report;
  return {
    state,
    tap: {
      code: codeOf(report.code),
      rs: toHex(report.rs),
      selectMs,
      licenseMs,
      challengeMs,
      verifyMs,
      flashMs,
      paidMs,
      flashWrites,
    },
  };
}

/** A charge as `COLUMNS` gives it. */
type StoredCharge = Omit<BridgeRow<'charge'>, 'sequence'>;

const COLUMNS = 'id, amount, open_terms, state, code, changes, tap, terminal_id, number, wanted, opened_s, changed_s';

function read(row: StoredCharge): ChargeRow {
  const idBytes = bytesOf(row.id);
  return {
    id: toHex(idBytes),
    amount: row.amount,
    open: row.open_terms === null ? null : (JSON.parse(row.open_terms) as OpenTerms),
    state: row.state,
    code: row.code,
    changes: row.changes,
    tap: row.tap === null ? null : (JSON.parse(row.tap) as Tap),
    openedS: row.opened_s,
    changedS: row.changed_s,
    idBytes,
    terminalId: bytesOf(row.terminal_id),
    number: row.number,
    wanted: row.wanted === 1,
  };
}

/** Makes the charges over the bridge's database. @param nowS Unix time, seconds @param onChange after each change */
export function createCharges(database: Database, nowS: () => number, onChange: (charge: ChargeRow) => void): Charges {
  const open = OPEN_STATES.map((state) => `'${state}'`).join();
  const add = database.prepare(
    'INSERT INTO charge (id, amount, open_terms, opened_s, changed_s) VALUES (?, ?, ?, ?, ?)',
  );
  const find = database.prepare<[id: Uint8Array], StoredCharge>(`SELECT ${COLUMNS} FROM charge WHERE id = ?`);
  const current = database.prepare<[], StoredCharge>(`SELECT ${COLUMNS} FROM charge WHERE state IN (${open})`);
  const newest = database.prepare<[limit: number], StoredCharge>(
    `SELECT ${COLUMNS} FROM charge ORDER BY sequence DESC LIMIT ?`,
  );
  const atTerminal = database.prepare<[number: number, terminalId: Uint8Array], StoredCharge>(
    `SELECT ${COLUMNS} FROM charge WHERE number = ? AND terminal_id = ?`,
  );
  const set = database.prepare(
    `UPDATE charge SET state = ?, code = ?, tap = coalesce(?, tap), amount = ?, changes = changes + 1, changed_s = ? WHERE id = ? AND state IN (${open})`,
  );
  const unwant = database.prepare('UPDATE charge SET wanted = 0 WHERE id = ?');
  const setTerminal = database.prepare<[last: number, terminalId: Uint8Array, id: Uint8Array], { number: number }>(
    `UPDATE charge SET number = 1 + max(?, (SELECT coalesce(max(number), 0) FROM charge)), terminal_id = ? WHERE id = ?
     RETURNING number`,
  );
  const seconds = () => Math.floor(nowS());

  const orNull = (row: StoredCharge | undefined) => (row ? read(row) : null);

  return {
    add(id, amount, open = null) {
      add.run(id, amount, open && JSON.stringify(open), seconds(), seconds());
      return read(find.get(id)!);
    },
    find: (id) => orNull(find.get(id)),
    current: () => orNull(current.get()),
    atTerminal: (terminalId, number) => orNull(atTerminal.get(number, terminalId)),
    newest: (limit) => newest.all(limit).map(read).map(chargeView),
    set(id, state, code, tap, said) {
      const before = orNull(find.get(id));
      // The terminal is asked again and again; the same answer is no change.
      if (!before || (before.state === state && before.code === code && !tap)) return;
      const amount = before.open && said !== undefined ? said : before.amount;
      const { changes } = set.run(state, code, tap ? JSON.stringify(tap) : null, amount, seconds(), id);
      if (changes > 0) onChange(read(find.get(id)!));
    },
    unwant: (id) => void unwant.run(id),
    setTerminal: (id, terminalId, last) => setTerminal.get(last, terminalId, id)!.number,
  };
}
