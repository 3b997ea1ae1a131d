/**
 * What a license's class bounds: the most in one payment, at the token, at the shop and at its deposit; and the most
 * that is held, where cash is asked for and where it is issued. The registrar chooses the class, and a license says no
 * more of its owner, so that those of one class and quarter are alike.
 */
import { AMOUNT_MAX } from './amount.js';

/** Classes, with the most in one payment, minor units. Numbers are never reused. */
const PAYMENT_MAX = [0, AMOUNT_MAX, 5000];

/** The same, with the most that a token holds. What comes back to its owner is taken above it, too. */
export const HOLD_MAX = [0, AMOUNT_MAX, 15000];

/** Without bound. */
export const CLASS_FULL = 1;
/** Small payments alone, for an owner that the registrar knows little of. */
export const CLASS_SMALL = 2;

/** The most in one payment under a license of this class; 0 for a class that this version does not know. */
export function classPaymentMax(licenseClass: number): number {
  return PAYMENT_MAX[licenseClass] || 0;
}

/** The most that may be held after a withdrawal; 0 for a class that this version does not know. */
export function classHoldMax(licenseClass: number): number {
  return HOLD_MAX[licenseClass] || 0;
}
