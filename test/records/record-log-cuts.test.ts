/**
 * Power cut at every point of puts, overwrites, deletions, page changes and collections, and again while opening. The
 * short form takes some of the points, at equal distances, for every put.
 */
import { extent } from '../kit/extent.js';
import { openRecordLog } from '../../firmware/records/record-log.js';
import type { Put } from './log-rig.js';
import { checkRecovery, crc, enumerateCuts, makeFlash, payload, REGION } from './log-rig.js';

/**
 * Puts that go round the ring of pages more than once: a few records that stay and must be copied, others that change.
 */
function workload(count: number): Put[] {
  const puts: Put[] = [];
  for (let i = 0; i < count; i++) {
    if (i % 6 === 0 && i < 24) puts.push({ type: 1, slot: 100 + i, payload: payload(24, 200 + i) });
    const length = i % 7 === 6 ? 0 : [12, 23, 4, 24, 1, 17][i % 6];
    puts.push({ type: 1 + (i % 3), slot: [0, 1][(i >> 1) % 2], payload: payload(length, i + 1) });
  }
  return puts;
}

describe('a record log that loses power', () => {
  test('at any point of an opening that begins an empty log', () => {
    const flash = makeFlash(REGION);
    expect(checkRecovery(flash, REGION, [new Map()], 2)).toBeGreaterThan(50);
  });

  test('at any point of any put, and at any point of the opening after it', () => {
    const cuts = enumerateCuts(makeFlash(REGION), REGION, workload(46), 1, extent(17, 1));
    console.log(`${cuts} cut points`);
    expect(cuts).toBeGreaterThan(extent(600, 10_000));
  });

  test('with torn bits that read differently each time', () => {
    const cuts = enumerateCuts(makeFlash(REGION, { unstable: true, seed: 5 }), REGION, workload(36), 1, extent(37, 3));
    console.log(`${cuts} cut points`);
    expect(cuts).toBeGreaterThan(extent(180, 2_000));
  });

  test('at three points in a row', () => {
    const cuts = enumerateCuts(
      makeFlash(REGION, { unstable: true, seed: 9 }),
      REGION,
      workload(36),
      2,
      extent(211, 41),
    );
    console.log(`${cuts} cut points`);
    expect(cuts).toBeGreaterThan(extent(200, 1_000));
  });

  test('again and again in the same place still makes progress', () => {
    // A cut at the same operation of the same put, 200 times: unfinished records must not fill the flash for good.
    for (let operations = 0; operations < 6; operations++) {
      const flash = makeFlash(REGION, { seed: operations + 1 });
      for (const put of workload(30)) {
        const opened = openRecordLog(flash, REGION, crc);
        if (opened.ok) opened.log.put(put.type, put.slot, put.payload);
      }
      for (let i = 0; i < 200; i++) {
        const opened = openRecordLog(flash, REGION, crc);
        if (!opened.ok) throw new Error(opened.code);
        flash.cutAfter(operations, i % 2 ? 'scattered' : 'during', i % 5);
        try {
          opened.log.put(2, 5, payload(24, i));
        } catch (error) {
          expect((error as { code?: string }).code).toBe('POWER_LOST');
        }
        flash.powerOn();
      }
      const opened = openRecordLog(flash, REGION, crc);
      if (!opened.ok) throw new Error(opened.code);
      opened.log.put(2, 5, payload(24, 1));
      expect(opened.log.get(2, 5)).toEqual(payload(24, 1));
    }
  });
});
