/**
 * Names as a display can show them: the 6x8 font of Espruino has the letters of ISO 8859-1; others are spelled in Latin
 * letters. Roles keep it in an overlay.
 *
 * A letter with marks becomes the letter without them, where the font has it not: Latin Extended and Vietnamese. Greek
 * and Cyrillic are spelled letter by letter, much as their passports do. Any other letter is a question mark; what it
 * would be in Latin letters no table of this size knows.
 */

/** Latin letters from a code point on; a number: so many pairs of the capital before it and its small letter. */
const LATIN: [from: number, letters: string][] = [
  [0x100, 'A3C4D2E5G4H2I6J1KkkL5N3nNnO4R3S4T3U6W1Y1YZ3s'],
  [0x1a0, 'O1'],
  [0x1af, 'U1'],
  [0x1cd, 'A1I1O1U5'],
  [0x200, 'A2E2I2O2R2U2S1T1'],
  [0x1e00, 'A1B3C1D5E5F1G1H5I2K3L4M3N4O4P2R4S5T4U5V2W5X2Y1Z3htwyassssdA9A3E8I2O9O3U7Y4L1V1Y1'],
  [0x2010, '------||\'\'\'\'""""'],
];

/** Capitals that are more than one letter in Latin, from a code point on, with spaces between. */
const SPELLED: [from: number, letters: string][] = [
  [0x132, 'IJ ij'],
  [0x152, 'OE oe'],
  [0x1e9e, 'SS'],
  [0x386, 'A . E I I ? O ? Y O i A V G D E Z I Th I K L M N X O P R S S T Y F Ch Ps O I Y a e i i y'],
  [0x3cc, 'o y o'],
  [
    0x400,
    'E Yo Dj G Ye Dz I Yi J Lj Nj C K I U Dz A B V G D E Zh Z I Y K L M N O P R S T U F Kh Ts Ch Sh Shch  Y  E Yu Ya',
  ],
  [0x490, 'G g'],
];

/** Letters from a code point on as `LATIN` has them, written out. */
function pairs(letters: string): string {
  let out = '';
  for (let i = 0; i < letters.length; i++) {
    const letter = letters.charAt(i);
    const count = +letters.charAt(i + 1);
    for (let k = count; k > 0; k--) out += letter + letter.toLowerCase();
    if (count > 0) i++;
    else out += letter;
  }
  return out;
}

/** One letter by its code point, as characters of the font. */
function spellLetter(code: number): string {
  if (code < 0x100) return String.fromCharCode(code);
  // Marks that no letter took.
  if (code >= 0x300 && code < 0x370) return '';
  // Small letters of Greek and Cyrillic stand in the order of their capitals.
  if ((code > 0x3b0 && code < 0x3cc) || (code > 0x42f && code < 0x450)) return spellLetter(code - 0x20).toLowerCase();
  if (code > 0x44f && code < 0x460) return spellLetter(code - 0x50).toLowerCase();
  for (let i = 0; i < SPELLED.length; i++) {
    const at = code - SPELLED[i][0];
    const letters = at < 0 ? [] : SPELLED[i][1].split(' ');
    if (at >= 0 && at < letters.length) return letters[at];
  }
  for (let i = 0; i < LATIN.length; i++) {
    const letter = code < LATIN[i][0] ? '' : pairs(LATIN[i][1]).charAt(code - LATIN[i][0]);
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
