/**
 * Names of real people and shops: through every message that has one, on the host and in the firmware as boards run it,
 * whose strings hold bytes.
 */
import { join } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { spell } from '../../firmware/panel/spell.js';
import { isName as isBoardName, isNameChars } from '../../firmware/wire/name.board.js';
import { charsOfName, isName, NAME_BYTES_MAX, nameOfChars, tidyName } from '../../firmware/wire/name.js';
import { chargeId, isChargeId } from '../../firmware/wire/payment.js';
import { nameRequest } from '../../firmware/wire/token-commands.js';
import { interpreter, runInEspruino, runInNode } from '../build/fixture-runner.js';
import { NAMES } from '../kit/names.js';
import { fc } from '../kit/properties.js';
import { anyMessage, anyName, fieldsOf, layouts } from './layouts.js';
import { extent } from '../kit/extent.js';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

test.each(NAMES)('%s is a name, as typed in either normal form', (name) => {
  expect(isName(name)).toBe(true);
  expect(tidyName(name.normalize('NFD'))).toBe(name);
  expect(isName(name.normalize('NFD'))).toBe(name.normalize('NFD') === name);
  expect(charsOfName(name)).toBe(utf8(name));
  expect(nameOfChars(utf8(name))).toBe(name);
});

test.each([
  ...[
    '',
    ' ',
    ' Cafe',
    'Cafe ',
    'Cafe  Roma',
    'x\n',
    'a\u0000b',
    '\u007f',
    'a\u0085b',
    'Zoe\u0308',
    5,
    null,
    undefined,
  ],
  ...['a'.repeat(65), '\u00fc'.repeat(33), '\u5c0f'.repeat(22), '\ud83d\ude00'.repeat(17)],
  ...[
    'a\u00a0b',
    '\u5c0f\u6797\u3000\u592a\u90ce',
    'a\u2028b',
    'abc\u202ecba',
    '\ufeffa',
    'a\u200bb',
    '\ud800',
    'a\uffff',
  ],
])('%j is no name', (name) => {
  expect(isName(name)).toBe(false);
});

test.each(['a'.repeat(64), '\u00fc'.repeat(32), '\u5c0f'.repeat(21), '\ud83d\ude00'.repeat(16), 'a/b "c" <d> \\ $e'])(
  '%j is a name',
  (name) => expect(isName(name)).toBe(true),
);

test('a name that people type differently is one name', () => {
  expect(tidyName('\u5c0f\u6797\u3000\u592a\u90ce')).toBe('\u5c0f\u6797 \u592a\u90ce');
  expect(tidyName('A\u030angstro\u0308m')).toBe('\u00c5ngstr\u00f6m');
  expect(tidyName('\u212b')).toBe('\u00c5');
});

test('a board takes for UTF-8 what a decoder does that is strict', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  // Bytes near the edges of RFC 3629's table, which random ones seldom are.
  const near = fc.constantFrom(
    ...[0x20, 0x41, 0x7e, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xdf, 0xe0, 0xe1, 0xec],
    ...[0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
  );
  const text = fc.string({ unit: 'binary', maxLength: 30 }).map((each) => new Uint8Array(Buffer.from(each, 'utf8')));
  const some = fc.oneof(fc.array(near, { maxLength: 12 }), fc.uint8Array({ maxLength: 70 }), text);
  fc.assert(
    fc.property(some, (list) => {
      const bytes = Uint8Array.from(list);
      let expected = false;
      try {
        const decoded = decoder.decode(bytes);
        expected =
          bytes.length <= NAME_BYTES_MAX && /^\S( ?\S)*$/su.test(decoded.replace(/[^\P{White_Space} ]/gu, 'x'));
        expected &&= !/\p{Cc}/u.test(decoded);
      } catch {
        // Not UTF-8.
      }
      expect([list, isNameChars(latin1(bytes))]).toEqual([list, expected]);
    }),
    { numRuns: extent(5_000, 20_000) },
  );
});

test('whatever a board reads as a name, the host reads, and writes as the same bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (text) => {
      const chars = utf8(text);
      fc.pre(isNameChars(chars));
      const bytes = new Uint8Array([...new Uint8Array(16), chars.length, ...Buffer.from(chars, 'latin1')]);
      expect(isChargeId(bytes)).toBe(true);
      const read = chargeId.decode(bytes)!;
      expect(read.shop).toBe(text);
      expect(chargeId.encode(read)).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});

test('what somebody can be called, boards read', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      expect(isBoardName(charsOfName(name))).toBe(true);
      expect(name.normalize('NFC')).toBe(name);
    }),
    { numRuns: 2000 },
  );
});

const named = layouts.filter(({ codec }) => fieldsOf(codec).some(([, kind]) => kind === 'name'));

test('every message with a name carries every name', () => {
  expect(named.length).toBeGreaterThan(9);
  for (const { codec } of named)
    for (const name of NAMES)
      for (const message of fc.sample(anyMessage(codec), { numRuns: 1, seed: 1 })) {
        const whole = Object.fromEntries(
          fieldsOf(codec).map(([field, kind]) => [field, kind === 'name' ? name : message[field]]),
        );
        expect(codec.decode(codec.encode(whole))).toEqual(whole);
        expect(latin1(codec.encode(whole))).toContain(utf8(name));
      }
});

describe('as a board shows it', () => {
  test.each([
    ['M\u00fcller', 'M\u00fcller'],
    ['\u0141ukasz', 'Lukasz'],
    ['Nguy\u1ec5n V\u0103n', 'Nguyen Van'],
    ['\u5c0f\u6797', '??'],
    ['\u0394\u03b7\u03bc\u03ae\u03c4\u03c1\u03b7\u03c2', 'Dimitris'],
    ['\u0130pek', 'Ipek'],
    ['\u00c6r\u00f8 Bar', '\u00c6r\u00f8 Bar'],
    ['Stra\u00dfe 7', 'Stra\u00dfe 7'],
    ['\u0429\u0443\u043a\u0438\u043d\u0430', 'Shchukina'],
    ['\u0152uvre \u2013 \u2019t', "OEuvre - 't"],
    ['\u{1f600}!', '?!'],
    ['x'.repeat(20), 'x'.repeat(14) + '..'],
  ])('%s is spelled %s', (name, shown) => expect(spell(charsOfName(name), 16)).toBe(shown));

  test('a Latin letter with marks is the letter without them, unless the font has it', () => {
    for (let code = 0x100; code <= 0x1eff; code++) {
      const letter = String.fromCodePoint(code);
      const base = letter.normalize('NFD').replace(/\p{M}/gu, '');
      if (!/^[A-Za-z]$/.test(base) || letter.normalize('NFC') !== letter) continue;
      if (!/[\u0100-\u017f\u01a0-\u01b0\u01cd-\u01dc\u0200-\u021b\u1e00-\u1eff]/.test(letter)) continue;
      expect([code.toString(16), spell(charsOfName(letter), 9)]).toEqual([code.toString(16), base]);
    }
  });

  test('any name is shown in letters that the font has', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(spell(charsOfName(name), 29)).toMatch(/^[ -~\u00a0-\u00ff]{0,29}$/);
      }),
      { numRuns: 2000 },
    );
  });
});

test('the firmware reads, writes and spells names alike in Node and in the real interpreter', async () => {
  const { code } = await buildBundle(join(__dirname, 'board/names.ts'));
  const lines = runInNode(code);
  expect(lines).toHaveLength(NAMES.length + 1);
  NAMES.forEach((name, i) => {
    const bytes = Buffer.from(nameRequest.encode({ commandId: new Uint8Array(8), name }));
    const shown = Buffer.from(spell(charsOfName(name), 32), 'latin1').toString('hex');
    expect(lines[i]).toBe(`${bytes.toString('hex')} true ${shown}`);
  });
  expect(lines.at(-1)).toBe('refused 10 of 10');
  if (interpreter)
    expect(runInEspruino(code, 30_000).filter((line) => /^[0-9a-f]{4}|^refused/.test(line))).toEqual(lines);
});
