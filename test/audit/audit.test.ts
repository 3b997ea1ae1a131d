/**
 * The audit finds every kind of damage. Each row of the table plants one in the database, past all constraints, and
 * names what the audit must say.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { challenge, history, type Challenge } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { withdrawal, receipt } from '../../firmware/wire/withdrawal.js';
import { wholeList } from '../../host-bridge/base/deny-lists.js';
import { actOnce, encodeOperatorRequest } from '../../host-bridge/http/operator-requests.js';
import { audit, type AuditReport } from '../../host-bridge/audit/audit.js';
import {
  BOOKS,
  createRig,
  flipped,
  good,
  historyOf,
  ISSUER,
  issuerSigner,
  person,
  refundOf,
  registrationOf,
  rsOf,
  seedOf,
  signerOf,
  START_S,
  tombstoneOf,
  withdrawalOf,
} from '../kit/people.js';

const ada = person('Ada');
const bob = person('Bob');
const terminal = signerOf('terminal');
const operator = signerOf('operator');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
const pristine = { issuer: join(folder, 'issuer.db'), trustee: join(folder, 'trustee.db') };
const damaged = { issuer: join(folder, 'damaged-issuer.db'), trustee: join(folder, 'damaged-trustee.db') };
const options = {
  issuerDatabase: damaged.issuer,
  trusteeDatabase: damaged.trustee,
  issuerKey: BOOKS.issuerKey,
  registrarKey: BOOKS.registrarKey,
  operatorKeys: [operator.publicKey],
};

beforeAll(() => {
  const rig = createRig({ issuerPath: pristine.issuer, trusteePath: pristine.trustee });
  for (const who of [ada, bob]) {
    const certificate = rig.open(who, 100);
    good(rig.trustee.register(registrationOf(who), certificate));
  }
  rig.shop('Shop');
  good(rig.office.registerTerminal('Shop', rsOf(0).subarray(0, 4), terminal.publicKey));
  good(rig.issuer.withdraw(withdrawalOf(ada, 1, 30)));
  good(rig.issuer.withdraw(withdrawalOf(ada, 2, 10)));
  good(rig.issuer.withdraw(withdrawalOf(bob, 1, 50)));
  good(rig.issuer.deposit(historyOf(bob, 'Shop', 20, rsOf(1))));
  good(rig.issuer.deposit(historyOf(ada, 'Shop', 40, rsOf(2))));
  good(rig.issuer.deposit(historyOf(ada, 'Shop', 7, rsOf(3)))); // overspent
  good(rig.office.retireTerminal(Uint8Array.of(7, 7, 7, 7), true, 'replaced'));
  good(rig.issuer.tombstone(tombstoneOf(terminal, 'Shop', rsOf(4))));
  good(rig.office.trace(ada.pku, 'overspent'));
  good(rig.issuer.refund(refundOf(terminal, bob.pku, 'Shop', rsOf(1), 5, 1)));
  good(rig.issuer.claim(historyOf(bob, 'Shop', 9, rsOf(4)))); // its charge was cancelled
  good(rig.issuer.claim(historyOf(bob, 'Shop', 8, rsOf(5))));
  const id = new Uint8Array(16).fill(1);
  const signed = encodeOperatorRequest(ISSUER, id, 'POST', '/v2/office/numbers', '{}');
  good(
    actOnce(
      rig.issuerStore,
      { id, operatorKey: operator.publicKey, signed, signature: operator.sign(SIGNED.operatorRequest, signed) },
      START_S,
      () => ({ status: 200 }),
    ),
  );
  rig.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Damages copies of the databases and audits them. */
function auditAfter(damage: (database: Sqlite.Database) => void, which: 'issuer' | 'trustee' = 'issuer'): AuditReport {
  for (const name of ['issuer', 'trustee'] as const) copyFileSync(pristine[name], damaged[name]);
  const database = new Sqlite(damaged[which]);
  database.pragma('ignore_check_constraints = ON');
  database.pragma('foreign_keys = OFF');
  damage(database);
  database.close();
  return audit(options);
}

const sql =
  (text: string, ...values: unknown[]) =>
  (database: Sqlite.Database) => {
    const { changes } = database.prepare(text).run(...values);
    if (changes === 0) throw new Error('the damage changed nothing');
  };

/** The column of one row, changed by a function. */
const turn =
  (table: string, column: string, where: string, change: (bytes: Uint8Array) => Uint8Array) =>
  (database: Sqlite.Database) => {
    const row = database.prepare(`SELECT rowid AS at, ${column} AS bytes FROM ${table} WHERE ${where}`).get() as {
      bytes: Buffer;
    };
    database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(change(new Uint8Array(row.bytes)));
  };
/** The same for a table without rowid. */
const turnKeyed =
  (table: string, column: string, where: string, change: (bytes: Uint8Array) => Uint8Array) =>
  (database: Sqlite.Database) => {
    const row = database.prepare(`SELECT ${column} AS bytes FROM ${table} WHERE ${where}`).get() as { bytes: Buffer };
    database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(change(new Uint8Array(row.bytes)));
  };
const bit = (at: number) => (bytes: Uint8Array) => flipped(bytes, at);

test('sound books: nothing is broken, and every row was looked at', () => {
  const report = auditAfter(() => undefined);
  expect(report.broken).toEqual([]);
  expect(report).toMatchObject({ ok: true, in: 200, held: 200 });
  expect(report.rows).toEqual({
    entries: 18,
    balances: 6,
    accounts: 3,
    pseudonyms: 2,
    receipts: 5,
    histories: 3,
    refunds: 1,
    claims: 2,
    releases: 0,
    payouts: 0,
    tombstones: 1,
    terminals: 1,
    overspends: 1,
    denials: 1,
    deny_lists: 1,
    terminal_notices: 1,
    traces: 1,
    operator_requests: 1,
    registrations: 2,
    replies: 0,
    shared_keys: 0,
    coupons: 0,
    coupon_keys: 0,
  });
});

const ADA = hex(ada.pku);
const at = (pku: Uint8Array) => `pku = x'${hex(pku)}'`;

/** A history with its license and signature kept, and another challenge. */
function altered(changes: Partial<Challenge>, resign: boolean) {
  return (bytes: Uint8Array) => {
    const h = history.decode(bytes) as NonNullable<ReturnType<typeof history.decode>>;
    const paid = challenge.encode({ ...(challenge.decode(h.challenge) as Challenge), ...changes });
    return history.encode({
      ...h,
      challenge: paid,
      signature: resign ? bob.token.sign(SIGNED.payment, paid) : h.signature,
    });
  };
}

type Damage = [problem: RegExp, table: string, row: RegExp, damage: (database: Sqlite.Database) => void];

const ISSUER_DAMAGE: Damage[] = [
  [
    /sum to 0\.01 EUR, not 0/,
    'transactions',
    /^1$/,
    sql(`UPDATE entries SET delta = delta + 1 WHERE transaction_id = 1 AND account = 'abc:Ada'`),
  ],
  [
    /2\.00 EUR was put in, 2\.01 EUR is held/,
    'entries',
    /all/,
    sql(`UPDATE entries SET delta = delta + 1 WHERE transaction_id = 1 AND account = 'abc:Ada'`),
  ],
  [
    /not a fund/,
    'transactions',
    /^1$/,
    sql(`UPDATE entries SET account = 'abc:Bob' WHERE transaction_id = 1 AND account = 'in'`),
  ],
  [
    /leaves abc:Bob at -1\.00 EUR/,
    'transactions',
    /^1$/,
    sql(`UPDATE entries SET account = 'abc:Bob' WHERE transaction_id = 1 AND account = 'in'`),
  ],
  [/not a minted/, 'transactions', /^1$/, sql(`UPDATE transactions SET kind = 'minted' WHERE id = 1`)],
  [
    /not a withdraw/,
    'transactions',
    /^3$/,
    sql(`DELETE FROM entries WHERE transaction_id = 3 AND account LIKE 'ebc:%'`),
  ],
  [/belongs to no transaction/, 'entries', /^1 /, sql('DELETE FROM transactions WHERE id = 1')],
  [
    /says 90071992547409\.93 EUR, its postings sum to 0\.60 EUR/,
    'balances',
    /abc:Ada/,
    sql(`UPDATE balances SET balance = 9007199254740993 WHERE account = 'abc:Ada'`),
  ],
  [/is -0\.05 EUR, below 0/, 'balances', /abc:Ada/, sql(`UPDATE balances SET balance = -5 WHERE account = 'abc:Ada'`)],
  [
    /2\.00 EUR was put in, 2\.01 EUR is held/,
    'balances',
    /all/,
    sql(`UPDATE balances SET balance = balance + 1 WHERE account = 'abc:Ada'`),
  ],
  [
    /is missing; its postings sum to 0\.60 EUR/,
    'balances',
    /abc:Ada/,
    sql(`DELETE FROM balances WHERE account = 'abc:Ada'`),
  ],
  [/belongs to no account/, 'balances', /abc:Ada/, sql(`DELETE FROM accounts WHERE name = 'Ada'`)],
  [/belongs to no account/, 'balances', /ebc:/, sql(`DELETE FROM pseudonyms WHERE ${at(bob.pku)}`)],

  [/is not a name/, 'accounts', / Ada/, sql(`UPDATE accounts SET name = ' Ada' WHERE name = 'Ada'`)],
  [/for another name or key/, 'accounts', /Ada/, turnKeyed('accounts', 'account_key', `name = 'Ada'`, bit(0))],
  [/does not decode/, 'accounts', /Ada/, sql(`UPDATE accounts SET certificate = x'00' WHERE name = 'Ada'`)],
  [/not signed by the issuer/, 'accounts', /Ada/, turnKeyed('accounts', 'certificate', `name = 'Ada'`, bit(5))],

  [
    /says receipt number 3, the last receipt is 2/,
    'pseudonyms',
    RegExp(ADA),
    sql(`UPDATE pseudonyms SET receipt_number = 3 WHERE ${at(ada.pku)}`),
  ],
  [
    /has 1 receipts up to number 2/,
    'pseudonyms',
    RegExp(ADA),
    sql(`DELETE FROM receipts WHERE ${at(ada.pku)} AND number = 1`),
  ],
  [
    /has receipts but no name/,
    'pseudonyms',
    RegExp(ADA),
    sql(`UPDATE pseudonyms SET name = NULL, request = NULL WHERE ${at(ada.pku)}`),
  ],
  [
    /another pseudonym or name/,
    'pseudonyms',
    RegExp(ADA),
    sql(`UPDATE pseudonyms SET name = 'Bob' WHERE ${at(ada.pku)}`),
  ],
  [
    /not signed by the account's key/,
    'pseudonyms',
    RegExp(ADA),
    turnKeyed('pseudonyms', 'request', at(ada.pku), bit(0)),
  ],
  [/not signed by SKU/, 'pseudonyms', RegExp(ADA), turnKeyed('pseudonyms', 'request', at(ada.pku), bit(64))],

  [
    /is number 2 where 1 should be/,
    'receipts',
    RegExp(ADA),
    sql(`DELETE FROM receipts WHERE ${at(ada.pku)} AND number = 1`),
  ],
  [
    /receipt does not decode/,
    'receipts',
    / 1$/,
    sql(`UPDATE receipts SET receipt = x'00' WHERE ${at(ada.pku)} AND number = 1`),
  ],
  [
    /says other than its row/,
    'receipts',
    / 1$/,
    sql(`UPDATE receipts SET amount = 31 WHERE ${at(ada.pku)} AND number = 1`),
  ],
  [
    /not signed by the issuer/,
    'receipts',
    / 1$/,
    turn('receipts', 'receipt', `${at(ada.pku)} AND number = 1`, bit(60)),
  ],
  [
    /not signed by the issuer/,
    'receipts',
    / 1$/,
    turn('receipts', 'receipt', `${at(ada.pku)} AND number = 1`, (bytes) => {
      const paper = receipt.decode(bytes) as { body: Uint8Array; signature: Uint8Array };
      return receipt.encode({ ...paper, signature: issuerSigner.sign(SIGNED.license, paper.body) });
    }),
  ],
  [
    /names another owner/,
    'receipts',
    / 1$/,
    sql(`UPDATE receipts SET name = 'Bob' WHERE ${at(ada.pku)} AND number = 1`),
  ],
  [
    /has no transaction/,
    'receipts',
    / 1$/,
    sql(`UPDATE receipts SET transaction_id = 99 WHERE ${at(ada.pku)} AND number = 1`),
  ],
  [
    /another number or amount/,
    'receipts',
    / 1$/,
    turn('receipts', 'request', `${at(ada.pku)} AND number = 1`, () => withdrawalOf(ada, 1, 31)),
  ],
  [
    /not signed by SKU/,
    'receipts',
    / 1$/,
    turn('receipts', 'request', `${at(ada.pku)} AND number = 1`, (bytes) =>
      withdrawal.encode({ ...(withdrawal.decode(bytes) as any), proof: new Uint8Array(64) }),
    ),
  ],
  [/has no receipt/, 'transactions', /^3$|^4$/, sql(`DELETE FROM receipts WHERE ${at(ada.pku)} AND number = 1`)],
  [
    /its receipt is about other accounts/,
    'transactions',
    /./,
    sql(`UPDATE receipts SET amount = 31 WHERE ${at(ada.pku)} AND number = 1`),
  ],

  [
    /history does not decode/,
    'histories',
    RegExp(hex(rsOf(1))),
    sql(`UPDATE histories SET history = x'00' WHERE ${at(bob.pku)}`),
  ],
  [
    /says other than its row/,
    'histories',
    RegExp(hex(rsOf(1))),
    sql(`UPDATE histories SET amount = 21 WHERE ${at(bob.pku)}`),
  ],
  [/says other than its row/, 'histories', /./, sql(`UPDATE histories SET shop = 'Bob' WHERE ${at(bob.pku)}`)],
  [
    /says other than its row/,
    'histories',
    RegExp(hex(rsOf(9))),
    sql(`UPDATE histories SET rs = ? WHERE ${at(bob.pku)}`, rsOf(9)),
  ],
  [
    /payment is not signed by SKU/,
    'histories',
    RegExp(hex(rsOf(1))),
    turn('histories', 'history', at(bob.pku), altered({ counter: 9 }, false)),
  ],
  [
    /another issuer or currency/,
    'histories',
    RegExp(hex(rsOf(1))),
    turn('histories', 'history', at(bob.pku), altered({ currency: 'USD' }, true)),
  ],
  [
    /license is not signed by the registrar/,
    'histories',
    RegExp(hex(rsOf(1))),
    turn('histories', 'history', at(bob.pku), bit(50)),
  ],
  [
    /both credited and cancelled/,
    'histories',
    RegExp(hex(rsOf(1))),
    sql(
      `INSERT INTO tombstones (shop, rs, tombstone, time_s) VALUES ('Shop', ?, ?, 0)`,
      rsOf(1),
      tombstoneOf(terminal, 'Shop', rsOf(1)),
    ),
  ],
  [/has no history/, 'transactions', /./, sql(`DELETE FROM histories WHERE ${at(bob.pku)}`)],
  [
    /was credited twice/,
    'histories',
    RegExp(hex(rsOf(1))),
    (database) => {
      database.exec(`CREATE TABLE copy AS SELECT * FROM histories; DROP TABLE histories; ALTER TABLE copy RENAME TO histories;
      INSERT INTO histories SELECT * FROM histories WHERE ${at(bob.pku)}`);
    },
  ],

  [
    /not a refund/,
    'transactions',
    /./,
    sql(
      `UPDATE entries SET account = 'abc:Bob' WHERE account LIKE 'ebc:%' AND transaction_id = (SELECT transaction_id FROM refunds)`,
    ),
  ],
  [/has no refund/, 'transactions', /./, sql('DELETE FROM refunds')],
  [/its refund is about other accounts/, 'transactions', /./, sql('UPDATE refunds SET amount = 6')],
  [/refund does not decode/, 'refunds', /Shop/, sql(`UPDATE refunds SET refund = x'00'`)],
  [/refund says other than its row/, 'refunds', /Shop/, sql('UPDATE refunds SET refund_id = ?', new Uint8Array(8))],
  [/not signed by a terminal of the shop/, 'refunds', /Shop/, turn('refunds', 'refund', 'true', bit(0))],
  [/never deposited/, 'refunds', /Shop/, sql(`DELETE FROM histories WHERE ${at(bob.pku)}`)],
  [
    /refunds of 0\.05 EUR for a payment of 0\.04 EUR/,
    'refunds',
    /Shop/,
    sql(`UPDATE histories SET amount = 4 WHERE ${at(bob.pku)}`),
  ],
  [/not exactly one receipt/, 'refunds', /Shop/, sql('DELETE FROM receipts WHERE kind = 2')],
  [/receipt has no refund/, 'receipts', / 2$/, sql('UPDATE receipts SET transaction_id = 99 WHERE kind = 2')],
  [/claim does not decode/, 'claims', /Shop/, sql(`UPDATE claims SET history = x'00' WHERE amount = 8`)],
  [/claim says other than its row/, 'claims', /Shop/, sql('UPDATE claims SET amount = 7 WHERE amount = 8')],
  [
    /claim is not signed by SKU/,
    'claims',
    /Shop/,
    turn('claims', 'history', 'amount = 8', altered({ counter: 9 }, false)),
  ],
  [/license is not signed/, 'claims', /Shop/, turn('claims', 'history', 'amount = 8', bit(50))],
  [/before its window was over/, 'claims', /Shop/, sql('UPDATE claims SET granted_s = opened_s WHERE amount = 8')],
  [/claim has 0 receipts/, 'claims', /Shop/, sql('UPDATE claims SET granted_s = due_s WHERE amount = 8')],
  [/claim has 1 receipts/, 'claims', /Shop/, sql('UPDATE claims SET granted_s = NULL WHERE amount = 9')],
  [/receipt has no claim/, 'receipts', / 3$/, sql('DELETE FROM claims WHERE amount = 9')],
  [/moved money/, 'receipts', / 3$/, sql('UPDATE receipts SET transaction_id = 99 WHERE kind = 3')],
  [/receipt says other than its row/, 'receipts', / 3$/, sql('UPDATE receipts SET kind = 9 WHERE kind = 3')],
  [
    /both credited and reconciled/,
    'histories',
    RegExp(hex(rsOf(1))),
    sql('UPDATE claims SET rs = ?, granted_s = 1 WHERE amount = 8', rsOf(1)),
  ],

  [/tombstone does not decode/, 'tombstones', /Shop/, sql(`UPDATE tombstones SET tombstone = x'00'`)],
  [/says other than its row/, 'tombstones', /Shop/, sql('UPDATE tombstones SET rs = ?', rsOf(5))],
  [/not registered/, 'tombstones', /Shop/, sql('DELETE FROM terminals')],
  [/not signed by its terminal/, 'tombstones', /Shop/, turnKeyed('tombstones', 'tombstone', 'true', bit(0))],
  [/belongs to no account/, 'terminals', /Nowhere/, sql(`UPDATE terminals SET shop = 'Nowhere'`)],

  [/leaves EBC at -0\.07 EUR without an overspend record/, 'transactions', /./, sql('DELETE FROM overspends')],
  [/says EBC -0\.08 EUR, the postings say -0\.07 EUR/, 'overspends', /./, sql('UPDATE overspends SET ebc = -8')],
  [/another pseudonym than its history/, 'overspends', /./, sql('UPDATE overspends SET pku = ?', bob.pku)],
  [/never denied/, 'overspends', /./, sql('DELETE FROM denials')],
  [/which was never denied/, 'deny_lists', /^1$/, sql('DELETE FROM denials')],
  [/is not a pseudonym/, 'denials', /^00$/, sql(`UPDATE denials SET pku = x'00'`)],
  [/does not decode/, 'deny_lists', /^1$/, sql(`UPDATE deny_lists SET list = x'00'`)],
  [/says other than its row/, 'deny_lists', /^7$/, sql('UPDATE deny_lists SET version = 7')],
  [/not signed by the issuer/, 'deny_lists', /^1$/, turn('deny_lists', 'list', 'true', bit(0))],
  [
    /not signed by the issuer/,
    'deny_lists',
    /^1$/,
    turn('deny_lists', 'list', 'true', () => {
      const list = { issuer: ISSUER, version: 1, timeS: START_S, prefixes: new Uint32Array(0) };
      return wholeList(list, (body) => ada.token.sign(SIGNED.denyList, body))[0];
    }),
  ],
  [/does not decode/, 'terminal_notices', /^07070707$/, sql(`UPDATE terminal_notices SET notice = x'00'`)],
  [/says other than its row/, 'terminal_notices', /^07070707$/, sql('UPDATE terminal_notices SET retired = 0')],
  [/not signed by the issuer/, 'terminal_notices', /^07/, turnKeyed('terminal_notices', 'notice', 'true', bit(0))],
  [/named Bob, the pseudonym belongs to Ada/, 'traces', /^1$/, sql(`UPDATE traces SET name = 'Bob'`)],
  [/was not overspent/, 'traces', /^1$/, sql('UPDATE traces SET pku = ?, name = ?', bob.pku, 'Bob')],
  [
    /another request id/,
    'operator_requests',
    /^0202/,
    sql('UPDATE operator_requests SET id = ?', new Uint8Array(16).fill(2)),
  ],
  [/not signed by its operator/, 'operator_requests', /./, turnKeyed('operator_requests', 'signature', 'true', bit(9))],
  [
    /was done as auditor, which its operator is not/,
    'operator_requests',
    /./,
    sql(`UPDATE operator_requests SET role = 'auditor'`),
  ],
  [
    /not known/,
    'operator_requests',
    /./,
    (database) => {
      const { signed } = database.prepare('SELECT signed FROM operator_requests').get() as { signed: Buffer };
      sql(
        'UPDATE operator_requests SET operator_key = ?, signature = ?',
        ada.pku,
        ada.token.sign(SIGNED.operatorRequest, signed),
      )(database);
    },
  ],
  [
    /not the key that boards trust/,
    'books',
    /issuerKey/,
    sql(`UPDATE books SET value = ? WHERE key = 'issuerKey'`, seedOf('other')),
  ],
  [/missing/, 'books', /registrarKey/, sql(`DELETE FROM books WHERE key = 'registrarKey'`)],
];

test.each(ISSUER_DAMAGE)('the issuer: %s in %s', (problem, table, row, damage) => {
  const report = auditAfter(damage);
  expect(report.ok).toBe(false);
  expect(report.broken).toContainEqual({
    database: 'issuer',
    table,
    row: expect.stringMatching(row),
    problem: expect.stringMatching(problem),
  });
});

const TRUSTEE_DAMAGE: Damage[] = [
  [
    /registration does not decode/,
    'registrations',
    RegExp(ADA),
    sql(`UPDATE registrations SET request = x'00' WHERE ${at(ada.pku)}`),
  ],
  [
    /license does not decode/,
    'registrations',
    RegExp(ADA),
    sql(`UPDATE registrations SET license = x'00' WHERE ${at(ada.pku)}`),
  ],
  [
    /registration says other than its row/,
    'registrations',
    RegExp(ADA),
    sql(`UPDATE registrations SET name = 'Bob' WHERE ${at(ada.pku)}`),
  ],
  [
    /not signed by the account's key/,
    'registrations',
    RegExp(ADA),
    turnKeyed('registrations', 'request', at(ada.pku), bit(0)),
  ],
  [/not signed by SKU/, 'registrations', RegExp(ADA), turnKeyed('registrations', 'request', at(ada.pku), bit(64))],
  [
    /license says other than its row/,
    'registrations',
    RegExp(ADA),
    (database) => {
      const { license } = database.prepare(`SELECT license FROM registrations WHERE ${at(bob.pku)}`).get() as {
        license: Buffer;
      };
      sql(`UPDATE registrations SET license = ? WHERE ${at(ada.pku)}`, license)(database);
    },
  ],
  [
    /license is not signed by the registrar/,
    'registrations',
    RegExp(ADA),
    turnKeyed('registrations', 'license', at(ada.pku), bit(50)),
  ],
  [
    /account certificate is not signed/,
    'registrations',
    RegExp(ADA),
    turnKeyed('registrations', 'certificate', at(ada.pku), bit(0)),
  ],
  [
    /account certificate does not decode/,
    'registrations',
    RegExp(ADA),
    sql(`UPDATE registrations SET certificate = x'00' WHERE ${at(ada.pku)}`),
  ],
  [
    /not the one that the issuer verifies with|not the key that boards trust/,
    'books',
    /registrarKey/,
    sql(`UPDATE books SET value = ? WHERE key = 'registrarKey'`, seedOf('other')),
  ],
];

test.each(TRUSTEE_DAMAGE)('the trustee: %s in %s', (problem, table, row, damage) => {
  const report = auditAfter(damage, 'trustee');
  expect(report.ok).toBe(false);
  expect(report.broken).toContainEqual({
    database: 'trustee',
    table,
    row: expect.stringMatching(row),
    problem: expect.stringMatching(problem),
  });
});

test('both houses know a pseudonym by the same name', () => {
  const report = auditAfter(sql(`UPDATE pseudonyms SET name = 'Bob' WHERE ${at(ada.pku)}`));
  expect(report.broken).toContainEqual({
    database: 'trustee',
    table: 'registrations',
    row: ADA,
    problem: 'the issuer knows this pseudonym as Bob',
  });
});

test('a file that SQLite itself finds damaged is named', () => {
  const report = auditAfter((database) => {
    database.unsafeMode(true);
    database.pragma('writable_schema = ON');
    database.exec(`DELETE FROM sqlite_schema WHERE name = 'histories_by_shop'`);
  });
  expect(report.broken).toContainEqual(expect.objectContaining({ database: 'issuer', table: 'file' }));
});

test('files that cannot be read at all are a failure with a code', () => {
  writeFileSync(join(folder, 'nonsense.db'), 'this is not a database, however long it may be '.repeat(100));
  expect(() => audit({ issuerDatabase: join(folder, 'nonsense.db') })).toThrow(
    expect.objectContaining({ code: 'DATABASE_CORRUPT' }),
  );
  expect(() => audit({ issuerDatabase: join(folder, 'absent.db') })).toThrow(
    expect.objectContaining({ code: 'FILE_MISSING' }),
  );
});

test('progress is told for every table', () => {
  const told: string[] = [];
  auditAfter(() => undefined);
  audit({ ...options, onProgress: (table) => told.push(table) });
  expect(told).toContain('histories');
  expect(told).toContain('registrations');
});
