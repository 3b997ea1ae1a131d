/**
 * Finds Espruino's own Linux build on this machine: ESPRUINO, else `espruino-linux` on the PATH.
 *
 * It is given the environment, which the command line reads and every test has. Leaves out running the interpreter, and
 * any check that what it finds is Espruino.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The interpreter's path, or null where there is none: tests then say skipped.
 * @throws Error (code INTERPRETER_MISSING) when ESPRUINO names something that cannot be run: a typing mistake must not
 *   skip
 */
export function findInterpreter(environment: NodeJS.ProcessEnv): string | null {
  const named = environment['ESPRUINO'];
  if (named) {
    if (isExecutable(named)) return named;
    throw Object.assign(new Error(`ESPRUINO=${named}: no executable file there`), { code: 'INTERPRETER_MISSING' });
  }
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'espruino-linux');
    if (folder && isExecutable(path)) return path;
  }
  return null;
}
