/** `acts.db` in a data folder: acts that move money, as whoever asks for them keeps them (pending-acts.ts). */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { failure } from '../base/errors.js';
import { openDatabase, type Database } from '../base/sqlite/database.js';

/** Its name. */
export const ACTS_FILE = 'acts.db';
/** Answered acts are kept so long, so that `--id` with another act is refused. */
const ANSWERED_KEPT_S = 90 * 86400;

const MIGRATIONS = [
  `
  CREATE TABLE act (
    id TEXT PRIMARY KEY, -- hexadecimal
    command TEXT NOT NULL, -- with all that it was given, JSON
    begun_s INTEGER NOT NULL,
    answered_s INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX act_open ON act (command, begun_s) WHERE answered_s IS NULL;
  `,
  `
  ALTER TABLE act ADD COLUMN line TEXT; -- the words of the command line, JSON
  ALTER TABLE act ADD COLUMN forgotten TEXT; -- why it is over without an answer
  `,
];

/** An act that was begun. */
export interface Begun {
  id: string;
  /** When the act began that this finishes, Unix time; null for a new one. */
  finishesS: number | null;
  /** Whether it was answered before: its answer comes again. */
  isAnswered: boolean;
}

/** An act without an answer. */
export interface OpenAct {
  id: string;
  /** The command's name, and all that it was given. */
  command: string;
  values: unknown;
  begunS: number;
  /** What finishes it, without id and folder; null for one that an older tapcash began. */
  line: string[] | null;
}

/** The acts of a data folder. */
export interface Acts {
  begin(command: string, options: { id?: string; new?: boolean; line?: string[] }, idBytes: number): Begun;
  /** Those without an answer, oldest first. */
  open(): OpenAct[];
  /** It is over without an answer: somebody says so. @returns whether there was such an act */
  giveUp(id: string, why: string): boolean;
  answer(id: string): void;
  forget(id: string): void;
  close(): void;
}

/** Opens the file. @throws TapcashError DATABASE_* */
export function openActs(dataDir: string): Acts {
  const database: Database = openDatabase(join(dataDir, ACTS_FILE), { migrations: MIGRATIONS });
  const nowS = () => Math.floor(Date.now() / 1000);
  type Row = { id: string; command: string; begunS: number; answeredS: number | null };
  const columns = 'id, command, begun_s AS begunS, answered_s AS answeredS';
  const find = database.prepare<[id: string], Row>(`SELECT ${columns} FROM act WHERE id = ?`);
  const oldest = database.prepare<[command: string], Row>(
    `SELECT ${columns} FROM act WHERE command = ? AND answered_s IS NULL ORDER BY begun_s LIMIT 1`,
  );
  const add = database.prepare('INSERT INTO act (id, command, begun_s, line) VALUES (?, ?, ?, ?)');
  const open = database.prepare<[], Row & { line: string | null }>(
    `SELECT ${columns}, line FROM act INDEXED BY act_open WHERE answered_s IS NULL ORDER BY begun_s, id`,
  );
  const giveUp = database.prepare('UPDATE act SET answered_s = ?, forgotten = ? WHERE id = ? AND answered_s IS NULL');
  const answer = database.prepare('UPDATE act SET answered_s = ? WHERE id = ?');
  const forget = database.prepare('DELETE FROM act WHERE id = ?');
  const prune = database.prepare('DELETE FROM act WHERE answered_s < ?');
  return {
    begin: (command, options, idBytes) =>
      database.transaction(() => {
        prune.run(nowS() - ANSWERED_KEPT_S);
        const known = options.id !== undefined ? find.get(options.id) : options.new ? undefined : oldest.get(command);
        if (known && known.command !== command) throw failure('REQUEST_ID_REUSED', known.id);
        if (known) return { id: known.id, finishesS: known.begunS, isAnswered: known.answeredS !== null };
        const id = options.id ?? toHex(randomBytes(idBytes));
        add.run(id, command, nowS(), options.line ? JSON.stringify(options.line) : null);
        return { id, finishesS: null, isAnswered: false };
      }),
    answer: (id) => void answer.run(nowS(), id),
    open: () =>
      open.all().map(({ id, command, begunS, line }) => {
        const [name, values] = JSON.parse(command) as [string, unknown];
        return { id, command: name, values, begunS, line: line === null ? null : (JSON.parse(line) as string[]) };
      }),
    giveUp: (id, why) => giveUp.run(nowS(), why, id).changes > 0,
    forget: (id) => void forget.run(id),
    close: database.close,
  };
}
