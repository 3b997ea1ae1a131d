/** What the benchmark found, for programs (`--json`), for docs/performance.md and for the text that people read. */
import type { Figure, Operation } from './interpreter-programs.js';
import type { MemoryReport } from './memory.js';
import type { ModelledTap, OtherTap } from './tap-budget.js';
import type { TimingReport } from './timing.js';

/** What `--json` prints. */
export interface BenchReport {
  machine: string;
  commit: string;
  interpreter: { version: string; build: string } | null;
  emptyLoopUs: number | null;
  operations: Record<Operation, Figure> | null;
  node: { version: string; operations: Record<Operation, Figure> };
  /** A payment's most variables in use; null without the interpreter, or with `quick`. */
  memory: MemoryReport | null;
  /** `overlay`: parts of the program in files of their own, beside the bundle. */
  bytes: Record<'token' | 'terminal', { bundle: number; overlay: number; tables: number }>;
  /** Modelled times of a tap on ESP32 boards with HSU, and the same with I2C; null with `quick`. */
  tap: {
    withBridge: ModelledTap;
    alone: ModelledTap;
    i2c: { withBridge: ModelledTap; alone: ModelledTap };
    others: OtherTap[];
  } | null;
  /** null without the interpreter, or with `quick`. */
  timing: TimingReport | null;
}
