/**
 * A lost token, at the issuer: its set is denied at once, and when every license of it is over and every payment with
 * it has had its time, what is left on its EBC goes back to its owner. Beyond the patent.
 *
 * Where a bank keeps the accounts, the issuer does not know the owner: it signs an order over what is left, with the
 * name by which the other house knows the set, and an operator brings it there (bank-office.ts).
 */
import { equal, toHex } from '../../../firmware/core/bytes.js';
import { releaseOrder, signedReleaseOrder } from '../../../firmware/wire/institutions.js';
import { KEY_BYTES } from '../../../firmware/wire/payment.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { sha256 } from '../../base/crypto/hash.js';
import { refusal, type Result } from '../../base/errors.js';
import { ruleLose, ruleRelease } from '../../ledger/rules-refund.js';
import { BANK } from '../../ledger/rules-bank.js';
import { abcOf, ebcOf } from '../../ledger/rules.js';
import { quarterEnd } from '../licensing.js';
import { readLicense } from '../read-history.js';
import { licensesEnd } from './issuer-licenses.js';
import type { IssuerContext } from './issuer-context.js';
import type { Lost, Released } from '../../base/services/procedures.js';

/** PKU1 of the set that is meant. @param of PKU, or the sealed registration that the bank passed on */
export function counterOf({ store }: IssuerContext, of: Uint8Array): Uint8Array | null {
  return of.length === KEY_BYTES ? (store.pseudonym(of)?.counter ?? null) : store.counterOfRegistration(of);
}

/**
 * Denies the set. Codes: REASON_MISSING, PSEUDONYM_UNKNOWN, and those of `readLicense`.
 * @param newest encoded `license`: the newest of the set, where the trustee signs them and says which it is; else null
 * @returns when what is left can be released, Unix time
 */
export function lose(
  context: IssuerContext,
  operator: string,
  of: Uint8Array,
  why: string,
  newest: Uint8Array | null,
): Result<Lost> {
  const { store, graceS } = context;
  const read = newest && readLicense(context.depositary, newest);
  if (read && !read.ok) return read;
  return store.transaction(() => {
    const nowS = context.nowS();
    const counter = counterOf(context, of);
    const known = counter && store.loss(counter);
    const ruling = ruleLose({ why, known: counter !== null, lost: known !== null });
    if (!ruling.ok || !counter) return ruling.ok ? refusal('PSEUDONYM_UNKNOWN') : ruling;
    const pkus = store.pseudonymsOfCounter(counter);
    const onDenyList = () => context.denyLists.listsAll(pkus, nowS);
    if (known) return { ok: true, dueS: known.dueS, onDenyList: onDenyList(), repeated: true };
    // Who is denied renews nothing, and a week after its end nobody does. So the newest license is the last one; where
    // it is not known here, it is no later than one of today.
    const shown = read && equal(read.terms.pku, of) ? read.terms.validUntilS : null;
    const endS = licensesEnd(context, counter) ?? shown ?? quarterEnd(nowS, context.licenseValidS);
    // Its last license, then the time to deposit what was paid with it, then the window of a claim on that.
    const dueS = endS + 2 * graceS;
    store.addLoss({ counter, operator, why, sinceS: nowS, dueS });
    context.denyLists.deny(pkus, dueS, `lost: ${why}`, nowS);
    return { ok: true, dueS, onDenyList: onDenyList(), repeated: false };
  });
}

/**
 * What is left goes back. Codes: PSEUDONYM_UNKNOWN, NOT_LOST, LOSS_EARLY, NOTHING_LEFT, OWNER_UNKNOWN,
 * BALANCE_TOO_LARGE.
 */
export function release(context: IssuerContext, of: Uint8Array): Result<Released> {
  const { store, signer, issuer, currency, scheme } = context;
  return store.transaction(() => {
    const nowS = context.nowS();
    const counter = counterOf(context, of);
    if (!counter) return refusal('PSEUDONYM_UNKNOWN');
    const here = scheme.accountsAt === 'issuer';
    const name = here ? (store.pseudonym(counter)?.name ?? null) : null;
    if (here && name === null) return refusal('OWNER_UNKNOWN');
    const ebc = ebcOf(toHex(counter));
    const to = name === null ? BANK : abcOf(name);
    const last = store.lastRelease(counter);
    const ruling = ruleRelease({
      ebc,
      to,
      loss: store.loss(counter),
      released: last !== null,
      clockDoubted: context.clockDoubted(),
      nowS,
      balances: { [ebc]: store.balance(ebc), [to]: store.balance(to) },
    });
    if (!ruling.ok) return ruling;
    if (ruling.repeated && last)
      return { ok: true, amount: last.amount, name: last.name, order: last.order, repeated: true };
    const amount = store.balance(ebc);
    const subject = of.length === KEY_BYTES ? of : sha256(of);
    const transaction = store.post('release', nowS, ruling.entries);
    // The transaction's number tells two releases of one amount apart.
    const body = releaseOrder.encode({ issuer, currency, subject, amount, number: transaction, timeS: nowS });
    const order = here ? null : signedReleaseOrder.encode({ signature: signer.sign(SIGNED.release, body), body });
    store.addRelease({ subject: counter, name, amount, order, timeS: nowS, transaction });
    return { ok: true, amount, name, order, repeated: false };
  });
}
