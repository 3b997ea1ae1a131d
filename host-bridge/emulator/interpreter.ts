/**
 * The real interpreter as a board: the same bundle in Espruino's Linux build, its serial ports on ptys.
 *
 * DESIGN.md section 5. Flash is the interpreter's own file; power is cut by SIGKILL, and what the program did not write is
 * gone as on a board. The bundle runs as a file argument (targets/linux/main.c evaluates it after starting the interpreter
 * without its saved code) or from `.bootcde` in Storage, in front of it a prelude that stands in for the missing pins.
 *
 * Left out: I2C, and the ESP32's console on a serial port; a display is seen only if the board's configuration says
 * "console". Storage files are set up before the first start; what the program writes there stays between starts.
 */
import { ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Board } from './board.js';
import { interpreterPrelude, SIGNAL } from './interpreter-prelude.js';
import { pinNumber } from './espruino-pins.js';
import { openPty, Pty } from './pty.js';
import type { SerialEnd } from './serial-line.js';
import { LINUX_FLASH, readStorageImage, writeStorageImage } from './storage-image.js';

export interface InterpreterOptions {
  /** The interpreter's executable. */
  path: string;
  name: string;
  bundle: string;
  /** Files in Storage. In "tapcash.cfg", ports named in `serials` or `paths` get their path (board.pn532, board.link). */
  files?: Record<string, string | Uint8Array>;
  /** The board's ends of serial lines; each gets a pty. */
  serials?: Record<string, SerialEnd>;
  /** Paths of ports that exist already, such as one half of a pty pair. */
  paths?: Record<string, string>;
  /** Where the interpreter's flash file is kept; a new temporary directory, removed by `close`, if not given. */
  workDir?: string;
  /** How the bundle is started: as a file argument (fast), or from .bootcde in Storage (as on a board). */
  boot?: 'argument' | 'storage';
  /** Bytes at the top of the flash that are kept for raw pages. */
  rawBytes?: number;
  onConsole?: (line: string) => void;
  /** Told when a flash operation named by `cutAfter` has ended the power cycle. */
  onPowerLost?: () => void;
}

/** A board in the real interpreter. Its methods take effect a little later; `ready` and `evaluate` wait. */
export interface InterpreterBoard extends Board {
  /** Resolves when the program's own start has run; rejects if the interpreter ends before. */
  ready(): Promise<void>;
  /** Evaluates an expression in the interpreter; its JSON text. */
  evaluate(expression: string): Promise<string>;
  /** Stops at a flash write or erase as if power went there; before or after power-up. Words count as in flash.ts. */
  cutAfter(operations: number, where: 'before' | 'during' | 'after', wordIndex?: number): void;
  /** The raw pages at the top of the flash. */
  rawImage(): Uint8Array;
  /** Files in Storage as they are now. */
  files(): Map<string, Uint8Array>;
  readonly workDir: string;
  /** Ends the process, closes the ptys, removes a temporary directory. */
  close(): void;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How long an answer to `evaluate` or the start may take. */
const ANSWER_MS_MAX = 20_000;
/** Bytes kept for raw pages unless told: as on an ESP32. */
const RAW_BYTES = 65536;

/** Fills in the paths of the ports in a board's configuration. */
function withPaths(config: string, paths: Record<string, string>): string {
  const stored = JSON.parse(config);
  for (const use of [stored.board?.pn532, stored.board?.link]) if (use && paths[use.port]) use.path = paths[use.port];
  return JSON.stringify(stored);
}

function prepareFlash(options: InterpreterOptions, workDir: string, paths: Record<string, string>): void {
  const file = join(workDir, 'espruino.flash');
  if (existsSync(file)) return;
  const files = new Map<string, Uint8Array>();
  // Storage without a file but with raw pages would be called corrupt, and wiped (jsflash.c, jsfIsStorageValid).
  files.set('tapcash.name', Buffer.from(options.name || '-', 'latin1'));
  if (options.boot === 'storage') files.set('.bootcde', Buffer.from(options.bundle, 'latin1'));
  for (const [name, data] of Object.entries(options.files ?? {})) {
    const given = typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
    files.set(name, Buffer.from(name === 'tapcash.cfg' ? withPaths(given, paths) : given, 'latin1'));
  }
  const image = new Uint8Array(LINUX_FLASH.bytes).fill(0xff);
  writeStorageImage(image, files, LINUX_FLASH.bytes - (options.rawBytes ?? RAW_BYTES));
  writeFileSync(file, image);
}

/** Splits what the interpreter prints into lines, from the line that says "ready" on. */
function createLines(onLine: (line: string) => void): (data: string) => void {
  let rest = '';
  return (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line.replace(/\r/g, ''));
  };
}

type Waiter = { resolve: (text: string) => void; reject: (error: Error) => void; timer: NodeJS.Timeout };

/** Makes a board in the real interpreter; it is off until `powerOn`. */
export async function createInterpreterBoard(options: InterpreterOptions): Promise<InterpreterBoard> {
  const temporary = options.workDir === undefined;
  const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), 'tapcash-'));
  mkdirSync(workDir, { recursive: true });
  const ptys: Pty[] = [];
  const paths: Record<string, string> = { ...options.paths };
  for (const [port, end] of Object.entries(options.serials ?? {})) {
    const pty = await openPty();
    ptys.push(pty);
    paths[port] = pty.path;
    pty.end.onData = (data) => end.write(data);
    end.onData = (data) => pty.end.write(data);
  }
  prepareFlash(options, workDir, paths);

  const errors: string[] = [];
  const held: Record<number, number> = {};
  const levels = new Map<number, number>();
  const waiters = new Map<string, Waiter>();
  let cut: { operations: number; where: string; wordIndex: number } | undefined;
  let child: ChildProcess | null = null;
  let display: string[] = [];
  let started = false;
  let counter = 0;

  function wait(key: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.delete(key);
        reject(new Error(`${options.name}: the interpreter did not answer in ${ANSWER_MS_MAX} ms`));
      }, ANSWER_MS_MAX);
      waiters.set(key, { resolve, reject, timer });
    });
  }
  function settle(key: string, text: string): void {
    const waiter = waiters.get(key);
    if (!waiter) return;
    clearTimeout(waiter.timer);
    waiters.delete(key);
    waiter.resolve(text);
  }

  /** A line meant for us: pin levels, answers, the start, a cut. */
  function signalled(line: string): void {
    const [word, key, ...rest] = line.split(' ');
    if (word === 'ready') started = true;
    else if (word === 'pin') levels.set(Number(key), Number(rest[0]));
    else if (word === 'answer') settle(key, rest.join(' '));
    else if (word === 'cut') {
      board.powerOff();
      options.onPowerLost?.();
    }
  }

  function line(text: string): void {
    const at = text.indexOf(SIGNAL);
    if (at >= 0) return signalled(text.slice(at + 1));
    if (!started) return;
    if (text.startsWith('[display] ')) display = text.slice(10).split(' | ');
    if (text.startsWith('Uncaught ')) errors.push(text);
    options.onConsole?.(text);
  }

  /** Types a line; DLE at its start keeps the console from echoing it. */
  const type = (code: string): void => void child?.stdin?.write(Buffer.from(`\x10${code}\n`, 'latin1'));

  function writeProgram(): string[] {
    const prelude = interpreterPrelude(held, cut);
    cut = undefined;
    if (options.boot !== 'storage') {
      const file = join(workDir, 'program.js');
      writeFileSync(file, Buffer.from(prelude + options.bundle, 'latin1'));
      return [file];
    }
    // The prelude goes into Storage as .boot0, which runs before .bootcde; everything else there stays.
    const file = join(workDir, 'espruino.flash');
    const image = new Uint8Array(readFileSync(file));
    const rawAt = LINUX_FLASH.bytes - (options.rawBytes ?? RAW_BYTES);
    const files = readStorageImage(image.subarray(0, rawAt));
    files.set('.boot0', Buffer.from(prelude, 'latin1'));
    writeStorageImage(image, files, rawAt);
    writeFileSync(file, image);
    return [];
  }

  const board: InterpreterBoard = {
    name: options.name,
    errors,
    workDir,
    get powered() {
      return child !== null;
    },
    powerOn() {
      if (child) return;
      levels.clear();
      display = [];
      started = false;
      const mine = spawn(options.path, writeProgram(), { cwd: workDir, stdio: ['pipe', 'pipe', 'ignore'] });
      child = mine;
      const lines = createLines((text) => child === mine && line(text));
      mine.stdout.on('data', (data: Buffer) => lines(data.toString('latin1')));
      mine.stdin.on('error', () => undefined);
      running.add(mine);
      const ended = (how: string) => {
        running.delete(mine);
        if (child !== mine) return;
        child = null;
        errors.push(`the interpreter ended: ${how}`);
      };
      mine.on('error', (error) => ended(error.message));
      mine.on('exit', (code, signal) => ended(`${code ?? signal}`));
    },
    powerOff() {
      const old = child;
      child = null;
      old?.kill('SIGKILL');
      for (const [key, waiter] of waiters) {
        clearTimeout(waiter.timer);
        waiters.delete(key);
        waiter.reject(new Error(`${options.name}: power is off`));
      }
    },
    reset() {
      board.powerOff();
      board.powerOn();
    },
    async ready() {
      await board.evaluate('1');
    },
    evaluate(expression) {
      if (!child) return Promise.reject(new Error(`${options.name}: power is off`));
      const key = `e${counter++}`;
      const answer = wait(key);
      type(`print("\\x01answer ${key} "+JSON.stringify(${expression}));`);
      return answer;
    },
    press(pin, durationMs, level = undefined) {
      type(`_press(${pinNumber(pin)},${durationMs},${level ?? -1});`);
    },
    hold(pin, level = 0) {
      held[pinNumber(pin)] = level;
      type(`_drive(${pinNumber(pin)},${level});`);
    },
    release(pin) {
      delete held[pinNumber(pin)];
      type(`_drive(${pinNumber(pin)},-1);`);
    },
    pin: (pin) => levels.get(pinNumber(pin)) ?? 0,
    screen: () => (child ? display : []),
    cutAfter(operations, where, wordIndex = 0) {
      const point = { operations, where, wordIndex };
      if (child) type(`_cut(${JSON.stringify(point)});`);
      else cut = point;
    },
    rawImage: () => new Uint8Array(readFileSync(join(workDir, 'espruino.flash'))).slice(LINUX_FLASH.bytes - (options.rawBytes ?? RAW_BYTES)),
    files: () => readStorageImage(new Uint8Array(readFileSync(join(workDir, 'espruino.flash')))),
    close() {
      board.powerOff();
      for (const pty of ptys) pty.close();
      if (temporary) rmSync(workDir, { recursive: true, force: true });
    },
  };
  return board;
}
