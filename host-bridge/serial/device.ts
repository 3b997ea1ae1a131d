/**
 * A serial device with its speed and its control lines: what flashing needs beyond the bytes of port.ts.
 *
 * Two kinds: a device or pty of the system (node-serialport), and an emulated one (host-bridge/emulator/esp-board.ts).
 * A pty has neither a speed nor control lines; both are then without effect, and `setSignals` says so.
 */
import { SerialPort } from 'serialport';
import { failure, type TapcashError } from '../base/errors.js';
import { checkPath, openFailure } from './port.js';
import { createPortFinder, type ListedPort, type PortView } from './port-identity.js';
import { binding } from './unix-binding.js';

/**
 * Lines that the usual circuit of two transistors turns into EN and IO0 of an ESP32. Always both: `set` of
 * node-serialport switches a line on that is not named (@serialport/stream, defaultSetFlags).
 */
export interface Signals {
  dtr: boolean;
  rts: boolean;
}

/** A serial device, closed until `open`. */
export interface SerialDevice {
  /** Where it was opened last; a replug may have given it another number. */
  readonly path: string;
  /** USB ids of the converter, where the system knows them. */
  readonly usb: { vendorId?: number; productId?: number };
  /** @throws TapcashError PORT_MISSING, PORT_DENIED, PORT_IN_USE, PORT_FAILED */
  open(baud: number): Promise<void>;
  /** May be called twice. */
  close(): Promise<void>;
  /** Resolves when the system has taken the bytes. @throws TapcashError LINK_LOST */
  write(bytes: Uint8Array): Promise<void>;
  /** Changes the speed of an open device. */
  setBaud(baud: number): Promise<void>;
  /** @returns false where there are no such lines */
  setSignals(signals: Signals): Promise<boolean>;
  /** Receives what comes; bytes are lost until it is set. */
  onData: ((bytes: Uint8Array) => void) | null;
  /** Called once, when the device is gone without `close`. */
  onLost: ((why: TapcashError) => void) | null;
}

/** USB ids as `SerialPort.list()` has them: hexadecimal text. */
function usbOf(info: ListedPort | undefined): SerialDevice['usb'] {
  return {
    ...(info?.vendorId ? { vendorId: parseInt(info.vendorId, 16) } : {}),
    ...(info?.productId ? { productId: parseInt(info.productId, 16) } : {}),
  };
}

/** The system's device of that path, or of a link to it; after a replug, wherever it is then. */
export async function createSerialDevice(given: string, view?: PortView): Promise<SerialDevice> {
  const finder = createPortFinder(given, view);
  let path = await finder.find();
  let port: SerialPort | null = null;

  function attach(opened: SerialPort): void {
    port = opened;
    const lost = (error: Error | null): void => {
      if (port !== opened) return;
      port = null;
      if (opened.isOpen) opened.close(() => undefined);
      device.onLost?.(failure('LINK_LOST', `${path}${error ? `: ${error.message}` : ''}`, error ?? undefined));
    };
    opened.on('data', (bytes: Buffer) => port === opened && device.onData?.(new Uint8Array(bytes)));
    opened.on('error', lost);
    opened.on('close', lost);
  }

  const device: SerialDevice = {
    get path() {
      return path;
    },
    get usb() {
      return usbOf(finder.known);
    },
    onData: null,
    onLost: null,
    async open(baud) {
      path = await finder.find();
      await checkPath(path);
      const opening = new SerialPort({
        path,
        baudRate: baud,
        autoOpen: false,
        lock: true,
        hupcl: false,
        binding,
      } as ConstructorParameters<typeof SerialPort>[0]);
      await new Promise<void>((resolve, reject) =>
        opening.open((error) => (error ? reject(openFailure(path, error)) : resolve())),
      );
      attach(opening);
    },
    async close() {
      const closing = port;
      port = null;
      if (closing?.isOpen) await new Promise<void>((resolve) => closing.close(() => resolve()));
    },
    write(bytes) {
      const open = port;
      if (!open) return Promise.reject(failure('LINK_LOST', path));
      return new Promise((resolve, reject) => {
        const failed = (error: Error) => reject(failure('LINK_LOST', `${path}: ${error.message}`, error));
        open.write(Buffer.from(bytes), (error) => error && failed(error));
        open.drain((error) => (error ? failed(error) : resolve()));
      });
    },
    setBaud(baudRate) {
      const open = port;
      return new Promise((resolve, reject) =>
        open
          ? open.update({ baudRate }, (error) =>
              error ? reject(failure('PORT_FAILED', `${path}: ${error.message}`, error)) : resolve(),
            )
          : reject(failure('LINK_LOST', path)),
      );
    },
    setSignals(signals) {
      const open = port;
      return new Promise((resolve) => (open ? open.set(signals, (error) => resolve(!error)) : resolve(false)));
    },
  };
  return device;
}
