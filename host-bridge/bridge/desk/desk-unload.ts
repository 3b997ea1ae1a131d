/**
 * Unloading: cash from the token back to its owner's account, as a payment whose shop is the owner. The token signs it
 * like any other, above its limits after its button; who keeps the accounts credits it like any other.
 *
 * The challenge is on disk before the token sees it, so that a procedure that broke off is finished with the same
 * debit. Who keeps the accounts learns the pseudonym that unloads to this name, as with every payment to a name.
 */
import { copy } from '../../../firmware/core/bytes.js';
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
import { INS } from '../../../firmware/wire/token-commands.js';
import type { Scheduler } from '../../base/scheduler.js';
import { refusal, type ErrorCode, type Result } from '../../base/errors.js';
import { bytesOf, type Database } from '../../base/sqlite/database.js';
import type { BridgeRow } from '../bridge-store.js';
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
  database: Database;
  outbox: Outbox;
  delivery: Pick<OutboxDelivery, 'kick'>;
  scheduler: Scheduler;
  random(bytes: number): Uint8Array;
  /** Unix time, seconds. */
  nowS(): number;
}

/**
 * The procedure: `unload(steps, name, amount)`. Codes: TOKEN_CHANGED, REFUSED (Balance), CONFIRM_NEEDED, and the
 * desk's.
 */
export function createUnload(
  options: UnloadOptions,
): (steps: DeskSteps, name: string, amount: number) => Promise<Result<Unloaded>> {
  const { database, outbox } = options;
  const find = database.prepare<[name: string, amount: number], Pick<BridgeRow<'desk_unload'>, 'challenge'>>(
    'SELECT challenge FROM desk_unload WHERE name = ? AND amount = ?',
  );
  const add = database.prepare('INSERT INTO desk_unload (name, amount, challenge) VALUES (?, ?, ?)');
  const end = database.prepare('DELETE FROM desk_unload WHERE name = ? AND amount = ?');

  /** The challenge that is not finished, if there is one. */
  function known(name: string, amount: number): Uint8Array | null {
    return bytesOf(find.get(name, amount)?.challenge ?? null);
  }

  return async (steps, name, amount) => {
    const begun = known(name, amount);
    const rs = begun ? challenge.decode(begun)!.rs : options.random(RS_BYTES);
    const charge = chargeId.encode({ rs, shop: name });
    // 1. The license says whose cash it is.
    const opened = await steps.token('unload', INS.open, charge, (answer) =>
      answer.length === LICENSE_BYTES + 1 ? copy(answer, 0, LICENSE_BYTES) : null,
    );
    if (!opened.ok) return opened;
    const terms = licenseBody.decode(license.decode(opened.answer)!.body);
    if (!terms) return refusal('BAD_REQUEST', "the token's license");
    // 2. The debit.
    const { issuer, currency } = terms;
    const challengeBytes =
      begun ??
      challenge.encode({ issuer, currency, amount, timeS: Math.floor(options.nowS()), counter: 0, rs, shop: name });
    if (!begun) database.transaction(() => add.run(name, amount, challengeBytes));
    const paid = await steps.token('unload', INS.challenge, challengeBytes, (answer) => payment.decode(answer));
    if (!paid.ok) return paid;
    if (paid.answer.amount !== amount) return refusal('BAD_REQUEST', "the token's payment");
    // 3. On disk, acknowledged, delivered.
    const bytes = history.encode({
      license: opened.answer,
      signature: paid.answer.signature,
      challenge: challengeBytes,
    });
    outbox.add('history', bytes);
    const settled = await steps.token('settle', INS.ack, charge, (answer) => answer);
    if (!settled.ok) return settled.code === 'NO_CHARGE' ? refusal('TOKEN_CHANGED') : settled;
    end.run(name, amount);
    return { ok: true, name, amount, ...(await untilDelivered(outbox, options.delivery, options.scheduler, bytes)) };
  };
}
