/**
 * Glyphs for Espruino's font 6x8: its cell, and the 5x7 letters of `oled-font-5x7` in it, the last column and the
 * lowest row free.
 *
 * The letters are not Espruino's own, which look a little different; where they stand, and how large they are, is the
 * same. A letter that the package has not is drawn without its marks, and any other is a question mark.
 */
import oledFont from 'oled-font-5x7';

/** A cell of the font, before it is enlarged. */
export const CELL_WIDTH = 6;
export const CELL_HEIGHT = 8;

const COLUMNS = 5;
const { fontData, lookup }: { fontData: number[]; lookup: string[] } = oledFont;

function indexOf(letter: string): number {
  const at = lookup.indexOf(letter);
  return at >= 0 ? at : lookup.indexOf(letter.normalize('NFD').charAt(0));
}

function make(letter: string): readonly number[] {
  const known = indexOf(letter);
  const at = (known >= 0 ? known : lookup.indexOf('?')) * COLUMNS;
  return [...fontData.slice(at, at + COLUMNS), 0];
}

const glyphs = new Map<string, readonly number[]>();

/** The columns of a character's cell, from the left; of each the lowest bit is on top. */
export function glyphOf(letter: string): readonly number[] {
  let glyph = glyphs.get(letter);
  if (!glyph) glyphs.set(letter, (glyph = make(letter)));
  return glyph;
}
