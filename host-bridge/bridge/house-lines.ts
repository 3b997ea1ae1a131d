/**
 * Which keys a shop's bridge knows of issuer and registrar: the first ones, and what followed them, as the issuer says
 * and the notices prove. Nothing is kept: what a bridge has not heard of yet, its terminal checks by itself
 * (verifier.ts).
 */
import type { Logger } from 'pino';
import { equal } from '../../firmware/core/bytes.js';
import { linesOf, type FirstKeys, type KeyLine } from '../base/keys/key-line.js';
import { acceptSuccession, memorySuccessions } from '../base/keys/succession.js';
import { call, type Services } from '../base/services/calls.js';

/** The keys for people, oldest first. */
export interface KeyStatus {
  /** Unix time; `untilS` null for the last of a line. */
  keys: { house: 'issuer' | 'registrar'; key: Uint8Array; fromS: number; untilS: number | null }[];
  /** Whether the terminal was given the registrar's newest key; null before it has said. */
  hasNewestKey: boolean | null;
}

/** The lines of a bridge. */
export interface HouseLines {
  issuer: KeyLine;
  registrar: KeyLine;
  /**
   * Asks the issuer which keys have followed. One that cannot be reached, or says what does not follow, changes
   * nothing.
   */
  learn(): Promise<void>;
  /** Whether any key has followed another. */
  haveFollowed(): boolean;
  /** @param terminalHas first bytes of the newest registrar's key that the terminal was given */
  status(terminalHas: Uint8Array | null): KeyStatus;
}

/** Makes them. @param clock Unix time, seconds */
export function createHouseLines(
  first: FirstKeys,
  issuer: Pick<Services['issuer'], 'parameters'>,
  clock: () => number,
  log: Logger,
): HouseLines {
  const store = memorySuccessions();
  const lines = linesOf(store, first);
  return {
    issuer: lines.issuer,
    registrar: lines.registrar,
    async learn() {
      const known = await call(() => issuer.parameters());
      if (!known.ok) return;
      for (const notice of known.parameters.successions) {
        const taken = acceptSuccession(store, lines, notice, clock());
        if (taken.ok && !taken.repeated) log.info({ house: taken.house, number: taken.number }, 'another key follows');
      }
    },
    haveFollowed: () => lines.issuer.keys().length + lines.registrar.keys().length > 2,
    status(terminalHas) {
      const keys = (['issuer', 'registrar'] as const).flatMap((house) =>
        lines[house]
          .keys()
          .map(({ key, fromS, untilS }) => ({ house, key, fromS, untilS: untilS === Infinity ? null : untilS })),
      );
      const newest = lines.registrar.keys().at(-1)!.key;
      return { keys, hasNewestKey: terminalHas && equal(terminalHas, newest.subarray(0, terminalHas.length)) };
    },
  };
}
