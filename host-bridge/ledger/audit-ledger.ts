/**
 * Audit of the postings: each sums to 0 and has its kind's shape, balances are what the postings make them, and what is
 * held equals what was put in. EP 0926637 [0018], [0030]; SECURITY.md "Conservation".
 */
import type { AuditBooks } from './audit.js';

/** Accounts that each kind of transaction takes from and gives to. */
const SHAPES: Record<string, [from: RegExp, to: RegExp]> = {
  fund: [/^in$/, /^abc:/],
  withdraw: [/^abc:/, /^ebc:[0-9a-f]{64}$/],
  deposit: [/^ebc:[0-9a-f]{64}$/, /^abc:/],
  refund: [/^abc:/, /^ebc:[0-9a-f]{64}$/],
};

interface Entry {
  account: string;
  delta: bigint;
}

/** Checks transactions, entries and balances. @returns money put in and money held, from the postings alone */
export function auditLedger(books: AuditBooks): { in: bigint; held: bigint } {
  const running = new Map<string, bigint>();
  const sql = `SELECT t.id AS transaction_id, t.kind, e.account, e.delta FROM transactions t LEFT JOIN entries e ON e.transaction_id = t.id ORDER BY t.id`;
  let current: { id: bigint; kind: string; entries: Entry[] } | null = null;
  let transactions = 0;
  const finish = () => {
    if (current) auditTransaction(books, current.id, current.kind, current.entries, running);
  };
  for (const row of books.each(sql, 'entries')) {
    if (current?.id !== row['transaction_id']) {
      finish();
      current = { id: row['transaction_id'], kind: row['kind'], entries: [] };
      transactions++;
    }
    if (row['account'] !== null) current?.entries.push({ account: row['account'], delta: row['delta'] });
  }
  finish();
  for (const row of books.each('SELECT * FROM entries WHERE transaction_id NOT IN (SELECT id FROM transactions)')) {
    books.broken('entries', `${row['transaction_id']} ${row['account']}`, 'belongs to no transaction');
  }
  auditBalances(books, running);
  return conserve(books, running, transactions);
}

function auditTransaction(books: AuditBooks, id: bigint, kind: string, entries: Entry[], running: Map<string, bigint>): void {
  const broken = (problem: string) => books.broken('transactions', String(id), problem);
  const sum = entries.reduce((total, entry) => total + entry.delta, 0n);
  if (sum !== 0n) broken(`its entries sum to ${sum}, not 0`);
  const from = entries.find((entry) => entry.delta < 0n);
  const to = entries.find((entry) => entry.delta > 0n);
  const shape = SHAPES[kind];
  if (!shape || entries.length !== 2 || !from || !to || !shape[0].test(from.account) || !shape[1].test(to.account)) broken(`its entries are not a ${kind}`);
  for (const { account, delta } of entries) {
    const after = (running.get(account) ?? 0n) + delta;
    running.set(account, after);
    if (account.startsWith('abc:') && after < 0n) broken(`leaves ${account} at ${after}`);
  }
  if (kind === 'withdraw') auditPaper(books, id, from, to, books.one('SELECT pku, name, amount FROM receipts WHERE transaction_id = ?', id), 'receipt');
  if (kind === 'refund') auditPaper(books, id, from, to, books.one('SELECT pku, shop AS name, amount FROM refunds WHERE transaction_id = ?', id), 'refund');
  if (kind === 'deposit') {
    auditPaper(books, id, to, from, books.one('SELECT pku, shop AS name, amount FROM histories WHERE transaction_id = ?', id), 'history');
    auditOverspend(books, id, from ? running.get(from.account) : undefined);
  }
}

/** Each withdrawal has one receipt and each deposit one history, about the same accounts and amount. */
function auditPaper(books: AuditBooks, id: bigint, abc: Entry | undefined, ebc: Entry | undefined, paper: Record<string, any> | undefined, what: string): void {
  if (!paper) return books.broken('transactions', String(id), `has no ${what}`);
  const amount = abc && abc.delta < 0n ? -abc.delta : abc?.delta;
  const same = paper['amount'] === amount && abc?.account === `abc:${paper['name']}` && ebc?.account === `ebc:${paper['pku'].toString('hex')}`;
  if (!same) books.broken('transactions', String(id), `its ${what} is about other accounts or another amount`);
}

/** A deposit that leaves EBC negative has an overspend record with that EBC, and no other deposit has one [0031]. */
function auditOverspend(books: AuditBooks, id: bigint, ebcAfter: bigint | undefined): void {
  const recorded = books.one('SELECT ebc FROM overspends WHERE transaction_id = ?', id);
  if (ebcAfter !== undefined && ebcAfter < 0n && !recorded) books.broken('transactions', String(id), `leaves EBC at ${ebcAfter} without an overspend record`);
  if (recorded && recorded['ebc'] !== ebcAfter) books.broken('overspends', String(id), `says EBC ${recorded['ebc']}, the postings say ${ebcAfter}`);
}

function auditBalances(books: AuditBooks, running: Map<string, bigint>): void {
  const seen = new Set<string>();
  for (const { account, balance } of books.each('SELECT account, balance FROM balances', 'balances')) {
    seen.add(account);
    const sum = running.get(account) ?? 0n;
    if (balance !== sum) books.broken('balances', account, `says ${balance}, its postings sum to ${sum}`);
    if (account.startsWith('abc:') && balance < 0n) books.broken('balances', account, `is ${balance}, below 0`);
    if (!ownerExists(books, account)) books.broken('balances', account, 'belongs to no account and no pseudonym');
  }
  for (const [account, sum] of running) if (!seen.has(account)) books.broken('balances', account, `is missing; its postings sum to ${sum}`);
}

function ownerExists(books: AuditBooks, account: string): boolean {
  if (account === 'in') return true;
  if (account.startsWith('abc:')) return books.one('SELECT 1 FROM accounts WHERE name = ?', account.slice(4)) !== undefined;
  return /^ebc:[0-9a-f]{64}$/.test(account) && books.one('SELECT 1 FROM pseudonyms WHERE pku = ?', Buffer.from(account.slice(4), 'hex')) !== undefined;
}

function conserve(books: AuditBooks, running: Map<string, bigint>, transactions: number): { in: bigint; held: bigint } {
  let held = 0n;
  for (const [account, sum] of running) if (account !== 'in') held += sum;
  const putIn = -(running.get('in') ?? 0n);
  if (putIn !== held) books.broken('entries', `all ${transactions} transactions`, `${putIn} was put in, ${held} is held`);
  const stored = books.one(`SELECT coalesce(sum(balance) FILTER (WHERE account <> 'in'), 0) AS held, coalesce(-sum(balance) FILTER (WHERE account = 'in'), 0) AS put_in FROM balances`);
  if (stored && stored['held'] !== stored['put_in']) books.broken('balances', 'all', `${stored['put_in']} was put in, ${stored['held']} is held`);
  return { in: putIn, held };
}
