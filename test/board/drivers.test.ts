/**
 * The board drivers both roles share: entropy with its radio, configuration, start-up, display bytes, button, console.
 */
import { crc32 } from 'node:zlib';
import { boardFault, limitBursts, type BoardConfig } from '../../firmware/core/board-config.js';
import { isPressed, watchButton } from '../../firmware/panel/buttons.js';
import { createClock } from '../../firmware/core/clock.js';
import { createDisplay, GOOD, PLAIN } from '../../firmware/panel/display.js';
import { startEntropy, type TakeEntropy } from '../../firmware/board/entropy.js';
import {
  BOARD_RECORD,
  countBoot,
  leaveConsole,
  missingNative,
  readConfig,
  takeSeed,
} from '../../firmware/board/startup.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { newFlash, openLog } from '../user-token/purse-rig.js';

const BOARD: BoardConfig = {
  name: 'test',
  firmware: 'Espruino 2v29',
  flash: { address: 0x310000, bytes: 65536, pageBytes: 4096 },
  entropy: { register: 0x3ff75144, radio: 'Wifi' },
  pn532: { bus: 'uart', port: 'Serial2', burstBytesMax: 64 },
  buttons: { user: { pin: 'D0', active: 0 } },
};

function clocks() {
  const scheduler = createVirtualScheduler();
  return {
    scheduler,
    clock: {
      setTimeout: (callback: () => void, delayMs: number) => scheduler.setTimer(callback, delayMs),
      clearTimeout: (id: any) => scheduler.clearTimer(id),
      nowMs: () => scheduler.nowMs(),
    },
  };
}

function radioDevices(startsAfterMs: number, nowMs: () => number) {
  const radio = { started: false, startedMs: 0, password: '', forcedOff: false };
  const wifi = {
    startAP: (_name: string, options: { password: string }) => {
      radio.started = true;
      radio.startedMs = nowMs();
      radio.password = options.password;
    },
    getStatus: () => ({
      mode: radio.started && !radio.forcedOff && nowMs() >= radio.startedMs + startsAfterMs ? 'ap' : 'off',
    }),
  };
  let next = 1;
  const devices = {
    peek32: () => (next = Math.imul(next, 1103515245) + 12345),
    requireModule: (name: string) => {
      if (name !== 'Wifi') throw new Error('no module');
      return wifi;
    },
    openFile: () => undefined as any,
  };
  return { radio, devices };
}

test('the random register is read only while the radio is on', () => {
  const { scheduler, clock } = clocks();
  const { radio, devices } = radioDevices(300, () => scheduler.nowMs());
  let got: TakeEntropy | null | undefined;
  startEntropy(
    devices,
    clock,
    BOARD.entropy,
    () => true,
    (take) => (got = take),
  );
  expect(got).toBe(undefined);
  scheduler.advance(1000);
  expect(got!(64)!.length).toBe(64);
  expect(radio.password.length).toBeGreaterThanOrEqual(8);
  radio.forcedOff = true;
  expect(got!(64)).toBe(null);
});

test('a radio that does not start, a module or a file that is missing, a health test that fails: no entropy', () => {
  const { scheduler, clock } = clocks();
  const { devices } = radioDevices(1e9, () => scheduler.nowMs());
  const faults: string[] = [];
  const note = (take: TakeEntropy | null, fault: string) => void faults.push(take ? String(take(32)) : fault);
  startEntropy(devices, clock, BOARD.entropy, () => true, note);
  scheduler.advance(20_000);
  startEntropy(devices, clock, { register: 1, radio: 'Other' }, () => true, note);
  startEntropy(devices, clock, { file: '/nowhere' }, () => true, note);
  const file = { read: (count: number) => '\u0007'.repeat(Math.min(count, 100)), close: () => undefined };
  startEntropy({ ...devices, openFile: () => file }, clock, { file: '/some' }, () => false, note);
  startEntropy(
    { ...devices, openFile: () => ({ ...file, read: () => undefined }) },
    clock,
    { file: '/some' },
    () => true,
    note,
  );
  expect(faults).toEqual([
    'radio does not start',
    'no module Other',
    ...Array(3).fill('the source fails its health test'),
  ]);
  const drawn: (Uint8Array | null)[] = [];
  startEntropy(
    { ...devices, openFile: () => file },
    clock,
    { file: '/some' },
    () => true,
    (take) => void drawn.push(take!(25)),
  );
  // A source that breaks later gives nothing from then on.
  let healthy = true;
  startEntropy(
    { ...devices, openFile: () => file },
    clock,
    { file: '/some' },
    () => healthy,
    (take) => {
      drawn.push(take!(3));
      healthy = false;
      drawn.push(take!(3));
    },
  );
  expect(drawn).toEqual([new Uint8Array(25).fill(7), new Uint8Array(3).fill(7), null]);
});

test('a board entry that cannot be run is named', () => {
  expect(boardFault(BOARD)).toBe(null);
  const broken: [string, object][] = [
    ['board: missing', { name: undefined }],
    ['board.flash', { flash: { address: 0, bytes: 4096, pageBytes: 4096 } }],
    ['board.entropy:', { entropy: {} }],
    ['board.entropy.radio', { entropy: { register: 1 } }],
    ['board.pn532:', { pn532: { bus: 'usb', port: 'USB', burstBytesMax: 64 } }],
    ['board.pn532.burstBytesMax', { pn532: { bus: 'uart', port: 'Serial2' } }],
    ['board.buttons.user', { buttons: {} }],
    ['board.buttons.console', { buttons: { user: BOARD.buttons.user, console: { pin: 'D0' } } }],
    ['board.led', { led: { pin: 2, active: 1 } }],
    ['board.buzzer', { buzzer: { pin: 'D2', active: 2 } }],
    ['board.link', { link: { port: 'Serial1' } }],
    ['board.display', { display: { type: 'lcd' } }],
  ];
  for (const [start, change] of broken)
    expect(boardFault({ ...BOARD, ...change } as any)).toMatch(new RegExp('^' + start.replace(/\./g, '\\.')));
});

function storageOf(files: Record<string, string>) {
  return {
    files,
    read: (name: string) => files[name],
    readArrayBuffer: () => undefined,
    erase: (name: string) => void delete files[name],
  };
}

test('the provisioned file', () => {
  const good = JSON.stringify({ role: 'token', board: BOARD, provision: {} });
  const read = (text?: string) =>
    readConfig(storageOf(text === undefined ? {} : { 'tapcash.cfg': text }), 'token', '2v29.277');
  expect(read(good)).toMatchObject({ ok: true, config: { role: 'token' } });
  const faults: [string | undefined, RegExp][] = [
    [undefined, /not provisioned/],
    ['{', /damaged/],
    ['null', /damaged/],
    ['7', /damaged/],
    [good.replace('"token"', '"terminal"'), /role is not token/],
    [good.replace('"uart"', '"usb"'), /board\.pn532/],
    [JSON.stringify({ role: 'token', board: BOARD }), /provision: missing/],
  ];
  for (const [text, fault] of faults)
    expect(read(text)).toMatchObject({ ok: false, fault: expect.stringMatching(fault) });
});

test('an interpreter that loses long bursts is spared them, on a UART', () => {
  const burst = (version: string, bus: string) => {
    const board = { ...BOARD, pn532: { ...BOARD.pn532, bus, burstBytesMax: 264 } } as typeof BOARD;
    limitBursts(board, version);
    return board.pn532.burstBytesMax;
  };
  for (const version of ['2v25', '2v29', '2v29.95', '1v99.300', '', 'x', '2v'])
    expect([version, burst(version, 'uart')]).toEqual([version, 64]);
  for (const version of ['2v29.96', '2v29.277', '2v30', '3v01', '2v29.277-dirty'])
    expect([version, burst(version, 'uart')]).toEqual([version, 264]);
  expect(burst('2v29', 'i2c')).toBe(264);
});

test('the seed moves to raw flash before it leaves Storage; boots are counted durably', () => {
  const flash = newFlash();
  let log = openLog(flash);
  const seed = String.fromCharCode(...Array.from({ length: 32 }, (_, i) => i + 200));
  const files: Record<string, string> = { 'tapcash.seed': seed };
  for (let operation = 0; operation < 2; operation++) {
    flash.cutAfter(operation, 'during', 3);
    expect(() => takeSeed(storageOf(files), log)).toThrow();
    expect(files['tapcash.seed']).toBe(seed);
    flash.powerOn();
    log = openLog(flash);
  }
  expect(takeSeed(storageOf(files), log)![0]).toBe(200);
  expect(files).toEqual({});
  expect(takeSeed(storageOf(files), log)![31]).toBe(231);
  expect(takeSeed(storageOf({ 'tapcash.seed': 'short' }), openLog(newFlash()))).toBe(null);
  for (const count of [1, 2, 3]) {
    expect(countBoot(log)).toBe(count);
    log = openLog(flash);
    expect(log.get(BOARD_RECORD.boot, 0)![3]).toBe(count);
  }
});

test('a missing native is named', () => {
  const root = { E: { convolve: () => 0 }, peek32: () => 0 };
  const requireModule = (name: string) => {
    if (name !== 'crypto') throw new Error('no');
    return { SHA512: () => 0 };
  };
  expect(missingNative(root, requireModule, ['E.convolve', 'peek32', 'crypto.SHA512'])).toBe(null);
  for (const name of ['E.CRC32', 'peek16', 'crypto.AES', 'Flash.read'])
    expect(missingNative(root, requireModule, [name])).toBe(name);
});

test('the console leaves the port that is needed, and no other', () => {
  const moved: [unknown, unknown][] = [];
  const mover = {
    setConsole: (port: unknown, options: unknown) => void moved.push([port, options]),
    port: (name: string) => 'port ' + name,
  };
  leaveConsole(mover, undefined, undefined);
  expect(moved).toEqual([]);
  leaveConsole(mover, 'Serial1', undefined);
  leaveConsole(mover, 'Serial1', 'Serial2');
  expect(moved).toEqual([
    [null, { force: true }],
    ['port Serial2', { force: true }],
  ]);
});

test('SSD1306: start-up once, then one row of bytes a page; a dead display is left alone', () => {
  const sent: [number, number, Uint8Array | number[]][] = [];
  let dead = false;
  const bus = {
    setup: () => undefined,
    writeTo: (address: number, control: number, data: Uint8Array | number[]) => {
      if (dead) throw new Error('no acknowledge');
      sent.push([address, control, data instanceof Uint8Array ? data.slice() : data]);
    },
  };
  const drawn: [string, number, number][] = [];
  let paint = (): void => undefined;
  const graphics = {
    buffer: new Uint8Array(1024).map((_, i) => i).buffer,
    setFont: () => undefined,
    drawString: (text: string, x: number, y: number) => void drawn.push([text, x, y]),
  };
  const devices = {
    bus: (name: string) => (name === 'I2C1' ? bus : undefined),
    createGraphics: () => ((drawn.length = 0), paint(), graphics),
    crc32: (bytes: Uint8Array) => crc32(bytes),
    print: () => undefined,
  };
  const display = createDisplay(devices, { type: 'ssd1306' });
  display.show(['one', 'two'], PLAIN);
  expect(drawn.map(([text]) => text)).toEqual(['one', 'two']);
  expect(drawn[1][2]).toBeGreaterThan(drawn[0][2] + 8);
  const commands = sent.filter(([, control]) => control === 0).flatMap(([, , data]) => data as number[]);
  expect(commands[0]).toBe(0xae);
  expect(commands.filter((byte) => byte === 0xaf).length).toBe(1);
  const rows = sent.filter(([, control]) => control === 0x40);
  expect(rows.length).toBe(8);
  expect((rows[7][2] as Uint8Array)[127]).toBe(1023 & 255);
  sent.length = 0;
  display.show(['three'], PLAIN);
  expect(sent.filter(([, control, data]) => control === 0 && (data as number[]).includes(0xaf))).toEqual([]);
  // What was drawn ahead is sent when it is shown, and drawn again if something else was shown meanwhile. Of a picture
  // that was drawn ahead only pages that changed are sent, where the one before it was drawn ahead too.
  const bytes = new Uint8Array(graphics.buffer);
  const paid = ['PAID'];
  const all = [[], 0, 8] as const;
  for (const [between, changed, first, pages] of [
    ['', ...all],
    ['', [2, 4], 2, 3],
    ['draw', [3, 6], 3, 4],
    ['', [7], 7, 1],
    ['', [], 7, 1],
    ['show', ...all],
    ['', ...all],
  ] as const) {
    const at = `${between} ${changed}`;
    sent.length = 0;
    if (between === 'draw') display.draw(['another']);
    paint = () => changed.forEach((page) => (bytes[page * 128 + 5] ^= 1));
    expect([at, display.draw(paid)]).toEqual([at, true]);
    paint = () => undefined;
    expect([at, drawn.map(([text]) => text), sent.length]).toEqual([at, ['PAID'], 0]);
    if (between === 'show') display.show(['other'], PLAIN);
    drawn.length = sent.length = 0;
    display.show(paid, GOOD);
    expect([at, drawn.length, sent.length]).toEqual([at, between === 'show' ? 1 : 0, 1 + pages]);
    expect((sent[0][2] as number[])[0]).toBe(0xa7);
    expect([at, (sent[0][2] as number[]).slice(-3)]).toEqual([at, [0x22, first, 7]]);
    for (const [i, [, , data]] of sent.slice(1).entries())
      expect(data).toEqual(bytes.slice((first + i) * 128, (first + i + 1) * 128));
  }
  expect(display.broken()).toBe(false);
  dead = true;
  display.show(['four'], PLAIN);
  expect(display.broken()).toBe(true);
  expect(createDisplay(devices, { type: 'ssd1306', port: 'I2C9' }).broken()).toBe(true);
  expect(createDisplay(devices, undefined).broken()).toBe(true);
});

test('button and clock', () => {
  const watched: unknown[] = [];
  const pins = {
    setWatch: (_callback: () => void, pin: string, options: object) => void watched.push([pin, options]),
    pinMode: (pin: string, mode: string) => void watched.push([pin, mode]),
    digitalRead: () => 0,
  };
  watchButton(pins, { pin: 'D0', active: 0 }, () => undefined);
  watchButton(pins, { pin: 'D5', active: 1 }, () => undefined);
  expect(watched).toEqual([
    ['D0', 'input_pullup'],
    ['D0', { repeat: true, edge: 'falling', debounce: 20 }],
    ['D5', 'input_pulldown'],
    ['D5', { repeat: true, edge: 'rising', debounce: 20 }],
  ]);
  expect([isPressed(pins, { pin: 'D0', active: 0 }), isPressed(pins, { pin: 'D5', active: 1 })]).toEqual([true, false]);
  let seconds = 1e9;
  const clock = createClock({ getTime: () => seconds, setTimeout: () => 1, clearTimeout: () => undefined });
  seconds += 1.5;
  expect(clock.nowMs()).toBe(1500);
});
