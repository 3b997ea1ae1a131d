/**
 * The audit: adds the books up again, verifies every signature in them, and names each row that does not hold.
 *
 * It has its own code: it reads the SQLite files itself and uses neither the rules nor the stores, so that a mistake
 * there shows here. All integers are read as BigInt, so that no damaged amount can hide in rounding. What it shares
 * with the services is the encodings (firmware/wire) and the one verification rule. Left out: what other parties hold
 * (Balance on tokens, histories still in a terminal or bridge).
 */
import type Sqlite from 'better-sqlite3';
import { equal, toChars, toHex } from '../../firmware/core/bytes.js';
import { schemeOf, SCHEMES } from '../../firmware/core/scheme.js';
import { auditBack, auditReleases } from './audit-refunds.js';
import { auditBetween } from './audit-between.js';
import { auditAccounts, auditEvidence, auditRegistrations } from './audit-evidence.js';
import { beginTogether, checkSchema, linesIn, openAudited, successionsIn, type AuditedLine } from './audit-files.js';
import { auditKeys } from './audit-keys.js';
import { auditLedger } from './audit-ledger.js';
import { auditDenials, auditOffice, auditTraces } from './audit-office.js';
import { auditReplies } from './audit-replies.js';
import { auditRequests } from './audit-requests.js';
import { databaseFailure, type SqlValue } from '../base/sqlite/database.js';
import type { House, AuditBooks, Audited, AuditedKeys } from './audit-books.js';

export interface AuditOptions {
  /** Path of the issuer's database. */
  issuerDatabase: string;
  /** Path of the bank's, where the scheme has one: its books, and that both houses say the same. */
  bankDatabase?: string;
  /** Path of the trustee's, to compare names with. */
  trusteeDatabase?: string;
  /** PKI and PKR as boards know them: a database with other keys is broken. */
  issuerKey?: Uint8Array;
  registrarKey?: Uint8Array;
  /** Operators who may have acted; others are named. */
  operatorKeys?: Uint8Array[];
  /** Told after each table. */
  onProgress?: (table: string, rows: number) => void;
}

/** A row that does not hold. */
export interface BrokenRow {
  database: House;
  table: string;
  /** What identifies the row, for people. */
  row: string;
  problem: string;
}

export interface AuditReport {
  ok: boolean;
  /**
   * Money put in, and what accounts, counters and everything between the houses hold; equal, or conservation is broken.
   * Recomputed from the postings.
   */
  in: number;
  held: number;
  /** Of the books, ISO 4217. */
  currency: string;
  /** The houses' keys as the issuer's books have them, oldest first; `untilS` null for the last of a line. */
  keys: ReturnType<AuditedKeys['lines']>;
  /** Restores, and losses that an operator accepted: acts of the time before each may be missing. */
  lines: AuditedLine[];
  /** Rows checked, by table; the bank's under "bank " and the table's name. */
  rows: Record<string, number>;
  broken: BrokenRow[];
}

/** Audits the books. @throws TapcashError DATABASE_*, FILE_MISSING where they cannot be read at all */
export function audit(options: AuditOptions): AuditReport {
  const report: AuditReport = { ok: false, in: 0, held: 0, currency: '', keys: [], lines: [], rows: {}, broken: [] };
  const { issuerDatabase, bankDatabase, trusteeDatabase } = options;
  inSnapshots([issuerDatabase, ...(bankDatabase === undefined ? [] : [bankDatabase])], ([issuerFile, bankFile]) => {
    const issuer = openBooks(issuerFile!, 'issuer', options, report);
    const sums = auditIssuer(issuer);
    Object.assign(report, { in: Number(sums.in), held: Number(sums.held) });
    Object.assign(report, { currency: issuer.currency, keys: issuer.keys.lines() });
    if (bankFile) {
      const bank = openBooks(bankFile, 'bank', options, report);
      const both = auditBetween(bank, auditBank(bank), issuer, sums);
      Object.assign(report, { in: Number(both.in), held: Number(both.held) });
    }
    if (trusteeDatabase !== undefined)
      inSnapshots([trusteeDatabase], ([file]) => auditTrustee(openBooks(file!, 'trustee', options, report), issuer));
  });
  report.ok = report.broken.length === 0;
  return report;
}

function auditIssuer(books: AuditBooks) {
  const sums = auditLedger(books);
  auditEvidence(books);
  auditBack(books);
  auditReleases(books);
  auditReplies(books);
  auditOffice(books);
  auditDenials(books);
  auditTraces(books);
  return sums;
}

function auditBank(books: AuditBooks) {
  const sums = auditLedger(books);
  auditAccounts(books);
  auditBack(books);
  auditReleases(books);
  auditRequests(books);
  auditOffice(books);
  auditTraces(books);
  return sums;
}

function auditTrustee(books: AuditBooks, issuer: AuditBooks): void {
  auditRegistrations(books, issuer);
  auditTraces(books);
}

/**
 * One state of each file, however long the audit takes and whatever the services do meanwhile; and of several files the
 * state of one moment: what the first one's last change was is the same before and after the others' snapshots begin.
 */
function inSnapshots(paths: string[], run: (databases: Sqlite.Database[]) => void): void {
  const opened: Sqlite.Database[] = [];
  const open = (path: string) => {
    const database = openAudited(path);
    opened.push(database);
    return database.defaultSafeIntegers(true);
  };
  try {
    const watch = paths.length > 1 ? open(paths[0]!) : null;
    const databases = paths.map(open);
    beginTogether(watch, databases);
    run(databases);
  } catch (thrown) {
    throw databaseFailure(thrown, paths[0]!);
  } finally {
    for (const database of opened) database.close();
  }
}

function openBooks(database: Sqlite.Database, name: House, options: AuditOptions, report: AuditReport): AuditBooks {
  checkSchema(database, name);
  const broken = (table: string, row: string, problem: string) =>
    void report.broken.push({ database: name, table, row, problem });
  const integrity = database.prepare<[], { integrity_check: string }>('PRAGMA integrity_check');
  for (const { integrity_check: found } of integrity.all()) {
    if (found !== 'ok') broken('file', database.name, found);
  }
  const marks = database.prepare<[key: string], Pick<Audited<'books'>, 'value'>>(
    'SELECT value FROM books WHERE key = ?',
  );
  const mark = (key: string) => new Uint8Array(marks.get(key)?.value ?? []);
  const issuerKey = mark('issuerKey');
  const registrarKey = mark('registrarKey');
  const number = mark('scheme')[0] ?? 0;
  if (number < 1 || number > SCHEMES.length) broken('books', 'scheme', 'missing');
  const scheme = schemeOf(number >= 1 && number <= SCHEMES.length ? number : 1);
  const bankKey = mark('bankKey');
  const atBank = scheme.accountsAt === 'bank';
  if (atBank && bankKey.length !== 32) broken('books', 'bankKey', 'missing');
  for (const [key, found, pinned] of [
    ['issuerKey', issuerKey, options.issuerKey],
    ['registrarKey', registrarKey, options.registrarKey],
  ] as const) {
    if (found.length !== 32) broken('books', key, 'missing');
    else if (pinned && !equal(found, pinned)) broken('books', key, `is ${toHex(found)}, not the key that boards trust`);
  }
  report.lines.push(...linesIn(database, name));
  const keys = auditKeys({ rows: successionsIn(database), scheme, issuerKey, registrarKey, bankKey, broken });
  const prepared = new Map<string, Sqlite.Statement>();
  const statement = (sql: string) =>
    prepared.get(sql) ?? (prepared.set(sql, database.prepare(sql)).get(sql) as Sqlite.Statement);
  return {
    *each<Columns>(sql: string, table?: string) {
      let rows = 0;
      for (const row of database.prepare<[], Columns>(sql).iterate()) {
        rows++;
        yield row;
      }
      if (table === undefined) return;
      const label = name === 'bank' ? `bank ${table}` : table;
      report.rows[label] = (report.rows[label] ?? 0) + rows;
      options.onProgress?.(label, rows);
    },
    one: <Columns>(sql: string, ...values: (SqlValue | bigint)[]) =>
      statement(sql).get(...values) as Columns | undefined,
    broken,
    ...{ house: name, scheme, keepsAccounts: (name === 'bank') === atBank, bankKey, keys },
    issuerKey,
    registrarKey,
    currency: toChars(mark('currency')),
    operatorKeys: options.operatorKeys ?? null,
  };
}
