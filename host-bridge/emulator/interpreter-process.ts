/**
 * A process of Espruino's Linux build: starts it, has it run lines of code, and sorts what it prints.
 *
 * It ignores SIGTERM and asks nothing of its stdin but to stay open, so SIGKILL ends it. Lines that begin with
 * character 1 come from the prelude; everything before the prelude says "ready" is the interpreter's greeting.
 *
 * Code goes through a file that the prelude looks for, one line at a time, and the process stays on one processor, for
 * one reason: the build's input thread appends to a queue that its main thread empties at the same moment, with nothing
 * between them (src/jsdevices.c, jshPushIOCharEvents and jshPopIOEvent; `jshInterruptOff` of targets/linux does
 * nothing). On two processors a byte of data is then taken for the length of an event: characters are lost, serial
 * bytes become console lines, or up to 255 bytes are copied over the 64 on jsiIdle's stack, and it returns to an
 * address made of data (SIGSEGV). On one processor the thread comes between two instructions of the main loop, as an
 * interrupt does on a board.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { LINE_FILE, SIGNAL } from './interpreter-prelude.js';

export interface InterpreterHandlers {
  /** A line that the program printed. */
  line(text: string): void;
  /** A word from the prelude, and what follows it. */
  signal(word: string, rest: string): void;
  /** The process ended without being told to. */
  ended(how: string): void;
}

export interface InterpreterProcess {
  readonly running: boolean;
  /** Whether the prelude of the running process has run. */
  readonly ready: boolean;
  start(args: string[]): void;
  /** Ends the process at once; nothing that it printed arrives after this. */
  kill(): void;
  /** Has a line of code run, after those before it, as soon as the program leaves time. */
  run(code: string): void;
}

/** Between two looks whether a line was taken. */
const LOOK_MS = 2;

/** Processes that run, and the processor of each. */
const processes = new Map<ChildProcess, number | undefined>();
process.on('exit', () => {
  for (const child of processes.keys()) child.kill('SIGKILL');
});

let allowed: number[] | null = null;

/**
 * Processors that this process may use, as `taskset` (util-linux) tells them: "0,2-3". None where there is no taskset.
 */
function allowedProcessors(): number[] {
  const told = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'latin1' });
  const list = /: ([\d,-]+)\s*$/.exec(told.stdout ?? '')?.[1] ?? '';
  return list
    .split(',')
    .filter(Boolean)
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/**
 * Picks the processor for a new process: the one with the fewest of ours, as each takes a whole one when it computes.
 * Where that is a tie it depends on our own id, so that several test runs do not all begin with the first.
 * @returns undefined where there is no taskset
 */
function pickProcessor(): number | undefined {
  allowed ??= allowedProcessors();
  const first = process.pid % (allowed.length || 1);
  const inTurn = [...allowed.slice(first), ...allowed.slice(0, first)];
  const used = (cpu: number) => [...processes.values()].filter((one) => one === cpu).length;
  return inTurn.sort((a, b) => used(a) - used(b))[0];
}

/** Makes a process that is not running yet. */
export function createInterpreterProcess(
  path: string,
  workDir: string,
  handlers: InterpreterHandlers,
): InterpreterProcess {
  let child: ChildProcess | null = null;
  const lineFile = join(workDir, LINE_FILE);
  let lines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let ready = false;

  /** Puts the next line where the prelude looks, once it has taken the last one. */
  function pump(): void {
    timer = undefined;
    if (lines.length === 0) return;
    if (!existsSync(lineFile)) {
      writeFileSync(`${lineFile}.new`, lines.shift()!, 'latin1');
      renameSync(`${lineFile}.new`, lineFile);
    }
    if (lines.length > 0) timer = setTimeout(pump, LOOK_MS);
  }

  function forget(): void {
    clearTimeout(timer);
    timer = undefined;
    lines = [];
    rmSync(lineFile, { force: true });
  }

  function sort(text: string, greeted: boolean): boolean {
    const at = text.indexOf(SIGNAL);
    if (at < 0) {
      if (greeted) handlers.line(text);
      return greeted;
    }
    const [word, ...rest] = text.slice(at + 1).split(' ');
    if (word === 'ready') ready = true;
    handlers.signal(word, rest.join(' '));
    return true;
  }

  return {
    get running() {
      return child !== null;
    },
    get ready() {
      return child !== null && ready;
    },
    start(args) {
      forget();
      ready = false;
      const processor = pickProcessor();
      const [command, ...given] =
        processor === undefined ? [path, ...args] : ['taskset', '-c', `${processor}`, path, ...args];
      const mine = spawn(command, given, { cwd: workDir, stdio: ['pipe', 'pipe', 'ignore'] });
      child = mine;
      processes.set(mine, processor);
      let rest = '';
      let greeted = false;
      mine.stdout.on('data', (data: Buffer) => {
        const lines = (rest + data.toString('latin1')).split('\n');
        rest = lines.pop()!;
        for (const line of lines) if (child === mine) greeted = sort(line.replace(/\r/g, ''), greeted);
      });
      mine.stdin.on('error', () => undefined);
      const ended = (how: string) => {
        processes.delete(mine);
        if (child !== mine) return;
        child = null;
        forget();
        handlers.ended(how);
      };
      mine.on('error', (error) => ended(error.message));
      mine.on('exit', (code, signal) => ended(`${code ?? signal}`));
    },
    kill() {
      const old = child;
      child = null;
      old?.kill('SIGKILL');
      forget();
    },
    run(code) {
      if (!child) return;
      lines.push(code);
      if (!timer) pump();
    },
  };
}
