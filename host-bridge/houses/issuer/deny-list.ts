/**
 * Versions of the deny list: which pseudonyms stand on it, and when a new one is signed.
 *
 * Terminals judge a list by its age, so an unchanged list is signed anew from time to time with a higher version. A
 * denial leaves the list when the license is over, grace included: no shop accepts the license then.
 */
import { equal } from '../../../firmware/core/bytes.js';
import { DENIED_MAX, denyBody, isDenied, signedDenyList } from '../../../firmware/wire/notices.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import type { IssuerStore } from '../../ledger/store.js';
import { denyPrefixesOf } from '../../base/deny-prefixes.js';
import type { Signer } from '../../base/crypto/signer.js';
import type { DenyLists } from './issuer-context.js';

/** @param issuer the issuer's id, 4 bytes @param refreshS age in seconds at which an unchanged list is signed anew */
export function createDenyLists(store: IssuerStore, signer: Signer, issuer: Uint8Array, refreshS: number): DenyLists {
  /** Of those in force. Where there are more than a terminal can hold, the oldest denials stay on. */
  function prefixesAt(nowS: number): Uint8Array {
    return denyPrefixesOf(
      store
        .denials(nowS)
        .slice(0, DENIED_MAX)
        .map((denial) => denial.pku),
    );
  }

  function bodyOf(list: Uint8Array) {
    const signed = signedDenyList.decode(list);
    const body = signed && denyBody.decode(signed.body);
    if (!body) throw new TypeError('a stored deny list does not decode');
    return body;
  }

  /** Signs the next version. Within a transaction. */
  function publish(nowS: number): { version: number; list: Uint8Array } {
    const last = store.denyList();
    const version = (last?.version ?? 0) + 1;
    const prefixes = prefixesAt(nowS);
    const body = denyBody.encode({ issuer, version, timeS: nowS, prefixes });
    const list = signedDenyList.encode({ signature: signer.sign(SIGNED.denyList, body), body });
    store.addDenyList(version, list, last && equal(bodyOf(last.list).prefixes, prefixes) ? last.version : null);
    return { version, list };
  }

  function isFresh(list: Uint8Array, nowS: number): boolean {
    const body = bodyOf(list);
    // A list from the future was signed while the clock was wrong.
    if (body.timeS > nowS || nowS - body.timeS >= refreshS) return false;
    return equal(body.prefixes, prefixesAt(nowS));
  }

  return {
    current(nowS) {
      const last = store.denyList();
      if (last && isFresh(last.list, nowS)) return last;
      return store.transaction(() => {
        const again = store.denyList();
        return again && isFresh(again.list, nowS) ? again : publish(nowS);
      });
    },
    deny(pkus, untilS, why, nowS) {
      let isNew = false;
      for (const pku of pkus) {
        const before = store.denial(pku);
        isNew ||= before === null || (before.untilS !== null && before.untilS <= nowS);
        const forEver = untilS === null || before?.untilS === null;
        const until = forEver ? null : Math.max(untilS as number, before?.untilS ?? 0);
        store.putDenial({ pku, untilS: until, why, sinceS: nowS });
      }
      if (isNew) publish(nowS);
      return isNew;
    },
    listsAll(pkus, nowS) {
      const prefixes = prefixesAt(nowS);
      return pkus.every((pku) => isDenied(prefixes, pku));
    },
    count: (nowS) => store.denials(nowS).length,
  };
}
