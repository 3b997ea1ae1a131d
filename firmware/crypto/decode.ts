/*
 * Decoding of points of edwards25519 (RFC 8032 5.1.3), of public bytes.
 *
 * Left out: the check of y < p, which ed25519.ts makes on the bytes.
 */
import { createElement, type Element, type Field } from './field.js';

// RFC 8032 5.1: d = -121665/121666, and the square root of -1, little-endian.
/** The curve's d. */
export const CURVE_D = new Uint8Array([
  0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00, 0x98, 0xe8, 0x79,
  0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
]);
const ROOT_BYTES = new Uint8Array([
  0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f, 0xa7, 0xd7, 0xfb,
  0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
]);

/** x and y of an encoding of 32 bytes, or null where no point has that y. @param d the curve's */
export function decodePoint(field: Field, d: Element, encoding: Uint8Array): { x: Element; y: Element } | null {
  const zero = field.zero;
  const one = field.one;
  const root = createElement();
  field.fromBytes(root, ROOT_BYTES);
  const y = createElement();
  const u = createElement();
  const v = createElement();
  const square = createElement();
  const x = createElement();
  const tmp = createElement();
  const power = createElement();
  // 1. u = y^2 - 1, v = d y^2 + 1
  field.fromBytes(y, encoding);
  field.mul(square, y, y);
  field.combine(u, square, one, -1);
  field.mul(tmp, square, d);
  field.combine(v, tmp, one, 1);
  // 2. x = u v^3 (u v^7)^((p - 5)/8)
  field.mul(square, v, v);
  field.mul(tmp, square, v); // v^3
  field.mul(x, u, tmp); // u v^3
  field.mul(power, square, square); // v^4
  field.mul(tmp, x, power); // u v^7
  field.power58(power, tmp);
  field.mul(tmp, x, power);
  // 3. v x^2 = u, or -u: then x sqrt(-1); else no point
  field.mul(square, tmp, tmp);
  field.mul(power, square, v);
  field.mul(square, u, one);
  field.combine(v, power, square, -1);
  field.mul(u, v, one);
  const same = field.isZero(u);
  field.combine(v, power, square, 1);
  field.mul(u, v, one);
  if (!same && !field.isZero(u)) return null;
  field.mul(x, tmp, same ? one : root);
  // 4. the sign
  const sign = encoding[31] >> 7;
  const bytes = field.toBytes(x);
  if ((bytes[0] & 1) !== sign) {
    field.combine(v, zero, x, -1);
    field.mul(x, v, one);
  }
  return { x, y };
}
