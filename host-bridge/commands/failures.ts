/**
 * How commands end that fail: what was wrong and what to do, on standard error, with the exit code of the failure's
 * line in host-bridge/base/errors.ts.
 */
import { bodyOfThrown, exitCodeOf, failure, isErrorCode, EXIT } from '../base/errors.js';

/** What the flash scripts throw, in the host's table: their message names the place. */
function fromScripts(thrown: unknown): unknown {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: string };
  if (typeof code !== 'string') return thrown;
  if (code === 'BOARD_INVALID') return failure('BOARD_CONFIG_INVALID', message);
  if (code.startsWith('BUILD_')) return failure('BUILD_FAILED', message);
  return code === 'INTERPRETER_MISSING' && isErrorCode(code) ? failure(code, message) : thrown;
}

/** Prints a failure and sets the exit code. */
export function reportFailure(original: unknown, json: boolean): void {
  const thrown = fromScripts(original);
  const body = bodyOfThrown(thrown);
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: body })}\n`);
  process.stderr.write(`tapcash: ${body.code}: ${body.message}\n`);
  if (body.remedy) process.stderr.write(`  ${body.remedy}\n`);
  if (body.code === 'INTERNAL') process.stderr.write(`${(thrown as Error)?.stack ?? String(thrown)}\n`);
  process.exitCode = isErrorCode(body.code) ? exitCodeOf(body.code) : EXIT.environment;
}
