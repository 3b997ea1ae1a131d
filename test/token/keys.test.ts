/**
 * Keys: made once, whole or made good, never replaced under a license; each signature takes one nonce.
 */
import { randomBytes } from 'node:crypto';
import { createEd25519 } from '../../firmware/crypto/ed25519.js';
import { createNoncePool } from '../../firmware/crypto/nonce-pool.js';
import { BOARD_RECORD } from '../../firmware/drivers/startup.js';
import { createPurseKeys, KEY_COUNT, loadSeeds } from '../../firmware/user-token/keys.js';
import { RECORD } from '../../firmware/user-token/records.js';
import { BASE_SHAPE, KEY_SHAPE, makeCombTable } from '../../flash-scripts/tables.js';
import { createHostNatives } from '../../host-bridge/emulator/natives.js';
import { issuer, newFlash, openLog, registrar, verifyRaw } from './harness.js';

const draw = (count: number) => new Uint8Array(randomBytes(count));

test('seeds are made at the first boot and stay, whatever write loses power', () => {
  for (let operation = 0; operation < 8; operation++) {
    const flash = newFlash();
    openLog(flash);
    flash.cutAfter(operation, 'during', 2);
    try {
      loadSeeds(openLog(flash), draw);
    } catch {
      // power is gone
    }
    flash.powerOn();
    const log = openLog(flash);
    const before = Array.from({ length: KEY_COUNT }, (_, slot) => log.get(BOARD_RECORD.key, slot));
    const seeds = loadSeeds(log, draw);
    before.forEach((seed, slot) => seed && expect(seeds[slot]).toEqual(seed));
    expect(new Set(seeds.map(String)).size).toBe(KEY_COUNT);
    expect(loadSeeds(openLog(flash), () => null)).toEqual(seeds);
  }
});

test('no keys are made without entropy, nor under what older keys have left', () => {
  expect(() => loadSeeds(openLog(newFlash()), () => null)).toThrow(/no keys can be made/);
  for (const type of [RECORD.identity, RECORD.license, RECORD.debit]) {
    const log = openLog(newFlash());
    log.put(type, 0, new Uint8Array(4));
    expect(() => loadSeeds(log, draw)).toThrow(/keys are missing/);
  }
  const log = openLog(newFlash());
  log.put(BOARD_RECORD.key, 0, new Uint8Array(31));
  expect(() => loadSeeds(log, draw)).toThrow(/cannot be read/);
});

test('signs with one nonce each, verifies known keys by their tables and others without', () => {
  const ed25519 = createEd25519(createHostNatives({ checked: false }), { base: makeCombTable(BASE_SHAPE) });
  const sha256 = createHostNatives({ checked: false }).sha256;
  const keys = loadSeeds(openLog(newFlash()), draw).map(ed25519.keyFromSeed);
  const pool = createNoncePool({ ed: ed25519, random: draw, size: 2, batch: 2 });
  while (!pool.fillStep());
  const known = [ed25519.prepareKey(makeCombTable(KEY_SHAPE, issuer.publicKey))!];
  const purse = createPurseKeys(ed25519, keys, pool.take, known, sha256);
  const message = new Uint8Array([1, 2, 3]);
  const signatures = [0, 1, 0, 1].map((index) => ({ index, signature: purse.sign(index, message)! }));
  for (const { index, signature } of signatures) expect(verifyRaw(keys[index].publicKey, message, signature)).toBe(true);
  expect(new Set(signatures.map(({ signature }) => String(signature.subarray(0, 32)))).size).toBe(4);
  expect(pool.level()).toBe(0);
  for (const signer of [issuer, registrar]) {
    const signature = signer.sign(message);
    expect(purse.verify(signer.publicKey, message, signature)).toBe(true);
    signature[0] ^= 1;
    expect(purse.verify(signer.publicKey, message, signature)).toBe(false);
  }
  expect(createPurseKeys(ed25519, keys, () => null, known, sha256).sign(1, message)).toBe(null);
});
