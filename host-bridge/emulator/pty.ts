/**
 * Pseudo terminals without native modules: serial ports with a path, for the interpreter and for node-serialport.
 *
 * `script` (util-linux) makes a pty whose path `tty` prints and whose other end is the child's stdin and stdout; where
 * that does not work, Python's `pty` does the same. Node has no way of its own to open one.
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { SerialEnd } from '../serial/serial-line.js';

/** A pty: programs open `path`, and `end` is what is at the other side of the cable. */
export interface Pty {
  path: string;
  end: SerialEnd;
  close(): void;
}

const PYTHON = `
import os, pty, select, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
os.write(1, os.ttyname(slave).encode() + b"\\n")
while True:
    for fd in select.select([0, master], [], [])[0]:
        data = os.read(fd, 65536)
        if not data: sys.exit()
        os.write(master if fd == 0 else 1, data)
`;

const MAKERS: [string, string[]][] = [
  ['script', ['-qfc', 'stty raw -echo; tty; exec sleep 100000000', '/dev/null']],
  ['python3', ['-c', PYTHON]],
];

/** How long a maker may take to print the path. */
const START_MS_MAX = 10_000;

const children = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts one maker; resolves to null where it does not work here. */
function start(command: string, args: string[]): Promise<Pty | null> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
    }) as unknown as ChildProcessWithoutNullStreams;
    children.add(child);
    const close = () => {
      children.delete(child);
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => fail(), START_MS_MAX);
    const fail = () => {
      clearTimeout(timer);
      close();
      resolve(null);
    };
    child.on('error', fail);
    child.on('exit', fail);
    child.stdin.on('error', () => undefined);

    let head: string | null = '';
    const end: SerialEnd = {
      onData: null,
      write: (data) => void (child.stdin.writable && child.stdin.write(Buffer.from(data, 'latin1'))),
    };
    child.stdout.on('data', (bytes: Buffer) => {
      let data = bytes.toString('latin1');
      if (head !== null) {
        head += data;
        const match = /^\s*(\/dev\/\S+)\r?\n/.exec(head);
        if (!match) return;
        data = head.slice(match[0].length);
        head = null;
        clearTimeout(timer);
        resolve({ path: match[1], end, close });
      }
      if (data !== '') end.onData?.(data);
    });
  });
}

/** Opens a pty. Throws an error with code PTY_UNAVAILABLE where neither `script` nor `python3` can. */
export async function openPty(): Promise<Pty> {
  for (const [command, args] of MAKERS) {
    const pty = await start(command, args);
    if (pty) return pty;
  }
  throw Object.assign(new Error('no pseudo terminal: install util-linux (script) or python3'), {
    code: 'PTY_UNAVAILABLE',
  });
}

/** Two ptys that are one cable: what is written to one path comes out of the other. */
export async function openPtyPair(): Promise<{ paths: [string, string]; close(): void }> {
  const [a, b] = await Promise.all([openPty(), openPty()]);
  a.end.onData = (data) => b.end.write(data);
  b.end.onData = (data) => a.end.write(data);
  return {
    paths: [a.path, b.path],
    close() {
      a.close();
      b.close();
    },
  };
}
