/**
 * The desk's acts at the issuer's office, each under a request id that is on disk before it is used: a procedure that
 * broke off and is repeated is the same act, and puts no money in twice.
 */
import { ERRORS, EXIT, type Result } from '../errors.js';
import { bytesOf, type Database } from '../ledger/sqlite.js';
import { REQUEST_ID_BYTES } from './services.js';

/** Runs acts under lasting request ids. */
export interface DeskActs {
  /** @param act what is done, in full: the same text is the same act */
  run<T>(act: string, send: (requestId: Uint8Array) => Promise<Result<T>>): Promise<Result<T>>;
}

/** Makes the acts over the bridge's database. @param random bytes from node:crypto */
export function createDeskActs(database: Database, random: (bytes: number) => Uint8Array): DeskActs {
  const add = database.prepare('INSERT INTO desk_act (act, request_id) VALUES (?, ?) ON CONFLICT (act) DO NOTHING');
  const find = database.prepare('SELECT request_id AS requestId FROM desk_act WHERE act = ?');
  const forget = database.prepare('DELETE FROM desk_act WHERE act = ?');
  return {
    async run(act, send) {
      database.transaction(() => add.run(act, random(REQUEST_ID_BYTES)));
      const reply = await send(bytesOf((find.get(act) as { requestId: Buffer }).requestId));
      // A refusal is the office's last word on this id; what was wrong may be mended, and asked for anew. After anything
      // else, even a reply that made no sense, the act may have been done: the id stays.
      if (!reply.ok && ERRORS[reply.code].exit === EXIT.refused) forget.run(act);
      return reply;
    },
  };
}
