/**
 * fast-check, for every property test. Its inputs are the same in each run, so that a run that fails fails again, and a
 * change is judged by what it changes. Other inputs: `npm run test:long -- --first-seed N`.
 */
import { configureGlobal } from 'fast-check';

export * as fc from 'fast-check';

const given = (globalThis as { longForms?: { firstSeed?: number } }).longForms;
/** Of this run, for random bytes too. */
export const SEED = given?.firstSeed ?? 1;
configureGlobal({ seed: SEED });
