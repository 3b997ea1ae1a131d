/**
 * What issuer, bank and trustee need of a store: rows in, rows out, and transactions. No rule lives here.
 *
 * Bytes are Uint8Array, times Unix seconds, amounts minor units. Every method may throw a `TapcashError` of the
 * DATABASE_ family. Rows are only ever added, but for balances, the deny list's refreshed version, a set's last
 * sequence, an operator's epoch and limit, what is set once (a pseudonym's name, a request's reply, a history's return,
 * a claim's grant, a refund's undoing, an operator's end), and a registration's newest license.
 */
import type { CreditEngine } from './credits.js';
import type { Entry } from './rules.js';
import type { HeldAccount, Numbers } from '../base/services/procedures.js';
import type { SuccessionRow } from '../base/keys/succession.js';
import type { Role } from '../base/services/roles.js';
import type { Epoch } from '../base/epoch.js';

/** Why money moved. */
export type TransactionKind =
  'fund' | 'withdraw' | 'deposit' | 'draw' | 'drawback' | 'issue' | 'return' | 'refund' | 'release' | 'payout';

export interface AccountRow {
  name: string;
  accountKey: Uint8Array | null;
  /** Encoded `accountCertificate`; null together with the key. */
  certificate: Uint8Array | null;
  openedS: number;
  /** Nothing is drawn from or credited to it since; null while it is open. */
  closedS: number | null;
}

export interface PseudonymRow {
  pku: Uint8Array;
  /** PKU1 of its set, whose EBC it spends; itself where it has none beside it. */
  counter: Uint8Array;
  /**
   * Bound by the first withdrawal in scheme 1; null elsewhere, and where the issuer only ever saw the pseudonym in a
   * history.
   */
  name: string | null;
  /** Bytes of that first withdrawal request: the proof for trace. */
  request: Uint8Array | null;
  /** Number of the last receipt given; counted at PKU1 of a set. */
  receiptNumber: number;
}

export interface ReceiptRow {
  pku: Uint8Array;
  number: number;
  kind: number;
  amount: number;
  /** Whose account it came from; null where the issuer does not know. */
  name: string | null;
  /** Encoded `receipt`. */
  receipt: Uint8Array;
  /** What it answers: encoded `withdrawal`, or `issueSecret`. */
  request: Uint8Array;
  /** null where EBC did not change. */
  transaction: number | null;
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
  /** What the issuer said to its return; null where there was none yet, and at the issuer itself. */
  returnCode: string | null;
}

/** Money that a shop gave back. */
export interface RefundRow {
  pku: Uint8Array;
  shop: string;
  rs: Uint8Array;
  refundId: Uint8Array;
  amount: number;
  /** Encoded `refund`. */
  refund: Uint8Array;
  timeS: number;
  transaction: number;
  /** The issuer refused it for good, and the shop has its money again; null while it stands. */
  undoneS: number | null;
}

/** A token that was reported lost. */
export interface LossRow {
  /** PKU1 of its set. */
  counter: Uint8Array;
  operator: string;
  why: string;
  sinceS: number;
  /** When what is left on its EBC can be released. */
  dueS: number;
}

/** What was left of a lost token. */
export interface ReleaseRow {
  /** At the issuer PKU1 of the set, at the bank what the order says. */
  subject: Uint8Array;
  /** Whose account got it; null at an issuer that does not know. */
  name: string | null;
  amount: number;
  /** Encoded `signedReleaseOrder`; null where one house has both. */
  order: Uint8Array | null;
  timeS: number;
  transaction: number;
}

/** Money that left an account for the world outside. */
export interface PayoutRow {
  name: string;
  amount: number;
  /** What the money's way out is known by: a transfer's text, a number in another book. */
  reference: string;
  operator: string;
  timeS: number;
  transaction: number;
}

/** A debit that its payer claims back. */
export interface ClaimRow {
  pku: Uint8Array;
  shop: string;
  rs: Uint8Array;
  amount: number;
  /** Encoded `history`: the claim is the signed debit itself. */
  history: Uint8Array;
  openedS: number;
  /** When the window for its deposit is over. */
  dueS: number;
  /** null while it is open; once granted, no deposit is taken. */
  grantedS: number | null;
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

/** What an operator had the issuer say of a terminal. */
export interface TerminalNoticeRow {
  /** 4 bytes. */
  terminalId: Uint8Array;
  timeS: number;
  /** Its place was taken; false: that was a mistake. */
  retired: boolean;
  operator: string;
  why: string;
  /** Encoded `signedRetired`. */
  notice: Uint8Array;
}

export interface TraceRow {
  pku: Uint8Array;
  /** Who asked: an operator's key id. */
  operator: string;
  why: string;
  ebc: number;
  /** null where another house resolves the name. */
  name: string | null;
  proof: 'PROVEN' | 'UNPROVEN' | null;
  timeS: number;
  /** Encoded `signedTraceOrder` that opened the name, or that was given; null where the issuer needs none. */
  order: Uint8Array | null;
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
  /** What the operator was; null for acts of before there were roles. */
  role: Role | null;
}

/** An operator beside the keys that the house is started with. */
export interface OperatorRow {
  key: Uint8Array;
  name: string;
  role: Role;
  /** Most that one limited act may move; null: nothing. */
  limit: number | null;
  /** Epoch of the database in which a root last said so. */
  epoch: number;
  addedS: number;
  /** Key id of who added it; `settings`: whoever starts the house. */
  addedBy: string;
  /** From then on it is nobody's; null while it stands. */
  removedS: number | null;
  removedBy: string | null;
}

/** The part of every house's store that says who may act, and keeps what was done. */
export interface OperatorStore {
  operatorRequest(id: Uint8Array): OperatorRequestRow | null;
  addOperatorRequest(row: OperatorRequestRow): void;
  /** All of them, in the order in which they were added; the removed ones too. */
  operators(): OperatorRow[];
  addOperator(row: Omit<OperatorRow, 'removedS' | 'removedBy'>): void;
  /** A root says again that it is one. */
  confirmOperator(key: Uint8Array, epoch: number, limit: number | null): void;
  /** For good. */
  removeOperator(key: Uint8Array, timeS: number, by: string): void;
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
  /** Number of the scheme's row; default 1. */
  scheme?: number;
  /** PKB, where the scheme has a bank and this house knows it. */
  bankKey?: Uint8Array | null;
}

/** A registered set under its KID. */
export interface SharedKeyRow {
  kid: Uint8Array;
  /** The shared key K, which leaves the store only to its procedures; null where the scheme keeps none [0064]. */
  k: Uint8Array | null;
  counter: Uint8Array;
  /** Of the last keyed request. */
  sequence: number;
  /** PKI(PKU1..n, K) as the bank has it: what a trace hands over. */
  registration: Uint8Array;
  timeS: number;
}

/** A final reply of the issuer: the same bytes never get another. */
export interface ReplyRow {
  /** SHA-256 of `message`. */
  messageHash: Uint8Array;
  /**
   * What the request is known by, and has now taken: 16 random bytes of a sealed one, KID and sequence of a keyed one.
   * null for a request that could not be opened, or whose place was another's: it is refused for good all the same.
   */
  id: Uint8Array | null;
  /** Encoded `bankMessage`, or the `sealedRequest` of a redemption; SKB's signature where the scheme has one. */
  message: Uint8Array;
  messageSignature: Uint8Array | null;
  /** Encoded `issuerReply`; SKI's signature where the scheme has one. */
  reply: Uint8Array;
  replySignature: Uint8Array | null;
  /** Boxes for the token, packed (wire/institutions.ts). */
  boxes: Uint8Array;
  timeS: number;
}

/** A redeemed coupon. */
export interface CouponRow {
  /** SHA-256 of the prepared message. */
  id: Uint8Array;
  /** Random prefix and PKU. */
  prepared: Uint8Array;
  amount: number;
  signature: Uint8Array;
  transaction: number;
}

/** A list of the bank's coupon keys that was published. */
export interface CouponKeysRow {
  version: number;
  /** Encoded `signedCouponKeys`. */
  list: Uint8Array;
  /** Moduli in its order, packed. */
  moduli: Uint8Array;
}

/** A request that the bank took from an account's owner, by the hash of its sealed bytes. */
export interface BankRequestRow {
  hash: Uint8Array;
  /** Whose account it draws on; null for a claim, which draws on none. */
  name: string | null;
  kind: number;
  /** What is drawn; 0 for a registration, a question for a missed receipt, and a claim. */
  amount: number;
  /** Encoded `ownedRequest`; of a refund `refund`, of a claim `history`. */
  owned: Uint8Array;
  state: 'pending' | 'done' | 'refused';
  /** What went to the issuer, and what came back; null for a coupon, which the bank signs itself. */
  message: Uint8Array | null;
  messageSignature: Uint8Array | null;
  reply: Uint8Array | null;
  replySignature: Uint8Array | null;
  boxes: Uint8Array | null;
  draw: number | null;
  drawback: number | null;
  timeS: number;
}

/** An operator has looked at another clock, and says that the house's is right. */
export interface ClockConfirmationRow {
  /** By the house's clock. */
  timeS: number;
  operator: string;
  why: string;
  /** Why it was doubted; null: it was not. */
  doubt: string | null;
  /** What the house took for the time until then. */
  estimateS: number;
}

/** Histories that are searched for; null: any. */
export interface PaymentSearch {
  limit: number;
  before: { timeS: number; number: number } | null;
  sinceS: number | null;
  untilS: number | null;
  amount: number | null;
  pku: Uint8Array | null;
  rs: Uint8Array | null;
  shop: string | null;
}

interface Store {
  /** Runs `run` in one write transaction, alone on the database: all of it on disk, or nothing. Nests. */
  transaction<T>(run: () => T): T;
  /** Throws where the database cannot be read and written. */
  check(): void;
  /** Ends the store; everything acknowledged is on disk already. */
  close(): void;
  /** Succession notices of a house, in order (base/keys/succession.ts). @param house one of `HOUSE` */
  successions(house: number): Uint8Array[];
  addSuccession(row: SuccessionRow): void;
  /** Time of the newest row that says one, Unix time; null: there is none. */
  newestS(): number | null;
  addClockConfirmation(row: ClockConfirmationRow): void;
  /** How each epoch of the database began, oldest first; none where it has no identity. */
  epochs(): Epoch[];
}

/** What every house with a ledger has: postings, accounts, terminals, histories, tombstones, operators. */
export interface AccountStore extends Store, OperatorStore, CreditEngine {
  /** 0 for an account never posted to. */
  balance(account: string): number;
  /** Writes a posting that a rule gave, and the new balances. @returns the transaction's number */
  post(kind: TransactionKind, timeS: number, entries: Entry[]): number;
  numbers(): Numbers;
  /** Accounts that hold money, by name. @param after those behind it */
  heldAccounts(limit: number, after: string): HeldAccount[];
  account(name: string): AccountRow | null;
  accountByKey(accountKey: Uint8Array): AccountRow | null;
  addAccount(row: Omit<AccountRow, 'closedS'>): void;
  /** The same certificate under the house's key of now. */
  setCertificate(name: string, certificate: Uint8Array): void;
  /** The class of licenses under an account key; null where nobody said one. */
  licenseClass(accountKey: Uint8Array): number | null;
  setLicenseClass(row: { accountKey: Uint8Array; licenseClass: number; operator: string; timeS: number }): void;
  closeAccount(name: string, timeS: number): void;
  history(pku: Uint8Array, shop: string, rs: Uint8Array): HistoryRow | null;
  /** Histories of a search with what was refunded of each, by arrival, newest first. */
  payments(search: PaymentSearch): (HistoryRow & { refunded: number })[];
  /** The first history of (IdS, Rs) that was deposited, whichever pseudonym paid. */
  historyOfCharge(shop: string, rs: Uint8Array): HistoryRow | null;
  /** Whether any pseudonym's history of (IdS, Rs) was deposited. */
  isDeposited(shop: string, rs: Uint8Array): boolean;
  addHistory(row: Omit<HistoryRow, 'returnCode'>): void;
  refund(pku: Uint8Array, shop: string, rs: Uint8Array, refundId: Uint8Array): RefundRow | null;
  /** Sum of the refunds of a payment that stand. */
  refunded(pku: Uint8Array, shop: string, rs: Uint8Array): number;
  addRefund(row: Omit<RefundRow, 'undoneS'>): void;
  claim(pku: Uint8Array, shop: string, rs: Uint8Array): ClaimRow | null;
  /** Adds a claim, or grants the one that is there. */
  putClaim(row: ClaimRow): void;
  /** Requests drawn on an account that have no reply; only a bank has them. */
  openRequests(name: string): number;
  /** Sum of the counters whose pseudonyms are bound to a name; only the issuer that keeps accounts knows any. */
  countersOf(name: string): number;
  addRelease(row: ReleaseRow): void;
  addPayout(row: PayoutRow): void;
  /** Claims on a shop that are not decided. */
  openClaims(shop: string): number;
  tombstone(shop: string, rs: Uint8Array): Uint8Array | null;
  addTombstone(shop: string, rs: Uint8Array, tombstone: Uint8Array, timeS: number): void;
  terminalKey(shop: string, terminalId: Uint8Array): Uint8Array | null;
  addTerminal(shop: string, terminalId: Uint8Array, key: Uint8Array): void;
  addTrace(row: TraceRow): void;
  traces(): TraceRow[];
}

/** The bank's books. */
export interface BankStore extends AccountStore {
  request(hash: Uint8Array): BankRequestRow | null;
  addRequest(
    row: Pick<
      BankRequestRow,
      'hash' | 'name' | 'kind' | 'amount' | 'owned' | 'message' | 'messageSignature' | 'draw' | 'timeS'
    >,
  ): void;
  /** Ends a pending request. */
  endRequest(row: Pick<BankRequestRow, 'hash' | 'state' | 'reply' | 'replySignature' | 'boxes' | 'drawback'>): void;
  /** What this order released. */
  releaseOf(order: Uint8Array): ReleaseRow | null;
  /** Sealed registrations that the issuer granted to a name, oldest first. */
  registrationsOf(name: string): Uint8Array[];
  /** The refund of this draw was drawn back. */
  undoRefund(draw: number, timeS: number): void;
  /** Requests without a reply, oldest first. @param after those that come after this one: the next page */
  pendingRequests(limit: number, after?: Pick<BankRequestRow, 'timeS' | 'hash'> | null): BankRequestRow[];
  /** Histories that the issuer has not got, oldest first. @param after of a later transaction: the next page */
  unreturned(limit: number, after?: number): HistoryRow[];
  /** The issuer's last word. @param code OK, or why it will never take it */
  setReturned(transaction: number, timeS: number, code: string): void;
}

/** The issuer's books. */
export interface IssuerStore extends AccountStore {
  pseudonym(pku: Uint8Array): PseudonymRow | null;
  /** Adds a pseudonym without a name; nothing where it exists. @param counter PKU1 of its set; itself unless told */
  addPseudonym(pku: Uint8Array, counter?: Uint8Array): void;
  /** All pseudonyms that spend this EBC. */
  /** Sets of pseudonyms whose EBC is above 0, by PKU1. @param after PKU1 as hexadecimal: those behind it */
  countersOut(limit: number, after: string): { pku: Uint8Array; ebc: number }[];
  /** The history with which a set paid last; null: none. @param counter PKU1 */
  lastHistoryOf(counter: Uint8Array): Uint8Array | null;
  pseudonymsOfCounter(counter: Uint8Array): Uint8Array[];
  /** Binds a pseudonym to its name. Once. */
  bindPseudonym(pku: Uint8Array, name: string, request: Uint8Array): void;
  receipt(pku: Uint8Array, number: number): ReceiptRow | null;
  /** Receipts from `number` on, in order, at most `limit`. */
  receiptsFrom(pku: Uint8Array, number: number, limit: number): ReceiptRow[];
  /** Adds a receipt and makes its number the pseudonym's last. */
  addReceipt(row: ReceiptRow): void;
  addOverspend(row: OverspendRow): void;
  /** The transaction of a counter's first overspend; null: it was never overspent. */
  firstOverspend(counter: Uint8Array): number | null;
  /** The last overspend record of each counter whose EBC is negative now. */
  overspends(): OverspendRow[];
  denial(pku: Uint8Array): DenialRow | null;
  /** Adds a denial, or takes over its new `untilS`. */
  putDenial(row: DenialRow): void;
  /** Denials in force at `nowS`, oldest first. */
  denials(nowS: number): DenialRow[];
  /** How many. */
  denialCount(nowS: number): number;
  /** The newest deny list. */
  denyList(): { version: number; list: Uint8Array } | null;
  /** Versions above this one, ascending, at most `limit`. */
  denyListsAfter(version: number, limit: number): { version: number; list: Uint8Array }[];
  /** Adds a version; `replaces` is the one before, whose step the new one says again. */
  addDenyList(version: number, list: Uint8Array, replaces: number | null): void;
  /** What was said last of a terminal: whether its place was taken. @param terminalId 4 bytes */
  terminalNotice(terminalId: Uint8Array): TerminalNoticeRow | null;
  /** Adds one, later than those before. */
  addTerminalNotice(row: TerminalNoticeRow): void;
  sharedKey(kid: Uint8Array): SharedKeyRow | null;
  /** The newest of a set. */
  sharedKeyOfCounter(counter: Uint8Array): SharedKeyRow | null;
  addSharedKey(row: SharedKeyRow): void;
  setSequence(kid: Uint8Array, sequence: number): void;
  /** PKU1 of the set that came with a sealed registration. */
  counterOfRegistration(registration: Uint8Array): Uint8Array | null;
  loss(counter: Uint8Array): LossRow | null;
  addLoss(row: LossRow): void;
  lastRelease(counter: Uint8Array): ReleaseRow | null;
  /** The final reply to a message, by its hash. */
  reply(messageHash: Uint8Array): ReplyRow | null;
  /** Whether an id was used by any request. */
  isTaken(id: Uint8Array): boolean;
  addReply(row: ReplyRow): void;
  coupon(id: Uint8Array): CouponRow | null;
  addCoupon(row: CouponRow): void;
  /** The newest list, and all of them, newest first. */
  couponKeys(): CouponKeysRow | null;
  allCouponKeys(): CouponKeysRow[];
  addCouponKeys(version: number, list: Uint8Array, moduli: Uint8Array): void;
}

/** The trustee's book of names. */
export interface TrusteeStore extends Store, OperatorStore {
  registration(pku: Uint8Array): RegistrationRow | null;
  pseudonymsOf(name: string): number;
  addRegistration(row: RegistrationRow): void;
  /** Its newest license; older ones are in the histories paid with them. */
  renewLicense(pku: Uint8Array, license: Uint8Array): void;
  addTrace(row: TraceRow): void;
  traces(): TraceRow[];
}
