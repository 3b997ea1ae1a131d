/** Text for a terminal of 80 columns. */
import { fitted } from '../../host-bridge/base/fitted-text.js';

const key = 'ab'.repeat(50);

test('what fits stays as it is', () => {
  const text = `3.50 EUR paid\n\n  two  blanks\n${'x'.repeat(80)}`;
  expect(fitted(text)).toBe(text);
});

test('a longer line goes on below, two blanks further in, with the same words', () => {
  const line = `  ${'word '.repeat(40)}end`;
  const lines = fitted(line).split('\n');
  expect(lines.length).toBeGreaterThan(2);
  expect(lines.every((part) => part.length <= 80)).toBe(true);
  expect(lines.map((part) => part.search(/\S/))).toEqual([2, ...lines.slice(1).map(() => 4)]);
  expect(lines.join(' ').split(/ +/)).toEqual(line.split(/ +/));
  // As full as it may be: the next word would not have fitted.
  expect(lines[0]!.length + ' word'.length).toBeGreaterThan(80);
});

test('a word of more than 80 characters is not broken, and a line before it or after it is', () => {
  expect(fitted(key)).toBe(key);
  expect(fitted(`pseudonym ${key} of Alice`)).toBe(`pseudonym\n  ${key}\n  of Alice`);
  expect(fitted(`  ${key} of Alice`)).toBe(`  ${key}\n    of Alice`);
});

test('a command to be copied stays in one line', () => {
  const command = `  ./tapcash provision token --name Alice --data /${'folder/'.repeat(12)}cafe`;
  expect(fitted(command)).toBe(command);
});
