/** What a record log promises with power on: any workload, damage, full flash, its arguments, its number of writes. */
import { extent } from '../kit/extent.js';
import { fc } from '../kit/properties.js';
import type { LogRegion, RecordPlace } from '../../firmware/records/record-log.js';
import { formatRecordLog, openRecordLog } from '../../firmware/records/record-log.js';
import type { Model, Put } from './log-rig.js';
import { apply, contents, crc, expectContents, makeFlash, openLog, payload, REGION } from './log-rig.js';

/** Four records that stay, and others that change. */
const puts = (count: number): Put[] =>
  Array.from({ length: count }, (_, i) => {
    if (i % 6 === 0 && i < 24) return { type: 1, slot: 100 + i, payload: payload(24, 200 + i) };
    return {
      type: 1 + (i % 3),
      slot: [0, 1][(i >> 1) % 2],
      payload: payload(i % 8 === 7 ? 0 : [12, 23, 4, 24, 1, 17][i % 6], i + 1),
    };
  });

function codeOf(work: () => unknown): unknown {
  try {
    work();
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name;
  }
}

describe('a record log', () => {
  test('holds what any workload puts, across reopenings and tidying', () => {
    const put = fc.record({
      type: fc.integer({ min: 1, max: 3 }),
      slot: fc.integer({ min: 0, max: 4 }),
      length: fc.integer({ min: 0, max: 40 }),
      ahead: fc.boolean(),
    });
    const step = fc.oneof(
      { weight: 8, arbitrary: put },
      { weight: 1, arbitrary: fc.constant('reopen' as const) },
      { weight: 1, arbitrary: fc.constant('tidy' as const) },
      { weight: 1, arbitrary: fc.constant('reserve' as const) },
    );
    const region: LogRegion = { address: 0x10030000, pages: 10, pageBytes: 512, eraseBytes: 256 };
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 200 }), fc.integer(), (steps, seed) => {
        const flash = makeFlash(region, { seed });
        let log = openLog(flash, region);
        let model: Model = new Map();
        let ready: RecordPlace | undefined;
        steps.forEach((s, i) => {
          if (s === 'reopen') {
            log = openLog(flash, region);
            ready = undefined;
          } else if (s === 'tidy') log.tidy();
          else if (s === 'reserve') log.reserve(i);
          else {
            const put: Put = { type: s.type, slot: s.slot, payload: payload(s.length, i) };
            // Prepared for this record or for one before, of whatever length.
            if (s.ahead) ready = log.place(put.type, put.slot, (s.length + (i % 2)) % 41);
            expectContents(log, model);
            log.put(put.type, put.slot, put.payload, ready);
            model = apply(model, put);
          }
          expectContents(log, model);
        });
        expectContents(openLog(flash, region), model);
      }),
      { numRuns: extent(30, 60, 3_000) },
    );
  });

  test('reserving, however often and however much, takes no room', () => {
    const region: LogRegion = { address: 0x10030000, pages: 6, pageBytes: 512, eraseBytes: 256 };
    const log = openLog(makeFlash(region), region);
    let model: Model = new Map();
    for (let i = 0; i < 200; i++) {
      const freeBytes = log.freeBytes();
      for (let n = 0; n < i % 12; n++) log.reserve(600);
      expect(log.freeBytes()).toBe(freeBytes);
      const put: Put = { type: 1, slot: i % 5, payload: payload(40, i) };
      log.put(put.type, put.slot, put.payload);
      model = apply(model, put);
      expectContents(log, model);
    }
  });

  test('with any one bit flipped gives the right values or FLASH_DAMAGED', () => {
    let sound = 0;
    let damaged = 0;
    // With two unfinished records among the others: one whose mark is missing, one whose header was torn.
    for (const [count, aborted, torn] of [
      [5, 2, -1],
      [27, 25, 22],
      [41, 39, 40],
    ]) {
      const flash = makeFlash(REGION);
      let model: Model = new Map();
      puts(count).forEach((put, i) => {
        if (i === aborted || i === torn) {
          const log = openLog(flash, REGION);
          flash.cutAfter(i === aborted ? 1 : 0, i === aborted ? 'before' : 'during', 1);
          expect(codeOf(() => log.put(1, 0, payload(30, 77)))).toBe('POWER_LOST');
          flash.powerOn();
        }
        openLog(flash, REGION).put(put.type, put.slot, put.payload);
        model = apply(model, put);
      });
      const image = flash.image();
      // An odd number, so that all bits of a byte are met.
      for (let bit = 0; bit < image.length * 8; bit += extent(7, 1)) {
        const flipped = image.slice();
        flipped[bit >> 3] ^= 1 << (bit & 7);
        flash.restore(flipped);
        const opened = openRecordLog(flash, REGION, crc);
        if (!opened.ok) {
          expect(opened.code).toBe('FLASH_DAMAGED');
          damaged++;
          continue;
        }
        expectContents(opened.log, model);
        // What was tolerated must not become worse by going on.
        opened.log.put(3, 999, payload(8, 8));
        const again = openRecordLog(flash, REGION, crc);
        if (again.ok) expectContents(again.log, apply(model, { type: 3, slot: 999, payload: payload(8, 8) }));
        sound++;
      }
    }
    expect(damaged).toBeGreaterThan(extent(140, 1000));
    expect(sound).toBeGreaterThan(damaged);
  });

  test('with a mark damaged beyond repair before a whole record is damaged, not unfinished', () => {
    const flash = makeFlash(REGION);
    const log = openLog(flash, REGION);
    for (let i = 0; i < 3; i++) log.put(1, i, payload(8, i));
    const image = flash.image();
    image[28 + 28] |= 0x21;
    image[28 + 29] |= 0x04;
    flash.restore(image);
    expect(openRecordLog(flash, REGION, crc)).toEqual({
      ok: false,
      code: 'FLASH_DAMAGED',
      address: REGION.address + 28 + 28,
    });
  });

  test('reports a bit that flips while it is open', () => {
    const flash = makeFlash(REGION);
    const log = openLog(flash, REGION);
    log.put(1, 1, payload(20, 1));
    const image = flash.image();
    image[28 + 20 + 3] ^= 4;
    flash.restore(image);
    expect(codeOf(() => log.get(1, 1))).toBe('FLASH_DAMAGED');
  });

  test.each([
    ['the newest page', 0],
    ['the page before it', 1],
  ])('notices that %s is gone, whenever that is', (_, older) => {
    for (let count = 10; count < 70; count++) {
      const flash = makeFlash(REGION);
      const log = openLog(flash, REGION);
      for (const put of puts(count)) log.put(put.type, put.slot, put.payload);
      const image = flash.image();
      const view = new DataView(image.buffer);
      const sequences = Array.from({ length: REGION.pages }, (_, page) => view.getUint32(page * REGION.pageBytes + 4));
      const newest = Math.max(...sequences.filter((s) => s !== 0xffffffff));
      const page = sequences.indexOf(newest - older);
      flash.restore(image.fill(0xff, page * REGION.pageBytes, (page + 1) * REGION.pageBytes));
      expect([count, openRecordLog(flash, REGION, crc)]).toMatchObject([count, { ok: false, code: 'FLASH_DAMAGED' }]);
    }
  });

  test('takes everything that it says will fit, at the fullest, for ever', () => {
    const region: LogRegion = { address: 0, pages: 8, pageBytes: 512 };
    const flash = makeFlash(region);
    const log = openLog(flash, region);
    let model: Model = new Map();
    let slot = 0;
    while (log.fits(60)) {
      const put = { type: 1, slot, payload: payload(60, slot++) };
      log.put(put.type, put.slot, put.payload);
      model = apply(model, put);
    }
    expect(log.freeBytes()).toBeLessThan(160);
    expect(slot).toBeGreaterThan(24);
    const image = flash.image();
    expect(codeOf(() => log.put(2, 0, payload(60, 0)))).toBe('FLASH_FULL');
    expect(flash.image()).toEqual(image);
    log.put(1, 0, new Uint8Array(0));
    model = apply(model, { type: 1, slot: 0, payload: new Uint8Array(0) });
    for (let i = 0; i < 500; i++) {
      const put = { type: 1, slot: 1 + ((i * 7) % (slot - 1)), payload: payload(1 + (i % 60), i) };
      log.put(put.type, put.slot, put.payload);
      model = apply(model, put);
      if (i % 50 === 0) expectContents(openLog(flash, region), model);
    }
    expectContents(log, model);
  });

  test('never runs full with what it says will fit, whatever the sizes', () => {
    const size = fc.oneof(
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom(1, 4, 28, 48, 82, 184),
      fc.integer({ min: 1, max: 184 }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 8 }),
        fc.array(fc.tuple(size, fc.nat(30), fc.boolean()), { minLength: 150, maxLength: 400 }),
        (pages, steps) => {
          const region: LogRegion = { address: 0, pages, pageBytes: 256 };
          const flash = makeFlash(region);
          let log = openLog(flash, region);
          let model: Model = new Map();
          steps.forEach(([length, slot, grow], i) => {
            // Slots that are never overwritten fill the log; where nothing fits, one is deleted.
            const fits = log.fits(length);
            const slots = log.slots(1);
            const put = { type: 1, slot: grow ? 100 + i : slot, payload: payload(fits ? length : 0, i) };
            if (!fits && slots.length > 0) put.slot = slots[i % slots.length];
            log.put(put.type, put.slot, put.payload);
            model = apply(model, put);
            if (i % 97 === 96) log = openLog(flash, region);
          });
          expectContents(openLog(flash, region), model);
        },
      ),
      { numRuns: extent(50, 150, 8_000) },
    );
  });

  test('collects pages that are full of live records', () => {
    for (let length = 1; length <= 100; length++) {
      const flash = makeFlash(REGION);
      const log = openLog(flash, REGION);
      // As many records as one page takes stay; one more changes for ever.
      let stay = 0;
      while (stay < Math.floor(228 / (20 + ((length + 3) & ~3))) && log.fits(length))
        log.put(1, stay++, payload(length, stay));
      for (let i = 0; i < 60 && log.fits(length); i++) log.put(2, 0, payload(length, i));
      for (let i = 0; i < stay; i++) expect(openLog(flash, REGION).get(1, i)).toEqual(payload(length, i + 1));
    }
  });

  test('costs two flash writes a put, and tidying takes the erase out of it', () => {
    const flash = makeFlash(REGION);
    const log = openLog(flash, REGION);
    const before = log.writes();
    log.put(1, 1, payload(20, 1));
    expect(log.writes() - before).toBe(2);
    expect(flash.counters.writes).toBe(log.writes());
    while (log.tidy());
    const erases = log.erases();
    for (let i = 0; i < 6; i++) log.put(1, 1, payload(20, i));
    expect(log.erases()).toBe(erases);
    expect(flash.counters.erases).toBe(log.erases());
    while (log.tidy());
    expect(log.tidy()).toBe(false);
    expect(contents(openLog(flash, REGION)).get('1/1')).toEqual(payload(20, 5));
  });

  test('wears all pages alike', () => {
    const flash = makeFlash(REGION);
    const log = openLog(flash, REGION);
    for (let i = 0; i < 600; i++) log.put(1, i % 4, payload(20, i));
    const pages = flash.image();
    const sequences = Array.from({ length: REGION.pages }, (_, p) => new DataView(pages.buffer).getUint32(p * 256 + 4));
    expect(Math.max(...sequences) - Math.min(...sequences)).toBeLessThan(REGION.pages);
  });

  test('refuses what it cannot hold', () => {
    const log = openLog(makeFlash(REGION), REGION);
    for (const [type, slot, length] of [
      [0, 0, 1],
      [256, 0, 1],
      [1, -1, 1],
      [1, 65536, 1],
      [1, 0, log.payloadBytesMax + 1],
      [NaN, 0, 1],
    ]) {
      expect(codeOf(() => log.put(type, slot, payload(length, 1)))).toBe('TypeError');
    }
    expect(log.get(1, 0)).toBeNull();
    expect(log.get(255, 65535)).toBeNull();
    log.put(255, 65535, payload(3, 3));
    expect(log.slots(255)).toEqual([65535]);
    expect(codeOf(() => openRecordLog(makeFlash(REGION), { ...REGION, pages: 3 }, crc))).toBe('TypeError');
  });

  test('does not take over a region that holds something else, and formats it when told to', () => {
    const flash = makeFlash(REGION);
    flash.write([1, 2, 3, 4], REGION.address + 3 * REGION.pageBytes + 40);
    expect(openRecordLog(flash, REGION, crc)).toMatchObject({ ok: false, code: 'FLASH_DAMAGED' });
    formatRecordLog(flash, REGION, crc);
    openLog(flash, REGION).put(1, 1, payload(2, 2));
    formatRecordLog(flash, REGION, crc);
    expect(openLog(flash, REGION).slots(1)).toEqual([]);
  });

  test('writes off a torn page header, which could be read as whole another time', () => {
    const flash = makeFlash(REGION);
    openLog(flash, REGION).put(1, 1, payload(5, 5));
    const torn = flash.image().slice(0, 24);
    torn[5] = 0xff;
    torn[17] = 0xff;
    torn[11] |= 1;
    torn[23] |= 1;
    flash.write(torn, REGION.address + 4 * REGION.pageBytes);
    expectContents(openLog(flash, REGION), new Map([['1/1', payload(5, 5)]]));
    expect([...flash.read(24, REGION.address + 4 * REGION.pageBytes)]).toEqual(new Array(24).fill(0));
  });

  test('does not begin on a board that ignores erasePage', () => {
    const flash = makeFlash(REGION);
    expect(codeOf(() => openRecordLog({ ...flash, erasePage: () => undefined }, REGION, crc))).toBe(
      'FLASH_WRITE_FAILED',
    );
  });

  test.each(['write', 'erasePage'] as const)('stops when flash ignores %s', (deaf) => {
    const flash = makeFlash(REGION);
    let hears = true;
    const partly = { ...flash, [deaf]: (a: never, b: never) => hears && flash[deaf](a, b) };
    const opened = openRecordLog(partly, REGION, crc);
    if (!opened.ok) throw new Error(opened.code);
    for (const put of puts(4)) opened.log.put(put.type, put.slot, put.payload);
    hears = false;
    const put = () => puts(60).forEach((p) => opened.log.put(p.type, p.slot, p.payload));
    expect(codeOf(put)).toBe('FLASH_WRITE_FAILED');
    expect(codeOf(put)).toBe('FLASH_WRITE_FAILED');
    expect(opened.log.get(1, 100)).not.toBeNull();
  });
});
