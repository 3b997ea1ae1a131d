/** The boards that ship are right, and each thing that can be wrong in one is refused by the name of its field. */
import { boardFault } from '../../firmware/drivers/board-config.js';
import { boardNames, checkBoard, loadBoard } from '../../flash-scripts/boards.js';
import { interpreterTest, runInEspruino } from './fixture-runner.js';

const shipped = ['emulated', 'esp32-devkitc', 'linux'];

test('these boards ship', () => {
  expect(boardNames()).toEqual(shipped);
});

test.each(shipped)('%s passes here and at boot', (name) => {
  const board = loadBoard(name);
  expect(board.name).toBe(name);
  expect(boardFault(board)).toBeNull();
  expect(typeof board.flash.address).toBe('number');
});

test('the emulated board is an ESP32-DevKitC in everything but its name', () => {
  const { name: _a, description: _b, ...emulated } = loadBoard('emulated');
  const { name: _c, description: _d, ...board } = loadBoard('esp32-devkitc');
  expect(emulated).toEqual(board);
  expect(board.entropy).toEqual({ register: 0x3ff75144, radio: 'Wifi' });
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
  ['flash.bytes', (board) => (board.flash.bytes = 4096)],
  ['flash.bytes', (board) => (board.flash.bytes = 40000)],
  ['flash.bytes', (board) => ((board.flash.bytes = 36864), (board.flash.pageBytes = 8192))],
  ['flash.pageBytes', (board) => (board.flash.pageBytes = 32768)],
  ['flash.eraseBytes', (board) => (board.flash.eraseBytes = 3000)],
  ['flash.pages', (board) => (board.flash.pages = 16)],
  ['entropy.radio', (board) => delete board.entropy.radio],
  ['entropy.register', (board) => (board.entropy.register = 'random')],
  ['entropy.file', (board) => (board.entropy = { file: 'urandom' })],
  ['pn532.bus', (board) => (board.pn532.bus = 'spi')],
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
  ['buttons.console.pin', (board) => (board.buttons.console.pin = board.buttons.user.pin)],
  ['led.pin', (board) => (board.led.pin = 'LED1')],
  ['buzzer.frequencyHz', (board) => (board.buzzer.frequencyHz = 5)],
  ['consoleLeaves', (board) => (board.consoleLeaves = 'USB')],
  ['consolePort', (board) => (board.consolePort = 'Serial2')],
  ['colour', (board) => (board.colour = 'red')],
];

test.each(mistakes)('a mistake in %s is named', (field, change) => {
  const board = structuredClone(loadBoard('esp32-devkitc')) as object;
  expect(() => checkBoard(board, 'esp32-devkitc')).not.toThrow();
  change(board);
  let message = '';
  try {
    checkBoard(board, 'esp32-devkitc');
  } catch (error) {
    expect((error as { code: string }).code).toBe('BOARD_INVALID');
    message = (error as Error).message;
  }
  expect(message).toContain('esp32-devkitc: ');
  expect(message).toContain(`${field}: `);
});

test('an I2C bus may carry display and PN532', () => {
  const board: any = structuredClone(loadBoard('esp32-devkitc'));
  board.pn532 = { bus: 'i2c', port: 'I2C1', sda: 'D21', scl: 'D22', burstBytesMax: 64 };
  expect(() => checkBoard(board, 'esp32-devkitc')).not.toThrow();
  board.pn532.port = 'I2C2';
  expect(() => checkBoard(board, 'esp32-devkitc')).toThrow(/display\.sda: D21 is taken by pn532\.sda/);
});

test('a board that does not exist names those that do', () => {
  for (const name of ['esp99', 'schema', '../package', '']) {
    expect(() => loadBoard(name)).toThrow(/emulated, esp32-devkitc, linux/);
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
  expect(lines.filter((line) => !line.startsWith('Compacting'))).toEqual([`${address} ${eraseBytes} ${address + bytes - eraseBytes!} undefined`, '1,2,3,4']);
});
