/**
 * The token's rules for money: what it pays, when it asks its owner, what it answers a second time [0022]-[0025].
 *
 * A state machine without any I/O of its own, over the journal, the desk and the keys. Every call answers a named
 * result; checks run in the order of the numbered comments, and the one durable record comes last. In doubt it refuses
 * and keeps its journal: after a flash failure it refuses everything until the next reset.
 *
 * Several pseudonyms share one Balance [0117]; which one pays is chosen in policy.ts.
 * Left out: registration and withdrawal, which no payment needs (desk/).
 */
import { AMOUNT_BYTES, readBalance } from '../core/amount.js';
import { concat, copy, equal, fromChars } from '../core/bytes.js';
import { refuse } from '../core/codes.js';
import type { Refusal } from '../core/codes.js';
import { classPaymentMax } from '../core/license-class.js';
import type { Scheme } from '../core/scheme.js';
import { isAscii, textOf } from '../wire/codec.js';
import {
  CHALLENGE_AMOUNT_AT,
  CHALLENGE_CHARGE_AT,
  CHALLENGE_TIME_AT,
  isChargeId,
  ISSUER_ID_BYTES,
  LICENSE_BYTES,
  LICENSE_CLASS_AT,
  MULTIPLES_BYTES,
  PAYMENT_BYTES,
  readChallenge,
  RS_BYTES,
} from '../wire/payment.js';
import { SIGNED, signedBytes } from '../wire/signed.js';
import { recallRequest } from '../wire/token-commands.js';
import { createConfirmation, isRecent, WITHDRAWAL } from './confirmation.js';
import type { Confirmation, Pending } from './confirmation.js';
import { openJournal } from './journal.js';
import type { Journal } from './journal.js';
import { choosePseudonym } from './policy.js';
import type { Policy } from './policy.js';
import { identityRecord, RECORD } from './token-records.js';
import type { Records } from './token-records.js';

/** The token's keys. Index 0 is the account key, index 1 on are the pseudonym keys. */
export interface PurseKeys {
  /** 32 bytes. */
  publicKey(index: number): Uint8Array;
  /** Signs whole bytes, domain tag included: 64 bytes, or null when no signature can be made now. */
  sign(index: number, bytes: Uint8Array): Uint8Array | null;
  /** SHA-256, 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** 32 bytes of bytes, by a function that only this token can compute. */
  secretHash(bytes: Uint8Array): Uint8Array;
  /** The one verification rule (docs/security.md 5). */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** What a token is provisioned with. */
export interface PurseConfig {
  /** 4 bytes. */
  issuer: Uint8Array;
  currency: string;
  /** PKR, 32 bytes: signs licenses. */
  registrarKey: Uint8Array;
  /** PKI, 32 bytes: signs receipts. */
  issuerKey: Uint8Array;
  /** The keys before these, while their time is not over; null or empty where there are none. */
  registrarBefore: Uint8Array | null;
  issuerBefore: Uint8Array | null;
  /** Without a press: most in one payment, and most in sum since the last press. */
  limits: { paymentMax: number; sumMax: number };
  /** Places for debits. */
  debitSlots: number;
  /** n, 1 to 32, and how one is chosen. */
  pseudonyms: number;
  policy: Policy;
  /** The scheme's row: its number, a label in sealed messages, and two of its columns (core/scheme.ts). */
  scheme: number;
  registration: Scheme['registration'];
  issue: Scheme['issue'];
}

/** What a command answers: data for the reader, possibly none, or a code. */
export type PurseAnswer = { ok: true; data: Uint8Array } | Refusal;

/** What a payment answers; `repeated`: as before. */
export type PayAnswer = { ok: true; data: Uint8Array; repeated: boolean } | Refusal;

/** What the journal says of a charge (IdS, Rs), and who pays or paid it. */
interface Charge {
  /** Encoded `chargeId`: its length, and itself as text, which one native call compares. */
  bytes: number;
  text: string;
  /** Slot of its debit; -1: none. */
  slot: number;
  pseudonym: number;
}

/** Desk and purse share it. */
export interface PurseState {
  records: Records;
  keys: PurseKeys;
  config: PurseConfig;
  journal: Journal;
  /** What failed, flash most likely: nothing is answered until reset. '' while all is well. */
  fault: string;
  /** When the button was last pressed for the desk; -1: not. */
  deskMs: number;
  /** Whether each pseudonym has a license. */
  licensed: boolean;
  /** IdU, '' before registration. */
  name: string;
  /** Hash of the REDEEM that found no coupon, as long as it came last. In RAM: a refusal changes nothing in flash. */
  foundNone: Uint8Array;
  /** Slot of the coupon that was tried last, until the next start; -1: none. */
  lastTried: number;
  /** What waits for a press, or has it. */
  confirmation: Confirmation;
  /** Of the x that the owner agreed to, what is still to become coupons; and when it last was, or became less. */
  couponsLeft: number;
  couponsMs: number;
}

/** The purse. */
export interface Purse {
  /** A reader selects the token: what the one before was shown is none of its business. */
  select(): void;
  /** OPEN: license (124 bytes), then the number of debits for this shop never acknowledged (1). */
  open(data: Uint8Array): PurseAnswer;
  /**
   * For the time between the answer to OPEN and the challenge: what a debit for that charge takes without its amount.
   * Changes nothing but that a question about anything else is over. @returns whether there was one
   */
  expectPayment(nowMs: number): boolean;
  /** MULTIPLES of the PKU in the license that OPEN gave, 512 bytes. */
  multiples(): PurseAnswer;
  /** CHALLENGE: encoded `payment`. */
  pay(challengeBytes: Uint8Array, nowMs: number): PayAnswer;
  /** ACK: nothing. */
  ack(data: Uint8Array): PurseAnswer;
  /** A desk command is done: what is kept of the records may be old. */
  changed(): void;
  /** RECALL: Rs, 16 bytes. */
  recall(data: Uint8Array): PurseAnswer;
  /**
   * The owner pressed the button: confirms what waits for it, or else opens the desk, which stays open for a withdrawal
   * that is confirmed. Resets the sum.
   * @returns whether it confirmed
   */
  press(nowMs: number): boolean;
  /** What waits for a press or, after it, for the next tap; null where nothing does. */
  pending(nowMs: number): Pending | null;
  state: PurseState;
}

/** Whether desk commands answer now: for a while after the button, and while there is no license to guard. */
export function isDeskOpen(state: PurseState, nowMs: number): boolean {
  return !state.licensed || isRecent(state.deskMs, nowMs);
}

/** Keys in `PurseKeys`: the account key, and that of pseudonym 0; pseudonym i has PSEUDONYM_KEY + i. */
export const ACCOUNT_KEY = 0;
export const PSEUDONYM_KEY = 1;

const NOTHING = new Uint8Array(0);

/** Whether all n licenses are there. @throws Error for one that cannot be what it must be */
export function hasLicenses(records: Records, count: number): boolean {
  let found = 0;
  for (let i = 0; i < count; i++) {
    const grant = records.get(RECORD.license, i);
    if (!grant) continue;
    if (grant.length !== LICENSE_BYTES + MULTIPLES_BYTES) throw new Error('the license cannot be read');
    found++;
  }
  return found === count;
}

/** The stored IdU, '' before registration. */
function storedName(records: Records): string {
  const bytes = records.get(RECORD.identity, 0);
  if (!bytes) return '';
  const stored = identityRecord.decode(bytes);
  if (!stored) throw new Error('the name cannot be read');
  return stored.name;
}

/**
 * Runs a command that may meet failing flash: afterwards nothing is answered but DEVICE_FAULT. What it changed before
 * the failure is either durable or not there: a payment writes one record and changes RAM after it; where a desk
 * command writes several, done again it completes what was begun.
 */
export function guarded<T>(
  state: PurseState,
  command: (data: Uint8Array, nowMs: number) => T | Refusal,
  data?: Uint8Array,
  nowMs?: number,
): T | Refusal {
  if (state.fault) return refuse('DEVICE_FAULT');
  try {
    return command(data!, nowMs!);
  } catch (error) {
    state.fault = '' + ((error as { message?: string }).message || error);
    return refuse('DEVICE_FAULT');
  }
}

/** Opens the purse in the records. @throws Error when they cannot be trusted: the board must not run */
export function openPurse(records: Records, keys: PurseKeys, config: PurseConfig): Purse {
  const journal = openJournal(records, config.debitSlots);
  const confirmation = createConfirmation();
  const state: PurseState = {
    records: records,
    keys: keys,
    config: config,
    journal: journal,
    fault: '',
    deskMs: -1,
    licensed: hasLicenses(records, config.pseudonyms),
    name: storedName(records),
    foundNone: NOTHING,
    lastTried: -1,
    confirmation: confirmation,
    couponsLeft: 0,
    couponsMs: -1,
  };
  // The pseudonym that the present reader was shown; -1: none.
  let shown = -1;
  // The answer to OPEN that was last given, and whose license it has; -1: none.
  let held: Uint8Array = NOTHING;
  let heldOf = -1;
  // The charge that was last opened, until anything is written.
  let opened: Charge | null = null;
  // How challenges in our issuer's money begin.
  const terms = concat([config.issuer, fromChars(config.currency)]).join();
  // After a press and before the next debit makes it durable, the sum counts from 0.
  let sumReset = false;

  function chosen(shop: Uint8Array): number {
    return choosePseudonym(config.policy, config.pseudonyms, journal.lastDebit(), shop, keys.secretHash);
  }

  /** Encoded `payment`: the amount as the challenge has it, and the signature. */
  function answerTo(challengeBytes: Uint8Array, signature: Uint8Array): Uint8Array {
    const out = new Uint8Array(PAYMENT_BYTES);
    out.set(challengeBytes.subarray(CHALLENGE_AMOUNT_AT, CHALLENGE_TIME_AT));
    out.set(signature, AMOUNT_BYTES);
    return out;
  }

  /** @param id encoded `chargeId`; null where it is none */
  function lookUp(id: Uint8Array): Charge | null {
    if (!isChargeId(id)) return null;
    const slot = journal.find(id);
    return {
      bytes: id.length,
      text: id.join(),
      slot: slot,
      pseudonym: slot >= 0 ? journal.read(slot).pseudonym : chosen(id.subarray(RS_BYTES)),
    };
  }

  function payChecked(bytes: Uint8Array, nowMs: number): PayAnswer {
    // 1. It is a challenge.
    const id = bytes.subarray(CHALLENGE_CHARGE_AT);
    const charge = opened && opened.text === id.join() ? opened : lookUp(id);
    const amount = readBalance(bytes, CHALLENGE_AMOUNT_AT);
    const isOurs = bytes.subarray(0, CHALLENGE_AMOUNT_AT).join() === terms;
    if (!charge || !amount || !(isOurs || isAscii(textOf(bytes, ISSUER_ID_BYTES, CHALLENGE_AMOUNT_AT), 3)))
      return refuse('BAD_REQUEST');
    // 2. A known (IdS, Rs): the same question has the same answer, any other none.
    if (charge.slot >= 0) return repeat(charge.slot, bytes);
    // 3. Licenses to pay with.
    if (!state.licensed) return refuse('NOT_LICENSED');
    // 4. Our issuer and currency.
    if (!isOurs) return refuse('REFUSED');
    // 5. Within what its license may pay at once, as the shop will judge it, too.
    const licensed = charge.pseudonym === heldOf ? held : records.get(RECORD.license, charge.pseudonym)!;
    if (amount > classPaymentMax(licensed[LICENSE_CLASS_AT])) return refuse('CLASS_LIMIT');
    // 6. Balance enough, and within the limits or confirmed. One code for both: a reader learns neither limit nor
    //    Balance from what it may ask. The owner's display says which: above the Balance nothing waits for a press.
    const sumAfter = (sumReset ? 0 : journal.lastDebit().sumSincePress) + amount;
    const asked = confirmation.pending(nowMs);
    // Where the payer has entered y for this charge, another one is asked for, whatever it is.
    const isOther = !!asked && asked.about === charge.text && asked.amount !== amount;
    const within = !isOther && amount <= config.limits.paymentMax && sumAfter <= config.limits.sumMax;
    if (amount > journal.balance()) {
      confirmation.end();
      return refuse('CONFIRM_NEEDED');
    }
    if (!(within || confirmation.agreed(charge.text, amount, readChallenge(bytes)!.shop, nowMs)))
      return refuse('CONFIRM_NEEDED');
    // 7. A place in the journal.
    const slot = journal.freeSlot();
    if (slot < 0) return refuse('JOURNAL_FULL');
    // 8. Sign, then one durable record, then the answer.
    const signature = keys.sign(PSEUDONYM_KEY + charge.pseudonym, signedBytes(SIGNED.payment, bytes));
    if (!signature) return refuse('DEVICE_FAULT');
    journal.debit(slot, charge.pseudonym, amount, sumAfter, signature, bytes);
    opened = null;
    sumReset = false;
    return { ok: true, data: answerTo(bytes, signature), repeated: false };
  }

  /** A challenge for a charge that has its debit. */
  function repeat(slot: number, bytes: Uint8Array): PayAnswer {
    const debit = journal.read(slot);
    if (!equal(debit.challenge, bytes)) return refuse('CHALLENGE_CONFLICT');
    return { ok: true, data: answerTo(bytes, debit.signature), repeated: true };
  }

  function openChecked(data: Uint8Array): PurseAnswer {
    // 1. It is a charge id.  2. A license: that of the journalled debit, or of the pseudonym chosen for this shop.
    opened = lookUp(data);
    if (!opened) return refuse('BAD_REQUEST');
    if (!state.licensed) return refuse('NOT_LICENSED');
    shown = opened.pseudonym;
    // The license of the last tap is still at hand; the last byte is the count's.
    if (shown !== heldOf) held = copy(records.get(RECORD.license, shown)!, 0, LICENSE_BYTES + 1);
    heldOf = shown;
    held[LICENSE_BYTES] = journal.unsettledOf(data.subarray(RS_BYTES)).length;
    return { ok: true, data: held };
  }

  function placeDebit(): { ok: true } {
    const slot = opened && opened.slot < 0 && state.licensed ? journal.freeSlot() : -1;
    if (slot >= 0) journal.placeDebit(slot, CHALLENGE_CHARGE_AT + opened!.bytes);
    return { ok: true };
  }

  function multiplesOfLicense(): PurseAnswer {
    const grant = shown < 0 ? null : records.get(RECORD.license, shown);
    return grant ? { ok: true, data: copy(grant, LICENSE_BYTES, grant.length) } : refuse('NO_CHARGE');
  }

  function ackChecked(data: Uint8Array): PurseAnswer {
    // 1. It is a charge id.  2. Of a debit that the journal has. Acknowledged already: the same answer, no write.
    if (!isChargeId(data)) return refuse('BAD_REQUEST');
    const known = journal.find(data);
    if (known < 0) return refuse('NO_CHARGE');
    journal.settle(known);
    return { ok: true, data: NOTHING };
  }

  function recallChecked(data: Uint8Array): PurseAnswer {
    const request = recallRequest.decode(data);
    if (!request) return refuse('BAD_REQUEST');
    const found = journal.unsettledOf(data.subarray(1));
    if (request.index >= found.length) return refuse('NO_CHARGE');
    return { ok: true, data: found[request.index] };
  }

  return {
    select: function () {
      shown = -1;
    },
    open: function (data) {
      return guarded<PurseAnswer>(state, openChecked, data);
    },
    expectPayment: function (nowMs) {
      guarded<{ ok: true }>(state, placeDebit);
      return opened !== null && confirmation.turnTo(opened.text, nowMs);
    },
    multiples: function () {
      return guarded<PurseAnswer>(state, multiplesOfLicense);
    },
    pay: function (bytes, nowMs) {
      const answer = guarded<PayAnswer>(state, payChecked, bytes, nowMs);
      // Paid or refused: what waited for a press is no longer to be paid.
      if (answer.ok || answer.code !== 'CONFIRM_NEEDED') confirmation.end();
      return answer;
    },
    ack: function (data) {
      return guarded<PurseAnswer>(state, ackChecked, data);
    },
    changed: function () {
      heldOf = -1;
      opened = null;
    },
    recall: function (data) {
      return guarded<PurseAnswer>(state, recallChecked, data);
    },
    press: function (nowMs) {
      sumReset = true;
      const confirmed = confirmation.press(nowMs);
      if (confirmed === '' || confirmed === WITHDRAWAL) state.deskMs = nowMs;
      return confirmed !== '';
    },
    pending: confirmation.pending,
    state: state,
  };
}
