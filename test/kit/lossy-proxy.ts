/** An HTTP connection that is lost where a test says: before the request arrives, or the reply, whole or in part. */
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a connection is lost: nothing arrives; all is done and no word comes back; half of the reply comes back. */
export const CUTS = ['request', 'reply', 'half a reply'] as const;
export type Cut = (typeof CUTS)[number];

/** A proxy before one service. */
export interface LossyProxy {
  url: string;
  /** Base URL of the service. */
  target: string;
  /** How the next connections to a path are lost; null: they are not. */
  cut: ((path: string) => Cut | null) | null;
  close(): Promise<void>;
}

const bodyOf = async (from: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of from) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

/** Starts a proxy. @param target base URL of the service */
export async function startLossyProxy(target: string): Promise<LossyProxy> {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const cut = proxy.cut?.(incoming.url!) ?? null;
      const body = await bodyOf(incoming);
      if (cut === 'request') return void incoming.socket.destroy();
      const { headers, method } = incoming;
      const sent = httpRequest(proxy.target + incoming.url, { method, headers, agent: false });
      sent.on('error', () => incoming.socket.destroy());
      sent.on('response', (reply) => {
        void bodyOf(reply).then((answer) => {
          if (cut === 'reply') return void incoming.socket.destroy();
          const { 'transfer-encoding': _, ...said } = reply.headers;
          outgoing.writeHead(reply.statusCode!, { ...said, 'content-length': answer.length });
          if (cut === null) return void outgoing.end(answer);
          outgoing.write(answer.subarray(0, answer.length >> 1), () => incoming.socket.destroy());
        });
      });
      sent.end(body);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: LossyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target,
    cut: null,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
