/**
 * The console of a board's interpreter: reached whatever the board is doing, asked for values, given files.
 *
 * A board whose firmware has moved the console away gets it back by a reset: the firmware waits for the cable before it
 * opens anything, and a line that ends all timers in that moment keeps it from going on
 * (firmware/board/espruino-board.ts, `CABLE_MS`). Where the port has no line for a reset, somebody presses it. Nothing
 * here reads raw flash.
 */
import { fromChars, toChars } from '../../firmware/core/bytes.js';
import { failure, isFailure } from '../../host-bridge/base/errors.js';
import type { SerialDevice } from '../../host-bridge/serial/device.js';
import type { Attempt } from './attempt.js';
import type { EspruinoConnection } from './espruino-connection.js';
import { BOARD_BAUD, BURST_REST_MS } from '../../host-bridge/serial/board-line.js';

export interface BoardConsole {
  /** The interpreter's version, "2v29.277". */
  readonly version: string;
  /**
   * Evaluates an expression whose value is a text or a number.
   * @throws TapcashError BOARD_SILENT, FLASH_FAILED with what the board says
   */
  evaluate(expression: string, timeoutMs?: number): Promise<string | number>;
  /** Sends a file to Storage; whether it is there, only reading it back tells. @throws TapcashError FLASH_FAILED */
  sendFile(name: string, data: Uint8Array, onProgress: (done: number) => void): Promise<void>;
  /** Types a line; nothing is echoed. */
  type(line: string): Promise<void>;
  /** Told each line that the board prints. */
  onLine: ((line: string) => void) | null;
  close(): Promise<void>;
}

export interface ConsoleOptions {
  attempt: Attempt;
  /** A new connection of EspruinoTools (node/espruino-tools.ts). */
  createConnection(): EspruinoConnection;
  /** Most bytes that the board takes in one go: a board's `link.burstBytesMax`. */
  burstBytesMax: number;
  baud?: number;
  /** How long the board may take to start. */
  startMs?: number;
  /** How long somebody may take to press reset. */
  handMs?: number;
  /** The board's reset is to be pressed. */
  onPressReset?(): void;
}

/** The first version whose console takes packets is 2v25; what the firmware needs is in this one. */
const VERSION_MIN = { major: 2, minor: 29 };

const PROBE_MS = 400;
/** Between two tries at a board that starts: it waits 200 ms. */
const CATCH_MS = 40;
const LOOK_MS = 20;
const EVALUATE_MS = 10_000;
const RESET_PULSE_MS = 100;
/**
 * For one packet. Before it acknowledges a file's first one, a board may compact its whole Storage: 224 pages, each of
 * which is read, erased in up to 0.4 s (W25Q32) and written again.
 */
const PACKET_MS = 180_000;
/** How long a board takes to start, and to stop what it did: the line below is typed again and again until then. */
const START_MS = 6000;
const HAND_MS = 120_000;
/** How long it may take to empty its memory: a moment, but not in an emulator on a busy machine. */
const SETTLE_MS = 60_000;
/** What stands before a line: the prompt, and what takes it away again, CR and `ESC [ J` (seen on an ESP32 build). */
const PROMPT = new RegExp('^(?:[>=\r]|\u001b\\[[0-9;?]*[A-Za-z])+');
/** Head of a packet that carries data. */
const PACKET_HEAD_BYTES = 4;

/** Ends a line that was begun and whatever runs; then timers and buttons, so that no firmware goes on. */
const STOP = '\x03\x10clearInterval();clearTimeout();clearWatch()\n';
/** Asks for the version; the number tells answers apart. */
const probeLine = (number: number): string => `\x10print("tap"+"cash ${number} on "+process.version)\n`;

/** Opens the device and talks to whatever is there. */
async function attach(device: SerialDevice, options: ConsoleOptions) {
  const { attempt, burstBytesMax } = options;
  const connection = options.createConnection();
  let rest = '';
  let last = '';
  let asked = 0;
  const self = { onLine: null as ((line: string) => void) | null };
  connection.chunkSize = burstBytesMax;
  connection.parsePackets = true;
  const sendPacket = connection.espruinoSendPacket.bind(connection);
  connection.espruinoSendPacket = (type, data, packet) => sendPacket(type, data, { timeout: PACKET_MS, ...packet });
  connection.closeLowLevel = () => undefined;
  connection.writeLowLevel = async (text) => {
    await device.write(fromChars(text));
    if (text.length >= burstBytesMax) await new Promise((resolve) => setTimeout(resolve, BURST_REST_MS));
  };
  connection.cb = (text) => {
    last = (last + text).slice(-1000);
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() as string;
    for (const line of lines) self.onLine?.(line.replace(PROMPT, ''));
  };
  await attempt.run(device.open(options.baud ?? BOARD_BAUD));
  device.onData = (bytes) =>
    connection.rxDataHandler(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer);
  connection.openHandler();

  /**
   * Sends text and asks for the version behind it; null where no answer comes in a while.
   * @param first of the questions whose answer will do as well: a slow board answers when the next was asked
   */
  async function probe(text: string, ms = PROBE_MS, first = asked + 1): Promise<string | null> {
    await attempt.run(connection.write(text + probeLine(++asked)));
    for (let waited = 0; waited < ms; waited += LOOK_MS) {
      await attempt.wait(LOOK_MS);
      for (const [, number, version] of last.matchAll(/tapcash (\d+) on (\S+)\s/g))
        if (Number(number) >= first) return version as string;
    }
    return null;
  }
  return { connection, self, probe, next: () => asked + 1, tail: () => last.trim().slice(-200) };
}

type Line = Awaited<ReturnType<typeof attach>>;

/** Presses reset by the port's lines; false where it has none. */
async function pulseReset(device: SerialDevice, attempt: Attempt): Promise<boolean> {
  if (!(await device.setSignals({ dtr: false, rts: true }))) return false;
  await attempt.wait(RESET_PULSE_MS);
  await device.setSignals({ dtr: false, rts: false });
  return true;
}

/** The version of the interpreter, once its console listens and its firmware is stopped; null when nothing answers. */
async function findVersion(device: SerialDevice, line: Line, options: ConsoleOptions): Promise<string | null> {
  const { attempt, onPressReset, startMs = START_MS, handMs = HAND_MS } = options;
  const catchFor = async (ms: number): Promise<string | null> => {
    const first = line.next();
    for (const endMs = Date.now() + ms; Date.now() < endMs;) {
      const version = await line.probe(STOP, CATCH_MS, first);
      if (version) return version;
    }
    return null;
  };
  const now = await line.probe(STOP);
  if (now) return now;
  const hasLines = await pulseReset(device, attempt);
  const caught = hasLines ? await catchFor(startMs) : null;
  if (caught) return caught;
  onPressReset?.();
  return catchFor(handMs);
}

/** Whether the firmware runs on an interpreter of this version. */
export function isSupported(version: string): boolean {
  const [, major, minor] = /^(\d+)v(\d+)/.exec(version) ?? [];
  return (
    Number(major) > VERSION_MIN.major || (Number(major) === VERSION_MIN.major && Number(minor) >= VERSION_MIN.minor)
  );
}

function checkVersion(version: string): void {
  if (!isSupported(version))
    throw failure('INTERPRETER_OLD', `${version}; ${VERSION_MIN.major}v${VERSION_MIN.minor} is needed`);
}

/** Empties the interpreter's memory, and waits until it listens again. What follows `reset()` at once may be lost. */
async function settle(line: Line, attempt: Attempt): Promise<boolean> {
  // EspruinoTools never settles the promise of a write that fails.
  await attempt.run(line.connection.write('\x10reset()\n'));
  const first = line.next();
  for (const endMs = Date.now() + SETTLE_MS; Date.now() < endMs;)
    if (await line.probe('\x03', PROBE_MS, first)) return true;
  return false;
}

/**
 * Reaches a board's console; its firmware has then stopped, and its memory is empty.
 * @throws TapcashError BOARD_SILENT, INTERPRETER_OLD, LINK_LOST, INTERRUPTED, and those of opening a port
 */
export async function openConsole(device: SerialDevice, options: ConsoleOptions): Promise<BoardConsole> {
  const { attempt, burstBytesMax } = options;
  const line = await attach(device, options);
  const { connection } = line;
  const say = (thrown: unknown): string =>
    `${typeof thrown === 'string' ? thrown : (thrown as Error).message}${line.tail() ? `; the board says: ${line.tail()}` : ''}`;
  let version: string;
  try {
    const found = await findVersion(device, line, options);
    if (!found) throw failure('BOARD_SILENT', device.path);
    version = found;
    checkVersion(version);
    if (!(await settle(line, attempt))) throw failure('BOARD_SILENT', `${device.path}: silent after reset()`);
  } catch (thrown) {
    await device.close();
    throw thrown;
  }

  const opened: BoardConsole = {
    version,
    get onLine() {
      return line.self.onLine;
    },
    set onLine(callback) {
      line.self.onLine = callback;
    },
    async evaluate(expression, timeoutMs = EVALUATE_MS) {
      try {
        return (await attempt.run(connection.espruinoEval(expression, { timeout: timeoutMs }))) as string | number;
      } catch (thrown) {
        if (isFailure(thrown)) throw thrown;
        throw failure(String(thrown).includes('NAK') ? 'FLASH_FAILED' : 'BOARD_SILENT', say(thrown));
      }
    },
    async sendFile(name, data, onProgress) {
      const chunkSize = Math.min(1024, (burstBytesMax - PACKET_HEAD_BYTES - 1) & ~3);
      try {
        await attempt.run(
          connection.espruinoSendFile(name, toChars(data), {
            chunkSize,
            progress: (done) => onProgress(Math.min(done, data.length)),
          }),
        );
      } catch (thrown) {
        throw isFailure(thrown) ? thrown : failure('FLASH_FAILED', `${name}: ${say(thrown)}`);
      }
    },
    type: (text) => attempt.run(connection.write(`\x10${text}\n`)),
    async close() {
      connection.closeHandler();
      await device.close();
    },
  };
  return opened;
}
