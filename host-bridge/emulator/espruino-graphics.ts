/**
 * `Graphics.createArrayBuffer` for the emulated board: keeps what was written where, not pixels.
 *
 * What a display shows is the text that was drawn on the newest picture since its last `clear`, and not painted over,
 * when the program sent it to the display. A picture of one bit a pixel, eight pixels down a byte, has bytes that
 * differ where texts differ, but no glyphs.
 */
import type { Realm } from './espruino-e.js';
import { checkedPairs } from '../base/crypto/node-natives.js';

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

/**
 * Makes a blank screen, the `Graphics` object that draws on it, and the `g` of builds with a display, which needs no
 * sending.
 */
export function createGraphics(
  realm: Realm,
  nowMs: () => number,
): { screen: Screen; Graphics: object; createOwn: () => object } {
  let texts: Text[] = [];
  const screen: Screen = {
    lines: [],
    shownMs: 0,
    show() {
      screen.shownMs = nowMs();
      const rows = new Map<number, Text[]>();
      for (const text of texts.filter((each) => each.text.length > 1))
        rows.set(text.y, [...(rows.get(text.y) ?? []), text]);
      screen.lines = [...rows.entries()]
        .sort(([a], [b]) => a - b)
        .map(([, row]) =>
          row
            .sort((a, b) => a.x - b.x)
            .map((t) => t.text)
            .join(' '),
        );
    },
  };

  function createArrayBuffer(width: number, height: number, bitsPerPixel: number): object {
    const buffer = new realm.ArrayBuffer((width * height * bitsPerPixel + 7) >> 3);
    const bytes = new realm.Uint8Array(buffer);
    let [across, down] = [1, 1]; // of the font 6x8
    texts = [];

    /** In the place of each character something that depends on it. */
    function ink(text: string, left: number, top: number): void {
      if (bitsPerPixel > 1) return;
      for (let x = Math.max(left, 0); x < Math.min(left + text.length * 6 * across, width); x++) {
        const code = text.charCodeAt(Math.floor((x - left) / 6 / across));
        const bottom = Math.min(top + 8 * down, height);
        // A byte holds eight points of a column: each is read and written once.
        for (let y = Math.max(top, 0); y < bottom;) {
          const at = (y >> 3) * width + x;
          let points = 0;
          do {
            if ((code * (1 + ((x + 3 * y) % 7))) & 4) points |= 1 << (y & 7);
          } while (++y & 7 && y < bottom);
          bytes[at] |= points;
        }
      }
    }

    const g: Record<string, unknown> = {
      buffer,
      getWidth: () => width,
      getHeight: () => height,
      stringWidth: (text: string) => String(text).length * 6,
      getFontHeight: () => 8,
      flip: () => screen.show(),
      transformVertices: checkedPairs,
    };
    const chain = (name: string, work: (...args: never[]) => void) => {
      g[name] = (...args: never[]) => {
        work(...args);
        return g;
      };
    };
    const erase = (x1: number, y1: number, x2: number, y2: number) => {
      texts = texts.filter((t) => !(t.x >= x1 && t.x <= x2 && t.y >= y1 && t.y <= y2));
    };
    chain('clear', () => ((texts = []), bytes.fill(0)));
    chain(
      'setFont',
      (name: unknown) => ([across, down] = (/:(\d+)x(\d+)$/.exec(String(name)) ?? ['', 1, 1]).slice(1).map(Number)),
    );
    chain('fillRect', erase);
    chain('clearRect', erase);
    chain('drawString', (text: unknown, x: number, y: number) => {
      // A later string in the same place covers the earlier one.
      texts = texts.filter((t) => t.x !== x || t.y !== y);
      ink(String(text), x, y);
      for (const [i, line] of String(text).split('\n').entries()) texts.push({ text: line, x, y: y + i * 8 });
    });
    const rest =
      'reset setColor setBgColor setFontAlign setFontVector setFontBitmap setFont6x8 setRotation drawRect drawLine drawImage fillCircle drawCircle fillPoly setPixel setContrast';
    for (const name of rest.split(' ')) chain(name, () => undefined);
    return g;
  }
  function createOwn(): object {
    const g = createArrayBuffer(320, 240, 16) as Record<string, (...args: unknown[]) => unknown>;
    const { clear, drawString } = g;
    g.clear = () => ((screen.lines.length = 0), clear());
    g.drawString = (...args) => {
      drawString(...args);
      screen.show();
      return g;
    };
    return g;
  }
  return { screen, Graphics: { createArrayBuffer }, createOwn };
}
