/**
 * The connection of EspruinoTools (npm "espruino", core/serial.js), which evaluates expressions on a board and sends
 * files in packets that the board acknowledges.
 *
 * Its files are scripts that leave globals behind, print what they do, and under `require` bring shims for old
 * browsers. So the three that make a connection run in a context of their own, with a console that says nothing. They
 * are read from dist, where the build puts them (build/copy-espruino-tools.mjs); before it has, from their package,
 * which a packed tapcash comes without.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import vm from 'node:vm';
import { packageRoot } from '../../../host-bridge/base/package-root.js';
import type { EspruinoConnection } from '../espruino-connection.js';

/** Those of its files that make a connection; they run in this order. */
export const CONNECTION_FILES = ['espruino.js', 'core/utils.js', 'core/serial.js'];

let Connection: (new () => EspruinoConnection) | null = null;

function load(): new () => EspruinoConnection {
  const copies = join(packageRoot(), 'dist', 'espruino-tools');
  const folder = existsSync(copies)
    ? copies
    : dirname(createRequire(join(packageRoot(), 'package.json')).resolve('espruino/package.json'));
  const say = (): void => undefined;
  // What it waits for when the cable is pulled must not keep the process: the open device does, as long as it is there.
  const waiting = (callback: () => void, ms: number, value: unknown): NodeJS.Timeout =>
    setTimeout(callback as (value: unknown) => void, ms, value).unref();
  const context = vm.createContext({
    console: { log: say, warn: say, error: say },
    setTimeout: waiting,
    clearTimeout,
    setInterval,
    clearInterval,
    navigator: { userAgent: '' },
  });
  for (const file of CONNECTION_FILES)
    vm.runInContext(readFileSync(join(folder, file), 'utf8'), context, { filename: join(folder, file) });
  return vm.runInContext('Espruino.Core.Serial.connection.constructor', context) as new () => EspruinoConnection;
}

/** A new connection; its `writeLowLevel` is still to be set. */
export function createEspruinoConnection(): EspruinoConnection {
  Connection ??= load();
  return new Connection();
}
