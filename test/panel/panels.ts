/** What display controllers make of the bytes that they get: pixels of an SSD1306 and an ILI9341, and a PNG of them. */
import { encode } from 'fast-png';

/** A picture, one colour of 24 bits a pixel. */
export interface Picture {
  width: number;
  height: number;
  pixels: Uint32Array;
}

/** One transfer. */
export interface Transfer {
  kind: 'command' | 'data';
  bytes: Uint8Array;
}

/** Parameters that follow SSD1306 commands as commands of their own. */
const OLED_PARAMETERS = new Map([
  [0x21, 2],
  [0x22, 2],
  [0x20, 1],
  [0x81, 1],
  [0xa8, 1],
  [0xd3, 1],
  [0xd5, 1],
  [0xd9, 1],
  [0xda, 1],
  [0xdb, 1],
  [0x8d, 1],
]);

/** SSD1306, 128x64, horizontal addressing (rev 1.1, 10.1.3): each byte is eight pixels down, the lowest bit on top. */
export function oledPicture(transfers: Transfer[]): Picture {
  const memory = new Uint8Array(1024);
  let [column, first, last, page, inverted] = [0, 0, 127, 0, false];
  let waiting: number[] = [];
  for (const { kind, bytes } of transfers) {
    for (const byte of bytes) {
      if (kind === 'command') {
        waiting.push(byte);
        if (waiting.length <= (OLED_PARAMETERS.get(waiting[0]) ?? 0)) continue;
        if (waiting[0] === 0x21) [column, first, last] = [waiting[1], waiting[1], waiting[2]];
        else if (waiting[0] === 0x22) page = waiting[1];
        else if ((waiting[0] & 0xfe) === 0xa6) inverted = waiting[0] === 0xa7;
        waiting = [];
        continue;
      }
      memory[page * 128 + column++] = byte;
      if (column > last) [column, page] = [first, (page + 1) & 7];
    }
  }
  const pixels = new Uint32Array(128 * 64);
  pixels.forEach((_, i) => {
    const [x, y] = [i % 128, Math.floor(i / 128)];
    pixels[i] = ((memory[(y >> 3) * 128 + x] >> (y & 7)) & 1) === (inverted ? 0 : 1) ? 0xe8f4ff : 0x000000;
  });
  return { width: 128, height: 64, pixels };
}

/** ILI9341, 320x240, 16 bits a pixel (rev 1.11, 8.2.20 to 8.2.22). */
export function lcdPicture(transfers: Transfer[]): Picture {
  const pixels = new Uint32Array(320 * 240);
  let [command, at, high, on] = [0, 0, -1, false];
  let parameters: number[] = [];
  const area = { left: 0, right: 319, top: 0, bottom: 239 };
  for (const { kind, bytes } of transfers) {
    for (const byte of bytes) {
      if (kind === 'command') {
        [command, at, high, parameters] = [byte, 0, -1, []];
        if (byte === 0x29) on = true;
      } else if (command === 0x2c) {
        if (high < 0) high = byte;
        else {
          const value = (high << 8) | byte;
          const columns = area.right - area.left + 1;
          pixels[(area.top + Math.floor(at / columns)) * 320 + area.left + (at % columns)] =
            ((value >> 11) << 19) | (((value >> 5) & 63) << 10) | ((value & 31) << 3);
          at++;
          high = -1;
        }
      } else {
        parameters.push(byte);
        const [a, b, c, d] = parameters;
        if (parameters.length === 4 && command === 0x2a) [area.left, area.right] = [a * 256 + b, c * 256 + d];
        if (parameters.length === 4 && command === 0x2b) [area.top, area.bottom] = [a * 256 + b, c * 256 + d];
      }
    }
  }
  if (!on) throw new Error('the display was never switched on');
  return { width: 320, height: 240, pixels };
}

/** The picture as a PNG file, each pixel `zoom` times as large. */
export function png({ width, height, pixels }: Picture, zoom: number): Uint8Array {
  const [w, h] = [width * zoom, height * zoom];
  const data = new Uint8Array(w * h * 3);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const colour = pixels[Math.floor(y / zoom) * width + Math.floor(x / zoom)];
      data.set([colour >> 16, (colour >> 8) & 255, colour & 255], (y * w + x) * 3);
    }
  }
  return encode({ width: w, height: h, data, channels: 3 });
}
