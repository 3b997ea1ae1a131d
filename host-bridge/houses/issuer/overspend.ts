/**
 * What follows when a history leaves an EBC below 0: the overspend is noted, and its set is denied. EP 0926637 [0031].
 */
import { toHex } from '../../../firmware/core/bytes.js';
import type { LicenseBody } from '../../../firmware/wire/payment.js';
import { ebcOf } from '../../ledger/rules.js';
import { quarterEnd } from '../licensing.js';
import type { IssuerContext } from './issuer-context.js';
import { isHeld, traceAtOnce } from './issuer-trace.js';

/**
 * [0031]: a history was taken off an EBC, and left it negative. The shop keeps its money; every pseudonym of the set is
 * denied until every license that it may have is over, and may be traced. Within the caller's transaction.
 */
export function noteOverspent(context: IssuerContext, terms: LicenseBody, transaction: number): void {
  const { store } = context;
  const nowS = context.nowS();
  const counter = store.pseudonym(terms.pku)?.counter ?? terms.pku;
  store.addOverspend({ pku: counter, ebc: store.balance(ebcOf(toHex(counter))), timeS: nowS, transaction });
  const why = isHeld(context, counter) ? 'COME_TO_DESK: below zero after a restore' : 'overspent';
  // Not the license of this history alone: a newer one may be out already.
  const lastS = Math.max(terms.validUntilS, quarterEnd(nowS, context.licenseValidS));
  context.denyLists.deny(store.pseudonymsOfCounter(counter), lastS + context.graceS, why, nowS);
  // Once: the first time that the set is below zero.
  if (context.tracePolicy === 'automatic' && store.firstOverspend(counter) === transaction)
    traceAtOnce(context, terms.pku);
}
