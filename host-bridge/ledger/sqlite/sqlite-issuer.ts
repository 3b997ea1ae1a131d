/**
 * The issuer's store on SQLite: what it has beside accounts and ledger. Each method of `IssuerStore` is one or two
 * statements.
 */
import { claimBooks, openStoreDatabase, type StoreOptions } from './sqlite-books.js';
import { accountStoreOf, releaseOf } from './sqlite-accounts.js';
import { ISSUER_MIGRATIONS } from './sqlite-schema.js';
import { creditEngineOf } from './sqlite-credits.js';
import { bytesOf, type Database } from '../../base/sqlite/database.js';
import type { Books, CouponKeysRow, DenialRow, IssuerStore, ReceiptRow, SharedKeyRow } from '../store.js';
import type { Row } from '../table-rows.js';

const OWN_SUMS = `SELECT (SELECT count(*) FROM pseudonyms) AS pseudonyms, (SELECT count(*) FROM receipts) AS receipts,
  (SELECT coalesce(sum(amount), 0) FROM coupons) AS couponsRedeemed`;

/**
 * Opens or makes the issuer's database. @param path a file, or ':memory:'
 * @throws TapcashError DATABASE_*, and KEY_MISMATCH where the file belongs to other books
 */
export function openIssuerStore(path: string, books: Books, options: StoreOptions = {}): IssuerStore {
  const database = openStoreDatabase(path, 'issuer', ISSUER_MIGRATIONS, options);
  try {
    claimBooks(database, books);
    return {
      ...accountStoreOf(database, OWN_SUMS),
      ...creditEngineOf(database, true),
      ...pseudonymsOf(database),
      ...receiptsOf(database),
      ...denialsOf(database),
      ...denyListsOf(database),
      ...terminalNoticesOf(database),
      ...sharedKeysOf(database),
      ...lossesOf(database),
      ...repliesOf(database),
      ...couponsOf(database),
    };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

function pseudonymsOf(database: Database) {
  const pseudonym = database.prepare<[pku: Uint8Array], Row<'pseudonyms'>>('SELECT * FROM pseudonyms WHERE pku = ?');
  const add = database.prepare(
    'INSERT INTO pseudonyms (pku, counter, receipt_number) VALUES (?, ?, 0) ON CONFLICT (pku) DO NOTHING',
  );
  const bind = database.prepare('UPDATE pseudonyms SET name = ?, request = ? WHERE pku = ? AND name IS NULL');
  const sumOf = database.prepare<[name: string], { sum: number }>(
    `SELECT coalesce(sum(b.balance), 0) AS sum FROM pseudonyms p JOIN balances b ON b.account = 'ebc:' || lower(hex(p.pku)) WHERE p.name = ?`,
  );
  const ofCounter = database.prepare<[counter: Uint8Array], Pick<Row<'pseudonyms'>, 'pku'>>(
    'SELECT pku FROM pseudonyms WHERE counter = ? ORDER BY pku',
  );
  const out = database.prepare<[after: string, limit: number], { pku: Buffer; ebc: number }>(
    `SELECT p.pku AS pku, b.balance AS ebc FROM balances b
    JOIN pseudonyms p ON p.pku = unhex(substr(b.account, 5))
    WHERE b.account > 'ebc:' || ? AND b.account < 'ebc;' AND b.balance > 0 ORDER BY b.account LIMIT ?`,
  );
  const lastHistory = database.prepare<[counter: Uint8Array], Pick<Row<'histories'>, 'history'>>(
    `SELECT h.history FROM histories h JOIN pseudonyms p ON p.pku = h.pku WHERE p.counter = ?
    ORDER BY h.arrived_s DESC, h.transaction_id DESC LIMIT 1`,
  );
  return {
    countersOut: (limit, after) => out.all(after, limit).map((row) => ({ ...row, pku: bytesOf(row.pku) })),
    lastHistoryOf: (counter) => bytesOf(lastHistory.get(counter)?.history ?? null),
    pseudonym(pku) {
      const row = pseudonym.get(pku);
      return row
        ? {
            pku: bytesOf(row.pku),
            counter: bytesOf(row.counter),
            name: row.name,
            request: bytesOf(row.request),
            receiptNumber: row.receipt_number,
          }
        : null;
    },
    addPseudonym: (pku, counter = pku) => void add.run(pku, counter),
    pseudonymsOfCounter: (counter) => ofCounter.all(counter).map((row) => bytesOf(row.pku)),
    countersOf: (name) => sumOf.get(name)!.sum,
    bindPseudonym: (pku, name, request) => void bind.run(name, request, pku),
  } satisfies Partial<IssuerStore>;
}

function receiptsOf(database: Database) {
  const receipt = database.prepare<[pku: Uint8Array, number: number], Row<'receipts'>>(
    'SELECT * FROM receipts WHERE pku = ? AND number = ?',
  );
  const receiptsFrom = database.prepare<[pku: Uint8Array, number: number, limit: number], Row<'receipts'>>(
    'SELECT * FROM receipts WHERE pku = ? AND number >= ? ORDER BY number LIMIT ?',
  );
  const addReceipt = database.prepare(
    'INSERT INTO receipts (pku, number, kind, amount, name, receipt, request, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const setLast = database.prepare('UPDATE pseudonyms SET receipt_number = ? WHERE pku = ?');
  const receiptOf = (row: Row<'receipts'>): ReceiptRow => ({
    pku: bytesOf(row.pku),
    number: row.number,
    kind: row.kind,
    amount: row.amount,
    name: row.name,
    receipt: bytesOf(row.receipt),
    request: bytesOf(row.request),
    transaction: row.transaction_id,
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
  } satisfies Partial<IssuerStore>;
}

function denialsOf(database: Database) {
  const addOverspend = database.prepare(
    'INSERT INTO overspends (transaction_id, pku, ebc, time_s) VALUES (?, ?, ?, ?)',
  );
  const firstOverspend = database.prepare<[counter: Uint8Array], { first: number | null }>(
    'SELECT min(transaction_id) AS first FROM overspends WHERE pku = ?',
  );
  const overspends = database.prepare<
    [],
    Row<'overspends'>
  >(`SELECT * FROM overspends WHERE transaction_id IN (SELECT max(transaction_id) FROM overspends GROUP BY pku)
    AND (SELECT balance FROM balances WHERE account = 'ebc:' || lower(hex(pku))) < 0 ORDER BY transaction_id`);
  const denial = database.prepare<[pku: Uint8Array], Row<'denials'>>('SELECT * FROM denials WHERE pku = ?');
  const put = database.prepare(
    'INSERT INTO denials (pku, until_s, why, since_s) VALUES (?, ?, ?, ?) ON CONFLICT (pku) DO UPDATE SET until_s = excluded.until_s',
  );
  const inForce = database.prepare<[nowS: number], Row<'denials'>>(
    'SELECT * FROM denials WHERE until_s IS NULL OR until_s > ? ORDER BY since_s, rowid',
  );
  const countInForce = database.prepare<[nowS: number], { count: number }>(
    'SELECT count(*) AS count FROM denials WHERE until_s IS NULL OR until_s > ?',
  );
  const denialOf = (row: Row<'denials'>): DenialRow => ({
    pku: bytesOf(row.pku),
    untilS: row.until_s,
    why: row.why,
    sinceS: row.since_s,
  });
  return {
    addOverspend: (row) => void addOverspend.run(row.transaction, row.pku, row.ebc, row.timeS),
    firstOverspend: (counter) => firstOverspend.get(counter)?.first ?? null,
    overspends: () =>
      overspends.all().map((row) => ({
        pku: bytesOf(row.pku),
        ebc: row.ebc,
        timeS: row.time_s,
        transaction: row.transaction_id,
      })),
    denial(pku) {
      const row = denial.get(pku);
      return row ? denialOf(row) : null;
    },
    putDenial: (row) => void put.run(row.pku, row.untilS, row.why, row.sinceS),
    denials: (nowS) => inForce.all(nowS).map(denialOf),
    denialCount: (nowS) => countInForce.get(nowS)!.count,
  } satisfies Partial<IssuerStore>;
}

/** Versions of the deny list. */
function denyListsOf(database: Database) {
  const newest = database.prepare<[], Row<'deny_lists'>>('SELECT * FROM deny_lists ORDER BY version DESC LIMIT 1');
  const listsAfter = database.prepare<[version: number, limit: number], Row<'deny_lists'>>(
    'SELECT * FROM deny_lists WHERE version > ? ORDER BY version LIMIT ?',
  );
  const addList = database.prepare('INSERT INTO deny_lists (version, list) VALUES (?, ?)');
  const dropList = database.prepare('DELETE FROM deny_lists WHERE version = ?');
  return {
    denyListsAfter: (version, limit) =>
      listsAfter.all(version, limit).map((row) => ({ version: row.version, list: bytesOf(row.list) })),
    denyList() {
      const row = newest.get();
      return row ? { version: row.version, list: bytesOf(row.list) } : null;
    },
    addDenyList(version, list, replaces) {
      addList.run(version, list);
      if (replaces !== null) dropList.run(replaces);
    },
  } satisfies Partial<IssuerStore>;
}

/** What was said of terminals. */
function terminalNoticesOf(database: Database) {
  const newest = database.prepare<[terminalId: Uint8Array], Row<'terminal_notices'>>(
    'SELECT * FROM terminal_notices WHERE terminal_id = ? ORDER BY time_s DESC LIMIT 1',
  );
  const add = database.prepare(
    'INSERT INTO terminal_notices (terminal_id, time_s, retired, operator, why, notice) VALUES (?, ?, ?, ?, ?, ?)',
  );
  return {
    terminalNotice(terminalId) {
      const row = newest.get(terminalId);
      if (!row) return null;
      const { time_s: timeS, operator, why } = row;
      return { terminalId, timeS, retired: row.retired === 1, operator, why, notice: bytesOf(row.notice) };
    },
    addTerminalNotice: ({ terminalId, timeS, retired, operator, why, notice }) =>
      void add.run(terminalId, timeS, retired ? 1 : 0, operator, why, notice),
  } satisfies Partial<IssuerStore>;
}

/** Registered sets under their KIDs. */
function sharedKeysOf(database: Database) {
  const byKid = database.prepare<[kid: Uint8Array], Row<'shared_keys'>>('SELECT * FROM shared_keys WHERE kid = ?');
  const byCounter = database.prepare<[counter: Uint8Array], Row<'shared_keys'>>(
    'SELECT * FROM shared_keys WHERE counter = ? ORDER BY time_s DESC LIMIT 1',
  );
  const add = database.prepare(
    'INSERT INTO shared_keys (kid, k, counter, sequence, registration, time_s) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const byRegistration = database.prepare<[registration: Uint8Array], Pick<Row<'shared_keys'>, 'counter'>>(
    'SELECT counter FROM shared_keys WHERE registration = ?',
  );
  const setSequence = database.prepare('UPDATE shared_keys SET sequence = ? WHERE kid = ?');
  const keyOf = (row: Row<'shared_keys'>): SharedKeyRow => ({
    kid: bytesOf(row.kid),
    k: bytesOf(row.k),
    counter: bytesOf(row.counter),
    sequence: row.sequence,
    registration: bytesOf(row.registration),
    timeS: row.time_s,
  });
  return {
    sharedKey(kid) {
      const row = byKid.get(kid);
      return row ? keyOf(row) : null;
    },
    sharedKeyOfCounter(counter) {
      const row = byCounter.get(counter);
      return row ? keyOf(row) : null;
    },
    addSharedKey: (row) => void add.run(row.kid, row.k, row.counter, row.sequence, row.registration, row.timeS),
    counterOfRegistration: (registration) => bytesOf(byRegistration.get(registration)?.counter ?? null),
    setSequence: (kid, sequence) => void setSequence.run(sequence, kid),
  } satisfies Partial<IssuerStore>;
}

/** Lost tokens, and what was left of them. */
function lossesOf(database: Database) {
  const loss = database.prepare<[counter: Uint8Array], Row<'losses'>>('SELECT * FROM losses WHERE counter = ?');
  const addLoss = database.prepare(
    'INSERT INTO losses (counter, operator, why, since_s, due_s) VALUES (?, ?, ?, ?, ?)',
  );
  const lastRelease = database.prepare<[subject: Uint8Array], Row<'releases'>>(
    'SELECT * FROM releases WHERE subject = ? ORDER BY transaction_id DESC LIMIT 1',
  );
  return {
    loss(counter) {
      const row = loss.get(counter);
      return row
        ? {
            counter: bytesOf(row.counter),
            operator: row.operator,
            why: row.why,
            sinceS: row.since_s,
            dueS: row.due_s,
          }
        : null;
    },
    addLoss: (row) => void addLoss.run(row.counter, row.operator, row.why, row.sinceS, row.dueS),
    lastRelease(counter) {
      const row = lastRelease.get(counter);
      return row ? releaseOf(row) : null;
    },
  } satisfies Partial<IssuerStore>;
}

/** Final replies. */
function repliesOf(database: Database) {
  const reply = database.prepare<[messageHash: Uint8Array], Row<'replies'>>(
    'SELECT * FROM replies WHERE message_hash = ?',
  );
  const taken = database.prepare<[id: Uint8Array], { 1: 1 }>('SELECT 1 FROM replies WHERE id = ?');
  const addReply = database.prepare(
    'INSERT INTO replies (message_hash, id, message, message_signature, reply, reply_signature, boxes, time_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  return {
    reply(messageHash) {
      const row = reply.get(messageHash);
      if (!row) return null;
      return {
        messageHash: bytesOf(row.message_hash),
        id: bytesOf(row.id),
        message: bytesOf(row.message),
        messageSignature: bytesOf(row.message_signature),
        reply: bytesOf(row.reply),
        replySignature: bytesOf(row.reply_signature),
        boxes: bytesOf(row.boxes),
        timeS: row.time_s,
      };
    },
    isTaken: (id) => taken.get(id) !== undefined,
    addReply: (row) =>
      void addReply.run(
        row.messageHash,
        row.id,
        row.message,
        row.messageSignature,
        row.reply,
        row.replySignature,
        row.boxes,
        row.timeS,
      ),
  } satisfies Partial<IssuerStore>;
}

function couponsOf(database: Database) {
  const coupon = database.prepare<[id: Uint8Array], Row<'coupons'>>('SELECT * FROM coupons WHERE id = ?');
  const addCoupon = database.prepare(
    'INSERT INTO coupons (id, prepared, amount, signature, transaction_id) VALUES (?, ?, ?, ?, ?)',
  );
  const keys = database.prepare<[], Row<'coupon_keys'>>('SELECT * FROM coupon_keys ORDER BY version DESC');
  const keysOf = (row: Row<'coupon_keys'>): CouponKeysRow => ({
    version: row.version,
    list: bytesOf(row.list),
    moduli: bytesOf(row.moduli),
  });
  const addKeys = database.prepare('INSERT INTO coupon_keys (version, list, moduli) VALUES (?, ?, ?)');
  return {
    coupon(id) {
      const row = coupon.get(id);
      return row
        ? {
            id: bytesOf(row.id),
            prepared: bytesOf(row.prepared),
            amount: row.amount,
            signature: bytesOf(row.signature),
            transaction: row.transaction_id,
          }
        : null;
    },
    addCoupon: (row) => void addCoupon.run(row.id, row.prepared, row.amount, row.signature, row.transaction),
    couponKeys() {
      const row = keys.get();
      return row ? keysOf(row) : null;
    },
    allCouponKeys: () => keys.all().map(keysOf),
    addCouponKeys: (version, list, moduli) => void addKeys.run(version, list, moduli),
  } satisfies Partial<IssuerStore>;
}
