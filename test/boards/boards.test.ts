/** The boards that ship are right, and each thing that can be wrong in one is refused by the name of its field. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { boardFault } from '../../firmware/core/board-config.js';
import { firmwareConfig } from '../../flash-scripts/boards/boards.js';
import { boardNames, checkEntry, loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { pinUses } from '../../flash-scripts/boards/chip-pins.js';
import { wiringSvg } from '../../flash-scripts/boards/wiring-svg.js';
import { unreadable } from '../kit/readable.js';
import { partsOf, wiringTable } from '../../flash-scripts/boards/wiring.js';
import { interpreterTest, runInEspruino } from '../build/fixture-runner.js';

const shipped = [
  'emulated',
  'esp32-c3-devkitm',
  'esp32-cyd',
  'esp32-devkitc',
  'esp32-devkitc-wrover',
  'esp32-s3-devkitc',
  'linux',
  'm5stack-core',
];

test('these boards ship', () => {
  expect(boardNames()).toEqual(shipped);
});

/** Chips whose random register needs the radio cannot be run (docs/hardware.md). */
const bootFault = ({ chip }: { chip: string }): string | null =>
  ['esp32', 'linux'].includes(chip) ? null : 'board.entropy: no source that works without radio';

test.each(shipped)('%s passes here and at boot', (name) => {
  const board = loadBoard(name);
  expect(board.name).toBe(name);
  expect(boardFault(board)).toBe(bootFault(board));
  expect(typeof board.flash.address).toBe('number');
});

test('the emulated board is an ESP32-DevKitC in everything but its name', () => {
  // Which memory its module has is not the emulated board's: that counts no variables.
  const { name: _a, description: _b, variables: _e, ...emulated } = loadBoard('emulated');
  const { name: _c, description: _d, variables: _v, limits: _l, ...board } = loadBoard('esp32-devkitc');
  expect(emulated).toEqual(board);
  expect(board.entropy).toEqual({ source: 'sar-adc', register: 0x3ff75144 });
  expect(board.flash.address).toBe(0x310000);
});

type Change = (board: any) => void;
const mistakes: [field: string, change: Change][] = [
  ['name', (board) => (board.name = 'other')],
  ['chip', (board) => (board.chip = 'avr')],
  ['firmware', (board) => delete board.firmware],
  ['roles', (board) => (board.roles = [])],
  ['roles.0', (board) => (board.roles = ['cashier'])],
  ['flash', (board) => delete board.flash],
  ['flash.address', (board) => (board.flash.address = '310000')],
  ['flash.address', (board) => (board.flash.address = 0x310010)],
  ['flash.address', (board) => (board.flash.address = 0x300000)],
  ['flash.address', (board) => (board.flash.address = 0x311000)],
  ['flash.address', (board) => (board.flash.address = 0x320000)],
  ['flash.bytes', (board) => (board.flash.bytes = 4096)],
  ['flash.bytes', (board) => (board.flash.bytes = 40000)],
  ['flash.bytes', (board) => ((board.flash.bytes = 36864), (board.flash.pageBytes = 8192))],
  ['flash.pageBytes', (board) => (board.flash.pageBytes = 32768)],
  ['flash.eraseBytes', (board) => (board.flash.eraseBytes = 3000)],
  ['flash.pages', (board) => (board.flash.pages = 16)],
  ['entropy.source', (board) => delete board.entropy.source],
  ['entropy.source', (board) => (board.entropy.source = 'Wifi')],
  ['entropy.register', (board) => delete board.entropy.register],
  ['entropy.register', (board) => (board.entropy.register = 'random')],
  ['entropy.file', (board) => (board.entropy = { source: 'file', file: 'urandom' })],
  ['pn532.bus', (board) => (board.pn532.bus = 'usb')],
  [
    'pn532.nss',
    (board) => (board.pn532 = { bus: 'spi', port: 'SPI', sck: 'D16', miso: 'D17', mosi: 'D4', burstBytesMax: 264 }),
  ],
  [
    'pn532.port',
    (board) =>
      (board.pn532 = { bus: 'spi', port: 'SPI1', sck: 'D16', miso: 'D17', mosi: 'D4', nss: 'D5', burstBytesMax: 264 }),
  ],
  ['pn532.port', (board) => (board.pn532.port = 'Serial9')],
  ['pn532.rx', (board) => (board.pn532.rx = '16')],
  ['pn532.rx', (board) => (board.pn532.rx = 'D9')],
  ['pn532.tx', (board) => (board.pn532.tx = board.pn532.rx)],
  ['pn532.burstBytesMax', (board) => delete board.pn532.burstBytesMax],
  ['pn532.burstBytesMax', (board) => (board.pn532.burstBytesMax = 8)],
  ['pn532.sda', (board) => (board.pn532 = { bus: 'i2c', port: 'I2C2', scl: 'D17', burstBytesMax: 64 })],
  ['link', (board) => delete board.link],
  ['link.port', (board) => (board.link.port = 'Serial2')],
  ['link.baud', (board) => (board.link.baud = 12345)],
  ['display.type', (board) => (board.display.type = 'lcd')],
  ['display.sda', (board) => delete board.display.sda],
  ['buttons.user', (board) => delete board.buttons.user],
  ['buttons.user.active', (board) => (board.buttons.user.active = 2)],
  ['buttons.console.pin', (board) => (board.buttons.console.pin = 'D0')],
  ['buttons.console.pin', (board) => (board.buttons.console.pin = board.led.pin)],
  ['keypad.keys', (board) => board.keypad.keys.pop()],
  ['keypad.keys', (board) => (board.keypad.keys[3] = '*0*')],
  ['keypad.keys.1', (board) => (board.keypad.keys[1] = '45')],
  ['keypad.keys.1', (board) => (board.keypad.keys[1] = '4567')],
  ['keypad.rows', (board) => (board.keypad.rows = ['D13'])],
  ['keypad.rows.0', (board) => (board.keypad.rows[0] = 'D16')],
  [
    'amountKeys',
    (board) =>
      (board.amountKeys = [
        { pin: 'D4', active: 0, key: '+' },
        { pin: 'D5', active: 0, key: '0' },
      ]),
  ],
  ['variables', (board) => delete board.variables],
  ['layout', (board) => delete board.layout],
  ['layout.flashBytes', (board) => (board.layout.flashBytes = 0x200000)],
  ['layout.storage', (board) => (board.layout.storage.address = '0x318000')],
  ['led.pin', (board) => (board.led.pin = 'LED1')],
  ['buzzer.frequencyHz', (board) => (board.buzzer.frequencyHz = 5)],
  ['consoleLeaves', (board) => (board.consoleLeaves = 'USB')],
  ['consolePort', (board) => (board.consolePort = 'Serial2')],
  ['colour', (board) => (board.colour = 'red')],
];

test.each(mistakes)('a mistake in %s is named', (field, change) => {
  const board = structuredClone(loadBoard('esp32-devkitc')) as object;
  expect(() => checkEntry(board, 'esp32-devkitc')).not.toThrow();
  change(board);
  let message = '';
  try {
    checkEntry(board, 'esp32-devkitc');
  } catch (error) {
    expect((error as { code: string }).code).toBe('BOARD_INVALID');
    message = (error as Error).message;
  }
  expect(message).toContain('esp32-devkitc: ');
  expect(message).toContain(`${field}: `);
});

test.each([
  ['D25', undefined, 'goes to the DAC'],
  ['D26', undefined, 'goes to the DAC'],
  ['D25', 2, 'is not the pin of DAC unit 2'],
  ['D4', 1, 'is not the pin of DAC unit 1'],
  ['D25', 1, null],
  ['D4', undefined, null],
])('a tone at %s with DAC unit %s', (pin, dac, why) => {
  const board = structuredClone(loadBoard('esp32-devkitc'));
  board.buttons.user = { pin: 'D25', active: 0 };
  if (pin === 'D25') board.buttons.user.pin = 'D26';
  board.buzzer = { pin, active: 1, frequencyHz: 2700, ...(dac ? { dac } : {}) };
  const check = () => checkEntry(board, 'esp32-devkitc');
  if (why) expect(check).toThrow(why);
  else expect(check).not.toThrow();
  // Without a frequency the buzzer has a tone of its own, and wants only a level.
  delete board.buzzer.frequencyHz;
  expect(check).not.toThrow();
});

/** Every pin of a chip at one use of a board: those that are refused. */
function refusedPins(name: string, last: number, change: (board: any, pin: string) => void): number[] {
  const refused = [];
  for (let pin = 0; pin <= last; pin++) {
    const board: any = structuredClone(loadBoard(name));
    change(board, `D${pin}`);
    try {
      checkEntry(board, name);
    } catch (error) {
      expect((error as Error).message).toMatch(/ take (a pin|another|one)|leave it free/);
      refused.push(pin);
    }
  }
  return refused;
}

const to = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
/** A board without anything on its pins but what is put there. */
function bare(board: any): void {
  for (const field of ['display', 'keypad', 'led', 'buzzer', 'amountKeys']) delete board[field];
  delete board.buttons.console;
  board.pn532 = { bus: 'uart', port: 'Serial2', burstBytesMax: 64 };
  board.link = { port: 'Serial1', burstBytesMax: 64 };
}

test('pins of each chip: which an output, a button to ground and a button with its own resistor may have', () => {
  const output = (board: any, pin: string) => {
    bare(board);
    board.led = { pin, active: 1 };
    board.buttons.user.pin = pin !== 'D4' ? 'D4' : board.chip === 'esp32c3' ? 'D3' : 'D14';
  };
  const button = (board: any, pin: string) => (bare(board), (board.buttons.user = { pin, active: 0 }));
  const pulled = (board: any, pin: string) => (bare(board), (board.buttons.user = { pin, active: 0, pull: 'board' }));
  const none = [20, 24, ...to(28, 31)];
  const sorted = (pins: number[]) => [...new Set(pins)].sort((a, b) => a - b);
  expect(refusedPins('esp32-devkitc', 48, output)).toEqual(sorted([1, 3, ...to(6, 12), ...none, ...to(34, 48)]));
  expect(refusedPins('esp32-devkitc', 48, button)).toEqual(
    sorted([0, 1, 2, 3, 5, ...to(6, 12), 15, ...none, ...to(34, 48)]),
  );
  expect(refusedPins('esp32-devkitc', 48, pulled)).toEqual(
    sorted([0, 1, 2, 3, 5, ...to(6, 12), 15, ...none, ...to(40, 48)]),
  );
  expect(refusedPins('esp32-devkitc-wrover', 39, output)).toEqual(
    sorted([1, 3, ...to(6, 12), 16, 17, ...none, ...to(34, 39)]),
  );
  expect(refusedPins('esp32-c3-devkitm', 48, output)).toEqual(sorted([8, ...to(11, 48)]));
  expect(refusedPins('esp32-c3-devkitm', 48, button)).toEqual(sorted([2, 8, 9, ...to(11, 48)]));
  expect(refusedPins('esp32-s3-devkitc', 48, output)).toEqual(sorted([19, 20, ...to(22, 37), ...to(43, 46)]));
  expect(refusedPins('esp32-s3-devkitc', 48, button)).toEqual(sorted([0, 3, 19, 20, ...to(22, 37), ...to(43, 46)]));
});

test('a console button may be another button too: it matters only at reset', () => {
  const board: any = structuredClone(loadBoard('esp32-devkitc'));
  board.buttons.console = board.buttons.user;
  expect(() => checkEntry(board, 'esp32-devkitc')).not.toThrow();
  board.keypad.columns[0] = board.buttons.user.pin;
  expect(() => checkEntry(board, 'esp32-devkitc')).toThrow(/keypad\.columns\.0: D26 is taken by buttons\.user\.pin/);
});

test('the board gets what its firmware reads, and nothing that only people read', () => {
  for (const name of shipped) {
    const board = loadBoard(name);
    const config = firmwareConfig(board);
    expect(boardFault(config)).toBe(bootFault(board));
    expect(Object.keys(config)).not.toEqual(expect.arrayContaining(['description']));
    expect(JSON.stringify(config).length).toBeLessThan(1100);
  }
});

test.each(shipped)('%s: every pin that it names stands in the table and in the drawing', (name) => {
  const board = loadBoard(name);
  const [table, drawing] = [wiringTable(board), wiringSvg(board)];
  expect(unreadable(table)).toEqual([]);
  for (const { pin } of pinUses(board).filter(({ field }) => !/^(link|display)/.test(field))) {
    expect(table).toMatch(new RegExp(`\\b${pin}\\b`));
    expect(drawing).toMatch(new RegExp(`\\b${pin}\\b`));
  }
  expect(drawing.match(/<line/g)!.length).toBe(
    partsOf(board)
      .filter((part) => !part.builtIn)
      .reduce((sum, part) => sum + part.wires.length, 0),
  );
});

test('the drawings of docs/wiring are those of the entries, one for each real board', () => {
  const folder = join(packageRoot(), 'docs', 'wiring');
  const real = shipped.filter((name) => !['emulated', 'linux'].includes(name));
  expect(readdirSync(folder).sort()).toEqual(real.map((name) => `${name}.svg`).sort());
  for (const name of real) expect(readFileSync(join(folder, `${name}.svg`), 'utf8')).toBe(wiringSvg(loadBoard(name)));
  const text = readFileSync(join(packageRoot(), 'docs', 'hardware.md'), 'utf8');
  for (const name of real) expect(text).toContain(`wiring/${name}.svg`);
});

test('no PN532 is on I2C in hardware, whose driver gives up while that chip stretches the clock', () => {
  const onI2c = shipped.map(loadBoard).filter(({ pn532 }) => pn532.bus === 'i2c');
  expect(onI2c.map(({ name, pn532 }) => [name, pn532.port])).toEqual([['esp32-c3-devkitm', 'I2C']]);
  expect(onI2c[0].limits!.join()).toContain('stretches the clock');
  const board = structuredClone(loadBoard('esp32-devkitc'));
  board.pn532 = { bus: 'i2c', port: 'I2C1', sda: 'D16', scl: 'D17', burstBytesMax: 64 };
  expect(() => checkEntry(board, 'esp32-devkitc')).toThrow(/pn532\.port: must be "I2C"/);
  board.pn532.port = 'I2C';
  expect(() => checkEntry(board, 'esp32-devkitc')).not.toThrow();
});

test('a PN532 on I2C in software has pins of its own: those of the display belong to a port in hardware', () => {
  const board = structuredClone(loadBoard('esp32-devkitc'));
  board.pn532 = { bus: 'i2c', port: 'I2C', sda: 'D21', scl: 'D22', burstBytesMax: 64 };
  expect(() => checkEntry(board, 'esp32-devkitc')).toThrow(/display\.sda: D21 is taken by pn532\.sda/);
});

test('a board that does not exist names those that do', () => {
  for (const name of ['esp99', 'schema', '../package', '']) {
    expect(() => loadBoard(name)).toThrow(/emulated, esp32-c3-devkitm, .*, linux, m5stack-core/);
  }
});

interpreterTest('linux: the region is where the interpreter has flash, in pages of that size', () => {
  const { address, bytes, eraseBytes } = loadBoard('linux').flash;
  const lines = runInEspruino(`
    var flash = require("Flash"), first = flash.getPage(${address}), last = flash.getPage(${address + bytes - 1});
    print(first.addr + " " + first.length + " " + last.addr, String(flash.getPage(${address + bytes})));
    require("Storage").write("marker", "x");
    flash.write(new Uint8Array([1, 2, 3, 4]), ${address});
    require("Storage").write("file", "y".repeat(1000));
    require("Storage").erase("file");
    require("Storage").compact();
    print([].slice.call(flash.read(4, ${address})).join());
  `);
  expect(lines.filter((line) => !line.startsWith('Compacting'))).toEqual([
    `${address} ${eraseBytes} ${address + bytes - eraseBytes!} undefined`,
    '1,2,3,4',
  ]);
});
