/** Images for tests: with the headers that real ones have, and content that says which interpreter they stand for. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EMULATED_INTERPRETER } from '../../host-bridge/emulator/esp-board.js';
import { createBits } from '../../host-bridge/emulator/flash.js';

export const CHIP_IDS = { esp32: 0, esp32c3: 5, esp32s3: 9 };

/** An image of `bytes` bytes that compress to about a half. */
function imageOf(bytes: number, chipId: number, text = ''): Uint8Array {
  const image = new Uint8Array(bytes);
  const bits = createBits(bytes + chipId);
  for (let i = 0; i < bytes; i++) image[i] = i % 2 ? 0x55 : bits();
  image.set([0xe9, 3, 2, 0x20], 0);
  image.fill(0, 4, 24);
  image[12] = chipId;
  image.set(Buffer.from(`${text}\0`, 'latin1'), 64);
  return image;
}

/** A partition table as `gen_esp32part` makes it: entries of 32 bytes. */
function partitionTable(): Uint8Array {
  const table = new Uint8Array(0xc00).fill(0xff);
  for (let i = 0; i < 5; i++) table.set([0xaa, 0x50], i * 32);
  return table;
}

export interface FirmwareOptions {
  chip?: keyof typeof CHIP_IDS;
  /** "2v29.277", and natives that it lacks. */
  interpreter?: string;
  appBytes?: number;
}

/** Writes the three files of a release to a folder. */
export function writeRelease(
  folder: string,
  { chip = 'esp32', interpreter = '2v29.277', appBytes = 120_000 }: FirmwareOptions = {},
): Record<string, Uint8Array> {
  const files = {
    'bootloader.bin': imageOf(20_000, CHIP_IDS[chip], 'boot'),
    'partitions_espruino.bin': partitionTable(),
    'espruino_esp32.bin': imageOf(appBytes, CHIP_IDS[chip], EMULATED_INTERPRETER + interpreter),
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
  return files;
}
