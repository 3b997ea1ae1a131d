/** Asks the people of a running demo, from another process of the same user. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrorCode, refusal, type ErrorCode, type Result } from '../base/errors.js';

/** Name of the file with the demo's address and token, in its data folder. */
export const PEOPLE_FILE = 'demo.json';
/** Longest time that the client waits for what people do. */
export const CLIENT_TIMEOUT_MS = 150_000;

/** What people can do. */
export interface People {
  /** Holds a token to the reader until the terminal has said something. @returns its word */
  tap(token: string): Promise<{ result: string }>;
  press(token: string): Promise<{ result: string }>;
  stop(): Promise<{ result: string }>;
}

/** Asks the people of the demo that runs with this data folder. */
export async function askPeople(
  dataDir: string,
  verb: keyof People,
  token: string,
): Promise<Result<{ result: string }>> {
  let place: { url: string; token: string };
  try {
    place = JSON.parse(readFileSync(join(dataDir, PEOPLE_FILE), 'utf8')) as typeof place;
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
