/**
 * What the terminal reports of a charge: after each tap with its durations, and when it changed otherwise.
 */
import { Code, codeNumber } from '../core/codes.js';
import { tapReport } from '../wire/link/link-messages.js';
import { TapOutcome } from './tap.js';
import { ChargeView } from './till.js';

/** Encoded `tapReport` of a tap, or (without outcome) of a charge that changed otherwise. */
export function encodeReport(
  view: ChargeView,
  code: Code,
  outcome: TapOutcome | null,
  flashWrites: number,
): Uint8Array {
  return tapReport.encode({
    chargeId: view.id,
    rs: view.rs,
    amount: view.amount,
    chargeState: view.state,
    code: codeNumber(code),
    selectMs: outcome ? outcome.selectMs : 0,
    licenseMs: outcome ? outcome.licenseMs : 0,
    challengeMs: outcome ? outcome.challengeMs : 0,
    verifyMs: outcome ? outcome.verifyMs : 0,
    flashMs: outcome ? outcome.flashMs : 0,
    paidMs: outcome ? outcome.paidMs : 0,
    flashWrites: flashWrites,
  });
}
