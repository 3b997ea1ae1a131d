/**
 * What a trace shows: that the owner of an account bound a pseudonym to the account's name, so that nobody can be
 * framed. Without it a trace says UNPROVEN. EP 0926637 [0031], [0056], [0081] take the stored name on trust.
 *
 * Each function takes only public bytes: whoever asked checks the answer of the house that gave the name, instead of
 * believing it. What remains is that the house certified the account key for the name; an owner refutes it with another
 * certificate.
 */
import { equal } from '../../../firmware/core/bytes.js';
import type { Scheme } from '../../../firmware/core/scheme.js';
import { accountCertificate, registration, registrationBody } from '../../../firmware/wire/registration.js';
import { readAccount } from '../account-paper.js';
import { ownedBody, ownedRequest, REQUEST, type OwnedRequest } from '../../../firmware/wire/request.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { withdrawal, withdrawalBody } from '../../../firmware/wire/withdrawal.js';
import { sha256 } from '../crypto/hash.js';
import { isSigned } from '../crypto/signer.js';

/** What is to be shown. */
export interface Claim {
  /** PKU, or where a bank traces SHA-256 of the registration PKI(PKU1..n, K). */
  subject: Uint8Array;
  name: string;
  /** Encoded `withdrawal`, `registration` or `ownedRequest`, by who traces. */
  request: Uint8Array;
  /** Encoded `accountCertificate`. */
  certificate: Uint8Array;
}

/**
 * Whether the evidence shows the claim.
 * @param accountsKeys 32 bytes each: every PKI or PKB of who keeps the accounts
 */
export function proofOf(traceBy: Scheme['traceBy'], accountsKeys: Uint8Array[], claim: Claim): 'PROVEN' | 'UNPROVEN' {
  const accountKey = certifiedKey(accountsKeys, claim);
  return accountKey && BINDINGS[traceBy](accountKey, claim) ? 'PROVEN' : 'UNPROVEN';
}

/** The account key that the certificate gives to the claim's name; null where it gives none. */
function certifiedKey(accountsKeys: Uint8Array[], { certificate, name }: Claim): Uint8Array | null {
  const paper = accountCertificate.decode(certificate);
  const body = paper && readAccount(paper.body);
  return paper &&
    body &&
    body.name === name &&
    accountsKeys.some((key) => isSigned(key, SIGNED.account, paper.body, paper.signature))
    ? body.accountKey
    : null;
}

const BINDINGS: Record<Scheme['traceBy'], (accountKey: Uint8Array, claim: Claim) => boolean> = {
  /** Scheme 1: the first withdrawal, signed by the account key and by SKU. */
  issuer(accountKey, { subject, name, request: bytes }) {
    const request = withdrawal.decode(bytes);
    const body = request && withdrawalBody.decode(request.body);
    if (!request || !body || body.name !== name || !equal(body.pku, subject)) return false;
    return (
      isSigned(accountKey, SIGNED.withdrawal, request.body, request.accountSignature) &&
      isSigned(subject, SIGNED.withdrawalProof, request.body, request.proof)
    );
  },
  /** Scheme 2: the registration at the trustee, signed by both. */
  trustee(accountKey, { subject, name, request: bytes }) {
    const request = registration.decode(bytes);
    const body = request && registrationBody.decode(request.body);
    if (!request || !body || body.name !== name || !equal(body.pku, subject) || !equal(body.accountKey, accountKey))
      return false;
    return (
      isSigned(accountKey, SIGNED.registration, request.body, request.accountSignature) &&
      isSigned(subject, SIGNED.registrationProof, request.body, request.proof)
    );
  },
  /** Schemes 3 to 6: the account key signed that this very ciphertext is its registration. */
  bank(accountKey, { subject, name, request: bytes }) {
    const owned = ownedRequest.decode(bytes);
    if (!owned || owned.kind !== REQUEST.register || owned.name !== name || !equal(owned.accountKey, accountKey))
      return false;
    const hash = sha256(owned.request);
    return (
      equal(hash, subject) && isSigned(accountKey, SIGNED.ownedRequest, bodyOf(owned, hash), owned.accountSignature)
    );
  },
};

/** What the account key signs of an owned request, type `ownedRequest`. */
export function bodyOf(owned: OwnedRequest, requestHash: Uint8Array): Uint8Array {
  const { kind, issuer, currency, accountKey, amount, name } = owned;
  return ownedBody.encode({ kind, issuer, currency, accountKey, amount, name, requestHash });
}
