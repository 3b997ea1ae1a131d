/**
 * Tombstones: shop-signed promises that an Rs will never be deposited (docs/architecture.md 4, "Walking away").
 *
 * A ring of 64. A delivered one is kept as long as its place lasts, so that a token that offers an old debit is not
 * told that it was paid. When a place is used again, the highest counter given up so far (the horizon) stands in the
 * record that took it; of debits up to the horizon the terminal says nothing.
 */
import { tombstone } from '../wire/payment.js';
import { RECORD, Records, tombstoneRecord, TombstoneRecord, TOMBSTONES_MAX } from './shop-records.js';

/** States of a place. */
const FREE = 0;
const DELIVERED = 1;
const PENDING = 2;

/** The ring. */
export interface TombstoneLog {
  /** Not yet on the bridge's disk. */
  pending(): number;
  /** Why this counter was given up (one of WHY), or 0 where no tombstone of it is held. */
  why(counter: number): number;
  horizon(): number;
  /** Whether another one fits: one place is free, or holds a delivered one. */
  hasRoom(): boolean;
  /** Sets a tombstone; durable when it returns. @throws RangeError when the ring is full of undelivered ones */
  add(counter: number, why: number, signature: Uint8Array, chargeId: Uint8Array): void;
  /** Slot of the oldest undelivered one with a counter above `after`, or -1. */
  next(after: number): number;
  /** The encoded `tombstone` in a slot. */
  read(slot: number): Uint8Array;
  counterOf(slot: number): number;
  /** The bridge has it on its disk; durable when it returns. */
  setDelivered(slot: number): void;
}

function damaged(slot: number): never {
  throw new Error('tombstone ' + slot + ' in flash cannot be read');
}

/** Reads the ring. */
export function openTombstoneLog(records: Records): TombstoneLog {
  const states = new Uint8Array(TOMBSTONES_MAX);
  const counters = new Uint32Array(TOMBSTONES_MAX);
  const whys = new Uint8Array(TOMBSTONES_MAX);
  let horizon = 0;

  function read(slot: number): TombstoneRecord {
    const payload = records.get(RECORD.tombstone, slot);
    return (payload && tombstoneRecord.decode(payload)) || damaged(slot);
  }

  function note(slot: number, record: TombstoneRecord): void {
    states[slot] = record.delivered ? DELIVERED : PENDING;
    counters[slot] = record.counter;
    whys[slot] = record.why;
    if (record.horizon > horizon) horizon = record.horizon;
  }

  /** The slot with the lowest counter above `after` among those in a state, or -1. */
  function lowest(state: number, after: number): number {
    let found = -1;
    for (let slot = states.indexOf(state); slot >= 0; slot = states.indexOf(state, slot + 1)) {
      if (counters[slot] > after && (found < 0 || counters[slot] < counters[found])) found = slot;
    }
    return found;
  }

  /** Where the next one goes: a free slot, else the oldest delivered one, else -1. */
  function place(): number {
    const free = states.indexOf(FREE);
    return free >= 0 ? free : lowest(DELIVERED, 0);
  }

  // A function, or the log would keep the list of slots, a variable each.
  function load(): void {
    const slots = records.slots(RECORD.tombstone);
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] >= TOMBSTONES_MAX) damaged(slots[i]);
      note(slots[i], read(slots[i]));
    }
  }
  load();

  return {
    pending: function () {
      let count = 0;
      for (let slot = states.indexOf(PENDING); slot >= 0; slot = states.indexOf(PENDING, slot + 1)) count++;
      return count;
    },
    why: function (counter) {
      // Places are never freed, and no record has counter 0.
      const slot = counter > 0 ? counters.indexOf(counter) : -1;
      return slot >= 0 ? whys[slot] : 0;
    },
    horizon: function () {
      return horizon;
    },
    hasRoom: function () {
      return place() >= 0;
    },
    add: function (counter, why, signature, chargeId) {
      const slot = place();
      if (slot < 0) throw new RangeError('no free place for a tombstone');
      const given = counters[slot] > horizon ? counters[slot] : horizon;
      const record: TombstoneRecord = {
        delivered: 0,
        why: why,
        counter: counter,
        horizon: given,
        tombstone: tombstone.encode({ signature: signature, chargeId: chargeId }),
      };
      records.put(RECORD.tombstone, slot, tombstoneRecord.encode(record));
      note(slot, record);
    },
    next: function (after) {
      return lowest(PENDING, after);
    },
    read: function (slot) {
      return read(slot).tombstone;
    },
    counterOf: function (slot) {
      return counters[slot];
    },
    setDelivered: function (slot) {
      const record = read(slot);
      record.delivered = 1;
      records.put(RECORD.tombstone, slot, tombstoneRecord.encode(record));
      states[slot] = DELIVERED;
    },
  };
}
