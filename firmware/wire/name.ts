/**
 * Names of people and shops, IdU and IdS, on the host: text. On boards they are its bytes in UTF-8 (name.board.ts,
 * which the build takes in the place of this file).
 *
 * Two rules. What a message can carry is the board's rule, and messages are read and written by it: what a token signed
 * must be read by everybody, or a shop with an odd name could take money that its payer cannot claim back. What may be
 * given to somebody as a name (`isName`) is narrower, and is checked wherever names are given.
 */
import { isNameChars } from './name.board.js';

export { isNameChars, NAME_BYTES_MAX } from './name.board.js';

/** Other blanks than the space, ends of lines, marks that turn the direction of writing, and what is no character. */
const ODD = /[^\P{Z} ]|[\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}|\p{Noncharacter_Code_Point}/u;

/** The bytes of a text in UTF-8, as characters 0 to 255; empty where it has half of a surrogate pair. */
const utf8Of = (text: string): string => (/\p{Cs}/u.test(text) ? '' : unescape(encodeURIComponent(text)));

/**
 * Whether somebody can be given this name: 1 to 64 bytes of UTF-8 in normal form C, without control characters, other
 * blanks than single spaces between words, and marks that nobody sees.
 */
export function isName(name: unknown): name is string {
  return typeof name === 'string' && name === name.normalize('NFC') && !ODD.test(name) && isNameChars(utf8Of(name));
}

/**
 * A name as somebody typed it or a file has it: brought into normal form C, other blanks made spaces. What comes out
 * need not be a name.
 */
export function tidyName(text: string): string {
  return text.normalize('NFC').replace(/\p{Zs}/gu, ' ');
}

/** The bytes of a name in UTF-8, as characters 0 to 255; empty for what no message can carry. */
export function charsOfName(name: unknown): string {
  const chars = typeof name === 'string' ? utf8Of(name) : '';
  return isNameChars(chars) ? chars : '';
}

/** The name whose bytes these characters are; empty where a board would not read one either. */
export function nameOfChars(chars: string): string {
  return isNameChars(chars) ? decodeURIComponent(escape(chars)) : '';
}
