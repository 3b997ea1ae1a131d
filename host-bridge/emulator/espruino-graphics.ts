/**
 * `Graphics.createArrayBuffer` for the emulated board: the pixels that Espruino's own would set, and which text was
 * drawn where.
 *
 * Source: libs/graphics/jswrap_graphics.c, lcd_arraybuffer.c and graphics.c of Espruino 2v29. Here is what a display
 * driver needs: buffers of one bit a pixel, in rows or in columns of eight, and of 16 bits; text in the font 6x8 at any
 * size (espruino-font.ts), rectangles, lines, single points. What text a display shows, for whoever reads it, is the
 * text that was drawn on the newest picture since its last `clear`, and not painted over, when the program sent it.
 */
import type { Realm } from './espruino-e.js';
import { CELL_HEIGHT, CELL_WIDTH, glyphOf } from './espruino-font.js';
import { rgbOf565, type Picture } from './picture.js';
import { checkedPairs } from '../base/crypto/node-natives.js';

type Work = (...args: unknown[]) => unknown;
type Text = { text: string; x: number; y: number };

/** What is drawn, and what is shown. */
export interface Screen {
  /** Lines of text that the display shows, from top to bottom; single characters are keys, and no lines. */
  lines: string[];
  /** When it was sent last, on the board's clock. */
  shownMs: number;
  /** Called when the program sends its picture to the display. */
  show(): void;
}

/** How a buffer holds its points. */
interface Layout {
  width: number;
  height: number;
  bitsPerPixel: number;
  /** A byte is eight points of a column, not of a row. */
  isVertical: boolean;
  /** The first point of a byte is its highest bit. From 2v25 on that is so unless told. */
  isMsb: boolean;
}

interface Canvas {
  set(x: number, y: number, colour: number): void;
  get(x: number, y: number): number;
  fill(x1: number, y1: number, x2: number, y2: number, colour: number): void;
}

/** Points in a buffer; outside it nothing happens. */
function createCanvas(bytes: Uint8Array, { width, height, bitsPerPixel, isVertical, isMsb }: Layout): Canvas {
  const isInside = (x: number, y: number): boolean => x >= 0 && y >= 0 && x < width && y < height;
  const indexOf = (x: number, y: number): number => (isVertical ? ((y >> 3) * width + x) * 8 + (y & 7) : y * width + x);
  /** A simulation draws pictures by the thousand, so a byte holds eight points that are written at once. */
  function fillColumns(left: number, top: number, right: number, bottom: number, colour: number): void {
    for (let page = top >> 3; page <= bottom >> 3; page++) {
      const from = Math.max(top - 8 * page, 0);
      const mask = (0xff << from) & (0xff >> (7 - Math.min(bottom - 8 * page, 7)));
      for (let at = page * width + left; at <= page * width + right; at++)
        if (colour & 1) bytes[at] |= mask;
        else bytes[at] &= ~mask;
    }
  }
  const canvas: Canvas = {
    set(x, y, colour) {
      if (!isInside(x, y)) return;
      const index = indexOf(x, y);
      if (bitsPerPixel === 16) {
        bytes[2 * index] = colour & 255;
        bytes[2 * index + 1] = colour >> 8;
        return;
      }
      const mask = isMsb ? 0x80 >> (index & 7) : 1 << (index & 7);
      if (colour & 1) bytes[index >> 3] |= mask;
      else bytes[index >> 3] &= ~mask;
    },
    get(x, y) {
      if (!isInside(x, y)) return 0;
      const index = indexOf(x, y);
      if (bitsPerPixel === 16) return bytes[2 * index] | (bytes[2 * index + 1] << 8);
      return (bytes[index >> 3] >> (isMsb ? 7 - (index & 7) : index & 7)) & 1;
    },
    fill(x1, y1, x2, y2, colour) {
      const [left, right] = [Math.max(0, Math.min(x1, x2)), Math.min(width - 1, Math.max(x1, x2))];
      const [top, bottom] = [Math.max(0, Math.min(y1, y2)), Math.min(height - 1, Math.max(y1, y2))];
      if (isVertical && !isMsb) fillColumns(left, top, right, bottom, colour);
      else for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) canvas.set(x, y, colour);
    },
  };
  return canvas;
}

/** A line as graphics.c draws it: one point a step along the longer side, across in 8 bits of fraction. */
function drawLine(canvas: Canvas, x1: number, y1: number, x2: number, y2: number, colour: number): void {
  const [wide, high] = [Math.abs(x2 - x1) || 1, Math.abs(y2 - y1) || 1];
  const isFlat = wide > high;
  let [from, to, start, end] = isFlat ? [x1, x2, y1, y2] : [y1, y2, x1, x2];
  if (from > to) [from, to, start, end] = [to, from, end, start];
  const step = Math.trunc(((end - start) * 256) / (isFlat ? wide : high));
  let across = start * 256 + 128;
  for (let along = from; along <= to; along++, across += step)
    if (isFlat) canvas.set(along, across >> 8, colour);
    else canvas.set(across >> 8, along, colour);
}

/** Draws one line of text; nothing between its points. @param wide @param high of a point of the font, pixels */
function drawText(canvas: Canvas, text: string, left: number, top: number, wide: number, high: number, colour: number) {
  let x = left;
  for (const letter of text)
    for (const column of glyphOf(letter)) {
      for (let row = 0; column >> row; row++) {
        if (!((column >> row) & 1)) continue;
        const first = row;
        while ((column >> (row + 1)) & 1) row++;
        canvas.fill(x, top + first * high, x + wide - 1, top + (row + 1) * high - 1, colour);
      }
      x += wide;
    }
}

/** Sizes in a font's name: "6x8", "6x8:2", "6x8:2x3"; or as the second argument. */
function sizesOf(name: unknown, size: unknown): [wide: number, high: number] {
  const [, wide, high] = /:(\d+)(?:x(\d+))?$/.exec(String(name)) ?? [];
  const given = Number(wide ?? size ?? 1) || 1;
  return [given, Number(high ?? given)];
}

/** Draws on a buffer as Espruino's Graphics does, and tells of texts and of what is painted over. */
function createPen(canvas: Canvas, layout: Layout, onText: (text: Text) => void, onErase: Canvas['fill'] | null) {
  const { width, height, bitsPerPixel } = layout;
  const most = bitsPerPixel === 16 ? 0xffff : 1;
  let [colour, background] = [most, 0];
  let [wide, high] = [1, 1];
  const whole = (values: number[]): number[] => values.map((value) => Math.trunc(Number(value)));
  const paint = (values: number[], with_: number): void => {
    const [x1, y1, x2, y2] = whole(values);
    onErase?.(x1, y1, x2, y2, with_);
    canvas.fill(x1, y1, x2, y2, with_);
  };
  return {
    clear: () => {
      onErase?.(0, 0, width, height, background);
      canvas.fill(0, 0, width - 1, height - 1, background);
    },
    reset: () => ([colour, background, wide, high] = [most, 0, 1, 1]),
    setColor: (value: number) => (colour = value & most),
    setBgColor: (value: number) => (background = value & most),
    setFont: (name: unknown, size?: unknown) => ([wide, high] = sizesOf(name, size)),
    setFontAlign: () => undefined,
    setRotation: () => undefined,
    fillRect: (...place: number[]) => paint(place, colour),
    clearRect: (...place: number[]) => paint(place, background),
    drawRect: (...place: number[]) => {
      const [x1, y1, x2, y2] = whole(place);
      canvas.fill(x1, y1, x2, y1, colour);
      canvas.fill(x1, y2, x2, y2, colour);
      canvas.fill(x1, y1, x1, y2, colour);
      canvas.fill(x2, y1, x2, y2, colour);
    },
    drawLine: (...place: number[]) => {
      const [x1, y1, x2, y2] = whole(place);
      drawLine(canvas, x1, y1, x2, y2, colour);
    },
    setPixel: (x: number, y: number, value = colour) => canvas.set(Math.trunc(x), Math.trunc(y), value & most),
    drawString: (given: unknown, left: number, top: number, isSolid?: boolean) => {
      for (const [i, text] of String(given).split('\n').entries()) {
        const [x, y] = whole([left, top + i * CELL_HEIGHT * high]);
        const right = x + text.length * CELL_WIDTH * wide - 1;
        if (isSolid) canvas.fill(x, y, right, y + CELL_HEIGHT * high - 1, background);
        drawText(canvas, text, x, y, wide, high, colour);
        onText({ text, x, y });
      }
    },
    stringWidth: (text: string) => String(text).length * CELL_WIDTH * wide,
    getFontHeight: () => CELL_HEIGHT * high,
  };
}

/** The texts that a picture has, from top to bottom; those beside each other are one line. */
function linesOf(texts: Text[]): string[] {
  const rows = new Map<number, Text[]>();
  for (const text of texts.filter((each) => each.text.length > 1))
    rows.set(text.y, [...(rows.get(text.y) ?? []), text]);
  return [...rows.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, row]) =>
      row
        .sort((a, b) => a.x - b.x)
        .map(({ text }) => text)
        .join(' '),
    );
}

/** What of a pen gives a value; the rest gives the object again. */
const QUESTIONS = ['stringWidth', 'getFontHeight'];

/** What makes pictures, and shows them. */
export interface EmulatedGraphics {
  screen: Screen;
  Graphics: object;
  /** The `g` of builds with a display, which needs no sending. */
  createOwn(): object;
  /** What that shows; null without one. */
  ownPicture(): Picture | null;
}

/** @param onOwn told when a display of the build's own changes */
export function createGraphics(realm: Realm, nowMs: () => number, onOwn: () => void): EmulatedGraphics {
  let texts: Text[] = [];
  let own: { width: number; height: number; canvas: Canvas } | null = null;
  const screen: Screen = {
    lines: [],
    shownMs: 0,
    show() {
      screen.shownMs = nowMs();
      screen.lines = linesOf(texts);
    },
  };

  function erase(x1: number, y1: number, x2: number, y2: number): void {
    texts = texts.filter((t) => !(t.x >= x1 && t.x <= x2 && t.y >= y1 && t.y <= y2));
  }

  /** A later string in the same place covers the earlier one. */
  function write(text: Text): void {
    texts = texts.filter((t) => t.x !== text.x || t.y !== text.y);
    texts.push(text);
  }

  function create(layout: Layout): { g: Record<string, unknown>; canvas: Canvas } {
    const { width, height, bitsPerPixel } = layout;
    if (bitsPerPixel !== 1 && bitsPerPixel !== 16) throw new RangeError(`Graphics: ${bitsPerPixel} bits a pixel`);
    const buffer = new realm.ArrayBuffer((width * height * bitsPerPixel + 7) >> 3);
    const canvas = createCanvas(new realm.Uint8Array(buffer), layout);
    texts = [];
    const g: Record<string, unknown> = {
      buffer,
      getWidth: () => width,
      getHeight: () => height,
      getPixel: (x: number, y: number) => canvas.get(x, y),
      flip: () => screen.show(),
      transformVertices: checkedPairs,
    };
    for (const [name, work] of Object.entries(createPen(canvas, layout, write, erase)) as [string, Work][])
      g[name] = QUESTIONS.includes(name) ? work : (...args: unknown[]) => (work(...args), g);
    return { g, canvas };
  }

  function createOwn(): object {
    const [width, height] = [320, 240];
    const { g, canvas } = create({ width, height, bitsPerPixel: 16, isVertical: false, isMsb: false });
    own = { width, height, canvas };
    for (const name of ['clear', 'fillRect', 'clearRect', 'drawRect', 'drawLine', 'drawString']) {
      const work = g[name] as Work;
      g[name] = (...args: unknown[]) => {
        work(...args);
        if (name === 'clear') screen.lines.length = 0;
        if (name === 'drawString') screen.show();
        onOwn();
        return g;
      };
    }
    return g;
  }

  return {
    screen,
    createOwn,
    Graphics: {
      createArrayBuffer: (
        width: number,
        height: number,
        bitsPerPixel: number,
        options: { vertical_byte?: boolean; msb?: boolean } = {},
      ) => create({ width, height, bitsPerPixel, isVertical: !!options.vertical_byte, isMsb: options.msb ?? true }).g,
    },
    ownPicture() {
      if (!own) return null;
      const { width, height, canvas } = own;
      const pixels = new Uint32Array(width * height);
      for (let i = 0; i < pixels.length; i++) pixels[i] = rgbOf565(canvas.get(i % width, Math.floor(i / width)));
      return { width, height, pixels };
    },
  };
}
