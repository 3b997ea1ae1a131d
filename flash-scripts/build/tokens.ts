/**
 * A bundle in Espruino's own tokens, and back: reserved words and operators of several characters become one byte each.
 *
 * Source: the numbers of src/jslex.h of Espruino 2v29 ("DO NOT MODIFY THE ORDERING OF THIS LIST": uploaders rely on
 * them). The interpreter takes such bytes wherever it takes the words, from Storage, in `eval` and in a file. Texts,
 * numbers and names stay as they are, and a bundle is ASCII, so that every byte from 138 on is a token.
 *
 * Left out: Espruino's tokens for texts and whole numbers, which save nothing here (a text's two quotes are as long as
 * its token), and its uploader's own `pretokenise`, which writes `a + +b` as `a++b`.
 */
import { parse, type Token } from 'acorn';

/** Token of the first word. */
const FIRST = 138;

const WORDS = (
  '== === != !== <= << <<= >= >> >>> >>= >>>= += -= ++ -- *= /= %= &= && |= || ^= => ' +
  'if else do while for break continue function return var let const this throw try catch finally true false null undefined ' +
  'new in instanceof switch case default delete typeof void debugger class extends super static of'
).split(' ');

const TOKEN = new Map(WORDS.map((word, i) => [word, String.fromCharCode(FIRST + i)]));

const isWordToken = (char: string): boolean => /[a-z]/.test(WORDS[char.charCodeAt(0) - FIRST] ?? '');
const isWordCharacter = (char: string): boolean => /[\w$]/.test(char);

/**
 * The code in tokens, as characters 0 to 255.
 * @param code ES5, ASCII, with spaces only where two words or operators would run together, as the build writes it
 */
export function tokenise(code: string): string {
  const tokens: Token[] = [];
  parse(code, { ecmaVersion: 5, sourceType: 'script', allowReturnOutsideFunction: true, onToken: tokens });
  let out = '';
  let end = 0;
  let before = '';
  for (const { start, end: next } of tokens) {
    const text = code.slice(start, next);
    // After a point a reserved word is a name.
    const token = before === '.' ? text : (TOKEN.get(text) ?? text);
    // A space beside a reserved word goes.
    const gap = isWordToken(token) || isWordToken(out.slice(-1)) ? '' : code.slice(end, start);
    out += gap + token;
    before = text;
    end = next;
  }
  return out + code.slice(end);
}

/** The code that `tokenise` was given. */
export function detokenise(tokens: string): string {
  let out = '';
  let last = '';
  for (const char of tokens) {
    const isWord = isWordToken(char);
    const joins =
      (isWord && (isWordCharacter(last) || isWordToken(last))) || (isWordToken(last) && isWordCharacter(char));
    out += (joins ? ' ' : '') + (WORDS[char.charCodeAt(0) - FIRST] ?? char);
    last = char;
  }
  return out;
}
