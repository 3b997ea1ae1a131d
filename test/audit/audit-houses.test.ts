/**
 * The audit of two and three houses finds every kind of damage. Each row of the tables plants one in a copy of a
 * database, past all constraints, and names what the audit must say. Scheme 1's own tables are in audit.test.ts.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { packBoxes } from '../../firmware/wire/institutions.js';
import { ownedRequest, REQUEST } from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal } from '../../host-bridge/base/errors.js';
import { audit, type AuditReport } from '../../host-bridge/audit/audit.js';
import {
  bankSigner,
  createHouses,
  deposit,
  finish,
  register,
  returnAll,
  SHOP,
  terminal,
  traceOf,
  userOf,
  withdraw,
  type Houses,
} from '../houses/houses-rig.js';
import { flipped, good, issuerSigner, refundOf, rsOf, seedOf, START_S, tombstoneOf } from '../kit/people.js';
import { watchScans } from '../kit/query-plans.js';
import type { House } from '../../host-bridge/audit/audit-books.js';

const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const pathOf = (scheme: number, house: string, damaged = false) =>
  join(folder, `${damaged ? 'damaged-' : ''}${house}-${scheme}.db`);

/**
 * Books in which everything happened: cash issued, a receipt missed, requests refused for good, one still waiting for
 * the issuer, histories returned and not yet, a refund, a cancelled charge, an overspend and its trace; of coupons one
 * in hand.
 */
async function makeBooks(scheme: number): Promise<void> {
  let away = false;
  const houses = await createHouses(scheme, {
    folder,
    between: (issuer) => ({
      receive: async (message, signature) => (away ? refusal('SERVICE_DOWN') : issuer.receive(message, signature)),
      returnCash: (histories) => (away ? refusal('SERVICE_DOWN') : issuer.returnCash(histories)),
    }),
  });
  const n = Math.min(2, houses.scheme.pseudonymsMax);
  const [ada, bob] = [userOf(houses, 'Ada', 100, n), userOf(houses, 'Bob', 100, n)];
  for (const user of [ada, bob])
    expect([
      await register(houses, user),
      await withdraw(houses, user, 16, n - 1),
      await withdraw(houses, user, 5),
    ]).toEqual(['OK', 'OK', 'OK']);
  const depositary = houses.bank!;
  for (let i = 0; i < 3; i++) good(deposit(houses, bob.pay(SHOP, 2, rsOf(i), START_S, i % n)));
  good(deposit(houses, ada.pay(SHOP, 30, rsOf(10), START_S)));
  await returnAll(houses);
  good(traceOf(houses, ada.pku, 'overspent'));
  good(await depositary.refund(refundOf(terminal, bob.pku, SHOP, rsOf(0), 1, 1)));
  good(depositary.tombstone(tombstoneOf(terminal, SHOP, rsOf(20))));
  good(await depositary.claim(bob.pay(SHOP, 1, rsOf(20), START_S))); // its charge was cancelled
  // Refused for good, and drawn back.
  await refuse(houses, bob);
  away = true;
  good(deposit(houses, bob.pay(SHOP, 3, rsOf(11), START_S)));
  if (houses.scheme.issue === 'coupon') {
    await bob.startCoupon(10);
    expect(await finish(houses, bob)).toBe('OK');
  } else {
    await bob.startWithdrawal(7);
    expect(await finish(houses, bob)).toBe('SERVICE_DOWN');
  }
  houses.close();
  for (const house of ['issuer', 'bank', 'trustee'])
    if (house !== 'trustee' || houses.trustee) copyFileSync(join(folder, `${house}.db`), pathOf(scheme, house));
  for (const file of ['issuer.db', 'bank.db', 'trustee.db']) rmSync(join(folder, file), { force: true });
}

async function refuse(houses: Houses, bob: ReturnType<typeof userOf>): Promise<void> {
  const kind = { direct: 0, coupon: REQUEST.coupon, sealed: REQUEST.sealedIssue, keyed: REQUEST.keyedIssue }[
    houses.scheme.issue
  ];
  expect(good(await houses.bank!.request(bob.owned(kind, 10, new Uint8Array(256).fill(255)))).boxes).toEqual([]);
}

/** Damages copies of the databases of a scheme and audits them. */
function auditAfter(scheme: number, damage: (database: Sqlite.Database) => void, which: House = 'bank'): AuditReport {
  const hasTrustee = scheme <= 2;
  for (const house of ['issuer', 'bank', ...(hasTrustee ? ['trustee'] : [])])
    copyFileSync(pathOf(scheme, house), pathOf(scheme, house, true));
  const database = new Sqlite(pathOf(scheme, which, true));
  database.pragma('ignore_check_constraints = ON');
  database.pragma('foreign_keys = OFF');
  damage(database);
  database.close();
  const at = (house: string) => pathOf(scheme, house, true);
  return audit({
    issuerDatabase: at('issuer'),
    bankDatabase: at('bank'),
    ...(hasTrustee ? { trusteeDatabase: at('trustee') } : {}),
  });
}

const sql =
  (text: string, ...values: unknown[]) =>
  (database: Sqlite.Database) => {
    const { changes } = database.prepare(text).run(...values);
    if (changes === 0) throw new Error('the damage changed nothing');
  };
/** One column of one row, changed by a function. */
const turn =
  (
    table: string,
    column: string,
    where: string,
    change: (bytes: Uint8Array, database: Sqlite.Database) => Uint8Array,
  ) =>
  (database: Sqlite.Database) => {
    const key =
      table === 'requests'
        ? 'hash'
        : table === 'replies'
          ? 'message_hash'
          : table === 'coupons'
            ? 'id'
            : table === 'shared_keys'
              ? 'kid'
              : 'rowid';
    const row = database
      .prepare(`SELECT ${key} AS key, ${column} AS bytes FROM ${table} WHERE ${where} LIMIT 1`)
      .get() as { key: unknown; bytes: Buffer };
    database
      .prepare(`UPDATE ${table} SET ${column} = ? WHERE ${key} = ?`)
      .run(change(new Uint8Array(row.bytes), database), row.key);
  };
const bit = (at: number) => (bytes: Uint8Array) => flipped(bytes, at < 0 ? bytes.length + at : at);

const SCHEMES = [2, 3, 6];
beforeAll(async () => {
  for (const scheme of SCHEMES) await makeBooks(scheme);
});

test.each(SCHEMES)('scheme %i: sound books, in which something is on its way: nothing is broken', (scheme) => {
  const report = auditAfter(scheme, () => undefined);
  expect(report.broken).toEqual([]);
  expect(report).toMatchObject({ ok: true, in: 200, held: 200 });
  for (const table of [
    'entries',
    'accounts',
    'requests',
    'histories',
    'refunds',
    'claims',
    'tombstones',
    'terminals',
    'balances',
  ])
    expect([table, report.rows[`bank ${table}`]! > 0]).toEqual([table, true]);
  for (const table of [
    'receipts',
    'histories',
    'pseudonyms',
    'replies',
    'overspends',
    'denials',
    'traces',
    scheme === 2 ? 'coupons' : 'shared_keys',
  ])
    expect([table, report.rows[table]! > 0]).toEqual([table, true]);
});

test.each(SCHEMES)('scheme %i: what is asked for each row is looked up by an index', (scheme) => {
  const { result, queries, scans } = watchScans(() => auditAfter(scheme, () => {}));
  expect([result.broken, scans]).toEqual([[], []]);
  expect(queries).toBeGreaterThan(10);
});

test('the issuer alone can be audited, and a bank that belongs to another issuer is named', () => {
  auditAfter(3, () => undefined);
  expect(audit({ issuerDatabase: pathOf(3, 'issuer', true) }).broken).toEqual([]);
  copyFileSync(pathOf(6, 'bank'), pathOf(6, 'bank', true));
  const { broken } = audit({ issuerDatabase: pathOf(3, 'issuer', true), bankDatabase: pathOf(6, 'bank', true) });
  expect(broken).toContainEqual({ database: 'bank', table: 'books', row: 'scheme', problem: "is not the issuer's" });
});

type Damage = [
  schemes: number[],
  house: House,
  problem: RegExp,
  table: string,
  damage: (database: Sqlite.Database) => void,
];
/** The fifth has no row of its own here: it is the third's with the sixth's signatures. */
const [ALL, SEALED, COUPON, SIGNS, KEYED] = [[2, 6], [6], [2], [6], [6]];
const ISSUE = `kind IN (${REQUEST.sealedIssue}, ${REQUEST.keyedIssue})`;
const DONE = `${ISSUE} AND state = 'done'`;

const LEDGER: Damage[] = [
  [
    ALL,
    'bank',
    /sum to 0\.01 EUR, not 0/,
    'transactions',
    sql(`UPDATE entries SET delta = delta + 1 WHERE transaction_id = 1 AND account = 'in'`),
  ],
  [
    ALL,
    'bank',
    /are not a fund/,
    'transactions',
    sql(`UPDATE entries SET account = 'out' WHERE transaction_id = 1 AND account = 'in'`),
  ],
  [
    ALL,
    'bank',
    /are not a issue/,
    'transactions',
    sql(`UPDATE transactions SET kind = 'issue' WHERE id = (SELECT min(id) FROM transactions WHERE kind = 'draw')`),
  ],
  [
    ALL,
    'bank',
    /its request is about other accounts or another amount/,
    'transactions',
    sql(
      `UPDATE entries SET account = 'abc:Bob' WHERE account = 'abc:Ada' AND transaction_id = (SELECT min(id) FROM transactions WHERE kind = 'draw')`,
    ),
  ],
  [
    ALL,
    'bank',
    /has no request/,
    'transactions',
    sql(`DELETE FROM requests WHERE draw_id = (SELECT min(id) FROM transactions WHERE kind = 'draw')`),
  ],
  [
    ALL,
    'bank',
    /its history is about other accounts/,
    'transactions',
    sql(`UPDATE histories SET amount = amount + 1 WHERE transaction_id = (SELECT min(transaction_id) FROM histories)`),
  ],
  [
    ALL,
    'bank',
    /says 0\.01 EUR, its postings sum to/,
    'balances',
    sql(`UPDATE balances SET balance = 1 WHERE account = 'out'`),
  ],
  [ALL, 'bank', /belongs to no account/, 'balances', sql(`UPDATE balances SET account = 'bank' WHERE account = 'out'`)],
  [
    ALL,
    'issuer',
    /are not a issue/,
    'transactions',
    sql(`UPDATE entries SET account = 'in' WHERE account = 'bank' AND transaction_id = 1`),
  ],
  [
    ALL,
    'issuer',
    /its receipt is about other accounts/,
    'transactions',
    sql(`UPDATE receipts SET amount = amount + 1 WHERE transaction_id = 1`),
  ],
  [
    ALL,
    'issuer',
    /has no history/,
    'transactions',
    sql(`DELETE FROM histories WHERE transaction_id = (SELECT min(transaction_id) FROM histories)`),
  ],
  [ALL, 'issuer', /without an overspend record/, 'transactions', sql('DELETE FROM overspends')],
  [ALL, 'issuer', /belongs to the bank/, 'accounts', sql(`INSERT INTO accounts (name, opened_s) VALUES ('Ada', 1)`)],
];

const REQUESTS: Damage[] = [
  [
    ALL,
    'bank',
    /request does not decode/,
    'requests',
    turn('requests', 'owned', `kind <> ${REQUEST.refund} AND kind <> ${REQUEST.reconcile}`, () => new Uint8Array(3)),
  ],
  [
    ALL,
    'bank',
    /request says other than its row/,
    'requests',
    sql(`UPDATE requests SET name = 'Bob' WHERE name = 'Ada'`),
  ],
  [
    ALL,
    'bank',
    /request says other than its row/,
    'requests',
    sql(
      `UPDATE requests SET amount = amount + 1 WHERE hash = (SELECT hash FROM requests WHERE name = 'Ada' AND amount > 0 LIMIT 1)`,
    ),
  ],
  [ALL, 'bank', /not signed by the account's key/, 'requests', turn('requests', 'owned', `name = 'Ada'`, bit(0))],
  [
    ALL,
    'bank',
    /names another key than its account has/,
    'requests',
    sql(`UPDATE accounts SET account_key = ? WHERE name = 'Ada'`, seedOf('other')),
  ],
  [
    ALL,
    'bank',
    /of a kind that this scheme does not have/,
    'requests',
    sql(`UPDATE requests SET kind = 99 WHERE hash = (SELECT hash FROM requests WHERE name = 'Ada' LIMIT 1)`),
  ],
  [
    ALL,
    'bank',
    /was never drawn/,
    'requests',
    sql(
      `UPDATE requests SET draw_id = NULL WHERE hash = (SELECT hash FROM requests WHERE amount > 0 AND name = 'Ada' LIMIT 1)`,
    ),
  ],
  [
    ALL,
    'bank',
    /was refused and never drawn back/,
    'requests',
    sql(`UPDATE requests SET drawback_id = NULL WHERE drawback_id IS NOT NULL`),
  ],
  [
    ALL,
    'bank',
    /drawn back though it was not refused/,
    'requests',
    sql(`UPDATE requests SET state = 'done' WHERE drawback_id IS NOT NULL`),
  ],
  [
    SEALED,
    'bank',
    /was drawn for nothing/,
    'requests',
    sql(`UPDATE requests SET draw_id = 2 WHERE kind = ${REQUEST.register} AND name = 'Ada'`),
  ],
  [SEALED, 'bank', /another message went to the issuer/, 'requests', turn('requests', 'message', ISSUE, bit(-1))],
  [
    COUPON,
    'bank',
    /a coupon went to the issuer/,
    'requests',
    sql(`UPDATE requests SET message = x'00' WHERE kind = ${REQUEST.coupon}`),
  ],
  [SIGNS, 'bank', /is not signed by SKB/, 'requests', turn('requests', 'message_signature', ISSUE, bit(0))],
  [
    SIGNS,
    'bank',
    /is not signed by SKB/,
    'requests',
    turn('requests', 'message_signature', ISSUE, (_, database) =>
      bankSigner.sign(
        SIGNED.issuerReply,
        (database.prepare(`SELECT message FROM requests WHERE ${ISSUE} LIMIT 1`).get() as { message: Buffer }).message,
      ),
    ),
  ],
  [
    [3],
    'bank',
    /SKB stands where the scheme has none/,
    'requests',
    sql(`UPDATE requests SET message_signature = x'00' WHERE ${DONE}`),
  ],
  [
    SEALED,
    'bank',
    /waits though it has a reply/,
    'requests',
    sql(`UPDATE requests SET state = 'pending' WHERE ${DONE}`),
  ],
  [SEALED, 'bank', /boxes do not decode/, 'requests', sql(`UPDATE requests SET boxes = x'00' WHERE ${DONE}`)],
  [SEALED, 'bank', /boxes are not those of the reply/, 'requests', turn('requests', 'boxes', DONE, bit(-1))],
  [SEALED, 'bank', /reply does not decode/, 'requests', sql(`UPDATE requests SET reply = x'00' WHERE ${DONE}`)],
  [SEALED, 'bank', /reply is to another message/, 'requests', turn('requests', 'reply', DONE, bit(1))],
  [SEALED, 'bank', /is done, the reply says/, 'requests', turn('requests', 'reply', DONE, bit(0))],
  [SIGNS, 'bank', /is not signed by SKI/, 'requests', turn('requests', 'reply_signature', DONE, bit(0))],
  [
    SEALED,
    'bank',
    /has a reply that the issuer never gave/,
    'requests',
    (database) => {
      database.prepare('ATTACH ? AS issuer').run(pathOf(6, 'issuer', true));
      sql(
        'DELETE FROM issuer.replies WHERE message_hash IN (SELECT message_hash FROM issuer.replies WHERE length(id) = 12 LIMIT 1)',
      )(database);
    },
  ],
  [ALL, 'bank', /belongs to no refund/, 'requests', sql('DELETE FROM refunds')],
  [ALL, 'bank', /belongs to no claim/, 'requests', sql('DELETE FROM claims')],
  [
    COUPON,
    'bank',
    /one blind signature/,
    'requests',
    sql(`UPDATE requests SET boxes = x'' WHERE kind = ${REQUEST.coupon} AND state = 'done'`),
  ],
  [
    COUPON,
    'bank',
    /blind signature is not by the bank's key/,
    'requests',
    turn('requests', 'boxes', `kind = ${REQUEST.coupon} AND state = 'done'`, () => packBoxes([new Uint8Array(256)])),
  ],
  [
    COUPON,
    'bank',
    /blind signature is not by the bank's key/,
    'requests',
    turn('requests', 'boxes', `kind = ${REQUEST.coupon} AND state = 'done'`, bit(-1)),
  ],
];

const REPLIES: Damage[] = [
  [ALL, 'issuer', /reply does not decode/, 'replies', sql(`UPDATE replies SET reply = x'00'`)],
  [SEALED, 'issuer', /message does not decode/, 'replies', sql(`UPDATE replies SET message = x'00'`)],
  [ALL, 'issuer', /reply is to another message/, 'replies', turn('replies', 'message', 'length(id) = 16', bit(-1))],
  [
    ALL,
    'issuer',
    /boxes are not those of the reply/,
    'replies',
    turn('replies', 'boxes', 'length(boxes) > 0', bit(-1)),
  ],
  [ALL, 'issuer', /without taking an id/, 'replies', sql('UPDATE replies SET id = NULL WHERE length(boxes) > 0')],
  [KEYED, 'issuer', /another KID or sequence/, 'replies', turn('replies', 'id', 'length(id) = 12', bit(11))],
  [SIGNS, 'issuer', /is not signed by SKB/, 'replies', turn('replies', 'message_signature', 'length(id) = 12', bit(0))],
  [SIGNS, 'issuer', /is not signed by SKI/, 'replies', turn('replies', 'reply_signature', 'length(id) = 12', bit(0))],
  [
    SIGNS,
    'issuer',
    /is not signed by SKI/,
    'replies',
    turn('replies', 'reply_signature', 'length(id) = 12', (_, database) =>
      issuerSigner.sign(
        SIGNED.bankMessage,
        (database.prepare('SELECT reply FROM replies WHERE length(id) = 12 LIMIT 1').get() as { reply: Buffer }).reply,
      ),
    ),
  ],
  [[3], 'issuer', /SKI stands where the scheme has none/, 'replies', sql(`UPDATE replies SET reply_signature = x'00'`)],
  [
    SEALED,
    'issuer',
    /^grant \d+\.\d\d EUR, and \d+\.\d\d EUR was issued$/,
    'replies',
    sql(`DELETE FROM transactions WHERE id = (SELECT min(id) FROM transactions WHERE kind = 'issue')`),
  ],
  [
    SEALED,
    'issuer',
    /a request that the bank does not have/,
    'replies',
    (database) => {
      database.prepare('ATTACH ? AS bank').run(pathOf(6, 'bank', true));
      sql(`DELETE FROM bank.requests WHERE hash = (SELECT hash FROM bank.requests WHERE ${DONE} LIMIT 1)`)(database);
    },
  ],
  [KEYED, 'issuer', /says sequence 9, its replies are 1, 2/, 'shared_keys', sql('UPDATE shared_keys SET sequence = 9')],
  [
    KEYED,
    'issuer',
    /K is kept where the scheme has none, or is missing/,
    'shared_keys',
    sql('UPDATE shared_keys SET k = NULL'),
  ],
  [
    [3],
    'issuer',
    /K is kept where the scheme has none, or is missing/,
    'shared_keys',
    sql('UPDATE shared_keys SET k = ?', new Uint8Array(16)),
  ],
  [
    SEALED,
    'issuer',
    /its registration was never granted/,
    'shared_keys',
    turn('shared_keys', 'registration', 'true', bit(5)),
  ],
  [SEALED, 'issuer', /belongs to no set/, 'shared_keys', sql('DELETE FROM pseudonyms')],
  [SEALED, 'issuer', /was never registered/, 'pseudonyms', sql('DELETE FROM shared_keys')],
  [
    SEALED,
    'issuer',
    /a name that this issuer cannot know/,
    'pseudonyms',
    sql(`UPDATE pseudonyms SET name = 'Ada', request = x'00'`),
  ],
  [
    KEYED,
    'issuer',
    /receipts beside those of its set/,
    'pseudonyms',
    (database) => {
      const { pku } = database.prepare('SELECT pku FROM pseudonyms WHERE pku <> counter LIMIT 1').get() as {
        pku: Buffer;
      };
      sql('UPDATE receipts SET pku = ?, number = 1 WHERE rowid = (SELECT max(rowid) FROM receipts)', pku)(database);
      sql('UPDATE pseudonyms SET receipt_number = 1 WHERE pku = ?', pku)(database);
    },
  ],
  [
    KEYED,
    'issuer',
    /spends the counter of a pseudonym that has none/,
    'pseudonyms',
    sql('UPDATE pseudonyms SET counter = ? WHERE pku <> counter', seedOf('nobody')),
  ],
  [
    ALL,
    'issuer',
    /receipt says other than its row/,
    'receipts',
    sql('UPDATE receipts SET kind = 2 WHERE transaction_id = 1'),
  ],
  [
    ALL,
    'issuer',
    /request for the receipt does not decode/,
    'receipts',
    sql(`UPDATE receipts SET request = x'00' WHERE transaction_id = 1`),
  ],
  [
    ALL,
    'issuer',
    /request for the receipt is not signed by SKU/,
    'receipts',
    turn('receipts', 'request', 'transaction_id = 1', bit(0)),
  ],
  [
    ALL,
    'issuer',
    /for another pseudonym, number or amount/,
    'receipts',
    turn('receipts', 'request', 'transaction_id = 1', bit(64 + 42)),
  ],
  [
    ALL,
    'issuer',
    /for another issuer or currency/,
    'receipts',
    turn('receipts', 'request', 'transaction_id = 1', bit(64)),
  ],
  [COUPON, 'issuer', /another identity than its message/, 'coupons', turn('coupons', 'prepared', 'true', bit(0))],
  [
    COUPON,
    'issuer',
    /no receipt of its pseudonym and amount/,
    'coupons',
    sql('UPDATE coupons SET amount = 1 WHERE amount = 10'),
  ],
  [
    COUPON,
    'issuer',
    /not signed by the bank's key for its amount/,
    'coupons',
    turn('coupons', 'signature', 'true', bit(9)),
  ],
  [COUPON, 'issuer', /not signed by the bank's key for its amount/, 'coupons', sql('DELETE FROM coupon_keys')],
  [
    COUPON,
    'issuer',
    /were redeemed, the bank signed/,
    'coupons',
    (database) => {
      database.prepare('ATTACH ? AS bank').run(pathOf(2, 'bank', true));
      sql(`UPDATE bank.requests SET state = 'refused' WHERE kind = ${REQUEST.coupon} AND amount = 5`)(database);
    },
  ],
  [COUPON, 'issuer', /does not decode/, 'coupon_keys', sql(`UPDATE coupon_keys SET list = x'00'`)],
  [COUPON, 'issuer', /says other than its row/, 'coupon_keys', sql('UPDATE coupon_keys SET version = 5')],
  [
    COUPON,
    'issuer',
    /its moduli are not those of the list/,
    'coupon_keys',
    turn('coupon_keys', 'moduli', 'true', bit(-1)),
  ],
  [COUPON, 'issuer', /not signed by the issuer/, 'coupon_keys', turn('coupon_keys', 'list', 'true', bit(0))],
];

const BETWEEN: Damage[] = [
  [
    ALL,
    'bank',
    /2\.00 EUR was put in, 2\.01 EUR is held|2\.01 EUR was put in, 2\.00 EUR is held|2\.00 EUR was put in, 1\.99 EUR is held/,
    'entries',
    sql(`UPDATE entries SET delta = delta + 1 WHERE transaction_id = 1 AND account = 'abc:Ada'`),
  ],
  [
    ALL,
    'bank',
    /the issuer does not take it: LICENSE_INVALID/,
    'histories',
    sql(`UPDATE histories SET return_code = 'LICENSE_INVALID' WHERE returned_s IS NOT NULL`),
  ],
  [ALL, 'bank', /was returned without an answer/, 'histories', sql('UPDATE histories SET return_code = NULL')],
  [
    ALL,
    'bank',
    /was returned, and the issuer does not have it/,
    'histories',
    sql(`UPDATE histories SET return_code = 'OK', returned_s = 1 WHERE returned_s IS NULL`),
  ],
  [
    ALL,
    'bank',
    /is another than the one that the issuer has/,
    'histories',
    turn('histories', 'history', 'returned_s IS NOT NULL', bit(-1)),
  ],
  [
    ALL,
    'issuer',
    /was never credited by the bank/,
    'histories',
    (database) => {
      database.prepare('ATTACH ? AS bank').run(pathOf(Number(/-(\d)\.db$/.exec(database.name)![1]), 'bank', true));
      sql('DELETE FROM bank.histories WHERE returned_s IS NOT NULL')(database);
    },
  ],
  [
    ALL,
    'bank',
    /is not the issuer's/,
    'books',
    sql(`UPDATE books SET value = ? WHERE key = 'bankKey'`, seedOf('other')),
  ],
  [ALL, 'issuer', /missing/, 'books', sql(`DELETE FROM books WHERE key = 'bankKey'`)],
  [ALL, 'issuer', /missing/, 'books', sql(`DELETE FROM books WHERE key = 'scheme'`)],
];

const TRACES: Damage[] = [
  [ALL, 'issuer', /its order does not decode/, 'traces', sql(`UPDATE traces SET trace_order = x'00'`)],
  [ALL, 'issuer', /its order is not signed by the issuer/, 'traces', turn('traces', 'trace_order', 'true', bit(0))],
  [ALL, 'issuer', /its order says other than its row/, 'traces', sql(`UPDATE traces SET why = 'no reason'`)],
  [
    ALL,
    'issuer',
    /named Ada, which is the (bank|trustee)'s to do/,
    'traces',
    sql(`UPDATE traces SET name = 'Ada', proof = 'PROVEN'`),
  ],
  [ALL, 'issuer', /was not overspent/, 'traces', sql('UPDATE traces SET ebc = 1')],
  [SEALED, 'bank', /named Bob, the pseudonym belongs to Ada/, 'traces', sql(`UPDATE traces SET name = 'Bob'`)],
  [SEALED, 'bank', /says UNPROVEN, the evidence says PROVEN/, 'traces', sql(`UPDATE traces SET proof = 'UNPROVEN'`)],
  [SEALED, 'bank', /its order is not signed by the issuer/, 'traces', turn('traces', 'trace_order', 'true', bit(0))],
  [SEALED, 'bank', /its order says other than its row/, 'traces', sql('UPDATE traces SET ebc = ebc - 1')],
  [SEALED, 'bank', /belongs to nobody/, 'traces', sql(`DELETE FROM requests WHERE kind = ${REQUEST.register}`)],
  [COUPON, 'trustee', /named Bob, the pseudonym belongs to Ada/, 'traces', sql(`UPDATE traces SET name = 'Bob'`)],
  [COUPON, 'trustee', /its order does not decode/, 'traces', sql('UPDATE traces SET trace_order = NULL')],
  [
    COUPON,
    'trustee',
    /account certificate is not signed by the bank/,
    'registrations',
    (database) => {
      for (const { pku, certificate } of database.prepare('SELECT pku, certificate FROM registrations').all() as {
        pku: Buffer;
        certificate: Buffer;
      }[]) {
        sql('UPDATE registrations SET certificate = ? WHERE pku = ?', flipped(certificate, 1), pku)(database);
      }
    },
  ],
];

const CASES = [...LEDGER, ...REQUESTS, ...REPLIES, ...BETWEEN, ...TRACES].flatMap(
  ([schemes, house, problem, table, damage]) =>
    schemes.map((scheme) => [scheme, house, table, problem, damage] as const),
);

test.each(CASES)('scheme %i, the %s, %s: %s', (scheme, house, table, problem, damage) => {
  const report = auditAfter(scheme, damage, house);
  expect(report.ok).toBe(false);
  expect(report.broken).toContainEqual({
    database: house,
    table,
    row: expect.any(String),
    problem: expect.stringMatching(problem),
  });
});

test('every byte of an owned request that the bank keeps is covered', () => {
  const bytes = new Uint8Array(
    (
      new Sqlite(pathOf(6, 'bank'), { readonly: true })
        .prepare(`SELECT owned FROM requests WHERE ${DONE} LIMIT 1`)
        .get() as { owned: Buffer }
    ).owned,
  );
  expect(ownedRequest.decode(bytes)).not.toBeNull();
  for (let at = 0; at < bytes.length; at += 29) {
    expect([
      at,
      auditAfter(
        6,
        sql(`UPDATE requests SET owned = ? WHERE hex(owned) = ?`, flipped(bytes, at), hex(bytes).toUpperCase()),
      ).ok,
    ]).toEqual([at, false]);
  }
});
