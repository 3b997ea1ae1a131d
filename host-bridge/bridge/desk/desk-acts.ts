/**
 * What the desk keeps, so that an act that broke off and is repeated is done once: each act under its id, on disk
 * before anything is sent for it, with how far it came and, once there is one, with its answer; and the request ids of
 * accounts that it opens at the office.
 *
 * The same id gets the same answer, whatever has happened in between; another act under it is refused by name. Answered
 * acts never merge: who gives no id gets a new one, unless the same act is there without an answer.
 */
import { toHex } from '../../../firmware/core/bytes.js';
import { ERRORS, EXIT, refusal, type Result } from '../../base/errors.js';
import { hexed, type Hexed } from '../../base/hex.js';
import { bytesOf, type Database } from '../../base/sqlite/database.js';
import type { BridgeRow } from '../bridge-store.js';
import { REQUEST_ID_BYTES } from '../../base/services/calls.js';

/** What an act is known by. */
export interface ActCall {
  /** 16 bytes, from whoever asks for it; without: that of the same act without an answer, or a new one. */
  id?: Uint8Array;
  kind: BridgeRow<'act'>['kind'];
  /** All that is asked for. */
  body: object;
  /** Without an id: how long ago it may have begun to be taken up again. Default: any time. */
  unseenMaxS?: number;
}

/** An act under way. */
export interface Act {
  id(): Uint8Array;
  /** How far it came, as it was noted last; null where nothing of it has begun. */
  progress<T extends object>(): T | null;
  /** On disk when this returns: before the step that it is about. */
  note(progress: object): void;
  /** Nothing of it was done. */
  forget(): void;
  /** What was noted belongs to another token. @returns whether this is another act from now on, as nobody named it */
  leave(): boolean;
}

/** Runs acts under lasting ids. */
export interface DeskActs {
  /** An act of the office, with an id of its own. @param act what is done, in full: the same text is the same act */
  run<T>(act: string, send: (requestId: Uint8Array) => Promise<Result<T>>): Promise<Result<T>>;
  /**
   * One act: its stored answer, or what `procedure` comes to. Codes: BAD_REQUEST, REQUEST_ID_REUSED.
   * @param isAnswer whether what it came to is its end
   * @param thaw the stored answer with bytes in place of hexadecimal
   */
  once<T extends object>(
    call: ActCall,
    procedure: (act: Act) => Promise<Result<T>>,
    thaw: (stored: Hexed<T>) => T,
    isAnswer?: (done: T) => boolean,
  ): Promise<Result<T>>;
  /** The other act without an answer whose progress is `about` the same. */
  other(act: Act, kind: ActCall['kind'], about: string): { answer(done: object): void; forget(): void } | null;
  /** Whether anything of an act has begun here, and whether it has its answer. @param id 16 bytes */
  stateOf(id: Uint8Array): 'unknown' | 'open' | 'answered';
}

/** How long a withdrawal's unseen end is looked for without an id; after that, the same amount is another one. */
export const UNSEEN_MAX_S = 600;

function statementsOf(database: Database) {
  return {
    addAct: database.prepare('INSERT INTO desk_act (act, request_id) VALUES (?, ?) ON CONFLICT (act) DO NOTHING'),
    findAct: database.prepare<[act: string], { requestId: BridgeRow<'desk_act'>['request_id'] }>(
      'SELECT request_id AS requestId FROM desk_act WHERE act = ?',
    ),
    forgetAct: database.prepare('DELETE FROM desk_act WHERE act = ?'),
    find: database.prepare<[id: Uint8Array], BridgeRow<'act'>>('SELECT * FROM act WHERE id = ?'),
    open: database.prepare<[kind: string, body: string, sinceS: number], Pick<BridgeRow<'act'>, 'id'>>(
      'SELECT id FROM act WHERE kind = ? AND body = ? AND begun_s >= ? AND answer IS NULL ORDER BY begun_s LIMIT 1',
    ),
    same: database.prepare<[kind: string, about: string, id: Uint8Array], Pick<BridgeRow<'act'>, 'id'>>(
      `SELECT id FROM act WHERE kind = ? AND json_extract(progress, '$.about') = ? AND id <> ? AND answer IS NULL LIMIT 1`,
    ),
    note: database.prepare(`INSERT INTO act (id, kind, body, begun_s, progress) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET progress = excluded.progress`),
    answer: database.prepare(`INSERT INTO act (id, kind, body, begun_s, progress, answer) VALUES (?, ?, ?, ?, '{}', ?)
    ON CONFLICT (id) DO UPDATE SET answer = excluded.answer`),
    answerOther: database.prepare('UPDATE act SET answer = ? WHERE id = ?'),
    forget: database.prepare('DELETE FROM act WHERE id = ? AND answer IS NULL'),
  };
}

/** Makes the acts over the bridge's database. @param random bytes from node:crypto @param nowS Unix time, seconds */
export function createDeskActs(
  database: Database,
  random: (bytes: number) => Uint8Array,
  nowS: () => number,
): DeskActs {
  const { addAct, findAct, forgetAct, find, open, same, note, answer, answerOther, forget } = statementsOf(database);
  const seconds = () => Math.floor(nowS());
  const frozen = (done: object) => JSON.stringify(hexed(done));
  return {
    async run(act, send) {
      database.transaction(() => addAct.run(act, random(REQUEST_ID_BYTES)));
      const reply = await send(bytesOf(findAct.get(act)!.requestId));
      // A refusal is the office's last word on this id; what was wrong may be mended, and asked for anew. After
      // anything else, even a reply that made no sense, the act may have been done: the id stays.
      if (!reply.ok && ERRORS[reply.code].exit === EXIT.refused) forgetAct.run(act);
      return reply;
    },

    async once({ id: given, kind, body, unseenMaxS }, procedure, thaw, isAnswer = () => true) {
      if (given && given.length !== REQUEST_ID_BYTES) return refusal('BAD_REQUEST', "the act's id");
      const text = JSON.stringify(body);
      const sinceS = unseenMaxS === undefined ? 0 : seconds() - unseenMaxS;
      let id = given ?? bytesOf(open.get(kind, text, sinceS)?.id ?? null) ?? random(REQUEST_ID_BYTES);
      const known = find.get(id);
      if (known && (known.kind !== kind || known.body !== text)) return refusal('REQUEST_ID_REUSED', toHex(id));
      if (known?.answer)
        return { ok: true, ...thaw(JSON.parse(known.answer) as Parameters<typeof thaw>[0]) } as Awaited<
          ReturnType<typeof procedure>
        >;
      const done = await procedure({
        id: () => id,
        progress<T>() {
          const stored = find.get(id)?.progress;
          return stored === undefined ? null : (JSON.parse(stored) as T);
        },
        note: (progress) => void note.run(id, kind, text, seconds(), JSON.stringify(progress)),
        forget: () => void forget.run(id),
        leave() {
          if (given) return false;
          id = random(REQUEST_ID_BYTES);
          return true;
        },
      });
      if (!done.ok) return done;
      const { ok: _, ...fields } = done;
      if (isAnswer(done)) answer.run(id, kind, text, seconds(), frozen(fields));
      return done;
    },

    other(act, kind, about) {
      const id = bytesOf(same.get(kind, about, act.id())?.id ?? null);
      return id && { answer: (done) => void answerOther.run(frozen(done), id), forget: () => void forget.run(id) };
    },

    stateOf(id) {
      const row = find.get(id);
      if (!row) return 'unknown';
      return row.answer === null ? 'open' : 'answered';
    },
  };
}
