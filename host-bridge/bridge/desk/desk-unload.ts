/**
 * Unloading: cash from the token back to its owner's account, as a payment whose shop is the owner. The token signs it
 * like any other, above its limits after its button; who keeps the accounts credits it like any other.
 *
 * The challenge is on disk before the token sees it, so that a procedure that broke off is finished with the same
 * debit. Who keeps the accounts learns the pseudonym that unloads to this name, as with every payment to a name.
 */
import { copy, equal, toHex } from '../../../firmware/core/bytes.js';
import {
  challenge,
  chargeId,
  history,
  license,
  licenseBody,
  LICENSE_BYTES,
  payment,
  RS_BYTES,
} from '../../../firmware/wire/payment.js';
import { identity, INS } from '../../../firmware/wire/token-commands.js';
import type { Scheduler } from '../../base/scheduler.js';
import { refusal, type ErrorCode, type Result } from '../../base/errors.js';
import { bytes } from '../../base/hex.js';
import type { Services } from '../../base/services/calls.js';
import type { Act } from './desk-acts.js';
import type { DeskSteps } from './desk-steps.js';
import { untilDelivered, type OutboxDelivery } from '../outbox-delivery.js';
import type { Outbox, OutboxEntry } from '../outbox.js';

/** What an unloading came to. */
export interface Unloaded {
  name: string;
  amount: number;
  /** `credited`, or what its delivery waits for. */
  state: OutboxEntry['state'];
  code: ErrorCode | null;
}

export interface UnloadOptions {
  services: Services;
  outbox: Outbox;
  delivery: Pick<OutboxDelivery, 'kick' | 'watch'>;
  scheduler: Scheduler;
  random(bytes: number): Uint8Array;
  /** Unix time, seconds. */
  nowS(): number;
}

const NOTHING = new Uint8Array(0);

/** How far an unloading came. */
interface UnloadProgress {
  /** Encoded `challenge`, as hexadecimal: before the token sees it. */
  challenge: string;
  /** Encoded `history`, as hexadecimal, once the token has signed. */
  history?: string;
  /** The token has heard that it is kept. */
  settled?: boolean;
}

/**
 * The procedure: `unload(steps, name, amount, act)`. Codes: those of `checkUnload`, before anything is debited;
 * TOKEN_CHANGED, REFUSED (Balance), CONFIRM_NEEDED, and the desk's.
 */
export function createUnload(
  options: UnloadOptions,
): (steps: DeskSteps, name: string, amount: number, act: Act) => Promise<Result<Unloaded>> {
  const { outbox, services } = options;
  return async (steps, name, amount, act) => {
    const begun = act.progress<UnloadProgress>();
    const delivered = async (kept: Uint8Array): Promise<Result<Unloaded>> => ({
      ok: true,
      name,
      amount,
      ...(await untilDelivered(outbox, options.delivery, options.scheduler, kept)),
    });
    if (begun?.history && begun.settled) return delivered(bytes(begun.history));
    const rs = begun ? challenge.decode(bytes(begun.challenge))!.rs : options.random(RS_BYTES);
    const charge = chargeId.encode({ rs, shop: name });
    // 1. Whose token, and whose cash by its license.
    const who = begun
      ? null
      : await steps.token('identity', INS.identity, NOTHING, (answer) => identity.decode(answer));
    if (who && !who.ok) return who;
    const opened = await steps.token('unload', INS.open, charge, (answer) =>
      answer.length === LICENSE_BYTES + 1 ? copy(answer, 0, LICENSE_BYTES) : null,
    );
    if (!opened.ok) return opened;
    const terms = licenseBody.decode(license.decode(opened.answer)!.body);
    if (!terms) return refusal('BAD_REQUEST', "the token's license");
    // 2. A debit cannot be taken back. So who keeps the accounts says before it whether the deposit that follows is
    //    good: whose account it is, and whether the license is over.
    if (who) {
      const { accountKey, pku } = who.answer;
      // A sealed PKU is not for the desk, and comes as zeros.
      if (!equal(pku, terms.pku) && pku.some((byte) => byte !== 0)) return refusal('TOKEN_CHANGED');
      const what = { name, accountKey, license: opened.answer, amount };
      const checked = await steps.service('unload', () => (services.bank ?? services.issuer).checkUnload(what));
      if (!checked.ok) return checked;
    }
    // 3. The debit.
    const { issuer, currency } = terms;
    const challengeBytes = begun
      ? bytes(begun.challenge)
      : challenge.encode({ issuer, currency, amount, timeS: Math.floor(options.nowS()), counter: 0, rs, shop: name });
    const progress: UnloadProgress = { challenge: toHex(challengeBytes) };
    act.note(progress);
    const paid = await steps.token('unload', INS.challenge, challengeBytes, (answer) => payment.decode(answer));
    if (!paid.ok) return paid;
    if (paid.answer.amount !== amount) return refusal('BAD_REQUEST', "the token's payment");
    // 4. On disk, acknowledged, delivered.
    const kept = history.encode({
      license: opened.answer,
      signature: paid.answer.signature,
      challenge: challengeBytes,
    });
    outbox.add('history', kept);
    act.note({ ...progress, history: toHex(kept) });
    const settled = await steps.token('settle', INS.ack, charge, (answer) => answer);
    if (!settled.ok) return settled.code === 'NO_CHARGE' ? refusal('TOKEN_CHANGED') : settled;
    act.note({ ...progress, history: toHex(kept), settled: true });
    return delivered(kept);
  };
}
