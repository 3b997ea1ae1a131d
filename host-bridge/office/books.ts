/** What is found in the books themselves, where the houses' databases lie on this machine. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AuditReport } from '../audit/audit.js';
import type { LinkageOptions, PartyLinkage } from '../audit/linkage.js';
import { errorBody, type ErrorBody } from '../base/errors.js';
import { packageRoot } from '../base/package-root.js';

/** What the thread tells. */
export type BooksMessage =
  { table: string; rows: number } | { report: AuditReport } | { parties: PartyLinkage[] } | { said: ErrorBody };

/** Reads the books in a thread of its own. @param onMessage told each message; the last one is no progress */
export function readBooks(
  work: 'audit' | 'linkage',
  databases: LinkageOptions,
  onMessage: (message: BooksMessage) => void,
): { end(): Promise<unknown> } {
  let isOver = false;
  const worker = new Worker(join(packageRoot(), 'dist/host-bridge/office/books-worker.js'), {
    workerData: { work, databases },
  });
  worker.on('message', (message: BooksMessage) => {
    isOver ||= !('table' in message);
    onMessage(message);
  });
  // A thread that ends without a last word: it had no memory left, for example.
  const lost = (why: string): void => {
    if (isOver) return;
    isOver = true;
    onMessage({ said: errorBody('INTERNAL', why) });
  };
  worker.on('error', (error: Error) => lost(error.message));
  worker.on('exit', (code) => lost(`the thread ended with ${code}`));
  return {
    end() {
      isOver = true;
      return worker.terminate();
    },
  };
}
