/**
 * Names as a display can show them: the 6x8 font of Espruino has the letters of ISO 8859-1; others are spelled in Latin
 * letters. Roles keep it in an overlay.
 *
 * A letter with marks becomes the letter without them, where the font has it not: Latin Extended and Vietnamese. Greek
 * and Cyrillic are spelled letter by letter, much as their passports do. Any other letter is a question mark; what it
 * would be in Latin letters no table of this size knows.
 */

/** Latin letters from a code point on. */
const LATIN: [from: number, letters: string][] = [
  [
    0x100,
    'AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRr' +
      'SsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs',
  ],
  [0x1a0, 'Oo'],
  [0x1af, 'Uu'],
  [0x1cd, 'AaIiOoUuUuUuUuUu'],
  [0x200, 'AaAaEeEeIiIiOoOoRrRrUuUuSsTt'],
  [
    0x1e00,
    'AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMmMmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRr' +
      'SsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVvWwWwWwWwWwXxXxYyZzZzZzhtwyassssdAaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEeEeEeEeEe' +
      'IiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYyLlVvYy',
  ],
  [0x2010, "------||''''" + '""""'],
];

/** Letters that are more than one in Latin, from a code point on, with spaces between. */
const SPELLED: [from: number, letters: string][] = [
  [0x132, 'IJ ij'],
  [0x152, 'OE oe'],
  [0x1e9e, 'SS'],
  [
    0x386,
    'A . E I I ? O ? Y O i A V G D E Z I Th I K L M N X O P R ? S T Y F Ch Ps O I Y ' +
      'a e i i y a v g d e z i th i k l m n x o p r s s t y f ch ps o i y o y o',
  ],
  [
    0x400,
    'E Yo Dj G Ye Dz I Yi J Lj Nj C K I U Dz A B V G D E Zh Z I Y K L M N O P R S T U F Kh Ts Ch Sh Shch  Y  E Yu Ya ' +
      'a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya e yo dj g ye dz i yi j lj nj c k i u dz',
  ],
  [0x490, 'G g'],
];

/** One letter by its code point, as characters of the font. */
function spellLetter(code: number): string {
  if (code < 0x100) return String.fromCharCode(code);
  // Marks that no letter took.
  if (code >= 0x300 && code < 0x370) return '';
  for (let i = 0; i < SPELLED.length; i++) {
    const at = code - SPELLED[i][0];
    const letters = at < 0 ? [] : SPELLED[i][1].split(' ');
    if (at >= 0 && at < letters.length) return letters[at];
  }
  for (let i = 0; i < LATIN.length; i++) {
    const letter = code < LATIN[i][0] ? '' : LATIN[i][1].charAt(code - LATIN[i][0]);
    if (letter !== '') return letter;
  }
  return '?';
}

/**
 * A name as the font shows it, ended by two dots where it is longer than there is room for.
 * @param chars bytes of a name (wire/name.board.ts) @param most characters that there is room for
 */
export function spell(chars: string, most: number): string {
  let out = '';
  let code = 0;
  let left = 0; // bytes of this letter that are still to come
  for (let i = 0; i < chars.length; i++) {
    const byte = chars.charCodeAt(i);
    if (byte >= 0xc0) {
      left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      code = byte & (left === 1 ? 0x1f : left === 2 ? 0x0f : 0x07);
    } else {
      code = byte < 0x80 ? byte : code * 64 + (byte & 0x3f);
      left = byte < 0x80 ? 0 : left - 1;
      if (left === 0) out += spellLetter(code);
    }
  }
  return out.length > most ? out.substr(0, most - 2) + '..' : out;
}
