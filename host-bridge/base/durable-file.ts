/**
 * Small files that are complete or not there, whatever moment the power fails at: written beside their place, brought
 * to the disk, then moved there; and the folder too, as the name is in it.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { failure } from './errors.js';

/** Brings what a file or a folder holds to the disk. */
export function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes beside the place, brings it to the disk, and lets `put` move it there. */
function place(path: string, content: string | Uint8Array, put: (temporary: string) => boolean): boolean {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    const isPlaced = put(temporary);
    syncPath(dirname(path));
    return isPlaced;
  } catch (thrown) {
    throw failure('DATA_DIR_FAILED', `${path}: ${(thrown as NodeJS.ErrnoException).code}`, thrown);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Writes a file that only its owner may read, in place of one that is there. @throws TapcashError DATA_DIR_FAILED */
export function replaceFile(path: string, content: string | Uint8Array): void {
  place(path, content, (temporary) => {
    renameSync(temporary, path);
    return true;
  });
}

/**
 * Makes a file that only its owner may read; leaves one that is there, also one that another process has just made.
 * @returns whether it was made @throws TapcashError DATA_DIR_FAILED
 */
export function makeFile(path: string, content: string | Uint8Array): boolean {
  return place(path, content, (temporary) => {
    try {
      linkSync(temporary, path);
      return true;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw thrown;
    }
  });
}
