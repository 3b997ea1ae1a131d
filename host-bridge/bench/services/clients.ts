/**
 * The clients of `tapcash bench --services`: requests that were made before, over connections that stay open, each
 * client with one request at a time; who is told to come again does. They do as little as they can: they share the
 * cores with what is measured.
 */
import { connect, type Socket } from 'node:net';

/** What a number of clients got done. */
export interface Round {
  /** Requests that were answered by 200. */
  done: number;
  seconds: number;
  /** Of each request, ascending; with the waits of who was told to come again. */
  latenciesMs: Float64Array;
  /** CPU time of the clients. */
  cpuUs: number;
}

/** After this who was told to come again does. */
const BUSY_PAUSE_MS = 50;

/** A POST, ready to be sent. */
export function postOf(path: string, body: string): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    'latin1',
  );
}

/** One connection. */
class Client {
  private received = '';
  private settle: { resolve(isDone: boolean): void; reject(error: Error): void } | null = null;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.take(text));
    socket.on('error', (error) => this.settle?.reject(error));
    socket.on('close', () => this.settle?.reject(new Error('a connection ended')));
  }

  static open(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Client(socket)));
      socket.once('error', reject);
    });
  }

  /** @returns false: too many wait there, and nothing was taken */
  ask(request: Buffer): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.socket.write(request);
    });
  }

  end(): void {
    this.settle = null;
    this.socket.destroy();
  }

  private take(text: string): void {
    this.received += text;
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const bytes = Number(/\r\ncontent-length: ([0-9]+)/i.exec(this.received.slice(0, headEnd))?.[1]);
    if (this.received.length < headEnd + 4 + bytes) return;
    const status = this.received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length);
    const answer = this.received;
    this.received = '';
    if (status === '200' || status === '503') this.settle?.resolve(status === '200');
    else this.settle?.reject(new Error(`an answer that is none: ${answer.slice(0, 400)}`));
  }
}

/**
 * Sends requests for so many seconds, or until there are no more.
 * @param ports of the processes that clients are spread over
 */
export async function runClients(
  ports: number[],
  clients: number,
  requests: Iterator<Buffer>,
  seconds: number,
): Promise<Round> {
  const open = await Promise.all(Array.from({ length: clients }, (_, i) => Client.open(ports[i % ports.length]!)));
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1000;
  let lastMs = beganMs;
  await Promise.all(
    open.map(async (client) => {
      while (performance.now() < endMs) {
        const next = requests.next();
        if (next.done) return;
        const sentMs = performance.now();
        while (!(await client.ask(next.value))) {
          if (performance.now() >= endMs) return;
          await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
        }
        lastMs = performance.now();
        latencies.push(lastMs - sentMs);
      }
    }),
  );
  const { user, system } = process.cpuUsage(cpu);
  open.forEach((client) => client.end());
  return {
    done: latencies.length,
    seconds: (lastMs - beganMs) / 1000,
    latenciesMs: Float64Array.from(latencies).sort(),
    cpuUs: user + system,
  };
}

/** The value below which a share of sorted values lies; null: there are none. */
export function quantile(sorted: Float64Array, share: number): number | null {
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
