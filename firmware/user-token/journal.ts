/**
 * The token's journal: Balance, debits with their signatures, the last credit (DESIGN section 4, EP 0926637 [0024]).
 *
 * Knows nothing of rules: the purse decides, this keeps. What is needed at every tap stands in three small typed arrays,
 * the rest is read from flash when it is wanted. Each change is one durable record and comes before the change in RAM, so
 * that a flash that fails leaves RAM and flash as they were.
 *
 * A debit's place is free when it is empty or its debit was acknowledged; of the free ones the empty, then the oldest is
 * used, so that an answer can be repeated as long as possible. Left out: taking debits back (`reconcile` gives a receipt).
 */
import { equal, readU32 } from '../core/bytes.js';
import { challenge } from '../wire/payment.js';
import type { Challenge, ChargeId } from '../wire/payment.js';
import { creditRecord, debitRecord, RECORD, settledRecord } from './records.js';
import type { DebitRecord, Records } from './records.js';

/** A debit found in the journal. */
export interface FoundDebit {
  slot: number;
  debit: DebitRecord;
  challenge: Challenge;
}

/** The journal. Methods that write throw when the flash fails. */
export interface Journal {
  balance(): number;
  /** Sum of debits since the button was last pressed, as the newest debit has it. */
  sumSincePress(): number;
  /** Number of the last receipt taken, 0 before the first. */
  receiptNumber(): number;
  /** Debits never acknowledged. */
  unsettledCount(): number;
  /** The debit for (IdS, Rs), acknowledged or not; null where the journal has none. */
  find(charge: ChargeId): FoundDebit | null;
  /** Debits for this shop that were never acknowledged, by slot. */
  unsettledOf(shop: string): FoundDebit[];
  isSettled(slot: number): boolean;
  /** A slot for the next debit, or -1. */
  freeSlot(): number;
  /** Writes the one record of a payment. `sumSincePress` counts this debit too. */
  debit(slot: number, pseudonym: number, amount: number, sumSincePress: number, signature: Uint8Array, challengeBytes: Uint8Array): void;
  /** Marks a debit as acknowledged. */
  settle(slot: number): void;
  /** Writes the one record of a receipt. */
  credit(receiptNumber: number, amount: number): void;
}

/** The last 4 of the 8 random bytes of Rs: what debits are looked up by. */
function fingerprint(rs: Uint8Array): number {
  return readU32(rs, 12);
}

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
  let sumSincePress = 0;
  let receiptNumber = 0;

  function read(slot: number): FoundDebit {
    const payload = records.get(RECORD.debit, slot);
    const debit = payload && debitRecord.decode(payload);
    const paid = debit && challenge.decode(debit.challenge);
    if (!debit || !paid) return damaged('debit', slot);
    return { slot: slot, debit: debit, challenge: paid };
  }

  function loadDebits(): void {
    const slots = records.slots(RECORD.debit);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      if (slot >= slotCount) damaged('debit', slot);
      const found = read(slot);
      sequences[slot] = found.debit.purseSequence;
      fingerprints[slot] = fingerprint(found.challenge.rs);
      if (found.debit.purseSequence <= sequence) continue;
      sequence = found.debit.purseSequence;
      balance = found.debit.balance;
      sumSincePress = found.debit.sumSincePress;
    }
  }

  function loadSettled(): void {
    const slots = records.slots(RECORD.settled);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      const payload = records.get(RECORD.settled, slot);
      const record = payload && settledRecord.decode(payload);
      if (!record || slot >= slotCount) return damaged('acknowledgement', slot);
      settled[slot] = record.purseSequence;
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

  return {
    balance: function () {
      return balance;
    },
    sumSincePress: function () {
      return sumSincePress;
    },
    receiptNumber: function () {
      return receiptNumber;
    },
    unsettledCount: function () {
      let count = 0;
      for (let slot = 0; slot < slotCount; slot++) if (isUnsettled(slot)) count++;
      return count;
    },
    find: function (charge) {
      // One native search instead of 64 comparisons: this stands in every tap's way.
      const wanted = fingerprint(charge.rs);
      let slot = fingerprints.indexOf(wanted);
      while (slot >= 0) {
        if (sequences[slot] !== 0) {
          const found = read(slot);
          if (found.challenge.shop === charge.shop && equal(found.challenge.rs, charge.rs)) return found;
        }
        slot = fingerprints.indexOf(wanted, slot + 1);
      }
      return null;
    },
    unsettledOf: function (shop) {
      const out: FoundDebit[] = [];
      for (let slot = 0; slot < slotCount; slot++) {
        if (!isUnsettled(slot)) continue;
        const found = read(slot);
        if (found.challenge.shop === shop) out.push(found);
      }
      return out;
    },
    isSettled: function (slot) {
      return !isUnsettled(slot);
    },
    freeSlot: function () {
      let best = -1;
      for (let slot = 0; slot < slotCount; slot++) {
        if (sequences[slot] === 0) return slot;
        if (!isUnsettled(slot) && (best < 0 || sequences[slot] < sequences[best])) best = slot;
      }
      return best;
    },
    debit: function (slot, pseudonym, amount, sum, signature, challengeBytes) {
      const paid = challenge.decode(challengeBytes);
      if (!paid || isUnsettled(slot)) throw new RangeError('not a debit, or its place is taken');
      const record: DebitRecord = {
        purseSequence: sequence + 1,
        pseudonym: pseudonym,
        balance: balance - amount,
        sumSincePress: sum,
        signature: signature,
        challenge: challengeBytes,
      };
      records.put(RECORD.debit, slot, debitRecord.encode(record));
      sequence = record.purseSequence;
      balance = record.balance;
      sumSincePress = sum;
      sequences[slot] = sequence;
      fingerprints[slot] = fingerprint(paid.rs);
    },
    settle: function (slot) {
      if (!isUnsettled(slot)) return;
      records.put(RECORD.settled, slot, settledRecord.encode({ purseSequence: sequences[slot] }));
      settled[slot] = sequences[slot];
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
