/*
 * The natives of firmware/crypto on the host: node:crypto, and a dot product in the order and with the
 * wrap of Espruino's E.convolve.
 *
 * With checks on, the dot product proves that what it returns is exact: whatever order a board adds
 * in, no bit is lost. A limb left unreduced passes a test of one or two operations and fails at six;
 * here the first sum that could be inexact throws.
 */
import { createCipheriv, createHash } from 'node:crypto';
import type { Natives, Numbers } from '../../../firmware/core/crypto-natives.js';
import { sha256 } from './hash.js';

const words = new Uint32Array(2);
const double = new Float64Array(words.buffer);

/** Exponent of the lowest bit that is set in a double other than 0. */
function lowestBit(value: number): number {
  double[0] = value;
  const exponent = ((words[1]! >>> 20) & 0x7ff) - 1075;
  const low = words[0]!;
  if (low !== 0) return exponent + 31 - Math.clz32(low & -low);
  const high = (words[1]! & 0xfffff) | 0x100000;
  return exponent + 32 + 31 - Math.clz32(high & -high);
}

/** As E.convolve: the sum of a[i] * b[(i + offset) % b.length]. */
export function plainDot(a: Numbers, b: Numbers, offset: number): number {
  const length = b.length;
  let at = offset % length;
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += a[i]! * b[at]!;
    if (++at === length) at = 0;
  }
  return sum;
}

/** As plainDot; throws RangeError unless every product and every partial sum is exact in any order. */
export function checkedDot(a: Numbers, b: Numbers, offset: number): number {
  if (a instanceof Uint32Array || b instanceof Uint32Array) {
    throw new TypeError('dot: Espruino reads Uint32Array as signed');
  }
  const length = b.length;
  let at = offset % length;
  let size = 0;
  let lowest = Infinity;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    const y = b[at]!;
    if (++at === length) at = 0;
    if (!Number.isFinite(x) || !Number.isFinite(y)) throw new RangeError('dot: operand is not a number');
    if (x === 0 || y === 0) continue;
    size += Math.abs(x * y);
    lowest = Math.min(lowest, lowestBit(x) + lowestBit(y));
  }
  if (size >= 2 ** 52 * 2 ** lowest * 2) {
    throw new RangeError(`dot: a sum of 2^${(Math.log2(size) - lowest).toFixed(2)} units is not exact`);
  }
  return plainDot(a, b, offset);
}

/** As Graphics.transformVertices. */
function plainPairs(values: Numbers, m: number[]): number[] {
  const out: number[] = new Array(values.length);
  for (let i = 0; i + 1 < values.length; i += 2) {
    out[i] = m[0]! * values[i]! + m[2]! * values[i + 1]! + m[4]!;
    out[i + 1] = m[1]! * values[i]! + m[3]! * values[i + 1]! + m[5]!;
  }
  return out;
}

/** Exponent of the lowest bit that is set; Infinity for 0. In a product the exponents of its factors add up. */
const lowestOf = (value: number): number => (value === 0 ? Infinity : lowestBit(value));

/** As plainPairs; throws RangeError unless every sum is exact. An emulated board is in here for much of its time. */
export function checkedPairs(values: Numbers, m: number[]): number[] {
  const [a, b, c, d] = [m[0]!, m[1]!, m[2]!, m[3]!];
  const [lowA, lowB, lowC, lowD] = [lowestOf(a), lowestOf(b), lowestOf(c), lowestOf(d)];
  // Lists of each board's own context have types of their own, which Node reads slowly: each number is read once.
  const count = values.length;
  const out: number[] = new Array(count);
  for (let i = 0; i + 1 < count; i += 2) {
    const x = values[i]!;
    const y = values[i + 1]!;
    const lowX = lowestOf(x);
    const lowY = lowestOf(y);
    if (
      Math.abs(a * x) + Math.abs(c * y) >= 2 ** 53 * 2 ** Math.min(lowA + lowX, lowC + lowY) ||
      Math.abs(b * x) + Math.abs(d * y) >= 2 ** 53 * 2 ** Math.min(lowB + lowX, lowD + lowY)
    )
      throw new RangeError('pairs: a sum is not exact');
    out[i] = a * x + c * y + m[4]!;
    out[i + 1] = b * x + d * y + m[5]!;
  }
  return out;
}

/** Natives for the host; checked ones are some five times slower. */
export function createHostNatives(options: { checked: boolean }): Natives {
  return {
    dot: options.checked ? checkedDot : plainDot,
    pairs: options.checked ? checkedPairs : plainPairs,
    sha256: (data) => sha256(data),
    sha512: (data) => new Uint8Array(createHash('sha512').update(data).digest()),
  };
}

/** AES of whole blocks, each by itself: what the board's GCM stands on. */
export function aesBlocks(key: Uint8Array, blocks: Uint8Array): Uint8Array {
  const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([cipher.update(blocks), cipher.final()]));
}
