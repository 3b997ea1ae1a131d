/** Amounts entered at the terminal: the rules of keys, a keypad's contacts, and charges that no bridge asked for. */
import { fc } from '../kit/properties.js';
import { watchKeypad, type KeypadPins } from '../../firmware/panel/keypad.js';
import { createAmountEntry, ENTRY_MAX } from '../../firmware/panel/amount-entry.js';
import { amountText } from '../../firmware/core/amount-text.js';
import { isAmount } from '../../firmware/core/amount.js';
import { LINE_CHARACTERS } from '../../firmware/panel/display.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { createToken, createRig, type Rig } from './terminal-rig.js';

test.each([
  ['350', 350],
  ['00350', 350],
  ['35*4', 4],
  ['+++', 3],
  ['3+++0+', 61],
  ['9+', 0],
  ['19+', 10],
  ['99999999', ENTRY_MAX],
  ['999999991', ENTRY_MAX],
  ['12345678', 12345678],
  ['1x 2-', 12],
  ['>', 100],
  ['>>>', 500],
  ['>>>>', 1000],
  ['3>', 100],
  ['42>', 100],
  ['>'.repeat(9), 50_000],
  ['>'.repeat(10), 100],
  ['99999999>', 100],
])('keys %s are %i', (keys, amount) => {
  const entry = createAmountEntry(100);
  for (const key of keys) expect(entry.press(key)).toBe(false);
  expect(entry.amount()).toBe(amount);
  expect(entry.press('#')).toBe(amount > 0);
  entry.clear();
  expect([entry.amount(), entry.press('#')]).toEqual([0, false]);
});

test('whatever is pressed is 0 or an amount that fits the display, and only an amount is charged', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...'0123456789+>*#', '', '12', 'e'), { maxLength: 30 }), (keys) => {
      const entry = createAmountEntry(100);
      for (const key of keys) expect(entry.press(key)).toBe(key === '#' && isAmount(entry.amount()));
      const amount = entry.amount();
      expect(amount === 0 || isAmount(amount)).toBe(true);
      for (const currency of ['EUR', 'JPY', 'KWD', 'CLF'])
        expect(amountText(amount, currency).length).toBeLessThanOrEqual(LINE_CHARACTERS);
    }),
  );
});

/** Contacts between rows and columns; complains of two outputs that are connected at different levels. */
function createContacts(rows: string[], columns: string[]) {
  const modes = new Map<string, string>();
  const levels = new Map<string, number>();
  const watches = new Map<string, () => void>();
  const closed = new Set<string>();
  const pins: KeypadPins = {
    pinMode: (pin, mode) => void modes.set(pin, mode),
    digitalWrite: (pin, level) => {
      if (modes.get(pin) !== 'opendrain') throw new Error(`${pin} is driven`);
      levels.set(pin, level);
    },
    digitalRead: (column) => (rows.some((row) => closed.has(row + column) && levels.get(row) === 0) ? 0 : 1),
    setWatch: (callback, pin, { edge, debounce }) => {
      expect([edge, debounce]).toEqual(['falling', 20]);
      watches.set(pin, callback);
    },
  };
  return {
    pins,
    /** Closes contacts, tells the column of the first, opens them. */
    press(...contacts: [row: string, column: string][]) {
      for (const [row, column] of contacts) closed.add(row + column);
      const [, column] = contacts[0];
      expect(pins.digitalRead(column)).toBe(0); // it falls, whatever was pressed before
      watches.get(column)!();
      closed.clear();
    },
    modes: () => columns.map((column) => modes.get(column)),
  };
}

test('every key of a keypad is told by its character; of two in a column the upper one', () => {
  const { rows, columns, keys } = loadBoard('esp32-devkitc').keypad!;
  const contacts = createContacts(rows, columns);
  const heard: string[] = [];
  watchKeypad(contacts.pins, { rows, columns, keys }, (key) => void heard.push(key));
  expect(contacts.modes()).toEqual(columns.map(() => 'input_pullup'));
  for (const row of rows) for (const column of columns) contacts.press([row, column]);
  expect(heard.join('')).toBe(keys.join(''));
  contacts.press([rows[2], columns[1]], [rows[0], columns[1]]);
  expect(heard.pop()).toBe(keys[0][1]);
});

describe('at a terminal without a bridge', () => {
  const keys = (rig: Rig, text: string) => [...text].forEach((key) => rig.terminal.onKey(key));
  const shown = (rig: Rig) => rig.screen[rig.screen.length - 1];

  function alone(): Rig {
    const rig = createRig();
    rig.run(200);
    return rig;
  }

  test('an amount is entered, charged, and paid', () => {
    const rig = alone();
    keys(rig, '35');
    expect(shown(rig)).toEqual(['AMOUNT', '0.35 EUR', 'then # or button']);
    keys(rig, '0');
    rig.terminal.onButton();
    expect(shown(rig)).toEqual(['PAY', '3.50 EUR', 'tap your token', '5 min left']);
    const token = createToken(1);
    rig.tap(token);
    rig.run(3000);
    expect(rig.state()).toBe('paid');
    expect([...token.debits.values()]).toMatchObject([{ amount: 350, settled: true }]);
    expect(shown(rig)).toEqual(['PAID', '3.50 EUR']);
    // The bridge gets the history of a charge that it never asked for.
    rig.link(true);
    rig.run(500);
    expect([...rig.bridge.amounts.values()]).toEqual([350]);
    // The next one has another id.
    keys(rig, '1#');
    expect(rig.state()).toBe('open');
  });

  test('an open charge is cancelled by * and by the button, and takes no digits', () => {
    const rig = alone();
    for (const cancel of [() => rig.terminal.onKey('*'), () => rig.terminal.onButton()]) {
      keys(rig, '7#');
      expect(rig.state()).toBe('open');
      keys(rig, '12+#');
      expect(rig.till.view().amount).toBe(7);
      cancel();
      expect(rig.state()).toBe('cancelled');
      expect(shown(rig)[0]).toBe('CANCELLED');
    }
  });

  test('an empty entry charges nothing; one above what is taken offline is refused by the rule; an old one is forgotten', () => {
    const rig = alone();
    rig.terminal.onButton();
    keys(rig, '#');
    expect(rig.state()).toBe('none');
    keys(rig, '99999999#');
    expect(shown(rig).slice(0, 2)).toEqual(['NO CHARGE', 'no valid time']);
    expect(rig.state()).toBe('none');
    keys(rig, '5');
    rig.run(61_000);
    expect(shown(rig)[0]).toBe('READY');
    keys(rig, '#');
    expect(rig.state()).toBe('none');
  });

  test("a bridge's charge takes the place of what was being entered", () => {
    const rig = createRig();
    rig.link(true);
    rig.run(200);
    keys(rig, '42');
    expect(rig.charge(1, 350)).toBe('OK');
    expect(shown(rig)).toEqual(['PAY', '3.50 EUR', 'tap your token', '5 min left']);
    expect(rig.cancel(1)).toBe('OK');
    keys(rig, '#');
    expect(rig.state()).toBe('cancelled');
  });
});
