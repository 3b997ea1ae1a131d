/** A TCP connection that is cut after any byte, counted over both directions: nothing of HTTP is known to it. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A proxy before one service. */
export interface ByteProxy {
  url: string;
  /** Bytes that passed since `cutAfter`. */
  passed(): number;
  /** Both ends of the next connections are cut, once, when so many bytes have passed; null: never. */
  cutAfter(bytes: number | null): void;
  close(): Promise<void>;
}

/** Starts one. @param target base URL of the service */
export async function startByteProxy(target: string): Promise<ByteProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let passed = 0;
  let left: number | null = null;

  /** Passes what may pass; the last byte of it arrives before the connection ends. */
  function pass(from: Socket, to: Socket): void {
    from.on('data', (data: Buffer) => {
      const part = left === null ? data : data.subarray(0, left);
      passed += part.length;
      const isCut = left !== null && part.length === left;
      if (left !== null) left -= part.length;
      if (!isCut) return void to.write(part);
      left = null;
      to.write(part, () => {
        to.destroy();
        from.destroy();
      });
    });
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }

  const server = createServer((client) => {
    const service = connect(Number(port), hostname);
    for (const socket of [client, service]) {
      socket.setNoDelay(true);
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    }
    pass(client, service);
    pass(service, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: () => passed,
    cutAfter(bytes) {
      passed = 0;
      left = bytes;
    },
    async close() {
      open.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
