/**
 * Requests of a token that the desk carries without reading them: sealed registrations, sealed and keyed withdrawals,
 * coupons and their redemption (wire/request.ts). EP 0926637 [0039]-[0044], [0062]-[0069], [0084]-[0091].
 *
 * The token keeps a request until it has the reply, and gives the same bytes again; bank and issuer keep theirs. So a
 * procedure that broke off anywhere is begun again, and what waits is finished first.
 */
import { allCodes, codeOf, type Code } from '../../../firmware/core/codes.js';
import { concat } from '../../../firmware/core/bytes.js';
import {
  couponKey,
  COUPON_KEY_BYTES,
  couponKeysBody,
  REQUEST,
  signedCouponKeys,
} from '../../../firmware/wire/request.js';
import {
  amountRequest,
  couponStart,
  INS,
  partRequest,
  replyAnswer,
  replyData,
  requestPart,
  type RequestPart,
} from '../../../firmware/wire/token-commands.js';
import { splitAmount } from '../../base/crypto/coupon-signer.js';
import { refusal, type Result } from '../../base/errors.js';
import type { DeskSteps } from './desk-steps.js';
import type { Services } from '../../base/services/calls.js';

/** A request that has come to its end. */
export interface Finished {
  kind: number;
  amount: number;
  /** The issuer's code, as the token read it; OK for a coupon that it verified. */
  code: Code;
  /** Number of the last receipt that the token has. */
  receiptNumber: number;
  /** Bank or issuer had answered these bytes before. */
  repeated: boolean;
}

const NOTHING = new Uint8Array(0);
/** Longest request: a registration of 32 pseudonyms has some 3,400 bytes. */
const REQUEST_BYTES_MAX = 4096;

/** Reads the rest of a request of which the token has given the first part. */
async function readWhole(steps: DeskSteps, first: RequestPart): Promise<Result<{ bytes: Uint8Array }>> {
  if (first.length > REQUEST_BYTES_MAX) return refusal('BAD_REQUEST', "the token's request");
  let bytes = first.part;
  while (bytes.length < first.length) {
    const next = await steps.token('request', INS.part, partRequest.encode({ offset: bytes.length }), (answer) =>
      answer.length > 0 ? answer : null,
    );
    if (!next.ok) return next;
    bytes = concat([bytes, next.answer]);
  }
  return bytes.length === first.length ? { ok: true, bytes } : refusal('BAD_REQUEST', "the token's request");
}

/** Brings a request to who answers it, and the reply to the token. */
export async function finish(services: Services, steps: DeskSteps, first: RequestPart): Promise<Result<Finished>> {
  const { bank, issuer } = services;
  if (first.kind !== REQUEST.redeem && !bank) return refusal('OPERATOR_UNKNOWN', 'this desk has no bank');
  const whole = await readWhole(steps, first);
  if (!whole.ok) return whole;
  const given = await steps.service('request', () =>
    first.kind === REQUEST.redeem ? issuer.redeem(whole.bytes) : bank!.request(whole.bytes),
  );
  if (!given.ok) return given;
  // A reply without a box is a refusal that the token cannot verify: its request goes on waiting, and a registration
  // replaces it.
  if (given.boxes.length === 0) return refusal('REFUSED', 'the issuer could not read the request');
  let last = { left: 0, code: 0, receiptNumber: 0 };
  for (const [index, body] of given.boxes.entries()) {
    const taken = await steps.token('reply', INS.reply, replyData.encode({ index, body }), (answer) =>
      replyAnswer.decode(answer),
    );
    if (!taken.ok) return taken;
    last = taken.answer;
    if (last.left === 0) break;
  }
  if (last.left > 0 || last.code >= allCodes().length) return refusal('REPLY_INVALID', 'boxes are missing');
  return {
    ok: true,
    kind: first.kind,
    amount: first.amount,
    code: codeOf(last.code),
    receiptNumber: last.receiptNumber,
    repeated: given.repeated,
  };
}

/** Asks the token to withdraw: the first part of its request, or of one that still waits. */
export function askFor(steps: DeskSteps, amount: number): Promise<Result<{ answer: RequestPart }>> {
  return steps.token('withdraw', INS.withdraw, amountRequest.encode({ amount }), (bytes) => requestPart.decode(bytes));
}

/** Asks a token of a scheme with coupons for its question about a missed receipt, or for what still waits. */
export function askForMissed(steps: DeskSteps): Promise<Result<{ answer: RequestPart }>> {
  return steps.token('missed receipts', INS.missed, NOTHING, (bytes) => requestPart.decode(bytes));
}

/** What a withdrawal by coupons came to. */
export interface CouponsTaken {
  /** Worth of the coupons that the token holds now, besides what it held. */
  amount: number;
}

/** [0039]-[0041]: as many coupons as the amount splits into, each blinded by the token and verified by it. */
export async function takeCoupons(services: Services, steps: DeskSteps, amount: number): Promise<Result<CouponsTaken>> {
  const keys = await readCouponKeys(services, steps);
  if (!keys.ok) return keys;
  const parts = splitAmount(amount, [...keys.moduli.keys()]);
  if (!parts) return refusal('AMOUNT_INVALID', `coupons are of ${[...keys.moduli.keys()].join(', ')}`);
  // A coupon that was asked for before and never arrived is one of these, where it fits.
  const waiting = await finishWaiting(services, steps);
  if (!waiting.ok) return waiting;
  const already = parts.indexOf(waiting.coupon);
  if (already >= 0) parts.splice(already, 1);
  const listed = await steps.token('coupon keys', INS.couponKeys, keys.list, (answer) =>
    answer.length === 0 ? true : null,
  );
  if (!listed.ok) return listed;
  let taken = 0;
  for (const part of parts) {
    const done = await takeCoupon(services, steps, part, keys.moduli.get(part)!);
    if (!done.ok) return done;
    if (done.code !== 'OK')
      return refusal(
        done.code,
        taken === 0 ? 'withdrawal' : `the token holds coupons of ${taken} of ${amount}, which can be redeemed`,
      );
    taken += part;
  }
  return { ok: true, amount };
}

async function takeCoupon(
  services: Services,
  steps: DeskSteps,
  amount: number,
  modulus: Uint8Array,
): Promise<Result<Finished>> {
  for (let tries = 0; ; tries++) {
    const masked = await steps.token('coupon', INS.couponStart, couponStart.encode({ amount, modulus }), (answer) =>
      answer.length === modulus.length ? answer : null,
    );
    if (!masked.ok) return masked;
    const inverse = inverseOf(masked.answer, modulus);
    if (!inverse) return refusal('BAD_REQUEST', 'no inverse');
    const first = await steps.token('coupon', INS.couponBlind, inverse, (answer) => requestPart.decode(answer));
    if (first.ok) return finish(services, steps, first.answer);
    // The token forgets r with its power: begun again.
    if (first.code !== 'NO_CHARGE' || tries > 0) return first;
  }
}

/** Redeems every coupon that the token holds [0042]-[0044]. @returns what it was credited with */
export async function redeemCoupons(
  services: Services,
  steps: DeskSteps,
): Promise<Result<{ amount: number; receiptNumber: number }>> {
  let amount = 0;
  let receiptNumber = 0;
  for (;;) {
    const first = await steps.token('redeem', INS.redeem, NOTHING, (answer) => requestPart.decode(answer));
    if (!first.ok) return first.code === 'NO_CHARGE' ? { ok: true, amount, receiptNumber } : first;
    const done = await finish(services, steps, first.answer);
    if (!done.ok) return done;
    // RECEIPT_GAP: the token has the receipt that it missed now, and redeems with the next number.
    if (done.code !== 'OK' && done.code !== 'RECEIPT_GAP') return refusal(done.code, 'redemption');
    if (done.code === 'OK' && done.kind === REQUEST.redeem) amount += done.amount;
    receiptNumber = done.receiptNumber;
  }
}

/** Finishes a request that waits on a token with coupons. @returns amount of the coupon that it was for, or 0 */
async function finishWaiting(services: Services, steps: DeskSteps): Promise<Result<{ coupon: number }>> {
  const waiting = await askFor(steps, 0);
  // BAD_REQUEST: nothing waits, and there is nothing to ask for 0 in this scheme.
  if (!waiting.ok)
    return waiting.code === 'REFUSED' || waiting.code === 'BAD_REQUEST' ? { ok: true, coupon: 0 } : waiting;
  const done = await finish(services, steps, waiting.answer);
  return done.ok ? { ok: true, coupon: done.kind === REQUEST.coupon && done.code === 'OK' ? done.amount : 0 } : done;
}

async function readCouponKeys(
  services: Services,
  steps: DeskSteps,
): Promise<Result<{ list: Uint8Array; moduli: Map<number, Uint8Array> }>> {
  const published = await steps.service('coupon keys', () => services.issuer.couponKeys());
  if (!published.ok) return published;
  const outer = signedCouponKeys.decode(published.list);
  const body = outer && couponKeysBody.decode(outer.body);
  if (!body || body.keys.length !== COUPON_KEY_BYTES * published.moduli.length)
    return refusal('REPLY_INVALID', 'coupon keys');
  const amounts = published.moduli.map(
    (_, i) => couponKey.decode(body.keys.subarray(COUPON_KEY_BYTES * i, COUPON_KEY_BYTES * (i + 1)))?.amount ?? 0,
  );
  return {
    ok: true,
    list: published.list,
    moduli: new Map(amounts.map((amount, i) => [amount, published.moduli[i]!])),
  };
}

/**
 * 1/a modulo n, as many bytes as n; null where there is none. The token asks for r u with a random u that it keeps:
 * whatever r is, every value is as likely, so the desk learns nothing of r (docs/threat-model.md).
 */
export function inverseOf(a: Uint8Array, n: Uint8Array): Uint8Array | null {
  const modulus = BigInt('0x' + Buffer.from(n).toString('hex'));
  let [r0, r1] = [modulus, BigInt('0x' + Buffer.from(a).toString('hex')) % modulus];
  let [t0, t1] = [0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [t0, t1] = [t1, t0 - quotient * t1];
  }
  if (r0 !== 1n) return null;
  return new Uint8Array(
    Buffer.from((((t0 % modulus) + modulus) % modulus).toString(16).padStart(2 * n.length, '0'), 'hex'),
  );
}
