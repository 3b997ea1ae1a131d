/**
 * The people of a running demo for other processes of the same user: hold a token to the reader, press its button, end.
 *
 * On 127.0.0.1 only; address and a random token stand in `demo.json` of the data folder, readable by its owner alone.
 */
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../base/log.js';
import { createHttpServer, listen } from '../http/http-server.js';
import { CLIENT_TIMEOUT_MS, PEOPLE_FILE, type People } from './demo-client.js';

const VERBS = ['tap', 'press', 'stop'] as const;

/** Opens the address. @returns what ends it */
export async function startPeople(dataDir: string, people: People): Promise<() => Promise<void>> {
  const token = randomBytes(32).toString('hex');
  const app = createHttpServer({ log: silentLog(), token, heldMs: CLIENT_TIMEOUT_MS });
  const path = join(dataDir, PEOPLE_FILE);
  const schema = {
    body: {
      type: 'object',
      additionalProperties: false,
      required: ['token'],
      properties: { token: { type: 'string', maxLength: 64 } },
    },
  };
  for (const verb of VERBS)
    app.post(`/${verb}`, { schema }, async (request) => people[verb]((request.body as { token: string }).token));
  const port = await listen(app, '127.0.0.1', 0);
  writeFileSync(path, JSON.stringify({ url: `http://127.0.0.1:${port}`, token }), { mode: 0o600 });
  return async () => {
    rmSync(path, { force: true });
    await app.close();
  };
}
