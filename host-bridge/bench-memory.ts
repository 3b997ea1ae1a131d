/**
 * Most variables that a payment takes on each board, in the real interpreter with the program in flash, as on a board.
 *
 * The demo's three payments run with full nonce pools; what the prelude of the interpreter's host takes is subtracted.
 * The Linux build's variables have 27 bytes, an ESP32's 14: long texts and arrays take more of them there.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runBoardScript } from './bench-board.js';
import { runDemo } from './demo/demo.js';
import { createInterpreterBoard } from './emulator/interpreter.js';

export interface MemoryReport {
  token: { variablesPeak: number };
  terminal: { variablesPeak: number };
}

/** Variables of the host's prelude. */
async function preludeVariables(interpreter: string): Promise<number> {
  const bare = Number((await runBoardScript(interpreter, {}, 'print(process.memory().usage);print("@end");', 20_000))[0]);
  const board = await createInterpreterBoard({ path: interpreter, name: 'empty', bundle: '1;', boot: 'storage', watchMemory: true });
  try {
    board.powerOn();
    await board.ready();
    return Number(await board.evaluate('process.memory().usage')) - bare;
  } finally {
    board.close();
  }
}

/** Measures. @param interpreter path of Espruino's Linux build */
export async function measureMemory(interpreter: string): Promise<MemoryReport> {
  const prelude = await preludeVariables(interpreter);
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-bench-'));
  try {
    const demo = await runDemo({ dataDir, scenario: 'pay', interpreter, seed: 1, watchMemory: true });
    const peaks = Object.entries(demo.report.variables);
    const most = (kind: string): number => Math.max(...peaks.filter(([name]) => name.startsWith(kind)).map(([, { peak }]) => peak ?? 0)) - prelude;
    await demo.close();
    return { token: { variablesPeak: most('token') }, terminal: { variablesPeak: most('terminal') } };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
