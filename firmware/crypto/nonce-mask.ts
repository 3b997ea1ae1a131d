/*
 * The mask of a nonce: k + r L in limbs that are never zero, for a random r.
 *
 * Boards without doubles in hardware compute S = k + H s mod L (scalar.ts) in a time that depends on the operands: a
 * factor of zero, a sum that cancels. With k as it is, the signatures of one nonce took other times than those of
 * others. S is the same with k + r L. Its limbs below the highest get 2^47 each, and give it back to the next one, so
 * that each has the same size whatever k is; r changes with each nonce, and with it every number until S itself,
 * which is public.
 *
 * The sums stay exact: a limb of H s is below 2^52, one of the mask below 2^49; and H s + r L is below 2^21.1 L, where
 * scalar.ts takes 2^21.6.
 */
import type { Scalar, Scalars } from './scalar.js';

/** 2^47, and what it is in the next limb of 32 bits. */
const LIFT = 140737488355328;
const LIFT_ABOVE = 32768;

/** k, masked, in place. @param random two secret random bytes, used for nothing that is ever told */
export function maskNonce(scalars: Pick<Scalars, 'fromBytes' | 'order'>, k: Scalar, random: Uint8Array): void {
  const order = scalars.fromBytes(scalars.order());
  const r = random[0] + 256 * random[1] + 1;
  for (let i = 0; i < 8; i++) k[i] += r * order[i] + (i < 7 ? LIFT : 0) - (i > 0 ? LIFT_ABOVE : 0);
}
