/*
 * Conditions 3 and 4 of the one verification rule (ed25519.ts): which encodings of points are accepted,
 * told by their bytes alone. Board and host share it.
 */

/** y of the points of order 8 with even y; the others are p - y (RFC 7748's 325606..., 39382...). */
const ORDER_8_Y = new Uint8Array([
  0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac,
  0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
]);

/** p - 1 - n at one byte of a number n below p. */
function complement(byte: number, i: number): number {
  return (i === 0 ? 0xec : i === 31 ? 0x7f : 0xff) - byte;
}

/**
 * Are 32 bytes at `offset` a canonical y (below p) that is not of small order? Public data.
 * The sign bit is ignored: x is 0 only for y = 1 and y = -1, which are refused anyway, so that no
 * negative zero passes.
 */
export function isAcceptablePoint(bytes: Uint8Array, offset: number): boolean {
  let belowP = false;
  let small = 0; // 0
  let one = 0; // 1
  let minusOne = 0; // p - 1
  let order8 = 0;
  let otherOrder8 = 0;
  for (let i = 31; i >= 0; i--) {
    const byte = i === 31 ? bytes[offset + 31] & 127 : bytes[offset + i];
    // p - 1 = ec ff .. ff 7f: one byte below that byte, at any place, makes y < p.
    const rest = complement(byte, i);
    if (rest > 0) belowP = true;
    small |= byte;
    one |= i ? byte : byte ^ 1;
    minusOne |= rest;
    order8 |= byte ^ ORDER_8_Y[i];
    // p - y = (p - 1 - y) + 1, and ORDER_8_Y[0] is not 0, so that the 1 does not carry.
    otherOrder8 |= byte ^ (complement(ORDER_8_Y[i], i) + (i ? 0 : 1));
  }
  if (!belowP) return false;
  return !!small && !!one && !!minusOne && !!order8 && !!otherOrder8;
}
