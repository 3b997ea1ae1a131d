/**
 * What the token keeps in raw flash, record by record, over records/record-log.ts (docs/architecture.md 4,
 * docs/security.md 2).
 *
 * One record decides each fact, so that no power cut leaves two in disagreement. A payment is one DEBIT: the new
 * Balance, the challenge and the signature become durable together or not at all. The Balance is the one in the record
 * with the highest purse sequence, DEBIT or CREDIT. Types 1 to 3 (keys, seed, boot counter) stand in
 * board/startup.ts.
 */
import { writeAmount } from '../core/amount.js';
import { writeU32 } from '../core/bytes.js';
import type { RecordPlace } from '../records/record-log.js';
import { defineMessage, BYTES, AMOUNT, BALANCE, NAME, REST, U32, U8, type MessageOf } from '../wire/codec.js';
import { SIGNATURE_BYTES } from '../wire/payment.js';

/** The part of the record log that is used here: the newest committed payload of each (type, slot). */
export interface Records {
  /** Durable when it returns. @throws when the flash fails, or the payload does not fit */
  put(type: number, slot: number, payload: Uint8Array, place?: RecordPlace): void;
  /**
   * Does beforehand what a `put` has to do before it writes.
   * @throws when the flash fails, or the payload would not fit
   */
  place(type: number, slot: number, payloadBytes: number): RecordPlace;
  /** The payload, or null where there is none. @throws when the flash fails */
  get(type: number, slot: number): Uint8Array | null;
  /** Slots of this type that hold a record, in any order. */
  slots(type: number): number[];
}

/** Types of record that belong to the token alone, 16 to 31. Numbers are never reused. */
export const RECORD = {
  /** Slot 0 to DEBIT_SLOTS - 1: `debitRecord`. */
  debit: 16,
  /** Slot as of the debit: `settledRecord`. */
  settled: 17,
  /** Slot 0: `creditRecord` of the last receipt taken. */
  credit: 18,
  /** Slot i: license of pseudonym i with its multiples, encoded `licenseGrant`. */
  license: 19,
  /** Slot 0: `identityRecord`. */
  identity: 20,
};

/** Places for debits: as many can be unacknowledged at once. */
export const DEBIT_SLOTS = 64;

/** A payment, as the journal keeps it. */
export const debitRecord = defineMessage([
  // 1, 2, 3 ... over debits and credits together.
  ['purseSequence', U32],
  // Which pseudonym paid, 0 to n - 1.
  ['pseudonym', U8],
  // Balance after this debit.
  ['balance', BALANCE],
  // Sum of debits since the button was last pressed, this one included.
  ['sumSincePress', BALANCE],
  // SKU(y, IdS, Rs, Ts).
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `challenge` of wire/payment.ts, byte for byte as it came.
  ['challenge', REST],
]);
export type DebitRecord = MessageOf<typeof debitRecord>;

/** Where a debit's signature and challenge begin. */
const DEBIT_SIGNATURE_AT = 21;
export const DEBIT_CHALLENGE_AT = 85;

/** The same as `debitRecord.encode`, in a third of its statements. @throws RangeError for amounts that are none */
export function encodeDebit(debit: DebitRecord): Uint8Array {
  const out = new Uint8Array(DEBIT_CHALLENGE_AT + debit.challenge.length);
  writeU32(out, 0, debit.purseSequence);
  out[4] = debit.pseudonym;
  writeAmount(out, 5, debit.balance);
  writeAmount(out, 13, debit.sumSincePress);
  out.set(debit.signature, DEBIT_SIGNATURE_AT);
  out.set(debit.challenge, DEBIT_CHALLENGE_AT);
  return out;
}

/** The debit of that sequence was acknowledged: its slot may be used again. */
export const settledRecord = defineMessage([['purseSequence', U32]]);

/** The last receipt taken. */
export const creditRecord = defineMessage([
  ['purseSequence', U32],
  // Balance after it.
  ['balance', BALANCE],
  ['receiptNumber', U32],
  ['amount', AMOUNT],
]);

/** IdU, stored before anything is signed in that name. */
export const identityRecord = defineMessage([['name', NAME]]);
