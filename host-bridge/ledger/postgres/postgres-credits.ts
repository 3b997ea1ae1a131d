/**
 * Crediting histories on PostgreSQL: the charges are locked, what is known of all of them is loaded by a few set-based
 * queries, the rules judge, and one statement writes all that was credited.
 *
 * The order is what makes it right beside other processes: charges first, in the order of (Rs, IdS), then counters EBC
 * in theirs, then the number of the act, which is held until the commit; so numbers have no gaps and follow the
 * commits. Accounts that many credit are not locked: each process adds to a shard of its own.
 *
 * Left out: what follows an overspend beyond its record (denial and trace), for which the issuer's other acts must be
 * here first.
 */
import { hexOf } from '../../base/hex.js';
import {
  byteaArray,
  numberArray,
  textArray,
  type PostgresDatabase,
  type PostgresTransaction,
} from '../../base/postgres/postgres.js';
import {
  chargeKey,
  type BatchFacts,
  type ChargeFacts,
  type Credit,
  type CreditAct,
  type CreditEngine,
  type CreditRequest,
} from '../credits.js';
import { lockCharges } from './postgres-charges.js';

/** Shards of an account that many credit. */
const SHARDS = 16;

export interface PostgresCreditOptions {
  /** Whether these books have pseudonyms: the issuer's. */
  knowsPseudonyms: boolean;
  /** Which shard this process adds to; default: any. */
  shard?: number;
}

/** A counter EBC is one row: an overspend is seen by its balance. */
const isCounter = (account: string): boolean => account.startsWith('ebc:');

/** The engine. */
export function postgresCreditsOf(
  database: PostgresDatabase,
  { knowsPseudonyms, shard = Math.floor(Math.random() * SHARDS) }: PostgresCreditOptions,
): Pick<CreditEngine, 'credit'> {
  return {
    credit: (act) =>
      database.transaction(async (tx) => {
        await lockCharges(tx, act.requests);
        const { facts, counters } = await load(tx, act, knowsPseudonyms);
        const { timeS, results, credits } = act.judge(facts);
        if (credits.length > 0)
          await write(tx, { kind: act.kind, timeS, credits, facts, counters, knowsPseudonyms, shard });
        return results;
      }),
  };
}

interface ChargeRow {
  history: Buffer | null;
  tombstoned: boolean;
  claimed: boolean;
  due_s: number | null;
  granted_s: number | null;
  counter?: Buffer | null;
}

/** What a batch is loaded by: one look into each index for each of it. */
const factsSql = (knowsPseudonyms: boolean): string => `
  SELECT h.history, c.tombstone IS NOT NULL AS tombstoned, l.rs IS NOT NULL AS claimed, l.due_s, l.granted_s
    ${knowsPseudonyms ? ', p.counter' : ''}
  FROM unnest($1::bytea[], $2::text[], $3::bytea[]) WITH ORDINALITY AS k (pku, shop, rs, place)
  LEFT JOIN histories h ON h.rs = k.rs AND h.shop = k.shop AND h.pku = k.pku
  LEFT JOIN charges c ON c.rs = k.rs AND c.shop = k.shop
  LEFT JOIN claims l ON l.rs = k.rs AND l.shop = k.shop AND l.pku = k.pku
  ${knowsPseudonyms ? 'LEFT JOIN pseudonyms p ON p.pku = k.pku' : ''}
  ORDER BY k.place`;
const FACTS = { known: factsSql(true), unknown: factsSql(false) };

/** `counters`: PKU1 of each request's set, as the books know it; null: they do not. */
async function load<R extends CreditRequest>(
  tx: PostgresTransaction,
  { requests, payerOf, payeeOf }: CreditAct<R>,
  knowsPseudonyms: boolean,
): Promise<{ facts: BatchFacts; counters: Map<CreditRequest, Uint8Array | null> }> {
  const which = knowsPseudonyms ? 'known' : 'unknown';
  const rows = await tx.query<ChargeRow>(`charges ${which}`, FACTS[which], [
    byteaArray(requests.map(({ pku }) => hexOf(pku))),
    textArray(requests.map(({ shop }) => shop)),
    byteaArray(requests.map(({ rs }) => hexOf(rs))),
  ]);
  const counters = new Map<CreditRequest, Uint8Array | null>();
  const accounts = new Set<string>();
  const charges = requests.map((request, i): ChargeFacts => {
    const row = rows[i]!;
    const counter = row.counter ? new Uint8Array(row.counter) : null;
    counters.set(request, counter);
    const from = payerOf(request.pku, counter);
    const to = payeeOf(request);
    accounts.add(from).add(to);
    return {
      key: chargeKey(request),
      ...{ from, to },
      stored: row.history && { history: new Uint8Array(row.history) },
      tombstoned: row.tombstoned,
      claim: row.claimed ? { dueS: row.due_s!, grantedS: row.granted_s } : null,
    };
  });
  const shops = await tx.query<{ name: string; closed_s: number | null }>(
    'shops',
    'SELECT name, closed_s FROM accounts WHERE name = ANY ($1::text[])',
    [textArray([...new Set(requests.map(({ shop }) => shop))])],
  );
  const balances = new Map([
    ...(await lockCounters(tx, [...accounts].filter(isCounter))),
    ...(await sumsOf(
      tx,
      [...accounts].filter((account) => !isCounter(account)),
    )),
  ]);
  return {
    facts: { charges, shops: new Map(shops.map((row) => [row.name, { closedS: row.closed_s }])), balances },
    counters,
  };
}

type BalanceRow = { account: string; balance: number };
const pairsOf = (rows: BalanceRow[]): [string, number][] => rows.map(({ account, balance }) => [account, balance]);

/** Balances of counters, whose rows are this transaction's until it ends. */
async function lockCounters(tx: PostgresTransaction, accounts: string[]): Promise<[string, number][]> {
  if (accounts.length === 0) return [];
  const lock = (wanted: string[]) =>
    tx.query<BalanceRow>(
      'lock counters',
      'SELECT account, balance FROM balances WHERE account = ANY ($1::text[]) AND shard = 0 ORDER BY account FOR UPDATE',
      [textArray(wanted)],
    );
  const rows = await lock(accounts);
  if (rows.length === accounts.length) return pairsOf(rows);
  // Of pseudonyms that nobody has seen. Locked anew from the first, so that the order is one order.
  const found = new Set(rows.map(({ account }) => account));
  await tx.query(
    'add counters',
    'INSERT INTO balances (account, balance) SELECT account, 0 FROM unnest($1::text[]) k (account) ORDER BY account ON CONFLICT DO NOTHING',
    [textArray(accounts.filter((account) => !found.has(account)))],
  );
  return pairsOf(await lock(accounts));
}

/** Balances of accounts that others may be adding to. */
async function sumsOf(tx: PostgresTransaction, accounts: string[]): Promise<[string, number][]> {
  return pairsOf(
    await tx.query<BalanceRow>(
      'sums',
      'SELECT account, sum(balance)::bigint AS balance FROM balances WHERE account = ANY ($1::text[]) GROUP BY account',
      [textArray(accounts)],
    ),
  );
}

interface Written {
  kind: string;
  timeS: number;
  credits: Credit<CreditRequest>[];
  facts: BatchFacts;
  counters: Map<CreditRequest, Uint8Array | null>;
  knowsPseudonyms: boolean;
  shard: number;
}

/** One statement: the number of the first act is taken, and all rows get theirs from it. */
const writeSql = (knowsPseudonyms: boolean): string => `
  WITH taken AS (UPDATE acts SET last = last + $1 WHERE stream = 0 RETURNING last - $1 AS base),
  rows AS (
    SELECT base + place AS id, k.*
    FROM taken, unnest($4::bytea[], $5::text[], $6::bytea[], $7::bigint[], $8::bytea[], $9::text[], $10::text[])
      WITH ORDINALITY AS k (pku, shop, rs, amount, history, payer, payee, place)
  ),
  posted AS (INSERT INTO transactions (id, kind, time_s) SELECT id, $2, $3 FROM rows),
  moved AS (
    INSERT INTO entries (transaction_id, account, delta)
    SELECT id, payer, -amount FROM rows UNION ALL SELECT id, payee, amount FROM rows
  ),
  kept AS (
    INSERT INTO histories (transaction_id, pku, shop, rs, amount, history, arrived_s)
    SELECT id, pku, shop, rs, amount, history, $3 FROM rows
  ),
  ${
    knowsPseudonyms
      ? `met AS (
    INSERT INTO pseudonyms (pku, counter, receipt_number)
    SELECT DISTINCT pku, pku, 0 FROM unnest($14::bytea[]) k (pku) ON CONFLICT DO NOTHING
  ),
  noted AS (
    INSERT INTO overspends (transaction_id, pku, ebc, time_s)
    SELECT base + place, pku, ebc, $3 FROM taken, unnest($15::bytea[], $16::bigint[], $17::bigint[]) k (pku, ebc, place)
  ),`
      : ''
  }
  summed AS (
    INSERT INTO balances (account, shard, balance)
    SELECT account, shard, delta
    FROM unnest($11::text[], $12::integer[], $13::bigint[]) k (account, shard, delta) ORDER BY account
    ON CONFLICT (account, shard) DO UPDATE SET balance = balances.balance + excluded.balance
  )
  SELECT base FROM taken`;
const WRITE = { known: writeSql(true), unknown: writeSql(false) };

async function write(tx: PostgresTransaction, what: Written): Promise<void> {
  const { kind, timeS, credits, facts, counters, knowsPseudonyms, shard } = what;
  const requests = credits.map(({ request }) => request);
  const balances = new Map(facts.balances);
  const deltas = new Map<string, number>();
  const overspends: { pku: string; ebc: number; place: number }[] = [];
  const strangers = requests.filter((request) => counters.get(request) === null);
  credits.forEach(({ request, entries, overspent }, i) => {
    for (const { account, delta } of entries) {
      balances.set(account, (balances.get(account) ?? 0) + delta);
      deltas.set(account, (deltas.get(account) ?? 0) + delta);
    }
    if (overspent)
      overspends.push({
        pku: hexOf(counters.get(request) ?? request.pku),
        ebc: balances.get(entries.find(({ delta }) => delta < 0)!.account)!,
        place: i + 1,
      });
  });
  const accounts = [...deltas.keys()];
  const which = knowsPseudonyms ? 'known' : 'unknown';
  await tx.query(`write ${which}`, WRITE[which], [
    ...[credits.length, kind, timeS],
    byteaArray(requests.map(({ pku }) => hexOf(pku))),
    textArray(requests.map(({ shop }) => shop)),
    byteaArray(requests.map(({ rs }) => hexOf(rs))),
    numberArray(requests.map(({ amount }) => amount)),
    byteaArray(requests.map(({ history }) => hexOf(history))),
    textArray(credits.map(({ entries }) => entries.find(({ delta }) => delta < 0)!.account)),
    textArray(credits.map(({ entries }) => entries.find(({ delta }) => delta > 0)!.account)),
    textArray(accounts),
    numberArray(accounts.map((account) => (isCounter(account) ? 0 : shard))),
    numberArray(accounts.map((account) => deltas.get(account)!)),
    ...(knowsPseudonyms
      ? [
          byteaArray(strangers.map(({ pku }) => hexOf(pku))),
          byteaArray(overspends.map(({ pku }) => pku)),
          numberArray(overspends.map(({ ebc }) => ebc)),
          numberArray(overspends.map(({ place }) => place)),
        ]
      : []),
  ]);
}
