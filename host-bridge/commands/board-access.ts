/**
 * What every command at a board does alike: finding its port, waiting for it, showing progress, ending at Ctrl-C.
 */
import { existsSync } from 'node:fs';
import { createAttempt } from '../../flash-scripts/flash/attempt.js';
import type { BoardAccess, Reporter } from '../../flash-scripts/flash/flash-board.js';
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { failure } from '../base/errors.js';
import { createSerialDevice } from '../serial/device.js';
import { listBoardPorts, type PortCandidate } from '../serial/port.js';

/** Options of every command at a board. */
export interface PortCommand {
  serial?: string;
  waitForBoard?: boolean;
  json?: boolean;
}

/** Between two looks for a board that is to be plugged in. */
const LOOK_MS = 250;
/** After the work: what a library still waits for is not waited for. */
const LINGER_MS = 50;
const BAR_CHARACTERS = 30;

const listText = (ports: PortCandidate[]): string =>
  ports.map((port) => `${port.lasting} (${port.description})`).join(', ');

/** The port named, or the only one that there is. @throws TapcashError PORT_MISSING */
async function findPort(options: PortCommand, signal: AbortSignal): Promise<string> {
  for (let told = false; ;) {
    if (options.serial && existsSync(options.serial)) return options.serial;
    const ports = options.serial ? [] : await listBoardPorts();
    if (ports.length === 1) return ports[0].path;
    if (ports.length > 1) throw failure('PORT_MISSING', `--serial: one of ${listText(ports)}`);
    // A path that is not there, and a name that is none of a file (COM3), are for the system to judge.
    if (!options.waitForBoard)
      return (
        options.serial ??
        Promise.reject(failure('PORT_MISSING', 'no board is plugged in; --wait-for-board waits for one'))
      );
    if (!told) process.stderr.write(`waiting for ${options.serial ?? 'a board'} to be plugged in ...\n`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (signal.aborted) throw failure('INTERRUPTED');
  }
}

/** Steps as lines; progress as a bar where somebody looks, else as a line for each quarter. All on standard error. */
function createReporter(out: { isTTY?: boolean; write(text: string): unknown } = process.stderr): Reporter {
  let quarter = -1;
  let name = '';
  const clear = (): void => {
    if (out.isTTY) out.write('\r\x1b[K');
  };
  return {
    step(text) {
      clear();
      out.write(`  ${text}\n`);
    },
    hint(text) {
      clear();
      out.write(`> ${text}\n`);
    },
    progress(of, done, total) {
      const part = total > 0 ? done / total : 1;
      if (out.isTTY) {
        const full = Math.round(part * BAR_CHARACTERS);
        out.write(
          `\r\x1b[K  ${of} [${'#'.repeat(full)}${'.'.repeat(BAR_CHARACTERS - full)}] ${Math.round(part * 100)}%`,
        );
        return;
      }
      if (of !== name) quarter = 0;
      name = of;
      const now = Math.floor(part * 4);
      if (now > quarter) out.write(`  ${of} ${now * 25}%\n`);
      quarter = now;
    },
  };
}

/** A signal for Ctrl-C, and what takes it back when the work is over. */
function untilStopped(): { signal: AbortSignal; end(): void } {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return {
    signal: abort.signal,
    end() {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      setTimeout(() => process.exit(), LINGER_MS).unref();
    },
  };
}

async function workAt<T>(path: string, signal: AbortSignal, work: (access: BoardAccess) => Promise<T>): Promise<T> {
  const attempt = createAttempt(signal);
  const device = await createSerialDevice(path);
  try {
    return await work({ ...NODE_TOOLS, device, attempt, reporter: createReporter() });
  } finally {
    await device.close();
  }
}

/** Works on a board. Ctrl-C ends it at once, leaving the board as after a pulled cable. */
export async function withBoard<T>(options: PortCommand, work: (access: BoardAccess) => Promise<T>): Promise<T> {
  const { signal, end } = untilStopped();
  try {
    return await workAt(await findPort(options, signal), signal, work);
  } finally {
    end();
  }
}

/** The ports that are there: the one named, or all that may be a board's. */
async function portsThere({ serial }: PortCommand): Promise<string[]> {
  if (serial) return existsSync(serial) ? [serial] : [];
  return (await listBoardPorts()).map(({ path }) => path);
}

/**
 * Works on board after board, each once a plug: a port counts anew after it was gone. What `work` throws ends it.
 * @param work whether to go on with a further board
 */
export async function withBoards(options: PortCommand, work: (access: BoardAccess) => Promise<boolean>): Promise<void> {
  const { signal, end } = untilStopped();
  let served: string[] = [];
  let told = '';
  try {
    for (let goesOn = true; goesOn;) {
      if (signal.aborted) throw failure('INTERRUPTED');
      const there = await portsThere(options);
      served = served.filter((path) => there.includes(path));
      const path = there.find((each) => !served.includes(each));
      if (path !== undefined) {
        served.push(path);
        told = '';
        goesOn = await workAt(path, signal, work);
        continue;
      }
      const text = there.length > 0 ? '> unplug the board' : 'waiting for a board to be plugged in ...';
      if (text !== told) process.stderr.write(`${text}\n`);
      told = text;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    end();
  }
}
