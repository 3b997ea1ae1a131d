/**
 * The owner's statement: the payments in the journal, each as the history that its shop has, with signature.
 *
 * Read at the desk, it is the payer's receipt; and a debit that no shop deposited is claimed back with it
 * (docs/architecture.md 4, "Reconcile"): the claim is the signed debit itself.
 */
import { refuse } from '../core/codes.js';
import { history } from '../wire/payment.js';
import { debitAnswer, debitRequest, licenseGrant } from '../wire/token-commands.js';
import type { PurseAnswer, PurseState } from './purse.js';
import { RECORD } from './token-records.js';

/** DEBIT: encoded `debitAnswer`. Codes: BAD_REQUEST, NO_CHARGE (no debit from that place on), NOT_LICENSED. */
export function readDebit(state: PurseState, data: Uint8Array): PurseAnswer {
  const request = debitRequest.decode(data);
  if (!request) return refuse('BAD_REQUEST');
  const slots = state.records.slots(RECORD.debit);
  let slot = -1;
  for (let i = 0; i < slots.length; i++) if (slots[i] >= request.slot && (slot < 0 || slots[i] < slot)) slot = slots[i];
  if (slot < 0) return refuse('NO_CHARGE');
  const debit = state.journal.read(slot);
  const stored = state.records.get(RECORD.license, debit.pseudonym);
  const grant = stored && licenseGrant.decode(stored);
  if (!grant) return refuse('NOT_LICENSED');
  const made = history.encode({ license: grant.license, signature: debit.signature, challenge: debit.challenge });
  return {
    ok: true,
    data: debitAnswer.encode({ slot: slot, settled: state.journal.isSettled(slot) ? 1 : 0, history: made }),
  };
}
