/** Questions to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises';
import { failure } from '../base/errors.js';

/** Asks somebody. @returns what was typed; empty: the default */
export type Ask = (question: string) => Promise<string>;

/** Somebody at a terminal; null where there is nobody. */
export function person(): { ask: Ask; end(): void } | null {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D at a question end the command, with nothing made.
  const closed = new Promise<never>((_, reject) => lines.once('close', () => reject(failure('INTERRUPTED'))));
  closed.catch(() => undefined);
  return { ask: (question) => Promise.race([lines.question(question), closed]), end: () => lines.close() };
}
