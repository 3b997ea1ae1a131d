/**
 * The cable to a console of Espruino's Linux build: a path for a host program at one end, the interpreter's pty at the
 * other, and between them what keeps the interpreter alive, because this build takes a byte 3 for a wish to end:
 *
 * - its input thread takes byte 3 for Ctrl-C as soon as it has read it, unless a packet is under way then
 *   (src/jsinteractive.c, jsiCtrlC), and it reads 32 bytes at a time, so that the head of a packet and the first of its
 *   data come together, while the main loop sleeps and has not seen the head;
 * - a second Ctrl-C on an empty line within 5 s ends the process (jsiLoop, `#ifndef EMBEDDED`). A board only clears its
 *   line.
 *
 * So the rest of a packet follows once the interpreter says that it has seen the head (interpreter-prelude.ts,
 * `packets`), and of the Ctrl-C that stand in lines, one in 5 s gets through. No byte of a packet is changed.
 */
import { openPty, type Pty } from './pty.js';

/** A Ctrl-C this long after the last one is safe. */
const CTRL_C_REST_MS = 5500;
/** A head that nobody took: the interpreter runs a program, or is off. */
const TAKEN_MS_MAX = 1000;

const CHAR = { ctrlC: '\x03', dle: '\x10', soh: '\x01' };
/** The interpreter gives up a packet that is not complete by then (jsiPacketStart). */
const PACKET_MS_MAX = 5000;
const HEAD_CHARACTERS = 4;
/** Low 13 bits of a head's last two bytes. */
const LENGTH_MASK = 0x1fff;

export interface ConsoleCable {
  /** For the interpreter. */
  readonly boardPath: string;
  /** For the host. */
  readonly hostPath: string;
  /** The interpreter has seen the head of a packet. */
  taken(): void;
  close(): void;
}

/** Cuts what the host sends into pieces; after one that ends a packet's first two characters, the next waits. */
export function createConsoleFilter(nowMs: () => number): (data: string) => string[] {
  let head = '';
  let left = 0;
  let lastCtrlCMs = -Infinity;
  let lastMs = nowMs();
  return (data) => {
    if (nowMs() - lastMs > PACKET_MS_MAX) [head, left] = ['', 0];
    lastMs = nowMs();
    const pieces = [''];
    const add = (text: string): void => void (pieces[pieces.length - 1] += text);
    for (const c of data) {
      if (left > 0) {
        left--;
        add(c);
      } else if (head.length >= 2 || (head === CHAR.dle ? c === CHAR.soh : c === CHAR.dle)) {
        head += c;
        add(c);
        if (head.length === 2) pieces.push('');
        if (head.length < HEAD_CHARACTERS) continue;
        left = ((head.charCodeAt(2) << 8) | head.charCodeAt(3)) & LENGTH_MASK;
        head = '';
      } else {
        head = '';
        if (c === CHAR.ctrlC && nowMs() - lastCtrlCMs < CTRL_C_REST_MS) continue;
        if (c === CHAR.ctrlC) lastCtrlCMs = nowMs();
        add(c);
      }
    }
    return pieces;
  };
}

/** Opens the cable. @param isOn whether anybody is at the board's end: until then what comes is lost, as on a board */
export async function openConsoleCable(isOn: () => boolean): Promise<ConsoleCable> {
  const [board, host]: Pty[] = await Promise.all([openPty(), openPty()]);
  const filter = createConsoleFilter(() => performance.now());
  const queue: string[] = [];
  let waiting: NodeJS.Timeout | null = null;

  function pump(): void {
    while (waiting === null && queue.length > 0) {
      board.end.write(queue.shift()!);
      if (queue.length > 0) waiting = setTimeout(taken, TAKEN_MS_MAX);
    }
  }
  function taken(): void {
    if (waiting) clearTimeout(waiting);
    waiting = null;
    pump();
  }

  board.end.onData = (data) => host.end.write(data);
  host.end.onData = (data) => {
    if (!isOn()) return;
    const [first, ...rest] = filter(data);
    if (queue.length > 0) queue[queue.length - 1] += first;
    else queue.push(first);
    queue.push(...rest);
    pump();
  };
  return {
    boardPath: board.path,
    hostPath: host.path,
    taken,
    close() {
      if (waiting) clearTimeout(waiting);
      board.close();
      host.close();
    },
  };
}
