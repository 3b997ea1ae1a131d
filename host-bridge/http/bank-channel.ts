/**
 * The channel between bank and issuer: the bank signs each request, the issuer each reply, so that neither a stranger
 * can bring (sealed, x) and mint money, nor anybody answer in the issuer's name. In every scheme, whether messages
 * inside are signed or not. A request that is seen and sent again has no second effect: what it does is known by its
 * own id.
 */
import { concat, fromHex, toHex } from '../../firmware/core/bytes.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { sha256 } from '../base/crypto/hash.js';
import { checkNow, type KeyLine } from '../base/keys/key-line.js';
import type { Signer } from '../base/crypto/signer.js';
import { refusal, type HostRefusal } from '../base/errors.js';
import { encodeOperatorRequest, REQUEST_ID_BYTES } from './operator-requests.js';

/** Headers of a bank's request, and of the issuer's reply. */
export const BANK_HEADERS = {
  requestId: 'tapcash-request-id',
  signature: 'tapcash-bank-signature',
  answer: 'tapcash-issuer-signature',
} as const;

/** The headers that make a request the bank's. @param requestId 16 random bytes */
export function signBankRequest(
  signer: Signer,
  issuer: Uint8Array,
  requestId: Uint8Array,
  method: string,
  address: string,
  body: string,
): Record<string, string> {
  return {
    [BANK_HEADERS.requestId]: toHex(requestId),
    [BANK_HEADERS.signature]: toHex(
      signer.sign(SIGNED.bankRequest, encodeOperatorRequest(issuer, requestId, method, address, body)),
    ),
  };
}

/** Checks that the bank asks. Codes: BANK_UNKNOWN, KEY_RETIRED. @returns null, or the refusal */
export function checkBankRequest(
  bank: KeyLine | null,
  nowS: number,
  issuer: Uint8Array,
  request: { method: string; url: string; headers: Record<string, unknown>; body: string },
): HostRefusal | null {
  const id = fromHex(String(request.headers[BANK_HEADERS.requestId] ?? ''));
  const signature = fromHex(String(request.headers[BANK_HEADERS.signature] ?? ''));
  if (!bank || id?.length !== REQUEST_ID_BYTES || !signature) return refusal('BANK_UNKNOWN');
  const message = encodeOperatorRequest(issuer, id, request.method, request.url, request.body);
  const unsigned = checkNow(bank, nowS, { type: SIGNED.bankRequest, message, signature }, 'SKB');
  return unsigned?.code === 'SIGNATURE_INVALID' ? refusal('BANK_UNKNOWN') : unsigned;
}

function answerBytes(requestId: string, status: number, body: string): Uint8Array {
  return concat([fromHex(requestId) ?? new Uint8Array(0), sha256(`${status} ${body}`)]);
}

/** The header of a reply. @param requestId of the request, as it came */
export function signAnswer(signer: Signer, requestId: string, status: number, body: string): Record<string, string> {
  return { [BANK_HEADERS.answer]: toHex(signer.sign(SIGNED.issuerAnswer, answerBytes(requestId, status, body))) };
}

/** Whether the issuer answered this request with this. @param nowS Unix time */
export function isAnswer(
  issuer: KeyLine,
  nowS: number,
  requestId: string,
  status: number,
  body: string,
  header: string | null,
): boolean {
  const signature = fromHex(header ?? '');
  return (
    signature !== null &&
    checkNow(
      issuer,
      nowS,
      { type: SIGNED.issuerAnswer, message: answerBytes(requestId, status, body), signature },
      'issuer',
    ) === null
  );
}
