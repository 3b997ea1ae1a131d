/**
 * How commands end that fail: what was wrong and what to do, on standard error, with the exit code of the failure's
 * line in host-bridge/base/errors.ts.
 */
import { bodyOfThrown, exitCodeOf, failure, isErrorCode, EXIT, type ErrorCode } from '../base/errors.js';
import { fitted } from '../base/fitted-text.js';

/** What the flash scripts throw, in the host's table: their message names the place. */
function fromScripts(thrown: unknown): unknown {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: string };
  if (typeof code !== 'string') return thrown;
  if (code === 'BOARD_INVALID') return failure('BOARD_CONFIG_INVALID', message);
  if (code.startsWith('BUILD_')) return failure('BUILD_FAILED', message);
  return code === 'INTERPRETER_MISSING' && isErrorCode(code) ? failure(code, message) : thrown;
}

/** What the system says of files, and what it means for people. */
const OF_SYSTEM: Record<string, ErrorCode> = {
  ...{ EACCES: 'FILE_DENIED', EPERM: 'FILE_DENIED', EROFS: 'FILE_DENIED' },
  ...{ ENOSPC: 'DISK_FULL', EDQUOT: 'DISK_FULL' },
  ...{ ENOENT: 'FILE_MISSING', ENOTDIR: 'FILE_MISSING', EISDIR: 'FILE_MISSING' },
};

/** A failure of the system's about a file, in the host's table. */
function fromSystem(thrown: unknown): unknown {
  const { code, path, syscall } = (thrown ?? {}) as NodeJS.ErrnoException;
  const ours = typeof code === 'string' && syscall !== undefined ? OF_SYSTEM[code] : undefined;
  return ours ? failure(ours, path ?? `${code} at ${syscall}`, thrown) : thrown;
}

/**
 * A stack trace without what may be a key: hexadecimal of 16 bytes or more, and PEM. What is unforeseen was thrown by
 * code that did not think of that.
 */
const withoutSecrets = (text: string): string =>
  text.replace(/-----BEGIN[^]*?-----END[^\n]*/g, '[redacted]').replace(/[0-9a-f]{32,}/gi, '[redacted]');

/** Prints a failure and sets the exit code. */
export function reportFailure(original: unknown, json: boolean): void {
  const thrown = fromSystem(fromScripts(original));
  const body = bodyOfThrown(thrown);
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: body })}\n`);
  process.stderr.write(`tapcash: ${body.code}: ${body.message}\n`);
  if (body.remedy) process.stderr.write(`${fitted(`  ${body.remedy}`)}\n`);
  if (body.code === 'INTERNAL') process.stderr.write(`${withoutSecrets((thrown as Error)?.stack ?? String(thrown))}\n`);
  process.exitCode = isErrorCode(body.code) ? exitCodeOf(body.code) : EXIT.environment;
}

/**
 * Ends the program, with a reason instead of a stack trace, where what it prints can no longer be written: whoever read
 * it has gone (`tapcash linkage | head -1`), or its disk is full.
 */
export function watchOutput(): void {
  process.stdout.on('error', (thrown: NodeJS.ErrnoException) => {
    reportFailure(thrown.code === 'EPIPE' ? failure('OUTPUT_CLOSED', undefined, thrown) : thrown, false);
    process.exit();
  });
  // Nobody reads what would be said of it.
  process.stderr.on('error', () => process.exit(EXIT.environment));
}
