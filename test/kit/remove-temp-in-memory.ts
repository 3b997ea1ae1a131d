/** Jest runs this after all test files: what they left in memory (temp-in-memory.ts) is removed. */
import { rmSync } from 'node:fs';

/** Removes it; a process that still ends there may write meanwhile. */
export default function teardown(): void {
  const folder = process.env['TAPCASH_TESTS_TEMP'];
  if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
