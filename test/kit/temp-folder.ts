/** Folders for tests, gone when the file's tests have ended. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A new, empty folder. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  folders.push(folder);
  return folder;
}
