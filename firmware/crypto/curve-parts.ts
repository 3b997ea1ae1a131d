/*
 * What all arithmetic on the curve is made of: on a board an overlay under those that check (verifier.ts) and that make
 * keys and nonces (nonce-maker.ts), which are never there at once.
 */
import { openCombTable, type CombTable } from './comb-table.js';
import { createEdwards, type Edwards } from './edwards.js';
import type { Natives } from '../core/crypto-natives.js';
import type { Scalars } from './scalar.js';

/** The parts. */
export interface CurveParts {
  curve: Edwards;
  scalars: Scalars;
  /** Table of the base point. */
  base: CombTable;
}

/** The parts over the given natives. @param base table of the base point (comb-table.ts) */
export function createCurveParts(natives: Natives, scalars: Scalars, base: ArrayBuffer | Uint8Array): CurveParts {
  return { curve: createEdwards(natives), scalars: scalars, base: openCombTable(base) };
}
