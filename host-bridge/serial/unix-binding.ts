/**
 * node-serialport's binding with one correction: a port that hung up is reported as gone.
 *
 * On Linux and macOS a read of 0 bytes means that the device was unplugged (read(2), end of file; ports are opened with
 * VMIN 1 and O_NONBLOCK, where "nothing yet" is EAGAIN). The binding asks again at once and for ever, which takes a
 * whole processor and all memory: github.com/serialport/bindings-cpp, issue 162. Windows is left as it is.
 */
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { SerialPort } from 'serialport';

const readAsync = promisify(read);

/** What the unix bindings have beside their interface (bindings-cpp, dist/linux.js and darwin.js). */
interface UnixPort {
  fd: number | null;
  poller: { once(event: 'readable', callback: (error: Error | null) => void): unknown };
  read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }>;
}

function isUnixPort(port: unknown): port is UnixPort {
  const { fd, poller } = port as Partial<UnixPort>;
  return typeof fd === 'number' && typeof poller?.once === 'function';
}

const WAIT_CODES = ['EAGAIN', 'EWOULDBLOCK', 'EINTR'];

/** Reads at least one byte, as the binding's interface asks. */
async function readSome(
  port: UnixPort,
  buffer: Buffer,
  offset: number,
  length: number,
): Promise<{ buffer: Buffer; bytesRead: number }> {
  const checkOpen = () => {
    if (port.fd === null) throw Object.assign(new Error('the port is closed'), { canceled: true });
    return port.fd;
  };
  for (;;) {
    const fd = checkOpen();
    try {
      const { bytesRead } = await readAsync(fd, buffer, offset, length, null);
      if (bytesRead > 0) return { buffer, bytesRead };
    } catch (thrown) {
      if (!WAIT_CODES.includes((thrown as NodeJS.ErrnoException).code ?? ''))
        throw Object.assign(thrown as Error, { disconnect: true });
      checkOpen(); // a poller of a closed port crashes the process
      await new Promise<void>((resolve, reject) =>
        port.poller.once('readable', (error) => (error ? reject(error) : resolve())),
      );
      continue;
    }
    throw Object.assign(new Error('the device hung up'), { disconnect: true });
  }
}

/** For the `binding` option of `SerialPort`. */
export const binding = {
  list: () => SerialPort.binding.list(),
  async open(options: Parameters<typeof SerialPort.binding.open>[0]) {
    const port = await SerialPort.binding.open(options as never); // one of three systems, and its options
    if (isUnixPort(port)) port.read = (buffer, offset, length) => readSome(port, buffer, offset, length);
    return port;
  },
};
