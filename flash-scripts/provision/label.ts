/**
 * A label for a board, as large as a bank card: what it is, whose, and its public key as a QR code; as SVG, and as PNG
 * at 300 dpi for printers of labels.
 *
 * Of a token whose registration is sealed it has the account key: who sits at the desk must not learn PKU.
 */
import { encode } from 'fast-png';
import oledFont from 'oled-font-5x7';
import encodeQr from 'qr';
import { concat, copy, fromHex } from '../../firmware/core/bytes.js';
import { spell } from '../../firmware/panel/spell.js';
import { charsOfName } from '../../firmware/wire/name.js';

export interface Label {
  /** "token" or "terminal". */
  kind: string;
  /** Whose; null where the key is a pseudonym: whoever saw both would know who pays under it. */
  name: string | null;
  /** What the key is: "pseudonym PKU", "account key", "terminal key". */
  keyName: string;
  /** Hexadecimal. */
  key: string;
  /** Further lines. */
  lines: string[];
}

/** ID-1 card, ISO/IEC 7810: 85.6 mm x 54 mm, in pixels of 1/300 inch. */
const WIDTH = 1011;
const HEIGHT = 638;
const MM = 25.4 / 300;
/** Also the quiet zone of the code, 4 modules (ISO/IEC 18004). */
const MARGIN = 56;
const QR_MAX = 480;
/** A letter of the font with its gap, before scaling. */
const CELL = { width: 6, height: 7 };
const font: { fontData: number[]; lookup: string[] } = oledFont;

interface Text {
  x: number;
  y: number;
  /** Pixels of the font's dots. */
  scale: number;
  text: string;
}

/** Modules of the code, without its quiet zone. */
function modulesOf(text: string): boolean[][] {
  const quiet = 1;
  const all = encodeQr(text, 'raw', { ecc: 'medium', border: quiet });
  return all.slice(quiet, -quiet).map((row) => row.slice(quiet, -quiet));
}

/** Breaks a text where it does not fit. */
function fold(text: string, characters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const letters = [...word];
    const last = lines.at(-1);
    if (last !== undefined && [...last].length + 1 + letters.length <= characters)
      lines[lines.length - 1] = `${last} ${word}`;
    else
      for (let at = 0; at < letters.length; at += characters) lines.push(letters.slice(at, at + characters).join(''));
  }
  return lines;
}

/** Letters of ISO 8859-1 that are two in others. */
const TWO: Record<string, string> = { ß: 'ss', Æ: 'AE', æ: 'ae', Ø: 'O', ø: 'o', Þ: 'Th', þ: 'th', Ð: 'D', ð: 'd' };

/** A name in letters that the font has, as far as it can be: as a board's display spells it, else without its marks. */
const spelled = (name: string): string =>
  [...spell(charsOfName(name), Infinity)]
    .map((letter) => (font.lookup.includes(letter) ? letter : (TWO[letter] ?? letter.normalize('NFD')[0]!)))
    .join('');

/** Longer names stand in smaller letters. */
const LARGE_MAX = 26;

/** What stands where: the code at the left, texts at its right, the key below. */
function layOut(label: Label): { modules: boolean[][]; module: number; texts: Text[] } {
  const modules = modulesOf(`TAPCASH:${label.kind.toUpperCase()}:${label.key.toUpperCase()}`);
  const module = Math.floor(QR_MAX / modules.length);
  const left = MARGIN + module * modules.length + MARGIN;
  const texts: Text[] = [];
  let y = MARGIN;
  const add = (text: string, scale: number): void => {
    for (const line of fold(text, Math.floor((WIDTH - MARGIN - left) / (CELL.width * scale)))) {
      texts.push({ x: left, y, scale, text: line });
      y += CELL.height * scale + 3 * scale;
    }
    y += 3 * scale;
  };
  add('tapcash', 6);
  if (label.name !== null) add(label.name, label.name.length > LARGE_MAX ? 3 : 5);
  add(`${label.kind}, ${label.keyName}`, 3);
  for (const line of label.lines) add(line, 3);
  texts.push({ x: MARGIN, y: HEIGHT - MARGIN - CELL.height * 2, scale: 2, text: label.key });
  return { modules, module, texts };
}

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** The label as SVG, in its true size. */
export function labelSvg(label: Label): string {
  const { modules, module, texts } = layOut(label);
  const squares = modules.flatMap((row, y) =>
    row.flatMap((dark, x) =>
      dark ? [`M${MARGIN + x * module} ${MARGIN + y * module}h${module}v${module}h-${module}z`] : [],
    ),
  );
  const lines = texts.map(({ x, y, scale, text }) => {
    const width = [...text].length * CELL.width * scale - scale;
    return `<text x="${x}" y="${y + CELL.height * scale}" font-size="${Math.round(CELL.height * scale * 1.35)}" textLength="${width}" lengthAdjust="spacingAndGlyphs">${escaped(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${(WIDTH * MM).toFixed(1)}mm" height="${(HEIGHT * MM).toFixed(1)}mm" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<path d="${squares.join('')}"/>
${lines.join('\n')}
</svg>
`;
}

/** Columns of a letter's dots, lowest bit at the top; a box for one that the font lacks. */
function glyph(letter: string): number[] {
  const index = font.lookup.indexOf(letter);
  return index < 0 ? [0x7f, 0x41, 0x41, 0x41, 0x7f] : font.fontData.slice(index * 5, index * 5 + 5);
}

/** Signature and IHDR of a PNG file (ISO/IEC 15948, 5.2 and 11.2.2). */
const PNG_HEAD_BYTES = 33;
/** The chunk pHYs: 11,811 pixels a metre both ways, which are 300 dpi. The encoder has none. */
const DENSITY = fromHex('00000009' + '70485973' + '00002e2300002e2301' + '78a53f76')!;

/** The label as PNG: black and white, one bit a pixel, 300 dpi. */
export function labelPng(label: Label): Uint8Array {
  const { modules, module, texts } = layOut({ ...label, name: label.name === null ? null : spelled(label.name) });
  const rowBytes = Math.ceil(WIDTH / 8);
  const pixels = new Uint8Array(rowBytes * HEIGHT).fill(0xff);
  const square = (left: number, top: number, size: number): void => {
    for (let y = top; y < top + size; y++)
      for (let x = left; x < left + size; x++) if (x < WIDTH) pixels[y * rowBytes + (x >> 3)] &= ~(0x80 >> (x & 7));
  };
  modules.forEach((row, y) =>
    row.forEach((dark, x) => dark && square(MARGIN + x * module, MARGIN + y * module, module)),
  );
  for (const { x, y, scale, text } of texts) {
    [...text].forEach((letter, i) =>
      glyph(letter).forEach((column, dx) => {
        for (let dy = 0; dy < CELL.height; dy++)
          if ((column >> dy) & 1) square(x + (i * CELL.width + dx) * scale, y + dy * scale, scale);
      }),
    );
  }
  const png = encode({ width: WIDTH, height: HEIGHT, data: pixels, depth: 1, channels: 1 }, { zlib: { level: 6 } });
  return concat([copy(png, 0, PNG_HEAD_BYTES), DENSITY, copy(png, PNG_HEAD_BYTES, png.length)]);
}
