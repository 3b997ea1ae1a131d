/**
 * Return: the bank brings the histories that it credited. EP 0926637 [0053]-[0055], [0078]-[0080].
 *
 * The bank has judged validity by arrival and cancelled charges by their tombstones; here the signatures are verified
 * again and each history is taken off its EBC once.
 */
import { hexOf } from '../../base/hex.js';
import { type Result } from '../../base/errors.js';
import { ebcOf } from '../../ledger/rules.js';
import { claimFacts } from '../../ledger/rules-refund.js';
import { BANK, ruleReturn } from '../../ledger/rules-bank.js';
import { judgeInOrder, type CreditAct } from '../../ledger/credits.js';
import { requestOf, type VerifiedHistory } from '../depositary.js';
import { hasChallenge, readHistory } from '../read-history.js';
import type { IssuerContext } from './issuer-context.js';
import { noteOverspent } from './overspend.js';

/** Most histories in one batch. */
export const RETURN_MAX = 24;

/** EBC of the set that a pseudonym belongs to, or of itself where none is known. @param counter PKU1 */
export function counterAccount(pku: Uint8Array, counter: Uint8Array | null): string {
  return ebcOf(hexOf(counter ?? pku));
}

/** [0055], [0080]. A code for each history, in order; a repeated one is OK. @param histories encoded `history` each */
export function acceptReturn(context: IssuerContext, histories: Uint8Array[]): Result<{ codes: string[] }> {
  const reads = histories.map((bytes): Result<{ request: VerifiedHistory }> => {
    const read = readHistory(context, bytes);
    return read.ok ? { ok: true, request: requestOf(read, bytes) } : read;
  });
  const requests = reads.flatMap((read) => (read.ok ? [read.request] : []));
  const { nowS } = context;
  const onOverspent = ({ terms }: VerifiedHistory, transaction: number): void =>
    noteOverspent(context, terms, transaction);
  const results = context.store.creditNow(returnAct(nowS, requests, onOverspent));
  const codes = reads.map((read) => {
    const result = read.ok ? results.shift()! : read;
    return result.ok ? 'OK' : result.code;
  });
  return { ok: true, codes };
}

/** [0055], [0080]: EBC - y, for each of them in their order. @param requests whose signatures were verified */
export function returnAct(
  clockS: () => number,
  requests: VerifiedHistory[],
  onOverspent: CreditAct<VerifiedHistory>['onOverspent'],
): CreditAct<VerifiedHistory> {
  return {
    kind: 'return',
    requests,
    payerOf: counterAccount,
    payeeOf: () => BANK,
    judge(facts) {
      const nowS = clockS();
      const judged = judgeInOrder(requests, facts, (request, { charge, stored, balances }) =>
        ruleReturn({
          ebc: charge.from,
          amount: request.amount,
          ...claimFacts(charge.claim, nowS),
          stored: hasChallenge(stored, request.challengeBytes),
          balances,
        }),
      );
      return { timeS: nowS, ...judged };
    },
    onOverspent,
  };
}
