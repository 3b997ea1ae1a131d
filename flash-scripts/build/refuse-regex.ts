/**
 * Rule `regex`: the part of regular expressions that Espruino matches as ECMAScript does.
 *
 * Source: src/jswrap_regexp.c of 2v29. It is a matcher in the style of Kernighan and Pike: `*` and `+` apply to one
 * character or class; a group only notes where it starts and ends; `|` is looked for from wherever a match failed.
 * What is refused gives a wrong answer there without an error:
 * - ? {n} lazy quantifiers, quantified or nested groups, (?: (?= (?!, alternatives, \b \B \u \c, back references,
 *   `.` (it takes newlines), ^ and $ in the middle, every flag but g;
 * - `x+y` where y can match what x matches: `+` looks at its first character and does not take it;
 * - `+` after what can match the character 0: the end of the text is one;
 * - a pattern that can match nothing and ends in $ without beginning in ^: the place behind the text is not tried.
 * test/build/fuzz.test.ts compares what is left with Node.
 */
import ts from 'typescript';
import type { Rule } from './refuse-rule.js';

/** The characters 0 to 255 that an atom matches. */
type Characters = Set<number>;

interface Atom {
  matches: Characters;
  quantifier: '' | '*' | '+';
}

/** What the source text says in a way that Espruino cannot take; its message names the place. */
class Fault extends Error {}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const ALL = range(0, 255);
const CLASSES: { [letter: string]: number[] } = {
  d: range(48, 57),
  w: [...range(48, 57), ...range(65, 90), 95, ...range(97, 122)],
  s: [9, 10, 11, 12, 13, 32],
};
const CONTROLS: { [letter: string]: number } = { n: 10, r: 13, t: 9, f: 12, v: 11 };

/** The escape at `at` (a backslash). */
function readEscape(text: string, at: number): { matches: number[]; length: number } {
  const next = text[at + 1] ?? '';
  const lower = next.toLowerCase();
  if (CLASSES[lower])
    return {
      matches: next === lower ? CLASSES[lower] : ALL.filter((code) => !CLASSES[lower]!.includes(code)),
      length: 2,
    };
  if (next in CONTROLS) return { matches: [CONTROLS[next]!], length: 2 };
  const [, hex] = /^x([0-9a-fA-F]{2})/.exec(text.slice(at + 1)) ?? [];
  if (hex) return { matches: [parseInt(hex, 16)], length: 4 };
  if (next === '' || /[a-zA-Z0-9]/.test(next)) throw new Fault(`escape \\${next}`);
  return { matches: [next.charCodeAt(0)], length: 2 };
}

/** The class at `at` ("["). */
function readClass(text: string, at: number): { matches: number[]; length: number } {
  const inverted = text[at + 1] === '^';
  const found = new Set<number>();
  let i = at + (inverted ? 2 : 1);
  while (i < text.length && text[i] !== ']') {
    const isRange = (length: number): boolean => text[i + length] === '-' && text[i + length + 1] !== ']';
    if (text[i] === '\\') {
      const { matches, length } = readEscape(text, i);
      if (isRange(length)) throw new Fault('a range that begins with an escape');
      for (const code of matches) found.add(code);
      i += length;
      continue;
    }
    if (text[i] === '[') throw new Fault('[ in a class: escape it');
    const from = text.charCodeAt(i);
    if (isRange(1)) {
      const to = text.charCodeAt(i + 2);
      if (text[i + 2] === '\\') throw new Fault('a range that ends with an escape');
      // Espruino wants the ends of a range to differ.
      if (from >= to) throw new Fault('a range of one character');
      for (const code of range(from, to)) found.add(code);
      i += 3;
    } else {
      found.add(from);
      i++;
    }
  }
  return { matches: inverted ? ALL.filter((code) => !found.has(code)) : [...found], length: i + 1 - at };
}

interface Pattern {
  atoms: Atom[];
  atStart: boolean;
  atEnd: boolean;
}

/** Reads a pattern. @throws Fault for what Espruino has not */
function readPattern(text: string): Pattern {
  const pattern: Pattern = { atoms: [], atStart: text.startsWith('^'), atEnd: /(^|[^\\])(\\\\)*\$$/.test(text) };
  const end = text.length - (pattern.atEnd ? 1 : 0);
  let groups = 0;
  let groupOpen = false;
  for (let i = pattern.atStart ? 1 : 0; i < end;) {
    const ch = text[i]!;
    if (ch === '(' || ch === ')') {
      if (ch === '(' && groupOpen) throw new Fault('a group in a group');
      if (ch === '(' && text[i + 1] === '?') throw new Fault(text.slice(i, i + 3));
      if (ch === '(' && ++groups > 9) throw new Fault('more than 9 groups');
      if (ch === ')' && '?*+{'.includes(text[i + 1] ?? ' ')) throw new Fault('a repeated group');
      groupOpen = ch === '(';
      i++;
      continue;
    }
    if ('^$?{}|.*+'.includes(ch)) throw new Fault(`${ch} here`);
    const { matches, length } =
      ch === '[' ? readClass(text, i) : ch === '\\' ? readEscape(text, i) : { matches: [ch.charCodeAt(0)], length: 1 };
    i += length;
    const quantifier = text[i] === '*' || text[i] === '+' ? (text[i] as '*' | '+') : '';
    if (quantifier) i++;
    pattern.atoms.push({ matches: new Set(matches), quantifier });
  }
  return pattern;
}

/** Whether one of the atoms that may come next matches a character that this one matches. */
function meetsNext(atom: Atom, rest: Atom[]): boolean {
  for (const next of rest) {
    if ([...next.matches].some((code) => atom.matches.has(code))) return true;
    if (next.quantifier !== '*') return false;
  }
  return false;
}

/** What Espruino would get wrong in a pattern, or null. */
export function regexFault(text: string, flags = ''): string | null {
  if (flags !== '' && flags !== 'g') return `flag ${flags}`;
  let pattern: Pattern;
  try {
    pattern = readPattern(text);
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
  const { atoms, atStart, atEnd } = pattern;
  for (const [i, atom] of atoms.entries()) {
    if (atom.quantifier !== '+') continue;
    if (atom.matches.has(0)) return '+ after what can match the end: write x x*';
    if (meetsNext(atom, atoms.slice(i + 1))) return '+ before what can match the same: write x x*';
  }
  const canBeEmpty = atoms.every((atom) => atom.quantifier === '*');
  if (canBeEmpty && atEnd && !atStart) return 'nothing before $ without ^';
  if (canBeEmpty && flags === 'g') return 'flag g on what can match nothing';
  return null;
}

/** Rule `regex` on literals; refuse-library.ts refuses `new RegExp`, whose pattern nobody can check. */
export const checkRegex: Rule = (node, context) => {
  if (!ts.isRegularExpressionLiteral(node)) return;
  const end = node.text.lastIndexOf('/');
  const fault = regexFault(node.text.slice(1, end), node.text.slice(end + 1));
  if (fault) context.report('regex', node, `Espruino matches this differently: ${fault}`);
};
