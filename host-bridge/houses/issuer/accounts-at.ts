/**
 * Which of a house's procedures are another house's, by the scheme's column of who keeps the accounts.
 */
import type { Scheme } from '../../../firmware/core/scheme.js';
import { refusal, type HostRefusal } from '../../base/errors.js';

/**
 * The refusals of what belongs to another house: a history that both credited would be paid twice.
 * `here` is null where the issuer keeps the accounts, `elsewhere` where a bank does.
 */
export function whereAccountsAre({ accountsAt }: Scheme): { here: HostRefusal | null; elsewhere: HostRefusal | null } {
  return accountsAt === 'issuer'
    ? { here: null, elsewhere: refusal('NOT_FOUND', 'the issuer keeps the accounts') }
    : { here: refusal('NOT_FOUND', 'the bank keeps the accounts'), elsewhere: null };
}
