/**
 * The token's rules for money: what it pays, when it asks its owner, what it answers a second time [0022]-[0025].
 *
 * A state machine without any I/O of its own, over the journal, the desk and the keys. Every call answers a named result;
 * checks run in the order of the numbered comments, and the one durable record comes last. In doubt it refuses and keeps
 * its journal: after a flash failure it refuses everything until the next reset.
 *
 * Left out: choosing among several pseudonyms (scheme 1 has one; debits already name theirs).
 */
import { equal } from '../core/bytes.js';
import { refuse } from '../core/codes.js';
import type { Refusal } from '../core/codes.js';
import { challenge, chargeId, license, licenseBody, payment, RS_BYTES } from '../wire/payment.js';
import type { Challenge } from '../wire/payment.js';
import { SIGNED, signedBytes } from '../wire/signed.js';
import { licenseGrant, recallRequest } from '../wire/token-commands.js';
import { openJournal } from './journal.js';
import type { Journal } from './journal.js';
import { CHALLENGE_CHARGE_AT, identityRecord, RECORD } from './records.js';
import type { Records } from './records.js';

/** The token's keys. Index 0 is the account key, index 1 on are the pseudonym keys. */
export interface PurseKeys {
  /** 32 bytes. */
  publicKey(index: number): Uint8Array;
  /** Signs whole bytes, domain tag included: 64 bytes, or null when no signature can be made now. */
  sign(index: number, bytes: Uint8Array): Uint8Array | null;
  /** SHA-256, 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** The one verification rule of SECURITY.md. */
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
  /** Without a press: most in one payment, and most in sum since the last press. */
  limits: { paymentMax: number; sumMax: number };
  /** Places for debits. */
  debitSlots: number;
}

/** What a command answers: data for the reader, possibly none, or a code. */
export type PurseAnswer = { ok: true; data: Uint8Array } | Refusal;

/** What a payment answers; `paid` and `repeated` are for the owner's display. */
export type PayAnswer = { ok: true; data: Uint8Array; paid: Challenge; repeated: boolean } | Refusal;

/** Desk and purse share it: the state that must stop both. */
export interface PurseState {
  records: Records;
  keys: PurseKeys;
  config: PurseConfig;
  journal: Journal;
  /** What failed, flash most likely: nothing is answered until reset. '' while all is well. */
  fault: string;
  /** When the button was last pressed for the desk; -1: not. */
  deskMs: number;
  /** The license of pseudonym 0, encoded; null before the first. */
  license: Uint8Array | null;
  /** IdU, '' before registration. */
  name: string;
}

/** The purse. */
export interface Purse {
  /** OPEN: license (124 bytes), then the number of debits for this shop never acknowledged (1). */
  open(data: Uint8Array): PurseAnswer;
  /** MULTIPLES of the license's PKU, 512 bytes. */
  multiples(): PurseAnswer;
  /** CHALLENGE: encoded `payment`. */
  pay(challengeBytes: Uint8Array, nowMs: number): PayAnswer;
  /** ACK: nothing. */
  ack(data: Uint8Array): PurseAnswer;
  /** RECALL: Rs, 16 bytes. */
  recall(data: Uint8Array): PurseAnswer;
  /** The owner pressed the button: confirms the payment that waits for it, or else opens the desk. Resets the sum. */
  press(nowMs: number): void;
  /** The payment that waits for a press or, after it, for the next tap; null where there is none. */
  pending(nowMs: number): { challenge: Challenge; confirmed: boolean } | null;
  state: PurseState;
}

/** How long a press counts, for the payment it confirms and for the desk; and how long a payment waits for one. */
export const PRESS_MS = 60000;

/** Whether `sinceMs` is at most `PRESS_MS` ago; a clock that was set back ends it. */
export function isRecent(sinceMs: number, nowMs: number): boolean {
  return sinceMs >= 0 && nowMs >= sinceMs && nowMs - sinceMs <= PRESS_MS;
}

/** Whether desk commands answer now: for a while after a press for the desk, and until there is a license to guard. */
export function isDeskOpen(state: PurseState, nowMs: number): boolean {
  return !state.license || isRecent(state.deskMs, nowMs);
}

/** Pseudonym key of pseudonym i in `PurseKeys`. */
export const PSEUDONYM_KEY = 1;

const NOTHING = new Uint8Array(0);

function storedLicense(records: Records): Uint8Array | null {
  const bytes = records.get(RECORD.license, 0);
  if (!bytes) return null;
  const grant = licenseGrant.decode(bytes);
  const stored = grant && license.decode(grant.license);
  if (!grant || !stored || !licenseBody.decode(stored.body)) throw new Error('the license cannot be read');
  return grant.license;
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
 * Runs a command that may meet failing flash: afterwards nothing is answered but DEVICE_FAULT. What it changed before the
 * failure is either durable or not there, for every command writes one record and changes RAM after it.
 */
export function guarded<T>(state: PurseState, command: () => T | Refusal): T | Refusal {
  if (state.fault) return refuse('DEVICE_FAULT');
  try {
    return command();
  } catch (error) {
    state.fault = '' + ((error as { message?: string }).message || error);
    return refuse('DEVICE_FAULT');
  }
}

/** Opens the purse in the records. @throws Error when they cannot be trusted: the board must not run */
export function openPurse(records: Records, keys: PurseKeys, config: PurseConfig): Purse {
  const journal = openJournal(records, config.debitSlots);
  const state: PurseState = {
    records: records,
    keys: keys,
    config: config,
    journal: journal,
    fault: '',
    deskMs: -1,
    license: storedLicense(records),
    name: storedName(records),
  };
  // The payment above the limits that was last asked for, when it was, and when it was confirmed (-1: not yet).
  let waiting: Challenge | null = null;
  let askedMs = -1;
  let confirmedMs = -1;
  // After a press and before the next debit makes it durable, the sum counts from 0.
  let sumReset = false;

  function sum(): number {
    return sumReset ? 0 : journal.sumSincePress();
  }

  function isConfirmed(asked: Challenge, nowMs: number): boolean {
    return (
      waiting !== null &&
      isRecent(confirmedMs, nowMs) &&
      waiting.amount === asked.amount &&
      waiting.shop === asked.shop &&
      equal(waiting.rs, asked.rs)
    );
  }

  function wait(asked: Challenge, nowMs: number): Refusal {
    // A confirmation that was given for another payment is not carried over, nor one that ran out.
    waiting = asked;
    askedMs = nowMs;
    confirmedMs = -1;
    return refuse('CONFIRM_NEEDED');
  }

  function payChecked(bytes: Uint8Array, nowMs: number): PayAnswer {
    // 1. It is a challenge.
    const asked = challenge.decode(bytes);
    if (!asked) return refuse('BAD_REQUEST');
    // 2. A known (IdS, Rs): the same question has the same answer, any other none.
    const known = journal.find(bytes.subarray(CHALLENGE_CHARGE_AT));
    if (known >= 0) {
      const debit = journal.read(known);
      if (!equal(debit.challenge, bytes)) return refuse('CHALLENGE_CONFLICT');
      const again = payment.encode({ amount: asked.amount, signature: debit.signature });
      return { ok: true, data: again, paid: asked, repeated: true };
    }
    // 3. A license to pay with.
    if (!state.license) return refuse('NOT_LICENSED');
    // 4. Our issuer and currency, and Balance enough. One code: a reader does not learn the Balance from the difference.
    if (!equal(asked.issuer, config.issuer) || asked.currency !== config.currency || asked.amount > journal.balance()) {
      return refuse('REFUSED');
    }
    // 5. Within the limits, or confirmed.
    const sumAfter = sum() + asked.amount;
    const within = asked.amount <= config.limits.paymentMax && sumAfter <= config.limits.sumMax;
    const confirmed = !within && isConfirmed(asked, nowMs);
    if (!within && !confirmed) return wait(asked, nowMs);
    // 6. A place in the journal.
    const slot = journal.freeSlot();
    if (slot < 0) return refuse('JOURNAL_FULL');
    // 7. Sign, then one durable record, then the answer.
    const signature = keys.sign(PSEUDONYM_KEY, signedBytes(SIGNED.payment, bytes));
    if (!signature) return refuse('DEVICE_FAULT');
    journal.debit(slot, 0, asked.amount, sumAfter, signature, bytes);
    sumReset = false;
    if (confirmed) waiting = null;
    return { ok: true, data: payment.encode({ amount: asked.amount, signature: signature }), paid: asked, repeated: false };
  }

  function openChecked(data: Uint8Array): PurseAnswer {
    // 1. It is a charge id.  2. A license: that of the journalled debit, or of the pseudonym for this shop (scheme 1: one).
    if (!chargeId.decode(data)) return refuse('BAD_REQUEST');
    const bytes = state.license;
    if (!bytes) return refuse('NOT_LICENSED');
    const out = new Uint8Array(bytes.length + 1);
    out.set(bytes, 0);
    out[bytes.length] = journal.unsettledOf(data.subarray(RS_BYTES)).length;
    return { ok: true, data: out };
  }

  function multiplesOfLicense(): PurseAnswer {
    const bytes = records.get(RECORD.license, 0);
    const grant = bytes && licenseGrant.decode(bytes);
    return grant ? { ok: true, data: grant.multiples } : refuse('NOT_LICENSED');
  }

  function ackChecked(data: Uint8Array): PurseAnswer {
    // 1. It is a charge id.  2. Of a debit that the journal has. Acknowledged already: the same answer, no write.
    if (!chargeId.decode(data)) return refuse('BAD_REQUEST');
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
    open: function (data) {
      return guarded<PurseAnswer>(state, function () {
        return openChecked(data);
      });
    },
    multiples: function () {
      return guarded<PurseAnswer>(state, multiplesOfLicense);
    },
    pay: function (bytes, nowMs) {
      return guarded<PayAnswer>(state, function () {
        return payChecked(bytes, nowMs);
      });
    },
    ack: function (data) {
      return guarded<PurseAnswer>(state, function () {
        return ackChecked(data);
      });
    },
    recall: function (data) {
      return guarded<PurseAnswer>(state, function () {
        return recallChecked(data);
      });
    },
    press: function (nowMs) {
      sumReset = true;
      // A press that answers "pay this?" says nothing else: a reader cannot use it to open the desk.
      if (waiting && confirmedMs < 0 && isRecent(askedMs, nowMs)) confirmedMs = nowMs;
      else state.deskMs = nowMs;
    },
    pending: function (nowMs) {
      if (!waiting || !isRecent(confirmedMs < 0 ? askedMs : confirmedMs, nowMs)) return null;
      return { challenge: waiting, confirmed: confirmedMs >= 0 };
    },
    state: state,
  };
}
