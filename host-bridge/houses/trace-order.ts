/**
 * The issuer's signed statement that an EBC is negative: what opens a name at trustee or bank, which see no counters.
 * EP 0926637 [0056], [0081].
 */
import { equal, fromHex } from '../../firmware/core/bytes.js';
import { signedTraceOrder, traceOrder, type TraceOrder } from '../../firmware/wire/institutions.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal, type Result } from '../base/errors.js';
import { checkAt, type KeyLine } from '../base/keys/key-line.js';
import type { Signer } from '../base/crypto/signer.js';

const OPERATOR_BYTES = 8;
/** How old an order may be: what was owed then may have been paid since. */
const ORDER_VALID_S = 7 * 86400;

/** An order with its reason as text. */
export interface ReadOrder extends TraceOrder {
  reason: string;
}

/** Writes an order. @param operator key id of who asks, 16 hexadecimal digits; zeros stand for any other name */
export function writeTraceOrder(
  signer: Signer,
  facts: { subject: Uint8Array; ebc: number; timeS: number; operator: string; reason: string },
): Uint8Array {
  const id = fromHex(facts.operator);
  const operator = id && id.length === OPERATOR_BYTES ? id : new Uint8Array(OPERATOR_BYTES);
  const body = traceOrder.encode({
    subject: facts.subject,
    missing: -facts.ebc,
    timeS: facts.timeS,
    operator,
    why: new TextEncoder().encode(facts.reason),
  });
  return signedTraceOrder.encode({ signature: signer.sign(SIGNED.traceOrder, body), body });
}

/**
 * Reads an order that the issuer signed. Codes: BAD_REQUEST, SIGNATURE_INVALID, KEY_RETIRED, ORDER_EXPIRED.
 * @param nowS Unix time
 */
export function readTraceOrder(issuer: KeyLine, nowS: number, bytes: Uint8Array): Result<{ order: ReadOrder }> {
  const outer = signedTraceOrder.decode(bytes);
  const order = outer && traceOrder.decode(outer.body);
  if (!outer || !order) return refusal('BAD_REQUEST', 'trace order');
  const unsigned = checkAt(
    issuer,
    order.timeS,
    nowS,
    { type: SIGNED.traceOrder, message: outer.body, signature: outer.signature },
    'trace order',
  );
  if (unsigned) return unsigned;
  if (nowS - order.timeS > ORDER_VALID_S) return refusal('ORDER_EXPIRED');
  const reason = new TextDecoder().decode(order.why);
  // One encoding for one reason: other bytes are none that the issuer writes.
  if (!equal(new TextEncoder().encode(reason), order.why)) return refusal('BAD_REQUEST', 'reason');
  return { ok: true, order: { ...order, reason } };
}
