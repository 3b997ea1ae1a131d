/**
 * SHA-256 on the host (FIPS 180-4, by node:crypto). The boards' is in firmware/crypto. Left out: hashes of streams.
 */
import { createHash } from 'node:crypto';

/** The hash, 32 bytes. @param data bytes, or a text as UTF-8 */
export function sha256(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(data).digest());
}
