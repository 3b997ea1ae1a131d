/**
 * A request that the issuer has opened, and what it decides about it: between issuer-requests.ts, which opens and
 * seals, and the procedures that decide.
 */
import { allCodes, type Code } from '../../../firmware/core/codes.js';
import type { ErrorCode, Result } from '../../base/errors.js';
import { isFinal, type Sent } from '../../base/services/finality.js';

/** A request after its decryption: what its reply is kept and sealed under. */
export interface Opened {
  kind: number;
  /** Request id, or KID and sequence. */
  id: Uint8Array;
  k: Uint8Array;
  kid: Uint8Array;
  sequence: number;
  body: Uint8Array;
}

/** What a reply says before it is sealed. */
export interface Decided {
  code: Code;
  /** Bodies of `replyPlain`, one for each box; none where the token must not take the refusal for its request's end. */
  bodies: Uint8Array[];
  /** A refusal that another state may end: there is no reply yet. */
  passing?: ErrorCode;
}

/** A code that boards do not know is REFUSED to them. */
function boardCode(code: string): Code {
  return (allCodes() as readonly string[]).includes(code) ? (code as Code) : 'REFUSED';
}

/** A refusal in a box of the token's. */
export function refused(code: string, body: Uint8Array = new Uint8Array(0)): Decided {
  return { code: boardCode(code), bodies: [body] };
}

/** What a bank brought in the open is answered by its code alone. */
export function answeredOpenly(sent: Sent, result: Result<object>): Decided {
  if (result.ok) return { code: 'OK', bodies: [] };
  const decided = { code: boardCode(result.code), bodies: [] };
  return isFinal(sent, result.code) ? decided : { ...decided, passing: result.code };
}
