/**
 * Small operations on bytes that every layer needs: joining, comparing, hexadecimal, 32-bit integers, ASCII.
 *
 * Integers on the wire are big-endian ("network order", RFC 1700) everywhere outside the cryptography.
 * Strings of character codes 0..255 are how Espruino hands over serial data; `fromChars` and `toChars` convert.
 */

/** Joins byte arrays. */
export function concat(parts: Uint8Array[]): Uint8Array {
  let length = 0;
  for (let i = 0; i < parts.length; i++) length += parts[i].length;
  const out = new Uint8Array(length);
  for (let i = parts.length, end = length; i--; out.set(parts[i], end)) end -= parts[i].length;
  return out;
}

/**
 * A copy of bytes `start` (included) to `end` (excluded), by native calls: a loop takes six times as long for 64 bytes.
 */
export function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const out = new Uint8Array(end - start);
  out.set(bytes.subarray(start, end), 0);
  return out;
}

/**
 * Whether two byte arrays are equal; not for secrets, for its time tells where they differ (crypto/gcm.ts compares
 * tags). As text, by native calls: a loop takes four times as long for 32 bytes.
 */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.join() === b.join();
}

/** Lower-case hexadecimal of bytes. */
export function toHex(bytes: Uint8Array): string {
  const digits = '0123456789abcdef';
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += digits[bytes[i] >> 4] + digits[bytes[i] & 15];
  return out;
}

/** Bytes from hexadecimal of either case, or null where the text is not that. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < text.length; i++) {
    const digit = '0123456789abcdef'.indexOf(text[i].toLowerCase());
    if (digit < 0) return null;
    out[i >> 1] = (out[i >> 1] << 4) | digit;
  }
  return out;
}

/** Bytes from a string of character codes 0..255. */
export function fromChars(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/** The string whose character codes are the bytes. */
export function toChars(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += String.fromCharCode(bytes[i]);
  return out;
}

/** Reads an unsigned 32-bit integer, big-endian, at `at`. */
export function readU32(bytes: Uint8Array, at: number): number {
  return bytes[at] * 16777216 + (bytes[at + 1] * 65536 + bytes[at + 2] * 256 + bytes[at + 3]);
}

/** Writes an unsigned 32-bit integer, big-endian, at `at`. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes.set([Math.floor(value / 16777216), (value >> 16) & 255, (value >> 8) & 255, value & 255], at);
}
