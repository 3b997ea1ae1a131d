/**
 * Signatures at random and mutated, under the one rule: the board's code by each of its ways against the host's, which
 * is node:crypto behind checks of bytes. The campaign:
 * npm run test:long -- signatures --all
 */
import { extent } from '../kit/extent.js';
import { createPublicKey, verify as nodeVerify } from 'node:crypto';
import { KEY_SHAPE, makeCombTable } from '../../flash-scripts/provision/tables.js';
import { multiplesOf } from '../../host-bridge/base/crypto/key-multiples.js';
import { verify as verifyOnHost } from '../../host-bridge/base/crypto/ed25519-verify.js';
import { mutate, pick } from './mutations.js';
import { fastEd, random } from './crypto-kit.js';

const COUNT = extent(80, 500, 20_000);
const KEYS = 5;

test(`${COUNT} signatures, right and mutated: the same verdict by every way`, () => {
  const ed = fastEd();
  const keys = Array.from({ length: KEYS }, () => ed.keyFromSeed(random(32)));
  const prepared = keys.map(({ publicKey }) => [
    ed.prepareKey(makeCombTable(KEY_SHAPE, publicKey))!,
    ed.prepareWithMultiples(publicKey, multiplesOf(publicKey))!,
    ed.prepareKey(publicKey)!,
  ]);
  const seen = { good: 0, bad: 0 };
  for (let done = 0; done < COUNT; done += 8) {
    for (const nonce of ed.makeNonces(random, 8)) {
      const which = pick(KEYS);
      const message = random(pick(150));
      const signature = ed.sign(keys[which]!, nonce, message);
      const good = pick(3) === 0;
      const [key, text, candidate] = good
        ? [keys[which]!.publicKey, message, signature]
        : mutate(keys[which]!.publicKey, message, signature);
      const host = verifyOnHost(key, text, candidate);
      expect(host).toBe(good);
      const sameKey = Buffer.compare(key, keys[which]!.publicKey) === 0;
      const ways = sameKey
        ? prepared[which]!.map((each) => ed.verifyKnown(each, text, candidate))
        : [ed.verify(key, text, candidate)];
      expect([...new Set(ways)]).toEqual([host]);
      if (good) {
        const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
        expect(nodeVerify(null, text, createPublicKey({ key: der, format: 'der', type: 'spki' }), candidate)).toBe(
          true,
        );
      }
      seen[good ? 'good' : 'bad']++;
    }
  }
  expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(COUNT / 5);
});
