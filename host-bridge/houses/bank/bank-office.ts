/**
 * The bank's office: what takes an operator at the bank. Accounts as at any depositary (accounts-office.ts), and the
 * name behind a registration, which comes out only on the issuer's signed statement that its EBC is negative [0081].
 */
import { releaseOrder, signedReleaseOrder } from '../../../firmware/wire/institutions.js';
import { REQUEST } from '../../../firmware/wire/request.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { refusal, type Result } from '../../base/errors.js';
import { abcOf } from '../../ledger/rules.js';
import { ruleCreditRelease } from '../../ledger/rules-refund.js';
import { OUT } from '../../ledger/rules-bank.js';
import { createAccountsOffice } from '../accounts-office.js';
import { checkOurs } from '../read-history.js';
import { checkAt, everyKey } from '../../base/keys/key-line.js';
import type { BankOffice, Trace } from '../../base/services/procedures.js';
import { readTraceOrder } from '../trace-order.js';
import { proofOf } from '../../base/services/trace-proof.js';
import type { BankContext } from './bank-context.js';

/** Makes the office of one operator. */
export function createBankOffice(context: BankContext, operator: string): BankOffice {
  return {
    ...createAccountsOffice(context, operator),
    trace: (order) => trace(context, operator, order),
    registrationsOf: (name) =>
      context.store.account(name)
        ? { ok: true, registrations: context.store.registrationsOf(name) }
        : refusal('ACCOUNT_UNKNOWN'),
    creditRelease: (name, order) => creditRelease(context, name, order),
  };
}

/**
 * Codes: BAD_REQUEST, SIGNATURE_INVALID, KEY_RETIRED, OWNER_UNKNOWN. Recorded: who asked here, and the order with who
 * asked at the issuer.
 */
function trace(context: BankContext, operator: string, orderBytes: Uint8Array): Result<Trace> {
  const { store } = context;
  const read = readTraceOrder(context.lines.issuer, context.nowS(), orderBytes);
  if (!read.ok) return read;
  const { order } = read;
  return store.transaction(() => {
    const row = store.request(order.subject);
    if (!row || row.kind !== REQUEST.register || row.name === null) return refusal('OWNER_UNKNOWN');
    const { name } = row;
    const certificate = store.account(name)?.certificate ?? new Uint8Array(0);
    const proof = proofOf('bank', everyKey(context.lines.bank!), {
      subject: order.subject,
      name,
      request: row.owned,
      certificate,
    });
    const ebc = -order.missing;
    store.addTrace({
      pku: order.subject,
      operator,
      why: order.reason,
      ebc,
      name,
      proof,
      timeS: context.nowS(),
      order: orderBytes,
    });
    return { ok: true, name, ebc, proof, request: row.owned, certificate };
  });
}

/**
 * What was left of a lost token, to its owner. Where registrations are sealed, the order names one of hers; else who
 * she is is the operator's word, as it is when he opens her account. Codes: BAD_REQUEST, SIGNATURE_INVALID,
 * KEY_RETIRED, ISSUER_UNKNOWN, CURRENCY_UNKNOWN and those of `ruleCreditRelease`.
 */
function creditRelease(
  context: BankContext,
  name: string,
  bytes: Uint8Array,
): Result<{ amount: number; repeated: boolean }> {
  const { store, scheme } = context;
  const outer = signedReleaseOrder.decode(bytes);
  const order = outer && releaseOrder.decode(outer.body);
  if (!outer || !order) return refusal('BAD_REQUEST', 'release order');
  const unsigned = checkAt(
    context.lines.issuer,
    order.timeS,
    context.nowS(),
    { type: SIGNED.release, message: outer.body, signature: outer.signature },
    'release order',
  );
  if (unsigned) return unsigned;
  const foreign = checkOurs(context, order);
  if (foreign) return foreign;
  const { subject, amount } = order;
  return store.transaction(() => {
    const account = store.account(name);
    const abc = abcOf(name);
    const ruling = ruleCreditRelease({
      owned: scheme.registration === 'open' || store.request(subject)?.name === name,
      stored: store.releaseOf(bytes),
      ...{ name, amount, exists: account !== null, closed: account !== null && account.closedS !== null },
      ...{ from: OUT, to: abc, balances: { [OUT]: store.balance(OUT), [abc]: store.balance(abc) } },
    });
    if (!ruling.ok || ruling.repeated) return ruling.ok ? { ok: true, amount, repeated: true } : ruling;
    const timeS = context.nowS();
    const transaction = store.post('release', timeS, ruling.entries);
    store.addRelease({ subject, name, amount, order: bytes, timeS, transaction });
    return { ok: true, amount, repeated: false };
  });
}
