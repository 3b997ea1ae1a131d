/**
 * Registration and withdrawal in the open: (PKU, IdU) to the trustee [0013]-[0016], [0036]-[0038], and (PKU, IdU, x) to
 * the issuer [0017]-[0021]. Nothing is kept: a withdrawal is known by its receipt's number, asked again it has the
 * same.
 */
import { refuse } from '../../core/codes.js';
import type { Refusal } from '../../core/codes.js';
import { registration, registrationBody } from '../../wire/registration.js';
import { REQUEST } from '../../wire/request.js';
import { SIGNED, signedBytes } from '../../wire/signed.js';
import { requestPart } from '../../wire/token-commands.js';
import { withdrawal, withdrawalBody } from '../../wire/withdrawal.js';
import { ACCOUNT_KEY, PSEUDONYM_KEY } from '../purse.js';
import type { PurseAnswer, PurseState } from '../purse.js';

/** Open requests, each as an encoded `requestPart`. */
export interface OpenRequests {
  register(): PurseAnswer;
  /** @param amount 0 asks for receipts that were missed, and for nothing else */
  withdraw(amount: number): PurseAnswer;
}

/** Makes the open requests of a purse. */
export function createOpenRequests(state: PurseState): OpenRequests {
  const keys = state.keys;
  const config = state.config;

  /** The account key's and the pseudonym's signature over one body, as both requests have them. */
  function signBoth(
    body: Uint8Array,
    accountType: number,
    proofType: number,
  ): { accountSignature: Uint8Array; proof: Uint8Array; body: Uint8Array } | Refusal {
    const accountSignature = keys.sign(ACCOUNT_KEY, signedBytes(accountType, body));
    const proof = accountSignature && keys.sign(PSEUDONYM_KEY, signedBytes(proofType, body));
    if (!accountSignature || !proof) return refuse('DEVICE_FAULT');
    return { accountSignature: accountSignature, proof: proof, body: body };
  }

  function answer(amount: number, bytes: Uint8Array): PurseAnswer {
    return {
      ok: true,
      data: requestPart.encode({ kind: REQUEST.open, amount: amount, length: bytes.length, part: bytes }),
    };
  }

  return {
    register: function () {
      const body = registrationBody.encode({
        pku: keys.publicKey(PSEUDONYM_KEY),
        accountKey: keys.publicKey(ACCOUNT_KEY),
        name: state.name,
      });
      const signed = signBoth(body, SIGNED.registration, SIGNED.registrationProof);
      return 'ok' in signed ? signed : answer(0, registration.encode(signed));
    },
    withdraw: function (amount) {
      const body = withdrawalBody.encode({
        issuer: config.issuer,
        currency: config.currency,
        pku: keys.publicKey(PSEUDONYM_KEY),
        number: state.journal.receiptNumber() + 1,
        amount: amount,
        name: state.name,
      });
      const signed = signBoth(body, SIGNED.withdrawal, SIGNED.withdrawalProof);
      return 'ok' in signed ? signed : answer(amount, withdrawal.encode(signed));
    },
  };
}
