/*
 * The native calls of the interpreter that the cryptography stands on.
 *
 * They come as an argument, never as globals, so that the host can give its own
 * (host-bridge/base/crypto/node-natives.ts) and check what the board cannot check.
 * On a board they are made by firmware/board/espruino-natives.ts.
 */

/** Anything that holds numbers one after another: a typed array or a view on flash. */
export type Numbers = ArrayLike<number>;

/** Native calls, each cheap next to one interpreted statement. */
export interface Natives {
  /**
   * Sum of a[i] * b[(i + offset) % b.length] in order, in doubles: Espruino's E.convolve.
   * Field arithmetic relies on exact sums: see field.ts.
   */
  dot(a: Numbers, b: Numbers, offset: number): number;
  /**
   * For each pair (x, y) of an even number of values: m[0] x + m[2] y + m[4], m[1] x + m[3] y + m[5], in
   * doubles: Espruino's Graphics.transformVertices. Where a build lacks it, pairsOf() gives a slow one.
   */
  pairs?(values: Numbers, m: number[]): number[];
  /**
   * to[i] = from[indices[i]]: Espruino's E.mapInPlace. Where a build lacks it, pickOf() gives a slow one.
   */
  pick?(indices: Uint8Array, to: Float64Array, from: Numbers): void;
  /**
   * to[i] = bit i of `from`, from each byte's lowest on: E.mapInPlace, too. Where a build lacks it, unpackOf() gives a
   * slow one.
   */
  unpack?(from: Uint8Array, to: Uint8Array): void;
  /** SHA-256 (FIPS 180-4) of any number of bytes; 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  /** SHA-512 (FIPS 180-4) of any number of bytes; 64 bytes. */
  sha512(data: Uint8Array): Uint8Array;
}

function slowPairs(values: Numbers, m: number[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < values.length; i += 2) {
    const x = values[i];
    const y = values[i + 1];
    out.push(m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]);
  }
  return out;
}

/** The native pairs(), or one in JavaScript: right, but it makes signatures several times slower. */
export function pairsOf(natives: Natives): (values: Numbers, m: number[]) => number[] {
  return natives.pairs || slowPairs;
}

function slowPick(indices: Uint8Array, to: Float64Array, from: Numbers): void {
  for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]];
}

/** The native pick(), or one in JavaScript. */
export function pickOf(natives: Natives): (indices: Uint8Array, to: Float64Array, from: Numbers) => void {
  return natives.pick || slowPick;
}

function slowUnpack(from: Uint8Array, to: Uint8Array): void {
  for (let i = 0; i < to.length; i++) to[i] = (from[i >> 3] >> (i & 7)) & 1;
}

/** The native unpack(), or one in JavaScript. */
export function unpackOf(natives: Natives): (from: Uint8Array, to: Uint8Array) => void {
  return natives.unpack || slowUnpack;
}

/** count - 1, count - 2, ... 0: with pick(), the copy of an array in reverse. */
export function reversed(count: number): Uint8Array {
  const indices = new Uint8Array(count);
  for (let i = 0; i < count; i++) indices[i] = count - 1 - i;
  return indices;
}
