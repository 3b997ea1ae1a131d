/**
 * What people see: the drivers in the real interpreter, whose Graphics draws the text, and panels that make pixels of
 * the bytes. `TAPCASH_SCREENS=folder` keeps the pictures.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { interpreter, runInEspruino } from '../build/fixture-runner.js';
import type { Picture } from '../../host-bridge/emulator/picture.js';
import { lcdPicture, oledPicture, png, type Transfer } from './panels.js';

const run = interpreter ? describe : describe.skip;

run('screens in the real interpreter', () => {
  let pictures: Map<string, Picture>;
  const transferCounts = new Map<string, number>();

  beforeAll(async () => {
    const { code } = await buildBundle(join(__dirname, 'board/screens.ts'));
    const lines = runInEspruino(code, 60_000).filter(
      (line) => / (command|data) /.test(line) || line.startsWith('broken'),
    );
    expect(lines.filter((line) => line.startsWith('broken'))).toEqual([]);
    const transfers = new Map<string, Transfer[]>();
    let bytes = Buffer.alloc(0);
    for (const line of lines) {
      const [name, display, kind, text] = line.split(' ');
      if (text !== '=') bytes = Buffer.from(text, 'base64');
      const key = `${name}-${display}`;
      transfers.set(key, [...(transfers.get(key) ?? []), { kind: kind as Transfer['kind'], bytes }]);
    }
    for (const [key, list] of transfers) transferCounts.set(key, list.length);
    pictures = new Map(
      [...transfers].map(([key, list]) => [key, key.endsWith('oled') ? oledPicture(list) : lcdPicture(list)]),
    );
    const folder = process.env.TAPCASH_SCREENS;
    if (folder) mkdirSync(folder, { recursive: true });
    if (folder)
      for (const [key, picture] of pictures)
        writeFileSync(join(folder, `${key}.png`), png(picture, key.endsWith('oled') ? 4 : 2));
  });

  /** Rows that are not all of one colour, as runs: the lines of text, with their heights. */
  function textHeights({ width, height, pixels }: Picture): number[] {
    const runs: number[] = [];
    let inText = false;
    for (let y = 0; y < height; y++) {
      const row = pixels.subarray(y * width, (y + 1) * width);
      const hasText = row.some((pixel) => pixel !== pixels[0]);
      if (hasText && inText) runs[runs.length - 1]++;
      else if (hasText) runs.push(1);
      inText = hasText;
    }
    return runs;
  }

  const at = (key: string): Picture => pictures.get(key)!;
  const background = (key: string): number => at(key).pixels[0];

  test.each(['oled', 'lcd'])(
    '%s: the amount is at least a fifth of the height, and every line is apart from the next',
    (display) => {
      for (const [name, lines] of [
        ['pay', 4],
        ['paid', 2],
        ['entry', 3],
        ['balance', 2],
        ['ready', 2],
      ] as const) {
        const picture = at(`${name}-${display}`);
        const heights = textHeights(picture);
        expect(heights).toHaveLength(lines);
        // A character's lowest row is empty.
        if (name === 'pay' || name === 'paid') expect(heights[1]).toBeGreaterThanOrEqual(picture.height / 5);
      }
    },
  );

  test('PAID after HOLD is the same picture, of which the pages with the headline are sent', () => {
    expect(at('held-oled').pixels).toEqual(at('paid-oled').pixels);
    expect(at('hold-oled').pixels).not.toEqual(at('paid-oled').pixels);
    // Each picture: its commands, and a transfer a page.
    expect(transferCounts.get('held-oled')).toBe(1 + 8 + 1 + 4);
  });

  test('PAID is told from afar: inverted, or green; a fault is red', () => {
    expect(background('paid-oled')).not.toBe(background('pay-oled'));
    expect(['ready', 'pay', 'alarm', 'balance'].map((name) => background(`${name}-oled`))).toEqual(Array(4).fill(0));
    expect(['pay', 'paid', 'large', 'alarm'].map((name) => background(`${name}-lcd`))).toEqual([
      0, 0x00fc00, 0x00fc00, 0xf80000,
    ]);
  });

  test('a name has the letters that the font has, and the others in Latin ones', () => {
    const inked = (key: string): number => at(key).pixels.filter((pixel) => pixel !== background(key)).length;
    for (const display of ['oled', 'lcd']) {
      expect(at(`spelled-${display}`).pixels).toEqual(at(`latin-${display}`).pixels);
      // Four dots more, each as large as the letters are.
      expect(inked(`name-${display}`)).toBeGreaterThan(inked(`plain-${display}`));
      expect(textHeights(at(`name-${display}`)).length).toBeGreaterThanOrEqual(2);
    }
  });

  test('keys stand beside the lines, on a board that has them touched, and end at the edges', () => {
    const { width, height, pixels } = at('entry-keys');
    const column = (x: number): number[] => Array.from({ length: height }, (_, y) => pixels[y * width + x]);
    const changes = (list: number[]): number => list.filter((pixel, i) => i > 0 && pixel !== list[i - 1]).length;
    expect(changes(column(193))).toBe(0); // between lines and keys
    expect(changes([...pixels.subarray(2 * width, 3 * width)])).toBe(6); // the upper sides of three keys
    expect([...new Set(column(319))]).toEqual([0]);
  });

  test('nothing is cut off at the edges', () => {
    for (const { width, height, pixels } of pictures.values()) {
      for (let y = 0; y < height; y++) expect(pixels[y * width + width - 1]).toBe(pixels[0]);
      expect(pixels.subarray((height - 1) * width).every((pixel) => pixel === pixels[0])).toBe(true);
    }
  });
});
