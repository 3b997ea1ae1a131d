/**
 * Bytes in JSON: lower-case hexadecimal.
 */
import { toHex } from '../../firmware/core/bytes.js';

/**
 * Bytes of a field whose schema made sure that it is hexadecimal. By Node: a board's way would take a tenth of a
 * deposit. @throws TypeError where it is not
 */
export function bytes(text: string): Uint8Array {
  const read = Buffer.from(text, 'hex');
  // Node ends at the first character that is no digit.
  if (2 * read.length !== text.length) throw new TypeError('a validated field is not hexadecimal');
  return new Uint8Array(read);
}

/** The same as `toHex` of the boards, as one flat string: what keys of maps and statements are made of. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** What JSON shows for a value with bytes in it. */
export type Hexed<T> = T extends Uint8Array
  ? string
  : T extends (infer U)[]
    ? Hexed<U>[]
    : T extends object
      ? { [K in keyof T]: Hexed<T[K]> }
      : T;

/** The same value with hexadecimal in place of bytes. */
export function hexed<T>(value: T): Hexed<T> {
  if (value instanceof Uint8Array) return toHex(value) as Hexed<T>;
  if (Array.isArray(value)) return value.map(hexed) as Hexed<T>;
  if (typeof value !== 'object' || value === null) return value as Hexed<T>;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hexed(inner)])) as Hexed<T>;
}
