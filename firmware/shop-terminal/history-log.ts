/**
 * Histories H that the bridge does not have yet [0026]: bodies in flash, an index of 9 bytes each in RAM.
 *
 * A history is kept until the bridge says that it is on disk, and delivered oldest first. One that nobody has verified
 * waits for its check before it is delivered, for afterwards the body is gone. One that was found bad after the
 * shop had accepted it stays as evidence, with the code that it failed by: it is no money, and is not delivered. The
 * last 8 do.
 */
import type { RecordPlace } from '../records/record-log.js';
import { encodeHistoryRecord, historyRecord, HistoryRecord, RECORD, Records, removeRecord } from './shop-records.js';

/** Thrown by `open` on a record that is committed but no history: the board must stop rather than lose one. */
function damaged(slot: number): never {
  throw new Error('history ' + slot + ' in flash cannot be read');
}

/** States of a slot. */
const FREE = 0;
const VERIFIED = 1;
const UNVERIFIED = 2;
/** Found bad. */
const EVIDENCE = 3;
const EVIDENCE_MAX = 8;

/** Pending histories. */
export interface HistoryLog {
  count(): number;
  isFull(): boolean;
  /** Seconds of the oldest Ts, or -1 when there is none. */
  oldestTimeS(): number;
  /** Slot of the history with this counter, or -1. */
  find(counter: number): number;
  isUnverified(slot: number): boolean;
  /**
   * Slot of the oldest history that is to be delivered (verified) or checked (not), of those with a counter above
   * `after`; or -1.
   */
  oldest(unverified: boolean, after: number): number;
  counterOf(slot: number): number;
  read(slot: number): HistoryRecord;
  /**
   * Does beforehand what the next `add` has to do before it writes.
   * @param recordBytes length of what it will keep @returns for that `add`
   */
  place(recordBytes: number): RecordPlace | undefined;
  /**
   * Keeps an encoded `historyRecord`, whose flag is set here; durable when it returns. @throws RangeError when the log
   * is full
   * @param counter that of the record @param timeS the same @param place what `place` gave
   */
  add(bytes: Uint8Array, unverified: boolean, counter: number, timeS: number, place?: RecordPlace): number;
  /**
   * The history was checked; durable when it returns. @param code 0: it is good; else the number of the code that it
   * failed by, 2 or more: it becomes evidence, and the oldest beyond `EVIDENCE_MAX` goes
   */
  judge(slot: number, code: number): void;
  /** The bridge has it; durable when it returns. */
  remove(slot: number): void;
}

/** Reads the index. @param max slots in use are 0 to max - 1 */
export function openHistoryLog(records: Records, max: number): HistoryLog {
  // Searched by native calls: loops over 128 slots would cost a tap a tenth of a second.
  const states = new Uint8Array(max);
  const counters = new Uint32Array(max);
  const times = new Uint32Array(max);
  let count = 0;

  function read(slot: number): HistoryRecord {
    const payload = records.get(RECORD.history, slot);
    return (payload && historyRecord.decode(payload)) || damaged(slot);
  }

  /** @param flag of the record */
  function note(slot: number, flag: number, counter: number, timeS: number): void {
    states[slot] = flag > 1 ? EVIDENCE : flag + 1;
    if (flag < 2) count++;
    counters[slot] = counter;
    times[slot] = timeS;
  }

  function remove(slot: number): void {
    removeRecord(records, RECORD.history, slot);
    if (states[slot] % EVIDENCE > 0) count--;
    states[slot] = FREE;
  }

  // A function, or the log would keep the list of slots, a variable each.
  function load(): void {
    const slots = records.slots(RECORD.history);
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] >= max) damaged(slots[i]);
      const record = read(slots[i]);
      note(slots[i], record.unverified, record.counter, record.timeS);
    }
  }
  load();

  return {
    count: function () {
      return count;
    },
    isFull: function () {
      return states.indexOf(FREE) < 0;
    },
    oldestTimeS: function () {
      let oldest = -1;
      for (let state = VERIFIED; state <= UNVERIFIED; state++) {
        for (let slot = states.indexOf(state); slot >= 0; slot = states.indexOf(state, slot + 1)) {
          if (oldest < 0 || times[slot] < oldest) oldest = times[slot];
        }
      }
      return oldest;
    },
    find: function (counter) {
      // A free slot keeps the counter that it had, and so does evidence.
      let slot = counters.indexOf(counter);
      while (slot >= 0 && states[slot] % EVIDENCE === 0) slot = counters.indexOf(counter, slot + 1);
      return slot;
    },
    isUnverified: function (slot) {
      return states[slot] === UNVERIFIED;
    },
    oldest: function (unverified, after) {
      const wanted = unverified ? UNVERIFIED : VERIFIED;
      let found = -1;
      for (let slot = states.indexOf(wanted); slot >= 0; slot = states.indexOf(wanted, slot + 1)) {
        if (counters[slot] > after && (found < 0 || counters[slot] < counters[found])) found = slot;
      }
      return found;
    },
    counterOf: function (slot) {
      return counters[slot];
    },
    read: read,
    place: function (recordBytes) {
      const slot = states.indexOf(FREE);
      return slot >= 0 ? records.place(RECORD.history, slot, recordBytes) : undefined;
    },
    add: function (bytes, unverified, counter, timeS, place) {
      const slot = states.indexOf(FREE);
      if (slot < 0) throw new RangeError('no free place for a history');
      bytes[0] = unverified ? 1 : 0;
      records.put(RECORD.history, slot, bytes, place);
      note(slot, bytes[0], counter, timeS);
      return slot;
    },
    judge: function (slot, code) {
      const record = read(slot);
      record.unverified = code;
      records.put(RECORD.history, slot, encodeHistoryRecord(record));
      count--;
      note(slot, code, record.counter, record.timeS);
      let kept = 0;
      let oldest = slot;
      for (let at = states.indexOf(EVIDENCE); at >= 0; at = states.indexOf(EVIDENCE, at + 1)) {
        kept++;
        if (counters[at] < counters[oldest]) oldest = at;
      }
      if (kept > EVIDENCE_MAX) remove(oldest);
    },
    remove: remove,
  };
}
