/**
 * Terminals whose place was taken. An operator says so; the issuer signs it, because its key is the one that every
 * terminal has; bridges ask for it and bring it to the terminal itself, which opens no charge from then on. A mistake
 * is taken back by a later notice. The issuer need not know the terminal: where a bank keeps the accounts, it does not.
 */
import { retiredBody, signedRetired } from '../../../firmware/wire/notices.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { refusal, type Result } from '../../base/errors.js';
import { ruleRetire } from '../../ledger/rules.js';
import type { IssuerContext } from './issuer-context.js';

const TERMINAL_ID_BYTES = 4;

/** An operator's word on a terminal. @param retired its place was taken; false: that was a mistake */
export function retireTerminal(
  { store, signer, issuer, nowS }: IssuerContext,
  operator: string,
  terminalId: Uint8Array,
  retired: boolean,
  why: string,
): Result<{ repeated: boolean }> {
  if (terminalId.length !== TERMINAL_ID_BYTES) return refusal('BAD_REQUEST', 'terminal id');
  return store.transaction(() => {
    const last = store.terminalNotice(terminalId);
    const ruling = ruleRetire({ why, retired, wasRetired: last?.retired ?? false });
    if (!ruling.ok || ruling.repeated) return ruling;
    // Later than the one before, whatever the clock says: the terminal takes no other.
    const timeS = Math.max(nowS(), (last?.timeS ?? 0) + 1);
    const body = retiredBody.encode({ issuer, terminalId, timeS, retired: retired ? 1 : 0 });
    const notice = signedRetired.encode({ body, signature: signer.sign(SIGNED.retired, body) });
    store.addTerminalNotice({ terminalId, timeS, retired, operator, why, notice });
    return ruling;
  });
}
