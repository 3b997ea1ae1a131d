/**
 * Where the newest record of each (type, slot) lies, for record-log.ts.
 *
 * Two typed arrays side by side: as properties of objects each record would take two of a board's variables, here it
 * takes half of one, and `indexOf` is a native call.
 */

/** Records that there is room for at first, and that are added when it is used up. */
const ROOM = 32;

/** Live records; places whose key is 0 are free. */
export interface RecordIndex {
  /** type x 65536 + slot + 1: type 0, slot 0 is a record, too. */
  keys: Uint32Array;
  /** As `packEntry` has it; never 0, because a page begins with its header. */
  entries: Uint32Array;
}

/** An index of nothing. */
export function createRecordIndex(): RecordIndex {
  return { keys: new Uint32Array(ROOM), entries: new Uint32Array(ROOM) };
}

/** The key of a record. */
export function keyOf(type: number, slot: number): number {
  return type * 65536 + slot + 1;
}

/** The entry of a record; 0 where there is none. */
export function entryOf(index: RecordIndex, type: number, slot: number): number {
  const at = index.keys.indexOf(keyOf(type, slot));
  return at < 0 ? 0 : index.entries[at];
}

/** The place of a key, or a free one, whose entry is 0. */
export function placeOf(index: RecordIndex, key: number): number {
  let at = index.keys.indexOf(key);
  if (at < 0) at = index.keys.indexOf(0);
  if (at < 0) {
    at = index.keys.length;
    const keys = new Uint32Array(at + ROOM);
    const entries = new Uint32Array(at + ROOM);
    keys.set(index.keys);
    entries.set(index.entries);
    index.keys = keys;
    index.entries = entries;
  }
  return at;
}

/** Sets the entry of a record; 0 forgets it. */
export function setEntry(index: RecordIndex, type: number, slot: number, entry: number): void {
  const key = keyOf(type, slot);
  if (!entry && index.keys.indexOf(key) < 0) return;
  const at = placeOf(index, key);
  index.keys[at] = entry ? key : 0;
  index.entries[at] = entry;
}

/** Slots of a type that have an entry, ascending. */
export function slotsOf(index: RecordIndex, type: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < index.keys.length; i++) {
    const key = index.keys[i] - 1;
    if (key >> 16 === type) found.push(key & 65535);
  }
  return found.sort(function (a, b) {
    return a - b;
  });
}
