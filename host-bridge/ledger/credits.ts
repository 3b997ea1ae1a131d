/**
 * The act of crediting histories, many at once: what is known of all of them is loaded, the rules judge one after
 * another over what was loaded and what those before them changed, and all that was credited is written together. EP
 * 0926637 [0030], [0055], [0080].
 *
 * Here is what an engine is given and the part that is the same for each of them; it decides nothing by itself (the
 * rules do) and reads and writes nothing (the engine does, and may run all of it again).
 */
import type { HostRefusal, Result } from '../base/errors.js';
import { hexOf } from '../base/hex.js';
import type { Balances, Entry } from './rules.js';

/** A history whose signatures were verified. */
export interface CreditRequest {
  pku: Uint8Array;
  shop: string;
  rs: Uint8Array;
  amount: number;
  /** Encoded `history`. */
  history: Uint8Array;
}

/** What the books know of a request: of its charge (PKU, IdS, Rs), and of its accounts. */
export interface ChargeFacts {
  /** The history's identity as a text (`chargeKey`). */
  key: string;
  /** Accounts that pay and are paid. */
  from: string;
  to: string;
  /** The history stored under it. */
  stored: { history: Uint8Array } | null;
  tombstoned: boolean;
  claim: { dueS: number; grantedS: number | null } | null;
}

/** What the books know of a batch. */
export interface BatchFacts {
  /** One for each request, in their order. */
  charges: ChargeFacts[];
  /** Accounts of the shops, by name: those that there are. */
  shops: ReadonlyMap<string, { closedS: number | null }>;
  /** Of every account that may be posted to: those that have one. */
  balances: ReadonlyMap<string, number>;
}

/** What one request is judged by. */
export interface CreditFacts {
  charge: ChargeFacts;
  stored: ChargeFacts['stored'];
  shopAccount: { closedS: number | null } | null;
  /** Of the two accounts. */
  balances: Readonly<Balances>;
}

/** A history that is to be credited. */
export interface Credit<R extends CreditRequest> {
  request: R;
  entries: Entry[];
  /** It leaves an EBC below 0. */
  overspent: boolean;
}

/** What became of one request. */
export type CreditResult = { ok: true; repeated: boolean } | HostRefusal;

/** What a batch comes to. */
export interface Judged<R extends CreditRequest> {
  timeS: number;
  /** One for each request, in their order. */
  results: CreditResult[];
  /** What is to be written, in the order in which it was judged. */
  credits: Credit<R>[];
}

/** The act, as a house gives it to an engine. */
export interface CreditAct<R extends CreditRequest> {
  kind: 'deposit' | 'return';
  requests: R[];
  /** Account that pays. @param counter PKU1 of the pseudonym's set; null where the house does not know it */
  payerOf(pku: Uint8Array, counter: Uint8Array | null): string;
  /** Account that is paid. */
  payeeOf(request: R): string;
  /** Decides, from the facts alone. */
  judge(facts: BatchFacts): Judged<R>;
  /** Within the transaction, when a history that leaves an EBC below 0 and all before it have been written. */
  onOverspent(request: R, transaction: number): void;
}

/** What an engine makes of it: one transaction, durable when it resolves. */
export interface CreditEngine {
  credit<R extends CreditRequest>(act: CreditAct<R>): Promise<CreditResult[]>;
  /** The same at once, where the engine is in this process: for one history that nobody waits beside. */
  creditNow<R extends CreditRequest>(act: CreditAct<R>): CreditResult[];
}

/** The identity of a history, as a text. */
export function chargeKey({ pku, shop, rs }: Pick<CreditRequest, 'pku' | 'shop' | 'rs'>): string {
  return hexOf(pku) + hexOf(rs) + shop;
}

/**
 * Judges the requests in their order, each over the facts as those before it left them.
 * @param rule a rule of the ledger for one request
 */
export function judgeInOrder<R extends CreditRequest>(
  requests: R[],
  facts: BatchFacts,
  rule: (request: R, facts: CreditFacts) => Result<{ repeated: boolean; overspent: boolean; entries: Entry[] }>,
): Pick<Judged<R>, 'results' | 'credits'> {
  const balances = new Map(facts.balances);
  const taken = new Map<string, { history: Uint8Array }>();
  const credits: Credit<R>[] = [];
  const results = requests.map((request, i): CreditResult => {
    const charge = facts.charges[i]!;
    const { key, from, to } = charge;
    const ruling = rule(request, {
      charge,
      stored: taken.get(key) ?? charge.stored,
      shopAccount: facts.shops.get(request.shop) ?? null,
      balances: { [from]: balances.get(from) ?? 0, [to]: balances.get(to) ?? 0 },
    });
    if (!ruling.ok) return ruling;
    if (ruling.repeated) return { ok: true, repeated: true };
    for (const { account, delta } of ruling.entries) balances.set(account, (balances.get(account) ?? 0) + delta);
    taken.set(key, request);
    credits.push({ request, entries: ruling.entries, overspent: ruling.overspent });
    return { ok: true, repeated: false };
  });
  return { results, credits };
}
