/**
 * The books as the parts of the audit see them. In a file of its own that imports no other file of the audit, so that
 * each of them may take it.
 */
import type { Scheme } from '../../firmware/core/scheme.js';
import { equal } from '../../firmware/core/bytes.js';
import { moneyText } from '../base/money.js';
import { issuerIdOf } from '../base/crypto/signer.js';
import type { SqlValue } from '../base/sqlite/database.js';
import type { Row, Table } from '../ledger/table-rows.js';

/** A table's row as the audit reads it. */
export type Audited<Name extends Table> = Row<Name, bigint>;

/** Whose database it is. */
export type House = 'issuer' | 'bank' | 'trustee';

/** What the parts of the audit work with. */
export interface AuditBooks {
  /**
   * Rows of a query, one at a time; integers are BigInt, bytes are Buffers. Counted under `table` where one is named.
   */
  each<Columns>(sql: string, table?: string): Iterable<Columns>;
  /** The first row; `Columns` says what the query selects, where that is read. */
  one<Columns = object>(sql: string, ...values: (SqlValue | bigint)[]): Columns | undefined;
  broken(table: string, row: string, problem: string): void;
  house: House;
  scheme: Scheme;
  /** Whether accounts ABC are kept in this house. */
  keepsAccounts: boolean;
  issuerKey: Uint8Array;
  /** PKB; empty where the scheme has no bank. */
  bankKey: Uint8Array;
  registrarKey: Uint8Array;
  /** Judges the houses' signatures: those above are the first keys of their lines. */
  keys: AuditedKeys;
  currency: string;
  operatorKeys: Uint8Array[] | null;
}

/** Whose signature is looked for: `accounts` is who certifies account keys. */
export type Role = 'issuer' | 'registrar' | 'bank' | 'accounts';

/** Judges signatures of houses. */
export interface AuditedKeys {
  /** Whether a house signed it. @param timeS when; null where nothing says it */
  isBy(role: Role, type: number, message: Uint8Array, signature: Uint8Array, timeS: number | bigint | null): boolean;
  /** Whether it is a license of the registrar's that may end when it says. */
  isLicense(validUntilS: number, body: Uint8Array, signature: Uint8Array): boolean;
  /** For people: each house's keys, oldest first. */
  lines(): { house: string; key: string; fromS: number; untilS: number | null }[];
}

/** What is wrong with a row; null when nothing is. */
export type Problem = string | null;

/** The first check that does not hold. */
export function firstOf(...checks: [holds: boolean, problem: string][]): Problem {
  return checks.find(([holds]) => !holds)?.[1] ?? null;
}

/** A sum in the books' own currency. */
export const moneyIn = ({ currency }: AuditBooks, amount: bigint): string => moneyText(amount, currency);

/** Whether a message is about this issuer's cash. */
export function isOurs(books: AuditBooks, message: { issuer: Uint8Array; currency: string }): boolean {
  return equal(message.issuer, issuerIdOf(books.issuerKey)) && message.currency === books.currency;
}
