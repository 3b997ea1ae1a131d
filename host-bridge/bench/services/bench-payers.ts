/**
 * Books and payments for `tapcash bench --services`: a house's database with pseudonyms that have cash, shops, and as
 * many past payments as pseudonyms; and histories that they pay with, signed before anything is measured.
 */
import { createHash, randomBytes, sign as signBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { toHex, writeU32 } from '../../../firmware/core/bytes.js';
import { challenge, history, license, licenseBody } from '../../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../../firmware/wire/signed.js';
import { privateKeyOf, publicBytesOf } from '../../base/crypto/key-objects.js';
import { createSigner, issuerIdOf } from '../../base/crypto/signer.js';
import { ensureDataDir, pathsOf, serviceKey } from '../../base/keys/key-file.js';
import { STANDARD_CURRENCY } from '../../base/money.js';
import { byteaArray, openPostgres, textArray, type PostgresValue } from '../../base/postgres/postgres.js';
import { openDatabase } from '../../base/sqlite/database.js';
import { POSTGRES_ISSUER_MIGRATIONS } from '../../ledger/postgres/postgres-schema.js';
import { abcOf, ebcOf, IN } from '../../ledger/rules.js';
import { openIssuerStore } from '../../ledger/sqlite/sqlite-issuer.js';
import { ISSUER_MIGRATIONS } from '../../ledger/sqlite/sqlite-schema.js';
import type { HouseSettings } from './house-process.js';

const SHOPS = Array.from({ length: 16 }, (_, i) => `Shop ${i + 1}`);
/** What each of them has: they never overspend. */
const CASH = 1_000_000_000;
const ROWS_AT_ONCE = 20_000;

const registrar = createSigner(randomBytes(32));

/** Books that are ready, and who pays. */
export interface BenchBooks {
  /** The process that serves them. */
  settings: HouseSettings;
  /** New histories, signed; each is of another charge. */
  histories(count: number): Uint8Array[];
  /** One of each payer, so that their licenses are known afterwards. */
  firstHistories(): Uint8Array[];
  /** How many payments are in the books. */
  count(): Promise<number>;
  /** Removes them. */
  remove(): Promise<void>;
}

/** What books are made of. */
export interface BooksWanted {
  /** Pseudonyms that pay now. */
  payers: number;
  /** How many have paid before, beside them. */
  pseudonyms: number;
  onProgress(rows: number): void;
}

/** Makes an issuer's books on SQLite, in a folder of their own. */
export function makeBooks(dataDir: string, { payers: payerCount, pseudonyms, onProgress }: BooksWanted): BenchBooks {
  ensureDataDir(dataDir);
  const issuerKey = serviceKey(dataDir, 'issuer').publicKey;
  const { database: path } = pathsOf(dataDir, 'issuer');
  const nowS = Math.floor(Date.now() / 1000);
  const payers = payersOf(issuerIdOf(issuerKey), payerCount, nowS);
  const books = { issuerKey, registrarKey: registrar.publicKey, currency: STANDARD_CURRENCY };
  const store = openIssuerStore(path, books);
  store.transaction(() => {
    for (const name of SHOPS) store.addAccount({ name, accountKey: null, certificate: null, openedS: nowS });
    for (const { pku } of payers) {
      store.addPseudonym(pku);
      store.post('withdraw', nowS, [
        { account: IN, delta: -CASH },
        { account: ebcOf(toHex(pku)), delta: CASH },
      ]);
    }
  });
  store.close();
  fill(path, pseudonyms, nowS, onProgress);
  return {
    settings: { kind: 'house', dataDir, registrarKey: toHex(registrar.publicKey) },
    ...paymentsOf(payers),
    async count() {
      const database = openDatabase(path, { migrations: ISSUER_MIGRATIONS, readOnly: true });
      const { count } = database.prepare<[], { count: number }>('SELECT count(*) AS count FROM histories').get()!;
      database.close();
      return count;
    },
    remove: async () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

/** Makes an issuer's books on PostgreSQL, in a database of their own. */
export async function makePostgresBooks(
  url: string,
  { payers: payerCount, pseudonyms, onProgress }: BooksWanted,
): Promise<BenchBooks> {
  const issuerKey = createSigner(randomBytes(32)).publicKey;
  const nowS = Math.floor(Date.now() / 1000);
  const payers = payersOf(issuerIdOf(issuerKey), payerCount, nowS);
  const database = await openPostgres(url, { migrations: POSTGRES_ISSUER_MIGRATIONS });
  const run = (sql: string, values: PostgresValue[] = []) =>
    database.transaction((tx) => tx.query<{ count: number }>('', sql, values));
  const pkus = byteaArray(payers.map(({ pku }) => toHex(pku)));
  await run('INSERT INTO accounts (name, opened_s) SELECT name, $2 FROM unnest($1::text[]) k (name)', [
    textArray(SHOPS),
    nowS,
  ]);
  await run(
    'INSERT INTO pseudonyms (pku, counter, receipt_number) SELECT pku, pku, 0 FROM unnest($1::bytea[]) k (pku)',
    [pkus],
  );
  await run(
    "INSERT INTO balances (account, balance) SELECT 'ebc:' || encode(pku, 'hex'), $2 FROM unnest($1::bytea[]) k (pku)",
    [pkus, CASH],
  );
  await run("INSERT INTO balances (account, balance) VALUES ('in', $1)", [-CASH * payerCount]);
  for (let from = 0; from < pseudonyms; from += ROWS_AT_ONCE) {
    const to = Math.min(pseudonyms, from + ROWS_AT_ONCE);
    for (const sql of POSTGRES_FILL) await run(sql, [from, to, nowS - 86_400]);
    onProgress(to);
  }
  await run('UPDATE acts SET last = $1', [pseudonyms]);
  await run('ANALYZE');
  return {
    settings: { kind: 'postgres', url, issuerKey: toHex(issuerKey), registrarKey: toHex(registrar.publicKey) },
    ...paymentsOf(payers),
    count: async () => (await run('SELECT count(*) AS count FROM histories'))[0]!.count,
    remove: () => database.close(),
  };
}

/** Numbers of past payments, from $1 to below $2; each statement has $3, their time. */
const PAST = 'generate_series($1::bigint, $2::bigint - 1) i WHERE $3::bigint > 0';
const PAST_PKU = 'sha256(i::text::bytea)';
const PAST_COUNTER = `'ebc:' || encode(${PAST_PKU}, 'hex')`;
const PAST_SHOP = "'Shop ' || 1 + i % 16";
const PAST_RS = `substr(decode(lpad(to_hex(1000 + i % 64), 8, '0') || lpad(to_hex(i), 8, '0'), 'hex') || ${PAST_PKU}, 1, 16)`;

/** Rows of past payments, as `fill` makes them; the server makes their bytes. */
const POSTGRES_FILL = [
  `INSERT INTO pseudonyms (pku, counter, receipt_number) SELECT ${PAST_PKU}, ${PAST_PKU}, 1 FROM ${PAST}`,
  `INSERT INTO balances (account, balance) SELECT ${PAST_COUNTER}, 4650 FROM ${PAST}`,
  `INSERT INTO transactions (id, kind, time_s) SELECT i + 1, 'deposit', $3::bigint FROM ${PAST}`,
  `INSERT INTO entries (transaction_id, account, delta) SELECT i + 1, ${PAST_COUNTER}, -350 FROM ${PAST}`,
  `INSERT INTO entries (transaction_id, account, delta) SELECT i + 1, 'abc:' || ${PAST_SHOP}, 350 FROM ${PAST}`,
  `INSERT INTO charges (rs, shop) SELECT ${PAST_RS}, ${PAST_SHOP} FROM ${PAST}`,
  `INSERT INTO histories (transaction_id, pku, shop, rs, amount, history, arrived_s)
    SELECT i + 1, ${PAST_PKU}, ${PAST_SHOP}, ${PAST_RS}, 350, decode(repeat(encode(${PAST_PKU}, 'hex'), 7), 'hex'), $3::bigint
    FROM ${PAST}`,
];

/** What they pay; each payment is of another charge. */
function paymentsOf(payers: Payer[]): Pick<BenchBooks, 'histories' | 'firstHistories'> {
  let counter = 0;
  const next = (payer: Payer): Uint8Array => payer.pay(counter++);
  return {
    firstHistories: () => payers.map(next),
    histories: (count) => Array.from({ length: count }, () => next(payers[counter % payers.length]!)),
  };
}

function payersOf(issuer: Uint8Array, count: number, nowS: number): Payer[] {
  const seed = randomBytes(8);
  return Array.from({ length: count }, (_, i) => payerOf(issuer, seed, i, nowS));
}

type Payer = ReturnType<typeof payerOf>;

function payerOf(issuer: Uint8Array, seed: Uint8Array, index: number, nowS: number) {
  const key = privateKeyOf(createHash('sha256').update(seed).update(`payer ${index}`).digest());
  const pku = publicBytesOf(key);
  const body = licenseBody.encode({
    issuer,
    currency: STANDARD_CURRENCY,
    licenseClass: 1,
    validUntilS: nowS + 90 * 86400,
    pku,
    multiplesHash: new Uint8Array(16),
  });
  const licensed = license.encode({ body, signature: registrar.sign(SIGNED.license, body) });
  return {
    pku,
    pay(counter: number): Uint8Array {
      const rs = randomBytes(16);
      writeU32(rs, 0, index % SHOPS.length);
      writeU32(rs, 4, counter);
      const shop = SHOPS[index % SHOPS.length]!;
      const paid = challenge.encode({
        issuer,
        currency: STANDARD_CURRENCY,
        amount: 350,
        timeS: nowS,
        counter,
        rs,
        shop,
      });
      const signature = signBytes(null, signedBytes(SIGNED.payment, paid), key);
      return history.encode({ license: licensed, signature, challenge: paid });
    },
  };
}

/** Past payments of pseudonyms that nobody has keys of; in the order of their keys, which is quickest to write. */
function fill(path: string, pseudonyms: number, nowS: number, onProgress: (rows: number) => void): void {
  const database = openDatabase(path, { migrations: ISSUER_MIGRATIONS });
  const prepare = (sql: string) => database.prepare(sql);
  const addPseudonym = prepare('INSERT INTO pseudonyms (pku, counter, receipt_number) VALUES (?, ?, 1)');
  const addTransaction = prepare("INSERT INTO transactions (kind, time_s) VALUES ('deposit', ?)");
  const addEntry = prepare('INSERT INTO entries (transaction_id, account, delta) VALUES (?, ?, ?)');
  const addBalance = prepare('INSERT INTO balances (account, balance) VALUES (?, ?)');
  const addHistory = prepare(
    'INSERT INTO histories (pku, shop, rs, amount, history, arrived_s, transaction_id) VALUES (?, ?, ?, 350, ?, ?, ?)',
  );
  const addOne = (i: number): void => {
    const pku = randomBytes(32);
    pku.writeUIntBE(Math.floor((i / pseudonyms) * 2 ** 48), 0, 6);
    const rs = randomBytes(16);
    writeU32(rs, 0, 1000 + Math.floor((i * 64) / pseudonyms));
    writeU32(rs, 4, i);
    const shop = SHOPS[Math.floor((i * SHOPS.length) / pseudonyms)]!;
    addPseudonym.run(pku, pku);
    const id = addTransaction.run(nowS - 86_400).lastInsertRowid;
    addEntry.run(id, ebcOf(toHex(pku)), -350);
    addEntry.run(id, abcOf(shop), 350);
    addBalance.run(ebcOf(toHex(pku)), 4650);
    addHistory.run(pku, shop, rs, randomBytes(240), nowS - 86_400, id);
  };
  for (let from = 0; from < pseudonyms; from += ROWS_AT_ONCE) {
    const to = Math.min(pseudonyms, from + ROWS_AT_ONCE);
    database.transaction(() => {
      for (let i = from; i < to; i++) addOne(i);
    });
    onProgress(to);
  }
  database.close();
}
