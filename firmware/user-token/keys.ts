/**
 * The token's keys: made once at the first boot, kept in raw flash, used through the nonce pool.
 *
 * docs/security.md 1 and 2. Key 0 is the account key, keys 1 to n are the pseudonym keys. Nothing is published before
 * all of them are durable, so a power cut between two is made good by making the missing one at the next boot. A key's
 * record has its public key too: computing 33 of them again at each boot would take an ESP32 a minute. Left out:
 * changing a key. A token with new keys is a new token.
 */
import type { KeyChecks } from '../crypto/any-verifier.js';
import type { Nonce, Signer, SigningKey } from '../crypto/signer.js';
import type { Verifier } from '../crypto/verifier.js';
import { concat, copy, equal, fromChars } from '../core/bytes.js';
import { BOARD_RECORD } from '../board/startup.js';
import { PSEUDONYM_KEY } from './purse.js';
import type { PurseKeys } from './purse.js';
import { RECORD } from './token-records.js';
import type { Records } from './token-records.js';

const SEED_BYTES = 32;
const PAIR_BYTES = 64;

/** Seed and public key of a key that is there. @throws Error when it is not what it must be */
function pairAt(records: Records, index: number): Uint8Array {
  const pair = records.get(BOARD_RECORD.key, index);
  if (!pair || pair.length !== PAIR_BYTES) throw new Error('key ' + index + ' in flash cannot be read');
  return pair;
}

/**
 * The first of `count` keys that is not there, or -1.
 * @throws Error when keys are missing though a name, a license or debits are there
 */
export function missingKey(records: Records, count: number): number {
  for (let index = 0; index < count; index++) {
    if (records.get(BOARD_RECORD.key, index)) continue;
    // A store that has lost its keys has lost more: never go on with new ones under an old license.
    if (
      records.slots(RECORD.identity).length > 0 ||
      records.slots(RECORD.license).length > 0 ||
      records.slots(RECORD.debit).length > 0
    ) {
      throw new Error('keys are missing from flash');
    }
    return index;
  }
  return -1;
}

/**
 * Makes a key; it is durable when this returns.
 * @param draw random bytes, or null when the generator refuses
 * @param publicKeyOf public key of a seed
 * @throws Error when none can be made
 */
export function makeKey(
  records: Records,
  index: number,
  draw: (count: number) => Uint8Array | null,
  publicKeyOf: (seed: Uint8Array) => Uint8Array,
): void {
  const seed = draw(SEED_BYTES);
  if (!seed) throw new Error('entropy: no keys can be made');
  records.put(BOARD_RECORD.key, index, concat([seed, publicKeyOf(seed)]));
}

function loadKey(records: Records, signer: Signer, index: number, prepared: boolean): SigningKey {
  const pair = pairAt(records, index);
  return signer.keyOfPair(copy(pair, 0, SEED_BYTES), copy(pair, SEED_BYTES, PAIR_BYTES), prepared);
}

/** The secret of `count` keys that are all there, for the generator of nonces: their prefixes, joined. */
export function keySecret(records: Records, signer: Signer, count: number): Uint8Array {
  const prefixes: Uint8Array[] = [];
  for (let index = 0; index < count; index++) prefixes.push(loadKey(records, signer, index, false).prefix);
  return concat(prefixes);
}

/** What keys are used with. */
export interface KeyTools {
  signer: Signer;
  /** Checks signatures of keys that have a table; asked for at each check, so that it can be loaded then. */
  verifier(): Verifier;
  /** Checks any key's; likewise. */
  ed25519(): Pick<KeyChecks, 'verify'>;
  /** The tables of known keys, read where they lie. */
  tables(): (ArrayBuffer | Uint8Array)[];
  /** `keySecret`. */
  secret: Uint8Array;
  /** A nonce that serves once, or null when none can be made. */
  nonce(): Nonce | null;
  /** 32 bytes of bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
}

/** Opens the account key and n pseudonym keys, which are all there. */
export function openPurseKeys(records: Records, pseudonyms: number, tools: KeyTools): PurseKeys {
  const signer = tools.signer;
  const hashKey = concat([fromChars('tapcash choice'), tools.secret.subarray(0, 32)]);
  // One pseudonym pays again and again: it is held ready. Of several, each is read from flash when its turn comes.
  const only = pseudonyms === 1 ? loadKey(records, signer, PSEUDONYM_KEY, true) : null;

  return {
    sha256: tools.sha256,
    secretHash: function (bytes) {
      return tools.sha256(concat([hashKey, bytes]));
    },
    publicKey: function (index) {
      return copy(pairAt(records, index), SEED_BYTES, PAIR_BYTES);
    },
    sign: function (index, bytes) {
      const next = tools.nonce();
      if (!next) return null;
      return signer.sign(only && index === PSEUDONYM_KEY ? only : loadKey(records, signer, index, false), next, bytes);
    },
    verify: function (publicKey, bytes, signature) {
      const tables = tools.tables();
      for (let i = 0; i < tables.length; i++) {
        const known = tools.verifier().prepareTable(tables[i]);
        if (known && equal(known.publicKey, publicKey)) return tools.verifier().verifyTabled(known, bytes, signature);
      }
      return tools.ed25519().verify(publicKey, bytes, signature);
    },
  };
}
