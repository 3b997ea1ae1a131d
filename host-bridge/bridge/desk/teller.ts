/**
 * The teller's desk: registration [0013]-[0016] and withdrawal [0017]-[0021] through the terminal's reader.
 *
 * The token names its receipt number, the issuer keeps its answer to it, the trustee its license; what the desk must
 * know besides is on disk before it is used (desk-acts.ts). So a procedure that broke off anywhere is repeated from the
 * start, with the same effect as if it had not. A torn tap, a token whose button was not pressed yet, and a service
 * that is out for a moment are waited for; `onEvent` says what for.
 */
import type { KeyLine } from '../../base/keys/key-line.js';
import { schemeOf, type Scheme } from '../../../firmware/core/scheme.js';
import { isAmount } from '../../../firmware/core/amount.js';
import { copy, equal, toHex } from '../../../firmware/core/bytes.js';
import { chargeId, license, licenseBody, LICENSE_BYTES, RS_BYTES } from '../../../firmware/wire/payment.js';
import { isName } from '../../../firmware/wire/name.js';
import { registration, registrationBody } from '../../../firmware/wire/registration.js';
import {
  amountRequest,
  identity,
  INS,
  licenseGrant,
  nameRequest,
  receiptAnswer,
  requestPart,
  tokenStatus,
  type Identity,
  type TokenStatus,
} from '../../../firmware/wire/token-commands.js';
import { REQUEST } from '../../../firmware/wire/request.js';
import { receipt, receiptBody, withdrawal, withdrawalBody } from '../../../firmware/wire/withdrawal.js';
import { bytes, type Hexed } from '../../base/hex.js';
import { ERRORS, EXIT, refusal, type ErrorCode, type HostRefusal, type Result } from '../../base/errors.js';
import { UNSEEN_MAX_S, type Act, type ActCall, type DeskActs } from './desk-acts.js';
import { claimDebits, readStatement, type ClaimLine, type Debit } from './desk-statement.js';
import type { createUnload, Unloaded } from './desk-unload.js';
import {
  createDeskSteps,
  ENTRY_STEP,
  newCommandId,
  type DeskEvent,
  type DeskSteps,
  type DeskStepOptions,
} from './desk-steps.js';
import { multiplesOf } from '../../base/crypto/key-multiples.js';
import {
  askFor,
  askForEntered,
  askForMissed,
  finish,
  redeemCoupons,
  takeCoupons,
  notedOf,
  stateOfNoted,
  type NotedRequest,
} from './desk-requests.js';
import type { Services } from '../../base/services/calls.js';

/** How often the token is asked anew where nothing has come of it; receipts that it missed and got do not count. */
const ROUNDS_MAX = 4;

export interface TellerOptions extends DeskStepOptions {
  services: Services;
  acts: DeskActs;
  /** PKR, 32 bytes. */
  registrar: KeyLine;
  /** Unix time, seconds. */
  nowS(): number;
  unload: ReturnType<typeof createUnload>;
  /** Takes the reader for one procedure: why it is not free, or what frees it again. */
  reserve(): { ok: true; free(): void } | HostRefusal;
  /** A procedure waits for this. */
  onWait?(event: DeskEvent): void;
  /** A procedure has ended so. */
  onEnd?(code: ErrorCode): void;
}

/** What a procedure may be told. */
export interface DeskCall {
  /** Of an act that moves money, 16 bytes: the same again is the same act, with the same answer (desk-acts.ts). */
  id?: Uint8Array;
  /** What is waited for. */
  onEvent?(event: DeskEvent): void;
  /** How long each step may take, taps and waits together; default `DESK_STEP_MS`. */
  stepMs?: number;
  /** Gives the procedure up between two steps: INTERRUPTED. */
  signal?: AbortSignal;
}

export interface Registered {
  name: string;
  /** null where the desk does not learn it. */
  pku: Uint8Array | null;
  /** ABC right after the funding; null without. */
  balance: number | null;
  /** The registrar had registered this token before. */
  repeated: boolean;
}

export interface Withdrawn {
  amount: number;
  receiptNumber: number;
  /** Worth of coupons that the token holds now and has to redeem; 0 in schemes without. */
  coupons: number;
  /** Sum of receipts that the token had missed and got now, besides. */
  missed: number;
  /** This completes an earlier withdrawal of the same amount, whose receipt the token or the desk had not seen. */
  repeated: boolean;
}

/**
 * The desk. One procedure at a time; codes of all: BUSY, CHARGE_OPEN, LINK_DOWN, NO_TOKEN, DESK_CLOSED and the
 * services'.
 */
export interface Teller {
  /**
   * Opens the account, puts `funding` in, once for each id, registers, and gives the token its license. Codes also:
   * NAME_INVALID, AMOUNT_INVALID, TOKEN_CHANGED.
   */
  registerUser(request: { name: string; funding?: number } & DeskCall): Promise<Result<Registered>>;
  /**
   * Gives the token a license for longer, towards the end of the one that it has. Codes also: NAME_INVALID,
   * NOT_LICENSED, DENIED.
   */
  renewUser(request: { name: string } & DeskCall): Promise<Result<Registered>>;
  /**
   * Codes also: AMOUNT_INVALID, NO_KEYS. In a scheme with coupons the token has them afterwards, and no cash yet.
   * @param request without an amount: the one that the owner enters on the token [0017], [0067]
   */
  withdraw(request: { amount?: number } & DeskCall): Promise<Result<Withdrawn>>;
  /**
   * From the token back to its owner's account, as a payment to it. Codes also: AMOUNT_INVALID, NAME_INVALID, REFUSED,
   * TOKEN_CHANGED.
   */
  unload(request: { name: string; amount: number } & DeskCall): Promise<Result<Unloaded>>;
  /** Redeems the coupons on the token: another session, so that bank and issuer cannot tell whose they are. */
  redeem(request?: DeskCall): Promise<Result<{ amount: number; receiptNumber: number }>>;
  /**
   * Gives the token the receipts that it missed, of refunds for example.
   * @returns their sum, as far as the desk may know it
   */
  collect(request?: DeskCall): Promise<Result<{ receiptNumber: number }>>;
  /** The payments in the token's journal, as their payer can prove them. */
  statement(request?: DeskCall): Promise<Result<{ debits: Debit[] }>>;
  /** Claims back the debits that no shop deposited; what comes back is then fetched by `collect`. */
  reconcile(request?: DeskCall): Promise<Result<{ claims: ClaimLine[] }>>;
  tokenStatus(request?: DeskCall): Promise<Result<{ status: TokenStatus; identity: Identity }>>;
  /** Whether anything of an act has begun here, and whether it has its answer. @param id 16 bytes */
  stateOf(id: Uint8Array): 'unknown' | 'open' | 'answered';
}

/** A stored answer that has no bytes in it. */
const asStored = <T>(stored: T): T => stored;

/** One procedure at the reader. */
type Run = <T>(request: DeskCall, procedure: (steps: DeskSteps) => Promise<Result<T>>) => Promise<Result<T>>;

/**
 * Whether the token can pay with what it withdraws: one whose license is over cannot. Where pseudonyms are not for the
 * desk, the issuer judges that. Codes: LICENSE_EXPIRED.
 */
async function checkLicensed(options: TellerOptions, steps: DeskSteps): Promise<Result<object>> {
  const charge = chargeId.encode({ rs: new Uint8Array(RS_BYTES), shop: 'desk' });
  const opened = await steps.token('license', INS.open, charge, (answer) =>
    licenseBody.decode(license.decode(copy(answer, 0, LICENSE_BYTES))?.body ?? new Uint8Array(0)),
  );
  if (!opened.ok) return opened;
  return options.nowS() < opened.answer.validUntilS ? { ok: true } : refusal('LICENSE_EXPIRED', 'withdrawal');
}

/** What a procedure is asked for. */
type Procedure<T> = (steps: DeskSteps, act: Act) => Promise<Result<T>>;

/** One act under its id: its stored answer at once, or the procedure. */
const onceOf =
  (options: TellerOptions, run: Run) =>
  <T extends object>(
    request: DeskCall,
    call: Omit<ActCall, 'id'>,
    procedure: Procedure<T>,
    thaw: (stored: Hexed<T>) => T,
    isAnswer?: (done: T) => boolean,
  ): Promise<Result<T>> =>
    options.acts.once(
      { ...call, id: request.id },
      (act) => run(request, (steps) => procedure(steps, act)),
      thaw,
      isAnswer,
    );

/** The acts that move money, each under its id. */
function moneyActs(
  options: TellerOptions,
  run: Run,
): Pick<Teller, 'registerUser' | 'withdraw' | 'unload' | 'redeem' | 'reconcile'> {
  const once = onceOf(options, run);
  return {
    async registerUser(request) {
      const { name, funding } = request;
      if (!isName(name)) return refusal('NAME_INVALID');
      if (funding !== undefined && !isAmount(funding)) return refusal('AMOUNT_INVALID');
      return once<Registered>(
        request,
        { kind: 'register', body: { name, funding: funding ?? null } },
        (steps, act) =>
          licenseToken(options, steps, name, funding === undefined ? null : { amount: funding, act }, 'register'),
        (stored) => ({ ...stored, pku: stored.pku === null ? null : bytes(stored.pku) }),
      );
    },
    async withdraw(request) {
      const { amount = null } = request;
      if (amount !== null && !isAmount(amount)) return refusal('AMOUNT_INVALID');
      return once<Withdrawn>(
        request,
        { kind: 'withdraw', body: { amount }, unseenMaxS: UNSEEN_MAX_S },
        (steps, act) => issueOf[schemeIn(options).issue](options, steps, amount, act),
        asStored,
      );
    },
    async unload(request) {
      const { name, amount } = request;
      if (!isAmount(amount)) return refusal('AMOUNT_INVALID');
      if (!isName(name)) return refusal('NAME_INVALID');
      return once<Unloaded>(
        request,
        { kind: 'unload', body: { name, amount } },
        (steps, act) => options.unload(steps, name, amount, act),
        asStored,
        // Until its delivery has ended, the same act asks how it stands.
        ({ state }) => state !== 'pending' && state !== 'held',
      );
    },
    redeem: async (request = {}) =>
      once(request, { kind: 'redeem', body: {} }, (steps) => redeemCoupons(options.services, steps), asStored),
    reconcile: async (request = {}) =>
      once(
        request,
        { kind: 'reconcile', body: {} },
        (steps) => claimDebits(options.services, steps, options.registrar),
        ({ claims }) => ({ claims: claims.map((claim) => ({ ...claim, rs: bytes(claim.rs) })) }),
        // What got no word is claimed again by the same act.
        ({ claims }) => claims.every(({ code }) => code === null || ERRORS[code].exit === EXIT.refused),
      ),
  };
}

/** Makes the desk. */
export function createTeller(options: TellerOptions): Teller {
  async function run<T>(request: DeskCall, procedure: (steps: DeskSteps) => Promise<Result<T>>): Promise<Result<T>> {
    const place = options.reserve();
    if (!place.ok) return place;
    try {
      const onWait = (event: DeskEvent): void => {
        options.onWait?.(event);
        request.onEvent?.(event);
      };
      const result = await procedure(createDeskSteps(options, onWait, request.stepMs, request.signal));
      options.onEnd?.(result.ok ? 'OK' : result.code);
      return result;
    } finally {
      place.free();
    }
  }
  return {
    ...moneyActs(options, run),
    async renewUser(request) {
      if (!isName(request.name)) return refusal('NAME_INVALID');
      return run(request, (steps) => licenseToken(options, steps, request.name, null, 'renew'));
    },
    collect: (request = {}) =>
      run(request, (steps) =>
        schemeIn(options).issue === 'direct' ? collectOpen(options, steps) : collectSealed(options, steps),
      ),
    statement: (request = {}) => run(request, (steps) => readStatement(steps, options.registrar)),
    tokenStatus: (request = {}) =>
      run(request, async (steps) => {
        const read = await steps.token('identity', INS.identity, new Uint8Array(0), (answer) =>
          identity.decode(answer),
        );
        if (!read.ok) return read;
        const status = await steps.token('status', INS.status, new Uint8Array(0), (answer) =>
          tokenStatus.decode(answer),
        );
        return status.ok ? { ok: true, identity: read.answer, status: status.answer } : status;
      }),
    stateOf: options.acts.stateOf,
  };
}

/** The account, if there is none, and a license for the token: its first, or one for longer. */
async function licenseToken(
  options: TellerOptions,
  steps: DeskSteps,
  name: string,
  funding: { amount: number; act: Act } | null,
  act: 'register' | 'renew',
): Promise<Result<Registered>> {
  const { services, acts } = options;
  const { office } = services;
  if (!office) return refusal('OPERATOR_UNKNOWN', 'this desk has no operator key');
  if (funding !== null && services.checkFunding) {
    const may = await services.checkFunding(funding.amount);
    if (!may.ok) return may;
  }
  // 1. Who is there?
  const read = await steps.token('identity', INS.identity, new Uint8Array(0), (answer) => identity.decode(answer));
  if (!read.ok) return read;
  const { accountKey, licensed } = read.answer;
  if (act === 'renew' && licensed === 0) return refusal('NOT_LICENSED');
  // 2. The account, with its certificate, and the money that it starts with.
  const key = toHex(accountKey);
  const opened = await acts.run(`open ${key} ${name}`, (id) =>
    steps.service('account', () => office(id).openAccount(name, accountKey)),
  );
  // The account is another token's: whoever renews has brought the wrong one, and needs no other name.
  if (!opened.ok) return act === 'renew' && opened.code === 'NAME_TAKEN' ? refusal('WRONG_NAME', name) : opened;
  const { certificate } = opened;
  if (!certificate) return refusal('ACCOUNT_KEY_MISSING');
  let balance: number | null = null;
  if (funding !== null) {
    // Under the act's own id: the house puts it in once, whatever breaks off and is done again.
    funding.act.note({ about: `fund ${key}` });
    const funded = await steps.service('fund', () => office(funding.act.id()).fundAccount(name, funding.amount));
    if (!funded.ok && ERRORS[funded.code].exit === EXIT.refused) funding.act.forget();
    if (!funded.ok) return funded;
    balance = funded.balance;
  }
  // 3. The token's request: (PKU, IdU), or sealed to who may read it.
  const request = await steps.token(
    'register',
    INS.register,
    nameRequest.encode({ commandId: newCommandId(), name }),
    (bytes) => requestPart.decode(bytes),
  );
  if (!request.ok) return request;
  // 4. The license, and into the token with it.
  if (schemeIn(options).registration === 'open')
    return registerOpenly(
      services,
      steps,
      { name, balance, certificate, identity: read.answer, act },
      request.answer.part,
    );
  const done = await finish(services, steps, request.answer);
  if (!done.ok) return done;
  // What waited may have been something else: then the registration comes next.
  if (done.kind !== REQUEST.register) return licenseToken(options, steps, name, funding, act);
  return done.code === 'OK'
    ? { ok: true, name, pku: null, balance, repeated: done.repeated }
    : refusal(done.code, 'registration');
}

async function registerOpenly(
  services: Services,
  steps: DeskSteps,
  who: { name: string; balance: number | null; certificate: Uint8Array; identity: Identity; act: 'register' | 'renew' },
  bytes: Uint8Array,
): Promise<Result<Registered>> {
  const { trustee } = services;
  if (!trustee) return refusal('OPERATOR_UNKNOWN', 'this desk has no trustee');
  const { name, balance, certificate } = who;
  const { pku, accountKey } = who.identity;
  const outer = registration.decode(bytes);
  const body = outer && registrationBody.decode(outer.body);
  if (!body) return refusal('BAD_REQUEST', "the token's answer to register");
  if (!equal(body.pku, pku) || !equal(body.accountKey, accountKey)) return refusal('TOKEN_CHANGED');
  const licensed = await steps.service('license', () => trustee[who.act](bytes, certificate));
  if (!licensed.ok) return licensed;
  const taken = await steps.token(
    'license',
    INS.license,
    licenseGrant.encode({ license: licensed.license, multiples: multiplesOf(pku) }),
    (answer) => (answer.length === 0 ? true : null),
  );
  if (!taken.ok) return taken.code === 'LICENSE_INVALID' ? refusal('TOKEN_CHANGED') : taken;
  return { ok: true, name, pku, balance, repeated: licensed.repeated };
}

const schemeIn = (options: TellerOptions): Scheme => options.services.scheme ?? schemeOf(1);

/** How a scheme's cash is asked for. */
const issueOf: Record<
  Scheme['issue'],
  (options: TellerOptions, steps: DeskSteps, given: number | null, act: Act) => Promise<Result<Withdrawn>>
> = {
  direct: withdrawOpenly,
  sealed: withdrawSealed,
  keyed: withdrawSealed,
  coupon: async (options, steps, amount, act) => {
    const taken = await takeCoupons(options.services, steps, amount, options.acts, act, () =>
      checkLicensed(options, steps),
    );
    return taken.ok
      ? { ok: true, amount: taken.amount, receiptNumber: 0, coupons: taken.amount, missed: 0, repeated: false }
      : taken;
  },
};

/** A sealed or keyed withdrawal, as the desk notes it. */
interface SealedWithdrawal extends NotedRequest {
  amount: number;
}

/** [0067]-[0069], [0089]-[0091]: the request goes through the bank unread. */
async function withdrawSealed(
  options: TellerOptions,
  steps: DeskSteps,
  given: number | null,
  act: Act,
): Promise<Result<Withdrawn>> {
  const { services } = options;
  // What the owner entered is known once the token has asked for it.
  let amount = given ?? act.progress<SealedWithdrawal>()?.amount ?? 0;
  const withdrawn = (receiptNumber: number, repeated: boolean): { ok: true } & Withdrawn => ({
    ok: true,
    amount,
    receiptNumber,
    coupons: 0,
    missed: 0,
    repeated,
  });
  const noted = await stateOfNoted(services, steps, act);
  if (!noted.ok) return noted;
  if (noted.state === 'done') {
    const collected = await collectSealed(options, steps);
    return collected.ok ? withdrawn(collected.receiptNumber, true) : collected;
  }
  if (noted.state === 'refused') act.forget();
  let had = 0;
  for (let idle = 0; idle < ROUNDS_MAX; idle++) {
    const request = await (amount === 0 ? askForEntered(services, steps) : askFor(steps, amount));
    if (!request.ok) return request;
    if (amount === 0) amount = request.answer.amount;
    let other: ReturnType<DeskActs['other']> = null;
    const mayBeOurs = request.answer.kind !== REQUEST.register && request.answer.amount === amount;
    const done = await finish(services, steps, request.answer, (sent) => {
      const about = notedOf(sent);
      other = options.acts.other(act, 'withdraw', about.about);
      if (mayBeOurs && !other) act.note({ amount, ...about } satisfies SealedWithdrawal);
    });
    if (!done.ok) return done;
    // What waited was another act's: that one has its end, and ours comes next.
    const others = other as ReturnType<DeskActs['other']>;
    if (others && done.code === 'OK') others.answer(withdrawn(done.receiptNumber, done.repeated));
    else others?.forget();
    if (!others && done.code === 'OK' && mayBeOurs) return withdrawn(done.receiptNumber, done.repeated);
    if (!others) act.forget();
    // Another request waited: it is done now, and ours comes next. RECEIPT_GAP: the token has what it missed, and asks
    // anew. An earlier request's refusal, of which the token had not heard.
    // One receipt of those that the token missed; there may be more.
    if (done.code === 'RECEIPT_GAP' && done.receiptNumber > had) idle = -1;
    had = done.receiptNumber;
    if (others || !mayBeOurs || done.code === 'RECEIPT_GAP' || done.repeated) continue;
    return refusal(done.code, 'withdrawal');
  }
  return refusal('RECEIPT_MISSED', 'again and again');
}

/** Asks for nothing until the token has every receipt. */
async function collectSealed(options: TellerOptions, steps: DeskSteps): Promise<Result<{ receiptNumber: number }>> {
  for (;;) {
    const request = await askForMissed(steps);
    if (!request.ok) return request;
    const done = await finish(options.services, steps, request.answer);
    if (!done.ok) return done;
    if (done.amount === 0 && done.code === 'OK' && done.kind !== REQUEST.register)
      return { ok: true, receiptNumber: done.receiptNumber };
    if (done.code !== 'OK' && done.code !== 'RECEIPT_GAP') return refusal(done.code, 'receipts');
  }
}

/** As a withdrawal up to the list of receipts, which the same request gets; page by page, until one is empty. */
async function collectOpen(options: TellerOptions, steps: DeskSteps): Promise<Result<{ receiptNumber: number }>> {
  for (;;) {
    const request = await askForMissed(steps);
    if (!request.ok) return request;
    const list = await steps.service('receipts', () => options.services.issuer.receipts(request.answer.part));
    if (!list.ok) return list;
    if (list.receipts.length === 0) {
      const next =
        withdrawalBody.decode(withdrawal.decode(request.answer.part)?.body ?? new Uint8Array(0))?.number ?? 1;
      return { ok: true, receiptNumber: next - 1 };
    }
    const given = await giveReceipts(steps, list.receipts);
    if (!given.ok) return given;
  }
}

/** @returns the sum of what came into the token */
async function giveReceipts(steps: DeskSteps, receipts: Uint8Array[]): Promise<Result<{ amount: number }>> {
  let amount = 0;
  for (const receiptBytes of receipts) {
    const taken = await giveReceipt(steps, receiptBytes);
    if (!taken.ok) return taken;
    amount += taken.amount;
  }
  return { ok: true, amount };
}

/** A withdrawal in the open, as the desk notes it before the issuer has it. */
interface OpenWithdrawal {
  /** PKU, the receipt's number and the amount. */
  about: string;
  /** Encoded `withdrawal`, as hexadecimal. */
  request: string;
}

/** x of a request that was noted. */
const amountOf = ({ request }: OpenWithdrawal): number =>
  withdrawalBody.decode(withdrawal.decode(bytes(request))!.body)!.amount;

/**
 * The token's signed request for the next receipt, noted; or the one that was noted before.
 * @param amount 0: the one that the owner enters on the token
 */
async function openRequest(steps: DeskSteps, amount: number, act: Act): Promise<Result<OpenWithdrawal>> {
  const noted = act.progress<OpenWithdrawal>();
  if (noted) return { ok: true, ...noted };
  const request = await steps.token(
    amount === 0 ? ENTRY_STEP : 'withdraw',
    INS.withdraw,
    amountRequest.encode({ commandId: newCommandId(), amount }),
    (answer) => {
      const part = requestPart.decode(answer)?.part;
      const outer = part && withdrawal.decode(part);
      const body = outer && withdrawalBody.decode(outer.body);
      return body && body.amount > 0 && (amount === 0 || body.amount === amount)
        ? { about: `${toHex(body.pku)} ${body.number} ${body.amount}`, request: toHex(part) }
        : null;
    },
  );
  if (!request.ok) return request;
  act.note(request.answer);
  return { ok: true, ...request.answer };
}

/** [0017]-[0018]: (PKU, IdU, x) in the open. */
async function withdrawOpenly(
  options: TellerOptions,
  steps: DeskSteps,
  given: number | null,
  act: Act,
): Promise<Result<Withdrawn>> {
  const { services, acts } = options;
  let isChecked = act.progress() !== null;
  let amount = given ?? 0;
  if (amount !== 0 && !isChecked) {
    const licensed = await checkLicensed(options, steps);
    if (!licensed.ok) return licensed;
    isChecked = true;
  }
  let missed = 0;
  for (let idle = 0; idle < ROUNDS_MAX; idle++) {
    // 1. (PKU, IdU, x) with the number of the next receipt. Where it went out before, the same bytes again: the
    //    issuer says whether that number is this withdrawal's.
    const isAgain = act.progress() !== null;
    const request = await openRequest(steps, amount, act);
    if (!request.ok) return request;
    amount = amountOf(request);
    if (!isChecked) {
      // After the question for x: OPEN would end what the owner has entered.
      const licensed = await checkLicensed(options, steps);
      if (!licensed.ok) {
        act.forget();
        return licensed;
      }
      isChecked = true;
    }
    const sent = bytes(request.request);
    // 2. The issuer's receipt for it, and into the token with it.
    const given = await steps.service('withdraw', () => services.issuer.withdraw(sent));
    if (given.ok) {
      // The same number and amount was noted by another act. If the issuer gave it before, it is that one's, and ours
      // comes next; if not, that one never came there.
      const other = isAgain ? null : acts.other(act, 'withdraw', request.about);
      if (!given.repeated) other?.forget();
      const taken = await giveReceipt(steps, given.receipt);
      if (!taken.ok) {
        // Another token is there than the one whose request was noted: hers is another withdrawal.
        if (taken.code === 'TOKEN_CHANGED' && isAgain && act.leave()) continue;
        return taken;
      }
      const done: Withdrawn = { amount, receiptNumber: taken.number, coupons: 0, missed, repeated: given.repeated };
      if (!other || !given.repeated) return { ok: true, ...done };
      other.answer(done);
      act.forget();
      missed += amount;
      continue;
    }
    // It was not given, and is not later.
    if (ERRORS[given.code].exit === EXIT.refused) act.forget();
    if (given.code !== 'RECEIPT_MISSED') return given;
    // 3. The number was given to something else: what the token missed. Then it is asked again, with the number after.
    const list = await steps.service('receipts', () => services.issuer.receipts(sent));
    if (!list.ok) return list;
    const caughtUp = await giveReceipts(steps, list.receipts);
    if (!caughtUp.ok) return caughtUp;
    missed += caughtUp.amount;
    // A page of them; there may be more.
    if (list.receipts.length > 0) idle = -1;
  }
  return refusal('RECEIPT_MISSED', 'again and again');
}

async function giveReceipt(steps: DeskSteps, bytes: Uint8Array): Promise<Result<{ number: number; amount: number }>> {
  const outer = receipt.decode(bytes);
  const body = outer && receiptBody.decode(outer.body);
  if (!body) return refusal('REPLY_INVALID', 'receipt');
  const taken = await steps.token('receipt', INS.receipt, bytes, (answer) => receiptAnswer.decode(answer));
  if (!taken.ok) return taken.code === 'RECEIPT_INVALID' ? refusal('TOKEN_CHANGED') : taken;
  if (taken.answer.receiptNumber < body.number) return refusal('RECEIPT_GAP');
  return { ok: true, number: body.number, amount: body.amount };
}
