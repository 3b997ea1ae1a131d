/**
 * What the terminal keeps in raw flash, record by record (docs/architecture.md 4, docs/security.md 2), over
 * records/record-log.ts.
 *
 * Each fact has one durable record that decides it, so that no power cut leaves two of them in disagreement:
 * - HISTORY with the counter of CHARGE: the charge is paid (or accepted, while the flag UNVERIFIED stands);
 * - TOMBSTONE with the counter of CHARGE: the charge is cancelled or expired, or was about to get a new Rs for another
 *   token;
 * - else what CHARGE.state says. It says `paid` only once the bridge has the history and the record is going to be
 *   erased.
 */
import { writeU32 } from '../core/bytes.js';
import type { RecordPlace } from '../records/record-log.js';
import { defineMessage, BYTES, AMOUNT, BALANCE, REST, U32, U8, type MessageOf } from '../wire/codec.js';
import { CHARGE_ID_BYTES } from '../wire/link/link-messages.js';
import { KEY_BYTES, RS_BYTES } from '../wire/payment.js';

/** The part of records/record-log.ts that is used here. */
export interface Records {
  /** Durable when it returns; an empty payload deletes. @throws when the flash fails or is full */
  put(type: number, slot: number, payload: Uint8Array, place?: RecordPlace): void;
  /**
   * Does beforehand what a `put` has to do before it writes (record-log.ts).
   * @throws when the flash fails or is full
   */
  place(type: number, slot: number, payloadBytes: number): RecordPlace;
  /**
   * Opens a page where less than so many bytes are left in the one that is open (record-log.ts).
   * @throws when the flash fails
   */
  reserve(bytes: number): void;
  /** The payload stored last, or null. */
  get(type: number, slot: number): Uint8Array | null;
  /** Slots of this type that hold something, ascending. */
  slots(type: number): number[];
  /** Bytes of further records, with RECORD_OVERHEAD_BYTES each, that are sure to fit. */
  freeBytes(): number;
}

/** Deletes a record; durable when it returns. */
export function removeRecord(records: Records, type: number, slot: number): void {
  records.put(type, slot, new Uint8Array(0));
}

/** What a record takes beside its payload. */
export const RECORD_OVERHEAD_BYTES = 24;

/**
 * Types of record of the terminal; those of every board (board/startup.ts) are below 16. Numbers are never reused.
 */
export const RECORD = {
  /** Slot 0: `chargeRecord`. */
  charge: 32,
  /** Slot 0 to historiesMax - 1: `historyRecord`, until the bridge has it on its disk. */
  history: 33,
  /** Slot 0 to TOMBSTONES_MAX - 1: `tombstoneRecord`, a ring. */
  tombstone: 34,
  /** Slot 0 to STALE_SUMS_MAX - 1: `staleSumRecord`. */
  staleSum: 35,
  /** Slot 0: which deny list counts; the list itself lies beside the log: deny-update.ts. */
  deny: 36,
  /** Slot 0: `timeRecord`. */
  time: 37,
  /** Slot 0: encoded `retiredBody` (deny-update.ts). */
  retired: 38,
  /** Slot 0: `openTermsRecord` of the last charge that left y to its payer. */
  openTerms: 39,
};

/** The charge. The record stays when the charge has ended: its counter never falls. */
export const chargeRecord = defineMessage([
  // One of CHARGE_STATES: none, open or paid; the other two are told by other records.
  ['state', U8],
  // Chosen by the bridge.
  ['id', BYTES, CHARGE_ID_BYTES],
  // 0 while its payer has not said it (open-amount.ts).
  ['amount', BALANCE],
  // Counter of Rs and of Ts.
  ['counter', U32],
  // Seconds of Ts, set when the charge is bound.
  ['timeS', U32],
  ['rs', BYTES, RS_BYTES],
  // The only PKU that CHALLENGE with this Rs goes to; zeros until it was first sent.
  ['boundPku', BYTES, KEY_BYTES],
  // The last number that a bridge gave to a charge: it never falls.
  ['number', U32],
  // How long the charge may wait, seconds; halved at each start that finds it open.
  ['lifetimeS', U32],
]);
export type ChargeRecord = MessageOf<typeof chargeRecord>;

/** What the payer of a charge may say. */
export const openTermsRecord = defineMessage([
  ['id', BYTES, CHARGE_ID_BYTES],
  // As in `openChargeRequest`.
  ['base', BALANCE],
  ['min', AMOUNT],
  ['max', AMOUNT],
]);
export type OpenTermsRecord = MessageOf<typeof openTermsRecord>;

/** Where amount, Ts and the PKU of an encoded `chargeRecord` stand: what binding changes. */
export const CHARGE_AMOUNT_AT = 9;
export const CHARGE_TIME_AT = 21;
export const CHARGE_PKU_AT = 41;

/** H with what is needed without decoding it. */
export const historyRecord = defineMessage([
  // 1 while nobody has verified it, 0 afterwards; or the number of the code that it failed by, 2 or more.
  ['unverified', U8],
  // Counter of its Rs: unique among all histories of this terminal.
  ['counter', U32],
  // Seconds of its Ts.
  ['timeS', U32],
  ['chargeId', BYTES, CHARGE_ID_BYTES],
  // Encoded `history` of wire/payment.ts.
  ['history', REST],
]);
export type HistoryRecord = MessageOf<typeof historyRecord>;

/** Where H stands in an encoded `historyRecord`; its flag UNVERIFIED is the first byte. */
export const HISTORY_AT = 9 + CHARGE_ID_BYTES;

/** The same as `historyRecord.encode`, in a fifth of its statements. */
export function encodeHistoryRecord(record: HistoryRecord): Uint8Array {
  const out = new Uint8Array(HISTORY_AT + record.history.length);
  out[0] = record.unverified;
  writeU32(out, 1, record.counter);
  writeU32(out, 5, record.timeS);
  out.set(record.chargeId, 9);
  out.set(record.history, HISTORY_AT);
  return out;
}

/**
 * Why a tombstone was set: the clerk cancelled, the charge goes on under a new Rs for another token, or its lifetime is
 * over.
 */
export const WHY = { cancelled: 1, rebound: 2, expired: 3 };

/** A tombstone. */
export const tombstoneRecord = defineMessage([
  // 1 once the bridge has it on its disk.
  ['delivered', U8],
  // One of WHY.
  ['why', U8],
  // Counter of its Rs.
  ['counter', U32],
  // Highest counter among tombstones that the ring has overwritten: below it nothing is known.
  ['horizon', U32],
  // Encoded `tombstone` of wire/payment.ts.
  ['tombstone', REST],
]);
export type TombstoneRecord = MessageOf<typeof tombstoneRecord>;
export const TOMBSTONES_MAX = 64;

/** What one pseudonym has paid here under one deny list while that list was old. */
export const staleSumRecord = defineMessage([
  // Version of the list; with a newer one the record is free.
  ['denyVersion', U32],
  ['pku', BYTES, KEY_BYTES],
  // Rs of the last payment counted: one that is repeated after a power cut is not counted twice.
  ['rs', BYTES, RS_BYTES],
  ['sum', AMOUNT],
]);
export type StaleSumRecord = MessageOf<typeof staleSumRecord>;
export const STALE_SUMS_MAX = 32;

/** The last signed time. */
export const timeRecord = defineMessage([['timeS', U32]]);
