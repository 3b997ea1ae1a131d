/**
 * Operators' requests: who asks in a house's office, and that each request acts once. What each may is the table of
 * base/services/roles.ts.
 *
 * A request carries a random id, the operator's key id, and a signature of type `operatorRequest` over issuer, id, hash
 * of the body, method and address. The id is stored with the reply: the same request gets the same reply and acts once,
 * and another request under the same id is refused.
 */
import { copy, equal, fromChars, fromHex, toHex } from '../../firmware/core/bytes.js';
import { defineMessage } from '../../firmware/wire/codec.js';
import { ISSUER_ID_BYTES, SIGNATURE_BYTES } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { sha256 } from '../base/crypto/hash.js';
import { isSigned, type Signer } from '../base/crypto/signer.js';
import { refusal, type Result } from '../base/errors.js';
import type { Role } from '../base/services/roles.js';
import { OPERATOR_HEADERS } from './schemas.js';

/** Bytes of a request id and of an operator's key id. */
export const REQUEST_ID_BYTES = 16;
const KEY_ID_BYTES = 8;

/** What an operator signs, type `operatorRequest`. */
const operatorRequestBody = defineMessage([
  // The issuer that it is meant for.
  ['issuer', 'bytes', ISSUER_ID_BYTES],
  ['requestId', 'bytes', REQUEST_ID_BYTES],
  // SHA-256 of the HTTP body as sent.
  ['bodyHash', 'bytes', 32],
  // Method, a space, and the address with its query, as ASCII.
  ['line', 'rest'],
]);

/** A request whose signature was verified. */
export interface OperatorAct {
  id: Uint8Array;
  operatorKey: Uint8Array;
  /** Encoded `operatorRequestBody`. */
  signed: Uint8Array;
  signature: Uint8Array;
}

/** An operator's name in records: the first 8 bytes of SHA-256 of its public key, as hexadecimal. */
export function operatorIdOf(publicKey: Uint8Array): string {
  return toHex(copy(sha256(publicKey), 0, KEY_ID_BYTES));
}

/** Bytes that the signature is over. */
export function encodeOperatorRequest(
  issuer: Uint8Array,
  requestId: Uint8Array,
  method: string,
  address: string,
  body: string,
): Uint8Array {
  const bodyHash = sha256(body);
  return operatorRequestBody.encode({ issuer, requestId, bodyHash, line: fromChars(`${method} ${address}`) });
}

/** The headers that make a request an operator's. */
export function signOperatorRequest(
  signer: Signer,
  issuer: Uint8Array,
  requestId: Uint8Array,
  method: string,
  address: string,
  body: string,
): Record<string, string> {
  const signature = signer.sign(
    SIGNED.operatorRequest,
    encodeOperatorRequest(issuer, requestId, method, address, body),
  );
  return {
    [OPERATOR_HEADERS.requestId]: toHex(requestId),
    [OPERATOR_HEADERS.operator]: operatorIdOf(signer.publicKey),
    [OPERATOR_HEADERS.signature]: toHex(signature),
  };
}

/** Checks the headers of a request against the operators known. Codes: OPERATOR_UNKNOWN. */
export function readOperatorRequest(
  operatorKeys: Uint8Array[],
  issuer: Uint8Array,
  request: { method: string; url: string; headers: Record<string, unknown>; body: string },
): Result<{ act: OperatorAct }> {
  const id = headerBytes(request.headers[OPERATOR_HEADERS.requestId], REQUEST_ID_BYTES);
  const signature = headerBytes(request.headers[OPERATOR_HEADERS.signature], SIGNATURE_BYTES);
  const operatorKey = operatorKeys.find((key) => operatorIdOf(key) === request.headers[OPERATOR_HEADERS.operator]);
  if (!id || !signature || !operatorKey) return refusal('OPERATOR_UNKNOWN');
  const signed = encodeOperatorRequest(issuer, id, request.method, request.url, request.body);
  // One code for both, so that nobody learns which operators exist.
  if (!isSigned(operatorKey, SIGNED.operatorRequest, signed, signature)) return refusal('OPERATOR_UNKNOWN');
  return { ok: true, act: { id, operatorKey, signed, signature } };
}

function headerBytes(value: unknown, bytes: number): Uint8Array | null {
  const read = typeof value === 'string' ? fromHex(value) : null;
  return read && read.length === bytes ? read : null;
}

/** The part of a house's store that keeps acts by their request ids. */
export interface ActStore {
  transaction<T>(run: () => T): T;
  operatorRequest(id: Uint8Array): { operatorKey: Uint8Array; signed: Uint8Array; reply: string } | null;
  addOperatorRequest(row: OperatorAct & { reply: string; timeS: number; role: Role | null }): void;
}

/**
 * Acts once for each request id, and stores the reply in the same transaction as the act. Codes: REQUEST_ID_REUSED.
 * @param run the act; its reply is whatever JSON can say @param role what the operator is, for the record
 */
export function actOnce<T>(
  store: ActStore,
  act: OperatorAct,
  timeS: number,
  run: () => T,
  role: Role | null = null,
): Result<{ reply: T }> {
  return store.transaction(() => {
    const stored = store.operatorRequest(act.id);
    if (stored) {
      const same = equal(stored.operatorKey, act.operatorKey) && equal(stored.signed, act.signed);
      return same ? { ok: true, reply: JSON.parse(stored.reply) as T } : refusal('REQUEST_ID_REUSED');
    }
    const reply = run();
    store.addOperatorRequest({ ...act, reply: JSON.stringify(reply), timeS, role });
    return { ok: true, reply };
  });
}
