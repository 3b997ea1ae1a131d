/** `tapcash tap`, `press`, `stop`: the people of a running demo. */
import { must } from '../base/errors.js';
import { resolve } from 'node:path';
import { askPeople, type People } from '../demo/demo-client.js';
import { print } from './output.js';

/** Has somebody of the demo do something. @param token whose; empty for `stop` */
export async function askPerson(
  verb: keyof People,
  token: string,
  options: { data: string; json?: boolean },
): Promise<void> {
  const { result } = must(await askPeople(resolve(options.data), verb, token));
  print(options.json, { ok: true, result }, result);
}
