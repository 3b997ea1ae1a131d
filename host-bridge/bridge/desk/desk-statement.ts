/**
 * The owner's statement at the desk: the payments in the token's journal, each with the signature that proves it; and
 * the claims for those that no shop has deposited (docs/architecture.md 4, "Reconcile").
 *
 * Neither asks the token for its account key or its name: whoever runs the desk sees pseudonyms here, and should not
 * learn from the same session whose they are. So the receipt for what came back is fetched by `collect`, another time.
 */
import { challenge, chargeId, history, license, licenseBody } from '../../../firmware/wire/payment.js';
import { debitAnswer, debitRequest, INS } from '../../../firmware/wire/token-commands.js';
import type { KeyLine } from '../../base/keys/key-line.js';
import { refusal, type ErrorCode, type Result } from '../../base/errors.js';
import type { DeskSteps } from './desk-steps.js';
import type { Services } from '../../base/services/calls.js';
import { createVerifier } from '../verifier.js';

/** Places in the journal, at most: one byte. */
const SLOTS_MAX = 256;

/** A payment as its payer can prove it. */
export interface Debit {
  shop: string;
  amount: number;
  /** Seconds of Ts; 0 where the terminal had no time. */
  timeS: number;
  rs: Uint8Array;
  pku: Uint8Array;
  /** The shop acknowledged it. */
  settled: boolean;
  /** Encoded `history`. */
  history: Uint8Array;
  /** Its license is the registrar's and its signature SKU's, as anybody can check. */
  verified: boolean;
}

/** What became of a claim. */
export interface ClaimLine {
  shop: string;
  amount: number;
  rs: Uint8Array;
  /**
   * `paid`: the shop did deposit it; `open` until `dueS`; `granted`: a receipt is there to collect; `refused`: see
   * `code`.
   */
  state: 'paid' | 'open' | 'granted' | 'refused';
  dueS: number | null;
  code: ErrorCode | null;
}

/** Reads every debit of the journal, oldest place first. @param registrar PKR, and what has followed it */
export async function readStatement(steps: DeskSteps, registrar: KeyLine): Promise<Result<{ debits: Debit[] }>> {
  const verifier = createVerifier({ registrar });
  const debits: Debit[] = [];
  for (let slot = 0; slot < SLOTS_MAX;) {
    const read = await steps.token('statement', INS.debit, debitRequest.encode({ slot }), (answer) =>
      debitAnswer.decode(answer),
    );
    if (!read.ok) return read.code === 'NO_CHARGE' ? { ok: true, debits } : read;
    const h = history.decode(read.answer.history);
    const paid = h && challenge.decode(h.challenge);
    const terms = h && licenseBody.decode(license.decode(h.license)!.body);
    if (!paid || !terms || read.answer.slot < slot) return refusal('BAD_REQUEST', "the token's journal");
    const { shop, amount, timeS, rs } = paid;
    debits.push({
      shop,
      amount,
      timeS,
      rs,
      pku: terms.pku,
      settled: read.answer.settled === 1,
      history: read.answer.history,
      verified: verifier.history(read.answer.history) === 'OK',
    });
    slot = read.answer.slot + 1;
  }
  return { ok: true, debits };
}

/**
 * Claims every debit that no shop acknowledged. One that is decided is settled on the token, so that its place is free
 * again.
 */
export async function claimDebits(
  services: Services,
  steps: DeskSteps,
  registrar: KeyLine,
): Promise<Result<{ claims: ClaimLine[] }>> {
  const read = await readStatement(steps, registrar);
  if (!read.ok) return read;
  const claims: ClaimLine[] = [];
  for (const debit of read.debits.filter(({ settled }) => !settled)) {
    const { shop, amount, rs } = debit;
    const said = await steps.service('claim', () => (services.bank ?? services.issuer).claim(debit.history));
    const state = said.ok ? said.state : said.code === 'ALREADY_PAID' ? 'paid' : 'refused';
    claims.push({
      shop,
      amount,
      rs,
      state,
      dueS: said.ok ? said.dueS : null,
      code: state === 'refused' && !said.ok ? said.code : null,
    });
    if (state !== 'paid' && state !== 'granted') continue;
    const settled = await steps.token('settle', INS.ack, chargeId.encode({ rs, shop }), (answer) => answer);
    if (!settled.ok) return settled;
  }
  return { ok: true, claims };
}
