/**
 * The bank 200: accounts ABC by real name, requests of their owners that it passes on unread, blind coupons, deposits,
 * and the return of histories to the issuer. EP 0926637 [0039]-[0040], [0050]-[0054], [0062]-[0069], [0076]-[0081],
 * [0085]-[0091].
 *
 * A request is known by the hash of its sealed bytes: it is drawn once, its row is durable before the issuer hears of
 * it, and it ends with the issuer's final reply; on any code but OK the draw goes back. What has no reply yet is passed
 * on again. A refusal of the call itself (no connection, another bank's key) is no reply: the request waits. Where the
 * account holds too little, nothing is drawn, and the request goes on with an amount of 0: so its token hears from the
 * issuer, under K, that it has ended. For a coupon the bank says so itself, signed by the key that will not sign it.
 */
import { allCodes, codeOf } from '../../../firmware/core/codes.js';
import { equal } from '../../../firmware/core/bytes.js';
import type { Scheme } from '../../../firmware/core/scheme.js';
import { bankMessage, CLASS_UNIT, issuerReply, packBoxes, unpackBoxes } from '../../../firmware/wire/institutions.js';
import { ownedRequest, REQUEST, type OwnedRequest } from '../../../firmware/wire/request.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { sha256 } from '../../base/crypto/hash.js';
import { isErrorCode, refusal, type Result } from '../../base/errors.js';
import { abcOf } from '../../ledger/rules.js';
import { OUT, ruleDraw, ruleDrawback } from '../../ledger/rules-bank.js';
import type { AccountRow, BankRequestRow, BankStore, HistoryRow } from '../../ledger/store.js';
import { isOutage } from '../../base/services/calls.js';
import { isFinal } from '../../base/services/finality.js';
import { createBankOffice } from './bank-office.js';
import type { VerifyMany } from '../../base/crypto/verify-many.js';
import type { CouponSigner } from '../../base/crypto/coupon-signer.js';
import { claim, findPayment, refund } from '../refunds-and-claims.js';
import { createDeposits } from '../deposit-queue.js';
import { bury, checkUnload, deposit, DEPOSIT_GRACE_S, type Depositary } from '../depositary.js';
import { RETURN_MAX } from '../issuer/issuer-return.js';
import { checkOurs } from '../read-history.js';
import { restoredAtOf } from '../restored.js';
import type { BankAnswer, BankOffice, BankService, IssuerForBank, Service } from '../../base/services/procedures.js';
import { checkNow, linesOf } from '../../base/keys/key-line.js';
import { acceptSuccession, everySuccession } from '../../base/keys/succession.js';
import { isSigned, type Signer } from '../../base/crypto/signer.js';
import { bodyOf } from '../../base/services/trace-proof.js';
import type { BankContext } from './bank-context.js';

export interface BankOptions {
  store: BankStore;
  /** SKB; where it has succeeded another, `bankKey` is the first. */
  signer: Signer;
  bankKey?: Uint8Array;
  /** PKI, the first one. */
  issuerKey: Uint8Array;
  /** The first PKR, or PKI where the issuer signs licenses. */
  registrarKey: Uint8Array;
  currency: string;
  scheme: Scheme;
  /** The issuer, over a channel on which the two know each other. */
  issuer: Service<IssuerForBank>;
  /** SKBx, one for each amount; null where the scheme has no coupons. */
  coupons?: CouponSigner | null;
  /** Where the signatures of deposits are verified; with it, deposits are queued (deposit-queue.ts). */
  verifyMany?: VerifyMany;
  /** Unix time, seconds. */
  clock: () => number;
  /** Whether `clock` is doubted; default: never. */
  clockDoubted?: () => boolean;
  depositGraceS?: number;
  /** How long a shop may still deposit a debit that is claimed back; default `DEPOSIT_GRACE_S`. */
  claimWindowS?: number;
}

/** The whole bank. */
export interface Bank extends BankService {
  /** Operators' acts in the name of `operator`, which the record of traces keeps. */
  office(operator: string): BankOffice;
  /**
   * Passes on what has no reply yet, and returns histories, a batch of each.
   * @returns whether there may be more to do now
   */
  forward(): Promise<Result<{ more: boolean }>>;
}

/** Most requests passed on again in one batch. */
const PENDING_MAX = 32;

/** Makes a bank. */
export function createBank(options: BankOptions): Bank {
  const { store, signer, issuerKey, registrarKey, currency, scheme } = options;
  const lines = linesOf(store, { issuerKey, registrarKey, bankKey: options.bankKey ?? signer.publicKey });
  const issuer = lines.issuerId;
  const nowS = () => Math.floor(options.clock());
  const context: BankContext = {
    store,
    signer,
    lines,
    issuer,
    currency,
    scheme,
    issuerService: options.issuer,
    coupons: options.coupons ?? null,
    round: { request: null, returnedTo: 0, trouble: null },
    nowS,
  };
  const house = depositaryOf(context, options);
  const deposits = createDeposits(house, options.verifyMany);
  return {
    parameters: () => ({
      ok: true,
      parameters: {
        issuer,
        issuerKey,
        registrarKey,
        currency,
        scheme: scheme.number,
        sealKey: null,
        successions: everySuccession(store),
      },
    }),
    request: (bytes) => request(context, bytes),
    deposit: (bytes) => deposit(house, bytes),
    depositMany: (histories) => deposits.deposit(histories),
    findPayment: (shop, rs, question) => findPayment(house, shop, rs, question),
    checkUnload: (what) => checkUnload(house, what),
    tombstone: (bytes) => bury(house, bytes),
    refund: (bytes) => thenPassOn(context, refund(house, bytes)),
    claim: (bytes) => thenPassOn(context, claim(house, bytes)),
    couponKeys: () => ({
      ok: true,
      keys: (context.coupons?.amounts ?? []).map((amount, i) => ({ amount, modulus: context.coupons!.moduli[i]! })),
    }),
    succeed: (notice) => acceptSuccession(store, lines, notice, nowS(), 'bank'),
    office: (operator) => createBankOffice(context, operator),
    forward: () => forward(context),
  };
}

/** As who keeps the accounts. */
function depositaryOf(context: BankContext, options: BankOptions): Depositary {
  const { store, issuer, currency, lines, nowS } = context;
  return {
    store,
    issuer,
    currency,
    registrar: lines.registrar,
    graceS: options.depositGraceS ?? DEPOSIT_GRACE_S,
    nowS,
    clockDoubted: options.clockDoubted ?? (() => false),
    restored: restoredAtOf(store) !== null,
    payerOf: () => OUT,
    counterOf: () => null, // only the issuer can tell
    onOverspent: () => undefined,
    ...backOf(options.claimWindowS, () => context),
  };
}

/** Refunds and claims at a bank: drawn or decided here, then the issuer's to credit, as a request is. */
function backOf(
  claimWindowS: number | undefined,
  contextOf: () => BankContext,
): Pick<Depositary, 'claimWindowS' | 'refundKind' | 'isKnown' | 'isReturned' | 'onRefunded' | 'onReconciled'> {
  const add = (kind: number, name: string | null, amount: number, request: Uint8Array, draw: number | null) => {
    const context = contextOf();
    const timeS = context.nowS();
    const message = bankMessage.encode({ kind, issuer: context.issuer, amount, request });
    context.store.addRequest({
      hash: sha256(request),
      name,
      kind,
      amount,
      owned: request,
      message,
      messageSignature: signatureOf(context, message),
      draw,
      timeS,
    });
  };
  return {
    claimWindowS: claimWindowS ?? DEPOSIT_GRACE_S,
    refundKind: 'draw',
    isKnown: () => true, // only the issuer can tell
    isReturned: (row) => row.returnCode === 'OK',
    onRefunded: (body, bytes, transaction) => add(REQUEST.refund, body.shop, body.amount, bytes, transaction),
    onReconciled: (row) => add(REQUEST.reconcile, null, 0, row.history, null),
  };
}

/** SKB over what goes to the issuer, where the scheme signs [0095]. */
function signatureOf(context: BankContext, message: Uint8Array): Uint8Array | null {
  return context.scheme.signedBetweenInstitutions ? context.signer.sign(SIGNED.bankMessage, message) : null;
}

/** Tries at once to bring to the issuer what waits; where it cannot be reached, `forward` does later. */
async function thenPassOn<T>(context: BankContext, done: Result<T>): Promise<Result<T>> {
  if (done.ok) await passPending(context);
  return done;
}

/** Kinds of request that this scheme's customers bring. */
function kindsOf({ scheme }: BankContext): number[] {
  const issue = { direct: [], coupon: [REQUEST.coupon], sealed: [REQUEST.sealedIssue], keyed: [REQUEST.keyedIssue] }[
    scheme.issue
  ];
  return scheme.registration === 'sealed' ? [REQUEST.register, ...issue] : issue;
}

/** Checks that an owned request is its account owner's, and of a kind that is taken here. */
function readOwned(context: BankContext, bytes: Uint8Array): Result<{ owned: OwnedRequest; hash: Uint8Array }> {
  const owned = ownedRequest.decode(bytes);
  if (!owned || !kindsOf(context).includes(owned.kind)) return refusal('BAD_REQUEST', 'request');
  const foreign = checkOurs(context, owned);
  if (foreign) return foreign;
  if (
    (owned.kind === REQUEST.register || owned.kind === REQUEST.coupon) &&
    (owned.amount === 0) !== (owned.kind === REQUEST.register)
  )
    return refusal('AMOUNT_INVALID');
  const account = context.store.account(owned.name);
  if (!account) return refusal('ACCOUNT_UNKNOWN');
  if (!account.accountKey) return refusal('ACCOUNT_KEY_MISSING');
  const hash = sha256(owned.request);
  if (
    !equal(account.accountKey, owned.accountKey) ||
    !isSigned(account.accountKey, SIGNED.ownedRequest, bodyOf(owned, hash), owned.accountSignature)
  ) {
    return refusal('SIGNATURE_INVALID', 'account key');
  }
  if (owned.kind === REQUEST.coupon && !context.coupons?.amounts.includes(owned.amount))
    return refusal('AMOUNT_INVALID', 'no coupon of this amount');
  return { ok: true, owned, hash };
}

/** The class of an account's licenses; 0: what the issuer gives everybody. */
const classOf = (store: BankContext['store'], { accountKey }: AccountRow): number =>
  (accountKey && store.licenseClass(accountKey)) ?? 0;

async function request(context: BankContext, bytes: Uint8Array): Promise<Result<BankAnswer>> {
  const read = readOwned(context, bytes);
  if (!read.ok) return read;
  const { owned, hash } = read;
  const { store } = context;
  const begun = store.transaction((): Result<{ row: BankRequestRow }> => {
    const known = store.request(hash);
    // The same request is one whose owner signed the same; with Ed25519 that may have been twice, in other bytes.
    if (known)
      return equal(bodyOf(ownedRequest.decode(known.owned)!, hash), bodyOf(owned, hash))
        ? { ok: true, row: known }
        : refusal('REQUEST_ID_REUSED');
    const account = store.account(owned.name)!;
    const abc = abcOf(owned.name);
    const { name, amount, kind } = owned;
    const ruling = ruleDraw({
      name,
      amount,
      accountExists: true,
      closed: account.closedS !== null,
      balances: { [abc]: store.balance(abc), [OUT]: store.balance(OUT) },
    });
    if (!ruling.ok && ruling.code !== 'FUNDS_INSUFFICIENT') return ruling;
    // [0040], [0067], [0090]: ABC - x, then the request goes on.
    const timeS = context.nowS();
    const draw = ruling.ok && ruling.entries.length > 0 ? store.post('draw', timeS, ruling.entries) : null;
    const message =
      kind === REQUEST.coupon
        ? null
        : bankMessage.encode({
            kind: kind === REQUEST.register ? kind + CLASS_UNIT * classOf(store, account) : kind,
            issuer: context.issuer,
            amount: draw === null ? 0 : amount,
            request: owned.request,
          });
    const messageSignature = message && signatureOf(context, message);
    store.addRequest({ hash, name, kind, amount, owned: bytes, message, messageSignature, draw, timeS });
    return { ok: true, row: store.request(hash)! };
  });
  if (!begun.ok) return begun;
  if (begun.row.state !== 'pending') return storedAnswer(begun.row);
  return passOn(context, begun.row);
}

/** Brings a pending request to its end: the bank's own signature for a coupon, the issuer's reply for the rest. */
async function passOn(context: BankContext, row: BankRequestRow): Promise<Result<BankAnswer>> {
  if (row.kind === REQUEST.coupon) {
    const { request } = ownedRequest.decode(row.owned)!;
    const drawn = row.draw !== null;
    // None where it is no number below n, or for a key whose time is over: then a draw goes back.
    const signature = drawn ? context.coupons?.sign(row.amount, request) : context.coupons?.refuse(row.amount, request);
    return end(context, row, drawn && signature ? 'done' : 'refused', null, null, signature ? [signature] : []);
  }
  const given = await context.issuerService.receive(row.message!, row.messageSignature);
  if (!given.ok) return given;
  const reply = issuerReply.decode(given.reply);
  const fits =
    reply && equal(reply.messageHash, sha256(row.message!)) && equal(reply.boxesHash, sha256(packBoxes(given.boxes)));
  if (!reply || !fits || reply.code >= allCodes().length) return refusal('REPLY_INVALID', 'issuer reply');
  // [0096], [0099]: SKI over the reply, where the scheme signs; the bank keeps it.
  if (context.scheme.signedBetweenInstitutions) {
    const { signature } = given;
    const unsigned = signature
      ? checkNow(
          context.lines.issuer,
          context.nowS(),
          { type: SIGNED.issuerReply, message: given.reply, signature },
          'SKI',
        )
      : refusal('SIGNATURE_INVALID');
    if (unsigned) return refusal('REPLY_INVALID', 'SKI');
  }
  return end(context, row, codeOf(reply.code) === 'OK' ? 'done' : 'refused', given.reply, given.signature, given.boxes);
}

function end(
  context: BankContext,
  row: BankRequestRow,
  state: 'done' | 'refused',
  reply: Uint8Array | null,
  replySignature: Uint8Array | null,
  boxes: Uint8Array[],
): Result<BankAnswer> {
  const { store } = context;
  return store.transaction(() => {
    const now = store.request(row.hash)!;
    if (now.state !== 'pending') return storedAnswer(now);
    let drawback: number | null = null;
    const { name } = row;
    if (state === 'refused' && row.draw !== null && name !== null) {
      const abc = abcOf(name);
      const ruling = ruleDrawback({
        name,
        amount: row.amount,
        balances: { [abc]: store.balance(abc), [OUT]: store.balance(OUT) },
      });
      if (!ruling.ok) return ruling;
      if (ruling.entries.length > 0) drawback = store.post('drawback', context.nowS(), ruling.entries);
      if (row.kind === REQUEST.refund) store.undoRefund(row.draw!, context.nowS());
    }
    store.endRequest({ hash: row.hash, state, reply, replySignature, boxes: packBoxes(boxes), drawback });
    return { ok: true, boxes, refused: state === 'refused', repeated: false };
  });
}

const storedAnswer = (row: BankRequestRow): { ok: true } & BankAnswer => ({
  ok: true,
  boxes: unpackBoxes(row.boxes!) as Uint8Array[],
  refused: row.state === 'refused',
  repeated: true,
});

/**
 * Requests without a reply once more, a page of them. One that is refused by itself does not hold up the others; an
 * issuer that cannot be reached ends the round. @returns how many there were
 */
async function passPending(context: BankContext): Promise<Result<{ count: number }>> {
  const { round } = context;
  const rows = context.store.pendingRequests(PENDING_MAX, round.request);
  for (const row of rows) {
    const done = await passOn(context, row);
    if (!done.ok && isOutage(done.code)) return done;
    if (!done.ok) round.trouble = done;
  }
  round.request = rows.length === PENDING_MAX ? rows.at(-1)! : null;
  return { ok: true, count: rows.length };
}

/** Histories that the issuer has not got, a page of them. What it does not take yet stays, and holds up no other. */
async function returnSome(context: BankContext): Promise<Result<{ count: number }>> {
  const { store, round } = context;
  const rows = store.unreturned(RETURN_MAX, round.returnedTo);
  if (rows.length > 0) {
    const given = await context.issuerService.returnCash(rows.map((row) => row.history));
    if (!given.ok) return given;
    if (given.codes.length !== rows.length) return refusal('REPLY_INVALID', 'return');
    const timeS = context.nowS();
    store.transaction(() => rows.forEach((row, i) => setReturned(context, row, timeS, given.codes[i]!)));
  }
  round.returnedTo = rows.length === RETURN_MAX ? rows.at(-1)!.transaction : 0;
  return { ok: true, count: rows.length };
}

function setReturned({ store, round }: BankContext, row: HistoryRow, timeS: number, text: string): void {
  const code = isErrorCode(text) ? text : 'REPLY_INVALID';
  if (code === 'OK' || isFinal('returned', code)) store.setReturned(row.transaction, timeS, code);
  else round.trouble = refusal(code, 'return');
}

/**
 * Requests without a reply once more, then histories in batches [0054], [0079], each until it has been taken. What may
 * be taken later comes round again after all the others. @returns at the end of a round what it met
 */
async function forward(context: BankContext): Promise<Result<{ more: boolean }>> {
  const { round } = context;
  const passed = await passPending(context);
  if (!passed.ok) return passed;
  const returned = await returnSome(context);
  if (!returned.ok) return returned;
  if (round.request !== null || round.returnedTo > 0) return { ok: true, more: true };
  const { trouble } = round;
  round.trouble = null;
  return trouble ?? { ok: true, more: false };
}
