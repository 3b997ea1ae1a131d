/**
 * The terminal's key, which signs its tombstones: made once at the first boot, kept as a seed in raw flash.
 *
 * docs/security.md 1 and 2. Left out: changing the key. The issuer knows it by an operator's registration, so a
 * terminal with another key is another terminal.
 */
import { BOARD_RECORD } from '../board/startup.js';
import { RECORD, Records } from './shop-records.js';

const SEED_BYTES = 32;

/**
 * The seed of the terminal's key; made when there is none.
 * @param random random bytes; throws when the generator refuses
 * @throws Error when the key is missing though a charge is there
 */
export function loadTerminalSeed(records: Records, random: (count: number) => Uint8Array): Uint8Array {
  let seed = records.get(BOARD_RECORD.key, 0);
  if (!seed) {
    // A store that has lost its key has lost more: never go on with a new one.
    if (records.get(RECORD.charge, 0)) throw new Error('the key is missing from flash');
    seed = random(SEED_BYTES);
    records.put(BOARD_RECORD.key, 0, seed);
  }
  if (seed.length !== SEED_BYTES) throw new Error('the key in flash cannot be read');
  return seed;
}
