/**
 * Files in a board's Storage: compared by hash, written where they differ, read back.
 *
 * The order keeps a board startable whenever the cable is pulled: the boot file goes first of all, so that a board with
 * files of two versions starts with its console and nothing else; each file is written whole and its hash is compared;
 * the boot file comes back last. Running the same again skips what is right. Raw flash, where keys and records are, is
 * not touched: Storage has its own pages.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../firmware/core/bytes.js';
import { failure } from '../../host-bridge/base/errors.js';
import type { BoardConsole } from './console.js';

/** What Espruino runs at its start. */
export const BOOT_FILE = '.bootcde';

/** Files by name. */
export type StorageFiles = Record<string, Uint8Array>;

export interface InstallHooks {
  onProgress(name: string, done: number, total: number): void;
  onFile(name: string, what: 'written' | 'right'): void;
}

/** Piece of a file that is hashed at once: on a board, reading more would take its memory. */
const PIECE_BYTES = 1024;
/** Times that a file is written before it counts as impossible. */
const WRITE_ATTEMPTS = 2;
/** A board hashes some tens of kB in a second or two; one in an emulator, on a busy machine, takes a minute. */
const WORK_MS = 180_000;

/** SHA-256 over the SHA-256 of each piece, as hexadecimal text; null for a file that is not there. */
function hashOf(data: Uint8Array | undefined): string | null {
  if (!data || data.length === 0) return null;
  const whole = sha256.create();
  for (let at = 0; at < data.length; at += PIECE_BYTES) whole.update(sha256(data.subarray(at, at + PIECE_BYTES)));
  return `${data.length} ${toHex(whole.digest())}`;
}

/** The same on the board: "length b,b,b..." of the digest's bytes. */
function hashExpression(name: string): string {
  return (
    `(function(n){var s=require("Storage"),c=require("crypto"),h="",a=0,d;` +
    `while(d=s.read(n,a,${PIECE_BYTES})){h+=E.toString(c.SHA256(d));a+=d.length}` +
    `return a+" "+new Uint8Array(c.SHA256(h)).join()})(${JSON.stringify(name)})`
  );
}

/** Hash of a file on the board. @throws TapcashError BOARD_SILENT, FLASH_FAILED */
async function boardHash(console: BoardConsole, name: string): Promise<string | null> {
  const text = String(await console.evaluate(hashExpression(name), WORK_MS));
  const [length, bytes] = text.split(' ');
  return length === '0' ? null : `${length} ${toHex(new Uint8Array(bytes.split(',').map(Number)))}`;
}

/** Whether each file on the board is the one given. */
export async function compareFiles(console: BoardConsole, files: StorageFiles): Promise<Map<string, boolean>> {
  const same = new Map<string, boolean>();
  for (const [name, data] of Object.entries(files)) same.set(name, (await boardHash(console, name)) === hashOf(data));
  return same;
}

/** Erases a file, if it is there. */
export async function eraseFile(console: BoardConsole, name: string): Promise<void> {
  await console.evaluate(`require("Storage").erase(${JSON.stringify(name)})||0`, WORK_MS);
}

async function writeFile(console: BoardConsole, name: string, data: Uint8Array, hooks: InstallHooks): Promise<void> {
  for (let tries = 1; ; tries++) {
    await eraseFile(console, name);
    await console.sendFile(name, data, (done) => hooks.onProgress(name, done, data.length));
    if ((await boardHash(console, name)) === hashOf(data)) return hooks.onFile(name, 'written');
    if (tries === WRITE_ATTEMPTS)
      throw failure(
        'FLASH_FAILED',
        `${name}: what is in Storage is not what was sent; ${await freeBytes(console)} bytes are free`,
      );
  }
}

/** Room in Storage. */
export async function freeBytes(console: BoardConsole): Promise<number> {
  return Number(await console.evaluate('require("Storage").getFree()'));
}

/**
 * Brings files onto the board, in the order given but for the boot file.
 * @throws TapcashError FLASH_FAILED, BOARD_SILENT, LINK_LOST, INTERRUPTED
 */
export async function installFiles(console: BoardConsole, files: StorageFiles, hooks: InstallHooks): Promise<void> {
  const same = await compareFiles(console, files);
  const names = Object.keys(files).sort((a, b) => Number(a === BOOT_FILE) - Number(b === BOOT_FILE));
  const wrong = names.filter((name) => !same.get(name));
  for (const name of names) if (same.get(name)) hooks.onFile(name, 'right');
  const replaces = wrong.length > 0 && BOOT_FILE in files;
  if (replaces) await eraseFile(console, BOOT_FILE);
  if (replaces && !wrong.includes(BOOT_FILE)) wrong.push(BOOT_FILE);
  for (const name of wrong) await writeFile(console, name, files[name], hooks);
}
