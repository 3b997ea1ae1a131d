/**
 * What board-configs/ says of a board, once it was read and checked (boards.ts).
 */
import type { BoardConfig } from '../../firmware/core/board-config.js';

/** A board's entry: what the firmware gets, and what only the host asks. */
export interface BoardEntry extends BoardConfig {
  description: string;
  chip: 'esp32' | 'esp32c3' | 'esp32s3' | 'linux';
  roles: ('user-token' | 'shop-terminal')[];
  /** JavaScript variables that the board has at most. */
  variables: number;
  /** The module has PSRAM on D16 and D17. */
  psram?: true;
  /** For people: which connector, and what it leads to. */
  usb?: string;
  /** For people: what this board cannot do. */
  limits?: string[];
  /** Size of the whole flash, and where Storage lies. */
  layout: { flashBytes: number; storage: { address: number; bytes: number } };
}
