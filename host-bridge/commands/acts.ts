/**
 * `tapcash acts`: commands that move money and have no answer yet (pending-acts.ts). One is finished by its id, or
 * given up with a reason where somebody knows that it was never booked.
 */
import { existsSync } from 'node:fs';
import { failure } from '../base/errors.js';
import { table } from '../base/text-table.js';
import { ACTS_FILE, openActs, type Acts, type OpenAct } from './acts-file.js';
import { shortTime } from './local-time.js';
import { print, quoted } from './output.js';
import type { CommandContext } from './table/spec.js';
import { join } from 'node:path';

/** How these commands are given. */
export interface ActsCommand {
  data: string;
  json?: boolean;
}

const WHY_CHARS_MAX = 200;

/** Reads or changes the acts of a folder; one without acts is left alone. */
function withActs<T>(data: string, use: (acts: Acts) => T): T | null {
  if (!existsSync(join(data, ACTS_FILE))) return null;
  const acts = openActs(data);
  try {
    return use(acts);
  } finally {
    acts.close();
  }
}

/** The command as a shell takes it, with all that it was given: who reads it can repeat it. */
function commandText({ command, values, line }: OpenAct): string {
  if (!line) return `${command} ${JSON.stringify(values)}`;
  const end = line.indexOf('--');
  const options = line.slice(command.split(' ').length, end).map(quoted);
  const given = line.slice(end + 1).map(quoted);
  // Arguments first, as people write them; one that looks like an option comes behind "--".
  const words = given.some((word) => word.startsWith('-')) ? [...options, '--', ...given] : [...given, ...options];
  return [command, ...words].join(' ');
}

/** `tapcash acts list`. */
export function list(options: ActsCommand): void {
  const acts = withActs(options.data, (from) => from.open()) ?? [];
  const rows = acts.map((act) => [act.id, shortTime(act.begunS), commandText(act)]);
  const lines =
    acts.length === 0
      ? ['Every act has its answer.']
      : [
          ...table(rows, { head: ['id', 'begun', 'command'] }),
          '',
          `Finish one: tapcash acts finish ID --data ${quoted(options.data)}`,
          'Its id makes sure that it is done once.',
        ];
  print(options.json, { acts }, lines.join('\n'));
}

/** The act of an id, or of its beginning. @throws TapcashError NOT_FOUND, USAGE */
function actOf(data: string, id: string): OpenAct {
  const found = withActs(data, (acts) => acts.open().filter((one) => one.id.startsWith(id.toLowerCase()))) ?? [];
  if (found.length > 1) throw failure('USAGE', `${found.length} acts begin with ${id}`);
  if (!found[0]) throw failure('NOT_FOUND', `no act without an answer is ${id}`);
  return found[0];
}

/** `tapcash acts finish`. */
export async function finish(id: string, options: ActsCommand, { run }: CommandContext): Promise<void> {
  const act = actOf(options.data, id);
  if (!act.line) throw failure('USAGE', `give the same command with --id ${act.id}: ${commandText(act)}`);
  const at = act.line.indexOf('--');
  const how = ['--data', options.data, '--id', act.id, ...(options.json ? ['--json'] : [])];
  await run([...act.line.slice(0, at), ...how, ...act.line.slice(at)]);
}

/** `tapcash acts forget`. */
export function forget(id: string, options: ActsCommand & { why?: string }): void {
  const why = options.why?.trim() ?? '';
  if (why.length < 1 || why.length > WHY_CHARS_MAX) throw failure('REASON_MISSING', '--why');
  const act = actOf(options.data, id);
  withActs(options.data, (acts) => acts.giveUp(act.id, why));
  print(
    options.json,
    { id: act.id, why },
    `${act.id} is no longer waited for: ${commandText(act)}\nIf a house has booked it after all, it stays booked.`,
  );
}
