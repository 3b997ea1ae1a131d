/**
 * Keys: made once, whole or made good, never replaced under a license; each signature takes one nonce.
 */
import { randomBytes } from 'node:crypto';
import { createEd25519 } from '../../firmware/crypto/ed25519.js';
import { createNoncePool } from '../../firmware/crypto/nonce-pool.js';
import type { RecordLog } from '../../firmware/records/record-log.js';
import { BOARD_RECORD } from '../../firmware/board/startup.js';
import { keySecret, makeKey, missingKey, openPurseKeys } from '../../firmware/user-token/keys.js';
import { RECORD } from '../../firmware/user-token/token-records.js';
import { BASE_SHAPE, KEY_SHAPE, makeCombTable } from '../../flash-scripts/provision/tables.js';
import { createHostNatives } from '../../host-bridge/base/crypto/node-natives.js';
import { issuer, keyFromSeed as keyOf, newFlash, openLog, registrar, verifyRaw } from './purse-rig.js';

const draw = (count: number) => new Uint8Array(randomBytes(count));
const ed25519 = createEd25519(createHostNatives({ checked: false }), { base: makeCombTable(BASE_SHAPE) });
const sha256 = createHostNatives({ checked: false }).sha256;
const KEYS = 4;

/** What a boot does: makes what is missing. */
function makeAll(records: RecordLog, random: (count: number) => Uint8Array | null = draw): Uint8Array[] {
  for (let index = missingKey(records, KEYS); index >= 0; index = missingKey(records, KEYS))
    makeKey(records, index, random, ed25519.publicKeyOf);
  return Array.from({ length: KEYS }, (_, index) => records.get(BOARD_RECORD.key, index)!);
}

test('keys are made at the first boot and stay, whatever write loses power', () => {
  for (let operation = 0; operation < 12; operation++) {
    const flash = newFlash();
    openLog(flash);
    flash.cutAfter(operation, 'during', 2);
    try {
      makeAll(openLog(flash));
    } catch {
      // power is gone
    }
    flash.powerOn();
    const log = openLog(flash);
    const before = Array.from({ length: KEYS }, (_, slot) => log.get(BOARD_RECORD.key, slot));
    const pairs = makeAll(log);
    before.forEach((pair, slot) => pair && expect(pairs[slot]).toEqual(pair));
    expect(new Set(pairs.map(String)).size).toBe(KEYS);
    for (const pair of pairs) expect(pair.subarray(32)).toEqual(keyOf(pair.subarray(0, 32)).publicKey);
    expect(makeAll(openLog(flash), () => null)).toEqual(pairs);
  }
});

test('no keys are made without entropy, nor under what older keys have left', () => {
  expect(() => makeAll(openLog(newFlash()), () => null)).toThrow(/no keys can be made/);
  for (const type of [RECORD.identity, RECORD.license, RECORD.debit]) {
    const log = openLog(newFlash());
    log.put(type, 0, new Uint8Array(4));
    expect(() => makeAll(log)).toThrow(/keys are missing/);
  }
  const log = openLog(newFlash());
  log.put(BOARD_RECORD.key, 0, new Uint8Array(32));
  expect(() => keySecret(log, ed25519, 1)).toThrow(/cannot be read/);
});

test.each([1, 3])(
  '%i pseudonyms: signs with one nonce each, verifies known keys by their tables and others without',
  (pseudonyms) => {
    const records = openLog(newFlash());
    makeAll(records);
    const secret = keySecret(records, ed25519, 1 + pseudonyms);
    expect(secret).toHaveLength(32 * (1 + pseudonyms));
    const pool = createNoncePool({ ed: () => ed25519, source: { draw, isReady: () => true }, size: 2, batch: 2 });
    while (!pool.fillStep());
    const tables = [makeCombTable(KEY_SHAPE, issuer.publicKey)];
    const tools = {
      signer: ed25519,
      verifier: () => ed25519,
      ed25519: () => ed25519,
      secret,
      nonce: pool.take,
      tables: () => tables,
      sha256,
    };
    const purse = openPurseKeys(records, pseudonyms, tools);
    const message = new Uint8Array([1, 2, 3]);
    const signatures = [0, 1, pseudonyms, 0, 1].map((index) => ({ index, signature: purse.sign(index, message)! }));
    for (const { index, signature } of signatures)
      expect(verifyRaw(purse.publicKey(index), message, signature)).toBe(true);
    expect(new Set(signatures.map(({ signature }) => String(signature.subarray(0, 32)))).size).toBe(signatures.length);
    expect(pool.level()).toBe(0);
    for (const signer of [issuer, registrar]) {
      const signature = signer.sign(message);
      expect(purse.verify(signer.publicKey, message, signature)).toBe(true);
      signature[0] ^= 1;
      expect(purse.verify(signer.publicKey, message, signature)).toBe(false);
    }
    expect(openPurseKeys(records, pseudonyms, { ...tools, nonce: () => null }).sign(1, message)).toBe(null);
    expect(purse.secretHash(message)).not.toEqual(
      openPurseKeys(records, pseudonyms, { ...tools, secret: secret.map((byte) => byte ^ 1) }).secretHash(message),
    );
  },
);
