/**
 * An SSD1306 as its bus sees it: 128x64 points of graphics memory, filled by its own commands and data.
 *
 * Source: Solomon Systech SSD1306 rev 1.1, 8.1.5.2 (control byte), tables 9-1 on (commands), 10.1.3 (horizontal
 * addressing). What the drivers of firmware/panel/ do not use is left out: scrolling, page and vertical addressing, the
 * start line, and contrast. Of mapping segments and rows the wiring of a module undoes what its driver asks for, so
 * that the picture stands as it was drawn.
 */
import type { Picture } from './picture.js';

const WIDTH = 128;
const PAGES = 8;
/** A common module's colour where it is lit, and where not. */
const LIT = 0xe8f4ff;
const DARK = 0x000000;

/** Parameters that follow a command; 0 for those that are not here. */
const PARAMETERS = new Map([
  [0x20, 1],
  [0x21, 2],
  [0x22, 2],
  [0x81, 1],
  [0x8d, 1],
  [0xa8, 1],
  [0xd3, 1],
  [0xd5, 1],
  [0xd9, 1],
  [0xda, 1],
  [0xdb, 1],
]);

/** The chip on its bus. */
export interface Ssd1306Chip {
  /** A transfer that was written to its address, control byte and all. */
  write(transfer: ArrayLike<number>): void;
  /** What it shows; null while it is off. */
  picture(): Picture | null;
}

/** A chip that was just powered: off, its memory dark. */
export function createSsd1306Chip(): Ssd1306Chip {
  const memory = new Uint8Array(WIDTH * PAGES);
  const area = { left: 0, right: WIDTH - 1, top: 0, bottom: PAGES - 1 };
  let [column, page] = [0, 0];
  let rows = PAGES * 8;
  let [isOn, isInverted] = [false, false];
  let waiting: number[] = [];

  function command(code: number, first: number, second: number): void {
    if (code === 0x21) [area.left, area.right, column] = [first & 127, second & 127, first & 127];
    else if (code === 0x22) [area.top, area.bottom, page] = [first & 7, second & 7, first & 7];
    else if (code === 0xa8) rows = (first & 63) + 1;
    else if (code === 0xa6 || code === 0xa7) isInverted = code === 0xa7;
    else if (code === 0xae || code === 0xaf) isOn = code === 0xaf;
  }

  function takeCommands(bytes: ArrayLike<number>): void {
    for (let i = 1; i < bytes.length; i++) {
      waiting.push(bytes[i]);
      if (waiting.length <= (PARAMETERS.get(waiting[0]) ?? 0)) continue;
      command(waiting[0], waiting[1] ?? 0, waiting[2] ?? 0);
      waiting = [];
    }
  }

  function takeData(bytes: ArrayLike<number>): void {
    for (let i = 1; i < bytes.length; i++) {
      memory[page * WIDTH + column] = bytes[i];
      if (column !== area.right) column = (column + 1) % WIDTH;
      else {
        column = area.left;
        page = page === area.bottom ? area.top : (page + 1) % PAGES;
      }
    }
  }

  return {
    write(transfer) {
      if (transfer[0] === 0x00) takeCommands(transfer);
      else if (transfer[0] === 0x40) takeData(transfer);
    },
    picture() {
      if (!isOn) return null;
      const pixels = new Uint32Array(WIDTH * rows);
      for (let i = 0; i < pixels.length; i++) {
        const bit = (memory[((i / WIDTH) >> 3) * WIDTH + (i % WIDTH)] >> (Math.floor(i / WIDTH) & 7)) & 1;
        pixels[i] = (bit === 1) !== isInverted ? LIT : DARK;
      }
      return { width: WIDTH, height: rows, pixels };
    },
  };
}
