/**
 * Licenses SKI(PKU1..n) by the issuer itself. EP 0926637 [0064], [0086], [0112].
 *
 * Each pseudonym proves that its SKU is there, over the request's id, which only the asker and the issuer know.
 */
import { copy, equal, toHex } from '../../../firmware/core/bytes.js';
import {
  grantPlain,
  KID_BYTES,
  proofBody,
  pseudonymProof,
  PSEUDONYM_PROOF_BYTES,
} from '../../../firmware/wire/request.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { ebcOf } from '../../ledger/rules.js';
import { isLicensable } from '../../base/crypto/ed25519-verify.js';
import { multiplesOf } from '../../base/crypto/key-multiples.js';
import { refused, type Decided, type Opened } from './issuer-reply.js';
import { quarterEnd, renewal, signLicense } from '../licensing.js';
import { isSigned } from '../../base/crypto/signer.js';
import type { IssuerContext } from './issuer-context.js';

/** When the newest licenses of a set end, Unix time; null where another house signs them. @param counter PKU1 */
export function licensesEnd({ store, licenseValidS }: IssuerContext, counter: Uint8Array): number | null {
  const last = store.sharedKeyOfCounter(counter);
  return last && quarterEnd(last.timeS, licenseValidS);
}

/**
 * [0064], [0112]: a license for each pseudonym of the set, one box each. [0086]: where cash is asked for under K, K is
 * kept.
 * @param registration PKI(PKU1..n, K) as the bank has it @param licenseClass the account's, as the bank says, or ours
 * @returns Codes: BAD_REQUEST, REFUSED, SIGNATURE_INVALID, DENIED, LICENSE_EXPIRED.
 */
export function licenseSet(
  context: IssuerContext,
  opened: Opened,
  registration: Uint8Array,
  licenseClass: number,
): Decided {
  const { store, scheme, issuer, currency, signer } = context;
  const count = opened.body.length / PSEUDONYM_PROOF_BYTES;
  if (!Number.isInteger(count) || count < 1) return refused('BAD_REQUEST');
  if (count > scheme.pseudonymsMax) return refused('REFUSED');
  const proofs = Array.from({ length: count }, (_, i) =>
    pseudonymProof.decode(copy(opened.body, i * PSEUDONYM_PROOF_BYTES, (i + 1) * PSEUDONYM_PROOF_BYTES))!,
  );
  if (new Set(proofs.map(({ pku }) => toHex(pku))).size !== count) return refused('BAD_REQUEST');
  for (const { pku, proof } of proofs) {
    const body = proofBody.encode({ issuer, currency, requestId: opened.id, pku });
    if (!isLicensable(pku) || !isSigned(pku, SIGNED.pseudonymProof, body, proof)) return refused('SIGNATURE_INVALID');
  }
  const counter = proofs[0]!.pku;
  // A set that is known renews its licenses; a pseudonym of another set, or one that was denied, gets none.
  const nowS = context.nowS();
  for (const { pku } of proofs) {
    const known = store.pseudonym(pku);
    if (known && !equal(known.counter, counter)) return refused('REFUSED');
    const denial = store.denial(pku);
    if (denial && (denial.untilS === null || denial.untilS > nowS)) return refused('DENIED');
  }
  // Renewed a week after its end at the latest, as by a trustee; and not while its EBC is negative, whoever is on a
  // list.
  const endS = licensesEnd(context, counter);
  if (endS !== null && renewal(endS, nowS, context.licenseValidS) === 'over') return refused('LICENSE_EXPIRED');
  if (store.balance(ebcOf(toHex(counter))) < 0) return refused('DENIED');
  for (const { pku } of proofs) store.addPseudonym(pku, counter);
  const kid = context.random(KID_BYTES);
  store.addSharedKey({
    kid,
    k: scheme.issue === 'keyed' ? opened.k : null,
    counter,
    sequence: 0,
    registration,
    timeS: nowS,
  });
  const validUntilS = quarterEnd(nowS, context.licenseValidS);
  const bodies = proofs.map(({ pku }) => {
    const multiples = multiplesOf(pku);
    return grantPlain.encode({
      kid,
      license: signLicense(signer, { issuer, currency, validUntilS, licenseClass }, pku, multiples),
      multiples,
    });
  });
  return { code: 'OK', bodies };
}
