/**
 * A port that somebody chose in a browser (Web Serial) as the serial device that flashing speaks to
 * (host-bridge/serial/device.ts).
 */
import { failure } from '../../base/errors.js';
import type { BoardPort } from '../../serial/port.js';
import type { SerialDevice } from '../../serial/device.js';
import { BOARD_BAUD } from '../../serial/board-line.js';

/** Chrome's own default of 255 bytes loses some at the loader's speeds. */
const BUFFER_BYTES = 16 * 1024;
const PATH = 'the port that you chose';

async function writeTo({ writable }: SerialPort, bytes: Uint8Array): Promise<void> {
  if (!writable) throw failure('LINK_LOST', PATH);
  const writer = writable.getWriter();
  try {
    await writer.write(bytes as Uint8Array<ArrayBuffer>);
  } catch (thrown) {
    throw failure('LINK_LOST', `${PATH}: ${(thrown as Error).message}`, thrown);
  } finally {
    writer.releaseLock();
  }
}

/** The port's USB ids. */
function usbOf(port: SerialPort): SerialDevice['usb'] {
  const { usbVendorId, usbProductId } = port.getInfo();
  return {
    ...(usbVendorId === undefined ? {} : { vendorId: usbVendorId }),
    ...(usbProductId === undefined ? {} : { productId: usbProductId }),
  };
}

/** Wraps a port that is closed. */
export function createWebDevice(port: SerialPort): SerialDevice {
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  let reading: Promise<void> = Promise.resolve();

  async function read(from: ReadableStream<Uint8Array>): Promise<void> {
    const own = (reader = from.getReader());
    try {
      for (;;) {
        const { value, done } = await own.read();
        if (done) return;
        device.onData?.(value);
      }
    } catch (thrown) {
      // The cable was pulled, or the system took the port away.
      if (reader === own) lose(thrown as Error);
    } finally {
      own.releaseLock();
    }
  }

  function lose(why: Error): void {
    reader = null;
    device.onLost?.(failure('LINK_LOST', `${PATH}: ${why.message}`, why));
  }

  const device: SerialDevice = {
    path: PATH,
    usb: usbOf(port),
    onData: null,
    onLost: null,
    async open(baudRate) {
      try {
        await port.open({ baudRate, bufferSize: BUFFER_BYTES });
      } catch (thrown) {
        throw failure('PORT_FAILED', `${PATH}: ${(thrown as Error).message}`, thrown);
      }
      reading = read(port.readable!);
    },
    async close() {
      const open = reader;
      if (!open) return;
      reader = null;
      await open.cancel().catch(() => undefined);
      await reading;
      await port.close().catch(() => undefined);
    },
    async write(bytes) {
      if (!reader) throw failure('LINK_LOST', PATH);
      await writeTo(port, bytes);
    },
    /** Web Serial has no other way than to close and open. */
    async setBaud(baud) {
      await device.close();
      await device.open(baud);
    },
    setSignals: ({ dtr, rts }) =>
      port.setSignals({ dataTerminalReady: dtr, requestToSend: rts }).then(
        () => true,
        () => false,
      ),
  };
  return device;
}

/** The port again, for the link to a terminal that runs. */
export async function openWebPort(port: SerialPort): Promise<BoardPort> {
  const device = createWebDevice(port);
  await device.open(BOARD_BAUD);
  const opened: BoardPort = {
    path: PATH,
    write: (bytes) => void device.write(bytes).catch(() => undefined),
    onData: null,
    onLost: null,
    close: () => device.close(),
  };
  device.onData = (bytes) => opened.onData?.(bytes);
  device.onLost = (why) => opened.onLost?.(why);
  return opened;
}
