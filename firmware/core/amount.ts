/**
 * The one module that says what an amount of money is.
 *
 * An amount is a whole number of minor units (cents), 1 to 2^53 - 1. A balance may also be 0. On the wire both are
 * 8 bytes, big-endian, and anything else that 8 bytes can say is refused.
 */
import { readU32 } from './bytes.js';

/** 2^53 - 1, the largest amount and the largest balance. Written out: Espruino's `Math.pow` is not exact. */
export const AMOUNT_MAX = 9007199254740991;

/** Bytes of an amount on the wire. */
export const AMOUNT_BYTES = 8;

/** Whether `value` is a balance: a whole number, 0 to 2^53 - 1. Takes anything at all; -0 is refused. */
export function isBalance(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= AMOUNT_MAX && Math.floor(value) === value && 1 / value > 0;
}

/** Whether `value` is an amount: a whole number of minor units, 1 to 2^53 - 1. Takes anything at all. */
export function isAmount(value: unknown): value is number {
  return isBalance(value) && value >= 1;
}

/** Writes a balance or amount, 8 bytes big-endian. @throws RangeError when it is neither */
export function writeAmount(bytes: Uint8Array, at: number, value: number): void {
  if (!isBalance(value)) throw new RangeError('not an amount in minor units');
  const high = Math.floor(value / 4294967296);
  const low = value - high * 4294967296;
  bytes.set(
    [
      0,
      high >> 16,
      (high >> 8) & 255,
      high & 255,
      Math.floor(low / 16777216),
      (low >> 16) & 255,
      (low >> 8) & 255,
      low & 255,
    ],
    at,
  );
}

/** Reads 8 bytes as a balance; null above 2^53 - 1. */
export function readBalance(bytes: Uint8Array, at: number): number | null {
  const high = readU32(bytes, at);
  if (high > 2097151) return null;
  return high * 4294967296 + readU32(bytes, at + 4);
}
