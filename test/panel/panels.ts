/** What display controllers make of the bytes that they get, and a PNG of it. */
import { encode } from 'fast-png';
import { createIli9341Chip } from '../../host-bridge/emulator/ili9341-chip.js';
import type { Picture } from '../../host-bridge/emulator/picture.js';
import { createSsd1306Chip } from '../../host-bridge/emulator/ssd1306-chip.js';

/** One transfer. */
export interface Transfer {
  kind: 'command' | 'data';
  bytes: Uint8Array;
}

/** The SSD1306 of emulated boards, switched on: that was before the first of many pictures. */
export function oledPicture(transfers: Transfer[]): Picture {
  const chip = createSsd1306Chip();
  chip.write([0x00, 0xaf]);
  for (const { kind, bytes } of transfers) chip.write([kind === 'command' ? 0x00 : 0x40, ...bytes]);
  return chip.picture()!;
}

/** The ILI9341 of emulated boards. */
export function lcdPicture(transfers: Transfer[]): Picture {
  const chip = createIli9341Chip();
  for (const { kind, bytes } of transfers) chip.write(bytes, kind === 'data');
  const picture = chip.picture();
  if (!picture) throw new Error('the display was never switched on');
  return picture;
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
