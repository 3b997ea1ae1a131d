/**
 * The issuer 100 as tokens and shops see it, scheme 1: withdrawal, receipts, deposit, tombstone, time, deny list.
 * EP 0926637 [0017]-[0021] and [0028]-[0031].
 *
 * Every procedure checks encodings and signatures first, then asks a rule of ledger/rules.ts for its ruling within one
 * write transaction, and changes the books last. Left out: operators' acts (issuer-office.ts), HTTP, SQL.
 */
import { copy, equal, toHex } from '../../firmware/core/bytes.js';
import { signedTime, timeBody } from '../../firmware/wire/notices.js';
import { challenge, chargeId, history, license, licenseBody, tombstone } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { receipt, receiptBody, RECEIPT_KINDS, withdrawal, withdrawalBody, type WithdrawalBody } from '../../firmware/wire/withdrawal.js';
import { refusal, type HostRefusal, type Result } from '../errors.js';
import { abcOf, ebcOf, ruleDeposit, ruleTombstone, ruleWithdraw } from '../ledger/rules.js';
import type { IssuerStore } from '../ledger/store.js';
import type { DenyLists } from './deny-list.js';
import { createDenyLists } from './deny-list.js';
import { createOffice } from './issuer-office.js';
import type { IssuerOffice, IssuerService } from './services.js';
import { isSigned, issuerIdOf, type Signer } from './signer.js';

/** How long after its license's end a history is still credited: the deposit window, one week. */
export const DEPOSIT_GRACE_S = 7 * 86400;

/** Age at which an unchanged deny list is signed anew. */
export const DENY_REFRESH_S = 3600;

/** Most receipts in one answer. */
export const RECEIPTS_MAX = 32;

const NONCE_BYTES = 8;

export interface IssuerOptions {
  store: IssuerStore;
  /** SKI. */
  signer: Signer;
  /** PKR, which licenses are verified with. */
  registrarKey: Uint8Array;
  currency: string;
  /** Unix time, seconds. */
  clock: () => number;
  depositGraceS?: number;
  denyRefreshS?: number;
}

/** What the issuer's procedures share. */
export interface IssuerContext {
  store: IssuerStore;
  signer: Signer;
  registrarKey: Uint8Array;
  /** Issuer id, 4 bytes. */
  issuer: Uint8Array;
  currency: string;
  graceS: number;
  denyLists: DenyLists;
  /** Unix time, whole seconds. */
  nowS(): number;
}

/** The whole issuer. */
export interface Issuer extends IssuerService {
  /** Operators' acts in the name of `operator`, which the record of traces and denials keeps. */
  office(operator: string): IssuerOffice;
}

/** Makes an issuer. */
export function createIssuer(options: IssuerOptions): Issuer {
  const { store, signer, registrarKey, currency } = options;
  const issuer = issuerIdOf(signer.publicKey);
  const denyLists = createDenyLists(store, signer, issuer, options.denyRefreshS ?? DENY_REFRESH_S);
  const graceS = options.depositGraceS ?? DEPOSIT_GRACE_S;
  const nowS = () => Math.floor(options.clock());
  const context: IssuerContext = { store, signer, registrarKey, issuer, currency, graceS, denyLists, nowS };
  return {
    parameters: () => ({ ok: true, parameters: { issuer, issuerKey: signer.publicKey, registrarKey, currency } }),
    withdraw: (request) => withdraw(context, request),
    receipts: (request) => receipts(context, request),
    deposit: (bytes) => deposit(context, bytes),
    tombstone: (bytes) => bury(context, bytes),
    signedTime: (nonce) => tellTime(context, nonce),
    denyList: () => ({ ok: true, ...denyLists.current(nowS()) }),
    office: (operator) => createOffice(context, operator),
  };
}

/** Whether a message is about this issuer's cash. */
function checkOurs(context: IssuerContext, message: { issuer: Uint8Array; currency: string }): HostRefusal | null {
  if (!equal(message.issuer, context.issuer)) return refusal('ISSUER_UNKNOWN');
  if (message.currency !== context.currency) return refusal('CURRENCY_UNKNOWN');
  return null;
}

/** Reads a withdrawal request and checks that the account's owner and SKU both signed it. */
function readWithdrawal(context: IssuerContext, bytes: Uint8Array): Result<{ body: WithdrawalBody }> {
  const request = withdrawal.decode(bytes);
  const body = request && withdrawalBody.decode(request.body);
  if (!request || !body || body.number === 0) return refusal('BAD_REQUEST', 'withdrawal');
  const foreign = checkOurs(context, body);
  if (foreign) return foreign;
  const account = context.store.account(body.name);
  if (!account) return refusal('ACCOUNT_UNKNOWN');
  if (!account.accountKey) return refusal('ACCOUNT_KEY_MISSING');
  if (!isSigned(account.accountKey, SIGNED.withdrawal, request.body, request.accountSignature)) return refusal('SIGNATURE_INVALID', 'account key');
  if (!isSigned(body.pku, SIGNED.withdrawalProof, request.body, request.proof)) return refusal('SIGNATURE_INVALID', 'proof of possession');
  return { ok: true, body };
}

/** [0017]-[0018]. */
function withdraw(context: IssuerContext, requestBytes: Uint8Array): Result<{ receipt: Uint8Array; repeated: boolean }> {
  const { store, issuer, currency } = context;
  const read = readWithdrawal(context, requestBytes);
  if (!read.ok) return read;
  const { pku, number, amount, name } = read.body;
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
      balances: { [abc]: store.balance(abc), [ebc]: store.balance(ebc) },
    });
    if (!ruling.ok) return ruling;
    if (given) return { ok: true, receipt: given.receipt, repeated: true };

    // [0018]: EBC + x, ABC - x, SKI(PKU, x). The first request binds the pseudonym to the name, and is the proof for trace.
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

/** [0029]-[0031]. */
function deposit(context: IssuerContext, historyBytes: Uint8Array): Result<{ amount: number; repeated: boolean }> {
  const { store, graceS } = context;
  const h = history.decode(historyBytes);
  const paid = h && challenge.decode(h.challenge);
  const licensed = h && license.decode(h.license);
  const terms = licensed && licenseBody.decode(licensed.body);
  if (!h || !paid || !licensed || !terms) return refusal('BAD_REQUEST', 'history');
  const foreign = checkOurs(context, paid) ?? checkOurs(context, terms);
  if (foreign) return foreign;
  // [0030]: the license with PKR, then SKU(y, IdS, Rs, Ts) with PKU. IdS is the one that the user signed.
  if (!isSigned(context.registrarKey, SIGNED.license, licensed.body, licensed.signature)) return refusal('LICENSE_INVALID');
  if (!isSigned(terms.pku, SIGNED.payment, h.challenge, h.signature)) return refusal('SIGNATURE_INVALID');

  const { pku } = terms;
  const { amount, shop, rs } = paid;
  const ebc = ebcOf(toHex(pku));
  const abc = abcOf(shop);
  return store.transaction(() => {
    const nowS = context.nowS();
    const stored = store.history(pku, shop, rs);
    const ruling = ruleDeposit({
      ...{ shop, pku: toHex(pku), amount },
      stored: stored && { sameChallenge: equal(history.decode(stored.history)?.challenge ?? new Uint8Array(0), h.challenge) },
      tombstoned: store.tombstone(shop, rs) !== null,
      licenseValid: nowS < terms.validUntilS + graceS,
      shopExists: store.account(shop) !== null,
      balances: { [ebc]: store.balance(ebc), [abc]: store.balance(abc) },
    });
    if (!ruling.ok) return ruling;
    if (ruling.repeated) return { ok: true, amount, repeated: true };

    // [0030]: ABC of the shop + y, EBC - y, store H.
    store.addPseudonym(pku);
    const transaction = store.post('deposit', nowS, ruling.entries);
    store.addHistory({ pku, shop, rs, amount, history: historyBytes, arrivedS: nowS, transaction });
    if (ruling.overspent) {
      // [0031]: the shop keeps its money; the pseudonym is denied until its license is over, and may be traced.
      store.addOverspend({ pku, ebc: store.balance(ebc), timeS: nowS, transaction });
      context.denyLists.deny(pku, terms.validUntilS + graceS, 'overspent', nowS);
    }
    return { ok: true, amount, repeated: false };
  });
}

/** A charge that the shop cancelled (DESIGN section 4, walking away). */
function bury(context: IssuerContext, bytes: Uint8Array): Result<{ repeated: boolean }> {
  const { store } = context;
  const stone = tombstone.decode(bytes);
  const charge = stone && chargeId.decode(stone.chargeId);
  if (!stone || !charge) return refusal('BAD_REQUEST', 'tombstone');
  const { shop, rs } = charge;
  const key = store.terminalKey(shop, copy(rs, 0, 4)); // Rs begins with the terminal's id
  if (!key) return refusal('TERMINAL_UNKNOWN');
  if (!isSigned(key, SIGNED.tombstone, stone.chargeId, stone.signature)) return refusal('SIGNATURE_INVALID');
  return store.transaction(() => {
    const ruling = ruleTombstone({ stored: store.tombstone(shop, rs) !== null, deposited: store.isDeposited(shop, rs) });
    if (ruling.ok && !ruling.repeated) store.addTombstone(shop, rs, bytes, context.nowS());
    return ruling;
  });
}

/** Time for a terminal, tied to its nonce so that a bridge cannot keep an old answer for later. */
function tellTime(context: IssuerContext, nonce: Uint8Array): Result<{ time: Uint8Array }> {
  if (nonce.length !== NONCE_BYTES) return refusal('BAD_REQUEST', 'nonce');
  const body = timeBody.encode({ issuer: context.issuer, timeS: context.nowS(), nonce });
  return { ok: true, time: signedTime.encode({ signature: context.signer.sign(SIGNED.time, body), body }) };
}
