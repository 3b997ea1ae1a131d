/**
 * The error table, its documentation and its use agree. `UPDATE_DOCS=1 npx jest test/base/errors` writes docs/errors.md
 * anew.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allCodes } from '../../firmware/core/codes.js';
import {
  bodyOfThrown,
  ERRORS,
  errorBody,
  EXIT,
  exitCodeOf,
  failure,
  isErrorCode,
  isFailure,
  isRetryable,
  messageOf,
  refusal,
  type ErrorCode,
} from '../../host-bridge/base/errors.js';

const ROOT = join(__dirname, '../..');
const DOCS = join(ROOT, 'docs', 'errors.md');
const codes = Object.keys(ERRORS) as ErrorCode[];

const HEAD = `# Errors

Every refusal and every failure has one of these codes. An HTTP reply carries it as \`{code, message, remedy}\` with the status
below, and so does \`--json\` output. A command ends with the exit code below.

The first ${allCodes().length} codes are the boards' own. On the radio such a code is the status word 0x6400 + number (firmware/core/codes.ts).
The codes at the end, from RF_LOST on, are those of drivers on a board; people see them in logs. All others exist on the host only.
The table is host-bridge/base/errors.ts, and a test makes this page from it.

| exit | means |
|---|---|
| 0 | done |
| 1 | refused: the same again will be refused again |
| 2 | the command line is wrong |
| 3 | something around the command failed: port, file, database, service, board |
| 4 | money or evidence does not add up |

Words such as history, house, license, pseudonym and tombstone stand in the [glossary](architecture.md#7-glossary).

| code | number | HTTP | exit | cause | remedy |
|---|---|---|---|---|---|
`;

function page(): string {
  const cell = (text: string) => text.replace(/\|/g, '\\|');
  const rows = codes.map((code) => {
    const { cause, remedy, http, exit } = ERRORS[code];
    const number = (allCodes() as readonly string[]).indexOf(code);
    return `| ${code} | ${number < 0 ? '' : number} | ${http} | ${exit} | ${cell(cause)} | ${cell(remedy)} |\n`;
  });
  return HEAD + rows.join('');
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => join(ROOT, folder, path));
}

test('docs/errors.md has exactly the codes of the table, with their words', () => {
  if (process.env['UPDATE_DOCS']) writeFileSync(DOCS, page());
  expect(readFileSync(DOCS, 'utf8')).toBe(page());
});

test('the table starts with every code of the boards, in their order', () => {
  expect(codes.slice(0, allCodes().length)).toEqual([...allCodes()]);
});

test.each(codes)('%s has a cause, a remedy, a status and an exit code that fit', (code) => {
  const { cause, remedy, http, exit } = ERRORS[code];
  expect(cause).toMatch(/^[A-Z].*\.$/);
  expect(remedy).toMatch(/^[A-Z].*\.$/);
  expect(http === 200).toBe(code === 'OK');
  expect(exit === 0).toBe(code === 'OK');
  if (code !== 'OK') expect(http >= 400 && http <= 599).toBe(true);
  expect(Object.values(EXIT)).toContain(exit);
  expect(exitCodeOf(code)).toBe(exit);
});

test('every code that a source names stands in the table', () => {
  const unknown: string[] = [];
  let found = 0;
  for (const path of [...sourcesIn('host-bridge'), ...sourcesIn('firmware'), ...sourcesIn('flash-scripts')]) {
    const text = readFileSync(path, 'utf8');
    for (const match of text.matchAll(
      /\b(?:refuse|refusal|failure|errorBody|flashError|statusWord|codeNumber)\(\s*'([A-Z][A-Z0-9_]*)'|\bcode: '([A-Z][A-Z0-9_]*)'/g,
    )) {
      found++;
      const code = match[1] ?? match[2];
      if (!isErrorCode(code)) unknown.push(`${path}: ${code}`);
    }
  }
  expect(unknown).toEqual([]);
  expect(found).toBeGreaterThan(50);
});

test('a failure says its code, cause and detail, and is recognised in any realm', () => {
  const thrown = failure('PORT_IN_USE', '127.0.0.1:80', new Error('EADDRINUSE'));
  expect(thrown).toMatchObject({ code: 'PORT_IN_USE', detail: '127.0.0.1:80', name: 'TapcashError' });
  expect(thrown.message).toBe('Another program uses this port. (127.0.0.1:80)');
  expect(isFailure(thrown)).toBe(true);
  expect(isFailure({ name: 'TapcashError', code: 'PORT_IN_USE' })).toBe(true);
  expect(isFailure({ name: 'TapcashError', code: 'NO_SUCH_CODE' })).toBe(false);
  expect(isFailure(new Error('x'))).toBe(false);
  expect(isFailure(null)).toBe(false);
});

test('bodies carry code, message and remedy; what is not ours stays in the log', () => {
  expect(errorBody('TOMBSTONED')).toEqual({
    code: 'TOMBSTONED',
    message: ERRORS.TOMBSTONED.cause,
    remedy: ERRORS.TOMBSTONED.remedy,
  });
  expect(bodyOfThrown(failure('DATABASE_FULL', '/x'))).toMatchObject({
    code: 'DATABASE_FULL',
    message: messageOf('DATABASE_FULL', '/x'),
  });
  expect(JSON.stringify(bodyOfThrown(new Error('secret')))).not.toContain('secret');
  expect(refusal('BUSY')).toEqual({ ok: false, code: 'BUSY' });
  expect(refusal('BUSY', 'why')).toEqual({ ok: false, code: 'BUSY', detail: 'why' });
  expect(isErrorCode('toString')).toBe(false);
});

test('only failures around a request are worth repeating', () => {
  const retryable: ErrorCode[] = ['SERVICE_DOWN', 'SERVICE_SILENT', 'DATABASE_LOCKED', 'DATABASE_FULL', 'INTERNAL'];
  const final: ErrorCode[] = [
    'OK',
    'TOMBSTONED',
    'SIGNATURE_INVALID',
    'HISTORY_FULL',
    'FUNDS_INSUFFICIENT',
    'BAD_REQUEST',
    'LICENSE_EXPIRED',
  ];
  expect(retryable.filter((code) => !isRetryable(code))).toEqual([]);
  expect(final.filter((code) => isRetryable(code))).toEqual([]);
});
