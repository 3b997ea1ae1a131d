/**
 * Reserves the pages of a terminal's deny list: a file of Storage without data, which the firmware writes as raw pages
 * (firmware/shop-terminal/deny-area.ts) and nobody as a file.
 *
 * Made before other files, so that files that are written anew later lie behind it and compacting does not move it.
 */
import { DENY_FILE, DENY_FILE_BYTES } from '../../firmware/core/deny-file.js';
import { failure } from '../../host-bridge/base/errors.js';
import type { BoardConsole } from './console.js';

const NAME = JSON.stringify(DENY_FILE);

/** Whether the file is there, in its length. */
async function isReserved(console: BoardConsole): Promise<boolean> {
  const s = `require("Storage").read(${NAME},`;
  return (await console.evaluate(`${s}${DENY_FILE_BYTES - 1},1)&&!${s}${DENY_FILE_BYTES},1)?1:0`)) === 1;
}

/**
 * Makes the file where it is not there.
 * @returns whether it was there
 * @throws TapcashError FLASH_FAILED: Storage has no room
 */
export async function reserveDenyFile(console: BoardConsole): Promise<boolean> {
  if (await isReserved(console)) return true;
  await console.evaluate(
    `(require("Storage").erase(${NAME}),require("Storage").write(${NAME},"",0,${DENY_FILE_BYTES}))`,
  );
  if (!(await isReserved(console)))
    throw failure('FLASH_FAILED', `${DENY_FILE}: no room for ${DENY_FILE_BYTES} bytes in Storage`);
  return false;
}
