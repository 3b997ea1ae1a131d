/**
 * Work that nobody waits for: what it throws is logged, with its code, and ends nothing. Left out: trying it again,
 * which is for who begins it.
 */
import type { Logger } from 'pino';
import { bodyOfThrown } from './errors.js';

/** Lets it run. @param what for people, in the log */
export function inBackground(work: Promise<unknown>, log: Pick<Logger, 'error'>, what: string): void {
  work.catch((thrown: unknown) => {
    const { code } = bodyOfThrown(thrown);
    log.error({ code, err: code === 'INTERNAL' ? thrown : undefined }, what);
  });
}
