/**
 * Who can link what: computed from what each party has in its books after a run. EP 0926637 [0032], [0057], [0109];
 * docs/schemes.md says why it comes out so.
 *
 * Two kinds of link. By record: a chain of stored rows leads from a pseudonym to one name. By time and amount: among
 * all names that draw cash, only one fits when and how much was drawn, issued and paid. The second is a guess that a
 * patient observer makes; it depends on how many people there are and on what they do. Left out: what is not in books
 * (faces, loyalty cards, networks).
 */
import Sqlite from 'better-sqlite3';
import { toHex } from '../../firmware/core/bytes.js';
import { bankMessage } from '../../firmware/wire/institutions.js';
import { challenge, history } from '../../firmware/wire/payment.js';
import { keyedRequest, ownedRequest, REQUEST } from '../../firmware/wire/request.js';
import { sha256 } from '../base/crypto/hash.js';
import { table } from '../base/text-table.js';
import { checkSchema } from './audit-files.js';
import { databaseFailure } from '../base/sqlite/database.js';
import type { Row } from '../ledger/table-rows.js';

/** Databases of the houses that there are. */
export interface LinkageOptions {
  issuerDatabase: string;
  bankDatabase?: string;
  trusteeDatabase?: string;
}

/** What one party, or several together, can tell. */
export interface PartyLinkage {
  party: string;
  /** Pseudonyms in its books, and how many of them it can put exactly one name to. */
  pseudonyms: number;
  namedByRecord: number;
  namedByTiming: number;
  /** Fewest names that fit a pseudonym which it cannot name; null where there is none, or no name is known to it. */
  fewestCandidates: number | null;
  /** Payments in its books, and into how many payers they fall for it: one for each pseudonym, or fewer. */
  payments: number;
  payers: number;
}

interface Event {
  timeS: number;
  amount: number;
}

/** One house's books as links and events. */
interface Books {
  /** Pairs of things that stand in one row: name, pku, or the hash of a request that two houses have seen. */
  links: [string, string][];
  /** Pseudonym and name of the account that its cash was unloaded to: most people unload to their own. */
  unloads: [string, string][];
  /** By name: cash drawn from the account. */
  draws: Map<string, Event[]>;
  /** By pseudonym: cash issued to it without a name beside it. */
  issues: Map<string, Event[]>;
  payments: (Event & { pku: string; shop: string; rs: string })[];
}

/** Drawn and issued within so many seconds is one act to an observer; clocks may differ by as much. */
const NEAR_S = 60;

const nameNode = (name: string) => `name ${name}`;
const pkuNode = (pku: Uint8Array) => `pku ${toHex(pku)}`;
const seenNode = (request: Uint8Array) => `seen ${toHex(sha256(request))}`;
const isName = (node: string) => node.startsWith('name ');

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

const emptyBooks = (): Books => ({ links: [], unloads: [], draws: new Map(), issues: new Map(), payments: [] });

function readPayments(database: Sqlite.Database, books: Books): void {
  const histories = database.prepare<[], Row<'histories'>>('SELECT * FROM histories');
  for (const row of histories.iterate()) {
    const paid = challenge.decode(history.decode(row.history)?.challenge ?? new Uint8Array(0));
    books.payments.push({
      pku: pkuNode(row.pku),
      shop: row.shop,
      rs: toHex(row.rs),
      amount: row.amount,
      timeS: paid?.timeS ?? 0,
    });
    books.links.push([pkuNode(row.pku), pkuNode(row.pku)]);
  }
  // Cash that came back to a user's own account names who paid it: nobody else is paid there but by friends.
  const unloaded =
    'SELECT h.pku, a.name FROM histories h JOIN accounts a ON a.name = h.shop AND a.account_key IS NOT NULL';
  for (const row of database.prepare<[], { pku: Buffer; name: string }>(unloaded).iterate())
    books.unloads.push([pkuNode(row.pku), nameNode(row.name)]);
}

function readIssuer(database: Sqlite.Database): Books {
  const books = emptyBooks();
  readPayments(database, books);
  const pseudonyms = database.prepare<[], Row<'pseudonyms'>>('SELECT * FROM pseudonyms');
  for (const row of pseudonyms.iterate()) {
    books.links.push([pkuNode(row.pku), pkuNode(row.counter)]);
    if (row.name !== null) books.links.push([pkuNode(row.pku), nameNode(row.name)]);
  }
  const sets = new Map<string, Buffer>();
  const sharedKeys = database.prepare<[], Row<'shared_keys'>>('SELECT * FROM shared_keys');
  for (const row of sharedKeys.iterate()) {
    books.links.push([pkuNode(row.counter), seenNode(row.registration)]);
    sets.set(row.kid.toString('hex'), row.counter);
  }
  const replies = database.prepare<[], Pick<Row<'replies'>, 'message'>>('SELECT message FROM replies');
  for (const row of replies.iterate()) {
    const message = bankMessage.decode(row.message);
    const keyed = message?.kind === REQUEST.keyedIssue ? keyedRequest.decode(message.request) : null;
    const counter = keyed && sets.get(toHex(keyed.kid));
    if (message && counter) books.links.push([pkuNode(counter), seenNode(message.request)]);
  }
  const issued =
    "SELECT r.pku, r.amount, t.time_s FROM receipts r JOIN transactions t ON t.id = r.transaction_id AND t.kind = 'issue'";
  for (const row of database.prepare<[], { pku: Buffer; amount: number; time_s: number }>(issued).iterate())
    add(books.issues, pkuNode(row.pku), { amount: row.amount, timeS: row.time_s });
  return books;
}

function readBank(database: Sqlite.Database): Books {
  const books = emptyBooks();
  readPayments(database, books);
  const requests = database.prepare<[], Row<'requests'>>("SELECT * FROM requests WHERE state = 'done'");
  for (const row of requests.iterate()) {
    const owned = ownedRequest.decode(row.owned);
    if (!owned || row.kind === REQUEST.refund || row.kind === REQUEST.reconcile) continue;
    // A blinded message is nothing that anybody else has seen [0039].
    const owner = nameNode(row.name!); // only a claim has none
    books.links.push([owner, row.kind === REQUEST.coupon ? owner : seenNode(owned.request)]);
    if (row.amount > 0) add(books.draws, owner, { amount: row.amount, timeS: row.time_s });
  }
  return books;
}

function readTrustee(database: Sqlite.Database): Books {
  const books = emptyBooks();
  const registrations = database.prepare<[], Row<'registrations'>>('SELECT * FROM registrations');
  for (const row of registrations.iterate()) books.links.push([pkuNode(row.pku), nameNode(row.name)]);
  return books;
}

/** The books of several who put them together. */
function together(all: Books[]): Books {
  const merged = emptyBooks();
  const seen = new Set<string>();
  for (const books of all) {
    for (const link of books.links) merged.links.push(link);
    for (const unload of books.unloads) merged.unloads.push(unload);
    for (const [name, events] of books.draws) merged.draws.set(name, events);
    for (const [pku, events] of books.issues) merged.issues.set(pku, events);
    for (const payment of books.payments) {
      // Bank and issuer both have a history that was returned.
      const key = JSON.stringify(payment);
      if (!seen.has(key)) merged.payments.push(payment);
      seen.add(key);
    }
  }
  return merged;
}

/**
 * Groups of things that belong together by record: disjoint sets, where the smaller one joins the larger, so that the
 * time grows little faster than the number of links.
 */
function groupsOf(links: [string, string][]): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const [a, b] of links) {
    const one = groups.get(a) ?? new Set([a]);
    const other = groups.get(b) ?? new Set([b]);
    const [smaller, larger] = one.size < other.size ? [one, other] : [other, one];
    groups.set(a, one).set(b, other);
    if (smaller === larger) continue;
    for (const node of smaller) groups.set(node, larger.add(node));
  }
  return groups;
}

/**
 * Names that had drawn enough for everything that these pseudonyms were given and paid; those near in time where only
 * one is.
 */
function candidatesFor(books: Books, pkus: string[]): string[] {
  const issues = pkus.flatMap((pku) => books.issues.get(pku) ?? []);
  const payments = books.payments.filter((payment) => pkus.includes(payment.pku));
  const before = (draws: Event[], timeS: number) => draws.filter((draw) => draw.timeS <= timeS + NEAR_S);
  const sum = (events: Event[]) => events.reduce((total, { amount }) => total + amount, 0);
  const fits = [...books.draws].filter(([, draws]) => {
    const enough = payments.every(({ timeS }) => sum(before(draws, timeS)) >= sum(before(payments, timeS - NEAR_S)));
    const counts = (events: Event[], amount: number) => events.filter((event) => event.amount === amount).length;
    return (
      enough &&
      issues.every(
        ({ timeS, amount }) => counts(before(draws, timeS), amount) >= counts(before(issues, timeS - NEAR_S), amount),
      )
    );
  });
  const near = fits.filter(
    ([, draws]) =>
      issues.length > 0 &&
      issues.every(({ timeS, amount }) =>
        draws.some((draw) => draw.amount === amount && Math.abs(draw.timeS - timeS) <= NEAR_S),
      ),
  );
  return (near.length === 1 ? near : fits).map(([name]) => name);
}

/**
 * Links by unloading, of pseudonyms that nothing else names. Somebody who unloads to another's account would otherwise
 * have two names, and so none.
 */
function unloadLinks({ links, unloads }: Books): [string, string][] {
  const groups = groupsOf(links);
  const namesOf = new Map<Set<string>, Set<string>>();
  for (const [pku, name] of unloads) {
    const group = groups.get(pku)!;
    namesOf.set(group, (namesOf.get(group) ?? new Set()).add(name));
  }
  return unloads.filter(([pku]) => {
    const group = groups.get(pku)!;
    return ![...group].some(isName) && namesOf.get(group)!.size === 1;
  });
}

function judge(party: string, books: Books): PartyLinkage {
  const groups = groupsOf([...books.links, ...unloadLinks(books)]);
  const pkus = [...groups.keys()].filter((node) => node.startsWith('pku '));
  let [namedByRecord, namedByTiming] = [0, 0];
  let fewest: number | null = null;
  for (const pku of pkus) {
    const group = [...groups.get(pku)!];
    const names = group.filter(isName);
    if (names.length === 1) {
      namedByRecord++;
      continue;
    }
    const set = group.filter((node) => node.startsWith('pku '));
    const candidates = books.draws.size > 0 ? candidatesFor(books, set) : [];
    if (candidates.length === 1) namedByTiming++;
    else if (candidates.length > 0) fewest = Math.min(fewest ?? Infinity, candidates.length);
  }
  const payers = new Set(books.payments.map(({ pku }) => groups.get(pku)));
  return {
    party,
    pseudonyms: pkus.length,
    namedByRecord,
    namedByTiming,
    fewestCandidates: fewest,
    payments: books.payments.length,
    payers: payers.size,
  };
}

/** A shop's own books: the histories that it delivered, under whatever name it gave itself. */
function shopBooks(depositary: Books, isIts: (shop: string) => boolean): Books {
  const payments = depositary.payments.filter(({ shop }) => isIts(shop));
  return { ...emptyBooks(), payments, links: payments.map(({ pku }) => [pku, pku]) };
}

/** What each party can link, and each group of them. @throws TapcashError DATABASE_* */
export function linkage(options: LinkageOptions): PartyLinkage[] {
  const houses = new Map<string, Books>();
  for (const [house, path, read] of [
    ['issuer', options.issuerDatabase, readIssuer],
    ['bank', options.bankDatabase, readBank],
    ['trustee', options.trusteeDatabase, readTrustee],
  ] as const) {
    if (path === undefined) continue;
    let database: Sqlite.Database | null = null;
    try {
      database = new Sqlite(path, { readonly: true, fileMustExist: true });
      checkSchema(database, house);
      houses.set(house, read(database));
    } catch (thrown) {
      throw databaseFailure(thrown, path);
    } finally {
      database?.close();
    }
  }
  const depositary = houses.get('bank') ?? houses.get('issuer')!;
  const shops = [...new Set(depositary.payments.map(({ shop }) => shop))].sort();
  const names = [...houses.keys()];
  const coalitions = names.flatMap((_, i) => combinations(names, i + 1));
  return [
    ...shops.map((shop) =>
      judge(
        `shop ${shop}`,
        shopBooks(depositary, (each) => each === shop),
      ),
    ),
    ...(shops.length > 1
      ? [
          judge(
            'all shops',
            shopBooks(depositary, () => true),
          ),
        ]
      : []),
    ...coalitions.map((coalition) =>
      judge(coalition.join(' + '), together(coalition.map((house) => houses.get(house)!))),
    ),
  ];
}

function combinations(of: string[], count: number): string[][] {
  if (count === 0) return [[]];
  return of.flatMap((first, i) => combinations(of.slice(i + 1), count - 1).map((rest) => [first, ...rest]));
}

/** For people; what the columns are stands below them. */
export function linkageText(parties: PartyLinkage[]): string {
  const head = ['party', 'pseud.', 'record', 'time', 'fewest', 'paid', 'payers'];
  const rows = parties.map(({ party, pseudonyms, namedByRecord, namedByTiming, fewestCandidates, payments, payers }) =>
    [party, pseudonyms, namedByRecord, namedByTiming, fewestCandidates ?? '', payments, payers].map(String),
  );
  return [...table(rows, { head, align: 'lrrrrrr' }), '', LEGEND].join('\n');
}

const LEGEND = `pseud.  pseudonyms in the books of this party, or of these together
record  pseudonyms that stored rows lead from to one name
time    pseudonyms that time and amount leave one name for
fewest  names that fit a pseudonym which is not named, at least
paid    payments in the books
payers  how many payers these fall into`;
