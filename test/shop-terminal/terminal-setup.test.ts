/** What a terminal is provisioned with, its key, and what it shows. */
import { allCodes } from '../../firmware/core/codes.js';
import { LINE_CHARACTERS, LINES_MAX } from '../../firmware/panel/display.js';
import { readProvision, type TerminalProvision } from '../../firmware/shop-terminal/terminal-setup.js';
import { alarmLines, chargeLines, idleLines } from '../../firmware/shop-terminal/screen.js';
import { loadTerminalSeed } from '../../firmware/shop-terminal/terminal-key.js';
import type { ChargeView } from '../../firmware/shop-terminal/till.js';
import { idOf, makeFlash, openShop } from './till-rig.js';

const GOOD: TerminalProvision = {
  issuer: '01020304',
  currency: 'EUR',
  registrarKey: '11'.repeat(32),
  issuerKey: '22'.repeat(32),
  shop: 'Shop',
  terminalId: 'a0b0c0d0',
  floorLimit: 0,
  staleListLimit: 0,
  timeMaxAgeS: 1,
  denyMaxAgeS: 1,
  undeliveredMaxAgeS: 1,
  chargeLifetimeS: 1,
  historiesMax: 128,
};

test('a good provision is decoded', () => {
  const read = readProvision(GOOD);
  expect(read).toMatchObject({
    ok: true,
    setup: { till: { shop: 'Shop', terminalId: Uint8Array.of(0xa0, 0xb0, 0xc0, 0xd0) }, historiesMax: 128 },
  });
});

const bad: [keyof TerminalProvision, unknown][] = [
  ['issuer', '010203'],
  ['issuer', 5],
  ['terminalId', 'a0b0c0dx'],
  ['registrarKey', '11'.repeat(31)],
  ['issuerKey', undefined],
  ['floorLimit', -1],
  ['floorLimit', '5'],
  ['staleListLimit', 1.5],
  ['timeMaxAgeS', 0],
  ['denyMaxAgeS', NaN],
  ['undeliveredMaxAgeS', null],
  ['chargeLifetimeS', 0],
  ['historiesMax', 0],
  ['historiesMax', 129],
  ['shop', ''],
  ['shop', ' x'],
  ['shop', 'x'.repeat(65)],
  ['currency', 'EURO'],
  ['currency', 978],
];
test.each(bad)('%s: %p is named', (name, value) => {
  expect(readProvision({ ...GOOD, [name]: value } as TerminalProvision)).toEqual({
    ok: false,
    fault: 'provision.' + name,
  });
});

test('the key is made once, and never again for a store that has lost it', () => {
  const shop = openShop(makeFlash());
  const seed = loadTerminalSeed(shop.log, (count) => new Uint8Array(count).fill(7));
  expect(
    loadTerminalSeed(openShop(shop.flash).log, () => {
      throw new Error('not asked');
    }),
  ).toEqual(seed);
  const other = openShop(makeFlash());
  other.till.charge(idOf(1), 5, 1, 300);
  expect(() => loadTerminalSeed(other.log, (count) => new Uint8Array(count))).toThrow('missing');
});

const view = (state: number, amount: number): ChargeView => ({
  ...{ state, amount, id: idOf(1), rs: new Uint8Array(16), counter: 1, number: 1, lifetimeS: 300, isBound: false },
});

test('every line fits the display, and no screen has more lines than the display', () => {
  for (const code of allCodes()) {
    for (const state of [1, 2, 3, 4]) {
      for (const amount of [1, 350, 2 ** 53 - 1]) {
        const lines = chargeLines(view(state, amount), 'EUR', code, 60);
        expect(lines.length).toBeLessThanOrEqual(LINES_MAX);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(LINE_CHARACTERS);
      }
    }
    expect(alarmLines(code).every((line) => line.length <= LINE_CHARACTERS)).toBe(true);
    expect(idleLines('x'.repeat(32), false, code).length).toBeLessThanOrEqual(LINES_MAX);
  }
  expect(chargeLines(view(1, 350), 'EUR', 'OK', 5)).toEqual(['PAY', '3.50 EUR', 'tap your token', '5 min left']);
});
