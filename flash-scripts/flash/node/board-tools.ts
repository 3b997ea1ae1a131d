/**
 * What work at a board needs of Node: the bundles that were built, and EspruinoTools from its package.
 */
import type { BoardConfig } from '../../../firmware/core/board-config.js';
import { TEST_OVERLAY } from '../../boards/board-overlays.js';
import type { Role } from '../../boards/roles.js';
import { builtProgram } from '../../build/built-bundles.js';
import { programFiles } from '../../provision/program-files.js';
import type { BoardTools } from '../flash-board.js';
import type { StorageFiles } from '../storage-files.js';
import { createEspruinoConnection } from './espruino-tools.js';

/** The files of the program that was built for a role. */
export const appFiles = async (role: Role, board: BoardConfig): Promise<StorageFiles> =>
  programFiles(await builtProgram(role), board);

/** The tools for `BoardAccess`. */
export const NODE_TOOLS: BoardTools = { createConnection: createEspruinoConnection, appFiles };

/** The program of a role's self-test, of the same build (firmware/board/self-test.ts). */
export const testProgram = async (role: Role): Promise<string> => (await builtProgram(role)).overlays[TEST_OVERLAY];
