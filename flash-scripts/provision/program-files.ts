/**
 * What a role's program needs in a board's Storage whoever the board belongs to: written by an update, beside what it
 * was provisioned with.
 */
import { fromChars } from '../../firmware/core/bytes.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import { overlaysOf } from '../boards/board-overlays.js';
import type { StorageFiles } from '../flash/storage-files.js';
import { baseTable } from './board-files.js';

/** Bundle and overlays as the build has them: text of character codes 0 to 255. */
export interface ProgramText {
  bundle: string;
  overlays: Readonly<Record<string, string>>;
}

/** The program's files for a board, the boot file last. */
export const programFiles = ({ bundle, overlays }: ProgramText, board: BoardConfig): StorageFiles => ({
  'tab.base': baseTable(),
  ...Object.fromEntries(Object.entries(overlaysOf(overlays, board)).map(([name, code]) => [name, fromChars(code)])),
  '.bootcde': fromChars(bundle),
});
