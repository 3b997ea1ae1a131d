/** `acts.db` in a data folder: acts that move money, as whoever asks for them keeps them (pending-acts.ts). */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { failure } from '../base/errors.js';
import { openDatabase, type Database } from '../base/sqlite/database.js';

const FILE = 'acts.db';
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
];

/** An act that was begun. */
export interface Begun {
  id: string;
  /** When the act began that this finishes, Unix time; null for a new one. */
  finishesS: number | null;
}

/** The acts of a data folder. */
export interface Acts {
  begin(command: string, options: { id?: string; new?: boolean }, idBytes: number): Begun;
  answer(id: string): void;
  forget(id: string): void;
  close(): void;
}

/** Opens the file. @throws TapcashError DATABASE_* */
export function openActs(dataDir: string): Acts {
  const database: Database = openDatabase(join(dataDir, FILE), { migrations: MIGRATIONS });
  const nowS = () => Math.floor(Date.now() / 1000);
  type Row = { id: string; command: string; begunS: number; answeredS: number | null };
  const columns = 'id, command, begun_s AS begunS, answered_s AS answeredS';
  const find = database.prepare<[id: string], Row>(`SELECT ${columns} FROM act WHERE id = ?`);
  const oldest = database.prepare<[command: string], Row>(
    `SELECT ${columns} FROM act WHERE command = ? AND answered_s IS NULL ORDER BY begun_s LIMIT 1`,
  );
  const add = database.prepare('INSERT INTO act (id, command, begun_s) VALUES (?, ?, ?)');
  const answer = database.prepare('UPDATE act SET answered_s = ? WHERE id = ?');
  const forget = database.prepare('DELETE FROM act WHERE id = ?');
  const prune = database.prepare('DELETE FROM act WHERE answered_s < ?');
  return {
    begin: (command, options, idBytes) =>
      database.transaction(() => {
        prune.run(nowS() - ANSWERED_KEPT_S);
        const known = options.id !== undefined ? find.get(options.id) : options.new ? undefined : oldest.get(command);
        if (known && known.command !== command) throw failure('REQUEST_ID_REUSED', known.id);
        if (known) return { id: known.id, finishesS: known.begunS };
        const id = options.id ?? toHex(randomBytes(idBytes));
        add.run(id, command, nowS());
        return { id, finishesS: null };
      }),
    answer: (id) => void answer.run(nowS(), id),
    forget: (id) => void forget.run(id),
    close: database.close,
  };
}
