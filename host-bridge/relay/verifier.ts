/**
 * The bridge's answer to VERIFY: a license, or a whole history, judged by the one rule (relay/ed25519-verify.ts).
 *
 * Only signatures are judged here. Validity, deny list, currency and amount are the terminal's, which checks later on its
 * own what the bridge called good (SECURITY.md: malicious bridge).
 */
import type { Code } from '../../firmware/core/codes.js';
import { VERIFY, verifyRequest } from '../../firmware/wire/link-messages.js';
import { challenge, history, license, licenseBody } from '../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { verify } from './ed25519-verify.js';

/** What verifying took, milliseconds. */
export interface VerifierTimes {
  count: number;
  sumMs: number;
  maxMs: number;
}

/** Answers VERIFY. */
export interface Verifier {
  /** @param body encoded `verifyRequest`. Codes: OK, BAD_REQUEST, LICENSE_INVALID, SIGNATURE_INVALID. */
  answer(body: Uint8Array): Code;
  /** @param bytes encoded `license`. Codes: OK, BAD_REQUEST, LICENSE_INVALID. */
  license(bytes: Uint8Array): Code;
  /** @param bytes encoded `history`. Codes: as `license`, then SIGNATURE_INVALID. */
  history(bytes: Uint8Array): Code;
  times(): VerifierTimes;
}

/** Makes a verifier. @param registrarKey PKR, 32 bytes @param nowMs a clock for `times` */
export function createVerifier(registrarKey: Uint8Array, nowMs: () => number = () => performance.now()): Verifier {
  const times: VerifierTimes = { count: 0, sumMs: 0, maxMs: 0 };

  function judgeLicense(bytes: Uint8Array): { code: Code; pku?: Uint8Array } {
    const offered = license.decode(bytes);
    const body = offered && licenseBody.decode(offered.body);
    if (!offered || !body) return { code: 'BAD_REQUEST' };
    const good = verify(registrarKey, signedBytes(SIGNED.license, offered.body), offered.signature);
    return good ? { code: 'OK', pku: body.pku } : { code: 'LICENSE_INVALID' };
  }

  function judgeHistory(bytes: Uint8Array): Code {
    const offered = history.decode(bytes);
    if (!offered || !challenge.decode(offered.challenge)) return 'BAD_REQUEST';
    const judged = judgeLicense(offered.license);
    if (!judged.pku) return judged.code;
    return verify(judged.pku, signedBytes(SIGNED.payment, offered.challenge), offered.signature) ? 'OK' : 'SIGNATURE_INVALID';
  }

  return {
    license: (bytes) => judgeLicense(bytes).code,
    history: judgeHistory,
    answer(body) {
      const startMs = nowMs();
      const request = verifyRequest.decode(body);
      let code: Code = 'BAD_REQUEST';
      if (request?.what === VERIFY.license) code = judgeLicense(request.bytes).code;
      else if (request?.what === VERIFY.history) code = judgeHistory(request.bytes);
      const ms = nowMs() - startMs;
      times.count++;
      times.sumMs += ms;
      times.maxMs = Math.max(times.maxMs, ms);
      return code;
    },
    times: () => ({ ...times }),
  };
}
