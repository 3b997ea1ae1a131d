/**
 * The trustee 500: registers (PKU, IdU) and signs the license SKR(PKU). EP 0926637 [0013]-[0016].
 *
 * Beyond the patent, the request must prove three things: that the name has this account key (the account certificate),
 * that the name's owner asks (account signature), and that the asker holds SKU (proof of possession).
 */
import { equal, toHex } from '../../firmware/core/bytes.js';
import { SCHEMES, type Scheme } from '../../firmware/core/scheme.js';
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { accountBody, accountCertificate, registration, registrationBody } from '../../firmware/wire/registration.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal } from '../errors.js';
import { ruleRegister } from '../ledger/rules.js';
import type { TrusteeStore } from '../ledger/store.js';
import { isLicensable } from '../relay/ed25519-verify.js';
import { multiplesHashOf, multiplesOf } from '../relay/key-multiples.js';
import type { TrusteeService } from './services.js';
import { isSigned, issuerIdOf, type Signer } from './signer.js';

/** Class of every license so far. */
export const LICENSE_CLASS = 1;

/** How long a license is valid unless said otherwise: one year. */
export const LICENSE_VALID_S = 365 * 86400;

export interface TrusteeOptions {
  store: TrusteeStore;
  /** SKR. */
  signer: Signer;
  /** PKI, whose signature account certificates carry. */
  issuerKey: Uint8Array;
  currency: string;
  /** Unix time, seconds. */
  clock: () => number;
  licenseValidS?: number;
  scheme?: Scheme;
}

/** Makes a trustee. */
export function createTrustee(options: TrusteeOptions): TrusteeService {
  const { store, signer, issuerKey, currency, clock } = options;
  const validS = options.licenseValidS ?? LICENSE_VALID_S;
  const { pseudonymsMax } = options.scheme ?? (SCHEMES[0] as Scheme);
  const issuer = issuerIdOf(issuerKey);

  function signLicense(pku: Uint8Array, nowS: number): Uint8Array {
    const multiplesHash = multiplesHashOf(multiplesOf(pku));
    const body = licenseBody.encode({ issuer, currency, licenseClass: LICENSE_CLASS, validUntilS: nowS + validS, pku, multiplesHash });
    return license.encode({ body, signature: signer.sign(SIGNED.license, body) });
  }

  return {
    parameters: () => ({ ok: true, parameters: { issuer, issuerKey, registrarKey: signer.publicKey, currency } }),

    register(requestBytes, certificateBytes) {
      const request = registration.decode(requestBytes);
      const body = request && registrationBody.decode(request.body);
      if (!request || !body) return refusal('BAD_REQUEST', 'registration');
      const certificate = accountCertificate.decode(certificateBytes);
      const account = certificate && accountBody.decode(certificate.body);
      if (!certificate || !account) return refusal('BAD_REQUEST', 'account certificate');
      if (!isSigned(issuerKey, SIGNED.account, certificate.body, certificate.signature)) return refusal('CERTIFICATE_INVALID', 'signature');
      if (account.name !== body.name || !equal(account.accountKey, body.accountKey)) return refusal('CERTIFICATE_INVALID', 'other name or key');
      if (!isSigned(body.accountKey, SIGNED.registration, request.body, request.accountSignature)) return refusal('SIGNATURE_INVALID', 'account key');
      const keyIsLicensable = isLicensable(body.pku);
      // A key that cannot be licensed is named as such; its proof would only fail.
      if (keyIsLicensable && !isSigned(body.pku, SIGNED.registrationProof, request.body, request.proof)) return refusal('SIGNATURE_INVALID', 'proof of possession');

      return store.transaction(() => {
        const stored = store.registration(body.pku);
        const facts = { name: body.name, registeredName: stored?.name ?? null, pseudonymsOfName: store.pseudonymsOf(body.name) };
        const ruling = ruleRegister({ ...facts, keyIsLicensable, pseudonymsMax });
        if (!ruling.ok) return ruling;
        if (stored) return { ok: true, license: stored.license, repeated: true };
        // [0015]: store PKU and IdU, sign the license, send it.
        const timeS = Math.floor(clock());
        const signed = signLicense(body.pku, timeS);
        store.addRegistration({ pku: body.pku, name: body.name, accountKey: body.accountKey, certificate: certificateBytes, request: requestBytes, license: signed, timeS });
        return { ok: true, license: signed, repeated: false };
      });
    },
  };
}

/** For logs: the first digits of a pseudonym, enough to tell two apart. */
export function shortOf(pku: Uint8Array): string {
  return toHex(pku).slice(0, 12);
}
