/**
 * What bridge and desk need of the services, and how they call them.
 *
 * The procedures are those of base/services/procedures.ts: over HTTP by http/client.ts, or the actors themselves in one
 * process.
 */
import type { Scheme } from '../../../firmware/core/scheme.js';
import type { AccountsOffice, BankService, IssuerService, Service, TrusteeService } from './procedures.js';
import { isFailure, isRetryable, refusal, type ErrorCode, type Result } from '../errors.js';
import { isFinal, type Sent } from './finality.js';

/** The refund that an approval is for, and nothing else. */
export interface ApprovedRefund {
  /** Id of the charge, or Rs, as hexadecimal. */
  payment: string;
  /** Minor units; null: all of the payment. */
  amount: number | null;
  /** Of the refund, 8 bytes as hexadecimal. */
  id: string;
}

/** An operator's word for one refund. */
export interface Approval {
  /** Key id, 8 bytes as hexadecimal. */
  operator: string;
  /** 64 bytes as hexadecimal. */
  signature: string;
}

/** The services of a shop's bridge with a desk. */
export interface Services {
  issuer: Service<Omit<IssuerService, 'succeed'>>;
  /** Default: the first row. */
  scheme?: Scheme;
  /** Who keeps the accounts, where it is not the issuer: histories and owned requests go there. */
  bank?: Service<Omit<BankService, 'succeed'>>;
  /** Where the desk registers users, if the trustee signs licenses. */
  trustee?: Service<Pick<TrusteeService, 'register' | 'renew'>>;
  /**
   * The office of who keeps the accounts, where the desk may act as an operator: all calls with the same arguments
   * under one request id act once (`createOfficeCall` of http/client.ts). @param requestId 16 random bytes
   */
  office?(requestId: Uint8Array): Service<Pick<AccountsOffice, 'openAccount' | 'fundAccount'>>;
  /** Whether that operator may put so much into an account, asked before anything is done. Codes: ROLE_FORBIDDEN. */
  checkFunding?(amount: number): Promise<Result<object>>;
  /**
   * Whether who signed an approval may give back so much of a payment, in sum; asked of who keeps the accounts
   * (`createApprovalCheck` of http/client.ts). Codes: ROLE_FORBIDDEN, OPERATOR_UNKNOWN and those of the connection.
   */
  checkApproval?(refund: ApprovedRefund, approval: Approval, sum: number): Promise<Result<object>>;
}

/** Bytes of a request id of the office. */
export const REQUEST_ID_BYTES = 16;

/**
 * Codes of a failure around one request alone, although they are a failure's: a wrong address, an answer that makes no
 * sense, a bug or a full disk that this request met. They hold up nothing else.
 */
const OF_ONE_REQUEST: ErrorCode[] = ['REPLY_INVALID', 'WRONG_SERVICE', 'INTERNAL', 'DATABASE_FULL'];

/** Whether nothing gets through at present, whatever is sent. */
export function isOutage(code: ErrorCode): boolean {
  return isRetryable(code) && !OF_ONE_REQUEST.includes(code);
}

/**
 * What a refusal means for a delivery: 'outage' stops all, 'held' this one for a while, 'final' this one for ever
 * (finality.ts).
 */
export function weigh(sent: Sent, code: ErrorCode): 'outage' | 'held' | 'final' {
  if (isFinal(sent, code)) return 'final';
  return isOutage(code) ? 'outage' : 'held';
}

/** Calls a service; what an actor in this process throws becomes a refusal, as it would over HTTP. */
export async function call<T>(run: () => Result<T> | Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await run();
  } catch (thrown) {
    return isFailure(thrown) ? refusal(thrown.code, thrown.detail) : refusal('INTERNAL');
  }
}
