/**
 * Naming whose EBC is below 0: EP 0926637 [0031], [0056], [0081]. The patent retrieves the name as soon as EBC falls;
 * here that is one of two policies, and an operator's act is the other (docs/threat-model.md).
 */
import { toHex } from '../../../firmware/core/bytes.js';
import { KEY_BYTES } from '../../../firmware/wire/payment.js';
import { sha256 } from '../../base/crypto/hash.js';
import { refusal, type Result } from '../../base/errors.js';
import { everyKey } from '../../base/keys/key-line.js';
import type { Trace } from '../../base/services/procedures.js';
import { proofOf } from '../../base/services/trace-proof.js';
import { ebcOf, ruleTrace } from '../../ledger/rules.js';
import { writeTraceOrder } from '../trace-order.js';
import type { IssuerContext } from './issuer-context.js';
import { namingOf } from '../../ledger/rules-restore.js';

/**
 * Whether an overspend of a set waits for its token: the books were restored since the last one that they could judge,
 * and may have forgotten cash that they gave (docs/restore.md, rule 2). Tokens cannot visit yet, so it waits on.
 */
export function isHeld({ store, restoredAt }: IssuerContext, counter: Uint8Array): boolean {
  const first = store.firstOverspend(counter);
  const restored = restoredAt !== null && (first === null || first > restoredAt);
  return namingOf({ restored, visited: false, ebc: -1, licenseOver: false }) !== 'named';
}

/** In whose name the policy acts, as the record has it. */
const AUTOMATIC = 'automatic';

/**
 * The policy `automatic`: EBC of a set has just fallen below 0 for the first time. Where the issuer keeps the accounts,
 * the name is recorded; elsewhere the order that opens it. Within the caller's transaction. An owner whom the books do
 * not know is left to an operator.
 */
export function traceAtOnce(context: IssuerContext, pku: Uint8Array): void {
  const act = context.scheme.traceBy === 'issuer' ? nameOf : orderOf;
  act(context, AUTOMATIC, pku, 'overspent');
}

/** [0031]: the real name behind a negative EBC, with the request that bound the pseudonym to it. */
export function nameOf(context: IssuerContext, operator: string, pku: Uint8Array, why: string): Result<Trace> {
  const { store } = context;
  if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
  return store.transaction(() => {
    const pseudonym = store.pseudonym(pku);
    const ebc = store.balance(ebcOf(toHex(pku)));
    const held = isHeld(context, pseudonym?.counter ?? pku);
    const ruling = ruleTrace({ why, known: pseudonym !== null, ebc, owner: pseudonym?.name ?? null, held });
    if (!ruling.ok) return ruling;
    const { name } = ruling;
    const request = pseudonym?.request ?? new Uint8Array(0);
    const certificate = store.account(name)?.certificate ?? new Uint8Array(0);
    const proof = proofOf('issuer', everyKey(context.lines.issuer), { subject: pku, name, request, certificate });
    store.addTrace({ pku, operator, why, ebc, name, proof, timeS: context.nowS(), order: null });
    return { ok: true, name, ebc, proof, request, certificate };
  });
}

/**
 * [0056], [0081]: the signed statement with which trustee or bank gives the name out. Codes: BAD_REQUEST,
 * REASON_MISSING, PSEUDONYM_UNKNOWN, NOT_OVERSPENT. The act is recorded here without a name.
 */
export function orderOf(
  context: IssuerContext,
  operator: string,
  pku: Uint8Array,
  why: string,
): Result<{ order: Uint8Array; ebc: number }> {
  const { store, scheme } = context;
  if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
  return store.transaction(() => {
    const pseudonym = store.pseudonym(pku);
    const ebc = store.balance(ebcOf(toHex(pseudonym?.counter ?? pku)));
    // What the other house knows the owner by: the pseudonym that it licensed, or the ciphertext that it passed on.
    const registration =
      pseudonym && scheme.registration === 'sealed'
        ? store.sharedKeyOfCounter(pseudonym.counter)?.registration
        : undefined;
    const subject = scheme.registration === 'sealed' ? registration && sha256(registration) : pku;
    const held = isHeld(context, pseudonym?.counter ?? pku);
    const owner = subject ? 'known elsewhere' : null;
    const ruling = ruleTrace({ why, known: pseudonym !== null, ebc, owner, held });
    if (!ruling.ok || !subject) return ruling.ok ? refusal('OWNER_UNKNOWN') : ruling;
    const timeS = context.nowS();
    const order = writeTraceOrder(context.signer, { subject, ebc, timeS, operator, reason: why });
    store.addTrace({ pku, operator, why, ebc, name: null, proof: null, timeS, order });
    return { ok: true, order, ebc };
  });
}
