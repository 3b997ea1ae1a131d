/**
 * Audit of the postings: each sums to 0 and has its kind's shape, balances are what the postings make them, and what is
 * held equals what was put in, less what was paid out. EP 0926637 [0018], [0030], [0040], [0043], [0055],
 * [0067]-[0068], [0080]; docs/security.md 6, "Conservation".
 */
import { moneyIn, type AuditBooks, type Audited } from './audit-books.js';

const ABC = /^abc:/;
const EBC = /^ebc:[0-9a-f]{64}$/;
const [IN, OUT, BANK] = [/^in$/, /^out$/, /^bank$/];

type Shapes = Record<string, [from: RegExp, to: RegExp]>;

/**
 * Accounts that each kind of transaction takes from and gives to: in a house that has all, and where bank and issuer
 * are two.
 */
const WHOLE: Shapes = {
  fund: [IN, ABC],
  payout: [ABC, IN],
  withdraw: [ABC, EBC],
  deposit: [EBC, ABC],
  refund: [ABC, EBC],
  release: [EBC, ABC],
};
const AT_BANK: Shapes = {
  fund: [IN, ABC],
  payout: [ABC, IN],
  draw: [ABC, OUT],
  drawback: [OUT, ABC],
  deposit: [OUT, ABC],
  release: [OUT, ABC],
};
const AT_ISSUER: Shapes = { issue: [BANK, EBC], return: [EBC, BANK], refund: [BANK, EBC], release: [EBC, BANK] };

function shapesOf({ house, keepsAccounts }: AuditBooks): Shapes {
  if (house === 'bank') return AT_BANK;
  return keepsAccounts ? WHOLE : AT_ISSUER;
}

type Entry = Pick<Audited<'entries'>, 'account' | 'delta'>;

/** A transaction with one of its entries, or with none where it has none. */
type LedgerLine = Pick<Audited<'transactions'>, 'kind'> & { transaction_id: bigint } & (
    Entry | { account: null; delta: null }
  );

/** What the postings of a house come to. */
export interface Sums {
  /** Money put in, and all that is not `in`. */
  in: bigint;
  held: bigint;
  /** All accounts ABC, all counters EBC. */
  abc: bigint;
  ebc: bigint;
}

/** Checks transactions, entries and balances. @returns the sums, from the postings alone */
export function auditLedger(books: AuditBooks): Sums {
  const running = new Map<string, bigint>();
  const sql = `SELECT t.id AS transaction_id, t.kind, e.account, e.delta FROM transactions t LEFT JOIN entries e ON e.transaction_id = t.id ORDER BY t.id`;
  let current = null as { id: bigint; kind: string; entries: Entry[] } | null;
  let transactions = 0;
  const finish = () => {
    if (current) auditTransaction(books, current.id, current.kind, current.entries, running);
  };
  for (const row of books.each<LedgerLine>(sql, 'entries')) {
    if (current?.id !== row.transaction_id) {
      finish();
      current = { id: row.transaction_id, kind: row.kind, entries: [] };
      transactions++;
    }
    if (row.account !== null) current?.entries.push({ account: row.account, delta: row.delta });
  }
  finish();
  for (const row of books.each<Audited<'entries'>>(
    'SELECT * FROM entries WHERE transaction_id NOT IN (SELECT id FROM transactions)',
  )) {
    books.broken('entries', `${row.transaction_id} ${row.account}`, 'belongs to no transaction');
  }
  for (const row of books.each<Audited<'payouts'>>(
    "SELECT * FROM payouts WHERE transaction_id NOT IN (SELECT id FROM transactions WHERE kind = 'payout')",
    'payouts',
  ))
    books.broken('payouts', String(row.transaction_id), 'is no payout among the transactions');
  auditBalances(books, running);
  return conserve(books, running, transactions);
}

function auditTransaction(
  books: AuditBooks,
  id: bigint,
  kind: string,
  entries: Entry[],
  running: Map<string, bigint>,
): void {
  const broken = (problem: string) => books.broken('transactions', String(id), problem);
  const sum = entries.reduce((total, entry) => total + entry.delta, 0n);
  if (sum !== 0n) broken(`its entries sum to ${moneyIn(books, sum)}, not 0`);
  const from = entries.find((entry) => entry.delta < 0n);
  const to = entries.find((entry) => entry.delta > 0n);
  const shape = shapesOf(books)[kind];
  if (!shape || entries.length !== 2 || !from || !to || !shape[0].test(from.account) || !shape[1].test(to.account))
    broken(`its entries are not a ${kind}`);
  for (const { account, delta } of entries) {
    const after = (running.get(account) ?? 0n) + delta;
    running.set(account, after);
    if (account.startsWith('abc:') && after < 0n) broken(`leaves ${account} at ${moneyIn(books, after)}`);
  }
  auditPaper(books, id, kind, from, to);
  const spent = from && EBC.test(from.account) ? running.get(from.account) : undefined;
  if (books.house === 'issuer' && (kind === 'deposit' || kind === 'return')) auditOverspend(books, id, spent);
}

/** What a paper says of a transaction; null what its kind does not have. */
interface Paper {
  pku: Buffer | null;
  name: string | null;
  amount: bigint;
}

/** What stands behind each kind of transaction: table, and its columns for who gives and who takes. */
const PAPERS: Record<string, { what: string; sql: string }> = {
  withdraw: { what: 'receipt', sql: 'SELECT pku, name, amount FROM receipts WHERE transaction_id = ?' },
  issue: { what: 'receipt', sql: 'SELECT pku, NULL AS name, amount FROM receipts WHERE transaction_id = ?' },
  deposit: { what: 'history', sql: 'SELECT pku, shop AS name, amount FROM histories WHERE transaction_id = ?' },
  return: { what: 'history', sql: 'SELECT pku, NULL AS name, amount FROM histories WHERE transaction_id = ?' },
  refund: { what: 'refund', sql: 'SELECT pku, shop AS name, amount FROM refunds WHERE transaction_id = ?' },
  release: { what: 'release', sql: 'SELECT subject AS pku, name, amount FROM releases WHERE transaction_id = ?' },
  payout: { what: 'payout', sql: 'SELECT NULL AS pku, name, amount FROM payouts WHERE transaction_id = ?' },
  draw: { what: 'request', sql: 'SELECT NULL AS pku, name, amount FROM requests WHERE draw_id = ?' },
  drawback: { what: 'request', sql: 'SELECT NULL AS pku, name, amount FROM requests WHERE drawback_id = ?' },
};

/** Each transaction but `fund` has one paper, about the same accounts and amount. */
function auditPaper(books: AuditBooks, id: bigint, kind: string, from: Entry | undefined, to: Entry | undefined): void {
  const expected = PAPERS[kind];
  if (!expected || !shapesOf(books)[kind]) return;
  const { what, sql } = expected;
  const paper = books.one<Paper>(sql, id);
  if (!paper) return books.broken('transactions', String(id), `has no ${what}`);
  const fits = ({ account, delta }: Entry): boolean => {
    if ((delta < 0n ? -delta : delta) !== paper.amount) return false;
    if (ABC.test(account)) return account === `abc:${paper.name}`;
    return !EBC.test(account) || account === `ebc:${counterOf(books, paper.pku!).toString('hex')}`;
  };
  if (!from || !to || !fits(from) || !fits(to))
    books.broken('transactions', String(id), `its ${what} is about other accounts or another amount`);
}

/** PKU1 of a pseudonym's set, whose EBC it spends. Sets are the issuer's to know. */
export function counterOf(books: AuditBooks, pku: Buffer): Buffer {
  if (books.house !== 'issuer') return pku;
  return (
    books.one<Pick<Audited<'pseudonyms'>, 'counter'>>('SELECT counter FROM pseudonyms WHERE pku = ?', pku)?.counter ??
    pku
  );
}

/** A deposit that leaves EBC negative has an overspend record with that EBC, and no other deposit has one [0031]. */
function auditOverspend(books: AuditBooks, id: bigint, ebcAfter: bigint | undefined): void {
  const recorded = books.one<Pick<Audited<'overspends'>, 'ebc'>>(
    'SELECT ebc FROM overspends WHERE transaction_id = ?',
    id,
  );
  if (ebcAfter !== undefined && ebcAfter < 0n && !recorded)
    books.broken('transactions', String(id), `leaves EBC at ${moneyIn(books, ebcAfter)} without an overspend record`);
  if (recorded && recorded.ebc !== ebcAfter) {
    const posted = ebcAfter === undefined ? 'nothing of an EBC' : moneyIn(books, ebcAfter);
    books.broken('overspends', String(id), `says EBC ${moneyIn(books, recorded.ebc)}, the postings say ${posted}`);
  }
}

function auditBalances(books: AuditBooks, running: Map<string, bigint>): void {
  const seen = new Set<string>();
  for (const { account, balance } of books.each<Pick<Audited<'balances'>, 'account' | 'balance'>>(
    'SELECT account, balance FROM balances',
    'balances',
  )) {
    seen.add(account);
    const sum = running.get(account) ?? 0n;
    const money = (amount: bigint) => moneyIn(books, amount);
    if (balance !== sum) books.broken('balances', account, `says ${money(balance)}, its postings sum to ${money(sum)}`);
    if (account.startsWith('abc:') && balance < 0n) books.broken('balances', account, `is ${money(balance)}, below 0`);
    if (!ownerExists(books, account)) books.broken('balances', account, 'belongs to no account and no pseudonym');
  }
  for (const [account, sum] of running)
    if (!seen.has(account)) books.broken('balances', account, `is missing; its postings sum to ${moneyIn(books, sum)}`);
}

function ownerExists(books: AuditBooks, account: string): boolean {
  if (account === 'in' || account === (books.house === 'bank' ? 'out' : 'bank')) return true;
  if (account.startsWith('abc:'))
    return books.one('SELECT 1 FROM accounts WHERE name = ?', account.slice(4)) !== undefined;
  return (
    EBC.test(account) &&
    books.house === 'issuer' &&
    books.one('SELECT 1 FROM pseudonyms WHERE pku = ?', Buffer.from(account.slice(4), 'hex')) !== undefined
  );
}

/** What conservation is broken by, for people. */
export const unequal = (books: AuditBooks, putIn: bigint, held: bigint): string =>
  `${moneyIn(books, putIn)} was put in, ${moneyIn(books, held)} is held`;

function conserve(books: AuditBooks, running: Map<string, bigint>, transactions: number): Sums {
  const sumOf = (kind: RegExp) =>
    [...running].reduce((total, [account, sum]) => (kind.test(account) ? total + sum : total), 0n);
  const sums = { in: -sumOf(IN), held: sumOf(/^(?!in$)/), abc: sumOf(ABC), ebc: sumOf(EBC) };
  if (sums.in !== sums.held)
    books.broken('entries', `all ${transactions} transactions`, unequal(books, sums.in, sums.held));
  const stored = books.one<{ held: bigint; put_in: bigint }>(
    `SELECT coalesce(sum(balance) FILTER (WHERE account <> 'in'), 0) AS held, coalesce(-sum(balance) FILTER (WHERE account = 'in'), 0) AS put_in FROM balances`,
  );
  if (stored && stored.held !== stored.put_in)
    books.broken('balances', 'all', unequal(books, stored.put_in, stored.held));
  return sums;
}
