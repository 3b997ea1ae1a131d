/**
 * Rule `regex`: the part of regular expressions that Espruino matches as ECMAScript does.
 *
 * Source: src/jswrap_regexp.c of 2v29. It is a matcher in the style of Kernighan and Pike: `*` and `+` apply to one
 * character or class; a group only notes where it starts and ends; `|` is looked for from wherever a match failed.
 * So these are refused, each of which gives a wrong answer without an error: ? {n} lazy quantifiers, quantified or nested
 * groups, (?: (?= (?!, alternatives, \b \B \u \c, back references, `.` (it takes newlines), `+` after anything that
 * can match the character 0 (it matches the end of the text as one), ^ and $ in the middle, every flag but g.
 */
import ts from 'typescript';
import type { Rule } from './refuse.js';

const ESCAPES = 'dDwWsSnrtfv';

/** The escape at `at` (a backslash): its length, 0 where Espruino has none like it. */
function escapeLength(text: string, at: number): number {
  const next = text[at + 1] ?? '';
  if (next === 'x') return /^[0-9a-fA-F]{2}/.test(text.slice(at + 2)) ? 4 : 0;
  if (/[a-zA-Z0-9]/.test(next)) return ESCAPES.includes(next) ? 2 : 0;
  return 2;
}

/** The class at `at` ("["): its length and what is wrong with it. */
function readClass(text: string, at: number): { length: number; fault: string | null } {
  let i = at + 1;
  if (text[i] === '^') i++;
  let previous = '';
  for (; i < text.length && text[i] !== ']'; ) {
    if (text[i] === '\\') {
      const length = escapeLength(text, i);
      if (!length) return { length: i - at, fault: `escape ${text.slice(i, i + 2)}` };
      if (text[i + length] === '-' && text[i + length + 1] !== ']') return { length: i - at, fault: 'a range that begins with an escape' };
      i += length;
      previous = '';
      continue;
    }
    if (text[i] === '[') return { length: i - at, fault: '[ inside a class: escape it' };
    if (text[i] === '-' && previous && text[i + 1] !== ']') {
      if (text[i + 1] === '\\') return { length: i - at, fault: 'a range that ends with an escape' };
      // Espruino wants the ends of a range to differ.
      if (previous >= text[i + 1]!) return { length: i - at, fault: 'a range of one character' };
      i += 2;
      previous = '';
      continue;
    }
    previous = text[i]!;
    i++;
  }
  return { length: i + 1 - at, fault: null };
}

/** Whether an atom can match the character 0, which Espruino sees at the end of the text. */
function matchesEnd(atom: string): boolean {
  return atom.startsWith('[^') || /\\[DWS]/.test(atom) || atom.includes('\\x00');
}

/** What Espruino would get wrong in a pattern, or null. */
export function regexFault(pattern: string): string | null {
  let groupOpen = false;
  let groups = 0;
  for (let i = 0; i < pattern.length; ) {
    const start = i;
    const ch = pattern[i]!;
    if (ch === '^' && i > 0) return '^ in the middle';
    if (ch === '$' && i < pattern.length - 1) return '$ in the middle';
    if ('?{}|.*+'.includes(ch)) return `${ch} here`;
    if (ch === '(') {
      if (groupOpen) return 'a group in a group';
      if (pattern[i + 1] === '?') return '(?';
      if (++groups > 9) return 'more than 9 groups';
      groupOpen = true;
    }
    if (ch === ')') {
      groupOpen = false;
      if ('?*+{'.includes(pattern[i + 1] ?? ' ')) return 'a repeated group';
    }
    if (ch === '[') {
      const { length, fault } = readClass(pattern, i);
      if (fault) return fault;
      i += length;
    } else if (ch === '\\') {
      const length = escapeLength(pattern, i);
      if (!length) return `escape ${pattern.slice(i, i + 2)}`;
      i += length;
    } else i++;
    if ('^$()'.includes(ch)) continue;
    const quantifier = pattern[i] ?? '';
    if (quantifier === '+' && matchesEnd(pattern.slice(start, i))) return '+ after a class that can match the end: write x x*';
    if (quantifier === '*' || quantifier === '+') {
      i++;
      if ('?*+{'.includes(pattern[i] ?? ' ')) return `${quantifier}${pattern[i]}`;
    }
  }
  return null;
}

/** Rule `regex` on literals; refuse-library.ts refuses `new RegExp`, whose pattern nobody can check. */
export const checkRegex: Rule = (node, context) => {
  if (!ts.isRegularExpressionLiteral(node)) return;
  const end = node.text.lastIndexOf('/');
  const flags = node.text.slice(end + 1);
  const fault = flags === '' || flags === 'g' ? regexFault(node.text.slice(1, end)) : `flag ${flags}`;
  if (fault) context.report('regex', node, `Espruino matches this differently: ${fault}`);
};
