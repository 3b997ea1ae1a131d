/**
 * Acts that move money, as whoever asks for them keeps them: `acts.db` in the data folder, on disk before the first
 * try.
 *
 * An act has an id. Bridge and houses do it once for each id, and give the same answer again (desk-acts.ts,
 * operator-requests.ts). So an act without an answer is kept here, and the same command finishes it under its id and
 * says so. One that was answered is over: the same command is another act then.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { toHex } from '../../firmware/core/bytes.js';
import { ERRORS, EXIT, failure, isFailure, type ErrorCode, type Result } from '../base/errors.js';
import { shortTime } from './local-time.js';

/** How an act's command was given. */
export interface ActOptions {
  /** The data folder. */
  data: string;
  /** The id of an act begun before, or one that the caller made. */
  id?: string;
  /** Another act, also where the same one has no answer. */
  new?: boolean;
  json?: boolean;
  /** The words of the command line that finishes it (program.ts). */
  line?: string[];
}

/** An act to be done. */
export interface PendingAct<T extends object> {
  /** For example `teller withdraw`. */
  command: string;
  /** All that it was given, as it was understood: the same command is the same act. */
  values: object;
  /** Bytes of its id. */
  idBytes: 8 | 16;
  /** @param answered may be called early, once the act itself is decided: what follows only looks on */
  send(id: string, answered: () => void): Promise<Result<T>>;
  /** Whether what came back is its end. Default: whatever is no refusal. */
  isAnswer?(done: T): boolean;
  /** After a refusal, whether nothing of it was done. Default: by the code. */
  isUndone?(id: string, code: ErrorCode): Promise<boolean>;
}

/** Nothing was done under these codes: what was wrong may be mended, and asked for as another act. */
const isRefused = (code: ErrorCode): boolean => ERRORS[code].exit === EXIT.refused || ERRORS[code].exit === EXIT.usage;

/**
 * Does an act under its id. @returns what it came to, with `id`, and `finishesS` where it was begun before
 * @throws TapcashError of the refusal; it says where the act is kept. USAGE, REQUEST_ID_REUSED, DATABASE_*
 */
export async function underId<T extends object>(
  act: PendingAct<T>,
  options: ActOptions,
): Promise<T & { id: string; finishesS?: number }> {
  if (options.id !== undefined && !new RegExp(`^[0-9a-f]{${2 * act.idBytes}}$`).test(options.id))
    throw failure('USAGE', `--id ${options.id}: ${2 * act.idBytes} hexadecimal digits, the act's id`);
  // Where there is no folder, nothing runs, and nothing is begun. The file's engine is loaded only where it is used.
  const acts = existsSync(options.data) ? (await import('./acts-file.js')).openActs(options.data) : null;
  try {
    const command = JSON.stringify([act.command, act.values]);
    const begun = acts?.begin(command, options, act.idBytes);
    const { id, finishesS = null } = begun ?? { id: options.id ?? toHex(randomBytes(act.idBytes)) };
    if (finishesS !== null && !options.json) {
      const of = `the act of ${shortTime(finishesS)} (${id})`;
      process.stderr.write(
        begun?.isAnswered
          ? `The answer to ${of}, again. Another one: without --id\n`
          : `This finishes ${of}. Another one: --new\n`,
      );
    }
    let isAnswered = false;
    const answered = () => {
      isAnswered = true;
      acts?.answer(id);
    };
    const done = await act.send(id, answered).catch((thrown) => {
      // A command line that says nothing to do.
      if (isFailure(thrown) && isRefused(thrown.code)) acts?.forget(id);
      throw thrown;
    });
    if (!done.ok && isAnswered) throw failure(done.code, done.detail);
    if (!done.ok) {
      const isUndone = await (act.isUndone?.(id, done.code) ?? isRefused(done.code));
      if (isUndone) acts?.forget(id);
      const kept = `no answer to act ${id} yet: the same command finishes it`;
      throw failure(done.code, isUndone ? done.detail : [done.detail, kept].filter(Boolean).join('; '));
    }
    const { ok: _, ...fields } = done;
    if (act.isAnswer?.(done) ?? true) acts?.answer(id);
    return { ...(fields as unknown as T), id, ...(finishesS === null ? {} : { finishesS }) };
  } finally {
    acts?.close();
  }
}
