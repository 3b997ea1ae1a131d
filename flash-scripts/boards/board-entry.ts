/**
 * What board-configs/ says of a board, once it was read and checked (boards.ts).
 */
import type { BoardConfig } from '../../firmware/core/board-config.js';

/** Builds of Espruino for a board's chip, by the ESP-IDF that they stand on. */
interface InterpreterBuild {
  /** For people: the file, and Espruino's board file that it is made from. */
  file: string;
  idf: 3 | 4 | 5;
  /** Variables that it can count at most. */
  variables: number;
  /** Why the firmware does not run on it. */
  unfit?: string;
}

/** A board's entry: what the firmware gets, and what only the host asks. */
export interface BoardEntry extends BoardConfig {
  description: string;
  chip: 'esp32' | 'esp32c3' | 'esp32s3' | 'linux';
  roles: ('user-token' | 'shop-terminal')[];
  /** JavaScript variables of the interpreter's build. */
  variables: number;
  /** What there is for this chip, and what of it serves; `firmware` names the one to take. */
  builds?: InterpreterBuild[];
  /** The module has PSRAM on D16 and D17. */
  psram?: true;
  /** For people: which connector, and what it leads to. */
  usb?: string;
  /** For people: what this board cannot do. */
  limits?: string[];
  /** Size of the whole flash, and where Storage lies. */
  layout: { flashBytes: number; storage: { address: number; bytes: number } };
}
