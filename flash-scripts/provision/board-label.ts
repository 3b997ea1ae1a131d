/** What stands on the label of a board that was provisioned. */
import { toHex } from '../../firmware/core/bytes.js';
import type { Label } from './label.js';
import type { Provisioned } from './provision-board.js';

/** What people are told of backups; it stands on the label, too. */
export const BACKUP_POLICY = 'No copy of its keys exists. Lost: report it; it is denied and its EBC returns.';

/**
 * What the label shows: of a token PKU and no name, or its name and account key where PKU is nobody's business at the
 * desk. Both together would undo the pseudonym for whoever finds the token.
 */
export function labelOf(name: string, done: Provisioned): Label {
  if (done.role === 'shop-terminal') {
    return {
      kind: 'terminal',
      name,
      keyName: 'terminal key',
      key: toHex(done.keys[0]),
      lines: [`id ${toHex(done.terminalId as Uint8Array)}`],
    };
  }
  const open = done.keys.length > 1;
  return {
    kind: 'token',
    name: open || name === '' ? null : name,
    keyName: open ? 'pseudonym PKU' : 'account key',
    key: toHex(done.keys[open ? 1 : 0]),
    lines: [BACKUP_POLICY],
  };
}
