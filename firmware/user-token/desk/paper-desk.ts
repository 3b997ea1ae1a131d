/**
 * The desk commands that bring what a house signed in the open: LICENSE and RECEIPT (EP 0926637 [0016], [0021]).
 *
 * An overlay of its own (main.ts): while a signature is checked there is no room for the rest of the desk. As in
 * desk.ts, what a house sent needs no open desk: a receipt, and a license that is held already, are only ever good for
 * their owner.
 */
import { equal } from '../../core/bytes.js';
import { refuse } from '../../core/codes.js';
import { INS, licenseGrant, receiptAnswer } from '../../wire/token-commands.js';
import { receipt, receiptBody } from '../../wire/withdrawal.js';
import { createPapers } from './desk-papers.js';
import { guarded, isDeskOpen } from '../purse.js';
import type { PurseAnswer, PurseState } from '../purse.js';
import { RECORD } from '../token-records.js';

const NOTHING = new Uint8Array(0);

/** Answers commands that isPaperCommand() knows. */
export type PaperDesk = (ins: number, data: Uint8Array, nowMs: number) => PurseAnswer;

/** Makes it over the purse's state. */
export function createPaperDesk(state: PurseState): PaperDesk {
  const papers = createPapers(state);

  function takeLicense(data: Uint8Array): PurseAnswer {
    // 1. It is a license with multiples, of a scheme that gives them in the open.  2. As papers.takeLicense().
    const grant = licenseGrant.decode(data);
    if (!grant || state.config.registration !== 'open') return refuse('BAD_REQUEST');
    return papers.takeLicense(0, grant) || { ok: true, data: NOTHING };
  }

  /** With the desk closed. */
  function again(data: Uint8Array): PurseAnswer {
    // Of a token whose licenses came sealed nobody is to learn which pseudonyms it has.
    const held = state.config.registration === 'open' && state.records.get(RECORD.license, 0);
    return held && equal(held, data) ? { ok: true, data: NOTHING } : refuse('DESK_CLOSED');
  }

  function takeReceipt(data: Uint8Array): PurseAnswer {
    const refused = papers.takeReceipt(data);
    if (refused) return refused;
    // Its own number, also where later ones were taken since: the same receipt has the same answer.
    const body = receiptBody.decode(receipt.decode(data)!.body)!;
    return { ok: true, data: receiptAnswer.encode({ receiptNumber: body.number }) };
  }

  return function (ins, data, nowMs) {
    return guarded<PurseAnswer>(state, function () {
      if (ins === INS.receipt) return takeReceipt(data);
      return isDeskOpen(state, nowMs) ? takeLicense(data) : again(data);
    });
  };
}
