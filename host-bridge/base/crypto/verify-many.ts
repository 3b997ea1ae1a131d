/**
 * Many signatures at once: what is verified, packed into one block of bytes, so that it can go to another thread in one
 * piece; and the verification of a block. The rule is that of ed25519-verify.ts.
 *
 * A block is one signature after another: how many keys it may be by (1 byte), the length of the message (2 bytes,
 * big-endian), the keys, the signature, the message.
 */
import { verify } from './ed25519-verify.js';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const HEAD_BYTES = 3;

/** A signature, and the keys that it may be by. */
export interface SignatureCheck {
  /** At most 255 of them, 32 bytes each. */
  keys: Uint8Array[];
  /** At most 65,535 bytes. */
  message: Uint8Array;
  signature: Uint8Array;
}

/** Which of its keys each signature is by; -1: none of them. */
export type VerifyMany = (checks: SignatureCheck[]) => Promise<Int16Array>;

/** @throws RangeError for keys or signatures of another length, and messages that are too long */
export function packChecks(checks: SignatureCheck[]): Uint8Array {
  const bytes = checks.reduce(
    (sum, { keys, message }) => sum + HEAD_BYTES + keys.length * KEY_BYTES + SIGNATURE_BYTES + message.length,
    0,
  );
  const out = new Uint8Array(bytes);
  let at = 0;
  for (const { keys, message, signature } of checks) {
    if (keys.length > 255 || message.length > 65_535 || signature.length !== SIGNATURE_BYTES)
      throw new RangeError('a signature that cannot be packed');
    out.set([keys.length, message.length >> 8, message.length & 255], at);
    at += HEAD_BYTES;
    for (const key of keys) {
      if (key.length !== KEY_BYTES) throw new RangeError('a key has 32 bytes');
      out.set(key, at);
      at += KEY_BYTES;
    }
    out.set(signature, at);
    out.set(message, at + SIGNATURE_BYTES);
    at += SIGNATURE_BYTES + message.length;
  }
  return out;
}

/** Verifies a block. @param packed as `packChecks` gives it */
export function verifyPacked(packed: Uint8Array): Int16Array {
  const found: number[] = [];
  for (let at = 0; at < packed.length;) {
    const keys = packed[at]!;
    const messageBytes = (packed[at + 1]! << 8) | packed[at + 2]!;
    const keysAt = at + HEAD_BYTES;
    const signatureAt = keysAt + keys * KEY_BYTES;
    const messageAt = signatureAt + SIGNATURE_BYTES;
    at = messageAt + messageBytes;
    const signature = packed.subarray(signatureAt, messageAt);
    const message = packed.subarray(messageAt, at);
    let by = -1;
    for (let i = 0; i < keys && by < 0; i++) {
      const key = packed.subarray(keysAt + i * KEY_BYTES, keysAt + (i + 1) * KEY_BYTES);
      if (verify(key, message, signature)) by = i;
    }
    found.push(by);
  }
  return Int16Array.from(found);
}

/** Verifies in the thread that calls. */
export const verifyHere: VerifyMany = async (checks) => verifyPacked(packChecks(checks));
