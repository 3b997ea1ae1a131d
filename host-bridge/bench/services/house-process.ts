/**
 * A process of `tapcash bench --services`: a house that takes deposits, or a server that takes the same bodies and only
 * answers. Its settings come as the first message; it answers with its port, and then with the CPU time that it took,
 * whenever it is asked.
 */
import fastify from 'fastify';
import { startIssuer } from '../../services/start.js';

/** What a process is to be. */
export type HouseSettings =
  | { kind: 'house'; dataDir: string; registrarKey: string; bodyBytesMax?: undefined }
  | { kind: 'empty'; bodyBytesMax: number };

/** What it says. */
export type HouseMessage = { port: number } | { cpuUs: number };

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

async function start(settings: HouseSettings): Promise<{ port: number; close(): Promise<void> }> {
  if (settings.kind === 'house')
    return startIssuer({
      dataDir: settings.dataDir,
      registrarKey: new Uint8Array(Buffer.from(settings.registrarKey, 'hex')),
      operatorKeys: [],
    });
  const app = fastify({ bodyLimit: settings.bodyBytesMax });
  app.post('/*', async () => ({ ok: true }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { port: (app.server.address() as { port: number }).port, close: () => app.close() };
}

const say = (message: HouseMessage): void => void process.send!(message);

async function main(settings: HouseSettings): Promise<void> {
  const running = await start(settings);
  const end = async (): Promise<void> => {
    await running.close();
    process.exit(0);
  };
  process.on('message', () => say({ cpuUs: cpuUs() }));
  process.once('disconnect', () => {
    end().catch(fail);
  });
  say({ port: running.port });
}

function fail(thrown: unknown): void {
  process.stderr.write(`${String(thrown)}\n`);
  process.exit(1);
}

process.once('message', (settings: HouseSettings) => {
  main(settings).catch(fail);
});
