/**
 * The token's keys: made once at the first boot, kept as seeds in raw flash, used through the nonce pool.
 *
 * SECURITY.md 1 and 2. Key 0 is the account key, key 1 on are the pseudonym keys. Nothing is published before all of them
 * are durable, so a power cut between two is made good by making the missing one at the next boot.
 * Left out: changing a key. A token with new keys is a new token.
 */
import type { Ed25519, Nonce, PreparedKey, SigningKey } from '../crypto/ed25519.js';
import { equal } from '../core/bytes.js';
import { BOARD_RECORD } from '../drivers/startup.js';
import type { PurseKeys } from './purse.js';
import { RECORD } from './records.js';
import type { Records } from './records.js';

/** Account key and one pseudonym (core/scheme.ts, `pseudonymsMax` of scheme 1). */
export const KEY_COUNT = 2;

const SEED_BYTES = 32;

/**
 * The seeds of all keys; makes those that are missing.
 * @param draw random bytes, or null when the generator refuses
 * @throws Error when keys are missing though a license or debits are there, or none can be made
 */
export function loadSeeds(records: Records, draw: (count: number) => Uint8Array | null): Uint8Array[] {
  const seeds: Uint8Array[] = [];
  for (let slot = 0; slot < KEY_COUNT; slot++) {
    let seed = records.get(BOARD_RECORD.key, slot);
    if (!seed) {
      // A store that has lost its keys has lost more: never go on with new ones under an old license.
      if (records.slots(RECORD.identity).length > 0 || records.slots(RECORD.license).length > 0 || records.slots(RECORD.debit).length > 0) {
        throw new Error('keys are missing from flash');
      }
      seed = draw(SEED_BYTES);
      if (!seed) throw new Error('entropy: no keys can be made');
      records.put(BOARD_RECORD.key, slot, seed);
    }
    if (seed.length !== SEED_BYTES) throw new Error('key ' + slot + ' in flash cannot be read');
    seeds.push(seed);
  }
  return seeds;
}

/** Keys for the purse. @param sha256 32 bytes of bytes @param nonce a nonce that serves once, or null when none can be made @param known keys with tables */
export function createPurseKeys(ed25519: Ed25519, keys: SigningKey[], nonce: () => Nonce | null, known: PreparedKey[], sha256: (bytes: Uint8Array) => Uint8Array): PurseKeys {
  return {
    sha256: sha256,
    publicKey: function (index) {
      return keys[index].publicKey;
    },
    sign: function (index, bytes) {
      const next = nonce();
      return next ? ed25519.sign(keys[index], next, bytes) : null;
    },
    verify: function (publicKey, bytes, signature) {
      for (let i = 0; i < known.length; i++) {
        if (equal(known[i].publicKey, publicKey)) return ed25519.verifyKnown(known[i], bytes, signature);
      }
      return ed25519.verify(publicKey, bytes, signature);
    },
  };
}
