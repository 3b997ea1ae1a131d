/**
 * Requests of a token that the desk carries without reading them: sealed registrations, sealed and keyed withdrawals,
 * coupons and their redemption (wire/request.ts). EP 0926637 [0039]-[0044], [0062]-[0069], [0084]-[0091].
 *
 * The token keeps a request until it has the reply, and gives the same bytes again; bank and issuer keep theirs. So a
 * procedure that broke off anywhere is begun again, and what waits is finished first.
 */
import { allCodes, codeOf, type Code } from '../../../firmware/core/codes.js';
import { concat, equal, toHex } from '../../../firmware/core/bytes.js';
import {
  couponKey,
  COUPON_KEY_BYTES,
  couponKeysBody,
  ownedRequest,
  REQUEST,
  signedCouponKeys,
} from '../../../firmware/wire/request.js';
import {
  amountRequest,
  commandRequest,
  couponStart,
  identity,
  INS,
  partRequest,
  replyAnswer,
  replyData,
  REQUEST_START_BYTES,
  requestPart,
  type RequestPart,
} from '../../../firmware/wire/token-commands.js';
import { splitAmount } from '../../base/crypto/coupon-signer.js';
import { sha256 } from '../../base/crypto/hash.js';
import { bytes } from '../../base/hex.js';
import { moneyText } from '../../base/money.js';
import { ERRORS, EXIT, refusal, type Result } from '../../base/errors.js';
import type { Act, DeskActs } from './desk-acts.js';
import { ENTRY_STEP, newCommandId, type DeskSteps } from './desk-steps.js';
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
/** Data of a command that has its id alone. */
const newCommand = () => commandRequest.encode({ commandId: newCommandId() });

/** Longest request: a registration of 32 pseudonyms has some 3,400 bytes. */
const REQUEST_BYTES_MAX = 4096;

/** Reads the rest of a request of which the token has given the first part. */
async function readWhole(steps: DeskSteps, first: RequestPart): Promise<Result<{ bytes: Uint8Array }>> {
  if (first.length > REQUEST_BYTES_MAX) return refusal('BAD_REQUEST', "the token's request");
  const start = first.part.slice(0, REQUEST_START_BYTES);
  if (start.length < REQUEST_START_BYTES) return refusal('BAD_REQUEST', "the token's request");
  let whole = first.part;
  while (whole.length < first.length) {
    const next = await steps.token(
      'request',
      INS.part,
      partRequest.encode({ start, offset: whole.length }),
      (answer) => (answer.length > 0 ? answer : null),
    );
    if (!next.ok) return next;
    whole = concat([whole, next.answer]);
  }
  return whole.length === first.length ? { ok: true, bytes: whole } : refusal('BAD_REQUEST', "the token's request");
}

/**
 * Brings a request to who answers it, and the reply to the token. @param onRequest before it goes out, with its bytes
 */
export async function finish(
  services: Services,
  steps: DeskSteps,
  first: RequestPart,
  onRequest: (bytes: Uint8Array) => void = () => undefined,
): Promise<Result<Finished>> {
  const { bank, issuer } = services;
  if (first.kind !== REQUEST.redeem && !bank) return refusal('OPERATOR_UNKNOWN', 'this desk has no bank');
  const whole = await readWhole(steps, first);
  if (!whole.ok) return whole;
  onRequest(whole.bytes);
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

/** A request as an act notes it before it goes out. */
export interface NotedRequest {
  /** SHA-256 of its bytes, as hexadecimal. */
  about: string;
  /** Encoded `ownedRequest`, as hexadecimal. */
  request: string;
}

/** What an act notes of a request. */
export const notedOf = (request: Uint8Array): NotedRequest => ({
  about: toHex(sha256(request)),
  request: toHex(request),
});

/**
 * What became of the request that an act noted: the bank keeps what it answered to those bytes. Where the token still
 * waits for the reply, it gets it here. `none`: nothing was noted. `left`: another token is there, and nobody named the
 * act. Codes: TOKEN_CHANGED.
 */
export async function stateOfNoted(
  services: Services,
  steps: DeskSteps,
  act: Act,
): Promise<Result<{ state: 'none' | 'left' | 'refused' | 'done' }>> {
  const noted = act.progress<Partial<NotedRequest>>()?.request;
  if (!noted) return { ok: true, state: 'none' };
  const request = bytes(noted);
  const read = await steps.token('identity', INS.identity, NOTHING, (answer) => identity.decode(answer));
  if (!read.ok) return read;
  const owner = ownedRequest.decode(request)?.accountKey;
  if (!owner || !equal(owner, read.answer.accountKey))
    return act.leave() ? { ok: true, state: 'left' } : refusal('TOKEN_CHANGED');
  const given = await steps.service('request', () => services.bank!.request(request));
  if (!given.ok && ERRORS[given.code].exit !== EXIT.refused) return given;
  const waiting = await finishWaiting(services, steps);
  if (!waiting.ok) return waiting;
  return { ok: true, state: given.ok && !given.refused ? 'done' : 'refused' };
}

/**
 * Asks the token to withdraw: the first part of its request, or of one that still waits.
 * @param step 'withdraw', or `ENTRY_STEP` to wait until the owner has entered x; `amount` is 0 then
 */
export function askFor(steps: DeskSteps, amount: number, step = 'withdraw'): Promise<Result<{ answer: RequestPart }>> {
  return steps.token(step, INS.withdraw, amountRequest.encode({ commandId: newCommandId(), amount }), (bytes) =>
    requestPart.decode(bytes),
  );
}

/**
 * Asks the token for the request for x that its owner enters on it [0017], [0067]; what waits on it is finished before.
 */
export async function askForEntered(services: Services, steps: DeskSteps): Promise<Result<{ answer: RequestPart }>> {
  const finished = await finishWaiting(services, steps);
  return finished.ok ? askFor(steps, 0, ENTRY_STEP) : finished;
}

/** Asks the token for its question about a missed receipt, or for what still waits. */
export function askForMissed(steps: DeskSteps): Promise<Result<{ answer: RequestPart }>> {
  return steps.token('missed receipts', INS.missed, newCommand(), (bytes) => requestPart.decode(bytes));
}

/** What a withdrawal by coupons came to. */
export interface CouponsTaken {
  /** Worth of the coupons that the token holds now, besides what it held. */
  amount: number;
}

/** A withdrawal by coupons, as the desk notes it. */
interface CouponProgress extends Partial<NotedRequest> {
  /** x in all. */
  amount: number;
  /** Worth of each coupon that the token has of it. */
  taken: number[];
  /** Worth of the one that is under way. */
  part?: number;
}

/**
 * [0039]-[0041]: as many coupons as the amount splits into, each blinded by the token and verified by it.
 * @param given null: what the owner enters on the token @param mayPay whether the token can pay with what it gets
 */
export async function takeCoupons(
  services: Services,
  steps: DeskSteps,
  given: number | null,
  acts: Pick<DeskActs, 'other'>,
  act: Act,
  mayPay: () => Promise<Result<object>>,
): Promise<Result<CouponsTaken>> {
  const known = given ?? act.progress<CouponProgress>()?.amount ?? null;
  const entered = known === null ? await enteredForCoupons(services, steps) : null;
  if (entered && !entered.ok) return entered;
  const amount = entered ? entered.amount : known!;
  // Whether it may pay is asked by OPEN, after which nothing that the owner entered waits any more.
  const licensed = act.progress() ? null : await mayPay();
  if (licensed && !licensed.ok) return licensed;
  const keys = await readCouponKeys(services, steps);
  if (!keys.ok) return keys;
  const parts = splitAmount(amount, [...keys.moduli.keys()]);
  if (!parts) return refusal('AMOUNT_INVALID', `coupons are of ${[...keys.moduli.keys()].map(keys.money).join(', ')}`);
  // What the same act took before it broke off.
  const before = act.progress<CouponProgress>();
  const noted = await stateOfNoted(services, steps, act);
  if (!noted.ok) return noted;
  const took = noted.state === 'left' ? [] : (before?.taken ?? []);
  if (noted.state === 'done') took.push(before!.part!);
  if (took.length > 0) act.note({ amount, taken: took } satisfies CouponProgress);
  for (const part of took) strike(parts, part);
  const agreed =
    entered ??
    (await agreeToCoupons(services, steps, parts, (coupon, about) => {
      // A coupon that was asked for before and never arrived is one of these, where no other act asked for it.
      if (acts.other(act, 'withdraw', about)) return;
      took.push(coupon);
      strike(parts, coupon);
    }));
  if (!agreed.ok) return agreed;
  const listed = await steps.token('coupon keys', INS.couponKeys, keys.list, (answer) =>
    answer.length === 0 ? true : null,
  );
  if (!listed.ok) return listed;
  for (const part of parts) {
    const done = await takeCoupon(services, steps, part, keys.moduli.get(part)!, (request) =>
      act.note({ amount, taken: took, part, ...notedOf(request) } satisfies CouponProgress),
    );
    if (!done.ok) return done;
    if (done.code !== 'OK') {
      if (took.length === 0) act.forget();
      else act.note({ amount, taken: took } satisfies CouponProgress);
      const taken = took.reduce((sum, one) => sum + one, 0);
      return refusal(
        done.code,
        taken === 0
          ? 'withdrawal'
          : `the token holds coupons of ${keys.money(taken)} of ${keys.money(amount)}, which can be redeemed`,
      );
    }
    took.push(part);
    act.note({ amount, taken: took } satisfies CouponProgress);
  }
  return { ok: true, amount };
}

/** The x that the owner enters, agreed to by that; what waits on the token is finished before. */
async function enteredForCoupons(services: Services, steps: DeskSteps): Promise<Result<{ amount: number }>> {
  for (;;) {
    const asked = await askFor(steps, 0, ENTRY_STEP);
    if (!asked.ok) return asked;
    if (asked.answer.length === 0) return { ok: true, amount: asked.answer.amount };
    const done = await finishFirst(services, steps, asked.answer);
    if (!done.ok) return done;
  }
}

/** One of `parts` is there already. */
function strike(parts: number[], part: number): void {
  const at = parts.indexOf(part);
  if (at >= 0) parts.splice(at, 1);
}

/**
 * Asks the owner, on the token, for what is still to come [0017]; before that, what waits on the token is finished.
 * @param onCoupon of what waited @param parts what is to come; `onCoupon` may make them fewer
 */
async function agreeToCoupons(
  services: Services,
  steps: DeskSteps,
  parts: number[],
  onCoupon: (amount: number, about: string) => void,
): Promise<Result<object>> {
  for (;;) {
    const rest = parts.reduce((sum, part) => sum + part, 0);
    if (rest === 0) return { ok: true };
    const asked = await askFor(steps, rest);
    if (!asked.ok) return asked;
    if (asked.answer.length === 0) return { ok: true };
    const done = await finishFirst(services, steps, asked.answer);
    if (!done.ok) return done;
    if (done.coupon > 0) onCoupon(done.coupon, done.about);
  }
}

async function takeCoupon(
  services: Services,
  steps: DeskSteps,
  amount: number,
  modulus: Uint8Array,
  onRequest: (bytes: Uint8Array) => void,
): Promise<Result<Finished>> {
  for (let tries = 0; ; tries++) {
    const masked = await steps.token(
      'coupon',
      INS.couponStart,
      couponStart.encode({ commandId: newCommandId(), amount, modulus }),
      (answer) => (answer.length === modulus.length ? answer : null),
    );
    if (!masked.ok) return masked;
    const inverse = inverseOf(masked.answer, modulus);
    if (!inverse) return refusal('BAD_REQUEST', 'no inverse');
    const first = await steps.token('coupon', INS.couponBlind, inverse, (answer) => requestPart.decode(answer));
    if (first.ok) return finish(services, steps, first.answer, onRequest);
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
    const first = await steps.token('redeem', INS.redeem, newCommand(), (answer) => requestPart.decode(answer));
    if (!first.ok) return first.code === 'NO_CHARGE' ? { ok: true, amount, receiptNumber } : first;
    const done = await finish(services, steps, first.answer);
    if (!done.ok) return done;
    // RECEIPT_GAP: the token has the receipt that it missed now, and redeems with the next number.
    if (done.code !== 'OK' && done.code !== 'RECEIPT_GAP') return refusal(done.code, 'redemption');
    if (done.code === 'OK' && done.kind === REQUEST.redeem) amount += done.amount;
    receiptNumber = done.receiptNumber;
  }
}

/** Finishes a request that waits on the token; where nothing does, it may ask for a receipt that was missed. */
async function finishWaiting(services: Services, steps: DeskSteps): Promise<Result<object>> {
  const withCoupons = services.scheme?.issue === 'coupon';
  const waiting = await (withCoupons ? askFor(steps, 0) : askForMissed(steps));
  // NO_CHARGE: nothing waits. Where there are coupons a question for receipts has a session of its own.
  if (!waiting.ok) return waiting.code === 'NO_CHARGE' ? { ok: true } : waiting;
  return waiting.answer.length === 0 ? { ok: true } : finishFirst(services, steps, waiting.answer);
}

/** Finishes it. @returns amount of the coupon that it was for, or 0; and SHA-256 of it, as hexadecimal */
async function finishFirst(
  services: Services,
  steps: DeskSteps,
  first: RequestPart,
): Promise<Result<{ coupon: number; about: string }>> {
  let about = '';
  const done = await finish(services, steps, first, (request) => (about = notedOf(request).about));
  if (!done.ok) return done;
  return { ok: true, about, coupon: done.kind === REQUEST.coupon && done.code === 'OK' ? done.amount : 0 };
}

async function readCouponKeys(
  services: Services,
  steps: DeskSteps,
): Promise<Result<{ list: Uint8Array; moduli: Map<number, Uint8Array>; money(amount: number): string }>> {
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
    money: (amount) => moneyText(amount, body.currency),
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
