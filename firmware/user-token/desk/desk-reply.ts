/**
 * Replies to the request that waits: boxes under its K, or the bank's blind signature (EP 0926637 [0041], [0044],
 * [0065], [0069], [0087], [0091], [0113]).
 *
 * A box that is not this request's changes nothing. What one holds is final; what it changes is durable before the
 * request ends, and changes nothing when it comes again, so that a loss of power anywhere in between is made good by
 * the same boxes.
 */
import { codeNumber, codeOf, refuse } from '../../core/codes.js';
import type { Code } from '../../core/codes.js';
import { grantPlain, replyPlain, REQUEST, TO_TOKEN } from '../../wire/request.js';
import type { ReplyPlain } from '../../wire/request.js';
import { replyAnswer, replyData } from '../../wire/token-commands.js';
import type { Coupons } from './desk-coupons.js';
import type { Papers } from './desk-papers.js';
import { DESK_RECORD, sharedKey } from './desk-records.js';
import type { RequestHead } from './desk-records.js';
import type { DeskTools } from './desk-tools.js';
import type { PurseAnswer, PurseState } from '../purse.js';
import type { Requests } from '../requests.js';
import { RECORD } from '../token-records.js';

/** Makes the REPLY command. @param coupons null where the scheme has none @param progress told of each license */
export function createReplies(
  state: PurseState,
  requests: Requests,
  papers: Papers,
  tools: DeskTools,
  coupons: Coupons | null,
  progress: (done: number, total: number) => void,
): (data: Uint8Array) => PurseAnswer {
  function answer(left: number, code: Code, receiptNumber: number): PurseAnswer {
    const data = replyAnswer.encode({
      left: left,
      code: codeNumber(code),
      receiptNumber: receiptNumber,
    });
    return { ok: true, data: data };
  }

  function end(code: Code, hash: Uint8Array): PurseAnswer {
    const receiptNumber = state.journal.receiptNumber();
    // First: the command that began it never begins another one.
    if (state.records.get(DESK_RECORD.command, 0)) state.records.put(DESK_RECORD.command, 0, new Uint8Array(0));
    requests.end(codeNumber(code), receiptNumber, hash);
    return answer(0, code, receiptNumber);
  }

  /** [0041], or the bank's word that the account holds too little. */
  function takeCoupon(head: RequestHead, signature: Uint8Array, hash: Uint8Array): PurseAnswer {
    if (!coupons) return refuse('COUPON_INVALID');
    const isTaken = coupons.take(head.amount, signature);
    if (!isTaken && !coupons.isRefused(signature)) return refuse('COUPON_INVALID');
    const ended = end(isTaken ? 'OK' : 'FUNDS_INSUFFICIENT', hash);
    coupons.forget();
    return ended;
  }

  /**
   * [0065], [0087], [0113]: licenses come in order, and again at will. What was taken stands in flash: also after a
   * reset the same box has the same answer.
   */
  function takeGrant(head: RequestHead, index: number, reply: ReplyPlain, hash: Uint8Array): PurseAnswer {
    const count = state.config.pseudonyms;
    const grant = grantPlain.decode(reply.body);
    if (!grant || index >= count) return refuse('BAD_REQUEST');
    if (index > 0 && !state.records.get(RECORD.license, index - 1)) return refuse('BAD_REQUEST');
    const refused = papers.takeLicense(index, { license: grant.license, multiples: grant.multiples });
    // A license that ends later is held: it stays.
    if (refused && refused.code !== 'NOT_NEWER') return refused;
    progress(index + 1, count);
    if (index + 1 < count) return answer(count - index - 1, 'OK', state.journal.receiptNumber());
    if (state.config.issue === 'keyed') {
      state.records.put(DESK_RECORD.sharedKey, 0, sharedKey.encode({ kid: grant.kid, k: head.k, sequence: 0 }));
    }
    return end('OK', hash);
  }

  /** [0044], [0069], [0091]: a receipt, the missed one before it, or a refusal. */
  function takeCash(head: RequestHead, code: Code, reply: ReplyPlain, hash: Uint8Array): PurseAnswer {
    // Cash that was given has its receipt.
    if (reply.body.length === 0 && code === 'OK' && head.amount > 0) return refuse('REPLY_INVALID');
    if (reply.body.length > 0) {
      const refused = papers.takeReceipt(reply.body);
      if (refused) return refused;
    }
    if (head.kind === REQUEST.redeem && head.amount > 0 && coupons && (code === 'OK' || code === 'COUPON_SPENT'))
      coupons.remove(head.coupon);
    if (head.kind === REQUEST.keyedIssue) {
      state.records.put(
        DESK_RECORD.sharedKey,
        0,
        sharedKey.encode({ kid: head.kid, k: head.k, sequence: head.sequence }),
      );
    }
    return end(code, hash);
  }

  return function (data) {
    // 1. It is a box.
    const offered = replyData.decode(data);
    if (!offered) return refuse('BAD_REQUEST');
    // 2. The one that ended the last request: the same answer.  3. A request waits.
    const hash = state.keys.sha256(offered.body);
    const ended = requests.endedBy(hash);
    if (ended) return answer(0, codeOf(ended.code), ended.length);
    const head = requests.waiting();
    if (!head) return refuse('NO_CHARGE');
    if (head.kind === REQUEST.coupon) return takeCoupon(head, offered.body, hash);
    // 4. The issuer's, to this very request.
    const info = { direction: TO_TOKEN, kind: head.kind, kid: head.kid, sequence: head.sequence, index: offered.index };
    const plain = tools.openBox(head.k, info, offered.body);
    const reply = plain && replyPlain.decode(plain);
    if (!reply) return refuse('REPLY_INVALID');
    const code = codeOf(reply.code);
    if (head.kind !== REQUEST.register) return takeCash(head, code, reply, hash);
    return code === 'OK' ? takeGrant(head, offered.index, reply, hash) : end(code, hash);
  };
}
