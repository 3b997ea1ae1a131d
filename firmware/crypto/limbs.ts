/* How numbers of 255 bits are cut into limbs: field.ts tells the reasons. */

/** Position of each limb in bits; the 13th is where the number ends. */
export const BIT = new Uint8Array([0, 22, 43, 64, 85, 107, 128, 149, 170, 192, 213, 234, 255]);

/**
 * 2^n, exact (Espruino's Math.pow is not), for n from -511 to 511: by squares, since the curve's constants take
 * hundreds of them.
 */
export function powerOfTwo(n: number): number {
  let result = 1;
  let square = n < 0 ? 0.5 : 2;
  for (let left = n < 0 ? -n : n; left > 0; left >>= 1) {
    if (left & 1) result *= square;
    square *= square;
  }
  return result;
}

/** 1.5 * 2^52 units of limb k + 1, times 2^scale: adding and subtracting it rounds limb k's carry. */
export function rounder(k: number, scale: number): number {
  return 1.5 * powerOfTwo(52 + BIT[k + 1] + scale);
}

/** 12 limbs from the lowest in the order of point-steps.ts: 1, 2 ... 11, 0. */
export function turned(limbs: ArrayLike<number>): number[] {
  const out: number[] = [];
  for (let k = 1; k < 13; k++) out.push(limbs[k % 12]);
  return out;
}

/** Limbs of two numbers in turn, in that order. */
export function alternate(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const out: number[] = [];
  for (let k = 1; k < 13; k++) out.push(a[k % 12], b[k % 12]);
  return out;
}
