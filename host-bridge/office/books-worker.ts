/** A thread that reads the books, beside the one that answers the page: audit, or who can link what. */
import { parentPort, workerData } from 'node:worker_threads';
import { audit } from '../audit/audit.js';
import { linkage, type LinkageOptions } from '../audit/linkage.js';
import { bodyOfThrown } from '../base/errors.js';
import type { BooksMessage } from './books.js';

const { work, databases } = workerData as { work: 'audit' | 'linkage'; databases: LinkageOptions };
const tell = (message: BooksMessage): void => parentPort!.postMessage(message);

try {
  if (work === 'audit') tell({ report: audit({ ...databases, onProgress: (table, rows) => tell({ table, rows }) }) });
  else tell({ parties: linkage(databases) });
} catch (thrown) {
  tell({ said: bodyOfThrown(thrown) });
}
