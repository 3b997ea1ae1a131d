/**
 * Jest runs this before all test files: their temporary files lie in memory, where there is such a place. A database
 * that a test opens is on disk after every act, as it must be; on a real disk the tests wait for that a fifth of their
 * time. Whatever they leave there goes when the last has ended (remove-temp-in-memory.ts).
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const FREE_BYTES_MIN = 2 ** 30;

/** A new folder in memory; null where there is no room, or programs may not run from there, as some tests' do. */
function folderInMemory(): string | null {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize < FREE_BYTES_MIN) return null;
    const folder = mkdtempSync(join(MEMORY, 'tapcash-tests-'));
    chmodSync(folder, 0o711); // a test is somebody else for a while
    const program = join(folder, 'program');
    writeFileSync(program, '#!/bin/sh\nexit 0\n', { mode: 0o700 });
    if (spawnSync(program).status === 0) return folder;
    rmSync(folder, { recursive: true });
    return null;
  } catch {
    return null; // no such place on this system
  }
}

/**
 * Sets TMPDIR, which test files and their processes inherit, and makes the place where tests report what they exercise
 * of the claims (kit/exercises.ts).
 */
export default function setup(): void {
  const folder = folderInMemory();
  if (folder) {
    process.env['TMPDIR'] = folder;
    process.env['TAPCASH_TESTS_TEMP'] = folder;
  }
  process.env['TAPCASH_TESTS_ELEMENTS'] = mkdtempSync(join(tmpdir(), 'tapcash-elements-'));
}
