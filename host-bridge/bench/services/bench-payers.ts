/**
 * Books and payments for `tapcash bench --services`: a house's database with pseudonyms that have cash, shops, and as
 * many past payments as pseudonyms; and histories that they pay with, signed before anything is measured.
 */
import { createHash, randomBytes, sign as signBytes } from 'node:crypto';
import { toHex, writeU32 } from '../../../firmware/core/bytes.js';
import { challenge, history, license, licenseBody } from '../../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../../firmware/wire/signed.js';
import { privateKeyOf, publicBytesOf } from '../../base/crypto/key-objects.js';
import { createSigner, issuerIdOf } from '../../base/crypto/signer.js';
import { ensureDataDir, pathsOf, serviceKey } from '../../base/keys/key-file.js';
import { STANDARD_CURRENCY } from '../../base/money.js';
import { openDatabase } from '../../base/sqlite/database.js';
import { abcOf, ebcOf, IN } from '../../ledger/rules.js';
import { openIssuerStore } from '../../ledger/sqlite/sqlite-issuer.js';
import { ISSUER_MIGRATIONS } from '../../ledger/sqlite/sqlite-schema.js';

const SHOPS = Array.from({ length: 16 }, (_, i) => `Shop ${i + 1}`);
/** What each of them has: they never overspend. */
const CASH = 1_000_000_000;
const ROWS_AT_ONCE = 20_000;

const registrar = createSigner(randomBytes(32));

/** Books that are ready, and who pays. */
export interface BenchBooks {
  dataDir: string;
  database: string;
  registrarKey: Uint8Array;
  /** New histories, signed; each is of another charge. */
  histories(count: number): Uint8Array[];
  /** One of each payer, so that their licenses are known afterwards. */
  firstHistories(): Uint8Array[];
}

/**
 * Makes a house's books.
 * @param payerCount pseudonyms that pay now @param pseudonyms how many have paid before, beside them
 */
export function makeBooks(
  dataDir: string,
  payerCount: number,
  pseudonyms: number,
  onProgress: (rows: number) => void,
): BenchBooks {
  ensureDataDir(dataDir);
  const issuerKey = serviceKey(dataDir, 'issuer').publicKey;
  const { database } = pathsOf(dataDir, 'issuer');
  const nowS = Math.floor(Date.now() / 1000);
  const seed = randomBytes(8);
  const payers = Array.from({ length: payerCount }, (_, i) => payerOf(issuerIdOf(issuerKey), seed, i, nowS));
  const books = { issuerKey, registrarKey: registrar.publicKey, currency: STANDARD_CURRENCY };
  const store = openIssuerStore(database, books);
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
  fill(database, pseudonyms, nowS, onProgress);
  let counter = 0;
  const next = (payer: Payer): Uint8Array => payer.pay(counter++);
  return {
    dataDir,
    database,
    registrarKey: registrar.publicKey,
    firstHistories: () => payers.map(next),
    histories: (count) => Array.from({ length: count }, () => next(payers[counter % payers.length]!)),
  };
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
