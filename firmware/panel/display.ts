/**
 * What the owner reads: up to five lines of sixteen characters on an SSD1306 OLED over I2C, or on the console. Displays
 * in colour are in lcd.ts.
 *
 * Source: Solomon Systech SSD1306 rev 1.1, tables 9-1 to 9-5 and application note 3 (charge pump). The text is drawn by
 * Espruino's own Graphics in the 6x8 font, which every ESP32 build has, each line as large as there is room for. What
 * went well is told from afar: the whole picture is inverted. A display that fails is left alone from then on: it must
 * never cost a payment. `broken` tells, so that the caller can fall back on the LED.
 */
import type { DisplayConfig } from '../core/board-config.js';

/** Characters in a line and lines on the screen. */
export const LINE_CHARACTERS = 16;
export const LINES_MAX = 5;

/** How news look from afar: money moved as it should, it did not, or anything else. */
export const PLAIN = 0;
export const GOOD = 1;
export const BAD = 2;
/** Money is there that nobody has checked yet: amber, where there are colours. */
export const UNSURE = 3;
export type Tone = typeof PLAIN | typeof GOOD | typeof BAD | typeof UNSURE;

/** A display; a board without one has one that shows nothing and counts as broken. */
export interface Display {
  /** Shows these lines, and nothing else. */
  show(lines: string[], tone: Tone): void;
  /**
   * Draws lines where nobody sees them yet, so that `show` of the same array takes less time. False where it would not.
   */
  draw(lines: string[]): boolean;
  /** True where nobody can read what is shown. */
  broken(): boolean;
  /** With a touch panel: draws these keys beside the lines from now on; null: none. */
  showKeys?(keys: string[] | null): void;
}

/** What of Espruino's I2C a display needs. */
export interface DisplayBus {
  setup(options: { sda?: string; scl?: string; bitrate: number }): void;
  writeTo(address: number, ...data: any[]): void;
}

/** What of Espruino's Graphics a display needs. */
export interface DisplayGraphics {
  /** Only of those that have one in memory. */
  buffer: ArrayBuffer;
  setFont(name: string): any;
  drawString(text: string, x: number, y: number): any;
}

/** Where the parts of a display come from. */
export interface DisplayDevices {
  /** The I2C port of that name; undefined where the board has none. */
  bus(name: string): DisplayBus | undefined;
  /** `Graphics.createArrayBuffer`. */
  createGraphics(
    width: number,
    height: number,
    bitsPerPixel: number,
    options: { vertical_byte: boolean; msb: boolean },
  ): DisplayGraphics;
  /** `E.CRC32`. */
  crc32(bytes: Uint8Array): number;
  print(text: string): void;
}

/** `draw` of a display that draws at once what it shows. */
export function drawNothing(): boolean {
  return false;
}

/** A display for boards that have none. */
function createNoDisplay(): Display {
  return {
    show: function () {},
    draw: drawNothing,
    broken: function () {
      return true;
    },
  };
}

function createConsoleDisplay(print: (text: string) => void): Display {
  return {
    show: function (lines) {
      print('[display] ' + lines.join(' | '));
    },
    draw: drawNothing,
    broken: function () {
      return false;
    },
  };
}

/** Width and height of a character of the 6x8 font. The 4x6 font is no choice: its 4 reads as a 9. */
const FONT_WIDTH = 6;
const FONT_HEIGHT = 8;
/** Rows left free, above, below and between lines. */
const MARGIN = 4;

/**
 * Draws lines one below the other, each as large as its length and the others allow; the second one, where amounts
 * stand, gives way last.
 * @param width of the picture, pixels @param height the same
 */
export function drawLines(graphics: DisplayGraphics, lines: string[], width: number, height: number): void {
  const count = Math.min(lines.length, LINES_MAX);
  const widths: number[] = [];
  const heights: number[] = [];
  let rows = 0; // of characters of the font's own size
  for (let i = 0; i < count; i++) {
    widths[i] = Math.floor(width / FONT_WIDTH / Math.max(lines[i].length, 1));
    heights[i] = widths[i] + 1;
    rows += heights[i];
  }
  for (; rows * FONT_HEIGHT > height - MARGIN; rows--) {
    let largest = 0;
    for (let i = 1; i < count; i++)
      if (heights[i] - (i === 1 ? 1 : 0) >= heights[largest] - (largest === 1 ? 1 : 0)) largest = i;
    heights[largest]--;
  }
  const gap = Math.floor((height - rows * FONT_HEIGHT) / (count + 1));
  let y = gap;
  for (let i = 0; i < count; i++) {
    const across = Math.min(widths[i], heights[i]);
    graphics.setFont('6x8:' + across + 'x' + heights[i]);
    // A character's last column is empty.
    graphics.drawString(lines[i], Math.floor((width - (lines[i].length * FONT_WIDTH - 1) * across) / 2), y);
    y += heights[i] * FONT_HEIGHT + gap;
  }
}

/** Commands at power-up, SSD1306 table 9-1 on; `height` is 32 or 64. */
function startCommands(height: number): number[] {
  return [
    0xae, // display off
    0xd5,
    0x80, // clock divide ratio: reset value
    0xa8,
    height - 1, // multiplex ratio
    0xd3,
    0x00, // no display offset
    0x40, // start line 0
    0x8d,
    0x14, // charge pump on
    0x20,
    0x00, // horizontal addressing: the whole buffer in one go
    0xa1,
    0xc8, // column 127 and last row first: connector at the top
    0xda,
    height === 64 ? 0x12 : 0x02, // COM pins
    0x81,
    0xcf, // contrast
    0xd9,
    0xf1, // precharge with the charge pump
    0xdb,
    0x40, // VCOMH level
    0xa4,
    0xa6, // show memory, not inverted
    0xaf, // display on
  ];
}

function createOled(bus: DisplayBus, devices: DisplayDevices, config: DisplayConfig): Display {
  const address = config.address || 0x3c;
  const width = config.width || 128;
  const height = config.height || 64;
  const pages = height / 8; // of eight pixel rows, as the display takes them
  let started = false;
  // Drawn ahead, and not shown yet. A new one each time: its kilobyte is needed while a board checks a signature.
  let picture: DisplayGraphics | null = null;
  let drawn: string[] | null = null; // the lines in it
  // Of each page of it, and of what the display has; null where nobody counted.
  let crcs: Uint32Array | null = null;
  let shownCrcs: Uint32Array | null = null;
  // The pages by which they differ.
  let first = 0;
  let last = 0;
  let failed = false;

  // Commands go in one transfer: after a control byte 00 nothing but commands comes (8.1.5.2).
  function start(): void {
    bus.setup({ sda: config.sda, scl: config.scl, bitrate: config.bitrate || 400000 });
    bus.writeTo(address, 0, startCommands(height));
    started = true;
  }

  function draw(lines: string[]): void {
    picture = drawn = null; // its room, before more is asked for
    // From 2v25 on Espruino puts the highest bit first unless told.
    picture = devices.createGraphics(width, height, 1, { vertical_byte: true, msb: false });
    drawLines(picture, lines, width, height);
    drawn = lines;
    crcs = null;
    first = 0;
    last = pages - 1;
  }

  return {
    show: function (lines, tone) {
      if (failed) return;
      try {
        if (!started) start();
        if (lines !== drawn) draw(lines);
        bus.writeTo(address, 0, [tone === GOOD ? 0xa7 : 0xa6, 0x21, 0, width - 1, 0x22, first, pages - 1]);
        // One page at a time: some ports take no longer transfers.
        for (let i = first; i <= last; i++)
          bus.writeTo(address, 0x40, new Uint8Array(picture!.buffer, i * width, width));
        shownCrcs = crcs;
        picture = drawn = crcs = null;
      } catch (error) {
        failed = true;
      }
    },
    draw: function (lines) {
      if (!started || failed) return false;
      try {
        draw(lines);
        const now = new Uint32Array(pages);
        for (let i = 0; i < pages; i++) now[i] = devices.crc32(new Uint8Array(picture!.buffer, i * width, width));
        crcs = now;
        const before = shownCrcs;
        while (before && first < last && now[first] === before[first]) first++;
        while (before && first < last && now[last] === before[last]) last--;
      } catch (error) {
        failed = true;
      }
      return !failed;
    },
    broken: function () {
      return failed;
    },
  };
}

/** Makes the display that the board has. */
export function createDisplay(devices: DisplayDevices, config?: DisplayConfig): Display {
  if (config && config.type === 'console') return createConsoleDisplay(devices.print);
  if (config && config.type === 'ssd1306') {
    const bus = devices.bus(config.port || 'I2C1');
    if (bus) return createOled(bus, devices, config);
  }
  return createNoDisplay();
}
