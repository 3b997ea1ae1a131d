/** Blind signatures of the board against the RFC's vector and the bank's library, both ways. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RSABSSA } from '@cloudflare/blindrsa-ts';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createBlindRsa } from '../../firmware/crypto/blind-rsa.js';
import { createRsa } from '../../firmware/crypto/rsa.js';
import { bytes, hex, inverseOf, plain, random } from './crypto-kit.js';

const sha384 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha384').update(data).digest());
const rsa = createRsa(plain);
const blind = createBlindRsa(rsa, sha384);
const big = (data: Uint8Array): bigint => BigInt('0x' + hex(data));
const toBytes = (value: bigint, length: number): Uint8Array => bytes(value.toString(16).padStart(2 * length, '0'));

/** The other side's part of 1/r. */
const invert = (n: bigint, masked: Uint8Array): Uint8Array => toBytes(inverseOf(big(masked), n), masked.length);

test('RFC 9474 A.1', () => {
  const vector: Record<string, string> = JSON.parse(
    readFileSync(join(packageRoot(), 'test', 'crypto', 'rfc9474.json'), 'utf8'),
  );
  const [n, prepared, salt, inverse] = ['n', 'preparedMessage', 'salt', 'inverse'].map((name) => bytes(vector[name]!));
  const modulus = rsa.prepare(n!)!;
  const r = toBytes(inverseOf(big(inverse!), big(n!)), 512);
  const blinding = blind.startBlinding(modulus, () => r);
  const factor = blind.takeInverse(modulus, blinding, invert(big(n!), blind.maskedForInversion(modulus, blinding)))!;
  expect(hex(blind.blind(modulus, blinding, prepared!, salt!))).toBe(vector.blindedMessage);
  expect(hex(blind.unblind(modulus, factor, bytes(vector.blindSignature!))!)).toBe(vector.signature);
  expect(blind.verify(modulus, prepared!, bytes(vector.signature!))).toBe(true);
});

describe('with @cloudflare/blindrsa-ts', () => {
  const suite = RSABSSA.SHA384.PSS.Randomized({ supportsRSARAW: false });
  const key = suite.generateKey({ modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) });
  const modulusOf = async () =>
    new Uint8Array(Buffer.from((await crypto.subtle.exportKey('jwk', (await key).publicKey)).n!, 'base64url'));

  test('it signs what the board blinded; it verifies what the board unblinded, and the board what it finalised', async () => {
    const { publicKey, privateKey } = await key;
    const n = await modulusOf();
    const modulus = rsa.prepare(n)!;
    for (let i = 0; i < 3; i++) {
      const prepared = suite.prepare(random(32 + i));
      const blinding = blind.startBlinding(modulus, random);
      const blinded = blind.blind(modulus, blinding, prepared, random(48));
      const answer = new Uint8Array(await suite.blindSign(privateKey, blinded));
      const factor = blind.takeInverse(modulus, blinding, invert(big(n), blind.maskedForInversion(modulus, blinding)))!;
      expect(blind.unblind(modulus, factor, n)).toBe(null); // not below n
      const signature = blind.unblind(modulus, factor, answer)!;
      expect(blind.verify(modulus, prepared, signature)).toBe(true);
      expect(await suite.verify(publicKey, signature, prepared)).toBe(true);
      expect(blind.verify(modulus, random(64), signature)).toBe(false);
      for (const bit of [0, 7, 1000, 2047]) {
        const bad = signature.slice();
        bad[bit >> 3]! ^= 1 << (bit & 7);
        expect(blind.verify(modulus, prepared, bad)).toBe(false);
      }
      expect(blind.verify(modulus, prepared, signature.subarray(1))).toBe(false);
    }
    const prepared = suite.prepare(random(5));
    const { blindedMsg, inv } = await suite.blind(publicKey, prepared);
    const signature = await suite.finalize(publicKey, prepared, await suite.blindSign(privateKey, blindedMsg), inv);
    expect(blind.verify(modulus, prepared, new Uint8Array(signature))).toBe(true);
  });

  test('an inverse that is none is refused', async () => {
    const n = await modulusOf();
    const modulus = rsa.prepare(n)!;
    const blinding = blind.startBlinding(modulus, random);
    const right = invert(big(n), blind.maskedForInversion(modulus, blinding));
    const wrong = [
      toBytes((big(right) + 1n) % big(n), 256),
      toBytes(big(n) - big(right), 256),
      new Uint8Array(256),
      n,
      right.subarray(1),
      new Uint8Array(0),
    ];
    for (const answer of wrong) expect(blind.takeInverse(modulus, blinding, answer)).toBe(null);
    expect(blind.takeInverse(modulus, blinding, right)).toHaveLength(256);
  });

  test('blindness: for every coupon and every transcript there is an r that joins them', async () => {
    const { privateKey } = await key;
    const n = await modulusOf();
    const modulus = rsa.prepare(n)!;
    const seen: { blinded: bigint; signed: bigint; signature: bigint }[] = [];
    for (let i = 0; i < 3; i++) {
      const prepared = suite.prepare(random(32));
      const blinding = blind.startBlinding(modulus, random);
      const factor = blind.takeInverse(modulus, blinding, invert(big(n), blind.maskedForInversion(modulus, blinding)))!;
      const blinded = blind.blind(modulus, blinding, prepared, random(48));
      const answer = new Uint8Array(await suite.blindSign(privateKey, blinded));
      seen.push({
        blinded: big(blinded),
        signed: big(answer),
        signature: big(blind.unblind(modulus, factor, answer)!),
      });
    }
    for (const coupon of seen) {
      for (const transcript of seen) {
        // r = z / s fits the answer; r^e times the coupon's message must be what was blinded.
        const r = (transcript.signed * inverseOf(coupon.signature, big(n))) % big(n);
        let [power, message] = [r, coupon.signature];
        for (let i = 0; i < 16; i++) [power, message] = [(power * power) % big(n), (message * message) % big(n)];
        [power, message] = [(power * r) % big(n), (message * coupon.signature) % big(n)];
        expect((power * message) % big(n)).toBe(transcript.blinded);
      }
    }
  });
});
