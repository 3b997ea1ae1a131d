/**
 * `tapcash flash`: interpreter and firmware onto a board, from whatever state it is in to one that starts.
 *
 *   1. the interpreter, unless only the firmware is to be written: by the loader in ROM (rom-loader.ts)
 *   2. the console of the interpreter (console.ts), its version and its natives
 *   3. radios, switched off for good (radios.ts)
 *   4. on a terminal, the pages of its deny list (reserve.ts)
 *   5. the role's files in Storage (storage-files.ts), the boot file last
 *   6. a start, and what the firmware says
 *
 * Keys, records and what a board was provisioned with stay as they are, unless all is to be erased.
 */
import { failure, isFailure } from '../../host-bridge/base/errors.js';
import { BOARD_BURST_BYTES } from '../../host-bridge/serial/board-line.js';
import type { SerialDevice } from '../../host-bridge/serial/device.js';
import type { Role } from '../boards/roles.js';
import type { Attempt } from './attempt.js';
import {
  checkNatives,
  isUnprovisioned,
  readProvision,
  startFirmware,
  variablesOf,
  type BoardProvision,
} from './board-state.js';
import { openConsole, type BoardConsole } from './console.js';
import { chipOf, type FirmwarePart } from './firmware-image.js';
import { partsWithFlashMode, type FlashMode } from './flash-mode.js';
import { isBluetoothOn, radioFiles, switchBluetoothOff } from './radios.js';
import { writeFirmware } from './rom-loader.js';
import type { EspruinoConnection } from './espruino-connection.js';
import { DENY_FILE } from '../../firmware/core/deny-file.js';
import { reserveDenyFile } from './reserve.js';
import { installFiles, type StorageFiles } from './storage-files.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import type { BoardEntry } from '../boards/board-entry.js';
import { checkMemoryFor } from '../boards/memory-needs.js';

/** What is told while a board is worked on. */
export interface Reporter {
  /** A step that begins or ended. */
  step(text: string): void;
  progress(name: string, done: number, total: number): void;
  /** Something that only a hand at the board can do. */
  hint(text: string): void;
}

/** What work at a board needs of where it runs (node/board-tools.ts). */
export interface BoardTools {
  /** A new connection of EspruinoTools. */
  createConnection(): EspruinoConnection;
  /**
   * What a role's program needs in a board's Storage whoever the board belongs to: bundle, overlays, the base point's
   * table.
   */
  appFiles(role: Role, board: BoardConfig): Promise<StorageFiles>;
}

/** How a board is spoken to. */
export interface BoardAccess extends BoardTools {
  device: SerialDevice;
  attempt: Attempt;
  reporter: Reporter;
  /** Most bytes that the board takes in one go; `BOARD_BURST_BYTES` unless its configuration says otherwise. */
  burstBytesMax?: number;
  /** How long somebody may take for what `hint` asks. */
  handMs?: number;
}

export interface FlashBoardOptions extends BoardAccess {
  board: BoardEntry;
  /** The interpreter; none: only the firmware. */
  parts: FirmwarePart[] | null;
  /** Default: what the board was before, or the only role that it can have. */
  role?: Role;
  /** Everything on the board is lost, keys too. */
  eraseAll?: boolean;
  /** Speed of the loader. */
  baud?: number;
  /** How the chip reads its flash; default: as the interpreter's files say. */
  flashMode?: FlashMode;
  /**
   * Judges the board by what it was provisioned with (null: not at all), before anything on it is changed; where the
   * interpreter is written, before its Storage is. Throws what stops the command.
   */
  checkBefore?(provision: BoardProvision | null): void;
}

export interface FlashResult {
  role: Role;
  interpreter: string;
  /** Files that were written, and those that were right. */
  written: string[];
  right: string[];
  /** Whether it was provisioned, so that it runs. */
  provisioned: boolean;
  /** With which flash mode it answers; null where the interpreter was not written. */
  flashMode: FlashMode | null;
}

/** How long a board takes to restart by itself. */
const RESTART_MS = 500;

/** Opens the console of a board that somebody may have to reset. */
export function reachConsole({
  device,
  attempt,
  reporter,
  burstBytesMax = BOARD_BURST_BYTES,
  handMs,
  createConnection,
}: BoardAccess): Promise<BoardConsole> {
  return openConsole(device, {
    attempt,
    createConnection,
    burstBytesMax,
    ...(handMs === undefined ? {} : { handMs }),
    onPressReset: () => reporter.hint("press the board's reset button (EN)"),
  });
}

async function writeInterpreter(options: FlashBoardOptions, parts: FirmwarePart[]): Promise<void> {
  const { board, device, attempt, reporter, eraseAll, baud, handMs } = options;
  await writeFirmware(device, {
    chip: chipOf(board).name,
    parts,
    attempt,
    ...(eraseAll ? { eraseAll } : {}),
    ...(baud === undefined ? {} : { baud }),
    ...(handMs === undefined ? {} : { handMs }),
    onEvent(event) {
      if (event.kind === 'chip') reporter.step(`chip ${event.name}`);
      else if (event.kind === 'progress') reporter.progress(event.part, event.done, event.total);
      else if (event.kind === 'hold-boot') reporter.hint('hold BOOT, press reset (EN), let go of BOOT');
      else reporter.step(`${event.part}: ${event.kind === 'skipped' ? 'is there already' : 'written and verified'}`);
    },
  });
}

function chooseRole(options: FlashBoardOptions, before: Role | undefined): Role {
  const { board, role = before ?? (board.roles.length === 1 ? board.roles[0] : undefined) } = options;
  if (!role) throw failure('USAGE', `--role: token or terminal; ${board.name} can be either`);
  if (!board.roles.includes(role)) throw failure('USAGE', `--role: ${board.name} cannot be a ${role}`);
  if (before && before !== role)
    throw failure('USAGE', `the board is a ${before}; --erase-all --yes makes it a new one, and loses its keys`);
  return role;
}

/** The console of a board whose Bluetooth is off, now and from now on. */
async function reachSilent(options: FlashBoardOptions): Promise<BoardConsole> {
  const console = await reachConsole(options);
  try {
    // Switching Bluetooth off removes the boot file.
    options.checkBefore?.(await readProvision(console));
    if (!(await isBluetoothOn(console))) return console;
    options.reporter.step('Bluetooth: switched off for good, the board restarts');
    await switchBluetoothOff(console);
    await options.attempt.wait(RESTART_MS);
  } catch (thrown) {
    await console.close();
    throw thrown;
  }
  await console.close();
  return reachConsole(options);
}

/** How long a board of another flash mode has for its first word, before it gets its own back. */
const MODE_HAND_MS = 5000;

/**
 * Writes the interpreter and finds its console. A board that does not answer with the flash mode that was asked for
 * gets the files as they are.
 */
async function reachWritten(
  options: FlashBoardOptions,
  parts: FirmwarePart[],
): Promise<{ console: BoardConsole; flashMode: FlashMode }> {
  const { flashMode = 'keep', reporter } = options;
  const { bootloader } = chipOf(options.board);
  await writeInterpreter(options, partsWithFlashMode(parts, bootloader, flashMode));
  if (flashMode !== 'qio') return { console: await reachSilent(options), flashMode };
  try {
    return { console: await reachSilent({ ...options, handMs: MODE_HAND_MS }), flashMode };
  } catch (thrown) {
    if (!isFailure(thrown) || thrown.code !== 'BOARD_SILENT') throw thrown;
  }
  reporter.step("the board does not answer with its flash at QIO 80 MHz: it gets its interpreter's own mode back");
  await writeInterpreter({ ...options, eraseAll: false }, parts);
  return { console: await reachSilent(options), flashMode: 'keep' };
}

/**
 * Brings interpreter and firmware onto a board, and starts it.
 * @throws TapcashError of each step; the same again goes on where it was
 */
export async function flashBoard(options: FlashBoardOptions): Promise<FlashResult> {
  const { attempt, reporter, parts } = options;
  attempt.watch(options.device);
  // Before the interpreter is written its entry alone says how many variables it will have.
  const { board, role } = options;
  if (parts) checkMemoryFor(board.name, board.variables, role ? [role] : board.roles);
  const reached = parts ? await reachWritten(options, parts) : null;
  const console = reached?.console ?? (await reachSilent(options));
  try {
    reporter.step(`interpreter ${console.version}`);
    await checkNatives(console, options.board);
    const provision = await readProvision(console);
    const result: FlashResult = {
      role: chooseRole(options, provision?.role),
      interpreter: console.version,
      written: [],
      right: [],
      provisioned: provision !== null,
      flashMode: reached?.flashMode ?? null,
    };
    checkMemoryFor('the interpreter', await variablesOf(console), [result.role]);
    if (result.role === 'shop-terminal') {
      const isThere = await reserveDenyFile(console);
      reporter.step(`${DENY_FILE}: ${isThere ? 'is there already' : 'pages reserved for deny lists'}`);
    }
    const files = { ...radioFiles(console.version), ...(await options.appFiles(result.role, options.board)) };
    await installFiles(console, files, {
      onProgress: reporter.progress,
      onFile(name, what) {
        result[what].push(name);
        reporter.step(`${name}: ${what === 'right' ? 'is there already' : 'written and verified'}`);
      },
    });
    const start = await startFirmware(console, attempt);
    if (!start.runs && !isUnprovisioned(start)) throw failure('DEVICE_FAULT', start.fault);
    result.provisioned = start.runs;
    return result;
  } finally {
    await console.close();
  }
}
