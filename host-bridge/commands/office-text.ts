/** What the houses answer to an operator, for people: amounts as money, times as days, one thing a line. */
import { TEXT_WIDTH } from '../base/fitted-text.js';
import { day, money } from './output.js';

/** Names of fields that are amounts in minor units. */
const AMOUNTS = new Set(['balance', 'ebc', 'abc', 'amount', 'in', 'paidOut', 'held', 'out', 'bank', 'released']);
const NAME_WIDTH = 14;

/** `licenseValidUntilS` as `license valid until`. */
const wordsOf = (name: string): string =>
  name
    .replace(/S$/, '')
    .replace(/([A-Z])/g, ' $1')
    .toLowerCase();

function valueText(name: string, value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number' && AMOUNTS.has(name)) return money(value);
  if (typeof value === 'number' && /[a-z]S$/.test(name)) return value === 0 ? 'never' : day(value);
  return String(value);
}

function linesOf(fields: Record<string, unknown>, indent: string): string[] {
  const heads = Object.keys(fields).map((name) => `${indent}${wordsOf(name)}`);
  const width = Math.max(NAME_WIDTH, ...heads.map((head) => head.length));
  return Object.entries(fields).flatMap(([name, value], i) => {
    const head = heads[i]!;
    if (Array.isArray(value)) {
      if (value.length === 0) return [`${head.padEnd(width)} none`];
      return [
        `${head}:`,
        ...(value as unknown[]).flatMap((one) =>
          typeof one === 'object' && one !== null
            ? [...linesOf(one as Record<string, unknown>, `${indent}  `), '']
            : [`${indent}  ${String(one)}`],
        ),
      ];
    }
    if (typeof value === 'object' && value !== null)
      return [`${head}:`, ...linesOf(value as Record<string, unknown>, `${indent}  `)];
    const text = valueText(name, value);
    // Keys, orders and certificates are longer than a line: they stand below their name.
    if (text.length + width < TEXT_WIDTH) return [`${head.padEnd(width)} ${text}`];
    return [head, ...(text.match(/.{1,76}/g) ?? []).map((part) => `${indent}  ${part}`)];
  });
}

/** An answer of a house, for people. @param shown bytes as hexadecimal */
export function officeText(shown: Record<string, unknown>): string {
  const { ok: _, ...rest } = shown;
  return linesOf(rest, '').join('\n').trimEnd() || 'done';
}
