/**
 * Cutting power at every point of a record log's work, and looking at what is left.
 *
 * A workload is played put by put on an emulated flash. For each put, and each way to lose power at each of its flash
 * operations, the log is opened again, with further cuts during that opening, and must hold the old or the new value of
 * the put in flight and the committed value of everything else; and it must go on working.
 */
import { crc32 } from 'node:zlib';
import type { CutPlace, EmulatedFlash, FlashState } from '../../host-bridge/emulator/flash.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import type { LogRegion, RecordLog } from '../../firmware/records/record-log.js';
import { openRecordLog } from '../../firmware/records/record-log.js';

export const crc = (bytes: Uint8Array): number => crc32(bytes) >>> 0;

export interface Put {
  type: number;
  slot: number;
  payload: Uint8Array;
}

/** What a log should hold, by "type/slot". */
export type Model = Map<string, Uint8Array>;

export const REGION: LogRegion = { address: 0x310000, pages: 6, pageBytes: 256 };

/** Payload whose bytes tell which put it came from. */
export function payload(length: number, mark: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (mark * 31 + i * 7) & 255);
}

export function makeFlash(region: LogRegion, options: { seed?: number; unstable?: boolean } = {}): EmulatedFlash {
  return createEmulatedFlash({
    address: region.address,
    bytes: region.pages * region.pageBytes,
    pageBytes: region.eraseBytes ?? region.pageBytes,
    ...options,
  });
}

/** Opens a log that must be sound. */
export function openLog(flash: EmulatedFlash, region: LogRegion): RecordLog {
  const opened = openRecordLog(flash, region, crc);
  if (!opened.ok) throw new Error(`${opened.code} at 0x${opened.address.toString(16)}`);
  return opened.log;
}

export function apply(model: Model, put: Put): Model {
  const after = new Map(model);
  if (put.payload.length > 0) after.set(`${put.type}/${put.slot}`, put.payload);
  else after.delete(`${put.type}/${put.slot}`);
  return after;
}

function same(a: Uint8Array | null | undefined, b: Uint8Array | null | undefined): boolean {
  return a && b ? Buffer.compare(a, b) === 0 : !a === !b;
}

/** Everything that a log holds. */
export function contents(log: RecordLog): Model {
  const found: Model = new Map();
  for (const type of [1, 2, 3]) for (const slot of log.slots(type)) found.set(`${type}/${slot}`, log.get(type, slot)!);
  return found;
}

/** Throws unless a log holds what the model says. */
export function expectContents(log: RecordLog, ...models: Model[]): Model {
  const found = contents(log);
  for (const model of models) {
    if (found.size === model.size && [...model].every(([key, value]) => same(found.get(key), value))) return found;
  }
  throw new Error(`log holds ${[...found].map(([k, v]) => `${k}:${v[0]}x${v.length}`).join(' ')}`);
}

/** Runs `work` with power on; true if the pending cut came, false if it ended before. */
function losesPower(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if ((error as { code?: string }).code !== 'POWER_LOST') throw error;
    return true;
  }
}

export interface CutPoint {
  operations: number;
  where: CutPlace;
  word: number;
}

/** Words of an erase page, and those at which an erase is cut. */
const ERASE_PAGE_WORDS = REGION.pageBytes / 4;
const ERASE_WORDS = new Set([0, 1, 2, 3, 6, 7, 31, 32, 62, 63]);

/**
 * Every cut point of `work`, which is run once per operation on a restored flash to learn how long the operations are.
 */
function* cutPoints(flash: EmulatedFlash, image: FlashState, work: (arm: () => void) => void): Generator<CutPoint> {
  for (let operations = 0; ; operations++) {
    flash.restore(image);
    const erases = flash.counters.erases;
    if (!losesPower(() => work(() => flash.cutAfter(operations, 'after')))) return;
    const words = flash.counters.lastWords;
    const erased = flash.counters.erases > erases && words === ERASE_PAGE_WORDS;
    yield { operations, where: 'before', word: 0 };
    for (let word = 0; word < words; word++) {
      // An erase has no order of words: parts of it old and parts blank will do.
      if (!erased || ERASE_WORDS.has(word)) yield { operations, where: 'during', word };
    }
    for (let i = 0; i < 3; i++) yield { operations, where: 'scattered', word: 0 };
    yield { operations, where: 'weak', word: 0 };
    yield { operations, where: 'after', word: 0 };
  }
}

/**
 * Opens the flash as it is with every cut during the opening (to `depth` cuts in a row), and at last without, and
 * checks each time that one of `models` is there, that it stays, and that the log takes another record.
 * @returns number of cut points
 */
export function checkRecovery(flash: EmulatedFlash, region: LogRegion, models: Model[], depth: number): number {
  const image = flash.save();
  let cuts = 0;
  if (depth > 0) {
    const open = (arm: () => void) => {
      arm();
      openLog(flash, region);
    };
    for (const point of cutPoints(flash, image, open)) {
      flash.restore(image);
      flash.cutAfter(point.operations, point.where, point.word);
      if (!losesPower(() => void openLog(flash, region))) continue;
      flash.powerOn();
      cuts += 1 + checkRecovery(flash, region, models, depth - 1);
    }
  }
  const more = { type: 3, slot: 999, payload: payload(9, 99) };
  // Bits that fade do so at the next power-up: before anything new is written, and after.
  for (const fadesFirst of image.fadeIn > 0 ? [true, false] : [false]) {
    flash.restore(image);
    let log = openLog(flash, region);
    const found = expectContents(log, ...models);
    if (fadesFirst) {
      flash.powerOn();
      log = openLog(flash, region);
      expectContents(log, found);
    }
    log.put(more.type, more.slot, more.payload);
    flash.powerOn();
    expectContents(openLog(flash, region), apply(found, more));
  }
  return cuts;
}

/** Plays a workload, cutting power at every point of every put. Returns the number of cut points. */
export function enumerateCuts(
  flash: EmulatedFlash,
  region: LogRegion,
  workload: Put[],
  depth: number,
  every = 1,
): number {
  let model: Model = new Map();
  let cuts = 0;
  workload.forEach((put, index) => {
    const image = flash.save();
    const after = apply(model, put);
    const work = (arm: () => void) => {
      const log = openLog(flash, region);
      arm();
      log.put(put.type, put.slot, put.payload);
    };
    let number = 0;
    for (const point of cutPoints(flash, image, work)) {
      if (number++ % every !== 0) continue;
      flash.restore(image);
      if (!losesPower(() => work(() => flash.cutAfter(point.operations, point.where, point.word)))) continue;
      flash.powerOn();
      try {
        cuts += 1 + checkRecovery(flash, region, [model, after], depth);
      } catch (error) {
        throw new Error(`put ${index}, cut ${JSON.stringify(point)}: ${(error as Error).message}`, { cause: error });
      }
    }
    flash.restore(image);
    work(() => undefined);
    model = after;
  });
  return cuts;
}
