/**
 * A process of Espruino's Linux build: starts it, types on its console, and sorts what it prints.
 *
 * It ignores SIGTERM and asks nothing of its stdin but to stay open, so SIGKILL ends it. Lines that begin with character 1
 * come from the prelude; everything before the prelude says "ready" is the interpreter's greeting.
 */
import { ChildProcess, spawn } from 'node:child_process';
import { SIGNAL } from './interpreter-prelude.js';

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
  start(args: string[]): void;
  /** Ends the process at once; nothing that it printed arrives after this. */
  kill(): void;
  /** Types a line on the console, without echo. */
  type(code: string): void;
}

const processes = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of processes) child.kill('SIGKILL');
});

/** Makes a process that is not running yet. */
export function createInterpreterProcess(path: string, workDir: string, handlers: InterpreterHandlers): InterpreterProcess {
  let child: ChildProcess | null = null;

  function sort(text: string, greeted: boolean): boolean {
    const at = text.indexOf(SIGNAL);
    if (at < 0) {
      if (greeted) handlers.line(text);
      return greeted;
    }
    const [word, ...rest] = text.slice(at + 1).split(' ');
    handlers.signal(word, rest.join(' '));
    return true;
  }

  return {
    get running() {
      return child !== null;
    },
    start(args) {
      const mine = spawn(path, args, { cwd: workDir, stdio: ['pipe', 'pipe', 'ignore'] });
      child = mine;
      processes.add(mine);
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
        handlers.ended(how);
      };
      mine.on('error', (error) => ended(error.message));
      mine.on('exit', (code, signal) => ended(`${code ?? signal}`));
    },
    kill() {
      const old = child;
      child = null;
      old?.kill('SIGKILL');
    },
    // DLE at the start of a line keeps the console from echoing it.
    type: (code) => void child?.stdin?.write(Buffer.from(`\x10${code}\n`, 'latin1')),
  };
}
