/**
 * Boards with a PN532 for a demo: on the emulated board, or in the real interpreter.
 *
 * Both kinds get the same bundle, the same files and the same chip model at the other end of the same cables; only the
 * board's entry of board-configs/ differs. The terminal in the interpreter is reached as a real one is: through a
 * device, here a pty, by node-serialport.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { overlaysOf } from '../../flash-scripts/boards/board-overlays.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import type { CutProgram } from '../../flash-scripts/build/overlays.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import { createBoard, type Board } from '../emulator/board.js';
import { createEmulatedFlash, type EmulatedFlash } from '../emulator/flash.js';
import { createI2cBus } from '../emulator/i2c-bus.js';
import { createInterpreterBoard } from '../emulator/interpreter.js';
import { createPn532Chip, type Pn532Chip } from '../emulator/pn532-chip.js';
import { openPtyPair } from '../emulator/pty.js';
import type { Scheduler } from '../base/scheduler.js';
import { createSerialLine } from '../serial/serial-line.js';
import { createEmulatedPort, openBoardPort, type BoardPort } from '../serial/port.js';
import type { Speed } from '../emulator/work-meter.js';
import type { Random } from './random.js';

/** A board with its chip, switched on. */
export interface NfcBoard {
  board: Board;
  chip: Pn532Chip;
  /** Its raw flash; emulated boards only. */
  flash?: EmulatedFlash;
  /** Resolves once the firmware has started. */
  ready(): Promise<void>;
  /** Opens the serial port that a bridge uses; terminals only. */
  openPort(): Promise<BoardPort>;
  /** Most variables in use at once, where they are counted. */
  variablesPeak?(): Promise<number>;
  /** Brings its files up to date, as a provisioning does, and starts it again. */
  update(files: Record<string, Uint8Array>): Promise<void>;
  /** A board with a copy of this one's flash and Storage, as a thief of the chip would make it. */
  clone(name: string, entropy: Random): Promise<NfcBoard>;
  close(): void;
}

/** What a board is made of. */
export interface BoardParts {
  name: string;
  role: 'user-token' | 'shop-terminal';
  program: CutProgram;
  /** What Storage holds besides the program. */
  files: Record<string, Uint8Array>;
  entropy: Random;
  onConsole: (line: string) => void;
  /** Told when it may look otherwise; emulated boards only. */
  onLook?: (() => void) | undefined;
}

/** Makes boards of one kind. */
export interface BoardMaker {
  /** Their entry of board-configs/. */
  config: BoardConfig;
  /** For people. */
  kind: string;
  make(parts: BoardParts): Promise<NfcBoard>;
}

/** UM0701-02 6.2.4: 0x48 with the bit for reading. */
const PN532_I2C_ADDRESS = 0x24;

/** A chip at the other end of the board's UART. */
function wireChip(scheduler: Scheduler) {
  const chip = createPn532Chip(scheduler);
  const line = createSerialLine(scheduler);
  chip.connectHsu(line.b, (baud) => void (line.baud = baud));
  return { chip, end: line.a };
}

/** Buses of the PN532, as board-configs/ names them. */
export type Pn532Bus = 'uart' | 'i2c' | 'spi';

/** The emulated board's PN532 on another bus than its UART: as real boards have it. */
function onBus(board: BoardConfig, bus: Pn532Bus): BoardConfig {
  if (bus === 'uart') return board;
  if (bus === 'spi') return { ...board, pn532: loadBoard('esp32-devkitc-wrover').pn532 };
  return {
    ...board,
    pn532: { bus: 'i2c', port: 'I2C', sda: 'D21', scl: 'D22', bitrate: 400_000, burstBytesMax: 144 },
  };
}

async function updated(board: Board, files: Record<string, Uint8Array>, ready: () => Promise<void>): Promise<void> {
  board.powerOff();
  board.install(files);
  board.powerOn();
  await ready();
}

/** Emulated boards. @param speed lets their programs take time @param bus of the PN532 */
export function emulatedBoards(scheduler: Scheduler, speed?: Speed, bus: Pn532Bus = 'uart'): BoardMaker {
  const config = onBus(loadBoard('emulated'), bus);

  function build(parts: BoardParts, image: Uint8Array | null): NfcBoard {
    const i2c = bus === 'i2c' ? createI2cBus() : null;
    const { chip, end } = bus === 'uart' ? wireChip(scheduler) : { chip: createPn532Chip(scheduler), end: null };
    i2c?.attach(PN532_I2C_ADDRESS, chip.i2c);
    const link = createSerialLine(scheduler);
    const flash = createEmulatedFlash(config.flash);
    if (image) flash.restore(image);
    const board = createBoard({
      scheduler,
      flash,
      name: parts.name,
      bundle: parts.program.bundle,
      files: { ...parts.program.overlays, ...parts.files },
      serials: { ...(end ? { [config.pn532.port]: end } : {}), ...(config.link ? { [config.link.port]: link.a } : {}) },
      ...(i2c ? { i2c } : {}),
      ...(bus === 'spi' ? { spi: { [config.pn532.nss as string]: chip.spi } } : {}),
      entropy: parts.entropy,
      onConsole: parts.onConsole,
      ...(parts.onLook ? { onPicture: parts.onLook, onPin: parts.onLook } : {}),
      ...(speed ? { speed } : {}),
    });
    board.powerOn();
    return {
      board,
      chip,
      flash,
      ready: async () => undefined,
      openPort: async () => createEmulatedPort(link.b, `emulated:${parts.name}`),
      update: (files) => updated(board, files, async () => undefined),
      clone: async (name, entropy) =>
        build({ ...parts, name, entropy, files: Object.fromEntries(board.files) }, flash.image()),
      close: () => board.powerOff(),
    };
  }

  return { config, kind: 'emulated board', make: async (parts) => build(parts, null) };
}

/** Two pages fewer than board-configs/linux.json has: with program and prelude in flash, Storage needs them. */
export const WATCHED_FLASH = { address: 0x10033000, bytes: 53248, pageBytes: 4096, eraseBytes: 1024 };

/**
 * Boards in Espruino's Linux build.
 * @param path its executable @param watchMemory counts variables while they work, with the program in flash and a
 *   picture for a display as on a board
 */
export function interpreterBoards(scheduler: Scheduler, path: string, watchMemory = false): BoardMaker {
  const board = loadBoard('linux');
  const config: BoardConfig = watchMemory
    ? { ...board, display: { type: 'ssd1306', port: 'I2C1' }, flash: WATCHED_FLASH }
    : board;

  async function build(parts: BoardParts, flashFile: string | null): Promise<NfcBoard> {
    const { chip, end } = wireChip(scheduler);
    const isTerminal = parts.role === 'shop-terminal' && config.link !== undefined;
    const cable = isTerminal ? await openPtyPair() : null;
    const workDir = mkdtempSync(join(tmpdir(), 'tapcash-'));
    if (flashFile) copyFileSync(flashFile, join(workDir, 'espruino.flash'));
    const board = await createInterpreterBoard({
      path,
      workDir,
      name: parts.name,
      bundle: parts.program.bundle,
      files: { ...overlaysOf(parts.program.overlays, config), ...parts.files },
      serials: { [config.pn532.port]: end },
      paths: cable ? { [config.link!.port]: cable.paths[0] } : {},
      onConsole: parts.onConsole,
      ...(watchMemory ? { watchMemory, boot: 'storage' as const, rawBytes: WATCHED_FLASH.bytes } : {}),
    });
    board.powerOn();
    return {
      board,
      chip,
      ...(watchMemory ? { variablesPeak: () => board.variablesPeak() } : {}),
      ready: () => board.ready(),
      openPort: () => openBoardPort(cable!.paths[1]),
      update: (files) => updated(board, files, () => board.ready()),
      clone: (name, entropy) => build({ ...parts, name, entropy, files: {} }, join(workDir, 'espruino.flash')),
      close() {
        board.close();
        cable?.close();
        rmSync(workDir, { recursive: true, force: true });
      },
    };
  }

  return { config, kind: 'Espruino on Linux', make: (parts) => build(parts, null) };
}
