/**
 * What issuer and trustee need of a store: rows in, rows out, and transactions. No rule lives here.
 *
 * Bytes are Uint8Array, times Unix seconds, amounts minor units. Every method may throw a `TapcashError` of the DATABASE_
 * family. Rows are only ever added, but for balances, the deny list's refreshed version, and a pseudonym's name, which
 * is set once.
 */
import type { Entry } from './rules.js';

/** Why money moved. */
export type TransactionKind = 'fund' | 'withdraw' | 'deposit';

export interface AccountRow {
  name: string;
  accountKey: Uint8Array | null;
  /** Encoded `accountCertificate`; null together with the key. */
  certificate: Uint8Array | null;
  openedS: number;
}

export interface PseudonymRow {
  pku: Uint8Array;
  /** Bound by the first withdrawal; null where the issuer only ever saw the pseudonym in a history. */
  name: string | null;
  /** Bytes of that first withdrawal request: the proof for trace. */
  request: Uint8Array | null;
  /** Number of the last receipt given. */
  receiptNumber: number;
}

export interface ReceiptRow {
  pku: Uint8Array;
  number: number;
  kind: number;
  amount: number;
  name: string;
  /** Encoded `receipt`. */
  receipt: Uint8Array;
  /** Encoded `withdrawal` that it answers. */
  request: Uint8Array;
  transaction: number;
}

export interface HistoryRow {
  pku: Uint8Array;
  shop: string;
  rs: Uint8Array;
  amount: number;
  /** Encoded `history`. */
  history: Uint8Array;
  arrivedS: number;
  transaction: number;
}

export interface OverspendRow {
  pku: Uint8Array;
  /** EBC after the deposit that made or left it negative. */
  ebc: number;
  timeS: number;
  transaction: number;
}

export interface DenialRow {
  pku: Uint8Array;
  /** When the license seen last, grace included, is over and the denial leaves the list; null: never. */
  untilS: number | null;
  why: string;
  sinceS: number;
}

export interface TraceRow {
  pku: Uint8Array;
  /** Who asked: an operator's key id. */
  operator: string;
  why: string;
  ebc: number;
  name: string;
  proof: 'PROVEN' | 'UNPROVEN';
  timeS: number;
}

export interface OperatorRequestRow {
  /** 16 bytes, random. */
  id: Uint8Array;
  operatorKey: Uint8Array;
  /** Encoded `operatorRequestBody`, and the operator's signature over it. */
  signed: Uint8Array;
  signature: Uint8Array;
  /** The stored reply as JSON. */
  reply: string;
  timeS: number;
}

export interface RegistrationRow {
  pku: Uint8Array;
  name: string;
  accountKey: Uint8Array;
  /** Encoded `accountCertificate`, `registration` and `license`. */
  certificate: Uint8Array;
  request: Uint8Array;
  license: Uint8Array;
  timeS: number;
}

/** What a database belongs to; set when it is made, compared at every start. */
export interface Books {
  issuerKey: Uint8Array;
  registrarKey: Uint8Array;
  /** ISO 4217. */
  currency: string;
}

/** Sums over the whole ledger. Conservation: `held === in`. */
export interface Numbers {
  /** Money put in. */
  in: number;
  /** Sum of all ABC, sum of all EBC. */
  abc: number;
  ebc: number;
  /** `abc + ebc`. */
  held: number;
  accounts: number;
  pseudonyms: number;
  receipts: number;
  histories: number;
  tombstones: number;
  overspent: number;
}

interface Store {
  /** Runs `run` in one write transaction, alone on the database: all of it on disk, or nothing. Nests. */
  transaction<T>(run: () => T): T;
  /** Throws where the database cannot be read and written. */
  check(): void;
  /** Ends the store; everything acknowledged is on disk already. */
  close(): void;
}

/** The issuer's books. */
export interface IssuerStore extends Store {
  /** 0 for an account never posted to. */
  balance(account: string): number;
  /** Writes a posting that a rule gave, and the new balances. @returns the transaction's number */
  post(kind: TransactionKind, timeS: number, entries: Entry[]): number;
  numbers(): Numbers;
  account(name: string): AccountRow | null;
  accountByKey(accountKey: Uint8Array): AccountRow | null;
  addAccount(row: AccountRow): void;
  pseudonym(pku: Uint8Array): PseudonymRow | null;
  /** Adds a pseudonym without a name; nothing where it exists. */
  addPseudonym(pku: Uint8Array): void;
  /** Binds a pseudonym to its name. Once. */
  bindPseudonym(pku: Uint8Array, name: string, request: Uint8Array): void;
  receipt(pku: Uint8Array, number: number): ReceiptRow | null;
  /** Receipts from `number` on, in order, at most `limit`. */
  receiptsFrom(pku: Uint8Array, number: number, limit: number): ReceiptRow[];
  /** Adds a receipt and makes its number the pseudonym's last. */
  addReceipt(row: ReceiptRow): void;
  history(pku: Uint8Array, shop: string, rs: Uint8Array): HistoryRow | null;
  /** The histories deposited last, newest first. */
  latestHistories(limit: number): HistoryRow[];
  /** Whether any pseudonym's history of (IdS, Rs) was deposited. */
  isDeposited(shop: string, rs: Uint8Array): boolean;
  addHistory(row: HistoryRow): void;
  tombstone(shop: string, rs: Uint8Array): Uint8Array | null;
  addTombstone(shop: string, rs: Uint8Array, tombstone: Uint8Array, timeS: number): void;
  terminalKey(shop: string, terminalId: Uint8Array): Uint8Array | null;
  addTerminal(shop: string, terminalId: Uint8Array, key: Uint8Array): void;
  addOverspend(row: OverspendRow): void;
  /** The last overspend record of each pseudonym whose EBC is negative now. */
  overspends(): OverspendRow[];
  denial(pku: Uint8Array): DenialRow | null;
  /** Adds a denial, or takes over its new `untilS`. */
  putDenial(row: DenialRow): void;
  /** Denials in force at `nowS`, oldest first. */
  denials(nowS: number): DenialRow[];
  /** The newest deny list. */
  denyList(): { version: number; list: Uint8Array } | null;
  /** Adds a version; `replaces` is one with the same keys, which need not be kept. */
  addDenyList(version: number, list: Uint8Array, replaces: number | null): void;
  addTrace(row: TraceRow): void;
  traces(): TraceRow[];
  operatorRequest(id: Uint8Array): OperatorRequestRow | null;
  addOperatorRequest(row: OperatorRequestRow): void;
}

/** The trustee's book of names. */
export interface TrusteeStore extends Store {
  registration(pku: Uint8Array): RegistrationRow | null;
  pseudonymsOf(name: string): number;
  addRegistration(row: RegistrationRow): void;
}
