/**
 * docs/protocol.md shows every message's layout exactly as the code has it. After a change of a layout:
 * UPDATE_PROTOCOL=1 npx jest test/wire/protocol-doc
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layouts, layoutTable } from './layouts.js';
import { allCodes, statusWord } from '../../firmware/core/codes.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { FRAME } from '../../firmware/wire/link/link-frame.js';
import { SIGNED } from '../../firmware/wire/signed.js';

const path = join(__dirname, '../../docs/protocol.md');
const MARK = '<!-- layouts: made from firmware/wire, checked by test/wire/protocol-doc.test.ts -->';

function numbers(title: string, table: Record<string, number>, digits: number): string {
  const rows = Object.entries(table).map(
    ([name, value]) => `| 0x${value.toString(16).padStart(digits, '0')} | ${name} |`,
  );
  return [`### ${title}`, '', '| number | name |', '|---|---|', ...rows].join('\n');
}

const expected = [
  MARK,
  ...layouts.map(layoutTable),
  numbers('Signed message types', SIGNED, 2),
  numbers('APDU instructions', INS, 2),
  numbers('Serial frame types', FRAME, 2),
  numbers('Serial message kinds', KIND, 2),
  numbers('Result codes as status words', Object.fromEntries(allCodes().map((code) => [code, statusWord(code)])), 4),
].join('\n\n');

test('the document holds the layouts of the code', () => {
  const text = readFileSync(path, 'utf8');
  const head = text.slice(0, text.indexOf(MARK));
  if (process.env.UPDATE_PROTOCOL) writeFileSync(path, head + expected + '\n');
  expect(readFileSync(path, 'utf8')).toBe(head + expected + '\n');
  expect(head.length).toBeGreaterThan(1000);
});
