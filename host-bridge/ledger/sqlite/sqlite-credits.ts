/**
 * Crediting histories on SQLite: four set-based queries, prepared statements for what is written, one transaction.
 *
 * A set goes into a query as one JSON text. A charge is in it as hexadecimal PKU and Rs, whose lengths are fixed, and
 * the shop's name behind them.
 */
import { hexOf } from '../../base/hex.js';
import { bytesOf, type Database } from '../../base/sqlite/database.js';
import {
  chargeKey,
  type BatchFacts,
  type ChargeFacts,
  type Credit,
  type CreditAct,
  type CreditEngine,
  type CreditRequest,
  type CreditResult,
} from '../credits.js';

/** The engine. @param knowsPseudonyms whether these books have pseudonyms: the issuer's */
export function creditEngineOf(database: Database, knowsPseudonyms: boolean): CreditEngine {
  const load = loaderOf(database, knowsPseudonyms);
  const write = writerOf(database, knowsPseudonyms);

  function creditNow<R extends CreditRequest>(act: CreditAct<R>): CreditResult[] {
    return database.transaction(() => {
      const { facts, strangers } = load(act);
      const { timeS, results, credits } = act.judge(facts);
      const balances = new Map(facts.balances);
      // What follows an overspend reads the books as they are then: so it is done when all before it stands in them.
      for (let begin = 0; begin < credits.length;) {
        const overspend = credits.findIndex(({ overspent }, i) => i >= begin && overspent);
        const end = overspend < 0 ? credits.length : overspend + 1;
        const part = credits.slice(begin, end);
        const last = write(act.kind, timeS, part, balances, strangers);
        if (overspend >= 0) act.onOverspent(part.at(-1)!.request, last);
        begin = end;
      }
      return results;
    });
  }
  return { creditNow, credit: async (act) => creditNow(act) };
}

interface ChargeRow {
  history: Buffer | null;
  tombstoned: number;
  claimed: number;
  due_s: number;
  granted_s: number | null;
}

function loaderOf(database: Database, knowsPseudonyms: boolean) {
  // CROSS JOIN keeps the order of the tables: the set first, then one look into each index for each of it.
  const charges = database.prepare<[keys: string], ChargeRow>(
    `SELECT h.history, t.rs IS NOT NULL AS tombstoned, c.rs IS NOT NULL AS claimed, c.due_s, c.granted_s
    FROM (SELECT key, unhex(substr(value, 1, 64)) AS pku, unhex(substr(value, 65, 32)) AS rs, substr(value, 97) AS shop
      FROM json_each(?)) k
    LEFT JOIN histories h ON h.pku = k.pku AND h.shop = k.shop AND h.rs = k.rs
    LEFT JOIN claims c ON c.pku = k.pku AND c.shop = k.shop AND c.rs = k.rs
    LEFT JOIN tombstones t ON t.shop = k.shop AND t.rs = k.rs
    ORDER BY k.key`,
  );
  const counters = knowsPseudonyms
    ? database.prepare<[pkus: string], { pku: Buffer; counter: Buffer }>(
        'SELECT p.pku, p.counter FROM json_each(?) k CROSS JOIN pseudonyms p ON p.pku = unhex(k.value)',
      )
    : null;
  const shops = database.prepare<[names: string], { name: string; closed_s: number | null }>(
    'SELECT a.name, a.closed_s FROM json_each(?) k CROSS JOIN accounts a ON a.name = k.value',
  );
  const balances = database.prepare<[accounts: string], { account: string; balance: number }>(
    'SELECT b.account, b.balance FROM json_each(?) k CROSS JOIN balances b ON b.account = k.value',
  );
  const setOf = (texts: Iterable<string>): string => JSON.stringify([...new Set(texts)]);

  /** `strangers`: pseudonyms that these books have not seen. */
  return <R extends CreditRequest>(act: CreditAct<R>): { facts: BatchFacts; strangers: Set<R> } => {
    const { requests, payerOf, payeeOf } = act;
    const pkus = requests.map(({ pku }) => hexOf(pku));
    const keys = requests.map(chargeKey);
    const sets = new Map((counters?.all(setOf(pkus)) ?? []).map((row) => [hexOf(row.pku), bytesOf(row.counter)]));
    const found = charges.all(JSON.stringify(keys));
    const accounts = new Set<string>();
    const strangers = new Set<R>();
    const facts = requests.map((request, i) => {
      const counter = sets.get(pkus[i]!) ?? null;
      if (counter === null) strangers.add(request);
      const charge = chargeOf(found[i]!, keys[i]!, payerOf(request.pku, counter), payeeOf(request));
      accounts.add(charge.from).add(charge.to);
      return charge;
    });
    const shopRows = shops.all(setOf(requests.map(({ shop }) => shop)));
    const balanceRows = balances.all(setOf(accounts));
    return {
      facts: {
        charges: facts,
        shops: new Map(shopRows.map((row) => [row.name, { closedS: row.closed_s }])),
        balances: new Map(balanceRows.map((row) => [row.account, row.balance])),
      },
      strangers,
    };
  };
}

const chargeOf = (row: ChargeRow, key: string, from: string, to: string): ChargeFacts => ({
  key,
  from,
  to,
  stored: row.history && { history: bytesOf(row.history) },
  tombstoned: row.tombstoned === 1,
  claim: row.claimed === 1 ? { dueS: row.due_s, grantedS: row.granted_s } : null,
});

function writerOf(database: Database, knowsPseudonyms: boolean) {
  const addTransaction = database.prepare('INSERT INTO transactions (kind, time_s) VALUES (?, ?)');
  const addEntry = database.prepare('INSERT INTO entries (transaction_id, account, delta) VALUES (?, ?, ?)');
  const addHistory = database.prepare(
    'INSERT INTO histories (pku, shop, rs, amount, history, arrived_s, transaction_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const setBalance = database.prepare(
    'INSERT INTO balances (account, balance) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET balance = excluded.balance',
  );
  const addPseudonym = knowsPseudonyms
    ? database.prepare(
        'INSERT INTO pseudonyms (pku, counter, receipt_number) VALUES (?, ?, 0) ON CONFLICT (pku) DO NOTHING',
      )
    : null;

  /** @param balances as before, and then as after them @returns the last transaction's number */
  return (
    kind: string,
    timeS: number,
    credits: Credit<CreditRequest>[],
    balances: Map<string, number>,
    strangers: ReadonlySet<CreditRequest>,
  ): number => {
    const changed = new Set<string>();
    let last = 0;
    for (const { request, entries } of credits) {
      const { pku, shop, rs, amount, history } = request;
      last = addTransaction.run(kind, timeS).lastInsertRowid;
      for (const { account, delta } of entries) {
        addEntry.run(last, account, delta);
        balances.set(account, (balances.get(account) ?? 0) + delta);
        changed.add(account);
      }
      addHistory.run(pku, shop, rs, amount, history, timeS, last);
      if (addPseudonym && strangers.has(request)) addPseudonym.run(pku, pku);
    }
    for (const account of changed) setBalance.run(account, balances.get(account)!);
    return last;
  };
}
