/**
 * The issuer's store on SQLite: each method of `IssuerStore` is one or two statements.
 */
import { claimBooks } from './sqlite-books.js';
import { ISSUER_MIGRATIONS } from './sqlite-schema.js';
import { bytesOf, openDatabase, type Database, type DatabaseOptions } from './sqlite.js';
import type { Entry } from './rules.js';
import type { Books, IssuerStore, Numbers, TransactionKind } from './store.js';

/**
 * Opens or makes the issuer's database. @param path a file, or ':memory:'
 * @throws TapcashError DATABASE_*, and KEY_MISMATCH where the file belongs to other books
 */
export function openIssuerStore(path: string, books: Books, options: Pick<DatabaseOptions, 'busyTimeoutMs'> = {}): IssuerStore {
  const database = openDatabase(path, { ...options, migrations: ISSUER_MIGRATIONS });
  try {
    claimBooks(database, books);
    return { ...ledgerOf(database), ...accountsOf(database), ...evidenceOf(database), ...denialsOf(database), ...operatorsOf(database), ...lifeOf(database) };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** Transactions, check and close, the same for every store. */
export function lifeOf(database: Database) {
  // Meets no row and so writes nothing, but is refused where the file cannot be written; BEGIN IMMEDIATE alone is not.
  const touch = database.prepare(`UPDATE books SET value = value WHERE key = 'none'`);
  return {
    transaction: database.transaction,
    check: () => database.transaction(() => void touch.run()),
    close: database.close,
  };
}

function ledgerOf(database: Database) {
  const balanceOf = database.prepare('SELECT balance FROM balances WHERE account = ?');
  const addTransaction = database.prepare('INSERT INTO transactions (kind, time_s) VALUES (?, ?)');
  const addEntry = database.prepare('INSERT INTO entries (transaction_id, account, delta) VALUES (?, ?, ?)');
  const setBalance = database.prepare('INSERT INTO balances (account, balance) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET balance = excluded.balance');
  // Sums of one kind may pass 2^53 after a huge overspend; as REAL they are then near instead of an exception. `held` is exact.
  const sums = database.prepare(`SELECT coalesce(CAST(sum(balance) FILTER (WHERE account LIKE 'abc:%') AS REAL), 0) AS abc,
    coalesce(CAST(sum(balance) FILTER (WHERE account LIKE 'ebc:%') AS REAL), 0) AS ebc, coalesce(sum(balance), 0) AS held FROM balances WHERE account <> 'in'`);
  const counts = database.prepare(`SELECT
    (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM pseudonyms) AS pseudonyms, (SELECT count(*) FROM receipts) AS receipts,
    (SELECT count(*) FROM histories) AS histories, (SELECT count(*) FROM tombstones) AS tombstones,
    (SELECT count(*) FROM balances WHERE account LIKE 'ebc:%' AND balance < 0) AS overspent`);
  const balance = (account: string): number => balanceOf.get(account)?.balance ?? 0;
  return {
    balance,
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
      return database.transaction(() => {
        return { in: 0 - balance('in'), ...sums.get(), ...counts.get() };
      });
    },
  };
}

function accountsOf(database: Database) {
  const byName = database.prepare('SELECT * FROM accounts WHERE name = ?');
  const byKey = database.prepare('SELECT * FROM accounts WHERE account_key = ?');
  const add = database.prepare('INSERT INTO accounts (name, account_key, certificate, opened_s) VALUES (?, ?, ?, ?)');
  const pseudonym = database.prepare('SELECT * FROM pseudonyms WHERE pku = ?');
  const addPseudonym = database.prepare('INSERT INTO pseudonyms (pku, receipt_number) VALUES (?, 0) ON CONFLICT (pku) DO NOTHING');
  const bind = database.prepare('UPDATE pseudonyms SET name = ?, request = ? WHERE pku = ? AND name IS NULL');
  const terminalKey = database.prepare('SELECT key FROM terminals WHERE shop = ? AND terminal_id = ?');
  const addTerminal = database.prepare('INSERT INTO terminals (shop, terminal_id, key) VALUES (?, ?, ?)');
  const rowOf = (row: any) => row && { name: row.name, accountKey: bytesOf(row.account_key), certificate: bytesOf(row.certificate), openedS: row.opened_s };
  return {
    account: (name) => rowOf(byName.get(name)) ?? null,
    accountByKey: (key) => rowOf(byKey.get(key)) ?? null,
    addAccount: (row) => void add.run(row.name, row.accountKey, row.certificate, row.openedS),
    pseudonym(pku) {
      const row = pseudonym.get(pku);
      return row ? { pku: bytesOf(row.pku as Buffer), name: row.name, request: bytesOf(row.request), receiptNumber: row.receipt_number } : null;
    },
    addPseudonym: (pku) => void addPseudonym.run(pku),
    bindPseudonym: (pku, name, request) => void bind.run(name, request, pku),
    terminalKey: (shop, terminalId) => bytesOf(terminalKey.get(shop, terminalId)?.key ?? null),
    addTerminal: (shop, terminalId, key) => void addTerminal.run(shop, terminalId, key),
  } satisfies Partial<IssuerStore>;
}

function evidenceOf(database: Database) {
  const receipt = database.prepare('SELECT * FROM receipts WHERE pku = ? AND number = ?');
  const receiptsFrom = database.prepare('SELECT * FROM receipts WHERE pku = ? AND number >= ? ORDER BY number LIMIT ?');
  const addReceipt = database.prepare('INSERT INTO receipts (pku, number, kind, amount, name, receipt, request, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const setLast = database.prepare('UPDATE pseudonyms SET receipt_number = ? WHERE pku = ?');
  const history = database.prepare('SELECT * FROM histories WHERE pku = ? AND shop = ? AND rs = ?');
  const deposited = database.prepare('SELECT 1 FROM histories WHERE shop = ? AND rs = ? LIMIT 1');
  const addHistory = database.prepare('INSERT INTO histories (pku, shop, rs, amount, history, arrived_s, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?)');
  const latest = database.prepare('SELECT * FROM histories ORDER BY transaction_id DESC LIMIT ?');
  const tombstone = database.prepare('SELECT tombstone FROM tombstones WHERE shop = ? AND rs = ?');
  const addTombstone = database.prepare('INSERT INTO tombstones (shop, rs, tombstone, time_s) VALUES (?, ?, ?, ?)');
  const receiptOf = ({ pku, number, kind, amount, name, receipt, request, transaction_id }: any) => ({
    ...{ pku: bytesOf(pku as Buffer), number, kind, amount, name },
    ...{ receipt: bytesOf(receipt as Buffer), request: bytesOf(request as Buffer), transaction: transaction_id },
  });
  const historyOf = ({ pku, shop, rs, amount, history, arrived_s, transaction_id }: any) => ({
    ...{ pku: bytesOf(pku as Buffer), shop, rs: bytesOf(rs as Buffer), amount, history: bytesOf(history as Buffer) },
    ...{ arrivedS: arrived_s, transaction: transaction_id },
  });
  return {
    receipt(pku, number) {
      const row = receipt.get(pku, number);
      return row ? receiptOf(row) : null;
    },
    receiptsFrom: (pku, number, limit) => receiptsFrom.all(pku, number, limit).map(receiptOf),
    addReceipt(row) {
      addReceipt.run(row.pku, row.number, row.kind, row.amount, row.name, row.receipt, row.request, row.transaction);
      setLast.run(row.number, row.pku);
    },
    history(pku, shop, rs) {
      const row = history.get(pku, shop, rs);
      return row ? historyOf(row) : null;
    },
    latestHistories: (limit) => latest.all(limit).map(historyOf),
    isDeposited: (shop, rs) => deposited.get(shop, rs) !== undefined,
    addHistory: (row) => void addHistory.run(row.pku, row.shop, row.rs, row.amount, row.history, row.arrivedS, row.transaction),
    tombstone: (shop, rs) => bytesOf(tombstone.get(shop, rs)?.tombstone ?? null),
    addTombstone: (shop, rs, bytes, timeS) => void addTombstone.run(shop, rs, bytes, timeS),
  } satisfies Partial<IssuerStore>;
}

function denialsOf(database: Database) {
  const addOverspend = database.prepare('INSERT INTO overspends (transaction_id, pku, ebc, time_s) VALUES (?, ?, ?, ?)');
  const overspends = database.prepare(`SELECT * FROM overspends WHERE transaction_id IN (SELECT max(transaction_id) FROM overspends GROUP BY pku)
    AND (SELECT balance FROM balances WHERE account = 'ebc:' || lower(hex(pku))) < 0 ORDER BY transaction_id`);
  const denial = database.prepare('SELECT * FROM denials WHERE pku = ?');
  const put = database.prepare('INSERT INTO denials (pku, until_s, why, since_s) VALUES (?, ?, ?, ?) ON CONFLICT (pku) DO UPDATE SET until_s = excluded.until_s');
  const inForce = database.prepare('SELECT * FROM denials WHERE until_s IS NULL OR until_s > ? ORDER BY since_s, rowid');
  const newest = database.prepare('SELECT * FROM deny_lists ORDER BY version DESC LIMIT 1');
  const addList = database.prepare('INSERT INTO deny_lists (version, list) VALUES (?, ?)');
  const dropList = database.prepare('DELETE FROM deny_lists WHERE version = ?');
  const denialOf = (row: any) => ({ pku: bytesOf(row.pku as Buffer), untilS: row.until_s, why: row.why, sinceS: row.since_s });
  return {
    addOverspend: (row) => void addOverspend.run(row.transaction, row.pku, row.ebc, row.timeS),
    overspends: () => overspends.all().map((row) => ({ pku: bytesOf(row.pku as Buffer), ebc: row.ebc, timeS: row.time_s, transaction: row.transaction_id })),
    denial(pku) {
      const row = denial.get(pku);
      return row ? denialOf(row) : null;
    },
    putDenial: (row) => void put.run(row.pku, row.untilS, row.why, row.sinceS),
    denials: (nowS) => inForce.all(nowS).map(denialOf),
    denyList() {
      const row = newest.get();
      return row ? { version: row.version, list: bytesOf(row.list as Buffer) } : null;
    },
    addDenyList(version, list, replaces) {
      addList.run(version, list);
      if (replaces !== null) dropList.run(replaces);
    },
  } satisfies Partial<IssuerStore>;
}

function operatorsOf(database: Database) {
  const addTrace = database.prepare('INSERT INTO traces (pku, operator, why, ebc, name, proof, time_s) VALUES (?, ?, ?, ?, ?, ?, ?)');
  const traces = database.prepare('SELECT * FROM traces ORDER BY id');
  const request = database.prepare('SELECT * FROM operator_requests WHERE id = ?');
  const addRequest = database.prepare('INSERT INTO operator_requests (id, operator_key, signed, signature, reply, time_s) VALUES (?, ?, ?, ?, ?, ?)');
  return {
    addTrace: (row) => void addTrace.run(row.pku, row.operator, row.why, row.ebc, row.name, row.proof, row.timeS),
    traces: () =>
      traces.all().map((row) => ({ pku: bytesOf(row.pku as Buffer), operator: row.operator, why: row.why, ebc: row.ebc, name: row.name, proof: row.proof, timeS: row.time_s })),
    operatorRequest(id) {
      const row = request.get(id);
      if (!row) return null;
      return { id: bytesOf(row.id), operatorKey: bytesOf(row.operator_key), signed: bytesOf(row.signed), signature: bytesOf(row.signature), reply: row.reply, timeS: row.time_s };
    },
    addOperatorRequest: (row) => void addRequest.run(row.id, row.operatorKey, row.signed, row.signature, row.reply, row.timeS),
  } satisfies Partial<IssuerStore>;
}
