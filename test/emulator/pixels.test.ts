/**
 * The pixels of emulated displays: what Espruino's Graphics draws into a buffer, and what an SSD1306 and an ILI9341
 * make of the bytes that the firmware's drivers send. Where the interpreter is there, its own pixels are compared.
 */
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createBoard, type BoardOptions } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createIli9341Chip } from '../../host-bridge/emulator/ili9341-chip.js';
import type { Picture } from '../../host-bridge/emulator/picture.js';
import { createSsd1306Chip } from '../../host-bridge/emulator/ssd1306-chip.js';
import { interpreter, runInEspruino } from '../build/fixture-runner.js';

function boot(program: string, more: Partial<BoardOptions> = {}) {
  const lines: string[] = [];
  const board = createBoard({
    scheduler: createVirtualScheduler(),
    name: 'board',
    bundle: `(function(){${program}})()`,
    flash: createEmulatedFlash({ address: 0x310000, bytes: 4096, pageBytes: 4096 }),
    entropy: (count) => new Uint8Array(count),
    onConsole: (line) => void lines.push(line),
    ...more,
  });
  board.powerOn();
  expect(board.errors).toEqual([]);
  return { board, lines };
}

/** A picture as text: "#" where it is not of the background's colour. */
const art = ({ width, height, pixels }: Picture, background = 0): string[] =>
  Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (pixels[y * width + x] === background ? '.' : '#')).join(''),
  );

/** Prints a buffer of Graphics, a line a row. */
const DUMP = `function dump(g) {
  for (var y = 0; y < g.getHeight(); y++) {
    var row = '';
    for (var x = 0; x < g.getWidth(); x++) row += g.getPixel(x, y) ? '#' : '.';
    print('|' + row);
  }
}`;

/** The layouts of buffers that displays have. */
const LAYOUTS = ['1, {vertical_byte: true, msb: false}', '1, {msb: true}', '1, {msb: false}', '16, {}'];

describe('Graphics', () => {
  test.each(LAYOUTS)('draws letters, and whatever else, of %s', (layout) => {
    const { lines } = boot(`${DUMP}
      var g = Graphics.createArrayBuffer(25, 16, ${layout});
      g.setFont('6x8').drawString('Pay', 1, 0);
      g.setFont('6x8:1x2').drawString('5', 19, 0);
      g.drawRect(0, 9, 8, 15).fillRect(11, 10, 15, 13).clearRect(12, 11, 13, 12).drawLine(17, 15, 23, 12).setPixel(24, 9);
      dump(g);`);
    expect(lines).toEqual([
      '|.####..............#####.',
      '|.#...#.............#####.',
      '|.#...#..###..#...#.#.....',
      '|.####......#.#...#.#.....',
      '|.#......####..####.####..',
      '|.#.....#...#.....#.####..',
      '|.#......####..###......#.',
      '|.......................#.',
      '|.......................#.',
      '|#########..............##',
      '|#.......#..#####...#...#.',
      '|#.......#..#..##...#...#.',
      '|#.......#..#..##....####.',
      '|#.......#..#####....###..',
      '|#.......#..........##....',
      '|#########........##......',
    ]);
  });

  test('letters without a glyph lose their marks, or are a question mark', () => {
    const { lines } = boot(`${DUMP}
      function drawn(text) { var g = Graphics.createArrayBuffer(12, 8, 1, {msb: true}); g.setFont('6x8').drawString(text, 0, 0); dump(g); }
      drawn('\\xc9\\xa7'); drawn('E?');`);
    expect(lines.slice(0, 8)).toEqual(lines.slice(8));
  });

  // Cells as solid blocks: letters are not the interpreter's own, their places and sizes are.
  const SHAPES = `${DUMP}
    var i, layouts = [${LAYOUTS.map((layout) => `function () { return Graphics.createArrayBuffer(70, 48, ${layout}); }`).join()}];
    for (i = 0; i < 4; i++) {
      var g = layouts[i](), full = i === 3 ? 65535 : 1;
      g.drawRect(0, 0, 69, 44).drawRect(5, 7, 3, 2).fillRect(10, 3, 20, 9).clearRect(12, 5, 17, 8);
      g.drawLine(0, 44, 69, 0).drawLine(3, 40, 9, 12).drawLine(60, 5, 20, 43).drawLine(30, 30, 30, 12).drawLine(5, 5, 5, 5);
      g.fillRect(-5, 30, 4, 50).setPixel(69, 1, full).setPixel(200, 3);
      g.setColor(full).setBgColor(full);
      g.setFont('6x8').drawString('Ay', 22, 1, true);
      g.setFont('6x8:2').drawString('g\\n1', 40, 2, true);
      g.setFont('6x8:3x4').drawString('#', 55, 20, true);
      dump(g);
      g.setBgColor(0).clear();
      g.setFont('6x8:1x3').drawString('   ', 0, 0);
      dump(g);
    }`;
  (interpreter ? test : test.skip)('has the pixels of the real interpreter', () => {
    const real = runInEspruino(SHAPES, 30_000).filter((line) => line.startsWith('|'));
    expect(real).toHaveLength(8 * 48);
    expect(boot(SHAPES).lines).toEqual(real);
  });
});

describe('SSD1306', () => {
  /** Of the picture's upper left corner. */
  const corner = (picture: Picture, background = 0): string[] =>
    art(picture, background)
      .slice(0, 9)
      .map((row) => row.slice(0, 5));

  test('keeps what its window is filled with, and is dark until it is switched on', () => {
    const chip = createSsd1306Chip();
    expect(chip.picture()).toBeNull();
    chip.write([0, 0xae, 0xa8, 63, 0x20, 0, 0x8d, 0x14, 0xaf]);
    chip.write([0, 0x21, 1, 2, 0x22, 0, 1]);
    chip.write([0x40, 0xff, 0x81, 0x01]);
    expect(corner(chip.picture()!)).toEqual([
      '.##..',
      '.#...',
      '.#...',
      '.#...',
      '.#...',
      '.#...',
      '.#...',
      '.##..',
      '.#...',
    ]);
    // At the end of the window it begins again.
    chip.write([0x40, 0, 0x18]);
    expect(corner(chip.picture()!).slice(0, 5)).toEqual(['..#..', '.....', '.....', '.#...', '.#...']);
    chip.write([0, 0xa7]);
    expect(chip.picture()!.pixels[0]).toBe(0xe8f4ff);
    chip.write([0, 0xae]);
    expect(chip.picture()).toBeNull();
  });

  test('a command may come in several transfers; an OLED of 32 rows has so many', () => {
    const chip = createSsd1306Chip();
    for (const byte of [0xa8, 31, 0xaf, 0x21, 5, 6]) chip.write([0, byte]);
    chip.write([0x40, 1]);
    const picture = chip.picture()!;
    expect([picture.width, picture.height]).toEqual([128, 32]);
    expect([...picture.pixels].flatMap((pixel, i) => (pixel ? [i] : []))).toEqual([5]);
  });

  test('is on the bus of the emulated board, and forgets without power', () => {
    let changes = 0;
    const { board } = boot(
      `I2C1.setup({sda: 'D21', scl: 'D22'});
       I2C1.writeTo(0x3c, 0, [0xaf, 0x21, 0, 127, 0x22, 0, 7]);
       if (!require('Storage').read('x')) I2C1.writeTo(0x3c, 0x40, new Uint8Array([255]));
       require('Storage').write('x', 'y');`,
      { onPicture: () => void changes++ },
    );
    expect(changes).toBe(2);
    expect(board.picture!()!.pixels[7 * 128]).toBe(0xe8f4ff);
    board.powerOff();
    expect(board.picture!()).toBeNull();
    board.powerOn();
    expect(board.picture!()!.pixels.every((pixel) => pixel === 0)).toBe(true);
  });
});

describe('ILI9341', () => {
  test('keeps what its window is filled with, and is dark until it is switched on', () => {
    const chip = createIli9341Chip();
    const send = (command: number, data: number[]): void => {
      chip.write([command], false);
      chip.write(data, true);
    };
    send(0x2a, [0, 2, 0, 3]);
    send(0x2b, [0, 1, 0, 2]);
    // Transfers may end within a point.
    send(0x2c, [0xf8]);
    chip.write([0x00, 0x07, 0xe0, 0x00, 0x1f], true);
    expect(chip.picture()).toBeNull();
    send(0x29, []);
    const { width, height, pixels } = chip.picture()!;
    expect([width, height]).toEqual([320, 240]);
    const lit = [...pixels].flatMap((pixel, i) => (pixel ? [[i % 320, Math.floor(i / 320), pixel.toString(16)]] : []));
    expect(lit).toEqual([
      [2, 1, 'f80000'],
      [3, 1, 'fc00'],
      [2, 2, 'f8'],
    ]);
  });

  test('listens while its CS is low', () => {
    const program = (cs: number): string => `
      SPI1.setup({sck: 'D18', mosi: 'D23', baud: 1e6});
      digitalWrite('D14', ${cs});
      function command(code, data) { digitalWrite('D27', 0); SPI1.write(code); digitalWrite('D27', 1); SPI1.write(data); }
      command(0x2c, [255, 255]); command(0x29, []);`;
    const lcd = { cs: 'D14', dc: 'D27' };
    expect(boot(program(0), { lcd }).board.picture!()!.pixels[0]).toBe(0xf8fcf8);
    expect(boot(program(1), { lcd }).board.picture!()).toBeNull();
  });
});
