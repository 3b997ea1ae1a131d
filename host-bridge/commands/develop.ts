/** `tapcash build`, `tapcash bench`. */
import { resolve } from 'node:path';
import { ROLES } from '../../flash-scripts/boards/roles.js';
import { runBuild } from '../../flash-scripts/build/build.js';
import { failure } from '../base/errors.js';
import { findInterpreter } from '../emulator/find-interpreter.js';
import type { CommandContext } from './table/spec.js';

/** `tapcash build`: the bundles that boards are flashed with. */
export async function build(roles: string[], options: { out?: string; json?: boolean }): Promise<void> {
  const odd = roles.find((role) => !(ROLES as readonly string[]).includes(role));
  if (odd !== undefined) throw failure('USAGE', `no role ${odd}: there are ${ROLES.join(' and ')}`);
  await runBuild({
    roles: roles.length > 0 ? roles : ROLES,
    ...(options.out ? { outDir: resolve(options.out) } : {}),
    json: options.json === true,
    log: (line) => void process.stdout.write(`${line}\n`),
  });
}

/** `tapcash bench`: what the cryptography and a tap cost. */
export async function bench(
  options: { interpreter?: string | true; quick?: boolean; svg?: string; json?: boolean },
  { environment }: CommandContext,
): Promise<void> {
  const { runBench } = await import('../bench/bench.js');
  await runBench({
    interpreter: findInterpreter(
      typeof options.interpreter === 'string' ? { ESPRUINO: options.interpreter } : environment,
    ),
    quick: options.quick === true,
    ...(options.svg ? { svg: options.svg } : {}),
    json: options.json === true,
  });
}
