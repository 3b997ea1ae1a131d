/**
 * What of the desk only the schemes use that seal requests or blind coupons: an overlay of its own beside the desk's
 * (main.ts), so that other tokens need no room for it.
 */
import { createCoupons } from './desk-coupons.js';
import type { Coupons } from './desk-coupons.js';
import { createPapers } from './desk-papers.js';
import { createReplies } from './desk-reply.js';
import { createSealedRequests } from './desk-sealed.js';
import type { SealedRequests } from './desk-sealed.js';
import type { DeskTools } from './desk-tools.js';
import type { PurseAnswer, PurseState } from '../purse.js';
import type { Requests } from '../requests.js';

/** The parts. */
export interface SealedDesk {
  sealed: SealedRequests;
  /** null where the scheme has none. */
  coupons: Coupons | null;
  /** REPLY. */
  reply(data: Uint8Array): PurseAnswer;
}

/** Makes the parts over the purse's state. @param progress told of each pseudonym done in a registration */
export function createSealedDesk(
  state: PurseState,
  requests: Requests,
  tools: DeskTools,
  progress: (done: number, total: number) => void,
): SealedDesk {
  const sealed = createSealedRequests(state, requests, tools, progress);
  const coupons = state.config.issue === 'coupon' ? createCoupons(state, requests, sealed, tools) : null;
  return {
    sealed: sealed,
    coupons: coupons,
    reply: createReplies(state, requests, createPapers(state), tools, coupons, progress),
  };
}
