/**
 * The multiples of a pseudonym that shorten the check of its signatures on a board (firmware/crypto/ed25519.ts), made
 * by who signs the license and by who hands it to the token. Public, and the same bytes every time.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { KEY_MULTIPLES_BYTES, KEY_MULTIPLES_COLUMNS, KEY_MULTIPLES_TEETH } from '../../../firmware/crypto/verifier.js';
import { MULTIPLES_HASH_BYTES } from '../../../firmware/wire/payment.js';
import { sha256 } from './hash.js';

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/**
 * Multiples of a key, 512 bytes; layout at KEY_MULTIPLES_BYTES.
 * @param pku 32 bytes, licensable
 * @throws Error when it is no point
 */
export function multiplesOf(pku: Uint8Array): Uint8Array {
  const teeth = [ed25519.Point.fromBytes(pku)];
  while (teeth.length < KEY_MULTIPLES_TEETH) {
    let next = teeth[teeth.length - 1]!;
    for (let i = 0; i < KEY_MULTIPLES_COLUMNS; i++) next = next.double();
    teeth.push(next);
  }
  const top = teeth.pop()!;
  const out = new Uint8Array(KEY_MULTIPLES_BYTES);
  for (let index = 0; index < KEY_MULTIPLES_BYTES / 64; index++) {
    const sum = teeth.reduce(
      (point, tooth, bit) => ((index >> bit) & 1 ? point.add(tooth) : point.subtract(tooth)),
      top,
    );
    const { x, y } = sum.toAffine();
    out.set(littleEndian(x), 64 * index);
    out.set(littleEndian(y), 64 * index + 32);
  }
  return out;
}

/** What a license says about multiples: the first 16 bytes of their SHA-256. */
export function multiplesHashOf(multiples: Uint8Array): Uint8Array {
  return sha256(multiples).slice(0, MULTIPLES_HASH_BYTES);
}
