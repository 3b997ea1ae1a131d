/** The file by which other processes find a running bridge (control-api.ts writes it). Every command reads it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the file with address, token and currency of a running bridge, in its data folder. */
export const CONTROL_FILE = 'bridge.json';

/** Where the bridge keeps its own: in the folder that is named, or below it, as with settings or in a demo's. */
export function bridgeFolder(data: string): string {
  const inside = join(data, 'bridge');
  return existsSync(join(inside, CONTROL_FILE)) ? inside : data;
}

/** What a running bridge left in its folder; nothing where none runs. */
function readControlFile(data: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(join(bridgeFolder(data), CONTROL_FILE), 'utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** The till's page at the bridge that runs with a folder, token and all; null: none runs. */
export function tillAddress(data: string): string | null {
  const { url, token } = readControlFile(data);
  return typeof url === 'string' && typeof token === 'string' ? `${url}/#${token}` : null;
}

/** Currency of the bridge that runs with a folder; null: none runs, or it has not heard from its issuer. */
export function runningCurrency(data: string): string | null {
  const { currency } = readControlFile(data);
  return typeof currency === 'string' && /^[A-Z]{3}$/.test(currency) ? currency : null;
}

/** Address of a running bridge's line, where wallets pay; null: it has a terminal on a cable, or none runs. */
export function runningLine(data: string): string | null {
  const { line } = readControlFile(data);
  return typeof line === 'string' ? line : null;
}
