/**
 * Displays in colour, 320x240: an ILI9341 or ILI9342C on SPI, or one that the interpreter's own build drives (its
 * global g).
 *
 * Source: Ilitek ILI9341 rev 1.11, 8.2 (commands), 7.1.9 (a transfer may pause), 11.2 (5 ms after reset, 120 ms after
 * sleep out before the next). Registers that are not named here keep their values after reset. The picture is one bit a
 * pixel at half the size, so that it takes 2400 bytes; on the way out each bit becomes two pixels of 16 bits by one
 * native call a row, and each row goes out twice. Green is money that moved, red a refusal or a fault.
 *
 * An overlay (user-token/main.ts, shop-terminal/main.ts): boards with another display never load it.
 */
import type { Clock } from '../core/clock.js';
import type { DisplayConfig } from '../core/board-config.js';
import { drawLines, drawNothing } from './display.js';
import type { Display, DisplayGraphics, Tone } from './display.js';
import { drawTouchKeys, LINES_WIDTH } from './touch-keys.js';
import type { KeyGraphics } from './touch-keys.js';

/** What of Espruino's SPI a display needs. */
export interface LcdBus {
  setup(options: { sck?: string; mosi?: string; baud: number; mode: number }): void;
  write(data: any): void;
}

/** What of the interpreter's own display is needed. */
export interface OwnGraphics extends KeyGraphics {
  clear(): any;
  getWidth(): number;
  getHeight(): number;
  setColor(colour: number): any;
  setBgColor(colour: number): any;
}

/** Where its parts come from. */
export interface LcdDevices {
  clock: Clock;
  digitalWrite(pin: string, level: number): void;
  /** The SPI port of that name; undefined where the board has none. */
  bus(name: string): LcdBus | undefined;
  /** The global g; undefined where the build has no display. */
  own(): OwnGraphics | undefined;
  /** `Graphics.createArrayBuffer`. */
  createGraphics(width: number, height: number, bitsPerPixel: number, options: { msb: boolean }): DisplayGraphics;
  /** `E.mapInPlace`. */
  mapInPlace(from: Uint8Array, to: Uint32Array, map: Uint32Array, bits: number): void;
}

/** Background and text by tone, 5-6-5 bits of red, green and blue. */
const BACKGROUNDS = [0x0000, 0x07e0, 0xf800, 0xfd20];
const TEXTS = [0xffff, 0x0000, 0xffff, 0x0000];

const RESET_MS = 10;
const AWAKE_MS = 120;
/** The picture in memory. */
const WIDTH = 160;
const HEIGHT = 120;

/** Two pixels of a colour as the display takes them, high byte first. */
function pair(colour: number): number {
  return (((colour & 255) << 8) | (colour >> 8)) * 65537;
}

function drawOwn(graphics: OwnGraphics, lines: string[], tone: Tone, keys?: string[]): void {
  graphics.setBgColor(BACKGROUNDS[tone]);
  graphics.setColor(TEXTS[tone]);
  graphics.clear();
  drawLines(graphics, lines, keys ? LINES_WIDTH : graphics.getWidth(), graphics.getHeight());
  if (keys) drawTouchKeys(graphics, keys);
}

/** Starts an ILI9341 and gives the function that shows lines on it, which works once `ready` was called. */
function startIli(
  devices: LcdDevices,
  config: DisplayConfig,
  bus: LcdBus,
  ready: () => void,
): (lines: string[], tone: Tone) => void {
  const write = devices.digitalWrite;
  const cs = config.cs!;
  const dc = config.dc!;

  function command(code: number, parameters: number[]): void {
    write(dc, 0);
    bus.write(code);
    write(dc, 1);
    if (parameters.length > 0) bus.write(parameters);
  }

  function wake(): void {
    if (config.reset) write(config.reset, 1);
    devices.clock.setTimeout(function () {
      write(cs, 0);
      command(0x11, []); // sleep out
      command(0x3a, [0x55]); // 16 bits a pixel
      command(0x36, [config.memoryAccess || 0]);
      command(config.inverted ? 0x21 : 0x20, []);
      write(cs, 1);
      devices.clock.setTimeout(ready, AWAKE_MS);
    }, AWAKE_MS);
  }

  bus.setup({ sck: config.sck, mosi: config.mosi, baud: config.baud || 20000000, mode: 0 });
  write(cs, 1);
  if (config.reset) write(config.reset, 0);
  devices.clock.setTimeout(wake, RESET_MS);

  return function (lines, tone) {
    const colours = new Uint32Array([pair(BACKGROUNDS[tone]), pair(TEXTS[tone])]);
    // Anew each time: a board that checks a signature needs the room.
    const picture = devices.createGraphics(WIDTH, HEIGHT, 1, { msb: true });
    const row = new Uint32Array(WIDTH);
    drawLines(picture, lines, WIDTH, HEIGHT);
    write(cs, 0);
    command(0x2a, [0, 0, 1, 0x3f]); // columns 0 to 319
    command(0x2b, [0, 0, 0, 0xef]); // rows 0 to 239
    command(0x2c, []);
    for (let at = 0; at < (WIDTH / 8) * HEIGHT; at += WIDTH / 8) {
      devices.mapInPlace(new Uint8Array(picture.buffer, at, WIDTH / 8), row, colours, 1);
      bus.write(row.buffer);
      bus.write(row.buffer);
    }
    command(0x29, []); // on: from the first picture
    write(cs, 1);
    if (config.backlight) write(config.backlight, 1);
  };
}

/** Makes the display of type "ili9341" or "graphics"; a broken one where the board does not have what it says. */
export function createLcd(devices: LcdDevices, config: DisplayConfig): Display {
  const own = config.type === 'graphics' ? devices.own() : undefined;
  const bus = config.type === 'graphics' ? undefined : devices.bus(config.port || 'SPI1');
  let failed = !own && !bus;
  let isReady = !!own;
  // Shown once it is ready.
  let waiting: string[] | null = null;
  let waitingTone: Tone;
  let drawIli: any;
  let keys = config.keys;

  function show(lines: string[], tone: Tone): void {
    if (failed) return;
    if (!isReady) {
      waiting = lines;
      waitingTone = tone;
      return;
    }
    try {
      if (own) drawOwn(own, lines, tone, keys);
      else drawIli(lines, tone);
    } catch (error) {
      failed = true;
    }
  }

  if (bus) {
    drawIli = startIli(devices, config, bus, function () {
      isReady = true;
      if (waiting) show(waiting, waitingTone);
    });
  }
  return {
    show: show,
    draw: drawNothing,
    broken: function () {
      return failed;
    },
    showKeys: function (now) {
      keys = now || undefined;
    },
  };
}
