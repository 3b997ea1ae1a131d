/**
 * Random bytes for a demo: from the operating system, or, with `--seed`, a stream that a run can be repeated with.
 *
 * A seeded stream is for looking at the same run twice. Its keys are as public as the seed.
 */
import { randomBytes } from 'node:crypto';
import { sha256 } from '../base/crypto/hash.js';

/** Gives `count` random bytes. */
export type Random = (count: number) => Uint8Array;

/**
 * A source of its own for `label`: sources of different labels are independent, so that boards started in another order
 * still draw the same bytes. @param seed null for the operating system's source
 */
export function createRandom(seed: number | null, label: string): Random {
  if (seed === null) return (count) => new Uint8Array(randomBytes(count));
  let block = 0;
  let pool = Buffer.alloc(0);
  return (count) => {
    while (pool.length < count) {
      pool = Buffer.concat([pool, sha256(`tapcash demo ${seed} ${label} ${block++}`)]);
    }
    const out = new Uint8Array(pool.subarray(0, count));
    pool = pool.subarray(count);
    return out;
  };
}
