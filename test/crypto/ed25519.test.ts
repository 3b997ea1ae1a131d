import { createPrivateKey, createPublicKey, sign as nodeSign, verify as nodeVerify, type KeyObject } from 'node:crypto';
import { extent } from '../kit/extent.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { KEY_SHAPE, BASE_SHAPE, makeCombTable } from '../../flash-scripts/provision/tables.js';
import { openCombTable } from '../../firmware/crypto/comb-table.js';
import { isAcceptablePoint } from '../../firmware/crypto/ed25519.js';
import { KEY_MULTIPLES_BYTES } from '../../firmware/crypto/verifier.js';
import { MULTIPLES_BYTES } from '../../firmware/wire/payment.js';
import { multiplesOf } from '../../host-bridge/base/crypto/key-multiples.js';
import {
  isLicensable as isLicensableOnHost,
  verify as verifyOnHost,
} from '../../host-bridge/base/crypto/ed25519-verify.js';
import {
  L,
  P,
  baseTable,
  bytes,
  checkedEd,
  fastEd,
  fromLittleEndian,
  hex,
  plain,
  random,
  toLittleEndian,
} from './crypto-kit.js';

const ed = fastEd();

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
}

function publicBytes(key: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url'));
}

/** A nonce with a chosen k. */
function nonceOf(k: bigint) {
  // k in 64 bytes, and what Z begins with.
  return ed.makeNonces((count) => toLittleEndian(k + (1n << 512n), count), 1)[0]!;
}

// RFC 8032 7.1: secret key, public key, message, signature.
const RFC = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
] as const;

describe('RFC 8032 7.1', () => {
  test.each(RFC)('secret key %#', (secret, pub, message, signature) => {
    const key = ed.keyFromSeed(bytes(secret));
    expect(hex(key.publicKey)).toBe(pub);
    expect(ed.verify(key.publicKey, bytes(message), bytes(signature))).toBe(true);
    expect(hex(nodeSign(null, bytes(message), privateKey(bytes(secret))))).toBe(signature);
    // With the RFC's own nonce, SHA-512(prefix | M), the board's signature is the RFC's, byte for byte.
    const r = plain.sha512(new Uint8Array([...key.prefix, ...bytes(message)]));
    const nonce = ed.makeNonces((count) => new Uint8Array([...r, ...random(count - 64)]), 1)[0]!;
    expect(hex(ed.sign(key, nonce, bytes(message)))).toBe(signature);
  });
});

describe('with node:crypto, both ways', () => {
  test('keys, messages and signatures, right and damaged', () => {
    // 37 has no factor in common with 512 and 200: bits and lengths are spread in the short form too.
    for (let n = 0; n < extent(20, 200); n++) {
      const i = n * 37;
      const seed = random(32);
      const secret = privateKey(seed);
      const key = ed.keyFromSeed(seed);
      expect(hex(key.publicKey)).toBe(hex(publicBytes(secret)));
      const message = random(i % 200);
      const ours = ed.sign(key, ed.makeNonces(random, 1)[0]!, message);
      expect(nodeVerify(null, message, createPublicKey(secret), ours)).toBe(true);
      const theirs = new Uint8Array(nodeSign(null, message, secret));
      const prepared = ed.prepareKey(key.publicKey)!;
      expect(ed.verifyKnown(prepared, message, theirs)).toBe(true);
      const bad = theirs.slice();
      const bit = i % 512;
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(ed.verifyKnown(prepared, message, bad)).toBe(false);
      expect(verifyOnHost(key.publicKey, message, bad)).toBe(false);
      expect(ed.verifyKnown(prepared, new Uint8Array([...message, 0]), theirs)).toBe(false);
    }
  });

  test('no sum in any step is inexact', () => {
    const exact = checkedEd();
    const key = exact.keyFromSeed(random(32));
    const other = exact.prepareKey(makeCombTable(KEY_SHAPE, key.publicKey))!;
    for (const nonce of exact.makeNonces(random, 2)) {
      const signature = exact.sign(key, nonce, random(9));
      expect(exact.verify(key.publicKey, random(9), signature)).toBe(false);
      expect(exact.verifyKnown(other, random(9), signature)).toBe(false);
    }
    expect(exact.isLicensable(key.publicKey)).toBe(true);
  });

  test('a key with a table', () => {
    const seed = random(32);
    const secret = privateKey(seed);
    const table = makeCombTable(KEY_SHAPE, publicBytes(secret));
    const prepared = ed.prepareKey(table)!;
    expect(hex(prepared.publicKey)).toBe(hex(publicBytes(secret)));
    for (let i = 0; i < 50; i++) {
      const message = random(i);
      const signature = new Uint8Array(nodeSign(null, message, secret));
      expect(ed.verifyKnown(prepared, message, signature)).toBe(true);
      signature[i]! ^= 4;
      expect(ed.verifyKnown(prepared, message, signature)).toBe(false);
    }
  });

  test('a key that comes with its multiples', () => {
    const exact = checkedEd();
    for (let i = 0; i < extent(8, 60); i++) {
      const seed = random(32);
      const secret = privateKey(seed);
      const pku = publicBytes(secret);
      const multiples = multiplesOf(pku);
      expect(multiples.length).toBe(KEY_MULTIPLES_BYTES);
      const prepared = (i < 2 ? exact : ed).prepareWithMultiples(pku, multiples)!;
      const verifier = i < 2 ? exact : ed;
      const message = random(i);
      const signature = new Uint8Array(nodeSign(null, message, secret));
      expect(verifier.verifyKnown(prepared, message, signature)).toBe(true);
      const bad = signature.slice();
      bad[(i * 7) & 63]! ^= 1 << (i & 7);
      expect(verifier.verifyKnown(prepared, message, bad)).toBe(false);
      expect(verifier.verifyKnown(prepared, random(40), signature)).toBe(false);
    }
    expect(ed.prepareWithMultiples(new Uint8Array(32), new Uint8Array(KEY_MULTIPLES_BYTES))).toBe(null);
    expect(KEY_MULTIPLES_BYTES).toBe(MULTIPLES_BYTES);
  });

  test('extreme scalars', () => {
    const key = ed.keyFromSeed(random(32));
    for (const k of [1n, 2n, 3n, 2n ** 252n, L - 1n, L - 2n, (L - 1n) / 2n, 2n ** 128n - 1n]) {
      const nonce = nonceOf(k);
      expect(hex(nonce.R)).toBe(hex(ed25519.Point.BASE.multiply(k).toBytes()));
      expect(verifyOnHost(key.publicKey, bytes('00'), ed.sign(key, nonce, bytes('00')))).toBe(true);
    }
  });
});

/** The 8 points of small order as canonical encodings, and every other encoding that decodes to one. */
function smallOrder(): Uint8Array[] {
  const y8 = fromLittleEndian(bytes('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'));
  const all: Uint8Array[] = [];
  for (const y of [0n, 1n, P - 1n, y8, P - y8]) {
    for (const same of [y, y + P]) {
      if (same >= 2n ** 255n) continue;
      for (const sign of [0n, 2n ** 255n]) all.push(toLittleEndian(same + sign));
    }
  }
  return all;
}

describe('the one rule, on the board and on the host', () => {
  const seed = random(32);
  const key = ed.keyFromSeed(seed);
  const message = random(20);
  const good = ed.sign(key, ed.makeNonces(random, 1)[0]!, message);

  function both(publicKey: Uint8Array, text: Uint8Array, signature: Uint8Array): boolean {
    const board = ed.verify(publicKey, text, signature);
    expect(verifyOnHost(publicKey, text, signature)).toBe(board);
    return board;
  }

  test('the good one', () => expect(both(key.publicKey, message, good)).toBe(true));

  test('wrong lengths', () => {
    for (const length of [0, 1, 31, 33, 63, 65, 128]) {
      expect(both(key.publicKey, message, new Uint8Array(length))).toBe(false);
      expect(both(new Uint8Array(length), message, good)).toBe(false);
      expect(ed.isLicensable(new Uint8Array(length))).toBe(false);
    }
    expect(both(key.publicKey, message, good.subarray(0, 63))).toBe(false);
    expect(ed.prepareKey(new Uint8Array(31))).toBe(null);
  });

  test('S of L and more', () => {
    const S = fromLittleEndian(good.subarray(32));
    for (const more of [S + L, S + 2n * L, S + 15n * L, L, 2n ** 256n - 1n]) {
      const signature = good.slice();
      signature.set(toLittleEndian(more), 32);
      expect(both(key.publicKey, message, signature)).toBe(false);
    }
  });

  test('single flipped bits of signature and key', () => {
    for (let bit = 0; bit < 512; bit += extent(17, 1)) {
      const signature = good.slice();
      signature[bit >> 3]! ^= 1 << (bit & 7);
      expect(both(key.publicKey, message, signature)).toBe(false);
      const publicKey = key.publicKey.slice();
      publicKey[(bit >> 3) & 31]! ^= 1 << (bit & 7);
      expect(both(publicKey, message, good)).toBe(false);
    }
  });

  test('small order, negative zero and y of p and more: never A, never R, never licensed', () => {
    const encodings = smallOrder();
    expect(encodings.length).toBe(14);
    for (const encoding of encodings) {
      expect(isAcceptablePoint(encoding, 0)).toBe(false);
      expect(ed.prepareKey(encoding)).toBe(null);
      expect(ed.isLicensable(encoding)).toBe(false);
      expect(isLicensableOnHost(encoding)).toBe(false);
      // S = 0 and R = A of small order pass a verifier without the checks, for some messages.
      for (let i = 0; i < 8; i++) {
        const signature = new Uint8Array(64);
        signature.set(encoding);
        expect(both(encoding, new Uint8Array([i]), signature)).toBe(false);
        expect(both(key.publicKey, new Uint8Array([i]), signature)).toBe(false);
      }
    }
    for (let more = 0n; more < 19n; more++) {
      expect(isAcceptablePoint(toLittleEndian(P + more), 0)).toBe(false);
      expect(isAcceptablePoint(toLittleEndian(P + more + 2n ** 255n), 0)).toBe(false);
    }
    for (const y of [2n, 3n, P - 2n, P - 3n, 2n ** 254n]) expect(isAcceptablePoint(toLittleEndian(y), 0)).toBe(true);
  });

  test('bytes that are no point', () => {
    let none = 0;
    for (let y = 2n; y < 40n; y++) {
      const encoding = toLittleEndian(y);
      let point = true;
      try {
        ed25519.Point.fromBytes(encoding);
      } catch {
        point = false;
        none++;
      }
      expect(ed.prepareKey(encoding) !== null).toBe(point);
      expect(both(encoding, message, good)).toBe(false);
    }
    expect(none).toBeGreaterThan(5);
  });

  test('a key with a part of small order verifies by bytes, as OpenSSL does, and is not licensed', () => {
    const torsion = ed25519.Point.fromBytes(bytes('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'));
    const s = 123456789n ** 8n % L;
    const A = ed25519.Point.BASE.multiply(s).add(torsion);
    const publicKey = A.toBytes();
    expect(isLicensableOnHost(publicKey)).toBe(false);
    expect(ed.isLicensable(publicKey)).toBe(false);
    let accepted = 0;
    for (let i = 0; i < 64; i++) {
      const k = 987654321n ** 7n + BigInt(i);
      const R = ed25519.Point.BASE.multiply(k % L).toBytes();
      const text = new Uint8Array([i]);
      const h = fromLittleEndian(plain.sha512(new Uint8Array([...R, ...publicKey, ...text]))) % L;
      const signature = new Uint8Array([...R, ...toLittleEndian((k + h * s) % L)]);
      // Right up to a point of small order; without the cofactor it passes only where h is a multiple of 8.
      const result = both(publicKey, text, signature);
      expect(result).toBe(h % 8n === 0n);
      if (result) accepted++;
    }
    expect(accepted).toBeLessThan(30);
  });

  test('R with a part of small order is refused', () => {
    const torsion = ed25519.Point.fromBytes(bytes('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'));
    const mixed = ed25519.Point.fromBytes(good.slice(0, 32)).add(torsion).toBytes();
    const signature = good.slice();
    signature.set(mixed);
    expect(both(key.publicKey, message, signature)).toBe(false);
  });

  test('licensable keys', () => {
    for (let i = 0; i < 5; i++) {
      const publicKey = ed.keyFromSeed(random(32)).publicKey;
      expect(ed.isLicensable(publicKey)).toBe(true);
      expect(isLicensableOnHost(publicKey)).toBe(true);
    }
  });
});

describe('misuse by our own code', () => {
  test('a nonce signs once, and is empty afterwards', () => {
    const key = ed.keyFromSeed(random(32));
    const nonce = ed.makeNonces(random, 1)[0]!;
    const k = nonce.k!;
    ed.sign(key, nonce, random(3));
    expect(nonce.k).toBe(null);
    expect([...k]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(() => ed.sign(key, nonce, random(3))).toThrow(TypeError);
  });

  test('wrong types and lengths', () => {
    const key = ed.keyFromSeed(random(32));
    expect(() => ed.keyFromSeed(random(31))).toThrow(TypeError);
    expect(() => ed.sign(key, ed.makeNonces(random, 1)[0]!, 'text' as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => ed.verify(key.publicKey, random(3), [] as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => ed.prepareKey(random(100))).toThrow(RangeError);
  });
});

describe('tables', () => {
  test('the same bytes on every run, under 64 kB, with what the header says', () => {
    expect(Buffer.compare(makeCombTable(BASE_SHAPE), baseTable)).toBe(0);
    expect(baseTable.length).toBe(55336);
    const table = openCombTable(baseTable);
    expect(hex(table.key)).toBe(hex(ed25519.Point.BASE.toBytes()));
    expect(table.bits).toBe(264);
    expect(openCombTable(baseTable.buffer as ArrayBuffer).entries.byteOffset).toBe(40);
  });

  test('other shapes give the same results', () => {
    const publicKey = ed.keyFromSeed(random(32));
    const message = random(5);
    const signature = ed.sign(publicKey, ed.makeNonces(random, 1)[0]!, message);
    for (const shape of [
      { teeth: 4, subs: 1, columns: 64 },
      { teeth: 5, subs: 2, columns: 26 },
      { teeth: 2, subs: 4, columns: 32 },
    ]) {
      expect(ed.verifyKnown(ed.prepareKey(makeCombTable(shape, publicKey.publicKey))!, message, signature)).toBe(true);
    }
  });

  test('a damaged one is refused at once', () => {
    for (const at of [0, 3, 4, 5]) {
      const damaged = baseTable.slice();
      damaged[at]! += 1;
      expect(() => openCombTable(damaged)).toThrow(RangeError);
    }
    expect(() => openCombTable(baseTable.subarray(0, 1000))).toThrow(RangeError);
    expect(() => makeCombTable(KEY_SHAPE, toLittleEndian(2n))).toThrow();
  });
});
