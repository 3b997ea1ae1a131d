/** The terminals whose bridges run with a folder: what they hold undelivered, and what they were told last. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorBody, isErrorCode } from '../base/errors.js';
import { createControlClient } from '../control/control-client.js';
import { CONTROL_FILE } from '../control/control-file.js';
import type { TerminalState } from '../web/office/office-state.js';

/** Folders of running bridges: the folder itself, and those in it. */
function bridgesIn(dataDir: string): string[] {
  const inside = existsSync(dataDir) ? readdirSync(dataDir).filter((name) => /^bridge(-|$)/.test(name)) : [];
  return [dataDir, ...inside.map((name) => join(dataDir, name))].filter((at) => existsSync(join(at, CONTROL_FILE)));
}

/** Asks each bridge; one that does not answer is told with why. */
export async function terminalsIn(dataDir: string): Promise<TerminalState[]> {
  return Promise.all(bridgesIn(dataDir).map(terminalAt));
}

async function terminalAt(folder: string): Promise<TerminalState> {
  const client = createControlClient(folder, { timeoutMs: 5000 });
  const found = await client.status();
  const nothing = { folder, shop: '', id: '', isRetired: false, inTerminal: 0, atBridge: 0, oldestS: null };
  if (!found.ok)
    return {
      ...{ ...nothing, denyVersion: 0, timeS: 0, hasNewestKey: null },
      said: errorBody(found.code, found.detail),
    };
  const { terminal, link, outbox, retired, hasNewestKey } = found;
  const waiting = outbox.pending + outbox.held;
  const oldest = waiting > 0 ? await client.messages(['pending', 'held'], 1) : null;
  return {
    folder,
    shop: terminal?.shop ?? '',
    id: terminal?.terminalId ?? '',
    said: link.up ? null : (link.port ?? (isErrorCode(link.code) ? errorBody(link.code) : null)),
    isRetired: retired,
    inTerminal: (terminal?.historiesPending ?? 0) + (terminal?.tombstonesPending ?? 0),
    atBridge: waiting,
    oldestS: oldest?.ok ? (oldest.messages[0]?.arrivedS ?? null) : null,
    denyVersion: terminal?.denyVersion ?? 0,
    timeS: terminal?.timeS ?? 0,
    hasNewestKey,
  };
}
