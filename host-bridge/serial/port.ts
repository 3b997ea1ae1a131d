/**
 * A serial port to a board: bytes out, bytes in, and what became of it.
 *
 * One small interface for three kinds of cable: a device or pty (`openBoardPort`, on node-serialport), and the emulated
 * line (`createEmulatedPort`). Bytes go out no faster than the line carries them, and a write longer than the board's
 * burst goes in pieces with a rest between: Espruino 2v29 on ESP32 loses what comes above 64 bytes between two of its
 * polls.
 *
 * Left out: hardware flow control, which Espruino boards do not wire.
 */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { SerialPort } from 'serialport';
import { fromChars, toChars } from '../../firmware/core/bytes.js';
import type { Scheduler, Timer } from '../base/scheduler.js';
import { createRealScheduler } from '../base/scheduler.js';
import type { SerialEnd } from './serial-line.js';
import { failure, type TapcashError } from '../base/errors.js';
import { adviceFor } from './port-access.js';
import { createPortFinder, lastingPath, type ListedPort, type PortView } from './port-identity.js';
import { binding } from './unix-binding.js';
import { BOARD_BAUD, BOARD_BURST_BYTES, BURST_REST_MS } from './board-line.js';

/** An open port. */
export interface BoardPort {
  /** For people: a path, or what stands for it. */
  readonly path: string;
  write(bytes: Uint8Array): void;
  /** Receives what comes; bytes are lost until it is set. */
  onData: ((bytes: Uint8Array) => void) | null;
  /** Called once, when the port is gone without `close`. */
  onLost: ((why: TapcashError) => void) | null;
  /** Ends it; may be called twice. */
  close(): Promise<void>;
}

/**
 * What opens the port of one board again and again: `openBoardPort` for the path where the board is each time, which a
 * replug may change.
 */
export function createPortOpener(path: string, options: BoardPortOptions = {}, view?: PortView) {
  const finder = createPortFinder(path, view);
  return async (): Promise<BoardPort> => openBoardPort(await finder.find(), options);
}

export interface BoardPortOptions {
  baud?: number;
  /** Longest burst that the board takes. */
  burstBytesMax?: number;
  scheduler?: Scheduler;
}

/**
 * Opens a device or pty.
 * @throws TapcashError PORT_MISSING (the detail lists the ports there are), PORT_DENIED, PORT_IN_USE, PORT_FAILED
 */
export async function openBoardPort(path: string, options: BoardPortOptions = {}): Promise<BoardPort> {
  const { baud = BOARD_BAUD, burstBytesMax = BOARD_BURST_BYTES, scheduler = createRealScheduler() } = options;
  await checkPath(path);
  // Without hupcl the board is not reset when we leave.
  const device = new SerialPort({
    path,
    baudRate: baud,
    autoOpen: false,
    lock: true,
    hupcl: false,
    binding,
  } as ConstructorParameters<typeof SerialPort>[0]);
  await new Promise<void>((resolve, reject) => {
    device.open((error) => (error ? reject(openFailure(path, error)) : resolve()));
  });
  await releaseReset(device);
  let closed = false;
  const pacer = createPacer({ baud, burstBytesMax, scheduler, write: (bytes) => device.isOpen && device.write(bytes) });
  const port: BoardPort = {
    path,
    onData: null,
    onLost: null,
    write: (bytes) => (closed ? undefined : pacer.write(bytes)),
    async close() {
      closed = true;
      pacer.stop();
      if (device.isOpen) await new Promise<void>((resolve) => device.close(() => resolve()));
    },
  };
  function lost(error: Error | null): void {
    if (closed) return;
    closed = true;
    pacer.stop();
    if (device.isOpen) device.close(() => undefined);
    port.onLost?.(failure('LINK_LOST', `${path}${error ? `: ${error.message}` : ''}`, error ?? undefined));
  }
  device.on('data', (bytes: Buffer) => port.onData?.(new Uint8Array(bytes)));
  device.on('error', lost);
  device.on('close', lost);
  return port;
}

/** The same over one end of an emulated cable. */
export function createEmulatedPort(end: SerialEnd, path = 'emulated'): BoardPort {
  const port: BoardPort = {
    path,
    onData: null,
    onLost: null,
    write: (bytes) => (end.onData === null ? undefined : end.write(toChars(bytes))),
    async close() {
      end.onData = null;
    },
  };
  end.onData = (data) => port.onData?.(fromChars(data));
  return port;
}

/** A port that may be a board. */
export interface PortCandidate {
  path: string;
  /** The path to use: by id where there is such a link, which stays after a replug; else the same as `path`. */
  lasting: string;
  /** What the system knows of it: manufacturer, or USB ids. */
  description: string;
}

/** Makers of the converters on ESP32 boards, by USB vendor id: udev often knows none. */
const VENDORS: Record<string, string> = {
  '10c4': 'Silicon Labs CP210x',
  '1a86': 'WCH CH340',
  '0403': 'FTDI',
  '303a': 'Espressif',
  '067b': 'Prolific',
};

function describePort(port: ListedPort): string {
  const vendor = VENDORS[(port.vendorId ?? '').toLowerCase()] ?? port.manufacturer;
  const ids = port.vendorId ? `USB ${port.vendorId}:${port.productId}` : '';
  return [vendor, ids].filter(Boolean).join(', ') || 'serial port';
}

/** Serial ports of this machine that a board may be at. Never fails: where udevadm is missing, it looks into /dev. */
export async function listBoardPorts(): Promise<PortCandidate[]> {
  try {
    const ports = await SerialPort.list();
    // ttyS0.. are listed whether or not there is a chip behind them; a board on USB has a vendor.
    return ports
      .filter((port) => port.vendorId !== undefined || !/\/ttyS\d+$/.test(port.path))
      .map((port) => ({ path: port.path, lasting: lastingPath(port), description: describePort(port) }));
  } catch {
    return deviceFiles();
  }
}

function deviceFiles(): PortCandidate[] {
  try {
    const names = readdirSync('/dev').filter((name) => /^(ttyUSB|ttyACM|cu\.usb)/.test(name));
    return names
      .sort()
      .map((name) => `/dev/${name}`)
      .map((path) => ({ path, lasting: path, description: 'serial port' }));
  } catch {
    return [];
  }
}

/**
 * Whether a path can be opened, for a failure that says more than the system does.
 * @throws TapcashError PORT_MISSING, PORT_DENIED
 */
export async function checkPath(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  if (!existsSync(path)) {
    const candidates = await listBoardPorts();
    const list = candidates.map((port) => `${port.lasting} ${port.description}`).join(', ');
    throw failure('PORT_MISSING', `${path}; there ${candidates.length === 0 ? 'is no serial port' : `is ${list}`}`);
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (thrown) {
    throw failure('PORT_DENIED', denied(path), thrown);
  }
}

function denied(path: string): string {
  const advice = adviceFor(path);
  return advice === '' ? path : `${path}: ${advice}`;
}

/**
 * What a failure to open means. The bindings give text only: sources in @serialport/bindings-cpp
 * src/serialport_unix.cpp and serialport_win.cpp. Windows asks for no right to open a port: there ERROR_ACCESS_DENIED
 * says that somebody has it open.
 */
export function openFailure(path: string, error: Error, platform: string = process.platform): TapcashError {
  const { message } = error;
  if (/cannot lock|busy|temporarily unavailable/i.test(message)) return failure('PORT_IN_USE', path, error);
  if (/permission|access denied/i.test(message))
    return platform === 'win32' ? failure('PORT_IN_USE', path, error) : failure('PORT_DENIED', denied(path), error);
  if (/no such file|file not found/i.test(message)) return failure('PORT_MISSING', path, error);
  return failure('PORT_FAILED', `${path}: ${message}`, error);
}

/** DTR and RTS reset an ESP32 by the usual two transistors; both off lets it run. Ptys have no such lines. */
function releaseReset(device: SerialPort): Promise<void> {
  return new Promise((resolve) => device.set({ dtr: false, rts: false }, () => resolve()));
}

/** What sends bytes at the pace of the line. */
interface Pacer {
  write(bytes: Uint8Array): void;
  stop(): void;
}

/** Splits writes into bursts and spaces them. Exported for its test. */
export function createPacer(options: {
  baud: number;
  burstBytesMax: number;
  scheduler: Scheduler;
  write(bytes: Uint8Array): void;
}): Pacer {
  const { baud, burstBytesMax, scheduler, write } = options;
  let queue: { bytes: Uint8Array; restMs: number }[] = [];
  let freeMs = 0;
  let timer: Timer | null = null;
  function pump(): void {
    timer = null;
    while (queue.length > 0) {
      const waitMs = freeMs - scheduler.nowMs();
      if (waitMs > 0) {
        timer = scheduler.setTimer(pump, waitMs);
        return;
      }
      const { bytes, restMs } = queue.shift()!;
      freeMs = Math.max(freeMs, scheduler.nowMs()) + (bytes.length * 10_000) / baud + restMs;
      write(bytes);
    }
  }
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; at += burstBytesMax) {
        const piece = bytes.slice(at, at + burstBytesMax);
        queue.push({ bytes: piece, restMs: at + burstBytesMax < bytes.length ? BURST_REST_MS : 0 });
      }
      if (timer === null) pump();
    },
    stop() {
      queue = [];
      if (timer !== null) scheduler.clearTimer(timer);
      timer = null;
    },
  };
}
