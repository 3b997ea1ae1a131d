/**
 * What a board says of itself on its console: natives that it lacks, what it was provisioned with, and how its firmware
 * starts.
 */
import { NATIVES } from '../../firmware/core/native-names.js';
import type { BoardConfig, StoredConfig } from '../../firmware/core/board-config.js';
import { failure } from '../../host-bridge/base/errors.js';
import type { Attempt } from './attempt.js';
import type { BoardConsole } from './console.js';
import { buildToTake } from './interpreter-build.js';
import type { Role } from '../boards/roles.js';

/** The provisioned file, as far as both roles have it. Everything in it is public. */
export type BoardProvision = StoredConfig<Record<string, unknown>> & { role: Role };

/** Native calls that the firmware needs and this interpreter lacks. */
export async function missingNatives(console: BoardConsole): Promise<string[]> {
  const test = (name: string): string => {
    const [holder, call] = name.split('.');
    const place =
      call === undefined ? `global.${holder}` : holder === 'E' ? `E.${call}` : `require("${holder}").${call}`;
    return `(function(){try{return typeof ${place}=="function"}catch(e){return false}})()`;
  };
  const missing: string[] = [];
  for (const name of NATIVES) if ((await console.evaluate(`${test(name)}?1:0`)) !== 1) missing.push(name);
  return missing;
}

/** @throws TapcashError NATIVE_MISSING, with the build to take */
export async function checkNatives(console: BoardConsole, board?: Pick<BoardConfig, 'firmware'>): Promise<void> {
  const missing = await missingNatives(console);
  if (missing.length > 0)
    throw failure('NATIVE_MISSING', missing.join(', ') + (board ? `: ${buildToTake(board)}` : ''));
}

/** Variables of its interpreter; 0 where it counts none, as an emulated board. */
export async function variablesOf(console: BoardConsole): Promise<number> {
  return Number(await console.evaluate('process.memory().total||0'));
}

/** What the board was provisioned with; null where it was not, or where that cannot be read. */
export async function readProvision(console: BoardConsole): Promise<BoardProvision | null> {
  const text = String(await console.evaluate('require("Storage").read("tapcash.cfg")||""'));
  try {
    const config = JSON.parse(text) as BoardProvision;
    return typeof config?.role === 'string' && config.board && config.provision ? config : null;
  } catch {
    return null;
  }
}

/** How a firmware started, by what it prints (firmware/board/espruino-board.ts). */
export type Start = { runs: true; said: string[] } | { runs: false; fault: string };

const SAYS = 'tapcash: ';
/** What a firmware prints before its fault, and then stands still. */
export const FAULT = 'tapcash: FAULT: ';
/** A board makes its keys at the first start, and looks through its records at each. */
const START_MS = 90_000;

/** Starts what is in Storage, and waits for what it says. @throws TapcashError BOARD_SILENT */
export async function startFirmware(console: BoardConsole, attempt: Attempt): Promise<Start> {
  const said: string[] = [];
  let end: ((start: Start) => void) | null = null;
  const started = new Promise<Start>((resolve) => (end = resolve));
  console.onLine = (line) => {
    if (line.startsWith(FAULT)) end?.({ runs: false, fault: line.slice(FAULT.length) });
    else if (line.startsWith(SAYS)) said.push(line.slice(SAYS.length));
    if (line.startsWith(SAYS) && line.endsWith(' runs')) end?.({ runs: true, said });
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(failure('BOARD_SILENT', 'its firmware does not start')), START_MS)),
  );
  try {
    await console.type('load()');
    return await attempt.run(Promise.race([started, late]));
  } finally {
    clearTimeout(timer);
    console.onLine = null;
  }
}

/** Whether a fault only says that the board is still to be provisioned. */
export const isUnprovisioned = (start: Start): boolean => !start.runs && start.fault.startsWith('NOT_PROVISIONED');
