/**
 * The bank's store on SQLite: requests of its customers, and what the issuer has got back, beside accounts and ledger.
 */
import { ownedRequest, REQUEST } from '../../../firmware/wire/request.js';
import { claimBooks, openStoreDatabase, type StoreOptions } from './sqlite-books.js';
import { accountStoreOf, historyOf, releaseOf } from './sqlite-accounts.js';
import { BANK_MIGRATIONS } from './sqlite-schema.js';
import { creditEngineOf } from './sqlite-credits.js';
import { bytesOf, type Database } from '../../base/sqlite/database.js';
import type { BankRequestRow, BankStore, Books } from '../store.js';
import type { Row } from '../table-rows.js';

const OWN_SUMS = `SELECT (SELECT coalesce(sum(amount), 0) FROM requests WHERE state = 'pending') AS drawsPending,
  (SELECT coalesce(sum(amount), 0) FROM requests WHERE kind = ${REQUEST.coupon} AND state = 'done') AS couponsSigned,
  (SELECT coalesce(sum(amount), 0) FROM histories WHERE return_code IS NOT 'OK') AS unreturned`;

/**
 * Opens or makes the bank's database. @param path a file, or ':memory:'
 * @throws TapcashError DATABASE_*, and KEY_MISMATCH where the file belongs to other books
 */
export function openBankStore(path: string, books: Books, options: StoreOptions = {}): BankStore {
  const database = openStoreDatabase(path, 'bank', BANK_MIGRATIONS, options);
  try {
    claimBooks(database, books);
    return {
      ...accountStoreOf(database, OWN_SUMS),
      ...creditEngineOf(database, false),
      ...requestsOf(database),
      ...returnsOf(database),
    };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

const NO_HASH = new Uint8Array(0);

/** Requests of customers. */
function requestsOf(database: Database) {
  const find = database.prepare<[hash: Uint8Array], Row<'requests'>>('SELECT * FROM requests WHERE hash = ?');
  const add = database.prepare(
    `INSERT INTO requests (hash, name, kind, amount, owned, state, message, message_signature, draw_id, time_s) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?)`,
  );
  const end = database.prepare(
    `UPDATE requests SET state = ?, reply = ?, reply_signature = ?, boxes = ?, drawback_id = ? WHERE hash = ? AND state = 'pending'`,
  );
  const pending = database.prepare<[timeS: number, hash: Uint8Array, limit: number], Row<'requests'>>(
    `SELECT * FROM requests WHERE state = 'pending' AND (time_s, hash) > (?, ?) ORDER BY time_s, hash LIMIT ?`,
  );
  const open = database.prepare<[name: string], { count: number }>(
    `SELECT count(*) AS count FROM requests WHERE name = ? AND state = 'pending'`,
  );
  const registrations = database.prepare<[name: string], Pick<Row<'requests'>, 'owned'>>(
    `SELECT owned FROM requests WHERE name = ? AND kind = ${REQUEST.register} AND state = 'done' ORDER BY time_s`,
  );
  return {
    openRequests: (name) => open.get(name)!.count,
    request(hash) {
      const row = find.get(hash);
      return row ? requestOf(row) : null;
    },
    addRequest: (row) =>
      void add.run(
        row.hash,
        row.name,
        row.kind,
        row.amount,
        row.owned,
        row.message,
        row.messageSignature,
        row.draw,
        row.timeS,
      ),
    endRequest: (row) => void end.run(row.state, row.reply, row.replySignature, row.boxes, row.drawback, row.hash),
    registrationsOf: (name) => registrations.all(name).map(({ owned }) => ownedRequest.decode(bytesOf(owned))!.request),
    pendingRequests: (limit, after) => pending.all(after?.timeS ?? -1, after?.hash ?? NO_HASH, limit).map(requestOf),
  } satisfies Partial<BankStore>;
}

function requestOf(row: Row<'requests'>): BankRequestRow {
  return {
    hash: bytesOf(row.hash),
    name: row.name,
    kind: row.kind,
    amount: row.amount,
    owned: bytesOf(row.owned),
    state: row.state,
    message: bytesOf(row.message),
    messageSignature: bytesOf(row.message_signature),
    reply: bytesOf(row.reply),
    replySignature: bytesOf(row.reply_signature),
    boxes: bytesOf(row.boxes),
    draw: row.draw_id,
    drawback: row.drawback_id,
    timeS: row.time_s,
  };
}

/** What goes between bank and issuer beside requests: histories that are returned, releases, refunds undone. */
function returnsOf(database: Database) {
  const released = database.prepare<[order: Uint8Array], Row<'releases'>>(
    'SELECT * FROM releases WHERE release_order = ?',
  );
  const undo = database.prepare('UPDATE refunds SET undone_s = ? WHERE transaction_id = ? AND undone_s IS NULL');
  const unreturned = database.prepare<[after: number, limit: number], Row<'histories'>>(
    'SELECT * FROM histories WHERE returned_s IS NULL AND transaction_id > ? ORDER BY transaction_id LIMIT ?',
  );
  const setReturned = database.prepare(
    'UPDATE histories SET returned_s = ?, return_code = ? WHERE transaction_id = ? AND returned_s IS NULL',
  );
  return {
    releaseOf(order) {
      const row = released.get(order);
      return row ? releaseOf(row) : null;
    },
    undoRefund: (draw, timeS) => void undo.run(timeS, draw),
    unreturned: (limit, after = 0) => unreturned.all(after, limit).map(historyOf),
    setReturned: (transaction, timeS, code) => void setReturned.run(timeS, code, transaction),
  } satisfies Partial<BankStore>;
}
