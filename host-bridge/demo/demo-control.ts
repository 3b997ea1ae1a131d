/**
 * The people of a running demo for other processes of the same user: hold a token to the reader, press its button, end.
 *
 * On 127.0.0.1 only; address and a random token stand in `demo.json` of the data folder, readable by its owner alone.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fastify from 'fastify';
import { bodyOfThrown, ERRORS, failure, isErrorCode, refusal, type ErrorCode, type Result } from '../base/errors.js';
import { listen } from '../http/service.js';

const CONTROL_FILE = 'demo.json';
const CLIENT_TIMEOUT_MS = 150_000;

/** What people can do. */
export interface People {
  /** Holds a token to the reader until the terminal has said something. @returns its word */
  tap(token: string): Promise<{ result: string }>;
  press(token: string): Promise<{ result: string }>;
  stop(): Promise<{ result: string }>;
}

const VERBS = ['tap', 'press', 'stop'] as const;

/** Opens the address. @returns what ends it */
export async function startPeople(dataDir: string, people: People): Promise<() => Promise<void>> {
  const token = randomBytes(32).toString('hex');
  const expected = Buffer.from(`Bearer ${token}`);
  const app = fastify({ logger: false });
  const path = join(dataDir, CONTROL_FILE);
  app.addHook('onRequest', async (request) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw failure('CONTROL_DENIED');
  });
  app.setErrorHandler((thrown, _request, reply) => {
    const body = bodyOfThrown(thrown);
    return reply.status(isErrorCode(body.code) ? ERRORS[body.code].http : 500).send(body);
  });
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

/** Asks the people of the demo that runs with this data folder. */
export async function askPeople(
  dataDir: string,
  verb: keyof People,
  token: string,
): Promise<Result<{ result: string }>> {
  let place: { url: string; token: string };
  try {
    place = JSON.parse(readFileSync(join(dataDir, CONTROL_FILE), 'utf8')) as typeof place;
  } catch {
    return refusal('SERVICE_DOWN', `no demo runs with the data folder ${dataDir}: npm start`);
  }
  try {
    const response = await fetch(`${place.url}/${verb}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${place.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
      signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
    });
    const reply = (await response.json()) as { result?: string; code?: string; message?: string };
    if (response.status === 200 && reply.result) return { ok: true, result: reply.result };
    return refusal(
      isErrorCode(reply.code) ? (reply.code as ErrorCode) : 'REPLY_INVALID',
      /\((.*)\)$/.exec(reply.message ?? '')?.[1],
    );
  } catch {
    return refusal('SERVICE_DOWN', `no demo answers at ${place.url}`);
  }
}
