import type { Result } from '../../host-bridge/base/errors.js';
import { codeOf } from './people.js';

/** How long a client of a test waits for a service, in ms: nobody gives up because the machine is busy. */
export const PATIENT_MS = 600_000;

/** How often a call is made that no service answered. */
const TRIES = 50;

/**
 * The same call again while no service answers: a busy machine is late with new connections, for which the client of
 * Node has a limit of its own (10 s).
 */
export async function answered<T extends Result<unknown>>(call: () => Promise<T>): Promise<T> {
  let reply = await call();
  for (let tries = 1; tries < TRIES && ['SERVICE_DOWN', 'SERVICE_SILENT'].includes(codeOf(reply)); tries++)
    reply = await call();
  return reply;
}
