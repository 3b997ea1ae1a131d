/** The terminal's bundle on emulated boards with displays in colour: their driver is loaded, and shows what happens. */
import { randomBytes } from 'node:crypto';
import { terminalFiles, tokenFiles, TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { createBoard } from '../../host-bridge/emulator/board.js';
import type { Picture } from '../../host-bridge/emulator/picture.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { keyOf, REGISTRAR } from '../shop-terminal/terminal-rig.js';
import { TERMS } from '../shop-terminal/terminal-board-rig.js';

async function boot(name: string, without: string[] = []) {
  const scheduler = createVirtualScheduler();
  const entry = loadBoard(name);
  // The emulated chip has a source where that board's own has none.
  if (entry.entropy.source === 'none') entry.entropy = loadBoard('emulated').entropy;
  const facts = {
    issuer: Uint8Array.of(1, 2, 3, 4),
    currency: 'EUR',
    registrarKey: REGISTRAR.publicKey,
    issuerKey: keyOf(1002).publicKey,
  };
  const { bundle, overlays } = await builtProgram('shop-terminal');
  const files: Record<string, string | Uint8Array> = {
    ...overlays,
    ...terminalFiles(entry, facts, TERMS, new Uint8Array(randomBytes(32))),
  };
  for (const file of without) delete files[file];
  const lines: string[] = [];
  const board = createBoard({
    scheduler,
    name,
    bundle,
    files,
    flash: createEmulatedFlash(entry.flash),
    serials: { Serial1: createSerialLine(scheduler).a, Serial2: createSerialLine(scheduler).a },
    ownDisplay: entry.display?.type === 'graphics',
    ...(entry.display?.type === 'ili9341' ? { lcd: { cs: entry.display.cs!, dc: entry.display.dc! } } : {}),
    entropy: (count) => new Uint8Array(randomBytes(count)),
    onConsole: (line) => void lines.push(line),
  });
  board.powerOn();
  scheduler.runUntil(() => ['READY', 'FAULT'].includes(board.screen()[0]), 20_000);
  return { board, scheduler, lines, entry };
}

/**
 * The first line of text as the font has it, before it is enlarged.
 * @param wide what lines of text have of the display
 */
function headline({ width, height, pixels }: Picture, wide: number): string[] {
  const [background] = pixels;
  const rows = Array.from({ length: height }, (_, y) => [...pixels.subarray(y * width, y * width + wide)]);
  const isBlank = (row: number[]): boolean => row.every((pixel) => pixel === background);
  const top = rows.findIndex((row) => !isBlank(row));
  const text = rows.slice(top, top + rows.slice(top).findIndex(isBlank));
  const inked = Array.from({ length: wide }, (_, x) => text.some((row) => row[x] !== background));
  const left = inked.indexOf(true);
  const [across, down] = [(inked.lastIndexOf(true) + 1 - left) / 29, text.length / 7];
  return Array.from({ length: 7 }, (_, y) =>
    Array.from({ length: 29 }, (_, x) => (text[y * down][left + x * across] === background ? '.' : '#')).join(''),
  );
}

test.each([
  ['m5stack-core', 320, 240, 320],
  ['esp32-cyd', 320, 240, 192],
  ['esp32-s3-devkitc', 128, 64, 128],
  ['emulated', 128, 64, 128],
])('%s shows the shop', async (name, width, height, wide) => {
  const { board } = await boot(name);
  expect(board.screen()).toEqual(['READY', "Anna's Bakery", 'no bridge']);
  const picture = board.picture!()!;
  expect([picture.width, picture.height]).toEqual([width, height]);
  expect(new Set(picture.pixels).size).toBe(2);
  expect(headline(picture, wide)).toEqual([
    '####..#####..###..###...#...#',
    '#...#.#.....#...#.#..#..#...#',
    '#...#.#.....#...#.#...#..#.#.',
    '####..####..#...#.#...#...#..',
    '#.#...#.....#####.#...#...#..',
    '#..#..#.....#...#.#..#....#..',
    '#...#.#####.#...#.###.....#..',
  ]);
  expect(board.errors).toEqual([]);
  board.powerOff();
});

test('m5stack-core: its three buttons make an amount, charge it, and cancel', async () => {
  const { board, scheduler, entry } = await boot('m5stack-core');
  const [raise, add] = entry.amountKeys!.map(({ pin }) => pin);
  for (const pin of [raise, raise, raise, add, raise, raise, raise, raise, raise, add]) {
    board.press(pin, 60, 0);
    scheduler.advance(150);
  }
  expect(board.screen().slice(0, 2)).toEqual(['AMOUNT', '3.50 EUR']);
  board.press(entry.buttons.user.pin, 60, 0);
  scheduler.advance(300);
  expect(board.screen()[0]).toBe('PAY');
  board.press(entry.buttons.user.pin, 60, 0);
  scheduler.advance(300);
  expect(board.screen()[0]).toBe('CANCELLED');
  expect(board.errors).toEqual([]);
  board.powerOff();
});

test('esp32-cyd: an amount is touched on its display, charged and cancelled; a bouncing finger counts once', async () => {
  const { board, scheduler } = await boot('esp32-cyd');
  const panel = (x: number, y: number, b: number): void =>
    void board.evaluate(`E.emit('touch', { x: ${x}, y: ${y}, b: ${b} })`);
  /** In the middle of a key, or a little off it, as an estimate of the place may be. */
  function touch(key: string, off = 0): void {
    const at = '123456789*0#'.indexOf(key);
    const [x, y] = [215 + 42 * (at % 3) + off, 30 + 60 * Math.floor(at / 3) + off];
    for (const [dx, b] of [
      [0, 1],
      [0, 0],
      [0, 1],
      [2, 1],
      [2, 0],
      [2, 1],
      [0, 0],
    ] as const) {
      panel(x + dx, y, b);
      scheduler.advance(20);
    }
    scheduler.advance(200);
  }
  touch('3');
  touch('5', 12);
  touch('0', -12);
  panel(60, 120, 1); // beside the keys
  panel(60, 120, 0);
  scheduler.advance(300);
  expect(board.screen().slice(0, 2)).toEqual(['AMOUNT', '3.50 EUR']);
  touch('#');
  expect(board.screen().slice(0, 2)).toEqual(['PAY', '3.50 EUR']);
  touch('7');
  expect(board.screen()[0]).toBe('PAY');
  touch('*');
  expect(board.screen()[0]).toBe('CANCELLED');
  expect(board.errors).toEqual([]);
  board.powerOff();
});

test('a token shows no keys, and its button is a finger anywhere', () => {
  const entry = loadBoard('esp32-cyd');
  const facts = {
    issuer: Uint8Array.of(1, 2, 3, 4),
    currency: 'EUR',
    registrarKey: REGISTRAR.publicKey,
    issuerKey: keyOf(1002).publicKey,
  };
  const files = tokenFiles(entry, facts, TOKEN_LIMITS, new Uint8Array(32));
  expect(JSON.parse(Buffer.from(files['tapcash.cfg']).toString()).board.display).toEqual({ type: 'graphics' });
});

test('a display in colour without its file is a fault, told on the console', async () => {
  const { board, scheduler, lines } = await boot('m5stack-core', ['lcd.js']);
  scheduler.advance(5000);
  expect(lines.join('\n')).toContain('tapcash: FAULT: lcd.js: not of this build, write all files again');
  board.powerOff();
});
