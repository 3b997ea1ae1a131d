/**
 * What a forger may make of a signature.
 */
import { fromLittleEndian, L, P, random, toLittleEndian } from './crypto-kit.js';

/** A number below `count`. */
export const pick = (count: number): number => random(4).reduce((sum, byte) => sum * 256 + byte, 0) % count;

/** Signature, message and key after a mutation that a forger might try. */
export function mutate(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): [Uint8Array, Uint8Array, Uint8Array] {
  const bad = signature.slice();
  const S = fromLittleEndian(signature.subarray(32));
  switch (pick(9)) {
    case 0:
      return [key, message, ((bad[pick(64)]! ^= 1 << pick(8)), bad)];
    case 1:
      return [key, message, (bad.set(toLittleEndian(S + L), 32), bad)];
    case 2:
      return [key, message, (bad.set(toLittleEndian(L - S), 32), bad)];
    case 3:
      return [key, message, (bad.set(random(32), 0), bad)];
    case 4:
      return [key, message, ((bad[31]! ^= 128), bad)];
    case 5:
      return [
        key,
        message,
        (bad.set(toLittleEndian((fromLittleEndian(signature.subarray(0, 32)) % 2n ** 255n) + P), 0), bad),
      ];
    case 6:
      return [key, new Uint8Array([...message, 0]), bad];
    case 7:
      return [
        (() => {
          const other = key.slice();
          other[pick(32)]! ^= 1 << pick(8);
          return other;
        })(),
        message,
        bad,
      ];
    default:
      return [key, message, (bad.set(toLittleEndian(0n), 32), bad)];
  }
}
