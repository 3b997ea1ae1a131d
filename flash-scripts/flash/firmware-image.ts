/**
 * The interpreter's files as Espruino ships them for ESP32 chips: which parts they are, for which chip, and where they
 * go.
 *
 * Offsets: Espruino's targets/esp32 README_flash (ESP32: bootloader at 0x1000, C3 and S3 at 0x0; partitions at 0x8000,
 * the interpreter at 0x10000). Image header: ESP-IDF, esp_app_format.h, `esp_image_header_t`: magic 0xE9, number of
 * segments, chip id at byte 12. Partition table: entries that begin with AA 50. Left out: segments and hashes inside an
 * image; the boot loader checks those, and MD5 checks that what was read arrived. Reading the files is
 * node/read-firmware.ts.
 */
import { failure } from '../../host-bridge/base/errors.js';
import type { BoardEntry } from '../boards/board-entry.js';
import { checkBuild } from './interpreter-build.js';

/** Bytes for one place in flash. */
export interface FirmwarePart {
  /** For people: the file's name. */
  name: string;
  address: number;
  data: Uint8Array;
}

interface ChipLayout {
  /** As `esptool-js` names it. */
  name: string;
  /** IMAGE_CHIP_ID. */
  imageId: number;
  bootloader: number;
}

/** Chips that can be flashed. */
export const CHIPS: Record<Exclude<BoardEntry['chip'], 'linux'>, ChipLayout> = {
  esp32: { name: 'ESP32', imageId: 0, bootloader: 0x1000 },
  esp32c3: { name: 'ESP32-C3', imageId: 5, bootloader: 0 },
  esp32s3: { name: 'ESP32-S3', imageId: 9, bootloader: 0 },
};

const PARTITIONS_ADDRESS = 0x8000;
const APP_ADDRESS = 0x10000;
const IMAGE_MAGIC = 0xe9;
const IMAGE_HEADER_BYTES = 24;
const SEGMENTS_MAX = 16;
const SECTOR_BYTES = 4096;

/** The chip of a board. @throws TapcashError BOARD_CONFIG_INVALID where there is nothing to flash */
export function chipOf(board: BoardEntry): ChipLayout {
  if (board.chip === 'linux') throw failure('BOARD_CONFIG_INVALID', `${board.name}: chip linux is not flashed`);
  return CHIPS[board.chip];
}

const isImage = (data: Uint8Array, at = 0): boolean =>
  data.length >= at + IMAGE_HEADER_BYTES &&
  data[at] === IMAGE_MAGIC &&
  data[at + 1] >= 1 &&
  data[at + 1] <= SEGMENTS_MAX;
const isPartitions = (data: Uint8Array, at = 0): boolean => data[at] === 0xaa && data[at + 1] === 0x50;

function chipNameOf(id: number): string {
  return Object.values(CHIPS).find((chip) => chip.imageId === id)?.name ?? `a chip with id ${id}`;
}

/** Checks that an image is one, for this chip. */
function checkImage(name: string, data: Uint8Array, chip: ChipLayout, at = 0): void {
  if (!isImage(data, at)) throw failure('FIRMWARE_INVALID', `${name} does not begin as an image of an ESP32 chip does`);
  const id = data[at + 12] | (data[at + 13] << 8);
  if (id !== chip.imageId)
    throw failure('FIRMWARE_CHIP', `${name} is for ${chipNameOf(id)}, the board has ${chip.name}`);
}

/** Files of one folder, however they are read. */
export interface FirmwareFolder {
  /** For people: where it is. */
  place: string;
  names: string[];
  read(name: string): Uint8Array;
}

/** The three files of a folder. `app`: the interpreter's, where it was named. */
function fromFolder(folder: FirmwareFolder, chip: ChipLayout, app?: string): FirmwarePart[] | null {
  const { place, read } = folder;
  const names = folder.names.filter((name) => name.endsWith('.bin')).sort();
  const bootloader = names.find((name) => name === 'bootloader.bin');
  const partitions = names.find((name) => /^partition/.test(name));
  const apps = app ? [app] : names.filter((name) => /^espruino.*\.bin$/.test(name));
  if (apps.length > 1) throw failure('FIRMWARE_INVALID', `${place} holds ${apps.join(', ')}: name one of them`);
  if (!bootloader || !partitions || apps.length === 0) return null;
  const parts = [
    { name: bootloader, address: chip.bootloader, data: read(bootloader) },
    { name: partitions, address: PARTITIONS_ADDRESS, data: read(partitions) },
    { name: apps[0], address: APP_ADDRESS, data: read(apps[0]) },
  ];
  for (const part of [parts[2], parts[0]]) checkImage(part.name, part.data, chip);
  if (!isPartitions(parts[1].data)) throw failure('FIRMWARE_INVALID', `${partitions} is not a partition table`);
  return parts;
}

/** One file with everything, made by `esptool merge_bin`: it begins at 0 or at the bootloader. */
function fromMerged(name: string, data: Uint8Array, chip: ChipLayout): FirmwarePart[] | null {
  const base = [0, chip.bootloader].find(
    (start) => isImage(data, chip.bootloader - start) && isPartitions(data, PARTITIONS_ADDRESS - start),
  );
  if (base === undefined) return null;
  checkImage(name, data, chip, chip.bootloader - base);
  checkImage(name, data, chip, APP_ADDRESS - base);
  let end = data.length;
  while (data[end - 1] === 0xff) end--;
  return [{ name, address: base, data: data.subarray(0, (end + 3) & ~3) }];
}

/** Records and Storage lie above the interpreter: nothing of it may reach them. */
function checkRoom(parts: FirmwarePart[], board: BoardEntry): void {
  for (const { name, address, data } of parts) {
    const end = Math.ceil((address + data.length) / SECTOR_BYTES) * SECTOR_BYTES;
    if (end > board.flash.address)
      throw failure(
        'FIRMWARE_INVALID',
        `${name} would end at 0x${end.toString(16)}, in the board's records at 0x${board.flash.address.toString(16)}`,
      );
  }
}

/**
 * The interpreter's parts for a board.
 * @param folder the files beside each other: bootloader.bin, partition*.bin and espruino*.bin
 * @param named the last of these, or one merged file; left out: the folder was named
 * @throws TapcashError FIRMWARE_INVALID, FIRMWARE_CHIP, BOARD_CONFIG_INVALID; INTERPRETER_OLD, NATIVE_MISSING
 */
export function firmwareParts(folder: FirmwareFolder, board: BoardEntry, named?: string): FirmwarePart[] {
  const chip = chipOf(board);
  const data = named === undefined ? null : folder.read(named);
  const merged = named !== undefined && data ? fromMerged(named, data, chip) : null;
  if (data && !merged && !isImage(data))
    throw failure('FIRMWARE_INVALID', `${named} does not begin as an image of an ESP32 chip does`);
  const parts = merged ?? fromFolder(folder, chip, named);
  if (!parts)
    throw failure('FIRMWARE_INVALID', `${folder.place} must hold bootloader.bin, partition*.bin and espruino*.bin`);
  checkRoom(parts, board);
  const app = parts[parts.length - 1];
  checkBuild(app.name, app.data.subarray(APP_ADDRESS - app.address), board);
  return parts;
}
