/**
 * What is done at a board, by the code of the command line: flash-scripts. Loaded when it is wanted, for it is most of
 * what the page has.
 */
import { schemeOf } from '../../../firmware/core/scheme.js';
import { isName } from '../../../firmware/wire/name.js';
import type { BoardEntry } from '../../../flash-scripts/boards/board-entry.js';
import type { Role } from '../../../flash-scripts/boards/roles.js';
import { examineBoard, type Finding } from '../../../flash-scripts/doctor/doctor.js';
import { createAttempt } from '../../../flash-scripts/flash/attempt.js';
import type { EspruinoConnection } from '../../../flash-scripts/flash/espruino-connection.js';
import { firmwareParts } from '../../../flash-scripts/flash/firmware-image.js';
import {
  flashBoard,
  type BoardAccess,
  type FlashResult,
  type Reporter,
} from '../../../flash-scripts/flash/flash-board.js';
import { TERMINAL_TERMS, TOKEN_LIMITS } from '../../../flash-scripts/provision/board-files.js';
import { labelOf } from '../../../flash-scripts/provision/board-label.js';
import { labelSvg } from '../../../flash-scripts/provision/label.js';
import { programFiles, type ProgramText } from '../../../flash-scripts/provision/program-files.js';
import { parseManifest, schemeFault } from '../../../flash-scripts/provision/manifest.js';
import { provisionBoard, type Provisioned } from '../../../flash-scripts/provision/provision-board.js';
import { failure } from '../../base/errors.js';
import { createWebDevice, openWebPort } from './web-device.js';

export { bodyOfThrown } from '../../base/errors.js';

/** What a port is worked on with. */
export interface Work {
  port: SerialPort;
  board: BoardEntry;
  reporter: Reporter;
  signal: AbortSignal;
}

/** Each role's program, as the build wrote it beside the page. */
const programs = new Map<Role, Promise<ProgramText>>();

async function fetchProgram(role: Role): Promise<ProgramText> {
  const response = await fetch(`program-${role}.json`);
  if (!response.ok) throw failure('BUNDLES_OUTDATED', `program-${role}.json`);
  return (await response.json()) as ProgramText;
}

function programOf(role: Role): Promise<ProgramText> {
  const known = programs.get(role) ?? fetchProgram(role);
  programs.set(role, known);
  // What failed is asked for again.
  known.catch(() => programs.delete(role));
  return known;
}

/** EspruinoTools: a script that leaves one global behind (npm "espruino"). */
let tools: Promise<void> | null = null;

function loadTools(): Promise<void> {
  return (tools ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = 'espruino-tools.js';
    script.onload = () => resolve();
    script.onerror = () => reject(failure('FILE_MISSING', script.src));
    document.head.append(script);
  }));
}

interface EspruinoGlobal {
  Core: { Serial: { connection: { constructor: new () => EspruinoConnection } } };
}

async function accessOf({ port, board, reporter, signal }: Work): Promise<BoardAccess> {
  await loadTools();
  const { Espruino } = globalThis as unknown as { Espruino: EspruinoGlobal };
  return {
    device: createWebDevice(port),
    attempt: createAttempt(signal),
    reporter,
    createConnection: () => new Espruino.Core.Serial.connection.constructor(),
    appFiles: async (role, board) => programFiles(await programOf(role), board),
    ...(board.link ? { burstBytesMax: board.link.burstBytesMax } : {}),
  };
}

async function closing<T>(access: BoardAccess, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await access.device.close();
  }
}

/** Interpreter and program, or the program alone. @param files of the interpreter; none: only the program */
export async function flash(work: Work, role: Role, files: File[]): Promise<FlashResult> {
  const read = new Map<string, Uint8Array>();
  for (const file of files) read.set(file.name, new Uint8Array(await file.arrayBuffer()));
  const folder = { place: 'what you chose', names: [...read.keys()], read: (name: string) => read.get(name)! };
  const named = files.length === 1 ? files[0]!.name : undefined;
  const parts = files.length === 0 ? null : firmwareParts(folder, work.board, named);
  const access = await accessOf(work);
  return closing(access, flashBoard({ ...access, board: work.board, parts, role }));
}

/** What a board is provisioned for. */
export interface Purpose {
  role: Role;
  /** Of the owner, or of the shop. */
  name: string;
  scheme: number;
  pseudonyms: number;
  /** No bridge stands beside the terminal. */
  isAlone: boolean;
}

/** @param text the manifest's file @returns what the board proved, and the label as SVG */
export async function provision(
  work: Work,
  { role, name, scheme, pseudonyms, isAlone }: Purpose,
  text: string,
): Promise<Provisioned & { label: string }> {
  if (!isName(name)) throw failure('NAME_INVALID', name);
  const manifest = parseManifest(text);
  const row = schemeOf(scheme);
  const fault = role === 'user-token' ? schemeFault(manifest, row) : null;
  if (fault !== null) throw failure('USAGE', `scheme ${scheme}: ${fault}`);
  const access = await accessOf(work);
  const floor = isAlone ? { floorLimit: 0 } : {};
  const done = await closing(
    access,
    provisionBoard({
      ...access,
      board: work.board,
      manifest,
      purpose:
        role === 'user-token'
          ? { role, limits: TOKEN_LIMITS, scheme: { number: scheme, pseudonyms, policy: 'rotate' } }
          : { role, terms: { ...TERMINAL_TERMS, ...floor, shop: name } },
    }),
  );
  return { ...done, label: labelSvg(labelOf(name, done)) };
}

/** What is on the board, and what is wrong with it. */
export async function examine(work: Work): Promise<Finding[]> {
  const access = await accessOf(work);
  return closing(access, examineBoard({ ...access, board: work.board, openLink: () => openWebPort(work.port) }));
}
