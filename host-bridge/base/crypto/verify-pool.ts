/**
 * Signatures verified in worker threads, beside the thread that answers requests. A few are verified where they are:
 * to wake a thread for them takes longer. So the threads are started by the first block that is worth it.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { packageRoot } from '../package-root.js';
import { packChecks, verifyHere, type SignatureCheck, type VerifyMany } from './verify-many.js';

/** Fewer than these are verified where they are. */
const HERE_MAX = 4;

/** Threads beside the one that answers; more than these are no use to it. */
const THREADS_MAX = 8;

/** Fewest signatures for which another thread is woken. */
const BLOCK_MIN = 8;

/** A pool. */
export interface VerifyPool {
  verify: VerifyMany;
  /** How many threads it has, or would have. */
  threads: number;
  /** Ends the threads; what is under way is rejected. */
  close(): Promise<void>;
}

/** The worker's compiled file: beside this one, or in `dist/` where this one is TypeScript that a test runs. */
function workerFile(): string {
  const beside = fileURLToPath(new URL('verify-worker.js', import.meta.url));
  return existsSync(beside) ? beside : join(packageRoot(), 'dist/host-bridge/base/crypto/verify-worker.js');
}

/** @param threads default: one for each core but one, at least one */
export function createVerifyPool(threads = Math.max(1, Math.min(THREADS_MAX, availableParallelism() - 1))): VerifyPool {
  let pool: Promise<Piscina> | null = null;
  let closed = false;
  const start = async (): Promise<Piscina> => {
    const loaded = await import('piscina');
    // Its CommonJS form is the class itself, which jest takes for the default export.
    const Pool = loaded.Piscina ?? (loaded.default as unknown as typeof Piscina);
    return new Pool({ filename: workerFile(), minThreads: threads, maxThreads: threads });
  };

  return {
    threads,
    async verify(checks) {
      if (checks.length < HERE_MAX || closed) return verifyHere(checks);
      const running = await (pool ??= start());
      const blocks = blocksOf(checks, threads);
      const found = await Promise.all(
        blocks.map((block): Promise<Int16Array> => {
          const packed = packChecks(block);
          return running.run(packed, { transferList: [packed.buffer as ArrayBuffer] });
        }),
      );
      return found.length === 1 ? found[0]! : Int16Array.from(found.flatMap((part) => [...part]));
    },
    async close() {
      closed = true;
      await (await pool)?.destroy();
    },
  };
}

/** As many blocks as there are threads, where they are large enough for that. */
function blocksOf(checks: SignatureCheck[], threads: number): SignatureCheck[][] {
  const size = Math.max(BLOCK_MIN, Math.ceil(checks.length / threads));
  return Array.from({ length: Math.ceil(checks.length / size) }, (_, i) => checks.slice(i * size, (i + 1) * size));
}
