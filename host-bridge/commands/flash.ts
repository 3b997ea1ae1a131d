/**
 * `tapcash flash`, `tapcash ports`.
 */
import { join } from 'node:path';
import type { BoardProvision } from '../../flash-scripts/flash/board-state.js';
import { flashBoard } from '../../flash-scripts/flash/flash-board.js';
import { FLASH_MODES, type FlashMode } from '../../flash-scripts/flash/flash-mode.js';
import { readFirmware } from '../../flash-scripts/flash/node/read-firmware.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { checkImage, checkImageFor } from '../../flash-scripts/provision/program-image.js';
import { failure } from '../base/errors.js';
import { listBoardPorts } from '../serial/port.js';
import { withBoard, type PortCommand } from './board-access.js';
import { manifestAt, readImageFile } from './image.js';
import { print } from './output.js';
import type { Role } from '../../flash-scripts/boards/roles.js';

export interface FlashCommand extends PortCommand {
  board?: string;
  firmware?: string;
  role?: string;
  onlyApp?: boolean;
  /** A program in a file that its root has signed. */
  image?: string;
  manifest?: string;
  data: string;
  eraseAll?: boolean;
  yes?: boolean;
  baud: string;
  flashMode: string;
}

const STANDARD_BOARD = 'esp32-devkitc-wrover';

/** What people call the roles. */
function roleOption(text: string | undefined): Role | undefined {
  if (text === undefined) return undefined;
  if (text === 'token' || text === 'user-token') return 'user-token';
  if (text === 'terminal' || text === 'shop-terminal') return 'shop-terminal';
  throw failure('USAGE', `--role ${text}: token or terminal expected`);
}

function baudOption(text: string): number {
  const baud = Number(text);
  if (!Number.isInteger(baud) || baud < 9600 || baud > 2_000_000)
    throw failure('USAGE', `--baud ${text}: 9600 to 2000000 expected`);
  return baud;
}

function flashModeOption(text: string): FlashMode {
  const mode = FLASH_MODES.find((each) => each === text);
  if (!mode) throw failure('USAGE', `--flash-mode ${text}: ${FLASH_MODES.join(', ')} expected`);
  return mode;
}

/** Options that say two things. @throws TapcashError USAGE */
function checkOptions(options: FlashCommand): void {
  const { firmware, onlyApp, image, manifest, eraseAll, yes } = options;
  if (onlyApp && image !== undefined) throw failure('USAGE', '--image is an update, too: without --only-app');
  if (image === undefined && !firmware === !onlyApp)
    throw failure(
      'USAGE',
      '--firmware FOLDER writes Espruino and our firmware, --only-app writes our firmware alone: one of them is needed',
    );
  if (manifest !== undefined && image === undefined) throw failure('USAGE', '--manifest is for --image');
  if (eraseAll && !yes)
    throw failure('USAGE', '--erase-all destroys keys, cash and histories on the board: add --yes if that is meant');
  if (eraseAll && !firmware) throw failure('USAGE', '--erase-all needs --firmware');
}

/** What an image puts in the place of the program that was built here; judged as far as files can tell. */
function fromImage({ image: path, manifest, data, board, firmware }: FlashCommand, role: Role | undefined) {
  if (path === undefined) return null;
  const image = readImageFile(path);
  const rootFile = manifest ?? join(data, 'manifest.json');
  const root = manifestAt(rootFile)?.root ?? null;
  if (manifest !== undefined && root === null) throw failure('FILE_MISSING', manifest);
  // A board whose interpreter is to be written is asked for its root afterwards, if it has one.
  if (firmware !== undefined && root === null)
    throw failure('FILE_MISSING', `${rootFile}: with --firmware, the manifest says whose image it must be`);
  const wish = { ...(role ? { role } : {}), ...(board === undefined ? {} : { board }), root };
  checkImage(image, wish);
  return {
    board: image.board,
    options: {
      role: image.role,
      appFiles: () => Promise.resolve(image.contents),
      checkBefore: (provision: BoardProvision | null) => checkImageFor(image, wish, provision),
    },
  };
}

/** `tapcash flash`: interpreter and firmware onto a board. */
export async function flash(options: FlashCommand): Promise<void> {
  checkOptions(options);
  const role = roleOption(options.role);
  const image = fromImage(options, role);
  const board = loadBoard(options.board ?? image?.board ?? STANDARD_BOARD);
  const parts = options.firmware === undefined ? null : readFirmware(options.firmware, board);
  const baud = baudOption(options.baud);
  const flashMode = flashModeOption(options.flashMode);
  if (flashMode !== 'keep' && !parts) throw failure('USAGE', '--flash-mode needs --firmware');
  const result = await withBoard(options, (access) =>
    flashBoard({
      ...access,
      board,
      parts,
      baud,
      flashMode,
      ...(board.link ? { burstBytesMax: board.link.burstBytesMax } : {}),
      ...(role ? { role } : {}),
      ...(options.eraseAll ? { eraseAll: true } : {}),
      ...image?.options,
    }),
  );
  const next = result.provisioned
    ? 'It runs.'
    : `Next: tapcash provision ${result.role === 'user-token' ? 'token --name NAME' : 'terminal --shop NAME'}${options.serial ? ` --serial ${options.serial}` : ''}`;
  const text = `${result.role} on ${board.name}, Espruino ${result.interpreter}: ${result.written.length} files written, ${result.right.length} were right. ${next}`;
  print(options.json, { ok: true, ...result }, text);
}

/** `tapcash ports`: where a board may be. */
export async function ports(options: { json?: boolean }): Promise<void> {
  const found = await listBoardPorts();
  print(
    options.json,
    { ports: found },
    found
      .map((port) => `${port.lasting}  ${port.lasting === port.path ? '' : `${port.path}  `}${port.description}`)
      .join('\n') || 'no serial port: plug a board in',
  );
}
