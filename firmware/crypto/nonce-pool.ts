/*
 * Nonces made while a token is idle, so that a tap needs one hash and one scalar product.
 *
 * They are in RAM only: flash that is copied or rolled back would sign two messages under one R and
 * give the key away. A nonce leaves the pool once, by take(), and sign() empties it.
 */
import type { Ed25519, Nonce, NonceJob, Random } from './ed25519.js';

/** A pool of nonces. */
export interface NoncePool {
  /** A nonce that nobody had before; made on the spot if the pool is empty. */
  take(): Nonce;
  /**
   * A bounded piece of work towards a full pool, for idle time: one column of a multiplication (a doubling
   * and three additions; the first also draws k), or one inversion, or one encoding. Each took 1 to 4 ms on
   * the Linux build (-O2, November 2026), so some hundred times that on an ESP32 (estimate). A nonce takes
   * 12 pieces, and each batch one more. Returns whether the pool is full.
   */
  fillStep(): boolean;
  /** Nonces ready now. */
  level(): number;
}

/** What a pool is made from. */
export interface NoncePoolOptions {
  /** What makes them; asked for at each piece of work, so that it can be loaded then. */
  ed: () => Ed25519;
  /** Draws secret bytes: nonce-source.ts. */
  random: Random;
  /** Nonces that the pool holds at most. */
  size: number;
  /** Nonces that share an inversion. */
  batch: number;
}

/** An empty pool. */
export function createNoncePool(options: NoncePoolOptions): NoncePool {
  const ready: Nonce[] = [];
  let job: NonceJob | null = null;

  function take(): Nonce {
    return ready.shift() || options.ed().makeNonces(options.random, 1)[0];
  }

  function fillStep(): boolean {
    if (!job) {
      const room = options.size - ready.length;
      if (room <= 0) return true;
      job = options.ed().startNonces(room < options.batch ? room : options.batch);
    }
    const nonces = options.ed().stepNonces(job, options.random);
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
