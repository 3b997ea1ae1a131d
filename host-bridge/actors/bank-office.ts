/**
 * The bank's office: what takes an operator at the bank. Accounts as at any depositary (accounts-office.ts), and the name
 * behind a registration, which comes out only on the issuer's signed statement that its EBC is negative [0081].
 */
import { REQUEST } from '../../firmware/wire/request.js';
import { refusal, type Result } from '../errors.js';
import { createAccountsOffice } from './accounts-office.js';
import type { BankContext } from './bank.js';
import type { BankOffice, Trace } from './services.js';
import { readTraceOrder } from './trace-order.js';
import { proofOf } from './trace-proof.js';

/** Makes the office of one operator. */
export function createBankOffice(context: BankContext, operator: string): BankOffice {
  return { ...createAccountsOffice(context), trace: (order) => trace(context, operator, order) };
}

/** Codes: BAD_REQUEST, SIGNATURE_INVALID, OWNER_UNKNOWN. Recorded: who asked here, and the order with who asked at the issuer. */
function trace(context: BankContext, operator: string, orderBytes: Uint8Array): Result<Trace> {
  const { store, signer } = context;
  const read = readTraceOrder(context.issuerKey, orderBytes);
  if (!read.ok) return read;
  const { order } = read;
  return store.transaction(() => {
    const row = store.request(order.subject);
    if (!row || row.kind !== REQUEST.register || row.name === null) return refusal('OWNER_UNKNOWN');
    const { name } = row;
    const certificate = store.account(name)?.certificate ?? new Uint8Array(0);
    const proof = proofOf('bank', signer.publicKey, { subject: order.subject, name, request: row.owned, certificate });
    const ebc = -order.missing;
    store.addTrace({ pku: order.subject, operator, why: order.reason, ebc, name, proof, timeS: context.nowS(), order: orderBytes });
    return { ok: true, name, ebc, proof, request: row.owned, certificate };
  });
}
