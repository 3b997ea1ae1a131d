/** RSA of the board against BigInt and node:crypto. */
import { constants, createPublicKey, publicEncrypt } from 'node:crypto';
import { createRsa, type Residue, type RsaModulus } from '../../firmware/crypto/rsa.js';
import { checked, hex, plain, random } from './crypto-kit.js';
import { longRsaKey, rsaKey } from '../kit/rsa-keys.js';

const rsa = createRsa(plain);
const exact = createRsa(checked);
const big = (bytes: Uint8Array): bigint => BigInt('0x' + hex(bytes));
const toBytes = (value: bigint, length: number): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex'));
const valueOf = (modulus: RsaModulus, a: Residue): bigint =>
  a.reduceRight((sum, limb) => (sum << BigInt(modulus.bits)) + BigInt(limb), 0n);

describe.each([
  [2048, rsa],
  [4096, rsa],
  [2048, exact],
])('%d bits', (size, arithmetic) => {
  const length = size / 8;
  const rounds = arithmetic === exact ? 3 : 40;
  const odd = (bytes: Uint8Array): Uint8Array => (
    bytes.set([bytes[0]! | 128]),
    bytes.set([bytes[length - 1]! | 1], length - 1),
    bytes
  );
  const moduli = [
    odd(random(length)),
    odd(random(length)),
    odd(new Uint8Array(length)),
    new Uint8Array(length).fill(255),
  ];

  test('products, conversions and R^2', () => {
    for (const bytes of moduli) {
      const n = big(bytes);
      const modulus = arithmetic.prepare(bytes)!;
      const R = 1n << BigInt(modulus.bits * modulus.count);
      expect(big(arithmetic.toBytes(modulus, modulus.square))).toBe((R * R) % n);
      for (let i = 0; i < rounds; i++) {
        const [x, y] = [i === 0 ? n - 1n : big(random(length)) % n, i < 2 ? n - 1n : big(random(length)) % n];
        const [a, b] = [x, y].map((value) => arithmetic.fromBytes(modulus, toBytes(value, length))!);
        expect(hex(arithmetic.toBytes(modulus, a!))).toBe(hex(toBytes(x, length)));
        const product = arithmetic.multiply(modulus, a!, b!);
        const value = valueOf(modulus, product);
        expect((value * R - x * y) % n).toBe(0n);
        // The bound that the next product builds on.
        expect((value < 0n ? -value : value) * 65536n <= n * 32769n).toBe(true);
        expect(product.every((limb) => Math.abs(limb) <= 2 ** (modulus.bits - 1))).toBe(true);
        expect(big(arithmetic.toBytes(modulus, arithmetic.multiply(modulus, product, modulus.square)))).toBe(
          (x * y) % n,
        );
      }
      for (const value of [0n, 1n, n - 1n])
        expect(big(arithmetic.toBytes(modulus, arithmetic.fromBytes(modulus, toBytes(value, length))!))).toBe(value);
      for (const value of [n, n + 1n, (1n << BigInt(size)) - 1n]) {
        if (value < 1n << BigInt(size)) expect(arithmetic.fromBytes(modulus, toBytes(value, length))).toBe(null);
      }
    }
  });

  test('worst limbs: all at half their size, of either sign', () => {
    const modulus = arithmetic.prepare(moduli[3]!)!;
    const R = 1n << BigInt(modulus.bits * modulus.count);
    for (const signs of [
      [1, 1],
      [1, -1],
      [-1, -1],
    ] as const) {
      const [a, b] = signs.map((sign) => new Float64Array(modulus.count).fill(sign * 2 ** (modulus.bits - 1)));
      a![modulus.count - 1] = b![modulus.count - 1] = 0;
      const product = arithmetic.multiply(modulus, a!, b!);
      expect((valueOf(modulus, product) * R - valueOf(modulus, a!) * valueOf(modulus, b!)) % big(moduli[3]!)).toBe(0n);
    }
  });
});

test('the public operation with node:crypto', () => {
  for (const size of [2048, 4096]) {
    const publicKey = createPublicKey(size === 2048 ? rsaKey(0) : longRsaKey());
    const n = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url'));
    const modulus = rsa.prepare(n)!;
    for (let i = 0; i < 5; i++) {
      const message = random(size / 8);
      message[0] = 0;
      const theirs = publicEncrypt(
        { key: createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), padding: constants.RSA_NO_PADDING },
        message,
      );
      expect(hex(rsa.toBytes(modulus, rsa.power65537(modulus, rsa.fromBytes(modulus, message)!)))).toBe(
        theirs.toString('hex'),
      );
    }
  }
});

test('no modulus: even, short, or without its highest bit', () => {
  const good = random(256);
  good[0]! |= 128;
  good[255]! |= 1;
  const even = good.slice();
  even[255]! ^= 1;
  const low = good.slice();
  low[0]! &= 127;
  for (const bytes of [even, low, good.subarray(1), new Uint8Array(0)]) expect(rsa.prepare(bytes)).toBe(null);
});
