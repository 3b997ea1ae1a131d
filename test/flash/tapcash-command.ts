/**
 * `tapcash` as a process beside an emulated board, with somebody's hand at the board; and everything that it leaves at
 * the host.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import type { EspRig } from './flash-rig.js';

const CLI = join(packageRoot(), 'dist', 'host-bridge', 'cli.js');

/** A command that ended. */
export interface Ended {
  /** Exit code, or the signal that ended it. */
  status: number | string;
  out: string;
  err: string;
}

/** Where commands keep what they keep, and all that they printed. */
export interface Host {
  /** --data, and the folder of labels; HOME and temporary files below it. */
  folder: string;
  printed: string[];
}

/** How much of what was printed before is looked at again with what comes: a line can come in pieces. */
const SEEN_CHARS = 1000;

/** What a command asks of whoever is at the board; and how long the longest of it is. */
const ASKED = /hold BOOT|press the board/;
const ASKED_CHARS = 20;

/** Looks at what a command has just printed, `text`, and a little of what it printed before; may end it. */
export type Watch = (recent: string, end: (signal: NodeJS.Signals) => void, text: string) => void;

/**
 * A hand at the board that does what is asked for, as often as it is asked. What is printed comes in pieces of any
 * length: where a request comes in two and nobody presses, the command gives up with exit code 3.
 */
function createHand(bench: EspRig | null): (text: string) => void {
  let unread = '';
  return (text) => {
    unread += text;
    for (let found = ASKED.exec(unread); found; found = ASKED.exec(unread)) {
      bench?.esp.pressReset(found[0] === 'hold BOOT');
      unread = unread.slice(found.index + found[0].length);
    }
    unread = unread.slice(-ASKED_CHARS);
  };
}

/**
 * Runs the command line; a hand at the board does what it is asked for. Libraries that can be asked to print what they
 * do, are.
 */
export function tapcash(host: Host, args: string[], bench: EspRig | null, watch?: Watch): Promise<Ended> {
  const env = { ...process.env, HOME: host.folder, TMPDIR: host.folder, DEBUG: '*' };
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const ended = { out: '', err: '' };
  let recent = '';
  const hand = createHand(bench);
  child.stdout.on('data', (text: Buffer) => (ended.out += text.toString()));
  child.stderr.on('data', (bytes: Buffer) => {
    const text = bytes.toString();
    ended.err += text;
    hand(text);
    // Libraries print megabytes: looking through all of it at each piece took most of the test's time.
    recent = recent.slice(-SEEN_CHARS) + text;
    watch?.(recent, (signal) => !child.killed && child.kill(signal), text);
  });
  return new Promise((resolve) =>
    child.on('close', (code, signal) => {
      host.printed.push(ended.out, ended.err);
      resolve({ ...ended, status: code ?? (signal as string) });
    }),
  );
}

/** Contents of all files of a host, what is packed in pictures too, and what its commands printed. */
export function traces({ folder, printed }: Host): Map<string, Buffer> {
  const found = new Map([['printed', Buffer.from(printed.join('\n'))]]);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const data = readFileSync(path);
    found.set(path, data);
    const at = data.indexOf('IDAT');
    if (path.endsWith('.png'))
      found.set(`${path} unpacked`, inflateSync(data.subarray(at + 4, at + 4 + data.readUInt32BE(at - 4))));
  }
  return found;
}
