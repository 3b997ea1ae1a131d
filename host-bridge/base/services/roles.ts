/**
 * Who may do what: one table of role by act. A house looks every operator's request up here before it looks at what the
 * request says; a bridge looks up what its clerk gives back.
 *
 * The keys that a house is started with (`--operator-key`) are its roots: supervisors whom nobody removes but whoever
 * starts the house, and the only ones who say who else is an operator.
 */
import { refusal, type Result } from '../errors.js';

/** What an operator can be, in the order of the table's columns. */
export const ROLES = ['teller', 'clerk', 'supervisor', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** `limited`: up to the operator's own limit for one act, nothing unless a root gave one. `root`: see above. */
type Right = 'yes' | 'no' | 'limited' | 'root';

const row = (teller: Right, clerk: Right, supervisor: Right, auditor: Right): Readonly<Record<Role, Right>> => ({
  ...{ teller, clerk, supervisor, auditor },
});

/** The table. Withdrawal and unloading have no row: the token's own signature asks the houses for them. */
export const RIGHTS = {
  //               teller     clerk      supervisor auditor
  register: row('yes', 'no', 'yes', 'no'),
  fund: row('limited', 'no', 'yes', 'no'),
  refund: row('no', 'limited', 'yes', 'no'),
  payOut: row('no', 'no', 'yes', 'no'),
  closeAccount: row('no', 'no', 'yes', 'no'),
  licenseClass: row('no', 'no', 'yes', 'no'),
  terminal: row('no', 'no', 'yes', 'no'),
  deny: row('no', 'no', 'yes', 'no'),
  release: row('no', 'no', 'yes', 'no'),
  trace: row('no', 'no', 'yes', 'no'),
  couponKeys: row('no', 'no', 'yes', 'no'),
  confirmClock: row('no', 'no', 'yes', 'no'),
  operators: row('no', 'no', 'root', 'no'),
  // Who one is.
  self: row('yes', 'yes', 'yes', 'yes'),
  read: row('no', 'no', 'yes', 'yes'),
} satisfies Record<string, Readonly<Record<Role, Right>>>;

export type Act = keyof typeof RIGHTS;

/** An operator, as far as the table asks. */
export interface Rights {
  role: Role;
  /** Most that one limited act may move, minor units; null: nothing. */
  limit: number | null;
  isRoot: boolean;
  /** The books were restored since a root last said so: whatever was said in between is forgotten. */
  isForgotten: boolean;
}

/** Whether a text is a role. */
export const isRole = (text: unknown): text is Role => (ROLES as readonly unknown[]).includes(text);

/** Whether a limit says something of a role: some act of it is limited. */
export const hasLimit = (role: Role): boolean => Object.values(RIGHTS).some((rights) => rights[role] === 'limited');

/**
 * Whether an operator may do an act. @param amount what it moves, minor units; null: nothing, or it is not known yet
 * Codes: ROLE_FORBIDDEN
 */
export function ruleRole(who: Rights, act: Act, amount: number | null): Result<object> {
  if (who.isForgotten) return refusal('ROLE_FORBIDDEN', 'the books were restored: a root key adds this operator again');
  const right = RIGHTS[act][who.role];
  if (right === 'no' || (right === 'root' && !who.isRoot)) return refusal('ROLE_FORBIDDEN', `${who.role}: ${act}`);
  if (right !== 'limited' || (who.limit !== null && (amount === null || amount <= who.limit))) return { ok: true };
  return refusal(
    'ROLE_FORBIDDEN',
    who.limit === null ? `${who.role}: ${act}` : `${who.role}: ${act} above ${who.limit} minor units`,
  );
}
