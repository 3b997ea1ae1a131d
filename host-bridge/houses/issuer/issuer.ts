/**
 * The issuer 100 as tokens, shops and banks see it. Here: direct withdrawal, receipts, time, deny list, EP 0926637
 * [0017]-[0021]; what a bank brings is in issuer-requests.ts and issuer-return.ts, deposits in depositary.ts.
 *
 * Every procedure checks encodings and signatures first, then asks a rule of ledger/rules.ts for its ruling within one
 * write transaction, and changes the books last. Left out: operators' acts (issuer-office.ts), HTTP, SQL.
 */
import { randomBytes } from 'node:crypto';
import { toHex } from '../../../firmware/core/bytes.js';
import { CLASS_FULL, classHoldMax } from '../../../firmware/core/license-class.js';
import { schemeOf, type Scheme } from '../../../firmware/core/scheme.js';
import { unpackBoxes } from '../../../firmware/wire/institutions.js';
import { signedTime, timeBody } from '../../../firmware/wire/notices.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import {
  receipt,
  receiptBody,
  RECEIPT_KINDS,
  withdrawal,
  withdrawalBody,
  type WithdrawalBody,
} from '../../../firmware/wire/withdrawal.js';
import { refusal, type Result } from '../../base/errors.js';
import { abcOf, ebcOf, ruleWithdraw } from '../../ledger/rules.js';
import type { IssuerStore } from '../../ledger/store.js';
import { createDenyLists } from './deny-list.js';
import { LICENSE_VALID_S } from '../licensing.js';
import { createOffice, currentCouponKeys } from './issuer-office.js';
import type { IssuerForBank, IssuerOffice, IssuerService } from '../../base/services/procedures.js';
import type { VerifyMany } from '../../base/crypto/verify-many.js';
import type { Unsealer } from '../../base/crypto/sealed-box.js';
import { createDeposits } from '../deposit-queue.js';
import { bury, checkUnload, deposit, DEPOSIT_GRACE_S, type Depositary } from '../depositary.js';
import { claim, findPayment, refund } from '../refunds-and-claims.js';
import { giveReceipt } from './refund-receipts.js';
import { acceptReturn, counterAccount } from './issuer-return.js';
import { receiveFromBank, redeem } from './issuer-requests.js';
import { checkOurs } from '../read-history.js';
import { restoredAtOf } from '../restored.js';
import { linesOf } from '../../base/keys/key-line.js';
import { acceptSuccession, everySuccession } from '../../base/keys/succession.js';
import { isSigned, type Signer } from '../../base/crypto/signer.js';
import type { IssuerContext, TracePolicy } from './issuer-context.js';
import { whereAccountsAre } from './accounts-at.js';
import { noteOverspent } from './overspend.js';

/** Age at which an unchanged deny list is signed anew. */
const DENY_REFRESH_S = 3600;

/** Most receipts in one answer. */
const RECEIPTS_MAX = 32;

const NONCE_BYTES = 8;

export interface IssuerOptions {
  store: IssuerStore;
  /** SKI; where it has succeeded another, `issuerKey` is the first. */
  signer: Signer;
  issuerKey?: Uint8Array;
  /** PKR, which licenses are verified with: the first one. */
  registrarKey: Uint8Array;
  currency: string;
  /** Unix time, seconds. */
  clock: () => number;
  depositGraceS?: number;
  /** How long a shop may still deposit a debit that is claimed back; default `DEPOSIT_GRACE_S`. */
  claimWindowS?: number;
  denyRefreshS?: number;
  /** Row of the scheme table; default: the first. */
  scheme?: Scheme;
  /** PKB, the first one: who may bring sealed and keyed requests and histories; null where there is no bank. */
  bankKey?: Uint8Array | null;
  /** Opens what is sealed to the issuer. */
  unsealer?: Unsealer | null;
  licenseValidS?: number;
  /** Of the licenses that this issuer signs (firmware/core/license-class.ts); default: without bound. */
  licenseClass?: number;
  /** Default: an operator asks. */
  tracePolicy?: TracePolicy;
  /** Whether `clock` is doubted; default: never. */
  clockDoubted?: () => boolean;
  /** Where the signatures of deposits are verified; with it, deposits are queued (deposit-queue.ts). */
  verifyMany?: VerifyMany;
  /** For salts and KIDs; default node:crypto. */
  random?: (bytes: number) => Uint8Array;
}

/** The whole issuer. */
export interface Issuer extends IssuerService, IssuerForBank {
  /** Operators' acts in the name of `operator`, which the record of traces and denials keeps. */
  office(operator: string): IssuerOffice;
}

/** What its procedures work with. */
function contextOf(options: IssuerOptions): IssuerContext {
  const { store, signer, registrarKey, currency } = options;
  const issuerKey = options.issuerKey ?? signer.publicKey;
  const graceS = options.depositGraceS ?? DEPOSIT_GRACE_S;
  const nowS = () => Math.floor(options.clock());
  const clockDoubted = options.clockDoubted ?? (() => false);
  const restoredAt = restoredAtOf(store);
  const {
    scheme = schemeOf(1),
    bankKey = null,
    unsealer = null,
    licenseValidS = LICENSE_VALID_S,
    licenseClass = CLASS_FULL,
    tracePolicy = 'operator',
    random = randomBytes,
  } = options;
  const lines = linesOf(store, { issuerKey, registrarKey, bankKey });
  const { issuerId: issuer, registrar } = lines;
  const denyLists = createDenyLists(store, signer, issuer, options.denyRefreshS ?? DENY_REFRESH_S);
  const depositary: Depositary = {
    ...{ store, issuer, currency, registrar, graceS, nowS, clockDoubted, restored: restoredAt !== null },
    payerOf: counterAccount,
    counterOf: (pku) => store.pseudonym(pku)?.counter ?? null,
    onOverspent: (terms, transaction) => noteOverspent(context, terms, transaction),
    ...{ claimWindowS: options.claimWindowS ?? DEPOSIT_GRACE_S, refundKind: 'refund', isReturned: () => true },
    isKnown: (pku) => store.pseudonym(pku) !== null,
    onRefunded: (body, bytes, transaction) => giveReceipt(context, body, RECEIPT_KINDS.refund, bytes, transaction),
    onReconciled: (row) => giveReceipt(context, row, RECEIPT_KINDS.reconcile, row.history, null),
  };
  const context: IssuerContext = {
    store,
    signer,
    lines,
    registrar,
    issuer,
    currency,
    graceS,
    denyLists,
    ...{ nowS, clockDoubted, restoredAt },
    scheme,
    unsealer,
    licenseValidS,
    licenseClass,
    tracePolicy,
    random,
    depositary,
  };
  return context;
}

/** Makes an issuer. */
export function createIssuer(options: IssuerOptions): Issuer {
  const context = contextOf(options);
  const { store, signer, registrarKey, currency } = options;
  const { lines, scheme, issuer, depositary, denyLists, unsealer, nowS } = context;
  const { here, elsewhere } = whereAccountsAre(scheme);
  const deposits = createDeposits(depositary, options.verifyMany);
  return {
    parameters: () => ({
      ok: true,
      parameters: {
        issuer,
        issuerKey: options.issuerKey ?? signer.publicKey,
        registrarKey,
        currency,
        scheme: scheme.number,
        sealKey: unsealer?.publicKey ?? null,
        successions: everySuccession(store),
      },
    }),
    withdraw: (request) => here ?? withdraw(context, request),
    receipts: (request) => here ?? receipts(context, request),
    deposit: (bytes) => here ?? deposit(depositary, bytes),
    depositMany: async (histories) => here ?? deposits.deposit(histories),
    findPayment: (shop, rs, question) => here ?? findPayment(depositary, shop, rs, question),
    checkUnload: (what) => here ?? checkUnload(depositary, what),
    tombstone: (bytes) => here ?? bury(depositary, bytes),
    refund: (bytes) => here ?? refund(depositary, bytes),
    claim: (bytes) => here ?? claim(depositary, bytes),
    receive: (message, signature) => receiveFromBank(context, message, signature),
    redeem: (request) => redeem(context, request),
    returnCash: (histories) => elsewhere ?? acceptReturn(context, histories),
    succeed: (notice) => acceptSuccession(store, lines, notice, nowS(), 'issuer'),
    couponKeys: () => {
      const keys = currentCouponKeys(context);
      return keys
        ? { ok: true, list: keys.list, moduli: unpackBoxes(keys.moduli) as Uint8Array[] }
        : refusal('NOT_FOUND', 'no coupon keys');
    },
    signedTime: (nonce) => tellTime(context, nonce),
    denyList: (from) => ({ ok: true, ...denyLists.messages(from, nowS()) }),
    terminalNotice: (terminalId) => ({ ok: true, notice: store.terminalNotice(terminalId)?.notice ?? null }),
    office: (operator) => createOffice(context, operator),
  };
}

/** Reads a withdrawal request and checks that the account's owner and SKU both signed it. */
function readWithdrawal(
  context: IssuerContext,
  bytes: Uint8Array,
): Result<{ body: WithdrawalBody; accountKey: Uint8Array }> {
  const request = withdrawal.decode(bytes);
  const body = request && withdrawalBody.decode(request.body);
  if (!request || !body || body.number === 0) return refusal('BAD_REQUEST', 'withdrawal');
  const foreign = checkOurs(context, body);
  if (foreign) return foreign;
  const account = context.store.account(body.name);
  if (!account) return refusal('ACCOUNT_UNKNOWN');
  if (account.closedS !== null) return refusal('ACCOUNT_CLOSED');
  if (!account.accountKey) return refusal('ACCOUNT_KEY_MISSING');
  if (!isSigned(account.accountKey, SIGNED.withdrawal, request.body, request.accountSignature))
    return refusal('SIGNATURE_INVALID', 'account key');
  if (!isSigned(body.pku, SIGNED.withdrawalProof, request.body, request.proof))
    return refusal('SIGNATURE_INVALID', 'proof of possession');
  return { ok: true, body, accountKey: account.accountKey };
}

/** [0017]-[0018]. */
function withdraw(
  context: IssuerContext,
  requestBytes: Uint8Array,
): Result<{ receipt: Uint8Array; repeated: boolean }> {
  const { store, issuer, currency } = context;
  const read = readWithdrawal(context, requestBytes);
  if (!read.ok) return read;
  const { pku, number, amount, name } = read.body;
  // 0 asks for receipts alone.
  if (amount === 0) return refusal('BAD_REQUEST', 'withdrawal of 0');
  const abc = abcOf(name);
  const ebc = ebcOf(toHex(pku));

  return store.transaction(() => {
    const nowS = context.nowS();
    const pseudonym = store.pseudonym(pku);
    const given = store.receipt(pku, number);
    const denial = store.denial(pku);
    const ruling = ruleWithdraw({
      ...{ name, pku: toHex(pku), number, amount },
      accountExists: true,
      owner: pseudonym?.name ?? null,
      nextNumber: (pseudonym?.receiptNumber ?? 0) + 1,
      given: given && (given.kind === RECEIPT_KINDS.withdrawal ? { name: given.name, amount: given.amount } : 'other'),
      denied: denial !== null && (denial.untilS === null || denial.untilS > nowS),
      holdMax: classHoldMax(store.licenseClass(read.accountKey) ?? CLASS_FULL),
      balances: { [abc]: store.balance(abc), [ebc]: store.balance(ebc) },
    });
    if (!ruling.ok) return ruling;
    if (given) return { ok: true, receipt: given.receipt, repeated: true };

    // [0018]: EBC + x, ABC - x, SKI(PKU, x). The first request binds the pseudonym to the name, and is the proof for
    // trace.
    store.addPseudonym(pku);
    if (!pseudonym?.name) store.bindPseudonym(pku, name, requestBytes);
    const transaction = store.post('withdraw', nowS, ruling.entries);
    const kind = RECEIPT_KINDS.withdrawal;
    const body = receiptBody.encode({ issuer, currency, pku, number, kind, amount });
    const signed = receipt.encode({ body, signature: context.signer.sign(SIGNED.receipt, body) });
    store.addReceipt({ pku, number, kind, amount, name, receipt: signed, request: requestBytes, transaction });
    return { ok: true, receipt: signed, repeated: false };
  });
}

function receipts(context: IssuerContext, requestBytes: Uint8Array): Result<{ receipts: Uint8Array[] }> {
  const read = readWithdrawal(context, requestBytes);
  if (!read.ok) return read;
  const { pku, number, name } = read.body;
  const pseudonym = context.store.pseudonym(pku);
  if (!pseudonym?.name) return refusal('PSEUDONYM_UNKNOWN');
  if (pseudonym.name !== name) return refusal('PSEUDONYM_TAKEN');
  return { ok: true, receipts: context.store.receiptsFrom(pku, number, RECEIPTS_MAX).map((row) => row.receipt) };
}

/** Time for a terminal, tied to its nonce so that a bridge cannot keep an old answer for later. */
function tellTime(context: IssuerContext, nonce: Uint8Array): Result<{ time: Uint8Array }> {
  if (nonce.length !== NONCE_BYTES) return refusal('BAD_REQUEST', 'nonce');
  if (context.clockDoubted()) return refusal('CLOCK_DOUBTED');
  const body = timeBody.encode({ issuer: context.issuer, timeS: context.nowS(), nonce });
  return { ok: true, time: signedTime.encode({ signature: context.signer.sign(SIGNED.time, body), body }) };
}
