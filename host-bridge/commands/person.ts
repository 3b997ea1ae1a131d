/** Questions to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises';
import { failure } from '../base/errors.js';

/** Asks somebody. @returns what was typed; empty: the default */
export type Ask = (question: string) => Promise<string>;

/**
 * Who asks somebody at a terminal; null where there is nobody. The terminal is listened to during a question alone: an
 * interface that stays open keeps the program from ending, and takes Ctrl-C from it.
 */
export function person(): Ask | null {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      // Ctrl-C and Ctrl-D at a question end the command, with nothing made.
      const closed = new Promise<never>((_, reject) => lines.once('close', () => reject(failure('INTERRUPTED'))));
      closed.catch(() => undefined);
      return await Promise.race([lines.question(question), closed]);
    } finally {
      lines.close();
    }
  };
}
