/**
 * The store of a board without a board: as durable as its log in flash. Cut anywhere in a write, a record is old or
 * new, as the flash's is (test/records/record-log-cuts.test.ts); it is one process's alone, and its owner's.
 */
import { copyFileSync, existsSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { openSoftStore, type SoftStore } from '../../host-bridge/soft-board/soft-store.js';
import { failed } from '../kit/failed.js';
import { tempFolder } from '../kit/temp-folder.js';

const open = (path: string, mayMake = true): SoftStore => openSoftStore(path, { busy: 'WALLET_RUNS', mayMake });

test('keeps, replaces, deletes and lists records; another process finds them', () => {
  const path = join(tempFolder(), 'wallet.db');
  const store = open(path);
  const { records } = store;
  records.put(16, 3, Uint8Array.of(1, 2));
  records.put(16, 1, Uint8Array.of(3));
  records.put(16, 3, Uint8Array.of(4), records.place(16, 3, 1));
  records.put(17, 0, Uint8Array.of(5));
  records.put(17, 0, new Uint8Array(0));
  store.setSetting('wallet', { scheme: 1 });
  expect(() => open(path)).toThrow(failed('WALLET_RUNS'));
  store.close();
  const again = open(path, false);
  expect([again.records.slots(16), again.records.slots(17)]).toEqual([[1, 3], []]);
  expect([again.records.get(16, 3), again.records.get(17, 0)]).toEqual([Uint8Array.of(4), null]);
  expect([again.setting('wallet'), again.setting('other')]).toEqual([{ scheme: 1 }, null]);
  again.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  for (const wrong of [
    [0, 0],
    [256, 0],
    [1, -1],
    [1, 65_536],
  ] as const)
    expect(() => records.put(wrong[0], wrong[1], Uint8Array.of(1))).toThrow(TypeError);
  expect(() => open(join(tempFolder(), 'none.db'), false)).toThrow(failed('FILE_MISSING'));
});

test('cut at every length of its log, a record is old or new, and the next write is taken', () => {
  const folder = tempFolder();
  const path = join(folder, 'wallet.db');
  const store = open(path);
  const oldRecord = new Uint8Array(300).fill(1);
  const newRecord = new Uint8Array(200).fill(2);
  store.records.put(16, 0, oldRecord);
  const before = statSync(`${path}-wal`).size;
  store.records.put(16, 0, newRecord);
  const after = statSync(`${path}-wal`).size;
  expect(after).toBeGreaterThan(before);
  const seen = new Set<number>();
  // Every byte around the ends of its frames, and some between.
  for (let length = before; length <= after; length += length - before < 40 || after - length < 40 ? 1 : 97) {
    const copy = join(folder, 'copy.db');
    for (const ending of ['', '-wal']) copyFileSync(path + ending, copy + ending);
    truncateSync(`${copy}-wal`, length);
    const cut = open(copy, false);
    const found = cut.records.get(16, 0)!;
    seen.add(found[0]!);
    expect([oldRecord, newRecord]).toContainEqual(found);
    expect(found[0]).toBe(length < after ? 1 : 2);
    cut.records.put(16, 0, Uint8Array.of(3));
    expect(cut.records.get(16, 0)).toEqual(Uint8Array.of(3));
    cut.close();
    expect(existsSync(`${copy}-wal`)).toBe(false);
  }
  expect(seen).toEqual(new Set([1, 2]));
  store.close();
});

test('after a write that failed it takes no more', () => {
  const path = join(tempFolder(), 'wallet.db');
  let fails = false;
  const store = openSoftStore(path, {
    busy: 'WALLET_RUNS',
    mayMake: true,
    cut: (when) => {
      if (fails && when === 'before') throw new Error('the disk is full');
    },
  });
  store.records.put(16, 0, Uint8Array.of(1));
  fails = true;
  expect(() => store.records.put(16, 0, Uint8Array.of(2))).toThrow('the disk is full');
  fails = false;
  expect(() => store.records.put(16, 1, Uint8Array.of(2))).toThrow(failed('DATABASE_FAILED'));
  expect(() => store.records.place(16, 1, 1)).toThrow(failed('DATABASE_FAILED'));
  expect(store.records.get(16, 0)).toEqual(Uint8Array.of(1));
  store.close();
});

test('raw pages: programming clears bits, erasing sets a page, and both are there again', () => {
  const path = join(tempFolder(), 'line.db');
  const store = open(path);
  const flash = store.flash(4 * 256, 256);
  expect(flash.read(2, 254)).toEqual(Uint8Array.of(255, 255));
  flash.write(Uint8Array.of(0x0f, 0xf0), 255);
  flash.write(Uint8Array.of(0x3c), 255);
  flash.write(Uint8Array.of(7), 600);
  flash.erasePage(512);
  store.close();
  const again = open(path);
  const found = again.flash(4 * 256, 256);
  expect([found.read(3, 254), found.read(1, 600)]).toEqual([Uint8Array.of(255, 0x0c, 0xf0), Uint8Array.of(255)]);
  again.close();
});
