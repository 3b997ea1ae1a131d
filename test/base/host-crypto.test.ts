/**
 * What the host does with OpenSSL and @hpke/core, against the vectors of RFC 9474 and RFC 9180 and an independent
 * library.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { RSABSSA } from '@cloudflare/blindrsa-ts';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { concat } from '../../firmware/core/bytes.js';
import { REQUEST } from '../../firmware/wire/request.js';
import { createUnsealer, openBox, sealBox } from '../../host-bridge/base/crypto/sealed-box.js';
import { blindSign, createCouponSigner, splitAmount } from '../../host-bridge/base/crypto/coupon-signer.js';
import { couponKeyOf, verifyCoupon } from '../../host-bridge/houses/issuer/issuer-cash.js';
import { closeBox, readBox, seal } from '../houses/reference-wallet.js';
import { bytes, hex, inverseOf, random } from '../crypto/crypto-kit.js';

const vector: Record<string, string> = JSON.parse(
  readFileSync(join(packageRoot(), 'test', 'crypto', 'rfc9474.json'), 'utf8'),
);
/** p of RFC 9474 A.1, from which the rest of the private key follows. */
const P =
  'e1f4d7a34802e27c7392a3cea32a262a34dc3691bd87f3f310dc75673488930559c120fd0410194fb8a0da55bd0b81227e843fdca6692ae80e5a5d414116d480' +
  '3fca7d8c30eaaae57e44a1816ebb5c5b0606c536246c7f11985d731684150b63c9a3ad9e41b04c0b5b27cb188a692c84696b742a80d3cd00ab891f2457443dad' +
  'feba6d6daf108602be26d7071803c67105a5426838e6889d77e8474b29244cefaf418e381b312048b457d73419213063c60ee7b0d81820165864fef93523c963' +
  '5c22210956e53a8d96322493ffc58d845368e2416e078e5bcb5d2fd68ae6acfa54f9627c42e84a9d3f2774017e32ebca06308a12ecc290c7cd1156dcccfb2311';

function vectorKey() {
  const [n, p] = [BigInt('0x' + vector.n), BigInt('0x' + P)];
  const q = n / p;
  const d = inverseOf(65537n, (p - 1n) * (q - 1n));
  const text = (value: bigint) =>
    Buffer.from(value.toString(16).padStart(2 * Math.ceil(value.toString(16).length / 2), '0'), 'hex').toString(
      'base64url',
    );
  const jwk: JsonWebKey = {
    kty: 'RSA',
    e: 'AQAB',
    n: text(n),
    d: text(d),
    p: text(p),
    q: text(q),
    dp: text(d % (p - 1n)),
    dq: text(d % (q - 1n)),
    qi: text(inverseOf(q, p)),
  };
  return createPrivateKey({ key: jwk as any, format: 'jwk' });
}

test('RFC 9474 A.1: the blind signature', () => {
  expect(hex(blindSign(vectorKey(), bytes(vector.blindedMessage!))!)).toBe(vector.blindSignature);
});

describe('coupons, with @cloudflare/blindrsa-ts at the other end', () => {
  const suite = RSABSSA.SHA384.PSS.Randomized({ supportsRSARAW: false });
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65537 });
  const signer = createCouponSigner(new Map([[5, pair.privateKey]]));
  const modulus = signer.moduli[0]!;
  const publicKey = crypto.subtle.importKey(
    'spki',
    pair.publicKey.export({ format: 'der', type: 'spki' }),
    { name: 'RSA-PSS', hash: 'SHA-384' },
    true,
    ['verify'],
  );

  test('what it blinds is signed, what it unblinds is verified; one flipped bit is not', async () => {
    const prepared = suite.prepare(random(32));
    const { blindedMsg, inv } = await suite.blind(await publicKey, prepared);
    const signature = new Uint8Array(await suite.finalize(await publicKey, prepared, signer.sign(5, blindedMsg)!, inv));
    expect(verifyCoupon(modulus, prepared, signature)).toBe(true);
    for (const at of [0, 100, 255]) {
      const bad = signature.slice();
      bad[at]! ^= 1;
      expect(verifyCoupon(modulus, prepared, bad)).toBe(false);
    }
    expect(verifyCoupon(modulus, concat([random(32), prepared.subarray(32)]), signature)).toBe(false);
    for (const length of [0, 255, 257]) expect(verifyCoupon(modulus, prepared, random(length))).toBe(false);
  });

  test('no number below n, another length, no key for the amount: nothing is signed', () => {
    expect(signer.sign(5, modulus)).toBeNull();
    expect(signer.sign(5, new Uint8Array(256).fill(255))).toBeNull();
    expect(signer.sign(5, new Uint8Array(255))).toBeNull();
    expect(signer.sign(7, new Uint8Array(256))).toBeNull();
  });

  test('a modulus that is none of RSA-2048 is no key', () => {
    const even = modulus.slice();
    even[255]! &= 254;
    const short = modulus.slice();
    short[0]! &= 127;
    for (const bad of [even, short, new Uint8Array(256), modulus.subarray(1)]) expect(couponKeyOf(bad)).toBeNull();
    expect(couponKeyOf(modulus)?.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048, publicExponent: 65537n });
    expect(createPublicKey(pair.privateKey).equals(couponKeyOf(modulus)!)).toBe(true);
  });

  test('amounts split into coupons, largest first', () => {
    expect(splitAmount(38, [20, 10, 5, 1])).toEqual([20, 10, 5, 1, 1, 1]);
    expect(splitAmount(3, [2])).toBeNull();
  });
});

test('RFC 9180 A.1.1: opened', async () => {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
  const of = (text: string) => bytes(text).slice().buffer as ArrayBuffer;
  const recipientKey = await suite.kem.importKey(
    'raw',
    of('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8'),
    false,
  );
  const enc = of('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431');
  const context = await suite.createRecipientContext({
    recipientKey,
    enc,
    info: of('4f6465206f6e2061204772656369616e2055726e'),
  });
  const opened = await context.open(
    of('f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a'),
    of('436f756e742d30'),
  );
  expect(Buffer.from(opened).toString()).toBe('Beauty is truth, truth beauty');
});

test('PKI(...): opened under the scheme and kind that it was sealed for, and no other; no bit may differ', async () => {
  const unsealer = await createUnsealer(random(32));
  const sealed = await seal(unsealer.publicKey, 3, REQUEST.register, bytes('0102'));
  expect(await unsealer.open(sealed, 3, REQUEST.register)).toEqual(bytes('0102'));
  expect(await unsealer.open(sealed, 5, REQUEST.register)).toBeNull();
  expect(await unsealer.open(sealed, 3, REQUEST.sealedIssue)).toBeNull();
  for (let at = 0; at < sealed.length; at++) {
    const bad = sealed.slice();
    bad[at]! ^= 128;
    expect([at, await unsealer.open(bad, 3, REQUEST.register)]).toEqual([at, null]);
    expect(await unsealer.open(sealed.subarray(0, at), 3, REQUEST.register)).toBeNull();
  }
});

test('K(...): two independent codes agree, and a box is one message only', () => {
  const [k, info] = [random(16), { direction: 1, kind: 3, kid: random(8), sequence: 7, index: 2 }];
  for (const [box, read] of [
    [sealBox(k, info, bytes('aabb'), random), readBox],
    [closeBox(k, info, bytes('aabb')), openBox],
  ] as const) {
    expect(hex(read(k, info, box)!)).toBe('aabb');
    for (const other of [{ direction: 0 }, { kind: 2 }, { kid: random(8) }, { sequence: 8 }, { index: 3 }])
      expect(read(k, { ...info, ...other }, box)).toBeNull();
    expect(read(random(16), info, box)).toBeNull();
    for (let at = 0; at < box.length; at++) {
      const bad = box.slice();
      bad[at]! ^= 1;
      expect([at, read(k, info, bad)]).toEqual([at, null]);
      // Node takes short tags unless told otherwise.
      expect(read(k, info, box.subarray(0, at))).toBeNull();
    }
  }
});
