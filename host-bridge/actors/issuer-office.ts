/**
 * The issuer's office: acts that take an operator. Opening and funding accounts, registering terminals, deny, trace.
 * EP 0926637 [0031] for trace: the name comes out only when EBC is negative, and that it did is recorded.
 */
import { createHash } from 'node:crypto';
import { isAmount } from '../../firmware/core/amount.js';
import { concat, equal, fromChars, fromHex, toHex } from '../../firmware/core/bytes.js';
import { packBoxes, signedTraceOrder, traceOrder } from '../../firmware/wire/institutions.js';
import { couponKey, couponKeysBody, COUPON_KEYS_MAX, RSA_BYTES, signedCouponKeys } from '../../firmware/wire/request.js';
import { KEY_BYTES } from '../../firmware/wire/payment.js';
import { DENY_KEYS_MAX } from '../../firmware/wire/notices.js';
import { accountBody, accountCertificate } from '../../firmware/wire/registration.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { withdrawal, withdrawalBody } from '../../firmware/wire/withdrawal.js';
import { refusal, type Result } from '../errors.js';
import { ebcOf, ruleDeny, ruleTrace } from '../ledger/rules.js';
import { createAccountsOffice } from './accounts-office.js';
import type { AccountRow, PseudonymRow } from '../ledger/store.js';
import type { IssuerContext } from './issuer.js';
import type { IssuerOffice, Trace } from './services.js';
import { isSigned } from './signer.js';

/** Makes the office of one operator. @param operator who acts, for the record */
export function createOffice(context: IssuerContext, operator: string): IssuerOffice {
  const { store } = context;
  return {
    ...createAccountsOffice(context),

    deny(pku, why) {
      if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
      return store.transaction(() => {
        const nowS = context.nowS();
        const before = store.denial(pku);
        const denied = before !== null && (before.untilS === null || before.untilS > nowS);
        const ruling = ruleDeny({ why, denied, listed: context.denyLists.count(nowS), listMax: DENY_KEYS_MAX });
        if (!ruling.ok) return ruling;
        // An operator's denial knows no license, so it has no end.
        if (!denied) context.denyLists.deny(pku, null, `${operator}: ${why}`, nowS);
        return { ok: true, version: context.denyLists.current(nowS).version, repeated: denied };
      });
    },

    trace: (pku, why) => trace(context, operator, pku, why),
    traceOrder: (pku, why) => orderTrace(context, operator, pku, why),
    publishCouponKeys: (keys) => publishCouponKeys(context, keys),

    counterOf(pku) {
      const pseudonym = pku.length === KEY_BYTES ? store.pseudonym(pku) : null;
      if (!pseudonym) return refusal('PSEUDONYM_UNKNOWN');
      const counter = store.pseudonym(pseudonym.counter) ?? pseudonym;
      return { ok: true, ebc: store.balance(ebcOf(toHex(counter.pku))), receiptNumber: counter.receiptNumber };
    },

    overspends: () => ({ ok: true, overspends: store.overspends().map(({ pku, timeS }) => ({ pku, ebc: store.balance(ebcOf(toHex(pku))), timeS })) }),
  };
}

/** [0031]: the real name behind a negative EBC, with the request that bound the pseudonym to it. */
function trace(context: IssuerContext, operator: string, pku: Uint8Array, why: string): Result<Trace> {
  const { store } = context;
  if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
  return store.transaction(() => {
    const pseudonym = store.pseudonym(pku);
    const ebc = store.balance(ebcOf(toHex(pku)));
    const ruling = ruleTrace({ why, known: pseudonym !== null, ebc, owner: pseudonym?.name ?? null });
    if (!ruling.ok) return ruling;
    const { name } = ruling;
    const account = store.account(name);
    const request = pseudonym?.request ?? new Uint8Array(0);
    const proof = account && isBinding(context, account, pseudonym as PseudonymRow) ? 'PROVEN' : 'UNPROVEN';
    store.addTrace({ pku, operator, why, ebc, name, proof, timeS: context.nowS() });
    return { ok: true, name, ebc, proof, request, certificate: account?.certificate ?? new Uint8Array(0) };
  });
}

/** Whether the stored request shows that the owner of the account bound this pseudonym to the name. */
function isBinding(context: IssuerContext, account: AccountRow, pseudonym: PseudonymRow): boolean {
  const certificate = account.certificate && accountCertificate.decode(account.certificate);
  const certified = certificate && accountBody.decode(certificate.body);
  const request = pseudonym.request && withdrawal.decode(pseudonym.request);
  const body = request && withdrawalBody.decode(request.body);
  if (!certificate || !certified || !request || !body) return false;
  return (
    certified.name === account.name &&
    body.name === account.name &&
    equal(body.pku, pseudonym.pku) &&
    isSigned(context.signer.publicKey, SIGNED.account, certificate.body, certificate.signature) &&
    isSigned(certified.accountKey, SIGNED.withdrawal, request.body, request.accountSignature) &&
    isSigned(body.pku, SIGNED.withdrawalProof, request.body, request.proof)
  );
}

/**
 * [0054], [0081]: the signed statement with which trustee or bank gives the name out. Codes: BAD_REQUEST, REASON_MISSING,
 * PSEUDONYM_UNKNOWN, NOT_OVERSPENT. The act is recorded here without a name.
 */
function orderTrace(context: IssuerContext, operator: string, pku: Uint8Array, why: string): Result<{ order: Uint8Array; ebc: number }> {
  const { store, scheme } = context;
  if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
  return store.transaction(() => {
    const pseudonym = store.pseudonym(pku);
    const ebc = store.balance(ebcOf(toHex(pseudonym?.counter ?? pku)));
    // What the other house knows the owner by: the pseudonym that it licensed, or the ciphertext that it passed on.
    const registration = pseudonym && scheme.registration === 'sealed' ? store.sharedKeyOfCounter(pseudonym.counter)?.registration : undefined;
    const subject = scheme.registration === 'sealed' ? registration && new Uint8Array(createHash('sha256').update(registration).digest()) : pku;
    const ruling = ruleTrace({ why, known: pseudonym !== null, ebc, owner: subject ? 'known elsewhere' : null });
    if (!ruling.ok || !subject) return ruling.ok ? refusal('OWNER_UNKNOWN') : ruling;
    const timeS = context.nowS();
    store.addTrace({ pku, operator, why, ebc, name: null, proof: null, timeS });
    const body = traceOrder.encode({ subject, missing: -ebc, timeS, operator: operatorBytes(operator), why: fromChars(why) });
    return { ok: true, order: signedTraceOrder.encode({ signature: context.signer.sign(SIGNED.traceOrder, body), body }), ebc };
  });
}

/** An operator's key id as bytes; zeros for a name that is none, as tests have. */
function operatorBytes(operator: string): Uint8Array {
  const id = fromHex(operator);
  return id && id.length === 8 ? id : new Uint8Array(8);
}

/** Signs the one list of coupon keys for everybody. A list with the same keys is a repetition. Codes: BAD_REQUEST. */
function publishCouponKeys(context: IssuerContext, keys: { amount: number; modulus: Uint8Array }[]): Result<{ version: number; repeated: boolean }> {
  const { store, issuer, currency } = context;
  const falling = keys.every(({ amount, modulus }, i) => isAmount(amount) && modulus.length === RSA_BYTES && (i === 0 || keys[i - 1]!.amount > amount));
  if (!falling || keys.length < 1 || keys.length > COUPON_KEYS_MAX) return refusal('BAD_REQUEST', 'coupon keys');
  return store.transaction(() => {
    const last = store.couponKeys();
    const moduli = packBoxes(keys.map(({ modulus }) => modulus));
    const rows = concat(keys.map(({ amount, modulus }) => couponKey.encode({ amount, modulusHash: new Uint8Array(createHash('sha256').update(modulus).digest()) })));
    const listed = last && couponKeysBody.decode(signedCouponKeys.decode(last.list)!.body)!;
    if (last && listed && equal(listed.keys, rows)) return { ok: true, version: last.version, repeated: true };
    const version = (last?.version ?? 0) + 1;
    const body = couponKeysBody.encode({ issuer, currency, version, keys: rows });
    store.addCouponKeys(version, signedCouponKeys.encode({ signature: context.signer.sign(SIGNED.couponKeys, body), body }), moduli);
    return { ok: true, version, repeated: false };
  });
}
