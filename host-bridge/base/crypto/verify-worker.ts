/**
 * The worker thread of verify-pool.ts: a block of signatures in, which key each of them is by out.
 */
import { verifyPacked } from './verify-many.js';

export default function verifyBlock(packed: Uint8Array): Int16Array {
  return verifyPacked(packed);
}
