/*
 * Nonces made while a token is idle, so that a tap needs one hash and one scalar product.
 *
 * They are in RAM only: flash that is copied or rolled back would sign two messages under one R and
 * give the key away. A nonce leaves the pool once, by take(), and sign() empties it.
 */
import type { NonceJob, NonceMaker } from './nonce-maker.js';
import type { Nonce } from './signer.js';
import type { NonceSource } from './nonce-source.js';

/** A pool of nonces. */
export interface NoncePool {
  /** A nonce that nobody had before, made on the spot if the pool is empty; null where its source is not ready. */
  take(): Nonce | null;
  /**
   * A bounded piece of work towards a full pool, for idle time: one column of a multiplication (a doubling
   * and three additions; the first also draws k), or one inversion, or one encoding. Each took 1 to 4 ms on
   * the Linux build (-O2, November 2026), so some hundred times that on an ESP32 (estimate). A nonce takes
   * 12 pieces, and each batch one more. Returns whether the pool is full.
   * @throws Error where fresh entropy is due and does not come
   */
  fillStep(): boolean;
  /** Nonces ready now. */
  level(): number;
}

/** What a pool is made from. */
export interface NoncePoolOptions {
  /** What makes them; asked for at each piece of work, so that it can be loaded then. */
  ed: () => NonceMaker;
  /** Draws secret bytes. */
  source: Pick<NonceSource, 'draw' | 'isReady'>;
  /** Nonces that the pool holds at most. */
  size: number;
  /** Nonces that share an inversion. */
  batch: number;
}

/** An empty pool. */
export function createNoncePool(options: NoncePoolOptions): NoncePool {
  const ready: Nonce[] = [];
  const source = options.source;
  let job: NonceJob | null = null;

  function take(): Nonce | null {
    return ready.shift() || (source.isReady() ? options.ed().makeNonces(source.draw, 1)[0] : null);
  }

  function fillStep(): boolean {
    if (!job) {
      const room = options.size - ready.length;
      if (room <= 0) return true;
      job = options.ed().startNonces(room < options.batch ? room : options.batch);
    }
    const nonces = options.ed().stepNonces(job, source.draw);
    if (nonces) {
      job = null;
      for (let i = 0; i < nonces.length; i++) ready.push(nonces[i]);
    }
    return ready.length >= options.size;
  }

  function level(): number {
    return ready.length;
  }

  return { take, fillStep, level };
}
