/**
 * What work at a board needs of Node: the bundles that were built, and EspruinoTools from its package.
 */
import { fromChars } from '../../../firmware/core/bytes.js';
import type { BoardConfig } from '../../../firmware/core/board-config.js';
import { overlaysOf, TEST_OVERLAY } from '../../boards/board-overlays.js';
import type { Role } from '../../boards/roles.js';
import { builtProgram } from '../../build/built-bundles.js';
import { baseTable } from '../../provision/board-files.js';
import type { BoardTools } from '../flash-board.js';
import type { StorageFiles } from '../storage-files.js';
import { createEspruinoConnection } from './espruino-tools.js';

/**
 * What a role's program needs in a board's Storage whoever the board belongs to: written by an update, beside what it
 * was provisioned with.
 */
export async function appFiles(role: Role, board: BoardConfig): Promise<StorageFiles> {
  const { bundle, overlays } = await builtProgram(role);
  return {
    'tab.base': baseTable(),
    ...Object.fromEntries(Object.entries(overlaysOf(overlays, board)).map(([name, code]) => [name, fromChars(code)])),
    '.bootcde': fromChars(bundle),
  };
}

/** The tools for `BoardAccess`. */
export const NODE_TOOLS: BoardTools = { createConnection: createEspruinoConnection, appFiles };

/** The program of a role's self-test, of the same build (firmware/board/self-test.ts). */
export const testProgram = async (role: Role): Promise<string> => (await builtProgram(role)).overlays[TEST_OVERLAY];
