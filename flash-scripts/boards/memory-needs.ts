/**
 * How many of the interpreter's variables a role needs, and whether a board has them (docs/memory.md).
 *
 * The numbers are the smallest with which a role was seen to go through all its phases, or where nobody tried, the most
 * that was counted. They are above what a board without PSRAM has, so both roles are refused there, before anything is
 * erased or written.
 */
import { failure } from '../../host-bridge/base/errors.js';
import type { Scheme } from '../../firmware/core/scheme.js';
import { WITHOUT_PSRAM } from './interpreter-builds.js';
import type { Role } from './roles.js';

/** A token's, in schemes where the registration is open (1, 2), and in the others; the second is a peak. */
const TOKEN_OPEN = 6450;
const TOKEN_SEALED = 8763;
/** A terminal's: it checks while it is idle what the bridge said, with any key, as without a bridge. */
const TERMINAL = 9050;

const thousands = (count: number): string => count.toLocaleString('en-US');

/** How a token's scheme registers. */
type Registration = Scheme['registration'];

/** Variables that a role needs. @param registration of a token; unknown: the least that any scheme needs */
export function variablesNeeded(role: Role, registration: Registration = 'open'): number {
  if (role === 'shop-terminal') return TERMINAL;
  return registration === 'open' ? TOKEN_OPEN : TOKEN_SEALED;
}

/** Why so many variables are not enough for a role, with what to take instead; or ''. */
export function memoryFault(variables: number, role: Role, registration?: Registration): string {
  const needed = variablesNeeded(role, registration);
  if (variables >= needed) return '';
  return (
    `${thousands(variables)} variables, and a ${role} needs ${thousands(needed)}: ` +
    'take a board with PSRAM (esp32-devkitc-wrover), whose Espruino has 16,383'
  );
}

/**
 * Refuses a board that has too few variables for what it shall be.
 * @param name of the board, for people @param variables that it has; 0 where it counts none, as an emulated one does
 * @param roles what it may become: refused where it can be none of these @throws TapcashError MEMORY_LOW
 */
export function checkMemoryFor(
  name: string,
  variables: number,
  roles: readonly Role[],
  registration?: Registration,
): void {
  const faults = roles.map((role) => memoryFault(variables, role, registration));
  if (variables > 0 && faults.every(Boolean)) throw failure('MEMORY_LOW', `${name} has ${faults[0]}`);
}

/** What an entry must say of a chip: an ESP32 without PSRAM has no more. */
export function variablesFault(chip: string, psram: boolean, variables: number, counted: number): string | null {
  if (counted && variables > counted) return `variables: the interpreter's build numbers ${counted} at most`;
  return chip === 'esp32' && !psram && variables > WITHOUT_PSRAM
    ? `variables: an ESP32 without PSRAM has ${WITHOUT_PSRAM} at most`
    : null;
}
