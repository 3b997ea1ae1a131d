/**
 * What the stores of issuer and bank share on SQLite: ledger, accounts, terminals, histories, tombstones, operators.
 * Each method of `AccountStore` is one or two statements.
 */
import { bytesOf, type Database, type SqlValue } from '../../base/sqlite/database.js';
import { epochsOf } from '../../base/sqlite/database-identity.js';
import type { HeldAccount } from '../../base/services/procedures.js';
import type { CreditEngine } from '../credits.js';
import type { Entry } from '../rules.js';
import type {
  AccountRow,
  AccountStore,
  ClockConfirmationRow,
  HistoryRow,
  OperatorStore,
  PaymentSearch,
  ReleaseRow,
  TransactionKind,
} from '../store.js';
import type { Row } from '../table-rows.js';
import type { Numbers } from '../../base/services/procedures.js';
import type { SuccessionRow } from '../../base/keys/succession.js';

/** What names a payment in every table. */
type PaymentId = [pku: Uint8Array, shop: string, rs: Uint8Array];

/** All of it. @param sums SQL of the numbers that only this house has, as a SELECT of one row; the others are 0 */
export function accountStoreOf(database: Database, sums: string): Omit<AccountStore, keyof CreditEngine> {
  return {
    ...ledgerOf(database, sums),
    ...accountsOf(database),
    ...historiesOf(database),
    ...backOf(database),
    ...payoutsOf(database),
    ...tracesOf(database),
    ...operatorsOf(database),
    ...lifeOf(database, newestIn('transactions', 'id', 'time_s')),
  };
}

/** The newest time of a table whose rows are numbered as they come. */
const newestIn = (table: string, number: string, time: string): string =>
  `SELECT ${time} AS time_s FROM (SELECT ${time} FROM ${table} ORDER BY ${number} DESC LIMIT 1)`;

/**
 * Transactions, check and close, whose keys followed which, and what is known of the clock: the same for every store.
 * @param newestSql SELECT of `time_s`, the newest one of the house's own rows
 */
export function lifeOf(database: Database, newestSql = 'SELECT NULL AS time_s') {
  const newest = database.prepare<[], { newestS: number | null }>(
    `SELECT max(time_s) AS newestS FROM (${[
      newestSql,
      newestIn('epochs', 'epoch', 'began_s'),
      newestIn('clock_confirmations', 'id', 'time_s'),
    ].join(' UNION ALL ')})`,
  );
  const addConfirmation = database.prepare(
    'INSERT INTO clock_confirmations (time_s, operator, why, doubt, estimate_s) VALUES (?, ?, ?, ?, ?)',
  );
  const successions = database.prepare<[house: number], Pick<Row<'successions'>, 'notice'>>(
    'SELECT notice FROM successions WHERE house = ? ORDER BY number',
  );
  const addSuccession = database.prepare('INSERT INTO successions (house, number, notice, time_s) VALUES (?, ?, ?, ?)');
  // Meets no row and so writes nothing, but is refused where the file cannot be written; BEGIN IMMEDIATE alone is not.
  const touch = database.prepare(`UPDATE books SET value = value WHERE key = 'none'`);
  return {
    transaction: database.transaction,
    check: () => database.transaction(() => void touch.run()),
    close: database.close,
    successions: (house: number) => successions.all(house).map((row) => bytesOf(row.notice)),
    epochs: () => epochsOf(database),
    newestS: () => newest.get()?.newestS ?? null,
    addClockConfirmation: (row: ClockConfirmationRow) =>
      void addConfirmation.run(row.timeS, row.operator, row.why, row.doubt, row.estimateS),
    addSuccession: (row: SuccessionRow) => void addSuccession.run(row.house, row.number, row.notice, row.timeS),
  };
}

function ledgerOf(database: Database, own: string) {
  const balanceOf = database.prepare<[account: string], Pick<Row<'balances'>, 'balance'>>(
    'SELECT balance FROM balances WHERE account = ?',
  );
  const addTransaction = database.prepare('INSERT INTO transactions (kind, time_s) VALUES (?, ?)');
  const addEntry = database.prepare('INSERT INTO entries (transaction_id, account, delta) VALUES (?, ?, ?)');
  const setBalance = database.prepare(
    'INSERT INTO balances (account, balance) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET balance = excluded.balance',
  );
  // Sums of one kind may pass 2^53 after a huge overspend; as REAL they are then near instead of an exception. `held`
  // is exact.
  const sums = database.prepare<
    [],
    Pick<Numbers, 'abc' | 'ebc' | 'held'>
  >(`SELECT coalesce(CAST(sum(balance) FILTER (WHERE account LIKE 'abc:%') AS REAL), 0) AS abc,
    coalesce(CAST(sum(balance) FILTER (WHERE account LIKE 'ebc:%') AS REAL), 0) AS ebc, coalesce(sum(balance), 0) AS held FROM balances WHERE account <> 'in'`);
  const counts = database.prepare<
    [],
    Pick<Numbers, 'accounts' | 'histories' | 'tombstones' | 'overspent' | 'released' | 'paidOut'>
  >(`SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM histories) AS histories,
    (SELECT count(*) FROM tombstones) AS tombstones, (SELECT count(*) FROM balances WHERE account LIKE 'ebc:%' AND balance < 0) AS overspent,
    (SELECT coalesce(sum(amount), 0) FROM releases) AS released, (SELECT coalesce(sum(amount), 0) FROM payouts) AS paidOut`);
  const held = database.prepare<[after: string, limit: number], HeldAccount>(
    `SELECT substr(account, 5) AS name, balance FROM balances
    WHERE account > 'abc:' || ? AND account < 'abc;' AND balance > 0 ORDER BY account LIMIT ?`,
  );
  const ownSums = database.prepare<[], Partial<Numbers>>(own);
  const balance = (account: string): number => balanceOf.get(account)?.balance ?? 0;
  const none = { pseudonyms: 0, receipts: 0, drawsPending: 0, couponsSigned: 0, couponsRedeemed: 0, unreturned: 0 };
  return {
    balance,
    heldAccounts: (limit: number, after: string) => held.all(after, limit),
    post(kind: TransactionKind, timeS: number, entries: Entry[]): number {
      return database.transaction(() => {
        const id = addTransaction.run(kind, timeS).lastInsertRowid;
        for (const { account, delta } of entries) {
          addEntry.run(id, account, delta);
          setBalance.run(account, balance(account) + delta);
        }
        return id;
      });
    },
    numbers(): Numbers {
      return database.transaction(() => ({
        in: 0 - balance('in'),
        ...sums.get()!,
        out: balance('out'),
        bank: 0 - balance('bank'),
        ...none,
        ...counts.get()!,
        ...ownSums.get(),
      }));
    },
  };
}

function accountsOf(database: Database) {
  const byName = database.prepare<[name: string], Row<'accounts'>>('SELECT * FROM accounts WHERE name = ?');
  const byKey = database.prepare<[accountKey: Uint8Array], Row<'accounts'>>(
    'SELECT * FROM accounts WHERE account_key = ?',
  );
  const setCertificate = database.prepare(
    'UPDATE accounts SET certificate = ? WHERE name = ? AND account_key IS NOT NULL',
  );
  const add = database.prepare('INSERT INTO accounts (name, account_key, certificate, opened_s) VALUES (?, ?, ?, ?)');
  const licenseClass = database.prepare<[accountKey: Uint8Array], Pick<Row<'license_classes'>, 'license_class'>>(
    'SELECT license_class FROM license_classes WHERE account_key = ?',
  );
  const setLicenseClass =
    database.prepare(`INSERT INTO license_classes (account_key, license_class, operator, time_s) VALUES (?, ?, ?, ?)
    ON CONFLICT (account_key) DO UPDATE SET license_class = excluded.license_class, operator = excluded.operator, time_s = excluded.time_s`);
  const terminalKey = database.prepare<[shop: string, terminalId: Uint8Array], Pick<Row<'terminals'>, 'key'>>(
    'SELECT key FROM terminals WHERE shop = ? AND terminal_id = ?',
  );
  const addTerminal = database.prepare('INSERT INTO terminals (shop, terminal_id, key) VALUES (?, ?, ?)');
  const rowOf = (row: Row<'accounts'> | undefined): AccountRow | null =>
    row === undefined
      ? null
      : {
          name: row.name,
          accountKey: bytesOf(row.account_key),
          certificate: bytesOf(row.certificate),
          openedS: row.opened_s,
          closedS: row.closed_s,
        };
  const close = database.prepare('UPDATE accounts SET closed_s = ? WHERE name = ? AND closed_s IS NULL');
  return {
    account: (name) => rowOf(byName.get(name)),
    accountByKey: (key) => rowOf(byKey.get(key)),
    addAccount: (row) => void add.run(row.name, row.accountKey, row.certificate, row.openedS),
    setCertificate: (name, certificate) => void setCertificate.run(certificate, name),
    licenseClass: (accountKey) => licenseClass.get(accountKey)?.license_class ?? null,
    setLicenseClass: (row) => void setLicenseClass.run(row.accountKey, row.licenseClass, row.operator, row.timeS),
    closeAccount: (name, timeS) => void close.run(timeS, name),
    terminalKey: (shop, terminalId) => bytesOf(terminalKey.get(shop, terminalId)?.key ?? null),
    addTerminal: (shop, terminalId, key) => void addTerminal.run(shop, terminalId, key),
  } satisfies Partial<AccountStore>;
}

/** A row of `histories`. */
export const historyOf = (row: Row<'histories'>): HistoryRow => ({
  ...paymentOf(row),
  history: bytesOf(row.history),
  arrivedS: row.arrived_s,
  transaction: row.transaction_id,
  returnCode: row.return_code,
});

/** Which payment a row is about, and its amount. */
const paymentOf = ({ pku, shop, rs, amount }: Pick<Row<'histories'>, 'pku' | 'shop' | 'rs' | 'amount'>) => ({
  pku: bytesOf(pku),
  shop,
  rs: bytesOf(rs),
  amount,
});

function historiesOf(database: Database) {
  const history = database.prepare<PaymentId, Row<'histories'>>(
    'SELECT * FROM histories WHERE pku = ? AND shop = ? AND rs = ?',
  );
  const deposited = database.prepare<[shop: string, rs: Uint8Array], { 1: 1 }>(
    'SELECT 1 FROM histories WHERE shop = ? AND rs = ? LIMIT 1',
  );
  const ofCharge = database.prepare<[shop: string, rs: Uint8Array], Row<'histories'>>(
    'SELECT * FROM histories WHERE shop = ? AND rs = ? ORDER BY transaction_id LIMIT 1',
  );
  const addHistory = database.prepare(
    'INSERT INTO histories (pku, shop, rs, amount, history, arrived_s, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const tombstone = database.prepare<[shop: string, rs: Uint8Array], Pick<Row<'tombstones'>, 'tombstone'>>(
    'SELECT tombstone FROM tombstones WHERE shop = ? AND rs = ?',
  );
  const addTombstone = database.prepare('INSERT INTO tombstones (shop, rs, tombstone, time_s) VALUES (?, ?, ?, ?)');
  return {
    history(pku, shop, rs) {
      const row = history.get(pku, shop, rs);
      return row ? historyOf(row) : null;
    },
    payments: (search) => searchPayments(database, search),
    historyOfCharge(shop, rs) {
      const row = ofCharge.get(shop, rs);
      return row ? historyOf(row) : null;
    },
    isDeposited: (shop, rs) => deposited.get(shop, rs) !== undefined,
    addHistory: (row) =>
      void addHistory.run(row.pku, row.shop, row.rs, row.amount, row.history, row.arrivedS, row.transaction),
    tombstone: (shop, rs) => bytesOf(tombstone.get(shop, rs)?.tombstone ?? null),
    addTombstone: (shop, rs, bytes, timeS) => void addTombstone.run(shop, rs, bytes, timeS),
  } satisfies Partial<AccountStore>;
}

/** Each condition has its index (sqlite-schema.ts), so the text of the statement has only those that are asked for. */
function searchPayments(database: Database, search: PaymentSearch): (HistoryRow & { refunded: number })[] {
  const { before, limit } = search;
  const clauses: [sql: string, ...values: SqlValue[]][] = [];
  if (before) clauses.push(['(arrived_s, transaction_id) < (?, ?)', before.timeS, before.number]);
  const conditions: [sql: string, value: SqlValue][] = [
    ['arrived_s >= ?', search.sinceS],
    ['arrived_s < ?', search.untilS],
    ['amount = ?', search.amount],
    ['pku = ?', search.pku],
    ['shop = ?', search.shop],
    ['rs = ?', search.rs],
  ];
  clauses.push(...conditions.filter(([, value]) => value !== null));
  const where = clauses.length > 0 ? `WHERE ${clauses.map(([sql]) => sql).join(' AND ')}` : '';
  const rows = database
    .prepare<SqlValue[], Row<'histories'> & { refunded: number }>(
      `SELECT *, (SELECT coalesce(sum(r.amount), 0) FROM refunds r
        WHERE r.pku = histories.pku AND r.shop = histories.shop AND r.rs = histories.rs AND r.undone_s IS NULL) AS refunded
      FROM histories ${where} ORDER BY arrived_s DESC, transaction_id DESC LIMIT ?`,
    )
    .all(...clauses.flatMap(([, ...values]) => values), limit);
  return rows.map((row) => ({ ...historyOf(row), refunded: row.refunded }));
}

/** A row of `releases`. */
export const releaseOf = (row: Row<'releases'>): ReleaseRow => ({
  subject: bytesOf(row.subject),
  name: row.name,
  amount: row.amount,
  order: bytesOf(row.release_order),
  timeS: row.time_s,
  transaction: row.transaction_id,
});

/** Refunds, claims and releases: money that comes back. */
function backOf(database: Database) {
  const refund = database.prepare<[...PaymentId, refundId: Uint8Array], Row<'refunds'>>(
    'SELECT * FROM refunds WHERE pku = ? AND shop = ? AND rs = ? AND refund_id = ?',
  );
  const refunded = database.prepare<PaymentId, { sum: number }>(
    'SELECT coalesce(sum(amount), 0) AS sum FROM refunds WHERE pku = ? AND shop = ? AND rs = ? AND undone_s IS NULL',
  );
  const addRefund = database.prepare(
    'INSERT INTO refunds (pku, shop, rs, refund_id, amount, refund, time_s, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const addRelease = database.prepare(
    'INSERT INTO releases (transaction_id, subject, name, amount, release_order, time_s) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const claim = database.prepare<PaymentId, Row<'claims'>>(
    'SELECT * FROM claims WHERE pku = ? AND shop = ? AND rs = ?',
  );
  const putClaim =
    database.prepare(`INSERT INTO claims (pku, shop, rs, amount, history, opened_s, due_s, granted_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (pku, shop, rs) DO UPDATE SET granted_s = excluded.granted_s WHERE granted_s IS NULL`);
  const open = database.prepare<[shop: string], { count: number }>(
    'SELECT count(*) AS count FROM claims WHERE shop = ? AND granted_s IS NULL AND NOT EXISTS (SELECT 1 FROM histories h WHERE h.pku = claims.pku AND h.shop = claims.shop AND h.rs = claims.rs)',
  );
  return {
    refund(pku, shop, rs, refundId) {
      const row = refund.get(pku, shop, rs, refundId);
      if (!row) return null;
      return {
        ...paymentOf(row),
        refundId: bytesOf(row.refund_id),
        refund: bytesOf(row.refund),
        timeS: row.time_s,
        transaction: row.transaction_id,
        undoneS: row.undone_s,
      };
    },
    refunded: (pku, shop, rs) => refunded.get(pku, shop, rs)!.sum,
    addRefund: (row) =>
      void addRefund.run(row.pku, row.shop, row.rs, row.refundId, row.amount, row.refund, row.timeS, row.transaction),
    claim(pku, shop, rs) {
      const row = claim.get(pku, shop, rs);
      return row
        ? {
            ...paymentOf(row),
            history: bytesOf(row.history),
            openedS: row.opened_s,
            dueS: row.due_s,
            grantedS: row.granted_s,
          }
        : null;
    },
    putClaim: (row) =>
      void putClaim.run(row.pku, row.shop, row.rs, row.amount, row.history, row.openedS, row.dueS, row.grantedS),
    addRelease: (row) => void addRelease.run(row.transaction, row.subject, row.name, row.amount, row.order, row.timeS),
    // A bank's requests, and an issuer's pseudonyms with a name: their own stores say otherwise.
    openRequests: () => 0,
    countersOf: () => 0,
    openClaims: (shop) => open.get(shop)!.count,
  } satisfies Partial<AccountStore>;
}

/** Money that left accounts. */
function payoutsOf(database: Database) {
  const add = database.prepare(
    'INSERT INTO payouts (transaction_id, name, amount, reference, operator, time_s) VALUES (?, ?, ?, ?, ?, ?)',
  );
  return {
    addPayout: (row) => void add.run(row.transaction, row.name, row.amount, row.reference, row.operator, row.timeS),
  } satisfies Partial<AccountStore>;
}

/** Names that were given out. */
export function tracesOf(database: Database) {
  const addTrace = database.prepare(
    'INSERT INTO traces (pku, operator, why, ebc, name, proof, time_s, trace_order) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const traces = database.prepare<[], Row<'traces'>>('SELECT * FROM traces ORDER BY id');
  return {
    addTrace: (row) =>
      void addTrace.run(row.pku, row.operator, row.why, row.ebc, row.name, row.proof, row.timeS, row.order),
    traces: () =>
      traces.all().map((row) => ({
        pku: bytesOf(row.pku),
        operator: row.operator,
        why: row.why,
        ebc: row.ebc,
        name: row.name,
        proof: row.proof,
        timeS: row.time_s,
        order: bytesOf(row.trace_order),
      })),
  } satisfies Pick<AccountStore, 'addTrace' | 'traces'>;
}

/** Operators' acts by their request ids. */
export function operatorsOf(database: Database) {
  const request = database.prepare<[id: Uint8Array], Row<'operator_requests'>>(
    'SELECT * FROM operator_requests WHERE id = ?',
  );
  const addRequest = database.prepare(
    'INSERT INTO operator_requests (id, operator_key, signed, signature, reply, time_s, role) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const all = database.prepare<[], Row<'operators'>>('SELECT * FROM operators ORDER BY id');
  const add = database.prepare(
    'INSERT INTO operators (key, name, role, act_limit, epoch, added_s, added_by) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const confirm = database.prepare('UPDATE operators SET epoch = ?, act_limit = ? WHERE key = ? AND removed_s IS NULL');
  const remove = database.prepare(
    'UPDATE operators SET removed_s = ?, removed_by = ? WHERE key = ? AND removed_s IS NULL',
  );
  return {
    operatorRequest(id) {
      const row = request.get(id);
      if (!row) return null;
      return {
        id: bytesOf(row.id),
        operatorKey: bytesOf(row.operator_key),
        signed: bytesOf(row.signed),
        signature: bytesOf(row.signature),
        reply: row.reply,
        timeS: row.time_s,
        role: row.role,
      };
    },
    addOperatorRequest: (row) =>
      void addRequest.run(row.id, row.operatorKey, row.signed, row.signature, row.reply, row.timeS, row.role),
    operators: () =>
      all.all().map((row) => ({
        ...{ key: bytesOf(row.key), name: row.name, role: row.role, limit: row.act_limit, epoch: row.epoch },
        ...{ addedS: row.added_s, addedBy: row.added_by, removedS: row.removed_s, removedBy: row.removed_by },
      })),
    addOperator: (row) => void add.run(row.key, row.name, row.role, row.limit, row.epoch, row.addedS, row.addedBy),
    confirmOperator: (key, epoch, limit) => void confirm.run(epoch, limit, key),
    removeOperator: (key, timeS, by) => void remove.run(timeS, by, key),
  } satisfies OperatorStore;
}
