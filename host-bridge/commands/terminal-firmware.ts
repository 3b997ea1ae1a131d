/** What `tapcash status` says of a terminal's firmware: its name, and whether `tapcash flash` would write another. */
import { currentBundles, programName, readProgram } from '../../flash-scripts/build/bundle-files.js';

/** Names of programs, 8 hexadecimal digits each. */
export interface TerminalFirmware {
  /** The terminal's; null: from before terminals told it. */
  terminal: string | null;
  /** What this installation would flash; null: it is not built here. */
  own: string | null;
}

/** @param told what the terminal says of itself; may be empty */
export function firmwareOf(told: string): TerminalFirmware {
  const program = readProgram('shop-terminal', currentBundles());
  return { terminal: told || null, own: program && programName(program) };
}

/** What a terminal without a board says: it is the program that its bridge is. */
const OF_A_LINE = '00000000';

/** The same in lines of `tapcash status`. Without a program of our own nobody knows what the terminal should have. */
export function firmwareLines({ terminal, own }: TerminalFirmware): string[] {
  if (terminal === OF_A_LINE) return ["firmware   its bridge's own: the terminal of a line"];
  const name = terminal ?? 'older than firmware that tells its name';
  if (own === null || terminal === own) return [`firmware   ${name}`];
  return [
    `firmware   ${name}; this program has ${own}:`,
    '           update the terminal at its cable: tapcash flash --only-app',
  ];
}
