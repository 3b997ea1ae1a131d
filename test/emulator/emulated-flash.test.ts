/** The emulated flash: bits, words, pages, cuts, and its file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulatedFlash, PowerLost } from '../../host-bridge/emulator/flash.js';

const options = { address: 4096, bytes: 1024, pageBytes: 256 };
const bytes = (n: number, value: number) => new Uint8Array(n).fill(value);

test('clears bits, sets them by erasing a page, and refuses what a chip would garble', () => {
  const flash = createEmulatedFlash(options);
  flash.write([0xf0, 0x0f, 0xff, 0], 4096 + 252);
  flash.write([0x3c, 0xff, 0xff, 0xff], 4096 + 252);
  expect([...flash.read(8, 4096 + 250)]).toEqual([255, 255, 0x30, 0x0f, 255, 0, 255, 255]);
  flash.write(bytes(8, 0), 4096 + 252);
  flash.erasePage(4096 + 300);
  expect([...flash.read(8, 4096 + 252)]).toEqual([0, 0, 0, 0, 255, 255, 255, 255]);
  expect(flash.getPage(4096 + 300)).toEqual({ addr: 4096 + 256, length: 256 });
  expect(flash.getPage(4095)).toBeUndefined();
  expect(() => flash.write(bytes(4, 0), 4097)).toThrow('not whole words');
  expect(() => flash.write(bytes(3, 0), 4096)).toThrow('not whole words');
  expect(() => flash.read(2, 4096 + 1023)).toThrow('outside the flash');
  expect(() => flash.erasePage(4095)).toThrow('outside the flash');
  expect(flash.counters).toMatchObject({ writes: 3, erases: 1, bytesWritten: 16 });
});

test('cuts power before, during and after the operation that it is told, and stays off', () => {
  const cut = (where: 'before' | 'during' | 'after', word: number) => {
    const flash = createEmulatedFlash({ ...options, seed: 3 });
    let lost = 0;
    flash.onPowerLost = () => void lost++;
    flash.cutAfter(1, where, word);
    flash.write(bytes(4, 0xaa), 4096);
    expect(() => flash.write(bytes(12, 0), 4100)).toThrow(PowerLost);
    expect(() => flash.read(4, 4096)).toThrow(PowerLost);
    expect(() => flash.erasePage(4096)).toThrow(PowerLost);
    expect(lost).toBe(1);
    flash.powerOn();
    return [...flash.read(16, 4096)];
  };
  const done = [0xaa, 0xaa, 0xaa, 0xaa];
  expect(cut('before', 0)).toEqual([...done, ...bytes(12, 0xff)]);
  expect(cut('after', 0)).toEqual([...done, ...bytes(12, 0)]);
  const torn = cut('during', 1);
  expect(torn.slice(0, 8)).toEqual([...done, 0, 0, 0, 0]);
  expect(torn.slice(12)).toEqual([255, 255, 255, 255]);
  expect(torn.slice(8, 12)).not.toEqual([0, 0, 0, 0]);
  expect(torn.slice(8, 12)).not.toEqual([255, 255, 255, 255]);
});

test('leaves weak bits that fade at the power-up after the next, unless programmed again', () => {
  for (const again of [false, true]) {
    const flash = createEmulatedFlash(options);
    flash.cutAfter(0, 'weak');
    expect(() => flash.write(bytes(4, 0), 4096)).toThrow(PowerLost);
    flash.powerOn();
    expect([...flash.read(4, 4096)]).toEqual([0, 0, 0, 0]);
    if (again) flash.write(bytes(4, 0), 4096);
    flash.powerOn();
    expect(flash.read(4, 4096)[0]).toBe(again ? 0 : 255);
  }
});

test('reads unstable bits differently until they are programmed again', () => {
  const flash = createEmulatedFlash({ ...options, unstable: true });
  flash.cutAfter(0, 'scattered');
  expect(() => flash.write(bytes(64, 0), 4096)).toThrow(PowerLost);
  flash.powerOn();
  const read = () => Buffer.from(flash.read(64, 4096)).toString('hex');
  expect(read()).not.toBe(read());
  flash.write(bytes(64, 0), 4096);
  expect(read()).toBe('00'.repeat(64));
});

test('is in its file what it is in memory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  const file = join(folder, 'flash');
  const flash = createEmulatedFlash({ ...options, file });
  flash.write([1, 2, 3, 4], 4100);
  flash.erasePage(4096 + 512);
  flash.close();
  const again = createEmulatedFlash({ ...options, file });
  expect(Buffer.compare(again.image(), flash.image())).toBe(0);
  expect([...again.read(4, 4100)]).toEqual([1, 2, 3, 4]);
  again.close();
  rmSync(folder, { recursive: true });
});
