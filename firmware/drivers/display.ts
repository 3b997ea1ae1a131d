/**
 * What the owner reads: up to five lines of sixteen characters on an SSD1306 OLED over I2C, or on the console.
 *
 * Source: Solomon Systech SSD1306 rev 1.1, tables 9-1 to 9-5 and application note 3 (charge pump). The text is drawn by
 * Espruino's own Graphics in the 4x6 font that every build has, at twice its size.
 * A display that fails is left alone from then on: it must never cost a payment. `broken` tells, so that the caller can
 * fall back on the LED.
 */
import type { DisplayConfig } from './board-config.js';

/** Characters in a line and lines on the screen. */
export const LINE_CHARACTERS = 16;
export const LINES_MAX = 5;

/** A display; a board without one has one that shows nothing and counts as broken. */
export interface Display {
  /** Shows these lines, and nothing else. */
  show(lines: string[]): void;
  /** True where nobody can read what is shown. */
  broken(): boolean;
}

/** What of Espruino's I2C a display needs. */
export interface DisplayBus {
  setup(options: { sda?: string; scl?: string; bitrate: number }): void;
  writeTo(address: number, ...data: any[]): void;
}

/** What of Espruino's Graphics a display needs. */
export interface DisplayGraphics {
  buffer: ArrayBuffer;
  clear(): any;
  setFont(name: string, scale: number): any;
  drawString(text: string, x: number, y: number): any;
}

/** Where the parts of a display come from. */
export interface DisplayDevices {
  /** The I2C port of that name; undefined where the board has none. */
  bus(name: string): DisplayBus | undefined;
  /** `Graphics.createArrayBuffer`. */
  createGraphics(width: number, height: number, bitsPerPixel: number, options: { vertical_byte: boolean }): DisplayGraphics;
  print(text: string): void;
}

/** A display for boards that have none. */
function createNoDisplay(): Display {
  return {
    show: function () {},
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
    broken: function () {
      return false;
    },
  };
}

/** Commands at power-up, SSD1306 table 9-1 on; `height` is 32 or 64. */
function startCommands(height: number): number[] {
  return [
    0xae, // display off
    0xd5, 0x80, // clock divide ratio: reset value
    0xa8, height - 1, // multiplex ratio
    0xd3, 0x00, // no display offset
    0x40, // start line 0
    0x8d, 0x14, // charge pump on
    0x20, 0x00, // horizontal addressing: the whole buffer in one go
    0xa1, 0xc8, // column 127 and last row first: connector at the top
    0xda, height === 64 ? 0x12 : 0x02, // COM pins
    0x81, 0xcf, // contrast
    0xd9, 0xf1, // precharge with the charge pump
    0xdb, 0x40, // VCOMH level
    0xa4, 0xa6, // show memory, not inverted
    0xaf, // display on
  ];
}

function createOled(bus: DisplayBus, devices: DisplayDevices, config: DisplayConfig): Display {
  const address = config.address || 0x3c;
  const width = config.width || 128;
  const height = config.height || 64;
  let graphics: DisplayGraphics | null = null;
  let failed = false;

  function start(): void {
    bus.setup({ sda: config.sda, scl: config.scl, bitrate: config.bitrate || 400000 });
    const commands = startCommands(height);
    for (let i = 0; i < commands.length; i++) bus.writeTo(address, 0, commands[i]);
    graphics = devices.createGraphics(width, height, 1, { vertical_byte: true });
    graphics.setFont('4x6', 2);
  }

  function draw(lines: string[]): void {
    if (!graphics) start();
    const screen = graphics!;
    screen.clear();
    const lineHeight = height > 32 ? 13 : 8;
    screen.setFont('4x6', height > 32 ? 2 : 1);
    for (let i = 0; i < lines.length && i < LINES_MAX; i++) screen.drawString(lines[i], 0, i * lineHeight);
    const commands = [0x21, 0, width - 1, 0x22, 0, height / 8 - 1];
    for (let i = 0; i < commands.length; i++) bus.writeTo(address, 0, commands[i]);
    // One page row at a time: some ports take no longer transfers.
    for (let at = 0; at < (width * height) / 8; at += width) {
      bus.writeTo(address, 0x40, new Uint8Array(screen.buffer, at, width));
    }
  }

  return {
    show: function (lines) {
      if (failed) return;
      try {
        draw(lines);
      } catch (error) {
        failed = true;
      }
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
