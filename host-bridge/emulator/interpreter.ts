/**
 * The real interpreter as a board: the same bundle in Espruino's Linux build, its serial ports on ptys.
 *
 * docs/architecture.md 5. Flash is the interpreter's own file; power is cut by SIGKILL, and what the program did not
 * write is gone as on a board. The bundle runs as a file argument (targets/linux/main.c evaluates it after starting the
 * interpreter without its saved code) or from `.bootcde` in Storage, in front of it a prelude that stands in for the
 * missing pins.
 *
 * Left out: I2C; a display is seen only if the board's configuration says
 * "console". Storage files are set up before the first start; what the program writes there stays between starts.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure } from '../base/errors.js';
import { DENY_FILE } from '../../firmware/core/deny-file.js';
import type { Board } from './board.js';
import { CONSOLE_DISPLAY } from './board.js';
import { createInterpreterProcess } from './interpreter-process.js';
import { openConsoleCable } from './interpreter-console.js';
import { HELD_FILE, interpreterPrelude, JOINED } from './interpreter-prelude.js';
import { pinNumber } from './espruino-pins.js';
import type { Pty } from './pty.js';
import { openPty } from './pty.js';
import type { SerialEnd } from '../serial/serial-line.js';
import { LINUX_FLASH, readStorageImage, writeStorageImage } from './storage-image.js';

export interface InterpreterOptions {
  /** The interpreter's executable. */
  path: string;
  name: string;
  /** The program; none for one that a host is to bring through the console (`boot` "storage"). */
  bundle?: string;
  /**
   * Files in Storage, unless `workDir` has a flash file already. In "tapcash.cfg", ports named in `serials` or `paths`
   * get their path (board.pn532, board.link).
   */
  files?: Record<string, string | Uint8Array>;
  /** The board's ends of serial lines; each gets a pty. */
  serials?: Record<string, SerialEnd>;
  /** Paths of ports that exist already, such as one half of a pty pair. */
  paths?: Record<string, string>;
  /** Where the interpreter's flash file is kept; a new temporary directory, removed by `close`, if not given. */
  workDir?: string;
  /** How the bundle is started: as a file argument (fast), or from .bootcde in Storage (as on a board). */
  boot?: 'argument' | 'storage';
  /**
   * Puts the console on a pty, `consolePath`, as an ESP32 has it on its USB port; what it prints there, nobody here
   * sees.
   */
  console?: boolean;
  /** Counts the variables in use while the program works: `variablesPeak`. Slow. */
  watchMemory?: boolean;
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
  /**
   * Most variables that were in use at once since the start or the last asking, as far as was looked; with
   * `watchMemory`.
   */
  variablesPeak(): Promise<number>;
  /** Stops at a flash write or erase as if power went there; before or after power-up. Words count as in flash.ts. */
  cutAfter(operations: number, where: 'before' | 'during' | 'after', wordIndex?: number): void;
  /** The raw pages at the top of the flash. */
  rawImage(): Uint8Array;
  /** Changes them, while the power is off. */
  setRawImage(image: Uint8Array): void;
  /** Files in Storage as they are now. */
  files(): Map<string, Uint8Array>;
  readonly workDir: string;
  /** Where a host finds the console, with `console`. */
  readonly consolePath: string | undefined;
  /** Paths of the board's ends of its ports, by name. */
  readonly paths: Record<string, string>;
  /** Ends the process, closes the ptys, removes a temporary directory. */
  close(): void;
}

/** How long an answer to `evaluate` or the start may take. */
const ANSWER_MS_MAX = 60_000;
/** Bytes kept for raw pages unless told: as board-configs/linux.json has it. */
const RAW_BYTES = 61440;

/** The file of the deny list: two lists of 256 pseudonyms, in pages of 1,024 bytes behind the first one. */
const DENY_FILE_BYTES = 3040;

/** The interpreter's flash, in its working directory. */
const FLASH_FILE = 'espruino.flash';

/** The configuration that a board reads at its start (firmware/board/startup.ts). */
const CONFIG_FILE = 'tapcash.cfg';

/** Where raw pages begin in the flash file. */
const rawStart = (options: InterpreterOptions): number => LINUX_FLASH.bytes - (options.rawBytes ?? RAW_BYTES);

/** Fills in the paths of the ports in a board's configuration. */
function withPaths(config: string, paths: Record<string, string>): string {
  const stored = JSON.parse(config);
  for (const use of [stored.board?.pn532, stored.board?.link]) if (use && paths[use.port]) use.path = paths[use.port];
  return JSON.stringify(stored);
}

/** Whether it is a terminal's board, which has a deny list. */
function isTerminal({ files = {} }: InterpreterOptions): boolean {
  const config = files[CONFIG_FILE];
  return config !== undefined && JSON.parse(Buffer.from(config).toString('latin1')).role === 'shop-terminal';
}

/** Writes the interpreter's flash, or brings what is there up to date: program and paths, which are new each time. */
function prepareFlash(options: InterpreterOptions, workDir: string, paths: Record<string, string>): void {
  const file = join(workDir, FLASH_FILE);
  const rawAt = rawStart(options);
  const known = existsSync(file);
  const image = known ? new Uint8Array(readFileSync(file)) : new Uint8Array(LINUX_FLASH.bytes).fill(0xff);
  const files = readStorageImage(image.subarray(0, rawAt));
  // First, so that it stays where it is when others change; as short as room is scarce here.
  if (!known && isTerminal(options)) files.set(DENY_FILE, new Uint8Array(DENY_FILE_BYTES).fill(0xff));
  // Storage without a file but with raw pages would be called corrupt, and wiped (jsflash.c, jsfIsStorageValid).
  files.set('tapcash.name', Buffer.from(options.name || '-', 'latin1'));
  for (const [name, data] of Object.entries(known ? {} : (options.files ?? {}))) {
    files.set(name, typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }
  const config = files.get(CONFIG_FILE);
  if (config) files.set(CONFIG_FILE, Buffer.from(withPaths(Buffer.from(config).toString('latin1'), paths), 'latin1'));
  if (options.boot === 'storage' && options.bundle) files.set('.bootcde', Buffer.from(options.bundle, 'latin1'));
  writeStorageImage(image, files, rawAt);
  writeFileSync(file, image);
}

/** Writes further files into Storage; the paths of ports in a configuration are those of this board. */
function writeFiles(
  options: InterpreterOptions,
  workDir: string,
  paths: Record<string, string>,
  given: Record<string, Uint8Array>,
): void {
  const file = join(workDir, FLASH_FILE);
  const image = new Uint8Array(readFileSync(file));
  const files = readStorageImage(image.subarray(0, rawStart(options)));
  for (const [name, data] of Object.entries(given))
    files.set(
      name,
      name === CONFIG_FILE ? Buffer.from(withPaths(Buffer.from(data).toString('latin1'), paths), 'latin1') : data,
    );
  writeStorageImage(image, files, rawStart(options));
  writeFileSync(file, image);
}

/** Questions to the interpreter that wait for their answers. */
function createQuestions(name: string) {
  type Waiter = { resolve: (text: string) => void; reject: (error: Error) => void; timer: NodeJS.Timeout };
  const waiters = new Map<string, Waiter>();
  let counter = 0;
  const take = (key: string): Waiter | undefined => {
    const waiter = waiters.get(key);
    if (waiter) clearTimeout(waiter.timer);
    waiters.delete(key);
    return waiter;
  };
  return {
    /** Waits for an answer under a new key, which `send` gets. */
    ask(send: (key: string) => void): Promise<string> {
      const key = `q${counter++}`;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          take(key)?.reject(
            failure('INTERPRETER_FAILED', `${name}: no answer in ${ANSWER_MS_MAX / 1000} s; is the machine busy?`),
          );
        }, ANSWER_MS_MAX);
        waiters.set(key, { resolve, reject, timer });
        send(key);
      });
    },
    answer: (key: string, text: string) => take(key)?.resolve(text),
    fail(message: string) {
      for (const key of [...waiters.keys()]) take(key)?.reject(failure('INTERPRETER_FAILED', `${name}: ${message}`));
    },
  };
}

/**
 * Opens a pty for each serial line; gives the path of each port. Until the board has started, what comes is lost as on
 * a board: a pty would keep it for the next start.
 */
async function connectSerials(
  options: InterpreterOptions,
  ptys: Pty[],
  isReady: () => boolean,
): Promise<Record<string, string>> {
  const paths: Record<string, string> = { ...options.paths };
  for (const [port, end] of Object.entries(options.serials ?? {})) {
    const pty = await openPty();
    ptys.push(pty);
    paths[port] = pty.path;
    pty.end.onData = (data) => end.write(data);
    end.onData = (data) => void (isReady() && pty.end.write(data));
  }
  return paths;
}

/** Writes the program where the interpreter finds it. Returns the interpreter's arguments. */
function writeProgram(options: InterpreterOptions, workDir: string, prelude: string): string[] {
  if (options.boot !== 'storage') {
    const file = join(workDir, 'program.js');
    writeFileSync(file, Buffer.from(prelude + (options.bundle ?? ''), 'latin1'));
    return [file];
  }
  // The prelude goes into Storage as .boot0, which runs before .bootcde; everything else there stays.
  const file = join(workDir, FLASH_FILE);
  const image = new Uint8Array(readFileSync(file));
  const rawAt = rawStart(options);
  const files = readStorageImage(image.subarray(0, rawAt));
  files.set('.boot0', Buffer.from(prelude, 'latin1'));
  writeStorageImage(image, files, rawAt);
  writeFileSync(file, image);
  return [];
}

/** Makes a board in the real interpreter; it is off until `powerOn`. */
export async function createInterpreterBoard(options: InterpreterOptions): Promise<InterpreterBoard> {
  const { name } = options;
  const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), 'tapcash-'));
  mkdirSync(workDir, { recursive: true });
  const ptys: Pty[] = [];
  let isReady = () => false;
  const cable = options.console ? await openConsoleCable(() => isReady()) : null;
  const paths = await connectSerials(options, ptys, () => isReady());
  if (cable) paths.Serial1 = cable.boardPath;
  prepareFlash(options, workDir, paths);

  const errors: string[] = [];
  const held: Record<number, number> = {};
  const keepHeld = (): void => writeFileSync(join(workDir, HELD_FILE), JSON.stringify(held));
  const levels = new Map<number, number>();
  const questions = createQuestions(name);
  let cut: { operations: number; where: string; wordIndex: number } | undefined;
  let display: string[] = [];

  const interpreter = createInterpreterProcess(options.path, workDir, {
    line(text) {
      if (text.startsWith(CONSOLE_DISPLAY)) display = text.slice(CONSOLE_DISPLAY.length).split(' | ');
      if (text.startsWith('Uncaught ')) errors.push(text);
      options.onConsole?.(text);
    },
    signal(word, rest) {
      const [first, ...others] = rest.split(' ');
      if (word === 'pin') levels.set(Number(first), Number(others[0]));
      else if (word === 'packet') cable?.taken();
      else if (word === 'answer') questions.answer(first, others.join(' '));
      else if (word === 'cut') {
        board.powerOff();
        options.onPowerLost?.();
      }
    },
    ended(how) {
      errors.push(`the interpreter ended: ${how}`);
      questions.fail('the interpreter ended');
    },
  });
  isReady = () => interpreter.ready;
  const readFlash = () => new Uint8Array(readFileSync(join(workDir, FLASH_FILE)));

  const board: InterpreterBoard = {
    name,
    errors,
    workDir,
    consolePath: cable?.hostPath,
    paths,
    get powered() {
      return interpreter.running;
    },
    powerOn() {
      if (interpreter.running) return;
      levels.clear();
      display = [];
      keepHeld();
      const args = writeProgram(
        options,
        workDir,
        interpreterPrelude(options.boot !== 'storage', options.watchMemory === true, cut, cable?.boardPath),
      );
      cut = undefined;
      interpreter.start(args);
    },
    powerOff() {
      interpreter.kill();
      questions.fail('power is off');
    },
    reset() {
      board.powerOff();
      board.powerOn();
    },
    install: (files) => writeFiles(options, workDir, paths, files),
    async ready() {
      await board.evaluate('1');
    },
    evaluate(expression) {
      if (!interpreter.running) return Promise.reject(new Error(`${name}: power is off`));
      return questions.ask((key) => interpreter.run(`_tell("\\x01answer ${key} "+JSON.stringify(${expression}));`));
    },
    variablesPeak: async () => Number(await board.evaluate('_most()')),
    press(pin, durationMs, level) {
      interpreter.run(`_press(${pinNumber(pin)},${durationMs},${level ?? -1});`);
    },
    pressKey(row, column, durationMs) {
      interpreter.run(`_press(${pinNumber(column)},${durationMs},${JOINED + pinNumber(row)});`);
    },
    hold(pin, level = 0) {
      held[pinNumber(pin)] = level;
      keepHeld();
      interpreter.run(`_drive(${pinNumber(pin)},${level});`);
    },
    release(pin) {
      delete held[pinNumber(pin)];
      keepHeld();
      interpreter.run(`_drive(${pinNumber(pin)},-1);`);
    },
    pin: (pin) => levels.get(pinNumber(pin)) ?? 0,
    screen: () => (interpreter.running ? display : []),
    cutAfter(operations, where, wordIndex = 0) {
      const point = { operations, where, wordIndex };
      if (interpreter.running) interpreter.run(`_cut(${JSON.stringify(point)});`);
      else cut = point;
    },
    rawImage: () => readFlash().slice(rawStart(options)),
    setRawImage(raw) {
      if (interpreter.running) throw new Error(`${name}: raw pages are changed with the power off`);
      const image = readFlash();
      image.set(raw, rawStart(options));
      writeFileSync(join(workDir, FLASH_FILE), image);
    },
    files: () => readStorageImage(readFlash()),
    close() {
      board.powerOff();
      for (const pty of ptys) pty.close();
      cable?.close();
      if (options.workDir === undefined) rmSync(workDir, { recursive: true, force: true });
    },
  };
  return board;
}
