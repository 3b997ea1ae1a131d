/**
 * The bridge's answer to VERIFY: a license, or a whole payment, judged by the one rule (base/crypto/ed25519-verify.ts).
 *
 * Only signatures are judged here. Validity, deny list, currency and amount are the terminal's, which checks later on
 * its own what the bridge called good (docs/threat-model.md).
 */
import { concat, equal } from '../../firmware/core/bytes.js';
import type { KeyLine } from '../base/keys/key-line.js';
import type { Code } from '../../firmware/core/codes.js';
import { VERIFY, verifyRequest } from '../../firmware/wire/link/link-messages.js';
import {
  challenge,
  history,
  license,
  licenseBody,
  LICENSE_BYTES,
  SIGNATURE_BYTES,
} from '../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { verify } from '../base/crypto/ed25519-verify.js';

/** What verifying took, milliseconds. */
export interface VerifierTimes {
  count: number;
  sumMs: number;
  maxMs: number;
}

/** Answers VERIFY. */
export interface Verifier {
  /**
   * @param body encoded `verifyRequest`. Codes: OK, BAD_REQUEST, LICENSE_INVALID, KEY_UNKNOWN, SIGNATURE_INVALID; BUSY
   * where this bridge cannot tell.
   */
  answer(body: Uint8Array): Code;
  /** @param bytes encoded `license`. Codes: OK, BAD_REQUEST, LICENSE_INVALID, KEY_UNKNOWN, BUSY. */
  license(bytes: Uint8Array): Code;
  /** @param bytes encoded `history`. Codes: as `license`, then SIGNATURE_INVALID. */
  history(bytes: Uint8Array): Code;
  times(): VerifierTimes;
}

export interface VerifierOptions {
  /** PKR, and what has followed it. */
  registrar: KeyLine;
  /**
   * First 4 bytes of the newest key that the terminal was given: what is by a newer one it could not check itself.
   * Default: any.
   */
  terminalHas?(): Uint8Array | null;
  /** A clock for `times`. */
  nowMs?(): number;
}

/**
 * The encoded history of what VERIFY.payment brings, where the signature comes last; empty where it is too short for
 * one.
 */
export function historyOfPayment(bytes: Uint8Array): Uint8Array {
  const signatureAt = bytes.length - SIGNATURE_BYTES;
  if (signatureAt < LICENSE_BYTES) return new Uint8Array(0);
  return concat([
    bytes.subarray(0, LICENSE_BYTES),
    bytes.subarray(signatureAt),
    bytes.subarray(LICENSE_BYTES, signatureAt),
  ]);
}

/** Makes a verifier. */
export function createVerifier({
  registrar,
  terminalHas = () => null,
  nowMs = () => performance.now(),
}: VerifierOptions): Verifier {
  const times: VerifierTimes = { count: 0, sumMs: 0, maxMs: 0 };

  function judgeLicense(bytes: Uint8Array): { code: Code; pku?: Uint8Array } {
    const offered = license.decode(bytes);
    const body = offered && licenseBody.decode(offered.body);
    if (!offered || !body) return { code: 'BAD_REQUEST' };
    const keys = registrar.keys();
    const by = keys.findIndex(
      ({ key, untilS }) =>
        body.validUntilS <= untilS && verify(key, signedBytes(SIGNED.license, offered.body), offered.signature),
    );
    const has = terminalHas();
    const newest = has ? keys.findIndex(({ key }) => equal(key.subarray(0, has.length), has)) : keys.length - 1;
    // The terminal was given a key that this bridge has not heard of: it checks by itself.
    if (by < 0) return { code: newest < 0 ? 'BUSY' : 'LICENSE_INVALID' };
    return newest >= 0 && by > newest ? { code: 'KEY_UNKNOWN' } : { code: 'OK', pku: body.pku };
  }

  function judgeHistory(bytes: Uint8Array): Code {
    const offered = history.decode(bytes);
    if (!offered || !challenge.decode(offered.challenge)) return 'BAD_REQUEST';
    const judged = judgeLicense(offered.license);
    if (!judged.pku) return judged.code;
    return verify(judged.pku, signedBytes(SIGNED.payment, offered.challenge), offered.signature)
      ? 'OK'
      : 'SIGNATURE_INVALID';
  }

  return {
    license: (bytes) => judgeLicense(bytes).code,
    history: judgeHistory,
    answer(body) {
      const startMs = nowMs();
      const request = verifyRequest.decode(body);
      let code: Code = 'BAD_REQUEST';
      if (request?.what === VERIFY.license) code = judgeLicense(request.bytes).code;
      else if (request?.what === VERIFY.payment) code = judgeHistory(historyOfPayment(request.bytes));
      const ms = nowMs() - startMs;
      times.count++;
      times.sumMs += ms;
      times.maxMs = Math.max(times.maxMs, ms);
      return code;
    },
    times: () => ({ ...times }),
  };
}
