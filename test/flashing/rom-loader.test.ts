/**
 * The interpreter onto a model of the chip's loader, by the real esptool-js: what is in flash afterwards, to the byte.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBoard } from '../../flash-scripts/boards.js';
import { createAttempt } from '../../flash-scripts/flash/attempt.js';
import { CHIPS, readFirmware } from '../../flash-scripts/flash/firmware-image.js';
import { writeFirmware, type FlashEvent } from '../../flash-scripts/flash/rom-loader.js';
import { createEspBoard } from '../../host-bridge/emulator/esp-board.js';
import { createEmulatedCable } from '../../host-bridge/emulator/esp-cable.js';
import type { EspChip } from '../../host-bridge/emulator/esp-rom.js';
import { createRealScheduler } from '../../host-bridge/emulator/scheduler.js';
import { writeRelease, type FirmwareOptions } from './firmware.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

const board = loadBoard('esp32-devkitc');

function bench(chip: EspChip = 'esp32', firmware: FirmwareOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  folders.push(folder);
  const files = writeRelease(folder, { chip, ...firmware });
  const esp = createEspBoard({ scheduler: createRealScheduler(), name: 'board', chip, records: board.flash, entropy: (count) => new Uint8Array(randomBytes(count)) });
  const cable = createEmulatedCable(esp);
  const events: FlashEvent[] = [];
  const flash = (more: Partial<Parameters<typeof writeFirmware>[1]> = {}) =>
    writeFirmware(cable, {
      chip: CHIPS[chip].name,
      parts: readFirmware(folder, { ...board, chip }),
      attempt: createAttempt(),
      onEvent: (event) => void events.push(event),
      ...more,
    });
  return { folder, files, esp, cable, events, flash };
}

/** What flash must hold: the parts in their places, everything else as it was. */
function expected(before: Uint8Array, files: Record<string, Uint8Array>, bootloaderAt: number): Uint8Array {
  const flash = before.slice();
  for (const [name, address] of [['bootloader.bin', bootloaderAt], ['partitions_espruino.bin', 0x8000], ['espruino_esp32.bin', 0x10000]] as const) {
    const data = files[name];
    const sectors = Math.ceil(data.length / 4096) * 4096;
    flash.fill(0xff, address, address + sectors);
    flash.set(data, address);
  }
  return flash;
}

test.each(['esp32', 'esp32c3', 'esp32s3'] as const)('writes an interpreter to an %s, which then starts', async (chip) => {
  const { files, esp, events, flash } = bench(chip);
  const before = esp.flash.fill(0x5a).slice();
  esp.records.restore(new Uint8Array(board.flash.bytes).fill(0x33));
  before.fill(0x33, board.flash.address, board.flash.address + board.flash.bytes);
  before.fill(0xff, 0x320000); // no files in Storage
  await flash();
  expect(Buffer.compare(esp.flash, expected(before, files, CHIPS[chip].bootloader))).toBe(0);
  expect(events.filter((event) => event.kind === 'verified')).toHaveLength(3);
  expect(events[0]).toEqual({ kind: 'chip', name: CHIPS[chip].name });
  esp.pressReset();
  expect(esp.mode).toBe('interpreter');
  expect(esp.records.image().every((byte) => byte === 0x33)).toBe(true);
});
