/** Every command, in the order of `tapcash --help`. */
import { ACTS_COMMANDS } from './acts-commands.js';
import { BOARD_COMMANDS } from './board-commands.js';
import { BUILD_COMMANDS } from './build-commands.js';
import { CLERK_COMMANDS, TELLER_COMMANDS, WALLET_COMMANDS } from './clerk-commands.js';
import { DEMO_COMMANDS } from './demo-commands.js';
import { AUDIT_COMMANDS, HOUSE_COMMANDS } from './house-commands.js';
import { OUTBOX_COMMANDS } from './outbox-commands.js';
import { OFFICE_COMMANDS } from './office-commands.js';
import type { CommandSpec } from './spec.js';

export const COMMANDS: readonly CommandSpec[] = [
  ...DEMO_COMMANDS,
  ...CLERK_COMMANDS,
  OUTBOX_COMMANDS,
  ACTS_COMMANDS,
  TELLER_COMMANDS,
  WALLET_COMMANDS,
  ...AUDIT_COMMANDS,
  ...HOUSE_COMMANDS,
  OFFICE_COMMANDS,
  ...BOARD_COMMANDS,
  ...BUILD_COMMANDS,
];
