/**
 * An ILI9341 as its bus sees it: 320x240 points of 16 bits, filled by its own commands and data.
 *
 * Source: Ilitek ILI9341 rev 1.11, 8.2.13 and 8.2.18 (on), 8.2.20 to 8.2.22 (columns, rows, memory). The line D/C says
 * whether a byte is a command. Left out: memory access control and inversion, which undo the wiring of a module, so
 * that the picture stands as it was drawn; scrolling, other depths than 16 bits, and reading.
 */
import { rgbOf565, type Picture } from './picture.js';

const WIDTH = 320;
const HEIGHT = 240;

/** The chip on its bus. */
export interface Ili9341Chip {
  /** Bytes that were written while its CS was low. @param isData level of D/C */
  write(bytes: ArrayLike<number>, isData: boolean): void;
  /** What it shows; null while it is off. */
  picture(): Picture | null;
}

/** A chip that was just powered: off, its memory black. */
export function createIli9341Chip(): Ili9341Chip {
  const memory = new Uint16Array(WIDTH * HEIGHT);
  const area = { left: 0, right: WIDTH - 1, top: 0, bottom: HEIGHT - 1 };
  let [x, y] = [0, 0];
  let command = 0;
  let parameters: number[] = [];
  let high = -1; // the first byte of a point
  let isOn = false;

  function takeCommand(code: number): void {
    [command, parameters, high] = [code, [], -1];
    if (code === 0x28 || code === 0x29) isOn = code === 0x29;
    if (code === 0x2c) [x, y] = [area.left, area.top];
  }

  function takeParameter(byte: number): void {
    parameters.push(byte);
    if (parameters.length !== 4) return;
    const from = parameters[0] * 256 + parameters[1];
    const to = parameters[2] * 256 + parameters[3];
    if (command === 0x2a) [area.left, area.right] = [from, to];
    if (command === 0x2b) [area.top, area.bottom] = [from, to];
  }

  function takePoint(colour: number): void {
    if (x < WIDTH && y < HEIGHT) memory[y * WIDTH + x] = colour;
    if (x !== area.right) x++;
    else [x, y] = [area.left, y === area.bottom ? area.top : y + 1];
  }

  function takeData(bytes: ArrayLike<number>): void {
    for (let i = 0; i < bytes.length; i++) {
      if (command !== 0x2c) takeParameter(bytes[i]);
      else if (high < 0) high = bytes[i];
      else {
        takePoint((high << 8) | bytes[i]);
        high = -1;
      }
    }
  }

  return {
    write(bytes, isData) {
      if (isData) takeData(bytes);
      else for (let i = 0; i < bytes.length; i++) takeCommand(bytes[i]);
    },
    picture: () => (isOn ? { width: WIDTH, height: HEIGHT, pixels: Uint32Array.from(memory, rgbOf565) } : null),
  };
}
