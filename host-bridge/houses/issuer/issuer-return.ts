/**
 * Return: the bank brings the histories that it credited. EP 0926637 [0053]-[0055], [0078]-[0080].
 *
 * The bank has judged validity by arrival and cancelled charges by their tombstones; here the signatures are verified
 * again and each history is taken off its EBC once.
 */
import { toHex } from '../../../firmware/core/bytes.js';
import { type Result } from '../../base/errors.js';
import { ebcOf } from '../../ledger/rules.js';
import { claimFacts } from '../../ledger/rules-refund.js';
import { BANK, ruleReturn } from '../../ledger/rules-bank.js';
import { hasChallenge, readHistory } from '../read-history.js';
import type { IssuerContext } from './issuer-context.js';
import { noteSpent } from './overspend.js';

/** Most histories in one batch. */
export const RETURN_MAX = 24;

/** [0055], [0080]. A code for each history, in order; a repeated one is OK. @param histories encoded `history` each */
export function acceptReturn(context: IssuerContext, histories: Uint8Array[]): Result<{ codes: string[] }> {
  return { ok: true, codes: histories.map((bytes) => takeBack(context, bytes)) };
}

function takeBack(context: IssuerContext, historyBytes: Uint8Array): string {
  const { store } = context;
  const read = readHistory(context, historyBytes);
  if (!read.ok) return read.code;
  const { pku } = read.terms;
  const { amount, shop, rs } = read.paid;
  return store.transaction(() => {
    const nowS = context.nowS();
    const ebc = ebcOf(toHex(store.pseudonym(pku)?.counter ?? pku));
    const claim = store.claim(pku, shop, rs);
    const ruling = ruleReturn({
      ebc,
      amount,
      ...claimFacts(claim, nowS),
      stored: hasChallenge(store.history(pku, shop, rs), read.challengeBytes),
      balances: { [ebc]: store.balance(ebc), [BANK]: store.balance(BANK) },
    });
    if (!ruling.ok) return ruling.code;
    if (ruling.repeated) return 'OK';
    const transaction = store.post('return', nowS, ruling.entries);
    store.addHistory({ pku, shop, rs, amount, history: historyBytes, arrivedS: nowS, transaction });
    noteSpent(context, read.terms, transaction, ruling.overspent);
    return 'OK';
  });
}
