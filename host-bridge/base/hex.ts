/**
 * Bytes in JSON: lower-case hexadecimal.
 */
import { fromHex, toHex } from '../../firmware/core/bytes.js';

/** Bytes of a field whose schema made sure that it is hexadecimal. @throws TypeError where it is not */
export function bytes(text: string): Uint8Array {
  const read = fromHex(text);
  if (!read) throw new TypeError('a validated field is not hexadecimal');
  return read;
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
