/** Events for a page, as Server-Sent Events: a message for each batch of them, and a line while nothing happens. */
import type { FastifyReply } from 'fastify';

/** A line to say that the connection is good. */
const ALIVE_MS = 5_000;

export interface EventStreamOptions {
  /** A page that reads no more is let go; it comes back and is told everything anew. */
  unreadBytesMax: number;
  /** With each line that says that the connection is good. */
  onAlive?(): void;
  /** The page has gone. */
  onClose(): void;
}

/** Opens it. @returns what tells the page some events */
export function openEventStream(
  reply: FastifyReply,
  { unreadBytesMax, onAlive, onClose }: EventStreamOptions,
): (events: unknown[]) => void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  raw.flushHeaders();
  const alive = setInterval(() => {
    raw.write(': alive\n\n');
    onAlive?.();
  }, ALIVE_MS);
  raw.on('close', () => {
    clearInterval(alive);
    onClose();
  });
  return (events) => {
    if (raw.writableLength > unreadBytesMax) raw.destroy();
    else raw.write(`data: ${JSON.stringify(events)}\n\n`);
  };
}
