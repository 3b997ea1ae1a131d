/**
 * Whether signing takes a time that depends on the nonce: Welch's t over two classes of secrets, in the interpreter.
 *
 * It says nothing about an ESP32, whose doubles are computed in software.
 * Source: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?" (2016), with its threshold of 4.5.
 */
import { boardScript, runBoardScript } from './board-script.js';
import { timingProgram } from './interpreter-programs.js';

/** |t| from which two classes are told apart. */
export const T_LIMIT = 4.5;
const TIMING_SAMPLES = 100_000;

export interface TimingReport {
  samples: number;
  /** Of the signing as it is; should stay below `T_LIMIT` in size. */
  t: number;
  /** Of the same with a planted leak; must not. */
  tPlanted: number;
}

/** Welch's t of "count mean variance" twice. */
function welch(line: string): number {
  const [n0, mean0, variance0, n1, mean1, variance1] = line.split(' ').map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return (mean0 - mean1) / Math.sqrt(variance0 / n0 + variance1 / n1);
}

/** Measures. @param interpreter path of Espruino's Linux build @throws Error with its output where it stops */
export async function measureTiming(
  interpreter: string,
  baseTable: Uint8Array,
  samples = TIMING_SAMPLES,
): Promise<TimingReport> {
  const files = { baseTable };
  const lines = await runBoardScript(interpreter, files, await boardScript(files, timingProgram(samples)), 600_000);
  const of = (name: string): number => welch(lines.find((line) => line.startsWith(`${name} `))!.slice(name.length + 1));
  return { samples, t: of('honest'), tPlanted: of('leak') };
}
