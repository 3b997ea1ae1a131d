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
import { equal, toHex } from '../../../firmware/core/bytes.js';
import { isName } from '../../../firmware/wire/codec.js';
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
import { ERRORS, EXIT, refusal, type ErrorCode, type HostRefusal, type Result } from '../../base/errors.js';
import type { DeskActs } from './desk-acts.js';
import { claimDebits, readStatement, type ClaimLine, type Debit } from './desk-statement.js';
import type { createUnload, Unloaded } from './desk-unload.js';
import { createDeskSteps, type DeskEvent, type DeskSteps, type DeskStepOptions } from './desk-steps.js';
import { multiplesOf } from '../../base/crypto/key-multiples.js';
import { askFor, askForMissed, finish, redeemCoupons, takeCoupons } from './desk-requests.js';
import type { Services } from '../../base/services/calls.js';

/** How often the token is asked anew after it missed receipts. */
const ROUNDS_MAX = 4;

export interface TellerOptions extends DeskStepOptions {
  services: Services;
  acts: DeskActs;
  /** PKR, 32 bytes. */
  registrar: KeyLine;
  unload: ReturnType<typeof createUnload>;
  /** Takes the reader for one procedure: why it is not free, or what frees it again. */
  reserve(): { ok: true; free(): void } | HostRefusal;
  /** A procedure has ended so. */
  onEnd?(code: ErrorCode): void;
}

/** What a procedure may be told. */
export interface DeskCall {
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
  /** ABC after the funding; null without. */
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
   * Opens the account, puts `funding` in once, registers, and gives the token its license. Codes also: NAME_INVALID,
   * AMOUNT_INVALID, TOKEN_CHANGED.
   */
  registerUser(request: { name: string; funding?: number } & DeskCall): Promise<Result<Registered>>;
  /**
   * Gives the token a license for longer, towards the end of the one that it has. Codes also: NAME_INVALID,
   * NOT_LICENSED, DENIED.
   */
  renewUser(request: { name: string } & DeskCall): Promise<Result<Registered>>;
  /** Codes also: AMOUNT_INVALID. In a scheme with coupons the token has them afterwards, and no cash yet. */
  withdraw(request: { amount: number } & DeskCall): Promise<Result<Withdrawn>>;
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
}

/** Makes the desk. */
export function createTeller(options: TellerOptions): Teller {
  async function run<T>(request: DeskCall, procedure: (steps: DeskSteps) => Promise<Result<T>>): Promise<Result<T>> {
    const place = options.reserve();
    if (!place.ok) return place;
    try {
      const result = await procedure(
        createDeskSteps(options, request.onEvent ?? (() => undefined), request.stepMs, request.signal),
      );
      options.onEnd?.(result.ok ? 'OK' : result.code);
      return result;
    } finally {
      place.free();
    }
  }
  return {
    async registerUser(request) {
      if (!isName(request.name)) return refusal('NAME_INVALID');
      if (request.funding !== undefined && !isAmount(request.funding)) return refusal('AMOUNT_INVALID');
      return run(request, (steps) => license(options, steps, request.name, request.funding, 'register'));
    },
    async renewUser(request) {
      if (!isName(request.name)) return refusal('NAME_INVALID');
      return run(request, (steps) => license(options, steps, request.name, undefined, 'renew'));
    },
    async withdraw(request) {
      if (!isAmount(request.amount)) return refusal('AMOUNT_INVALID');
      return run(request, (steps) => issueOf[schemeIn(options).issue](options, steps, request.amount));
    },
    async unload(request) {
      if (!isAmount(request.amount)) return refusal('AMOUNT_INVALID');
      if (!isName(request.name)) return refusal('NAME_INVALID');
      return run(request, (steps) => options.unload(steps, request.name, request.amount));
    },
    redeem: (request = {}) => run(request, (steps) => redeemCoupons(options.services, steps)),
    collect: (request = {}) =>
      run(request, (steps) =>
        schemeIn(options).issue === 'direct' ? collectOpen(options, steps) : collectSealed(options, steps),
      ),
    statement: (request = {}) => run(request, (steps) => readStatement(steps, options.registrar)),
    reconcile: (request = {}) => run(request, (steps) => claimDebits(options.services, steps, options.registrar)),
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
  };
}

/** The account, if there is none, and a license for the token: its first, or one for longer. */
async function license(
  options: TellerOptions,
  steps: DeskSteps,
  name: string,
  funding: number | undefined,
  act: 'register' | 'renew',
): Promise<Result<Registered>> {
  const { services, acts } = options;
  const { office } = services;
  if (!office) return refusal('OPERATOR_UNKNOWN', 'this desk has no operator key');
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
  if (funding !== undefined) {
    const funded = await acts.run(`fund ${key} ${funding}`, (id) =>
      steps.service('fund', () => office(id).fundAccount(name, funding)),
    );
    if (!funded.ok) return funded;
    balance = funded.balance;
  }
  // 3. The token's request: (PKU, IdU), or sealed to who may read it.
  const request = await steps.token('register', INS.register, nameRequest.encode({ name }), (bytes) =>
    requestPart.decode(bytes),
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
  if (done.kind !== REQUEST.register) return license(options, steps, name, funding, act);
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
  (options: TellerOptions, steps: DeskSteps, amount: number) => Promise<Result<Withdrawn>>
> = {
  direct: withdrawOpenly,
  sealed: withdrawSealed,
  keyed: withdrawSealed,
  coupon: async (options, steps, amount) => {
    const taken = await takeCoupons(options.services, steps, amount);
    return taken.ok ? { ok: true, amount, receiptNumber: 0, coupons: taken.amount, missed: 0, repeated: false } : taken;
  },
};

/** [0067]-[0069], [0089]-[0091]: the request goes through the bank unread. */
async function withdrawSealed(options: TellerOptions, steps: DeskSteps, amount: number): Promise<Result<Withdrawn>> {
  const { services } = options;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const request = await askFor(steps, amount);
    if (!request.ok) return request;
    const done = await finish(services, steps, request.answer);
    if (!done.ok) return done;
    // Another request waited: it is done now, and ours comes next. RECEIPT_GAP: the token has what it missed, and asks
    // anew.
    if (done.kind === REQUEST.register || done.amount !== amount || done.code === 'RECEIPT_GAP') continue;
    // An earlier request's refusal, of which the token had not heard.
    if (done.code !== 'OK' && done.repeated) continue;
    if (done.code !== 'OK') return refusal(done.code, 'withdrawal');
    return { ok: true, amount, receiptNumber: done.receiptNumber, coupons: 0, missed: 0, repeated: done.repeated };
  }
  return refusal('RECEIPT_MISSED', 'again and again');
}

/** Asks for nothing until the token has every receipt. */
async function collectSealed(options: TellerOptions, steps: DeskSteps): Promise<Result<{ receiptNumber: number }>> {
  const withCoupons = schemeIn(options).issue === 'coupon';
  for (;;) {
    const request = await (withCoupons ? askForMissed(steps) : askFor(steps, 0));
    if (!request.ok) return request;
    const done = await finish(options.services, steps, request.answer);
    if (!done.ok) return done;
    if (done.amount === 0 && done.code === 'OK' && done.kind !== REQUEST.register)
      return { ok: true, receiptNumber: done.receiptNumber };
    if (done.code !== 'OK' && done.code !== 'RECEIPT_GAP') return refusal(done.code, 'receipts');
  }
}

/** As a withdrawal up to the issuer's list of receipts, which the same request gets. */
async function collectOpen(options: TellerOptions, steps: DeskSteps): Promise<Result<{ receiptNumber: number }>> {
  const request = await askFor(steps, 1);
  if (!request.ok) return request;
  const list = await steps.service('receipts', () => options.services.issuer.receipts(request.answer.part));
  if (!list.ok) return list;
  let receiptNumber =
    (withdrawalBody.decode(withdrawal.decode(request.answer.part)?.body ?? new Uint8Array(0))?.number ?? 1) - 1;
  for (const bytes of list.receipts) {
    const taken = await giveReceipt(steps, bytes);
    if (!taken.ok) return taken;
    receiptNumber = taken.number;
  }
  return { ok: true, receiptNumber };
}

/** [0017]-[0018]: (PKU, IdU, x) in the open. */
async function withdrawOpenly(options: TellerOptions, steps: DeskSteps, amount: number): Promise<Result<Withdrawn>> {
  const { services, acts } = options;
  let missed = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    // 1. (PKU, IdU, x) with the number of the next receipt.
    const request = await steps.token('withdraw', INS.withdraw, amountRequest.encode({ amount }), (bytes) => {
      const part = requestPart.decode(bytes)?.part;
      const outer = part && withdrawal.decode(part);
      const body = outer && withdrawalBody.decode(outer.body);
      return body && body.amount === amount ? { bytes: part, pku: body.pku, number: body.number } : null;
    });
    if (!request.ok) return request;
    const { bytes, pku, number } = request.answer;
    if (acts.wasTaken(pku, number, amount)) {
      acts.end(pku);
      return { ok: true, amount, receiptNumber: number - 1, coupons: 0, missed, repeated: true };
    }
    // 2. The issuer's receipt for it, and into the token with it.
    acts.begin(pku, number, amount);
    const given = await steps.service('withdraw', () => services.issuer.withdraw(bytes));
    if (given.ok) {
      const taken = await giveReceipt(steps, given.receipt);
      if (!taken.ok) return taken;
      acts.end(pku);
      return { ok: true, amount, receiptNumber: taken.number, coupons: 0, missed, repeated: given.repeated };
    }
    if (ERRORS[given.code].exit === EXIT.refused) acts.end(pku);
    if (given.code !== 'RECEIPT_MISSED') return given;
    // 3. The number was given to something else: what the token missed. Then it is asked again, with the number after.
    const list = await steps.service('receipts', () => services.issuer.receipts(bytes));
    if (!list.ok) return list;
    for (const receiptBytes of list.receipts) {
      const taken = await giveReceipt(steps, receiptBytes);
      if (!taken.ok) return taken;
      missed += taken.amount;
    }
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
