/** AES-GCM of the board against NIST's examples and node:crypto. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { gcmOpen, gcmSeal, GCM_TAG_BYTES } from '../../firmware/crypto/gcm.js';
import { aesBlocks } from '../../host-bridge/base/crypto/node-natives.js';
import { bytes, hex, random } from './crypto-kit.js';

// The GCM specification's test cases 1 to 4, 15 and 16 (McGrew and Viega): key, nonce, additional data, plaintext,
// ciphertext, tag.
const PLAIN =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const KEY = 'feffe9928665731c6d6a8f9467308308';
const NONCE = 'cafebabefacedbaddecaf888';
const ADDITIONAL = 'feedfacedeadbeeffeedfacedeadbeefabaddad2';
const CASES = [
  ['00'.repeat(16), '00'.repeat(12), '', '', '', '58e2fccefa7e3061367f1d57a4e7455a'],
  [
    '00'.repeat(16),
    '00'.repeat(12),
    '',
    '00'.repeat(16),
    '0388dace60b6a392f328c2b971b2fe78',
    'ab6e47d42cec13bdf53a67b21257bddf',
  ],
  [
    KEY,
    NONCE,
    '',
    PLAIN + '1aafd255',
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985',
    '4d5c2af327cd64a62cf35abd2ba6fab4',
  ],
  [
    KEY,
    NONCE,
    ADDITIONAL,
    PLAIN,
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091',
    '5bc94fbc3221a5db94fae95ae7121a47',
  ],
  [
    KEY + KEY,
    NONCE,
    ADDITIONAL,
    PLAIN,
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    '76fc6ece0f4e1768cddf8853bb2d551b',
  ],
] as const;

test.each(CASES)('the specification, case %#', (key, nonce, additional, plain, cipher, tag) => {
  const sealed = gcmSeal(aesBlocks, bytes(key), bytes(nonce), bytes(additional), bytes(plain));
  expect(hex(sealed)).toBe(cipher + tag);
  expect(hex(gcmOpen(aesBlocks, bytes(key), bytes(nonce), bytes(additional), sealed)!)).toBe(plain);
});

test('with node:crypto, both ways, lengths 0 to 70; a flipped bit anywhere is refused', () => {
  for (let length = 0; length <= 70; length++) {
    for (const keyBytes of [16, 32]) {
      const [key, nonce, additional, plain] = [random(keyBytes), random(12), random((length * 7) % 50), random(length)];
      const cipher = createCipheriv(`aes-${keyBytes * 8}-gcm` as 'aes-128-gcm', key, nonce);
      cipher.setAAD(additional);
      const theirs = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      const ours = gcmSeal(aesBlocks, key, nonce, additional, plain);
      expect(hex(ours)).toBe(hex(theirs));
      const decipher = createDecipheriv(`aes-${keyBytes * 8}-gcm` as 'aes-128-gcm', key, nonce, { authTagLength: 16 });
      decipher.setAAD(additional).setAuthTag(ours.subarray(length));
      expect(hex(Buffer.concat([decipher.update(ours.subarray(0, length)), decipher.final()]))).toBe(hex(plain));
      expect(hex(gcmOpen(aesBlocks, key, nonce, additional, new Uint8Array(theirs))!)).toBe(hex(plain));
    }
  }
  const [key, nonce, additional] = [random(16), random(12), random(20)];
  const sealed = gcmSeal(aesBlocks, key, nonce, additional, random(30));
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const bad = sealed.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    expect(gcmOpen(aesBlocks, key, nonce, additional, bad)).toBe(null);
  }
  for (let short = 0; short < GCM_TAG_BYTES; short++)
    expect(gcmOpen(aesBlocks, key, nonce, additional, sealed.subarray(0, short))).toBe(null);
  expect(gcmOpen(aesBlocks, key, nonce, additional.subarray(1), sealed)).toBe(null);
});

test.each([0, 8, 11, 13, 16])('a nonce of %i bytes is misuse', (length) => {
  const [key, nonce, none] = [random(16), random(length), new Uint8Array(0)];
  expect(() => gcmSeal(aesBlocks, key, nonce, none, random(20))).toThrow(RangeError);
  expect(() => gcmOpen(aesBlocks, key, nonce, none, random(36))).toThrow(RangeError);
});
