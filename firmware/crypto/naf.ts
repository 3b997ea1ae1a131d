/*
 * Signed digits of public scalars (Hankerson, Menezes, Vanstone, "Guide to Elliptic Curve Cryptography",
 * algorithm 3.35, width 5).
 *
 * Steps depend on the digits: never for a secret.
 */

/** Digits of a public scalar (32 bytes little-endian, below 2^253), or of its negative, for WindowTerm, width 5. */
export function naf(scalar: Uint8Array, negate: boolean): Int8Array {
  const digits = new Int8Array(256);
  let carry = 0;
  let at = 0;
  while (at < 256) {
    const byte = at >> 3;
    const window = ((scalar[byte] | (byte < 31 ? scalar[byte + 1] << 8 : 0)) >> (at & 7)) & 31;
    const value = window + carry;
    if (!(value & 1)) {
      at++;
      continue;
    }
    carry = value > 16 ? 1 : 0;
    digits[at] = negate ? carry * 32 - value : value - carry * 32;
    at += 5;
  }
  return digits;
}
