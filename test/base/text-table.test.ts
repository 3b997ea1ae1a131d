/** Tables in the terminal. */
import { table } from '../../host-bridge/base/text-table.js';

const long = 'a sentence that is much longer than everything else in its row, so that it cannot stay in one line';

test('columns as wide as their cells, two blanks apart, nothing after the last word, no colours', () => {
  expect(
    table(
      [
        ['Ada', '3.50 EUR', ''],
        ['Bartholomew', '100.00 EUR', 'x'],
      ],
      { head: ['user', 'balance', 'note'], align: 'lr', indent: 2 },
    ),
  ).toEqual(['  user            balance  note', '  Ada            3.50 EUR', '  Bartholomew  100.00 EUR  x']);
  expect(table([['a', 'b']])).toEqual(['a  b']);
  expect(table([])).toEqual([]);
  expect(table([], { head: ['user', 'balance'] })).toEqual(['user  balance']);
});

test('what is too long goes on in the next line, and nothing is cut', () => {
  const lines = table(
    [
      ['key', long],
      ['other', 'short'],
    ],
    { indent: 2 },
  );
  expect(lines.every((line) => line.length <= 80)).toBe(true);
  expect(lines).toHaveLength(3);
  expect(lines.slice(0, 2).join(' ').replace('key', '').split(/ +/).filter(Boolean).join(' ')).toBe(long);
});

test('letters of East Asia are two columns wide, marks none', () => {
  const lines = table([
    ['\u5c0f\u6797', '1.00', 'x'],
    ['Zoe\u0308', '2.00', 'x'],
    ['Ada', '3.00', 'x'],
  ]);
  expect(lines).toEqual(['\u5c0f\u6797  1.00  x', 'Zoe\u0308   2.00  x', 'Ada   3.00  x']);
});

test('a word longer than the line stays whole', () => {
  const key = '0123456789abcdef'.repeat(8);
  expect(
    table([
      ['key', key],
      ['other', long],
    ]).join('\n'),
  ).toContain(key);
});
