/**
 * A serial device in the shape of the Web Serial API, which is what esptool-js talks to: open, close, readable,
 * writable, setSignals, getInfo.
 *
 * Left out: what esptool-js does not ask for (forget, events, parity, flow control).
 */
import type { SerialDevice } from '../../host-bridge/serial/device.js';

/** The part of Web Serial's `SerialPort` in use. */
export interface WebSerialPort {
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  open(options: { baudRate: number }): Promise<void>;
  close(): Promise<void>;
  setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean }): Promise<void>;
  /** Not of Web Serial: esptool-js uses it where it is there, instead of closing and opening again. */
  setBaudRate(baud: number): Promise<void>;
  getInfo(): { usbVendorId?: number; usbProductId?: number };
}

/** Wraps a device that is closed. Its `onData` belongs to the wrapper while it is open; `onLost` is told on. */
export function createWebSerial(device: SerialDevice): WebSerialPort {
  let readable: ReadableStream<Uint8Array> | null = null;
  let writable: WritableStream<Uint8Array> | null = null;
  const tellLost = device.onLost;
  // Web Serial leaves a line that is not named as it was, a device's `setSignals` wants both.
  let lines = { dtr: true, rts: true };

  return {
    get readable() {
      return readable;
    },
    get writable() {
      return writable;
    },
    async open({ baudRate }) {
      await device.open(baudRate);
      lines = { dtr: true, rts: true }; // as the system opens a port
      let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
      readable = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
      writable = new WritableStream<Uint8Array>({ write: (bytes) => device.write(bytes) });
      device.onData = (bytes) => controller?.enqueue(bytes);
      device.onLost = (why) => {
        controller?.error(why);
        controller = null;
        readable = writable = null;
        tellLost?.(why);
      };
    },
    async close() {
      device.onData = null;
      device.onLost = tellLost;
      readable = writable = null;
      await device.close();
    },
    async setSignals({ dataTerminalReady, requestToSend }) {
      lines = { dtr: dataTerminalReady ?? lines.dtr, rts: requestToSend ?? lines.rts };
      await device.setSignals(lines);
    },
    setBaudRate: (baud) => device.setBaud(baud),
    getInfo: () => ({
      ...(device.usb.vendorId === undefined ? {} : { usbVendorId: device.usb.vendorId }),
      ...(device.usb.productId === undefined ? {} : { usbProductId: device.usb.productId }),
    }),
  };
}
