/**
 * What trustee, issuer and bank do for others, as procedures on bytes. The actors implement it in process;
 * http/client.ts gives the same procedures over HTTP as promises, so that bridge, desk and simulation are written once.
 *
 * Protocol messages are the encodings of firmware/wire. Every procedure may be repeated with the same bytes: the effect
 * happens once, and the reply is the same.
 */
import type { PaymentQuery } from '../payment-query.js';
import type { Result } from '../errors.js';

/** A service's procedures as a client has them. */
export type Remote<T> = {
  [K in keyof T]: T[K] extends (...values: infer A) => infer R ? (...values: A) => Promise<Awaited<R>> : never;
};

/** Either of the two: await what it returns. */
export type Service<T> = {
  [K in keyof T]: T[K] extends (...values: infer A) => infer R ? (...values: A) => R | Promise<Awaited<R>> : never;
};

/** Public parameters, for provisioning boards. */
export interface PublicParameters {
  /** 4 bytes. */
  issuer: Uint8Array;
  /** The first keys of the houses: what the issuer's id and a database come from. */
  issuerKey: Uint8Array;
  registrarKey: Uint8Array;
  currency: string;
  /** Number of the scheme's row. */
  scheme: number;
  /** X25519, 32 bytes: what tokens seal to; null where this house has none. */
  sealKey: Uint8Array | null;
  /** Encoded `signedSuccession`: which keys followed those above, each line in order (key-line.ts). */
  successions: Uint8Array[];
}

/** What every house does. */
export interface HouseService {
  parameters(): Result<{ parameters: PublicParameters }>;
  /**
   * Takes a succession notice of any house of its scheme (succession.ts), whoever brings it.
   * @param notice encoded `signedSuccession`
   */
  succeed(notice: Uint8Array): Result<{ house: string; number: number; repeated: boolean }>;
}

/** The trustee 500. */
export interface TrusteeService extends HouseService {
  /**
   * [0014]-[0015]: (PKU, IdU) to the license SKR(PKU). @param request encoded `registration` @param certificate encoded
   * `accountCertificate`. Codes: BAD_REQUEST, CERTIFICATE_INVALID, SIGNATURE_INVALID, KEY_INVALID, PSEUDONYM_TAKEN,
   * PSEUDONYM_LIMIT.
   */
  register(request: Uint8Array, certificate: Uint8Array): Result<{ license: Uint8Array; repeated: boolean }>;
  /**
   * A license for longer, in the last quarter of its time and a week after its end: the same pseudonym and class,
   * ending with another quarter. Earlier: the one that it has, `repeated`. Arguments as of `register`. Codes:
   * BAD_REQUEST, CERTIFICATE_INVALID, SIGNATURE_INVALID, PSEUDONYM_UNKNOWN, PSEUDONYM_TAKEN, DENIED, LICENSE_EXPIRED,
   * and where the issuer's deny list cannot be had, why.
   */
  renew(request: Uint8Array, certificate: Uint8Array): Promise<Result<{ license: Uint8Array; repeated: boolean }>>;
  /** The newest license of a pseudonym. Codes: PSEUDONYM_UNKNOWN. */
  licenseOf(pku: Uint8Array): Result<{ license: Uint8Array }>;
  /**
   * [0056]: the name behind a pseudonym.
   * @param order encoded `signedTraceOrder`. Codes: BAD_REQUEST, SIGNATURE_INVALID, ORDER_EXPIRED, OWNER_UNKNOWN.
   */
  trace(order: Uint8Array): Result<Trace>;
}

/** The issuer 100 as tokens and shops see it. */
export interface IssuerService extends HouseService {
  /**
   * [0017]-[0018]: (PKU, IdU, x) to the receipt SKI(PKU, x). @param request encoded `withdrawal`. Codes: BAD_REQUEST,
   * ISSUER_UNKNOWN, CURRENCY_UNKNOWN, ACCOUNT_UNKNOWN, ACCOUNT_KEY_MISSING, SIGNATURE_INVALID and those of
   * `ruleWithdraw`.
   */
  withdraw(request: Uint8Array): Result<{ receipt: Uint8Array; repeated: boolean }>;
  /**
   * The receipts from the request's number on, in order, at most 32. After RECEIPT_MISSED the desk calls it with the
   * same request, which proves that the token's owner asks: a shop that saw PKU learns nothing here.
   * @param request encoded `withdrawal`. Codes: as `withdraw` up to SIGNATURE_INVALID, then PSEUDONYM_UNKNOWN,
   *   PSEUDONYM_TAKEN.
   */
  receipts(request: Uint8Array): Result<{ receipts: Uint8Array[] }>;
  /**
   * [0029]-[0030], deposit and return in one in scheme 1. @param history encoded `history`. Codes: BAD_REQUEST,
   * ISSUER_UNKNOWN, CURRENCY_UNKNOWN, LICENSE_INVALID, SIGNATURE_INVALID and those of `ruleDeposit`.
   */
  deposit(history: Uint8Array): DepositResult;
  /** Many of them, at most `DEPOSITS_MAX`: a result for each as of `deposit`, in their order. Codes: BUSY. */
  depositMany(histories: Uint8Array[]): Promise<Result<{ results: DepositResult[] }>>;
  /**
   * A cancelled charge.
   * @param tombstone encoded. Codes: BAD_REQUEST, TERMINAL_UNKNOWN, SIGNATURE_INVALID, ALREADY_PAID.
   */
  tombstone(tombstone: Uint8Array): Result<{ repeated: boolean }>;
  /** Gives a payment back, in part or whole (refunds-and-claims.ts). @param refund encoded */
  refund(refund: Uint8Array): Result<{ amount: number; repeated: boolean }>;
  /**
   * Claims a debit back that no shop deposits (refunds-and-claims.ts).
   * @param history encoded, from the token's journal
   */
  claim(history: Uint8Array): Result<Claimed>;
  /**
   * A payment of a shop, whichever of its tills took it (refunds-and-claims.ts).
   * @param question encoded `refund` that names no pseudonym, signed by a terminal of the shop; null: only whether
   *   there is such a payment. Codes: HISTORY_UNKNOWN, then as `refund` up to SIGNATURE_INVALID.
   */
  findPayment(shop: string, rs: Uint8Array, question: Uint8Array | null): Result<{ history: Uint8Array | null }>;
  /** Whether cash can be unloaded, before the token is debited (depositary.ts). */
  checkUnload(what: UnloadCheck): Result<object>;
  /** Signed time for a terminal. @param nonce 8 bytes @returns encoded `signedTime` */
  signedTime(nonce: Uint8Array): Result<{ time: Uint8Array }>;
  /**
   * What brings a terminal from its deny list to the newest one: encoded `signedDenyList`, in order; none where it has
   * that. @param from version that it holds; 0: none, or the whole list is wanted
   */
  denyList(from: number): Result<{ version: number; messages: Uint8Array[] }>;
  /** What was said last of a terminal: encoded `signedRetired`; null: nothing. @param terminalId 4 bytes */
  terminalNotice(terminalId: Uint8Array): Result<{ notice: Uint8Array | null }>;
  /**
   * [0042]-[0043]: a coupon for cash. @param request encoded `sealedRequest` @returns boxes for the token. Codes:
   * BAD_REQUEST; what is decided about the coupon is in the box.
   */
  redeem(request: Uint8Array): Promise<Result<{ boxes: Uint8Array[]; repeated: boolean }>>;
  /** The bank's coupon keys: encoded `signedCouponKeys`, and the moduli in its order. Codes: NOT_FOUND. */
  couponKeys(): Result<{ list: Uint8Array; moduli: Uint8Array[] }>;
}

/** What a deposit is answered by. */
export type DepositResult = Result<{ amount: number; repeated: boolean }>;

/** Most histories in one call of `depositMany`. */
export const DEPOSITS_MAX = 256;

/** An unloading, as it is asked about. */
export interface UnloadCheck {
  /** Whose account it should go to. */
  name: string;
  /** Of the token at the reader, 32 bytes. */
  accountKey: Uint8Array;
  /** Encoded `license` that the token would pay with. */
  license: Uint8Array;
  amount: number;
}

/** The issuer's reply to a bank. */
export interface BankReply {
  /** Encoded `issuerReply`. */
  reply: Uint8Array;
  /** SKI's, where the scheme signs between institutions. */
  signature: Uint8Array | null;
  /** For the token, unread. */
  boxes: Uint8Array[];
  repeated: boolean;
}

/** The issuer 100 as its bank sees it; the channel makes sure that it is the bank. */
export interface IssuerForBank {
  /**
   * [0063], [0067], [0085], [0090].
   * @param message encoded `bankMessage`
   * @param signature SKB's, where the scheme has it
   */
  receive(message: Uint8Array, signature: Uint8Array | null): Promise<Result<BankReply>>;
  /** [0054], [0079]: histories, at most 24; a code for each, OK also for one that was taken before. */
  returnCash(histories: Uint8Array[]): Result<{ codes: string[] }>;
}

/** The bank's reply to an owned request. */
export interface BankAnswer {
  /** For the token, unread. */
  boxes: Uint8Array[];
  /** It ended without effect; the box says why. */
  refused: boolean;
  repeated: boolean;
}

/** The bank 200 as its customers and shops see it. */
export interface BankService extends HouseService {
  /**
   * A registration or withdrawal that goes on to the issuer, or a blinded coupon [0039], [0062], [0067], [0084],
   * [0089].
   * @param request encoded `ownedRequest` @returns boxes for the token, or the blind signature, and whether it ended
   *   without effect. Codes: BAD_REQUEST,
   *   ISSUER_UNKNOWN, CURRENCY_UNKNOWN, AMOUNT_INVALID, ACCOUNT_UNKNOWN, ACCOUNT_KEY_MISSING, SIGNATURE_INVALID,
   *   REQUEST_ID_REUSED, those of `ruleDraw`, and where the issuer cannot be reached its codes: then the same bytes
   *   again.
   */
  request(request: Uint8Array): Promise<Result<BankAnswer>>;
  /**
   * PKBx by amount, falling; none where the scheme has no coupons. The issuer signs the list of them
   * (`publishCouponKeys`).
   */
  couponKeys(): Result<{ keys: { amount: number; modulus: Uint8Array }[] }>;
  /** As at the issuer of scheme 1; the receipt for what comes back is the issuer's, as soon as it can be reached. */
  deposit(history: Uint8Array): DepositResult;
  depositMany(histories: Uint8Array[]): Promise<Result<{ results: DepositResult[] }>>;
  tombstone(tombstone: Uint8Array): Result<{ repeated: boolean }>;
  refund(refund: Uint8Array): Promise<Result<{ amount: number; repeated: boolean }>>;
  claim(history: Uint8Array): Promise<Result<Claimed>>;
  findPayment(shop: string, rs: Uint8Array, question: Uint8Array | null): Result<{ history: Uint8Array | null }>;
  checkUnload(what: UnloadCheck): Result<object>;
}

/** What `trace` brings out [0031]. */
export interface Trace {
  name: string;
  /** EBC at the time of the trace, negative. */
  ebc: number;
  /** PROVEN: the name's account key and SKU both signed the request that bound the pseudonym to the name. */
  proof: 'PROVEN' | 'UNPROVEN';
  /** Encoded `withdrawal` and `accountCertificate`: the evidence, for anyone to verify. */
  request: Uint8Array;
  certificate: Uint8Array;
}

/** A pseudonym whose EBC is negative. The name is not here: it takes a `trace`. */
export interface Overspend {
  pku: Uint8Array;
  ebc: number;
  /** Unix time of the deposit that showed it last, seconds. */
  timeS: number;
}

/** An account that holds money. */
export interface HeldAccount {
  name: string;
  /** ABC, above 0. */
  balance: number;
}

/**
 * Cash that is still out: a set of pseudonyms whose EBC is above 0. The name is not here, whoever knows it: it takes a
 * `trace`, and nobody of these has overspent.
 */
export interface UnclaimedSet {
  /** PKU1 of the set. */
  pku: Uint8Array;
  ebc: number;
  /** Class of the license that it last paid with; null: it never paid. */
  licenseClass: number | null;
}

/** A payment as the office lists it. */
export interface PaymentRow {
  pku: Uint8Array;
  shop: string;
  rs: Uint8Array;
  amount: number;
  /** Unix time of the deposit, seconds. */
  arrivedS: number;
  /** Sum of its refunds that stand. */
  refunded: number;
}

/** Operators' acts where accounts are kept. */
export interface AccountsOffice {
  /** @param accountKey 32 bytes, or null for an account that only receives. Codes: those of `ruleOpen`. */
  openAccount(
    name: string,
    accountKey: Uint8Array | null,
  ): Result<{ certificate: Uint8Array | null; repeated: boolean }>;
  /** Puts money in. Not repeatable in process: over HTTP the request id makes it so. Codes: those of `ruleFund`. */
  fundAccount(name: string, amount: number): Result<{ balance: number }>;
  /**
   * Takes money out, under a reference by which it is found outside; as `fundAccount`, its request id makes it
   * repeatable. Codes: those of `rulePayout`.
   */
  payOut(name: string, amount: number, reference: string): Result<{ balance: number }>;
  /** For good; the name stays taken. Codes: those of `ruleClose`. */
  closeAccount(name: string): Result<{ repeated: boolean }>;
  /** @param terminalId 4 bytes @param key 32 bytes. Codes: BAD_REQUEST and those of `ruleTerminal`. */
  registerTerminal(shop: string, terminalId: Uint8Array, key: Uint8Array): Result<{ repeated: boolean }>;
  /**
   * The class that licenses under an account's key get; null: what the house that signs them gives everybody. Codes:
   * ACCOUNT_UNKNOWN, ACCOUNT_KEY_MISSING.
   */
  licenseClassOf(name: string): Result<{ licenseClass: number | null; accountKey: Uint8Array }>;
  /**
   * Says it, for an account that is there or will be: for licenses given or renewed from then on. @param accountKey 32
   * bytes. Codes: BAD_REQUEST.
   */
  setLicenseClass(accountKey: Uint8Array, licenseClass: number): Result<{ repeated: boolean }>;
  /** ABC of a name. Codes: ACCOUNT_UNKNOWN. */
  balanceOf(name: string): Result<{ balance: number }>;
  /**
   * A page of the accounts that hold money, by name. @param limit 1 to `LISTED_MAX` @param after a name: those behind
   * it; '': from the first @returns `more`: the next page's `after`. Codes: BAD_REQUEST
   */
  heldAccounts(limit: number, after: string): Result<{ accounts: HeldAccount[]; more: string | null }>;
  /** Sums over this house's books. */
  numbers(): Result<{ numbers: Numbers }>;
  /** A page of payments, newest first; of one shop where it is named. Codes: BAD_REQUEST. */
  payments(query: PaymentQuery & { shop?: string }): Result<{ payments: PaymentRow[]; more: string | null }>;
}

/** The bank's office. */
export interface BankOffice extends AccountsOffice {
  /**
   * [0081]: the name behind a registration.
   * @param order encoded `signedTraceOrder`. Codes: BAD_REQUEST, SIGNATURE_INVALID, ORDER_EXPIRED, OWNER_UNKNOWN.
   */
  trace(order: Uint8Array): Result<Trace>;
  /** The sealed registrations of a name, oldest first: what the issuer knows its set by. Codes: ACCOUNT_UNKNOWN. */
  registrationsOf(name: string): Result<{ registrations: Uint8Array[] }>;
  /**
   * Credits what was left of a lost token to its owner, once (bank-office.ts).
   * @param order encoded `signedReleaseOrder`
   */
  creditRelease(name: string, order: Uint8Array): Result<{ amount: number; repeated: boolean }>;
}

/** The issuer's office: what takes an operator. */
export interface IssuerOffice extends AccountsOffice {
  /** Puts a pseudonym on the deny list. Codes: BAD_REQUEST and those of `ruleDeny`. */
  deny(pku: Uint8Array, why: string): Result<{ version: number; repeated: boolean }>;
  /**
   * Another terminal has taken this one's place, or that was a mistake: the terminal is told when it is next at a
   * bridge. @param terminalId 4 bytes. Codes: BAD_REQUEST, REASON_MISSING.
   */
  retireTerminal(terminalId: Uint8Array, retired: boolean, why: string): Result<{ repeated: boolean }>;
  /**
   * A token is lost, or its license is over: its set is denied at once. @param of PKU, or a sealed registration of it
   * @param newest its newest license, encoded, where the trustee signs them @returns when `release` can be asked for.
   * Codes: REASON_MISSING, PSEUDONYM_UNKNOWN, and where `newest` is no license of this money's, why not.
   */
  lose(of: Uint8Array, why: string, newest?: Uint8Array | null): Result<Lost>;
  /** What is left of it goes back to its owner, here or by an order for the bank (lost-token.ts). */
  release(of: Uint8Array): Result<Released>;
  /**
   * The real name behind an overspent pseudonym, where the issuer has it; a logged act. Codes: BAD_REQUEST and those of
   * `ruleTrace`.
   */
  trace(pku: Uint8Array, why: string): Result<Trace>;
  /** What opens the name at trustee or bank: encoded `signedTraceOrder`. A logged act. Codes: as `trace`. */
  traceOrder(pku: Uint8Array, why: string): Result<{ order: Uint8Array; ebc: number }>;
  /** Signs and publishes the bank's coupon keys, amounts falling. Codes: BAD_REQUEST. */
  publishCouponKeys(keys: { amount: number; modulus: Uint8Array }[]): Result<{ version: number; repeated: boolean }>;
  /** EBC of a pseudonym's set. @param of PKU, or a sealed registration of it. Codes: PSEUDONYM_UNKNOWN. */
  counterOf(of: Uint8Array): Result<{ ebc: number; receiptNumber: number }>;
  overspends(): Result<{ overspends: Overspend[] }>;
  /** A page of the cash that is out, by PKU1 as hexadecimal; otherwise as `heldAccounts`. */
  unclaimed(limit: number, after: string): Result<{ sets: UnclaimedSet[]; more: string | null }>;
}

/** What became of a lost token. */
export interface Lost {
  /** When `release` can be asked for, Unix time. */
  dueS: number;
  /** Whether terminals are told of it: false where the deny list is full, until older denials end. */
  onDenyList: boolean;
  repeated: boolean;
}

/** What was released: to an account of this house, or by an order for the bank. */
export interface Released {
  amount: number;
  /** Whose account got it; null where an order says it to the bank. */
  name: string | null;
  /** Encoded `signedReleaseOrder`. */
  order: Uint8Array | null;
  repeated: boolean;
}

/** How a claim stands. */
export interface Claimed {
  state: 'open' | 'granted';
  /** When the window for a deposit is over, Unix time; the claim is decided when it is brought again after that. */
  dueS: number;
  repeated: boolean;
}

/** Sums over one house's ledger. What two houses hold together: `conservationOf` of ledger/rules-bank.ts. */
export interface Numbers {
  /** Money put in, less what was paid out. */
  in: number;
  /** Money that left accounts. */
  paidOut: number;
  /** All that is not `in`; equal to it, or a posting is broken. */
  held: number;
  /** Sum of all ABC, sum of all EBC. */
  abc: number;
  ebc: number;
  /** At a bank: drawn from accounts as cash, less what shops deposited. */
  out: number;
  /** At an issuer beside a bank: cash issued for it, less what it returned. */
  bank: number;
  /**
   * Draws whose reply is not there yet; coupons signed, and redeemed; histories deposited that the issuer has not
   * taken.
   */
  drawsPending: number;
  couponsSigned: number;
  couponsRedeemed: number;
  /** What was left of lost tokens and went back: at an issuer beside a bank sent off, at the bank credited. */
  released: number;
  unreturned: number;
  accounts: number;
  pseudonyms: number;
  receipts: number;
  histories: number;
  tombstones: number;
  overspent: number;
}
