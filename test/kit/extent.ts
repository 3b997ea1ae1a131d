/**
 * How much of an enumeration or of a simulation by seeds a test does: all of it in `npm run test:long`, some of it,
 * spread evenly, in `npm test`. Test files that import this have a long form, and `npm run test:long` runs them.
 */

/** What `npm run test:long` was given (test/run-tests.mjs). */
interface LongOptions {
  /** Lives of a simulation, and the first one's seed. */
  seeds?: number;
  firstSeed?: number;
  /** For so long a simulation takes further seeds. */
  minutes?: number;
  /** Nothing is left out, not even what takes hours. */
  all?: boolean;
}

const options = (globalThis as { longForms?: LongOptions }).longForms;

/** Whether the long forms run. */
export const isLong = options !== undefined;

/** What the short form has, the long one, and, where that would take hours, the one that leaves nothing out. */
export function extent<T>(short: T, long: T, all = long): T {
  if (options?.all) return all;
  return isLong ? long : short;
}

/** All of `all` in the long form; else `count` of them at equal distances, with the first and the last. */
export function spread<T>(all: readonly T[], count: number): T[] {
  if (isLong || count >= all.length) return [...all];
  return Array.from({ length: count }, (_, i) => all[Math.round((i * (all.length - 1)) / Math.max(1, count - 1))]);
}

/** Seeds for a simulation: `short` of them, `long`, or what was asked for; they end with the minutes, if asked for. */
export function* seedsFor(short: number, long: number): Generator<number> {
  const first = options?.firstSeed ?? 1;
  const endMs = options?.minutes === undefined ? null : Date.now() + options.minutes * 60_000;
  const count = options?.seeds ?? (endMs === null ? extent(short, long) : Infinity);
  for (let i = 0; i < count && (endMs === null || Date.now() < endMs); i++) yield first + i;
}
