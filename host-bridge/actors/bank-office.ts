/**
 * The bank's office: what takes an operator at the bank. Accounts as at any depositary (accounts-office.ts), and the name
 * behind a registration, which comes out only on the issuer's signed statement that its EBC is negative [0081].
 */
import { createHash } from 'node:crypto';
import { equal, toChars } from '../../firmware/core/bytes.js';
import { signedTraceOrder, traceOrder } from '../../firmware/wire/institutions.js';
import { ownedRequest, REQUEST } from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal, type Result } from '../errors.js';
import { createAccountsOffice } from './accounts-office.js';
import { bodyOf, type BankContext } from './bank.js';
import type { BankOffice, Trace } from './services.js';
import { isSigned } from './signer.js';

/** Makes the office of one operator. */
export function createBankOffice(context: BankContext, operator: string): BankOffice {
  return { ...createAccountsOffice(context), trace: (order) => trace(context, operator, order) };
}

/** Codes: BAD_REQUEST, SIGNATURE_INVALID, OWNER_UNKNOWN. The act is recorded, with who asked at the issuer and why. */
function trace(context: BankContext, operator: string, orderBytes: Uint8Array): Result<Trace> {
  const { store } = context;
  const outer = signedTraceOrder.decode(orderBytes);
  const order = outer && traceOrder.decode(outer.body);
  if (!outer || !order) return refusal('BAD_REQUEST', 'trace order');
  if (!isSigned(context.issuerKey, SIGNED.traceOrder, outer.body, outer.signature)) return refusal('SIGNATURE_INVALID', 'trace order');
  return store.transaction(() => {
    const row = store.request(order.subject);
    if (!row || row.kind !== REQUEST.register) return refusal('OWNER_UNKNOWN');
    const account = store.account(row.name);
    const owned = ownedRequest.decode(row.owned)!;
    const hash = new Uint8Array(createHash('sha256').update(owned.request).digest());
    // PROVEN: the account's own key signed that this very ciphertext is its registration.
    const proven = account?.accountKey && equal(account.accountKey, owned.accountKey) && owned.name === row.name && isSigned(account.accountKey, SIGNED.ownedRequest, bodyOf(owned, hash), owned.accountSignature);
    const proof = proven ? 'PROVEN' : 'UNPROVEN';
    const ebc = -order.missing;
    store.addTrace({ pku: order.subject, operator, why: toChars(order.why), ebc, name: row.name, proof, timeS: context.nowS() });
    return { ok: true, name: row.name, ebc, proof, request: row.owned, certificate: account?.certificate ?? new Uint8Array(0) };
  });
}
