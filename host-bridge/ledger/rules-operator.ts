/** Who becomes an operator, and who is one no longer. As in rules.ts: facts in, a ruling out. */
import { isAmount } from '../../firmware/core/amount.js';
import { isName } from '../../firmware/wire/name.js';
import { hasLimit, isRole } from '../base/services/roles.js';
import { refusal, type Result } from '../base/errors.js';
import type { OperatorRow } from './store.js';

/**
 * A root names an operator: a new one, or one that stands, again. Codes: NAME_INVALID, BAD_REQUEST, KEY_INVALID,
 * OPERATOR_EXISTS.
 */
export function ruleAddOperator(facts: {
  name: string;
  role: string;
  limit: number | null;
  keyIsLicensable: boolean;
  isRoot: boolean;
  /** The row of this key, and the one of this name that stands. */
  byKey: Pick<OperatorRow, 'name' | 'role' | 'limit' | 'removedS'> | null;
  nameIsTaken: boolean;
}): Result<{ repeated: boolean }> {
  const { name, role, limit, byKey } = facts;
  if (!isName(name)) return refusal('NAME_INVALID');
  if (!isRole(role)) return refusal('BAD_REQUEST', 'role');
  if (limit !== null && (!isAmount(limit) || !hasLimit(role))) return refusal('BAD_REQUEST', `${role}: limit`);
  if (!facts.keyIsLicensable) return refusal('KEY_INVALID');
  if (facts.isRoot) return refusal('OPERATOR_EXISTS', 'a root key');
  if (byKey && byKey.removedS !== null) return refusal('OPERATOR_EXISTS', `${byKey.name} was removed`);
  if (byKey && (byKey.name !== name || byKey.role !== role))
    return refusal('OPERATOR_EXISTS', `the key of ${byKey.name}, ${byKey.role}`);
  if (byKey) return { ok: true, repeated: true };
  return facts.nameIsTaken ? refusal('OPERATOR_EXISTS', name) : { ok: true, repeated: false };
}
