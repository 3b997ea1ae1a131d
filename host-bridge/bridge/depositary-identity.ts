/**
 * Whether the house at the depositary's address is the one that this bridge was set up for: asked before anything is
 * delivered to it, and again before one of its answers is taken for final. So a wrong address is an outage that says
 * what to mend, and never a verdict about a payment.
 */
import { equal, toHex } from '../../firmware/core/bytes.js';
import { refusal, type HostRefusal } from '../base/errors.js';
import type { Scheduler } from '../base/scheduler.js';
import { call, isOutage, type Services } from '../base/services/calls.js';

/** How long a house is believed to be the same, on a clock that nobody sets. */
const BELIEVED_MS = 60_000;

/** Asks; null where it is ours. @param isFresh whether to ask even if it was ours a moment ago */
export type AskIdentity = (isFresh?: boolean) => Promise<HostRefusal | null>;

/** @param issuerKey the first PKI, as this bridge was set up with, 32 bytes */
export function createDepositaryIdentity(
  house: Pick<Services['issuer'], 'parameters'>,
  issuerKey: Uint8Array,
  scheduler: Pick<Scheduler, 'nowMs'>,
): AskIdentity {
  let believedUntilMs = -Infinity;
  return async (isFresh = false) => {
    if (!isFresh && scheduler.nowMs() < believedUntilMs) return null;
    believedUntilMs = -Infinity;
    const known = await call(() => house.parameters());
    // Whatever else it says instead of its name: nobody we know is there.
    if (!known.ok) return isOutage(known.code) ? known : refusal('WRONG_SERVICE', known.code);
    const theirs = known.parameters.issuerKey;
    if (!equal(theirs, issuerKey)) {
      const short = (key: Uint8Array): string => toHex(key).slice(0, 16);
      return refusal(
        'WRONG_SERVICE',
        `the address serves issuer ${short(theirs)}, this bridge is set up for ${short(issuerKey)}`,
      );
    }
    believedUntilMs = scheduler.nowMs() + BELIEVED_MS;
    return null;
  };
}
