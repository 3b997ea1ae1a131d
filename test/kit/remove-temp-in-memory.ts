/** Jest runs this after all test files: what they left in memory (temp-in-memory.ts) is removed. */
import { rmSync } from 'node:fs';

/** Removes it; a process that still ends there may write meanwhile. */
export default function teardown(): void {
  for (const name of ['TAPCASH_TESTS_ELEMENTS', 'TAPCASH_TESTS_TEMP']) {
    const folder = process.env[name];
    if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
