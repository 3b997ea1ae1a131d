/**
 * What the desk keeps, so that a procedure that broke off and is repeated is done once: the request ids of its acts at
 * the issuer's office, on disk before they are used, and the withdrawals whose end it has not seen.
 */
import { ERRORS, EXIT, type Result } from '../../base/errors.js';
import { bytesOf, type Database } from '../../base/sqlite/database.js';
import type { BridgeRow } from '../bridge-store.js';
import { REQUEST_ID_BYTES } from '../../base/services/calls.js';

/** Runs acts under lasting request ids. */
export interface DeskActs {
  /** @param act what is done, in full: the same text is the same act */
  run<T>(act: string, send: (requestId: Uint8Array) => Promise<Result<T>>): Promise<Result<T>>;
  /**
   * A token asks for receipt `next`. Whether that shows that the receipt before it, for the same amount, was taken in a
   * withdrawal whose end was not seen: then that one is done, and nothing new is asked for.
   */
  wasTaken(pku: Uint8Array, next: number, amount: number): boolean;
  /** A withdrawal is about to be asked for. */
  begin(pku: Uint8Array, number: number, amount: number): void;
  /** Its end was seen, good or bad. */
  end(pku: Uint8Array): void;
}

/** How long an unseen end is looked for; after that, the same amount is another withdrawal. */
export const UNSEEN_MAX_S = 600;

/** Makes the acts over the bridge's database. @param random bytes from node:crypto @param nowS Unix time, seconds */
export function createDeskActs(
  database: Database,
  random: (bytes: number) => Uint8Array,
  nowS: () => number,
): DeskActs {
  const add = database.prepare('INSERT INTO desk_act (act, request_id) VALUES (?, ?) ON CONFLICT (act) DO NOTHING');
  const find = database.prepare<[act: string], { requestId: BridgeRow<'desk_act'>['request_id'] }>(
    'SELECT request_id AS requestId FROM desk_act WHERE act = ?',
  );
  const forget = database.prepare('DELETE FROM desk_act WHERE act = ?');
  const begin = database.prepare(
    'INSERT OR REPLACE INTO desk_withdrawal (pku, number, amount, began_s) VALUES (?, ?, ?, ?)',
  );
  const begun = database.prepare<[pku: Uint8Array, number: number, amount: number, beganS: number], { 1: 1 }>(
    'SELECT 1 FROM desk_withdrawal WHERE pku = ? AND number = ? AND amount = ? AND began_s >= ?',
  );
  const end = database.prepare('DELETE FROM desk_withdrawal WHERE pku = ?');
  const seconds = () => Math.floor(nowS());
  return {
    wasTaken: (pku, next, amount) => begun.get(pku, next - 1, amount, seconds() - UNSEEN_MAX_S) !== undefined,
    begin: (pku, number, amount) => void begin.run(pku, number, amount, seconds()),
    end: (pku) => void end.run(pku),
    async run(act, send) {
      database.transaction(() => add.run(act, random(REQUEST_ID_BYTES)));
      const reply = await send(bytesOf(find.get(act)!.requestId));
      // A refusal is the office's last word on this id; what was wrong may be mended, and asked for anew. After
      // anything else, even a reply that made no sense, the act may have been done: the id stays.
      if (!reply.ok && ERRORS[reply.code].exit === EXIT.refused) forget.run(act);
      return reply;
    },
  };
}
