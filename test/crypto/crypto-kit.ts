/* Natives and tables for the tests of firmware/crypto, made once for each test file. */
import { BASE_SHAPE, makeCombTable } from '../../flash-scripts/provision/tables.js';
import { createEd25519, type Ed25519 } from '../../firmware/crypto/ed25519.js';
import { createHostNatives } from '../../host-bridge/base/crypto/node-natives.js';
import { createRandom } from '../../host-bridge/rig/random.js';
import { SEED } from '../kit/properties.js';

export const plain = createHostNatives({ checked: false });
export const checked = createHostNatives({ checked: true });
export const baseTable = makeCombTable(BASE_SHAPE);

/** The board's code with a dot product as fast as the host's. */
export function fastEd(): Ed25519 {
  return createEd25519(plain, { base: baseTable });
}

/** The board's code with a dot product that refuses sums that are not exact. */
export function checkedEd(): Ed25519 {
  return createEd25519(checked, { base: baseTable });
}

export const random = createRandom(SEED, 'test/crypto');

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export const P = 2n ** 255n - 19n;
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

export function toLittleEndian(value: bigint, length = 32): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++, value >>= 8n) out[i] = Number(value & 255n);
  return out;
}

export function fromLittleEndian(from: Uint8Array): bigint {
  return BigInt('0x' + (hex(from.slice().reverse()) || '0'));
}

/** 1/a mod n. */
export function inverseOf(a: bigint, n: bigint): bigint {
  let [r, s, x, y] = [n, a % n, 0n, 1n];
  while (s) [r, s, x, y] = [s, r % s, y, x - (r / s) * y];
  return ((x % n) + n) % n;
}
