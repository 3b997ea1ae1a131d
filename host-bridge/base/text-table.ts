/**
 * Tables in the terminal, laid out by cli-table3: columns two blanks apart, no lines, no colours, 80 columns wide where
 * the words allow it. Nothing is ever cut: a word that is longer than its column makes the table wider.
 */
import Table from 'cli-table3';
import { TEXT_WIDTH } from './fitted-text.js';

const GAP = '  ';
/** cli-table3's lines, all of them empty but the gap between two columns. */
const NO_LINES = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ].map((name) => [name, '']),
);

/**
 * Lines of a table; a text that does not fit into its column goes on in the next line.
 *
 * @param rows as many cells in each
 * @param options.head titles of the columns; default: none
 * @param options.align `l` or `r` for each column; default: all to the left
 * @param options.indent blanks before each line
 * @example
 *   table([['Ada', '3.50 EUR']], { head: ['user', 'balance'], align: 'lr' }).join('\n');
 */
export function table(
  rows: string[][],
  { head, align = '', indent = 0 }: { head?: string[]; align?: string; indent?: number } = {},
): string[] {
  const all = head ? [head, ...rows] : rows;
  if (all.length === 0) return [];
  const made = new Table({
    chars: { ...NO_LINES, middle: GAP },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colWidths: widthsOf(all, TEXT_WIDTH - indent),
    colAligns: [...all[0]!].map((_, i) => (align[i] === 'r' ? 'right' : 'left')),
    wordWrap: true,
  });
  made.push(...all);
  return made
    .toString()
    .split('\n')
    .map((line) => `${' '.repeat(indent)}${line}`.trimEnd());
}

/** Letters of East Asia and pictures are two columns wide. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60\p{Emoji_Presentation}]/u;

/** Columns that a text takes in the terminal. */
const columnsOf = (text: string): number =>
  [...text].reduce((sum, letter) => sum + (/[\p{M}\p{Cf}]/u.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1), 0);

/** As wide as the cells; where that is too much, the widest columns are narrowed, down to their longest words. */
function widthsOf(rows: string[][], most: number): number[] {
  const widest = (measure: (cell: string) => number) =>
    rows[0]!.map((_, i) => Math.max(1, ...rows.map((row) => measure(row[i]!))));
  const widths = widest(columnsOf);
  const words = widest((cell) => Math.max(...cell.split(' ').map(columnsOf)));
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - most;
  for (; excess > 0; excess--) {
    const narrowed = widths.reduce(
      (best, width, i) => (width > words[i]! && width > (widths[best] ?? 0) ? i : best),
      -1,
    );
    if (narrowed < 0) break;
    widths[narrowed]!--;
  }
  return widths;
}
