/** Boards of one role in the interpreter, those of the other one emulated: each counts and waits for itself. */
import { firmwareConfig } from '../../flash-scripts/boards/boards.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import {
  emulatedBoards,
  interpreterBoards,
  type BoardMaker,
  type BoardParts,
} from '../../host-bridge/rig/nfc-boards.js';
import { runInEspruino } from '../build/fixture-runner.js';

/** What the prelude of the interpreter's host takes of its variables. */
export const PRELUDE_VARIABLES = 340;

const path = findInterpreter(process.env);

/**
 * An interpreter whose variables are an ESP32's, 14 bytes each (docs/memory.md says how to build one), or null: only
 * such a one takes as many as it is told to have.
 */
export const interpreterOf14Bytes =
  path !== null && runInEspruino('print(process.memory().blocksize)')[0] === '14' ? path : null;

/** @param role whose boards are in the interpreter */
export function mixedBoards(interpreter: string, role: BoardParts['role']): BoardMaker {
  const scheduler = createRealScheduler();
  const real = interpreterBoards(scheduler, interpreter, true);
  const emulated = emulatedBoards(scheduler);
  const emulatedFiles = (files: Record<string, Uint8Array>): Record<string, Uint8Array> => {
    const config = JSON.parse(Buffer.from(files['tapcash.cfg']!).toString('latin1')) as Record<string, unknown>;
    const text = JSON.stringify({ ...config, board: firmwareConfig(emulated.config) });
    return { ...files, 'tapcash.cfg': Buffer.from(text, 'latin1') };
  };
  return {
    config: real.config,
    kind: `${role} in the interpreter, the other role emulated`,
    make: (parts) =>
      parts.role === role ? real.make(parts) : emulated.make({ ...parts, files: emulatedFiles(parts.files) }),
  };
}
