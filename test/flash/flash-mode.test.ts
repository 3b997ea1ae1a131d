/** QIO at 80 MHz in the bootloader's header, its hash made anew, and the way back where a board does not answer. */
import { createHash } from 'node:crypto';
import { partsWithFlashMode, withFlashMode, type FlashMode } from '../../flash-scripts/flash/flash-mode.js';
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
import { readFirmware } from '../../flash-scripts/flash/node/read-firmware.js';
import type { FirmwarePart } from '../../flash-scripts/flash/firmware-image.js';
import { skipWaits } from '../kit/skipped-waits.js';
import { tempFolder } from '../kit/temp-folder.js';
import { writeRelease } from './firmware-kit.js';
import { attemptOn, BOARD, espRig, type EspRig } from './flash-rig.js';

skipWaits();

/** A bootloader of two segments as ESP-IDF makes it: DIO, 40 MHz, 4 MB. */
function bootloader(hasHash = true): Uint8Array {
  const segments = [100, 257];
  const end = segments.reduce((sum, bytes) => sum + 8 + bytes, 24);
  const checked = (end + 16) & ~15;
  const image = new Uint8Array(checked + (hasHash ? 32 : 0));
  image.set([0xe9, segments.length, 2, 0x20]);
  image[23] = hasHash ? 1 : 0;
  let at = 24;
  let checksum = 0xef;
  for (const bytes of segments) {
    new DataView(image.buffer).setUint32(at + 4, bytes, true);
    at += 8;
    for (let i = 0; i < bytes; i++, at++) checksum ^= image[at] = (i * 7) & 255;
  }
  image[checked - 1] = checksum;
  if (hasHash) image.set(hashOf(image.subarray(0, checked)), checked);
  return image;
}

const hashOf = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const headOf = (image: Uint8Array): number[] => [...image.subarray(0, 4)];

test('the header alone changes, and the hash with it; back again it is as it was', () => {
  const image = bootloader();
  const qio = withFlashMode('bootloader.bin', image, 'qio');
  expect(headOf(qio)).toEqual([0xe9, 2, 0, 0x2f]);
  expect(qio.subarray(4, -32)).toEqual(image.subarray(4, -32));
  expect(Buffer.compare(qio.subarray(-32), hashOf(qio.subarray(0, -32)))).toBe(0);
  expect(withFlashMode('bootloader.bin', qio, 'dio')).toEqual(image);
  const plain = withFlashMode('bootloader.bin', bootloader(false), 'qio');
  expect(plain.subarray(4)).toEqual(bootloader(false).subarray(4));
});

test('an image that is cut off is refused', () => {
  for (const bytes of [24, 60, bootloader().length - 1])
    expect(() => withFlashMode('bootloader.bin', bootloader().subarray(0, bytes), 'qio')).toThrow(
      expect.objectContaining({ code: 'FIRMWARE_INVALID' }),
    );
});

test('in a merged file the bootloader is found; other parts and `keep` change nothing', () => {
  const data = new Uint8Array(0x3000).fill(0xff);
  data.set(bootloader(), 0x1000);
  const parts = [
    { name: 'merged', address: 0, data },
    { name: 'app', address: 0x10000, data: bootloader() },
  ];
  const [merged, app] = partsWithFlashMode(parts, 0x1000, 'qio');
  expect(headOf(merged!.data.subarray(0x1000))).toEqual([0xe9, 2, 0, 0x2f]);
  expect(merged!.data.subarray(0, 0x1000)).toEqual(data.subarray(0, 0x1000));
  expect(app).toBe(parts[1]);
  expect(partsWithFlashMode(parts, 0x1000, 'keep')).toBe(parts);
  expect(headOf(data.subarray(0x1000))).toEqual([0xe9, 2, 2, 0x20]);
});

describe('on a board', () => {
  function partsOf(): FirmwarePart[] {
    const folder = tempFolder();
    writeRelease(folder, {});
    return readFirmware(folder, BOARD).map((part) =>
      part.name === 'bootloader.bin' ? { ...part, data: bootloader() } : part,
    );
  }
  const flash = (rig: EspRig, parts: FirmwarePart[], flashMode: FlashMode, steps: string[] = []) =>
    flashBoard({
      ...NODE_TOOLS,
      device: rig.cable,
      attempt: attemptOn(rig.cable),
      reporter: { step: (text) => void steps.push(text), progress: () => undefined, hint: () => undefined },
      board: BOARD,
      parts,
      role: 'user-token',
      burstBytesMax: 1024,
      handMs: 2000,
      flashMode,
    });

  test('QIO stays where the board answers with it, and dio is the way back', async () => {
    const rig = espRig();
    const parts = partsOf();
    expect(await flash(rig, parts, 'qio')).toMatchObject({ flashMode: 'qio', provisioned: false });
    expect(headOf(rig.esp.flash.subarray(0x1000))).toEqual([0xe9, 2, 0, 0x2f]);
    expect(await flash(rig, parts, 'dio')).toMatchObject({ flashMode: 'dio', written: [] });
    expect(headOf(rig.esp.flash.subarray(0x1000))).toEqual([0xe9, 2, 2, 0x20]);
  });

  test('a flash chip without four lines gets its own mode back, and the board starts', async () => {
    const rig = espRig('esp32', true, BOARD.pn532, false);
    const steps: string[] = [];
    expect(await flash(rig, partsOf(), 'qio', steps)).toMatchObject({ flashMode: 'keep', interpreter: '2v29.277' });
    expect(headOf(rig.esp.flash.subarray(0x1000))).toEqual([0xe9, 2, 2, 0x20]);
    expect(steps.join('\n')).toContain('does not answer with its flash at QIO 80 MHz');
  });
});
