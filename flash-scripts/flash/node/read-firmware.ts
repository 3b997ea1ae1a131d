/**
 * Reads the interpreter's files (firmware-image.ts says which they are, and checks them).
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { failure } from '../../../host-bridge/base/errors.js';
import type { BoardEntry } from '../../boards/board-entry.js';
import { chipOf, firmwareParts, type FirmwarePart } from '../firmware-image.js';

/**
 * Reads the interpreter's files for a board.
 * @param path a folder with bootloader.bin, partition*.bin and espruino*.bin; the last of these; or one merged file
 * @throws TapcashError FILE_MISSING, FIRMWARE_INVALID, FIRMWARE_CHIP, BOARD_CONFIG_INVALID, INTERPRETER_OLD,
 *   NATIVE_MISSING
 */
export function readFirmware(path: string, board: BoardEntry): FirmwarePart[] {
  chipOf(board);
  if (!existsSync(path)) throw failure('FILE_MISSING', path);
  const isFolder = statSync(path).isDirectory();
  const place = isFolder ? path : dirname(path);
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(place, name)));
  return firmwareParts({ place, names: readdirSync(place), read }, board, isFolder ? undefined : basename(path));
}
