/**
 * The token at the teller's desk: registration, licenses, withdrawal, coupons, receipts. No payment needs any of it.
 *
 * Desk commands sign in the owner's name, so they answer only for a while after the button was pressed; before the
 * first license there is nothing yet to guard. What a house sent needs no desk: a receipt, a reply, and a license or
 * list that is held already are only ever good for their owner. So the same bytes have the same answer again, whatever
 * success or reset has closed the desk in between. So have the commands that ask the owner, and PART: each carries
 * bytes that nobody else can guess. How a scheme registers and withdraws is a column of its row (core/scheme.ts), never
 * its number. As in purse.ts: named results, checks in numbered order, mutation last.
 *
 * An overlay (main.ts): it is loaded at a desk command and let go at the next payment, so what must outlive that stands
 * in `PurseState` or in a record.
 */
import { AMOUNT_MAX } from '../../core/amount.js';
import { concat, equal } from '../../core/bytes.js';
import { refuse } from '../../core/codes.js';
import { HOLD_MAX } from '../../core/license-class.js';
import { REQUEST } from '../../wire/request.js';
import { isName } from '../../wire/name.js';
import { KEY_BYTES, LICENSE_CLASS_AT } from '../../wire/payment.js';
import { amountRequest, commandRequest, identity, INS, nameRequest, requestPart } from '../../wire/token-commands.js';
import { createOpenRequests } from './desk-open.js';
import { commandRecord, DESK_RECORD } from './desk-records.js';
import type { SealedDesk } from './sealed-desk.js';
import { WITHDRAWAL } from '../confirmation.js';
import { ACCOUNT_KEY, guarded, isDeskOpen, PSEUDONYM_KEY } from '../purse.js';
import type { PurseAnswer, PurseState } from '../purse.js';
import { identityRecord, RECORD } from '../token-records.js';
import { openRequests } from '../requests.js';
import type { Requests } from '../requests.js';
import { readDebit } from '../statement.js';

/** The desk's commands, apart from papers (paper-desk.ts). */
export interface Desk {
  /** What a command answers. @param ins one that isDeskCommand() knows, and isPaperCommand() does not */
  answer(ins: number, data: Uint8Array, nowMs: number): PurseAnswer;
  /** Whether it holds what a later command needs: then it is let go only for a payment. */
  isBusy(): boolean;
}

const NOTHING = new Uint8Array(0);

/** Whether this scheme needs `SealedDesk`. */
export function needsTools(config: { registration: string; issue: string }): boolean {
  return config.registration === 'sealed' || config.issue !== 'direct';
}

/**
 * Makes the desk over the purse's state.
 * @param makeSealed makes what sealed and blind requests need; null where `needsTools` is false
 * @throws Error when the flash fails or cannot be trusted
 */
export function createDesk(state: PurseState, makeSealed: ((requests: Requests) => SealedDesk) | null): Desk {
  const keys = state.keys;
  const config = state.config;
  const journal = state.journal;
  const confirmation = state.confirmation;
  const open = createOpenRequests(state);
  const requests = openRequests(state.records);
  const more = makeSealed && makeSealed(requests);
  const sealed = more && more.sealed;
  const coupons = more && more.coupons;
  const reply = more && more.reply;
  // Of the command that is being answered: when, x of a withdrawal, and whether the same was answered before and
  // nothing has come of it.
  let nowMs = 0;
  let x = 0;
  let isAgain = false;

  function identityNow(): PurseAnswer {
    const data = identity.encode({
      accountKey: keys.publicKey(ACCOUNT_KEY),
      // [0062]: a sealed PKU is not for the desk.
      pku: config.registration === 'sealed' ? new Uint8Array(KEY_BYTES) : keys.publicKey(PSEUDONYM_KEY),
      receiptNumber: journal.receiptNumber(),
      licensed: state.licensed ? 1 : 0,
    });
    return { ok: true, data: data };
  }

  function register(data: Uint8Array): PurseAnswer {
    // 1. It is a name.  2. Not another one than that of the licenses.
    const request = nameRequest.decode(data);
    if (!request || !isName(request.name)) return refuse('BAD_REQUEST');
    if (state.licensed && request.name !== state.name) return refuse('WRONG_NAME');
    // 3. A registration that waits under this name is given again. Any other request gives way to a new one: what it
    // may have been credited with has a receipt's number, and comes with the next withdrawal.
    const waiting = requests.waiting();
    if (waiting && waiting.kind === REQUEST.register && request.name === state.name) return requests.first();
    // 4. The name is durable before anything is signed in it, and what waited under another one is gone.
    if (request.name !== state.name) {
      requests.drop();
      state.records.put(RECORD.identity, 0, identityRecord.encode(request));
      state.name = request.name;
    }
    return config.registration === 'sealed' ? sealed!.register() : open.register();
  }

  function withdraw(data: Uint8Array): PurseAnswer {
    // 1. It is an amount.  2. What waits for its reply comes first, whatever is asked for.
    const request = amountRequest.decode(data);
    if (!request) return refuse('BAD_REQUEST');
    if (requests.waiting()) return requests.first();
    // 3. Licensed, and with a name.
    if (!state.licensed || state.name === '') return refuse('NOT_LICENSED');
    // 4. x: as it is asked for, or for 0 as its owner entered it; again as before.
    const entered = confirmation.pending(nowMs);
    const isEntered = !!entered && entered.confirmed && entered.about === WITHDRAWAL;
    if (!isAgain) x = request.amount || (isEntered ? entered.amount : 0);
    if (x === 0) return refuse('NO_CHARGE');
    // 5. What we could not take, or may not hold, must not be asked for. Written out as in `redeem`: a function more
    //    takes variables that a board lacks (test/user-token/room).
    if (x > AMOUNT_MAX - journal.balance()) return refuse('REFUSED');
    if (x > (HOLD_MAX[state.records.get(RECORD.license, 0)![LICENSE_CLASS_AT]] || 0) - journal.balance())
      return refuse('CLASS_LIMIT');
    // 6. The owner agreed to this x [0017], [0067]. It was for one request.
    if (!isAgain && !confirmation.agreed(WITHDRAWAL, x, '', nowMs)) return refuse('CONFIRM_NEEDED');
    if (!isAgain) confirmation.end();
    if (config.issue === 'direct') return open.withdraw(x);
    if (config.issue !== 'coupon') return sealed!.withdraw(x);
    // Coupons begin by COUPON START: of x in sum they may.
    if (!isAgain) state.couponsLeft = x;
    state.couponsMs = nowMs;
    return {
      ok: true,
      data: requestPart.encode({ kind: REQUEST.coupon, amount: x, length: 0, part: NOTHING }),
    };
  }

  /** [0042]: the next coupon, or what waits. */
  function redeem(data: Uint8Array): PurseAnswer {
    if (!commandRequest.decode(data)) return refuse('BAD_REQUEST');
    if (requests.waiting()) return requests.first();
    const next = coupons && coupons.next();
    if (!next || !state.licensed) return refuse('NO_CHARGE');
    const most = HOLD_MAX[state.records.get(RECORD.license, 0)![LICENSE_CLASS_AT]] || 0;
    if (next.coupon.amount > most - journal.balance()) return refuse('CLASS_LIMIT');
    return sealed!.redeem(next.slot, next.coupon);
  }

  /** The next receipt: a withdrawal of 0, or where there are coupons the way of a redemption. */
  function missed(data: Uint8Array): PurseAnswer {
    if (!commandRequest.decode(data)) return refuse('BAD_REQUEST');
    if (requests.waiting()) return requests.first();
    if (!state.licensed || state.name === '') return refuse('NOT_LICENSED');
    if (coupons) return sealed!.missed();
    return config.issue === 'direct' ? open.withdraw(0) : sealed!.withdraw(0);
  }

  function couponCommand(ins: number, data: Uint8Array): PurseAnswer {
    if (!coupons) return refuse('BAD_REQUEST');
    if (ins === INS.couponKeys) return coupons.keys(data);
    return ins === INS.couponStart ? coupons.start(data, nowMs, isAgain) : coupons.blind(data);
  }

  function atDesk(ins: number, data: Uint8Array): PurseAnswer {
    if (ins === INS.identity) return identityNow();
    if (ins === INS.register) return register(data);
    if (ins === INS.withdraw) return withdraw(data);
    if (ins === INS.part) return requests.part(data);
    if (ins === INS.reply) return reply ? reply(data) : refuse('NO_CHARGE');
    if (ins === INS.redeem) return redeem(data);
    if (ins === INS.missed) return missed(data);
    return ins === INS.debit ? readDebit(state, data) : couponCommand(ins, data);
  }

  function hashOf(ins: number, data: Uint8Array): Uint8Array {
    return keys.sha256(concat([new Uint8Array([ins]), data]));
  }

  /** Whether a command is the last one of the open desk, and nothing has come of it; then `x` is its. */
  function isLast(ins: number, data: Uint8Array): boolean {
    const stored = state.records.get(DESK_RECORD.command, 0);
    const last = stored && commandRecord.decode(stored);
    const isSame = !!last && last.receiptNumber === journal.receiptNumber() && equal(last.hash, hashOf(ins, data));
    x = isSame ? last.amount : 0;
    return isSame;
  }

  /** What signs for the owner, and is told from every other command by bytes that only its desk knows. */
  function asksOwner(ins: number): boolean {
    return (
      ins === INS.register || ins === INS.withdraw || (ins >= INS.couponStart && ins <= INS.missed && ins !== INS.debit)
    );
  }

  /** With the button pressed. What may be asked for again is durable before its answer goes out. */
  function atOpenDesk(ins: number, data: Uint8Array): PurseAnswer {
    const answer = atDesk(ins, data);
    // BUSY: a part of it is done.
    const isBegun = answer.ok || answer.code === 'BUSY';
    const isNone = ins === INS.redeem && !answer.ok && answer.code === 'NO_CHARGE';
    if (asksOwner(ins)) state.foundNone = isNone ? hashOf(ins, data) : NOTHING;
    if (asksOwner(ins) && isBegun && !isAgain) {
      const record = { hash: hashOf(ins, data), receiptNumber: journal.receiptNumber(), amount: x };
      state.records.put(DESK_RECORD.command, 0, commandRecord.encode(record));
    }
    return answer;
  }

  /** With the desk closed: what a house sent, as it was answered before or would have been. */
  function again(ins: number, data: Uint8Array): PurseAnswer {
    if (isAgain) return atDesk(ins, data);
    if (ins === INS.redeem && equal(state.foundNone, hashOf(ins, data))) return refuse('NO_CHARGE');
    // A reply is the waiting request's, or the one that ended it, and who asks for a part had the first one; a stranger
    // learns nothing from the refusal.
    const answer = ins === INS.part ? requests.part(data) : ins === INS.reply && reply ? reply(data) : null;
    if (answer && answer.ok) return answer;
    if (ins === INS.couponKeys && coupons && coupons.holds(data)) return { ok: true, data: NOTHING };
    return refuse('DESK_CLOSED');
  }

  return {
    answer: function (ins, data, atMs) {
      return guarded<PurseAnswer>(state, function () {
        nowMs = atMs;
        isAgain = asksOwner(ins) && isLast(ins, data);
        return isDeskOpen(state, nowMs) ? atOpenDesk(ins, data) : again(ins, data);
      });
    },
    isBusy: function () {
      return !!coupons && coupons.isBusy();
    },
  };
}
