/**
 * The audit: adds the books up again, verifies every signature in them, and names each row that does not hold.
 *
 * It has its own code: it reads the SQLite files itself and uses neither the rules nor the stores, so that a mistake there
 * shows here. All integers are read as BigInt, so that no damaged amount can hide in rounding. What it shares with the
 * services is the encodings (firmware/wire) and the one verification rule. Left out: what other parties hold (Balance on
 * tokens, histories still in a terminal or bridge).
 */
import Sqlite from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { equal, toChars, toHex } from '../../firmware/core/bytes.js';
import { failure } from '../errors.js';
import { auditBack } from './audit-back.js';
import { auditEvidence, auditRegistrations } from './audit-evidence.js';
import { auditLedger } from './audit-ledger.js';
import { auditOffice } from './audit-office.js';
import { databaseFailure } from './sqlite.js';

export interface AuditOptions {
  /** Path of the issuer's database. */
  issuerDatabase: string;
  /** Path of the trustee's, to compare names with. */
  trusteeDatabase?: string;
  /** PKI and PKR as boards know them: a database with other keys is broken. */
  issuerKey?: Uint8Array;
  registrarKey?: Uint8Array;
  /** Operators who may have acted; others are named. */
  operatorKeys?: Uint8Array[];
  /** Told after each table. */
  progress?: (table: string, rows: number) => void;
}

/** A row that does not hold. */
export interface BrokenRow {
  database: 'issuer' | 'trustee';
  table: string;
  /** What identifies the row, for people. */
  row: string;
  problem: string;
}

export interface AuditReport {
  ok: boolean;
  /** Money put in, and accounts plus counters; equal, or conservation is broken. Recomputed from the postings. */
  in: number;
  held: number;
  /** Rows checked, by table. */
  rows: Record<string, number>;
  broken: BrokenRow[];
}

/** What the parts of the audit work with. */
export interface AuditBooks {
  /** Rows of a query, one at a time; integers are BigInt, bytes are Buffers. Counted under `table` where one is named. */
  each(sql: string, table?: string): Iterable<Record<string, any>>;
  one(sql: string, ...values: unknown[]): Record<string, any> | undefined;
  broken(table: string, row: string, problem: string): void;
  issuerKey: Uint8Array;
  registrarKey: Uint8Array;
  currency: string;
  operatorKeys: Uint8Array[] | null;
}

/** Audits the books. @throws TapcashError DATABASE_*, FILE_MISSING where they cannot be read at all */
export function audit(options: AuditOptions): AuditReport {
  const report: AuditReport = { ok: false, in: 0, held: 0, rows: {}, broken: [] };
  inSnapshot(options.issuerDatabase, (issuerDatabase) => {
    const issuer = openBooks(issuerDatabase, 'issuer', options, report);
    const sums = auditLedger(issuer);
    report.in = Number(sums.in);
    report.held = Number(sums.held);
    auditEvidence(issuer);
    auditBack(issuer);
    auditOffice(issuer);
    const { trusteeDatabase } = options;
    if (trusteeDatabase !== undefined) {
      inSnapshot(trusteeDatabase, (database) => auditRegistrations(openBooks(database, 'trustee', options, report), issuer));
    }
  });
  report.ok = report.broken.length === 0;
  return report;
}

/** Opens a file for reading and gives one state of it, however long the audit takes and whatever the service does meanwhile. */
function inSnapshot(path: string, run: (database: Sqlite.Database) => void): void {
  if (!existsSync(path)) throw failure('FILE_MISSING', path);
  let database: Sqlite.Database | null = null;
  try {
    database = new Sqlite(path, { readonly: true });
    database.defaultSafeIntegers(true);
    database.exec('BEGIN');
    run(database);
  } catch (thrown) {
    throw databaseFailure(thrown, path);
  } finally {
    database?.close();
  }
}

function openBooks(database: Sqlite.Database, name: 'issuer' | 'trustee', options: AuditOptions, report: AuditReport): AuditBooks {
  const broken = (table: string, row: string, problem: string) => void report.broken.push({ database: name, table, row, problem });
  for (const { integrity_check: found } of database.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[]) {
    if (found !== 'ok') broken('file', database.name, found);
  }
  const mark = (key: string) => new Uint8Array((database.prepare('SELECT value FROM books WHERE key = ?').get(key) as { value: Buffer } | undefined)?.value ?? []);
  const issuerKey = mark('issuerKey');
  const registrarKey = mark('registrarKey');
  for (const [key, found, pinned] of [['issuerKey', issuerKey, options.issuerKey], ['registrarKey', registrarKey, options.registrarKey]] as const) {
    if (found.length !== 32) broken('books', key, 'missing');
    else if (pinned && !equal(found, pinned)) broken('books', key, `is ${toHex(found)}, not the key that boards trust`);
  }
  const prepared = new Map<string, Sqlite.Statement>();
  const statement = (sql: string) => prepared.get(sql) ?? (prepared.set(sql, database.prepare(sql)).get(sql) as Sqlite.Statement);
  return {
    *each(sql, table) {
      let rows = 0;
      for (const row of database.prepare(sql).iterate()) {
        rows++;
        yield row as Record<string, any>;
      }
      if (table === undefined) return;
      report.rows[table] = (report.rows[table] ?? 0) + rows;
      options.progress?.(table, rows);
    },
    one: (sql, ...values) => statement(sql).get(...values) as Record<string, any> | undefined,
    broken,
    issuerKey,
    registrarKey,
    currency: toChars(mark('currency')),
    operatorKeys: options.operatorKeys ?? null,
  };
}
