/**
 * The till: one charge from the clerk's request to PAID, and what becomes of it at a reset (docs/architecture.md 4).
 *
 * A pure state machine over durable records: no radio, no link, no timers. Each function that changes something has put
 * it into flash when it returns, and changes what RAM says only after that. The order of a payment:
 *
 *   charge -> opening (OPEN) -> draft -> judge -> bind (CHALLENGE) -> expect -> complete -> keep -> [checked] ->
 *   delivered
 *
 * From `judge` to `keep` each step takes what only the step before it gives (`Judged` to `Completed`), so that another
 * order does not compile.
 *
 * - One charge, one token: `bind` is durable before CHALLENGE is sent. Another token gets a new Rs, after a tombstone.
 * - A history with the counter of the charge makes it paid; a tombstone with that counter ends it. See shop-records.ts.
 *
 * Left out: signatures of licenses and payments are checked by the caller (checker.ts) between `judge` and `keep`.
 */
import { AMOUNT_BYTES, isBalance, writeAmount } from '../core/amount.js';
import { concat, equal, readU32, writeU32 } from '../core/bytes.js';
import { Code, codeNumber, Refusal, refuse } from '../core/codes.js';
import { classPaymentMax } from '../core/license-class.js';
import { textOf } from '../wire/codec.js';
import { CHARGE_ID_BYTES, CHARGE_STATES } from '../wire/link/link-messages.js';
import {
  challenge,
  CHALLENGE_AMOUNT_AT,
  CHALLENGE_TIME_AT,
  chargeId,
  ISSUER_ID_BYTES,
  KEY_BYTES,
  LICENSE_BYTES,
  LICENSE_CLASS_AT,
  LICENSE_PKU_AT,
  LICENSE_UNTIL_AT,
  PAYMENT_BYTES,
  RS_BYTES,
  SIGNATURE_BYTES,
  TERMS_BYTES,
} from '../wire/payment.js';
import { SIGNED } from '../wire/signed.js';
import { HistoryLog } from './history-log.js';
import { IssuerNotices } from './issuer-notices.js';
import {
  CHARGE_AMOUNT_AT,
  CHARGE_PKU_AT,
  CHARGE_TIME_AT,
  chargeRecord,
  ChargeRecord,
  encodeHistoryRecord,
  HISTORY_AT,
  RECORD,
  Records,
  WHY,
} from './shop-records.js';
import type { TapAhead } from './tap-ahead.js';
import { TombstoneLog } from './tombstone-log.js';
import type { Judged, Bound, Awaited, Completed } from './till-phases.js';

/** What is provisioned for the till. Amounts in minor units. */
export interface TillConfig {
  /** 4 bytes. */
  issuer: Uint8Array;
  currency: string;
  /** IdS. */
  shop: string;
  /** The same as the display shows it. */
  shopShown: string;
  /** 4 bytes, new at each provisioning. */
  terminalId: Uint8Array;
  /** First 4 bytes of the newest registrar's key that it was given. */
  registrar: Uint8Array;
  /** Up to here a payment may be shown as ACCEPTED before it is checked, and is taken while the time is stale. */
  floorLimit: number;
  /** Half the deposit window: with an undelivered history older than this, no charge is taken. */
  undeliveredMaxAgeS: number;
  /** How long a charge that is entered at the terminal itself may wait for a token. */
  chargeLifetimeS: number;
}

/** What the till works with. */
export interface TillParts {
  records: Records;
  histories: HistoryLog;
  tombstones: TombstoneLog;
  notices: IssuerNotices;
  /** Bytes from the board's generator. */
  random(count: number): Uint8Array;
  /** Signature by the terminal's key over a message of a type of SIGNED, 64 bytes. */
  sign(type: number, message: Uint8Array): Uint8Array;
}

/** What the till shows of its charge. */
export interface ChargeView {
  /** One of CHARGE_STATES. */
  state: number;
  id: Uint8Array;
  amount: number;
  rs: Uint8Array;
  /** Of Rs: no other one has it. */
  counter: number;
  /** The last one that a bridge gave. */
  number: number;
  /** How long it may wait from its opening or the board's start on, seconds. */
  lifetimeS: number;
  /** It was sent to a token. */
  isBound: boolean;
}

/** The charge's life. */
export interface Till {
  /** What the tap of its charge has ready. */
  ahead: TapAhead;
  /**
   * Opens a charge: OK, also when this id is open already. AMOUNT_INVALID, ALREADY_PAID, NO_CHARGE or CHARGE_EXPIRED
   * (this id was cancelled, or not paid in time), NOT_NEWER, CHARGE_OPEN, UNDELIVERED_OLD, HISTORY_FULL, TIME_STALE, in
   * this order.
   * @param number of the bridge; 0 for a charge of the terminal's own @param lifetimeS how long it may wait
   */
  charge(id: Uint8Array, amount: number, number: number, lifetimeS: number): Code;
  /**
   * The charge's lifetime is over: OK once it has ended. From the first call on no other token than the one that it was
   * sent to may pay. NO_CHARGE where none is open; BUSY, TOMBSTONES_FULL as by `cancel`.
   */
  expire(): Code;
  /**
   * Gives the charge up: OK, also when it is already; NO_CHARGE, ALREADY_PAID, BUSY (a check is under way),
   * TOMBSTONES_FULL.
   */
  cancel(id: Uint8Array): Code;
  view(): ChargeView;
  /**
   * y of the open charge as its payer says it, or 0: not yet. In RAM until `bind`, which makes it durable with the PKU;
   * what a token may have signed stays.
   */
  enter(amount: number): void;
  /** Finds the place for what giving the charge to a token writes; for the time that none is there. */
  placeCharge(): void;
  /** Data of OPEN and ACK: the encoded (IdS, Rs) of the charge. */
  opening(): Uint8Array;
  /**
   * PKU of a license, if it is good for this charge: LICENSE_INVALID, LICENSE_EXPIRED, CLASS_LIMIT, DENIED,
   * STALE_LIMIT.
   */
  judge(licenseBytes: Uint8Array): { ok: true; pku: Judged } | Refusal;
  /**
   * Data of CHALLENGE as the next `bind` will leave it, with the Ts of now unless the charge is bound already: to
   * encode what carries it while a token is waited for. Not that any more once `bind` says AGAIN.
   */
  draft(): Uint8Array;
  /**
   * Gives the charge to this pseudonym, and gives the data of CHALLENGE: from here to `keep` or `release` it cannot be
   * cancelled. Or says why not: AGAIN (it has a new Rs: OPEN anew); CHARGE_EXPIRED, TIME_STALE, TOMBSTONES_FULL,
   * NO_CHARGE.
   */
  bind(pku: Judged): Bound | Code | 'AGAIN';
  /**
   * Makes ready what the answer to that CHALLENGE goes into, and its place in the log; for the time that the token
   * works on it: `ahead.record`.
   */
  expect(bound: Bound, licenseBytes: Uint8Array): void;
  /** The record with the answer in it, still to be verified: H begins at `HISTORY_AT`. BAD_REQUEST, AMOUNT_INVALID. */
  complete(record: Awaited, answer: Uint8Array): Completed | Code;
  /** The tap came to nothing. */
  release(): void;
  /** Whether a payment of this amount may be kept before it is verified. */
  mayAccept(): boolean;
  /** Keeps the history; the charge is paid, or accepted where it is not verified yet. */
  keep(record: Completed, verified: boolean): void;
  /** An accepted history was checked. A bad one is evidence from then on, and its charge is open again. */
  checked(slot: number, code: Code): void;
  /** The bridge has the history on its disk. */
  delivered(slot: number): void;
  /** Whether a debit that a token offers by RECALL was paid here, so that it can be acknowledged. */
  wasPaid(rs: Uint8Array): boolean;
}

const COUNTER_MAX = 4294967295;
/** What a tap writes: charge and history, with their heads and the longest names. */
const TAP_RECORDS_BYTES = 500;

/** Free bytes that a charge needs to be carried through: charge, history, tombstone, sum, and what comes meanwhile. */
const ROOM_BYTES = 2176;

/** Opens the till on what the flash holds. */
export function openTill(parts: TillParts, config: TillConfig): Till {
  const records = parts.records;
  const histories = parts.histories;
  const tombstones = parts.tombstones;
  const notices = parts.notices;
  let checking = false; // between CHALLENGE and the verified answer
  let isOver = false; // the charge's lifetime
  let isFree = false; // its payer says y: each anew
  let state: number = CHARGE_STATES.none;
  // What a tap says of the charge, encoded once.
  let opening: Uint8Array | null = null;
  let challengeBytes: Uint8Array | null = null;
  // Encoded `current`.
  let stored: Uint8Array | null = null;
  const ahead: TapAhead = {
    select: null,
    open: null,
    challenge: null,
    chargePlace: undefined,
    draftTimeS: -1,
    record: null,
    historyPlace: undefined,
    paidLines: null,
  };
  // What license and challenge begin with.
  const terms = textOf(config.issuer, 0, ISSUER_ID_BYTES) + config.currency;
  // Keys are compared as text, by one native call.
  const nobody = textOf(new Uint8Array(KEY_BYTES), 0, KEY_BYTES);
  let boundName = nobody; // of `current.boundPku`
  let current: ChargeRecord = {
    state: CHARGE_STATES.none,
    id: new Uint8Array(CHARGE_ID_BYTES),
    amount: 0,
    counter: 0,
    timeS: 0,
    rs: new Uint8Array(RS_BYTES),
    boundPku: new Uint8Array(KEY_BYTES),
    number: 0,
    lifetimeS: 0,
  };

  /** Writes the charge with these changes; RAM follows flash. */
  function put(
    newState: number,
    counter: number,
    timeS: number,
    rs: Uint8Array,
    boundPku: Uint8Array,
    id: Uint8Array,
    amount: number,
    number: number,
    lifetimeS: number,
  ): void {
    const record = {
      state: newState,
      id: id,
      amount: amount,
      counter: counter,
      timeS: timeS,
      rs: rs,
      boundPku: boundPku,
      number: number,
      lifetimeS: lifetimeS,
    };
    const bytes = chargeRecord.encode(record);
    records.put(RECORD.charge, 0, bytes);
    current = record;
    boundName = textOf(boundPku, 0, KEY_BYTES);
    stored = bytes;
    state = newState;
    opening = challengeBytes = ahead.record = null;
    ahead.draftTimeS = -1;
  }

  /** Ts for a charge that is bound now. */
  function bindingTimeS(): number {
    return ahead.draftTimeS < 0 ? notices.timeS() : ahead.draftTimeS;
  }

  /** Gives the open charge to a PKU; a customer waits, so that what is encoded already is not encoded again. */
  function bindTo(pku: Uint8Array, name: string): void {
    const timeS = bindingTimeS();
    const bytes = stored!; // only here, and written anew if the flash fails
    writeU32(bytes, CHARGE_TIME_AT, timeS);
    bytes.set(pku, CHARGE_PKU_AT);
    records.put(RECORD.charge, 0, bytes, ahead.chargePlace);
    ahead.chargePlace = undefined;
    current.timeS = timeS;
    current.boundPku = bytes.subarray(CHARGE_PKU_AT, CHARGE_PKU_AT + KEY_BYTES);
    boundName = name;
    if (challengeBytes && ahead.draftTimeS < 0) writeU32(challengeBytes, CHALLENGE_TIME_AT, timeS);
    ahead.draftTimeS = -1;
  }

  /** Opens a charge under the next counter: for a new charge, or for the same one and another token. */
  function renew(id: Uint8Array, amount: number, number: number, lifetimeS: number): void {
    if (current.counter === COUNTER_MAX) throw new Error('the counter of Rs is used up');
    const counter = current.counter + 1;
    const count = new Uint8Array([
      Math.floor(counter / 16777216),
      (counter >> 16) & 255,
      (counter >> 8) & 255,
      counter & 255,
    ]);
    const rs = concat([config.terminalId, count, parts.random(8)]);
    put(CHARGE_STATES.open, counter, 0, rs, new Uint8Array(KEY_BYTES), id, amount, number, lifetimeS);
  }

  function encodeChargeId(): Uint8Array {
    opening = opening || chargeId.encode({ rs: current.rs, shop: config.shop });
    return opening;
  }

  function bury(why: number): void {
    const given = encodeChargeId();
    tombstones.add(current.counter, why, parts.sign(SIGNED.tombstone, given), given);
  }

  /** Writes the charge with another state or lifetime. */
  function putAgain(newState: number, lifetimeS: number): void {
    const was = current;
    put(newState, was.counter, was.timeS, was.rs, was.boundPku, was.id, was.amount, was.number, lifetimeS);
  }

  /**
   * What is left of a lifetime after a start: how much of it was over nobody knows. So all starts together at most
   * double it.
   */
  function halved(): number {
    return Math.floor(current.lifetimeS / 2);
  }

  /** A second record decides what an open charge is: see shop-records.ts. */
  function recover(): void {
    const payload = records.get(RECORD.charge, 0);
    if (!payload) return;
    const record = chargeRecord.decode(payload);
    if (!record) throw new Error('charge in flash cannot be read');
    current = record;
    boundName = textOf(record.boundPku, 0, KEY_BYTES);
    stored = payload;
    state = record.state;
    if (state !== CHARGE_STATES.open) return;
    const slot = histories.find(current.counter);
    const why = tombstones.why(current.counter);
    if (slot >= 0) state = histories.isUnverified(slot) ? CHARGE_STATES.accepted : CHARGE_STATES.paid;
    else if (why === WHY.rebound) renew(current.id, current.amount, current.number, halved());
    else if (why) state = CHARGE_STATES.cancelled;
    else putAgain(state, halved());
  }

  function needsTime(amount: number): boolean {
    return amount > config.floorLimit && notices.timeIsStale();
  }

  function encodeChallenge(): Uint8Array {
    challengeBytes =
      challengeBytes ||
      challenge.encode({
        issuer: config.issuer,
        currency: config.currency,
        amount: current.amount,
        timeS: current.timeS,
        counter: current.counter,
        rs: current.rs,
        shop: config.shop,
      });
    return challengeBytes;
  }

  function release(): void {
    checking = false;
    ahead.record = null;
    ahead.historyPlace = undefined;
  }

  /** Ends the open charge, durably. */
  function giveUp(why: number): Code {
    if (state === CHARGE_STATES.accepted || checking) return 'BUSY';
    if (!tombstones.hasRoom()) return 'TOMBSTONES_FULL';
    bury(why);
    state = CHARGE_STATES.cancelled;
    return 'OK';
  }

  recover();

  return {
    charge: function (id, amount, number, lifetimeS) {
      if (!isBalance(amount)) return 'AMOUNT_INVALID';
      const open = state === CHARGE_STATES.open || state === CHARGE_STATES.accepted;
      if (state !== CHARGE_STATES.none && equal(current.id, id)) {
        if (state === CHARGE_STATES.paid) return 'ALREADY_PAID';
        if (state === CHARGE_STATES.cancelled)
          return tombstones.why(current.counter) === WHY.expired ? 'CHARGE_EXPIRED' : 'NO_CHARGE';
        return amount === current.amount || amount === 0 ? 'OK' : 'CHARGE_OPEN';
      }
      if (notices.isRetired()) return 'TERMINAL_RETIRED';
      if (number > 0 && number <= current.number) return 'NOT_NEWER';
      if (open) return 'CHARGE_OPEN';
      const oldestS = histories.oldestTimeS();
      if (oldestS >= 0 && notices.timeS() - oldestS > config.undeliveredMaxAgeS) return 'UNDELIVERED_OLD';
      if (histories.isFull() || records.freeBytes() < ROOM_BYTES) return 'HISTORY_FULL';
      if (needsTime(amount)) return 'TIME_STALE';
      isOver = isFree = false;
      renew(id, amount, number || current.number, lifetimeS);
      // While nobody waits for it.
      encodeChargeId();
      if (amount > 0) encodeChallenge();
      records.reserve(TAP_RECORDS_BYTES);
      return 'OK';
    },
    cancel: function (id) {
      if (state === CHARGE_STATES.none || !equal(current.id, id)) return 'NO_CHARGE';
      if (state === CHARGE_STATES.cancelled) return 'OK';
      if (state === CHARGE_STATES.paid) return 'ALREADY_PAID';
      return giveUp(WHY.cancelled);
    },
    expire: function () {
      if (state !== CHARGE_STATES.open) return 'NO_CHARGE';
      isOver = true;
      return giveUp(WHY.expired);
    },
    view: function () {
      return {
        state: state,
        id: current.id,
        amount: current.amount,
        rs: current.rs,
        counter: current.counter,
        number: current.number,
        lifetimeS: current.lifetimeS,
        isBound: boundName !== nobody,
      };
    },
    enter: function (amount) {
      isFree = true;
      if (boundName !== nobody) return;
      current.amount = amount;
      writeAmount(stored!, CHARGE_AMOUNT_AT, amount);
      challengeBytes = null;
    },
    ahead: ahead,
    placeCharge: function () {
      if (state === CHARGE_STATES.open && boundName === nobody)
        ahead.chargePlace = records.place(RECORD.charge, 0, stored!.length);
    },
    opening: encodeChargeId,
    judge: function (licenseBytes) {
      if (licenseBytes.length !== LICENSE_BYTES || textOf(licenseBytes, 0, TERMS_BYTES) !== terms)
        return refuse('LICENSE_INVALID');
      const pku = licenseBytes.subarray(LICENSE_PKU_AT, LICENSE_PKU_AT + KEY_BYTES);
      const name = textOf(pku, 0, KEY_BYTES);
      if (name === nobody) return refuse('LICENSE_INVALID');
      // A license is judged by Ts; that of a bound charge is already in the challenge that the token may have signed.
      const timeS = name === boundName ? current.timeS : bindingTimeS();
      if (readU32(licenseBytes, LICENSE_UNTIL_AT) <= timeS) return refuse('LICENSE_EXPIRED');
      if (current.amount > classPaymentMax(licenseBytes[LICENSE_CLASS_AT])) return refuse('CLASS_LIMIT');
      if (notices.isDenied(pku)) return refuse('DENIED');
      if (!notices.allows(pku, current.rs, current.amount)) return refuse('STALE_LIMIT');
      return { ok: true, pku: pku as Judged };
    },
    draft: function () {
      const data = encodeChallenge();
      if (state === CHARGE_STATES.open && boundName === nobody) {
        ahead.draftTimeS = notices.timeS();
        writeU32(data, CHALLENGE_TIME_AT, ahead.draftTimeS);
      }
      return data;
    },
    bind: function (pku) {
      if (state !== CHARGE_STATES.open) return 'NO_CHARGE';
      const name = textOf(pku, 0, KEY_BYTES);
      if (name !== boundName) {
        if (isOver) return 'CHARGE_EXPIRED';
        if (needsTime(current.amount)) return 'TIME_STALE';
        if (boundName !== nobody) {
          if (!tombstones.hasRoom()) return 'TOMBSTONES_FULL';
          bury(WHY.rebound);
          renew(current.id, isFree ? 0 : current.amount, current.number, current.lifetimeS);
          return 'AGAIN';
        }
        bindTo(pku, name);
      }
      checking = true;
      return encodeChallenge() as Bound;
    },
    expect: function (bound, licenseBytes) {
      const record = encodeHistoryRecord({
        unverified: 1,
        counter: current.counter,
        timeS: current.timeS,
        chargeId: current.id,
        history: concat([licenseBytes, new Uint8Array(SIGNATURE_BYTES), bound]),
      });
      ahead.record = record as Awaited;
      ahead.historyPlace = histories.place(record.length);
    },
    complete: function (record, answer) {
      // Encoded `payment`: y as the challenge has it, and the signature.
      if (answer.length !== PAYMENT_BYTES) return 'BAD_REQUEST';
      if (textOf(answer, 0, AMOUNT_BYTES) !== textOf(encodeChallenge(), CHALLENGE_AMOUNT_AT, CHALLENGE_TIME_AT))
        return 'AMOUNT_INVALID';
      record.set(answer.subarray(AMOUNT_BYTES), HISTORY_AT + LICENSE_BYTES);
      return record as Uint8Array as Completed;
    },
    release: release,
    mayAccept: function () {
      return current.amount <= config.floorLimit;
    },
    keep: function (record, verified) {
      notices.count(current.boundPku, current.rs, current.amount);
      histories.add(record, !verified, current.counter, current.timeS, ahead.historyPlace);
      state = verified ? CHARGE_STATES.paid : CHARGE_STATES.accepted;
      release();
    },
    checked: function (slot, code) {
      const isOurs = histories.find(current.counter) === slot;
      histories.judge(slot, codeNumber(code));
      if (isOurs) state = code === 'OK' ? CHARGE_STATES.paid : current.state;
    },
    delivered: function (slot) {
      if (histories.find(current.counter) === slot && current.state === CHARGE_STATES.open) {
        putAgain(CHARGE_STATES.paid, current.lifetimeS);
      }
      histories.remove(slot);
    },
    wasPaid: function (rs) {
      if (rs.length !== RS_BYTES || !equal(rs.subarray(0, 4), config.terminalId)) return false;
      const counter = rs[4] * 16777216 + (rs[5] * 65536 + rs[6] * 256 + rs[7]);
      if (counter > current.counter || counter <= tombstones.horizon() || tombstones.why(counter)) return false;
      return counter !== current.counter || (state === CHARGE_STATES.paid && equal(rs, current.rs));
    },
  };
}
