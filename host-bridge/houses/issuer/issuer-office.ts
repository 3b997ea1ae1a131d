/**
 * The issuer's office: acts that take an operator. Opening and funding accounts, registering terminals, deny, trace.
 * EP 0926637 [0031], [0056], [0081] for trace: a name comes out only when EBC is negative, and that it did is recorded.
 */
import { isAmount } from '../../../firmware/core/amount.js';
import { concat, equal, toHex } from '../../../firmware/core/bytes.js';
import { packBoxes } from '../../../firmware/wire/institutions.js';
import { couponKey, couponKeysBody, COUPON_KEYS_MAX, signedCouponKeys } from '../../../firmware/wire/request.js';
import { history, KEY_BYTES, license, licenseBody } from '../../../firmware/wire/payment.js';
import { DENIED_MAX } from '../../../firmware/wire/notices.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { sha256 } from '../../base/crypto/hash.js';
import { refusal, type Result } from '../../base/errors.js';
import { ebcOf, ruleDeny } from '../../ledger/rules.js';
import { createAccountsOffice, isPage } from '../accounts-office.js';
import type { IssuerOffice } from '../../base/services/procedures.js';
import { couponKeyOf } from './issuer-cash.js';
import { counterOf, lose, release } from './lost-token.js';
import { isSigned } from '../../base/crypto/signer.js';
import { retireTerminal } from './terminal-notices.js';
import { nameOf, orderOf } from './issuer-trace.js';
import type { IssuerContext } from './issuer-context.js';
import { whereAccountsAre } from './accounts-at.js';

/** Makes the office of one operator. @param operator who acts, for the record */
export function createOffice(context: IssuerContext, operator: string): IssuerOffice {
  const { store } = context;
  const accounts = createAccountsOffice(context, operator);
  const { here } = whereAccountsAre(context.scheme);
  return {
    ...accounts,
    openAccount: (name, accountKey) => here ?? accounts.openAccount(name, accountKey),

    deny(pku, why) {
      if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
      return store.transaction(() => {
        const nowS = context.nowS();
        const before = store.denial(pku);
        const denied = before !== null && (before.untilS === null || before.untilS > nowS);
        const ruling = ruleDeny({ why, denied, listed: context.denyLists.count(nowS), listMax: DENIED_MAX });
        if (!ruling.ok) return ruling;
        // An operator's denial knows no license, so it has no end.
        if (!denied) context.denyLists.deny([pku], null, `${operator}: ${why}`, nowS);
        return { ok: true, version: context.denyLists.current(nowS), repeated: denied };
      });
    },

    retireTerminal: (terminalId, retired, why) => retireTerminal(context, operator, terminalId, retired, why),
    lose: (of, why, newest) => lose(context, operator, of, why, newest ?? null),
    release: (of) => release(context, of),
    trace: (pku, why) => nameOf(context, operator, pku, why),
    traceOrder: (pku, why) => orderOf(context, operator, pku, why),
    publishCouponKeys: (keys) => publishCouponKeys(context, keys),

    counterOf(of) {
      const key = counterOf(context, of);
      const counter = key && store.pseudonym(key);
      if (!counter) return refusal('PSEUDONYM_UNKNOWN');
      return { ok: true, ebc: store.balance(ebcOf(toHex(counter.pku))), receiptNumber: counter.receiptNumber };
    },

    unclaimed(limit, after) {
      if (!isPage(limit)) return refusal('BAD_REQUEST', 'limit');
      const sets = store.countersOut(limit, after).map((row) => ({
        ...row,
        licenseClass: classOf(store.lastHistoryOf(row.pku)),
      }));
      return { ok: true, sets, more: sets.length < limit ? null : toHex(sets.at(-1)!.pku) };
    },

    overspends: () => ({
      ok: true,
      overspends: store.overspends().map(({ pku, timeS }) => ({ pku, ebc: store.balance(ebcOf(toHex(pku))), timeS })),
    }),
  };
}

/** Class of the license in a history. */
function classOf(bytes: Uint8Array | null): number | null {
  const paid = bytes && history.decode(bytes);
  const paper = paid && license.decode(paid.license);
  return (paper && licenseBody.decode(paper.body)?.licenseClass) ?? null;
}

/** Signs the one list of coupon keys for everybody. A list with the same keys is a repetition. Codes: BAD_REQUEST. */
function publishCouponKeys(
  context: IssuerContext,
  keys: { amount: number; modulus: Uint8Array }[],
): Result<{ version: number; repeated: boolean }> {
  const { store } = context;
  const falling = keys.every(
    ({ amount, modulus }, i) =>
      isAmount(amount) && couponKeyOf(modulus) !== null && (i === 0 || keys[i - 1]!.amount > amount),
  );
  if (!falling || keys.length < 1 || keys.length > COUPON_KEYS_MAX) return refusal('BAD_REQUEST', 'coupon keys');
  return store.transaction(() => {
    const last = store.couponKeys();
    const moduli = packBoxes(keys.map(({ modulus }) => modulus));
    const rows = concat(keys.map(({ amount, modulus }) => couponKey.encode({ amount, modulusHash: sha256(modulus) })));
    const listed = last && couponKeysBody.decode(signedCouponKeys.decode(last.list)!.body)!;
    if (last && listed && equal(listed.keys, rows)) return { ok: true, version: last.version, repeated: true };
    return { ok: true, version: addCouponKeys(context, (last?.version ?? 0) + 1, rows, moduli), repeated: false };
  });
}

/** Within a transaction. */
function addCouponKeys(
  { store, issuer, currency, signer }: IssuerContext,
  version: number,
  keys: Uint8Array,
  moduli: Uint8Array,
): number {
  const body = couponKeysBody.encode({ issuer, currency, version, keys });
  store.addCouponKeys(
    version,
    signedCouponKeys.encode({ signature: signer.sign(SIGNED.couponKeys, body), body }),
    moduli,
  );
  return version;
}

/** The newest list of coupon keys, signed anew where the issuer has another key by now; null before the first. */
export function currentCouponKeys(context: IssuerContext): { list: Uint8Array; moduli: Uint8Array } | null {
  const { store, signer } = context;
  const isCurrent = (list: Uint8Array) => {
    const paper = signedCouponKeys.decode(list)!;
    return isSigned(signer.publicKey, SIGNED.couponKeys, paper.body, paper.signature);
  };
  const last = store.couponKeys();
  if (!last || isCurrent(last.list)) return last;
  return store.transaction(() => {
    const again = store.couponKeys()!;
    if (!isCurrent(again.list))
      addCouponKeys(
        context,
        again.version + 1,
        couponKeysBody.decode(signedCouponKeys.decode(again.list)!.body)!.keys,
        again.moduli,
      );
    return store.couponKeys();
  });
}
