/**
 * Many deposits in one batch are what they are one after another: the same results, the same books row by row, and an
 * audit without a fault. At who keeps the accounts in scheme 1 and in the others, and for what a bank returns; and on
 * PostgreSQL what they are on SQLite.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { fc } from '../kit/properties.js';
import { extent } from '../kit/extent.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { verifyHere } from '../../host-bridge/base/crypto/verify-many.js';
import type { Result } from '../../host-bridge/base/errors.js';
import type { BankService } from '../../host-bridge/base/services/procedures.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { createDeposits } from '../../host-bridge/houses/deposit-queue.js';
import { requestOf, type DepositHouse } from '../../host-bridge/houses/depositary.js';
import { readHistory } from '../../host-bridge/houses/read-history.js';
import { counterAccount, returnAct } from '../../host-bridge/houses/issuer/issuer-return.js';
import { linesOf } from '../../host-bridge/base/keys/key-line.js';
import { OUT } from '../../host-bridge/ledger/rules-bank.js';
import { postgresCreditsOf } from '../../host-bridge/ledger/postgres/postgres-credits.js';
import {
  POSTGRES_BANK_MIGRATIONS,
  POSTGRES_ISSUER_MIGRATIONS,
} from '../../host-bridge/ledger/postgres/postgres-schema.js';
import { createBank } from '../../host-bridge/houses/bank/bank.js';
import { createIssuer } from '../../host-bridge/houses/issuer/issuer.js';
import { openBankStore } from '../../host-bridge/ledger/sqlite/sqlite-bank.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import {
  checkPostings,
  copyBooks,
  hasPostgres,
  openForFile,
  postgresForFile,
  postgresRows,
  sqliteRows,
} from '../kit/postgres.js';
import {
  BOOKS,
  codeOf,
  createRig,
  ISSUER,
  CURRENCY,
  flipped,
  good,
  historyOf,
  issuerSigner,
  licenseOf,
  person,
  rsOf,
  signerOf,
  START_S,
  tombstoneOf,
  withdrawalOf,
  type Person,
} from '../kit/people.js';

const terminal = signerOf('terminal');
const bankSigner = signerOf('bank');
/** Who withdrew 60, who withdrew 60 and is bound to nothing else, and one whom the issuer has never seen. */
const PAYERS = [person('Ada'), person('Bob'), person('Stranger')];
/** One open, another, one that is closed, one that is not there. */
const SHOPS = ['Shop', 'Cafe', 'Closed', 'Nobody'];
/** Charges of `Shop`: cancelled; claimed back; claimed and due; claimed, and open still. */
const [BURIED, GRANTED, DUE, OPEN] = [90, 91, 92, 93];
const WEEK_S = 7 * 86400;

type Fault = 'none' | 'payment' | 'license' | 'foreign' | 'garbage' | 'expired' | 'class';
interface Paid {
  who: number;
  shop: number;
  charge: number;
  amount: number;
  fault: Fault;
}

const paidArbitrary: fc.Arbitrary<Paid> = fc.record({
  who: fc.nat(PAYERS.length - 1),
  shop: fc.constantFrom(0, 0, 0, 1, 1, 2, 3),
  // Few, so that the same comes twice; and few amounts, so that another challenge comes under the same number.
  charge: fc.constantFrom(1, 2, 3, 4, 5, BURIED, GRANTED, DUE, OPEN),
  amount: fc.constantFrom(20, 20, 20, 35),
  fault: fc.constantFrom<Fault>(
    ...(['none', 'none', 'none', 'none', 'none', 'none', 'none', 'none'] as Fault[]),
    ...(['payment', 'license', 'foreign', 'garbage', 'expired', 'class'] as Fault[]),
  ),
});

const made = new Map<string, Uint8Array>();
function historyFor(paid: Paid): Uint8Array {
  const key = JSON.stringify(paid);
  return made.get(key) ?? made.set(key, sign(paid)).get(key)!;
}

function sign({ who, shop, charge, amount, fault }: Paid): Uint8Array {
  const payer = PAYERS[who] as Person;
  const license = licenseOf(payer.pku, {
    ...(fault === 'expired' ? { validUntilS: START_S - WEEK_S } : {}),
    ...(fault === 'class' ? { licenseClass: 200 } : {}),
  });
  const h = historyOf(
    payer,
    SHOPS[shop] as string,
    amount,
    rsOf(charge),
    fault === 'foreign' ? { currency: 'USD' } : {},
    { license },
  );
  if (fault === 'garbage') return h.subarray(1);
  if (fault === 'license') return flipped(h, 100);
  return fault === 'payment' ? flipped(h, 130) : h;
}

/** A house that takes histories, over books of its own. */
interface Taker {
  one(history: Uint8Array): Result<unknown> | Promise<Result<unknown>>;
  many(histories: Uint8Array[]): Promise<Result<unknown>[]>;
  paths: Parameters<typeof audit>[0];
  close(): void;
  /** Its clock. */
  nowS(): number;
}

/** One call; or where there is a queue, calls of one or two at the same time, which it makes batches of. */
function manyOf(depositMany: BankService['depositMany'], queued: boolean): Taker['many'] {
  return async (histories) => {
    const calls = queued ? [...pieces(histories, [1, 2])] : [histories];
    const replies = await Promise.all(calls.map((call) => depositMany(call)));
    return replies.flatMap((reply) => good(reply).results);
  };
}

/** Scheme 1. @param queued with the queue of a service */
function issuerTaker(folder: string, queued: boolean): Taker {
  const issuerPath = join(folder, 'issuer.db');
  const rig = createRig({ issuerPath, tracePolicy: 'automatic', ...(queued ? { verifyMany: verifyHere } : {}) });
  for (const payer of PAYERS.slice(0, 2)) {
    rig.open(payer, 100);
    good(rig.issuer.withdraw(withdrawalOf(payer, 1, 60)));
  }
  SHOPS.slice(0, 3).forEach((name) => rig.shop(name));
  good(rig.office.closeAccount('Closed'));
  good(rig.office.registerTerminal('Shop', rsOf(0).subarray(0, 4), terminal.publicKey));
  good(rig.issuer.tombstone(tombstoneOf(terminal, 'Shop', rsOf(BURIED))));
  const claim = (charge: number) =>
    good(rig.issuer.claim(historyFor({ who: 0, shop: 0, charge, amount: 20, fault: 'none' })));
  [GRANTED, DUE].forEach(claim);
  rig.clock.nowS += WEEK_S + 1;
  [GRANTED, OPEN].forEach(claim);
  return {
    one: rig.issuer.deposit,
    many: manyOf(rig.issuer.depositMany, queued),
    paths: { issuerDatabase: issuerPath },
    close: rig.close,
    nowS: () => rig.clock.nowS,
  };
}

const SCHEME = schemeOf(2);
const COMMON = { currency: CURRENCY, scheme: SCHEME, clock: () => START_S, registrarKey: BOOKS.registrarKey };
const BANK_BOOKS = { ...BOOKS, scheme: 2, bankKey: bankSigner.publicKey };

/** The bank of another scheme. */
function bankTaker(folder: string, queued: boolean): Taker {
  const path = join(folder, 'bank.db');
  // Where the audit looks for the other half.
  const issuerPath = join(folder, 'issuer.db');
  openIssuerStore(issuerPath, BANK_BOOKS).close();
  const store = openBankStore(path, BANK_BOOKS);
  const bank = createBank({
    ...COMMON,
    ...(queued ? { verifyMany: verifyHere } : {}),
    store,
    signer: bankSigner,
    issuerKey: issuerSigner.publicKey,
    issuer: {
      receive: () => Promise.reject(new Error('nobody asks')),
      returnCash: () => Promise.reject(new Error('nobody asks')),
    },
  });
  const office = bank.office('operator');
  SHOPS.slice(0, 3).forEach((name) => good(office.openAccount(name, null)));
  good(office.closeAccount('Closed'));
  good(office.registerTerminal('Shop', rsOf(0).subarray(0, 4), terminal.publicKey));
  good(bank.tombstone(tombstoneOf(terminal, 'Shop', rsOf(BURIED))));
  return {
    one: bank.deposit,
    many: manyOf(bank.depositMany, queued),
    paths: { bankDatabase: path, issuerDatabase: issuerPath },
    close: store.close,
    nowS: COMMON.clock,
  };
}

/** The issuer beside that bank: histories come back. */
function returnTaker(folder: string): Taker {
  const path = join(folder, 'issuer.db');
  const store = openIssuerStore(path, BANK_BOOKS);
  const issuer = createIssuer({ ...COMMON, store, signer: issuerSigner, bankKey: bankSigner.publicKey });
  const take = (histories: Uint8Array[]): Result<unknown>[] =>
    good(issuer.returnCash(histories)).codes.map((code) =>
      code === 'OK' ? { ok: true } : ({ ok: false, code } as Result<unknown>),
    );
  return {
    one: (history) => take([history])[0]!,
    many: async (histories) => take(histories),
    paths: { issuerDatabase: path },
    close: store.close,
    nowS: COMMON.clock,
  };
}

/** Every row of every table, but the random id of a database. */
function rowsOf({ issuerDatabase, bankDatabase }: Taker['paths']): Record<string, string> {
  const database = new Sqlite((bankDatabase ?? issuerDatabase)!, { readonly: true });
  const tables = database
    .prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all();
  const rows = tables.map(({ name }) => [name, database.prepare(`SELECT * FROM ${name}`).all()] as const);
  database.close();
  return Object.fromEntries(rows.map(([name, all]) => [name, JSON.stringify(all)]));
}

/** Cut into pieces of the given lengths, over and over. */
function* pieces<T>(all: T[], lengths: number[]): Generator<T[]> {
  for (let at = 0, i = 0; at < all.length; i++) {
    const length = lengths[i % lengths.length]!;
    yield all.slice(at, at + length);
    at += length;
  }
}

const folders: string[] = [];
const folderFor = () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  folders.push(folder);
  return folder;
};
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const TAKERS: [string, (folder: string, queued: boolean) => Taker, queued: boolean][] = [
  ['the issuer of scheme 1, in one call', issuerTaker, false],
  ['the issuer of scheme 1, through the queue', issuerTaker, true],
  ["a bank's accounts, through the queue", bankTaker, true],
  ['histories that a bank returns', returnTaker, false],
];

/** What is left to chance below may not come in a few runs. */
const paid = (changes: Partial<Paid>): Paid => ({
  who: 0,
  shop: 0,
  charge: 1,
  amount: 20,
  fault: 'none',
  ...changes,
});
const EVERY_ANSWER: Paid[] = [
  ...[{}, {}, { amount: 35 }, { shop: 2 }, { shop: 3 }].map(paid),
  ...[BURIED, GRANTED, DUE, OPEN].map((charge) => paid({ charge })),
  ...(['payment', 'license', 'foreign', 'garbage', 'expired', 'class'] as const).map((fault) =>
    paid({ charge: 2, fault }),
  ),
];

const seen = new Set<string>();

test.each(TAKERS)(
  '%s: a batch is what its deposits are one after another',
  async (_name, makeTaker, queued) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(paidArbitrary, { minLength: 2, maxLength: 24 }),
        fc.array(fc.integer({ min: 1, max: 24 }), { minLength: 1, maxLength: 4 }),
        async (payments, lengths) => {
          const histories = payments.map(historyFor);
          const single = makeTaker(folderFor(), false);
          const batched = makeTaker(folderFor(), queued);
          try {
            const wanted: Result<unknown>[] = [];
            for (const history of histories) wanted.push(await single.one(history));
            const given: Result<unknown>[] = [];
            for (const piece of pieces(histories, lengths)) given.push(...(await batched.many(piece)));
            expect(given).toEqual(wanted);
            wanted.forEach((result) => seen.add(codeOf(result)));
            expect(rowsOf(batched.paths)).toEqual(rowsOf(single.paths));
            const report = audit(batched.paths);
            expect(report).toEqual(audit(single.paths));
          } finally {
            single.close();
            batched.close();
          }
        },
      ),
      { numRuns: extent(12, 60, 1000), examples: [[EVERY_ANSWER, [24]]] },
    );
  },
  600_000,
);

test('those batches met every answer of a deposit', () => {
  for (const code of ['OK', 'BAD_REQUEST', 'CURRENCY_UNKNOWN', 'LICENSE_INVALID', 'SIGNATURE_INVALID'])
    expect(seen).toContain(code);
  for (const code of ['CHALLENGE_CONFLICT', 'TOMBSTONED', 'RECONCILED', 'CLAIM_DUE', 'CLASS_LIMIT', 'LICENSE_EXPIRED'])
    expect(seen).toContain(code);
  for (const code of ['ACCOUNT_UNKNOWN', 'ACCOUNT_CLOSED']) expect(seen).toContain(code);
});

describe('on PostgreSQL', () => {
  const cluster = postgresForFile();
  const HOUSES: [string, typeof issuerTaker, isIssuer: boolean, isReturn: boolean][] = [
    ['the issuer of scheme 1', issuerTaker, true, false],
    ["a bank's accounts", bankTaker, false, false],
    ['histories that a bank returns', returnTaker, true, true],
  ];

  (hasPostgres ? test : test.skip).each(HOUSES)(
    '%s: a batch is what its deposits are one after another on SQLite',
    async (name, makeTaker, isIssuer, isReturn) => {
      const migrations = isIssuer ? POSTGRES_ISSUER_MIGRATIONS : POSTGRES_BANK_MIGRATIONS;
      const database = await openForFile(cluster(), name, migrations);
      const sqlitePath = ({ paths }: Taker) => (paths.bankDatabase ?? paths.issuerDatabase)!;
      await fc.assert(
        fc.asyncProperty(
          fc.array(paidArbitrary, { minLength: 2, maxLength: 24 }),
          fc.array(fc.integer({ min: 1, max: 24 }), { minLength: 1, maxLength: 4 }),
          async (payments, lengths) => {
            const histories = payments.map(historyFor);
            const single = makeTaker(folderFor(), false);
            try {
              await copyBooks(sqlitePath(single), database, isIssuer);
              const house = postgresHouse(single, isIssuer);
              const deposits = createDeposits(house, verifyHere);
              const many = isReturn ? returnsTo(house) : manyOf((all) => deposits.deposit(all), true);
              const wanted: Result<unknown>[] = [];
              for (const history of histories) wanted.push(await single.one(history));
              const given: Result<unknown>[] = [];
              for (const piece of pieces(histories, lengths)) given.push(...(await many(piece)));
              expect(given).toEqual(wanted);
              const rows = await postgresRows(database, isIssuer);
              expect(rows).toEqual(sqliteRows(sqlitePath(single), isIssuer));
              checkPostings(rows);
            } finally {
              single.close();
            }
          },
        ),
        { numRuns: extent(6, 20, 400), examples: [[EVERY_ANSWER, [24]]] },
      );

      /** What takes back what a bank brings, with the answers of `returnTaker`. */
      function returnsTo(house: DepositHouse): Taker['many'] {
        return async (histories) => {
          const reads = histories.map((bytes) => ({ bytes, read: readHistory(house, bytes) }));
          const requests = reads.flatMap(({ bytes, read }) => (read.ok ? [requestOf(read, bytes)] : []));
          const results = await house.store.credit(returnAct(house.nowS, requests, () => undefined));
          return reads.map(({ read }): Result<unknown> => {
            const result = read.ok ? results.shift()! : read;
            return result.ok ? { ok: true } : ({ ok: false, code: result.code } as Result<unknown>);
          });
        };
      }

      /** What takes deposits there, at the time of the other. */
      function postgresHouse({ nowS }: Taker, knowsPseudonyms: boolean): DepositHouse {
        const first = { issuerKey: issuerSigner.publicKey, registrarKey: BOOKS.registrarKey, bankKey: null };
        return {
          ...{ issuer: ISSUER, currency: CURRENCY, graceS: WEEK_S, nowS },
          store: postgresCreditsOf(database, { knowsPseudonyms }),
          registrar: linesOf({ successions: () => [] }, first).registrar,
          payerOf: knowsPseudonyms ? counterAccount : () => OUT,
          ...{ clockDoubted: () => false, restored: false, onOverspent: () => undefined },
        };
      }
    },
    600_000,
  );
});
