/**
 * Where a rig needs what must not be refused.
 */
import { failure, type Result } from '../base/errors.js';

/** Unwraps a named result. @throws TapcashError of its code */
export function must<T>(what: string, result: Result<T>): Extract<Result<T>, { ok: true }> {
  if (!result.ok) throw failure(result.code, result.detail ? `${what}: ${result.detail}` : what);
  return result as Extract<Result<T>, { ok: true }>;
}
