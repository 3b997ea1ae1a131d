/**
 * What a charge (IdS, Rs) can come to beside its deposit (credits.ts), as acts that an engine runs: its shop cancels
 * it, or its payer claims the debit back. Each excludes a deposit, so each engine decides them over one locked row.
 */
import type { Result } from '../base/errors.js';
import type { ClaimRuling } from './rules-refund.js';
import type { ClaimRow } from './store.js';

/** A tombstone whose signature was verified. */
export interface BuryAct {
  shop: string;
  rs: Uint8Array;
  /** Encoded `tombstone`. */
  tombstone: Uint8Array;
  nowS(): number;
  /** @param facts whether a tombstone of this charge is there, and whether any pseudonym's history of it is */
  judge(facts: { stored: boolean; deposited: boolean }): Result<{ repeated: boolean }>;
}

/** A claim whose history was verified. */
export interface ClaimAct extends Pick<ClaimRow, 'pku' | 'shop' | 'rs'> {
  /** @returns the ruling, and the row that is to be written; null: nothing is */
  judge(facts: { stored: ClaimRow | null; deposited: boolean; buried: boolean }): {
    ruling: Result<ClaimRuling>;
    row: ClaimRow | null;
  };
}

/** What an engine makes of them: one transaction each, durable when it resolves. */
export interface ChargeEngine {
  bury(act: BuryAct): Promise<Result<{ repeated: boolean }>>;
  claim(act: ClaimAct): Promise<Result<ClaimRuling>>;
}
