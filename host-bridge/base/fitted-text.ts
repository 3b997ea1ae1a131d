/** Text for a terminal of 80 columns. Tables: text-table.ts. */

/** Columns that output for people has. */
export const TEXT_WIDTH = 80;

/** A command to be copied stays in one line, however long it is. */
const IS_COMMAND = /^\s*(\.\/)?tapcash /;

/**
 * Text in 80 columns: a longer line goes on below, two blanks further in. It is broken between words, never within one,
 * and not in what is to be copied.
 */
export function fitted(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => (line.length <= TEXT_WIDTH || IS_COMMAND.test(line) ? [line] : broken(line)))
    .join('\n');
}

function broken(line: string): string[] {
  const indent = `${/^ */.exec(line)![0]}  `;
  const parts: string[] = [];
  let rest = line;
  while (rest.length > TEXT_WIDTH) {
    // The last blank that leaves a line of 80, else the first one: a word may be longer than the line.
    const start = parts.length === 0 ? indent.length - 2 : indent.length;
    const within = rest.lastIndexOf(' ', TEXT_WIDTH);
    const at = within > start ? within : rest.indexOf(' ', TEXT_WIDTH);
    if (at < 0) break;
    parts.push(rest.slice(0, at).trimEnd());
    rest = `${indent}${rest.slice(at).trimStart()}`;
  }
  return [...parts, rest];
}
