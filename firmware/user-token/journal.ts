/**
 * The token's journal: Balance, debits with their signatures, the last credit (docs/architecture.md 4, EP 0926637
 * [0024]).
 *
 * Knows nothing of rules: the purse decides, this keeps. What is needed at every tap stands in three small typed
 * arrays, the rest is read from flash when it is wanted. Each change is one durable record and comes before the change
 * in RAM, so that a flash that fails leaves RAM and flash as they were.
 *
 * A debit's place is free when it is empty or its debit was acknowledged; of the free ones the empty, then the oldest
 * is used, so that an answer can be repeated as long as possible. Left out: taking debits back (`reconcile` gives a
 * receipt).
 */
import { readBalance } from '../core/amount.js';
import { copy, equal, readU32 } from '../core/bytes.js';
import { CHALLENGE_AMOUNT_AT, CHALLENGE_CHARGE_AT, RS_BYTES } from '../wire/payment.js';
import type { RecordPlace } from '../records/record-log.js';
import { creditRecord, DEBIT_CHALLENGE_AT, debitRecord, encodeDebit, RECORD, settledRecord } from './token-records.js';
import type { LastDebit } from './policy.js';
import type { DebitRecord, Records } from './token-records.js';

/** The newest debit, with the sum of debits since the button was last pressed. */
export interface NewestDebit extends LastDebit {
  sumSincePress: number;
}

/** The journal. Methods that write throw when the flash fails. */
export interface Journal {
  balance(): number;
  lastDebit(): NewestDebit;
  /** Number of the last receipt taken, 0 before the first. */
  receiptNumber(): number;
  /** Debits never acknowledged. */
  unsettledCount(): number;
  /** What those have taken from the Balance, in sum. */
  unsettledSum(): number;
  /**
   * Slot of the debit for (IdS, Rs), acknowledged or not; -1 where the journal has none.
   * @param charge encoded `chargeId`
   */
  find(charge: Uint8Array): number;
  /** The debit in a slot that has one. */
  read(slot: number): DebitRecord;
  /**
   * Rs of each debit for this shop that was never acknowledged, by slot.
   * @param shop IdS as a field: length, characters
   */
  unsettledOf(shop: Uint8Array): Uint8Array[];
  isSettled(slot: number): boolean;
  /** A slot for the next debit, or -1. */
  freeSlot(): number;
  /**
   * Does beforehand what a debit in that slot takes without its amount.
   * @param challengeBytes length of its challenge
   */
  placeDebit(slot: number, challengeBytes: number): void;
  /** Writes the one record of a payment. `sumSincePress` counts this debit too. */
  debit(
    slot: number,
    pseudonym: number,
    amount: number,
    sumSincePress: number,
    signature: Uint8Array,
    challengeBytes: Uint8Array,
  ): void;
  /** Marks a debit as acknowledged. */
  settle(slot: number): void;
  /** Writes the one record of a receipt. */
  credit(receiptNumber: number, amount: number): void;
}

/** The last 4 of the 8 random bytes of Rs, what debits are looked up by; `at` is where Rs begins. */
function fingerprint(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + 12);
}

const RS_AT = DEBIT_CHALLENGE_AT + CHALLENGE_CHARGE_AT;
const AMOUNT_AT = DEBIT_CHALLENGE_AT + CHALLENGE_AMOUNT_AT;

function damaged(what: string, slot: number): never {
  throw new Error('journal: ' + what + ' ' + slot + ' cannot be read');
}

/**
 * Opens the journal in the records.
 * @param slotCount places for debits, `DEBIT_SLOTS` on a board
 * @throws Error when a record is not what it must be: the board must not run on such a store
 */
export function openJournal(records: Records, slotCount: number): Journal {
  // By slot: purse sequence of the debit (0: empty), of the debit that was acknowledged, fingerprint of Rs.
  const sequences = new Uint32Array(slotCount);
  const settled = new Uint32Array(slotCount);
  const fingerprints = new Uint32Array(slotCount);
  let sequence = 0;
  let balance = 0;
  let receiptNumber = 0;
  let lastDebit: NewestDebit = { sequence: 0, pseudonym: -1, sumSincePress: 0 };

  function payloadOf(slot: number): Uint8Array {
    const payload = records.get(RECORD.debit, slot);
    if (!payload || payload.length <= RS_AT + RS_BYTES) return damaged('debit', slot);
    return payload;
  }

  function read(slot: number): DebitRecord {
    return debitRecord.decode(payloadOf(slot)) || damaged('debit', slot);
  }

  function loadDebits(): void {
    const slots = records.slots(RECORD.debit);
    let newest = -1;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      if (slot >= slotCount) damaged('debit', slot);
      // By their place, not decoded: 64 decoded records would take a board most of a minute.
      const payload = payloadOf(slot);
      sequences[slot] = readU32(payload, 0);
      fingerprints[slot] = fingerprint(payload, RS_AT);
      if (sequences[slot] <= sequence) continue;
      sequence = sequences[slot];
      newest = slot;
    }
    if (newest < 0) return;
    const debit = read(newest);
    balance = debit.balance;
    lastDebit = { sequence: sequence, pseudonym: debit.pseudonym, sumSincePress: debit.sumSincePress };
  }

  function loadSettled(): void {
    const slots = records.slots(RECORD.settled);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      const payload = records.get(RECORD.settled, slot);
      if (!payload || payload.length !== 4 || slot >= slotCount) return damaged('acknowledgement', slot);
      settled[slot] = readU32(payload, 0);
    }
  }

  function loadCredit(): void {
    const payload = records.get(RECORD.credit, 0);
    if (!payload) return;
    const credit = creditRecord.decode(payload);
    if (!credit) return damaged('credit', 0);
    receiptNumber = credit.receiptNumber;
    if (credit.purseSequence === sequence) damaged('credit', 0);
    if (credit.purseSequence < sequence) return;
    sequence = credit.purseSequence;
    balance = credit.balance;
  }

  function isUnsettled(slot: number): boolean {
    return sequences[slot] !== 0 && settled[slot] !== sequences[slot];
  }

  loadDebits();
  loadSettled();
  loadCredit();
  // How many are unsettled: mostly none, and then a tap need not look at 64 places.
  let unsettled = 0;
  for (let slot = 0; slot < slotCount; slot++) if (isUnsettled(slot)) unsettled++;

  // What freeSlot would find; -1: not looked for since.
  let nextSlot = -1;
  // Room for the next debit's record, where it was found beforehand.
  let debitPlace: RecordPlace | undefined;

  function findFreeSlot(): number {
    const empty = sequences.indexOf(0);
    if (empty >= 0) return empty;
    let best = -1;
    for (let slot = 0; slot < slotCount; slot++) {
      if (!isUnsettled(slot) && (best < 0 || sequences[slot] < sequences[best])) best = slot;
    }
    return best;
  }

  return {
    balance: function () {
      return balance;
    },
    lastDebit: function () {
      return lastDebit;
    },
    receiptNumber: function () {
      return receiptNumber;
    },
    unsettledCount: function () {
      return unsettled;
    },
    unsettledSum: function () {
      let sum = 0;
      for (let slot = 0; slot < slotCount; slot++)
        if (isUnsettled(slot)) sum += readBalance(payloadOf(slot), AMOUNT_AT) || damaged('debit', slot);
      return sum;
    },
    find: function (charge) {
      // One native search instead of 64 comparisons: this stands in every tap's way.
      const wanted = fingerprint(charge, 0);
      let slot = fingerprints.indexOf(wanted);
      while (slot >= 0) {
        if (sequences[slot] !== 0 && equal(payloadOf(slot).subarray(RS_AT), charge)) return slot;
        slot = fingerprints.indexOf(wanted, slot + 1);
      }
      return -1;
    },
    read: read,
    unsettledOf: function (shop) {
      const out: Uint8Array[] = [];
      for (let slot = 0, left = unsettled; left > 0; slot++) {
        if (!isUnsettled(slot)) continue;
        left--;
        const payload = payloadOf(slot);
        if (equal(payload.subarray(RS_AT + RS_BYTES), shop)) out.push(copy(payload, RS_AT, RS_AT + RS_BYTES));
      }
      return out;
    },
    isSettled: function (slot) {
      return !isUnsettled(slot);
    },
    freeSlot: function () {
      if (nextSlot < 0) nextSlot = findFreeSlot();
      return nextSlot;
    },
    placeDebit: function (slot, challengeLength) {
      debitPlace = records.place(RECORD.debit, slot, DEBIT_CHALLENGE_AT + challengeLength);
    },
    debit: function (slot, pseudonym, amount, sum, signature, challengeBytes) {
      if (isUnsettled(slot)) throw new RangeError('the place is taken');
      const record: DebitRecord = {
        purseSequence: sequence + 1,
        pseudonym: pseudonym,
        balance: balance - amount,
        sumSincePress: sum,
        signature: signature,
        challenge: challengeBytes,
      };
      records.put(RECORD.debit, slot, encodeDebit(record), debitPlace);
      sequence = sequences[slot] = record.purseSequence;
      balance = record.balance;
      lastDebit = { sequence: sequence, pseudonym: pseudonym, sumSincePress: sum };
      debitPlace = undefined;
      nextSlot = -1;
      fingerprints[slot] = fingerprint(challengeBytes, CHALLENGE_CHARGE_AT);
      unsettled++;
    },
    settle: function (slot) {
      if (!isUnsettled(slot)) return;
      records.put(RECORD.settled, slot, settledRecord.encode({ purseSequence: sequences[slot] }));
      settled[slot] = sequences[slot];
      unsettled--;
      // Now, while nobody waits: 64 places take a board as long as all the rest of a debit.
      nextSlot = findFreeSlot();
    },
    credit: function (number, amount) {
      const record = { purseSequence: sequence + 1, balance: balance + amount, receiptNumber: number, amount: amount };
      records.put(RECORD.credit, 0, creditRecord.encode(record));
      sequence = record.purseSequence;
      balance = record.balance;
      receiptNumber = number;
    },
  };
}
