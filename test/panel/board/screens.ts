/**
 * A program for the interpreter: draws what terminal and token show on an SSD1306 and on an ILI9341, and prints the
 * bytes that go to them: "name oled|lcd command|data base64".
 */
import { BAD, createDisplay, GOOD, PLAIN } from '../../../firmware/panel/display.js';
import { spell } from '../../../firmware/panel/spell.js';
import { createLcd } from '../../../firmware/panel/lcd.js';
import { alarmLines, chargeLines, entryLines, holdLines, idleLines } from '../../../firmware/shop-terminal/screen.js';

declare const E: any;
declare const btoa: any;
declare const Graphics: any;
declare const print: any;

const view = function (state: number, amount: number): any {
  return { state: state, id: new Uint8Array(8), amount: amount, rs: new Uint8Array(16) };
};

const screens: { [name: string]: string[] } = {
  ready: idleLines("Anna's Bakery", true, 'OK'),
  // Unal & Sohne, Lukasz and Dimitris, with their own letters, in UTF-8.
  name: idleLines(spell('\xc3\x9cnal & S\xc3\xb6hne', 32), true, 'OK'),
  plain: idleLines('Unal & Sohne', true, 'OK'),
  spelled: idleLines(
    spell('\xc5\x81ukasz & \xce\x94\xce\xb7\xce\xbc\xce\xae\xcf\x84\xcf\x81\xce\xb7\xcf\x82', 32),
    true,
    'OK',
  ),
  latin: idleLines('Lukasz & Dimitris', true, 'OK'),
  entry: entryLines(1234, 'EUR'),
  pay: chargeLines(view(1, 350), 'EUR', 'OK', 5),
  paid: chargeLines(view(3, 350), 'EUR', 'OK', 5),
  hold: holdLines(350, 'EUR'),
  large: chargeLines(view(3, 99999999), 'EUR', 'OK', 5),
  confirm: chargeLines(view(1, 12000), 'EUR', 'CONFIRM_NEEDED', 5),
  alarm: alarmLines('VERIFIER_LIED'),
  balance: ['BALANCE', '50.00 EUR'],
};

const tones: { [name: string]: any } = { paid: GOOD, large: GOOD, alarm: BAD };

let name = '';

let last = '';

/** "=" for the same bytes again: most rows are. */
function tell(display: string, kind: string, bytes: any): void {
  if (!name) return;
  const text = btoa(E.toString(new Uint8Array(bytes)));
  print(name + ' ' + display + ' ' + kind + ' ' + (text === last ? '=' : text));
  last = text;
}

const oledBus = {
  setup: function () {},
  writeTo: function (_address: number, control: number, data: any) {
    tell('oled', control ? 'data' : 'command', typeof data === 'number' ? [data] : data);
  },
};
let isData = 0;
const lcdBus = {
  setup: function () {},
  write: function (data: any) {
    tell('lcd', isData ? 'data' : 'command', typeof data === 'number' ? [data] : data);
  },
};
const pending: (() => void)[] = [];
const devices: any = {
  bus: function (port: string) {
    return port === 'I2C1' ? oledBus : lcdBus;
  },
  createGraphics: function (width: number, height: number, bits: number, options: any) {
    return Graphics.createArrayBuffer(width, height, bits, options);
  },
  crc32: E.CRC32,
  print: print,
  clock: {
    setTimeout: function (callback: () => void) {
      pending.push(callback);
    },
  },
  digitalWrite: function (pin: string, level: number) {
    if (pin === 'D27') isData = level;
  },
  mapInPlace: E.mapInPlace,
};

const oled = createDisplay(devices, { type: 'ssd1306', port: 'I2C1' });
const lcd = createLcd(devices, {
  type: 'ili9341',
  port: 'SPI2',
  cs: 'D14',
  dc: 'D27',
  reset: 'D33',
  backlight: 'D32',
  memoryAccess: 8,
  inverted: true,
});
// A display that the interpreter drives itself: its picture is told row by row, as a panel would get it.
const own = Graphics.createArrayBuffer(320, 240, 16);
const keys = createLcd(
  {
    own: function () {
      return own;
    },
  } as any,
  { type: 'graphics', keys: ['123', '456', '789', '*0#'] },
);
function tellOwn(): void {
  tell('keys', 'command', [0x29]);
  tell('keys', 'command', [0x2c]);
  for (let y = 0; y < 240; y++) {
    // Not a view of the buffer: those begin at 65,535 at most here.
    const row = new Uint8Array(640);
    for (let x = 0; x < 320; x++) {
      const pixel = own.getPixel(x, y);
      row[2 * x] = pixel >> 8;
      row[2 * x + 1] = pixel;
    }
    tell('keys', 'data', row);
  }
}
while (pending.length > 0) (pending.shift() as () => void)();
for (const each of Object.keys(screens)) {
  name = each;
  const tone = tones[each] || PLAIN;
  oled.show(screens[each], tone);
  lcd.show(screens[each], tone);
  keys.show(screens[each], tone);
  if (each === 'entry') tellOwn();
  name = '';
  if (each === 'hold') {
    // As at a tap: what comes next is drawn ahead, and only what differs is sent.
    const paid = chargeLines(view(3, 350), 'EUR', 'OK', 5);
    oled.draw(screens.hold);
    name = 'held';
    oled.show(screens.hold, PLAIN);
    oled.draw(paid);
    oled.show(paid, GOOD);
    name = '';
  }
  if (oled.broken() || lcd.broken() || keys.broken()) print('broken ' + each);
}
