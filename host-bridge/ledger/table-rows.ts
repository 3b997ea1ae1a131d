/**
 * A row type for each table of the houses, columns as the schema has them (sqlite/sqlite-schema.ts): what `SELECT *`
 * gives. Stores read integers as numbers, the audit as BigInt, so that is a parameter. Bytes are Buffers. Nothing is
 * checked by it at run time: STRICT tables are.
 */
import type { Role } from '../base/services/roles.js';
import type { TransactionKind } from './store.js';

/** Tables of every house. */
interface SharedTables<Integer> {
  books: { key: string; value: Buffer };
  epochs: {
    epoch: Integer;
    database_id: Buffer;
    cause: 'made' | 'restored' | 'loss accepted';
    began_s: Integer;
    acts: Integer;
    backup_s: Integer | null;
    why: string | null;
  };
  clock_confirmations: {
    id: Integer;
    time_s: Integer;
    operator: string;
    why: string;
    doubt: string | null;
    estimate_s: Integer;
  };
  operators: {
    id: Integer;
    key: Buffer;
    name: string;
    role: Role;
    act_limit: Integer | null;
    epoch: Integer;
    added_s: Integer;
    added_by: string;
    removed_s: Integer | null;
    removed_by: string | null;
  };
  successions: { house: Integer; number: Integer; notice: Buffer; time_s: Integer };
  traces: {
    id: Integer;
    pku: Buffer;
    operator: string;
    why: string;
    ebc: Integer;
    name: string | null;
    proof: 'PROVEN' | 'UNPROVEN' | null;
    time_s: Integer;
    trace_order: Buffer | null;
  };
}

/** Tables of the houses with a ledger: issuer and bank. */
interface LedgerTables<Integer> {
  balances: { account: string; balance: Integer };
  transactions: { id: Integer; kind: TransactionKind; time_s: Integer };
  entries: { transaction_id: Integer; account: string; delta: Integer };
  license_classes: { account_key: Buffer; license_class: Integer; operator: string; time_s: Integer };
  accounts: {
    name: string;
    account_key: Buffer | null;
    certificate: Buffer | null;
    opened_s: Integer;
    closed_s: Integer | null;
  };
  histories: {
    pku: Buffer;
    shop: string;
    rs: Buffer;
    amount: Integer;
    history: Buffer;
    arrived_s: Integer;
    transaction_id: Integer;
    returned_s: Integer | null;
    return_code: string | null;
  };
  tombstones: { shop: string; rs: Buffer; tombstone: Buffer; time_s: Integer };
  refunds: {
    pku: Buffer;
    shop: string;
    rs: Buffer;
    refund_id: Buffer;
    amount: Integer;
    refund: Buffer;
    time_s: Integer;
    transaction_id: Integer;
    undone_s: Integer | null;
  };
  claims: {
    pku: Buffer;
    shop: string;
    rs: Buffer;
    amount: Integer;
    history: Buffer;
    opened_s: Integer;
    due_s: Integer;
    granted_s: Integer | null;
  };
  releases: {
    transaction_id: Integer;
    subject: Buffer;
    name: string | null;
    amount: Integer;
    release_order: Buffer | null;
    time_s: Integer;
  };
  payouts: {
    transaction_id: Integer;
    name: string;
    amount: Integer;
    reference: string;
    operator: string;
    time_s: Integer;
  };
  terminals: { shop: string; terminal_id: Buffer; key: Buffer };
  operator_requests: {
    id: Buffer;
    operator_key: Buffer;
    signed: Buffer;
    signature: Buffer;
    reply: string;
    time_s: Integer;
    role: Role | null;
  };
}

/** Tables that the issuer alone has. */
interface IssuerTables<Integer> {
  pseudonyms: { pku: Buffer; counter: Buffer; name: string | null; request: Buffer | null; receipt_number: Integer };
  receipts: {
    pku: Buffer;
    number: Integer;
    kind: Integer;
    amount: Integer;
    name: string | null;
    receipt: Buffer;
    request: Buffer;
    transaction_id: Integer | null;
  };
  overspends: { transaction_id: Integer; pku: Buffer; ebc: Integer; time_s: Integer };
  denials: { pku: Buffer; until_s: Integer | null; why: string; since_s: Integer };
  deny_lists: { version: Integer; list: Buffer };
  terminal_notices: {
    terminal_id: Buffer;
    time_s: Integer;
    retired: Integer;
    operator: string;
    why: string;
    notice: Buffer;
  };
  losses: { counter: Buffer; operator: string; why: string; since_s: Integer; due_s: Integer };
  shared_keys: {
    kid: Buffer;
    k: Buffer | null;
    counter: Buffer;
    sequence: Integer;
    registration: Buffer;
    time_s: Integer;
  };
  replies: {
    message_hash: Buffer;
    id: Buffer | null;
    message: Buffer;
    message_signature: Buffer | null;
    reply: Buffer;
    reply_signature: Buffer | null;
    boxes: Buffer;
    time_s: Integer;
  };
  coupons: { id: Buffer; prepared: Buffer; amount: Integer; signature: Buffer; transaction_id: Integer };
  coupon_keys: { version: Integer; list: Buffer; moduli: Buffer };
}

/** Tables that the bank alone has. */
interface BankTables<Integer> {
  requests: {
    hash: Buffer;
    name: string | null;
    kind: Integer;
    amount: Integer;
    owned: Buffer;
    state: 'pending' | 'done' | 'refused';
    message: Buffer | null;
    message_signature: Buffer | null;
    reply: Buffer | null;
    reply_signature: Buffer | null;
    boxes: Buffer | null;
    draw_id: Integer | null;
    drawback_id: Integer | null;
    time_s: Integer;
  };
}

/** Tables that the trustee alone has. */
interface TrusteeTables<Integer> {
  registrations: {
    pku: Buffer;
    name: string;
    account_key: Buffer;
    certificate: Buffer;
    request: Buffer;
    license: Buffer;
    time_s: Integer;
  };
}

type Tables<Integer> = SharedTables<Integer> &
  LedgerTables<Integer> &
  IssuerTables<Integer> &
  BankTables<Integer> &
  TrusteeTables<Integer>;

/** Name of a table. */
export type Table = keyof Tables<number>;

/** A table's row. @example `Row<'histories'>` in a store, `Row<'histories', bigint>` in the audit */
export type Row<Name extends Table, Integer = number> = Tables<Integer>[Name];
