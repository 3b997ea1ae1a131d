/**
 * The board drivers both roles share: entropy, configuration, start-up, display bytes, button, console.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { boardFault, limitBursts, type BoardConfig } from '../../firmware/core/board-config.js';
import { isPressed, watchButton } from '../../firmware/panel/buttons.js';
import { createClock } from '../../firmware/core/clock.js';
import { createDisplay, GOOD, PLAIN } from '../../firmware/panel/display.js';
import { createEntropy, sampleSource, type EntropyDevices } from '../../firmware/board/entropy.js';
import { createHealthTest, ONE_BIT } from '../../firmware/crypto/health.js';
import {
  BOARD_RECORD,
  countBoot,
  leaveConsole,
  missingNative,
  readConfig,
  takeSeed,
} from '../../firmware/board/startup.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createCycle } from '../../host-bridge/emulator/espruino-cycle.js';
import { createRegisters, type Noise } from '../../host-bridge/emulator/esp32-registers.js';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { interpreterTest, runInEspruino, runInNode } from '../build/fixture-runner.js';
import { newFlash, openLog } from '../user-token/purse-rig.js';

const BOARD: BoardConfig = {
  name: 'test',
  firmware: 'Espruino 2v29',
  flash: { address: 0x310000, bytes: 65536, pageBytes: 4096 },
  entropy: { source: 'sar-adc', register: 0x3ff75144 },
  pn532: { bus: 'uart', port: 'Serial2', burstBytesMax: 64 },
  buttons: { user: { pin: 'D0', active: 0 } },
};

/** An ESP32's registers as the emulated board has them, and when noise reached the random one. */
function registers(entropy: (count: number) => Uint8Array = (count) => new Uint8Array(randomBytes(count))) {
  const scheduler = createVirtualScheduler();
  const noise: Noise[] = [];
  const errors: string[] = [];
  const cycle = createCycle(scheduler, { print: () => undefined, error: (text) => void errors.push(text) });
  const nowMs = () => scheduler.nowMs();
  const chip = createRegisters({ cycle, entropy, isRadioOn: () => false, noise, nowMs });
  return { ...chip, openFile: () => undefined as any, noise, errors };
}

const load = () => sampleSource;

test('the random register is read only while its noise is on, and the ADC is off afterwards', () => {
  const chip = registers();
  const before = [0x3ff480a8, 0x3ff48800, 0x3ff4f008, 0x3ff66010].map(chip.peek32);
  const take = createEntropy(load, chip, BOARD.entropy, createHealthTest(ONE_BIT));
  expect(chip.noise).toEqual([{ fromMs: 0, toMs: 0 }]);
  expect(take(64)!.length).toBe(64);
  expect(chip.noise).toHaveLength(2);
  expect([0x3ff480a8, 0x3ff48800, 0x3ff4f008, 0x3ff66010].map(chip.peek32)).toEqual(before);
  expect(chip.errors).toEqual([]);
});

test('a register that does not stay as it was set, at any of them, gives no entropy; nor one that does not stand still', () => {
  const used = new Set<number>();
  const all = registers();
  createEntropy(
    load,
    { ...all, poke32: (at, value) => (used.add(at), all.poke32(at, value)) },
    BOARD.entropy,
    () => true,
  );
  expect(used.size).toBe(16);
  for (const address of used) {
    const chip = registers();
    let isDead = false;
    const poke32 = (at: number, value: number) => (isDead && at === address ? undefined : chip.poke32(at, value));
    const take = createEntropy(load, { ...chip, poke32 }, BOARD.entropy, () => true);
    isDead = true;
    // Those that a draw leaves as they are stay right.
    const fails = take(8) === null;
    expect([address.toString(16), fails]).toEqual([
      address.toString(16),
      ![0x3ff4f0b0].includes(address) && !isPattern(address),
    ]);
  }
  // Somebody else takes the ADC between two looks.
  for (const address of used) {
    const chip = registers();
    let reads = 0;
    const peek32 = (at: number) => {
      if (at === 0x3ff75144 && ++reads === 1100) chip.poke32(address, (chip.peek32(address) ^ 0xffffffff) >>> 0);
      return chip.peek32(at);
    };
    const take = createEntropy(load, { ...chip, peek32 }, BOARD.entropy, () => true);
    expect([address.toString(16), take(64)]).toEqual([address.toString(16), null]);
  }
  const chip = registers();
  let count = 0;
  const restless = (at: number) => (at === 0x3ff000c0 ? ++count : chip.peek32(at));
  expect(() => createEntropy(load, { ...chip, peek32: restless }, BOARD.entropy, () => true)).toThrow('stand still');
});

/** SYSCON_SARADC_SAR2_PATT_TAB1 to 4. */
const isPattern = (address: number): boolean => address >= 0x3ff6602c && address <= 0x3ff66038;

interpreterTest('the register table means the same in the interpreter', async () => {
  const { code } = await buildBundle(join(packageRoot(), 'test', 'board', 'program', 'sar-trace.ts'));
  const lines = runInNode(code);
  expect(lines.filter((line) => line.startsWith('stands')).join()).toBe(
    'stands false,stands true,stands false,stands false,stands true,stands false',
  );
  expect(lines.length).toBeGreaterThan(40);
  expect(runInEspruino(code)).toEqual(lines);
});

test('a file that is missing or short, a stuck register, a health test that fails: no entropy', () => {
  const chip = registers();
  const failing = 'entropy: the source fails its health test';
  const file = { read: (count: number) => '\u0007'.repeat(Math.min(count, 100)), close: () => undefined };
  const from = { source: 'file', file: '/some' };
  const make = (devices: object, healthy: (samples: Uint8Array) => boolean, config = from) =>
    createEntropy(load, { ...chip, ...devices } as EntropyDevices, config, healthy);
  expect(() => make({}, () => true)).toThrow(failing);
  expect(() => make({ openFile: () => file }, () => false)).toThrow(failing);
  expect(() => make({ openFile: () => ({ ...file, read: () => undefined }) }, () => true)).toThrow(failing);
  const stuck = registers((count) => new Uint8Array(count).fill(7));
  expect(() => createEntropy(load, stuck, BOARD.entropy, createHealthTest(ONE_BIT))).toThrow(failing);
  expect(make({ openFile: () => file }, () => true)(25)).toEqual(new Uint8Array(25).fill(7));
  // A source that breaks later gives nothing from then on.
  let healthy = true;
  const take = make({ openFile: () => file }, () => healthy);
  expect(take(3)).not.toBe(null);
  healthy = false;
  expect(take(3)).toBe(null);
});

test('a board entry that cannot be run is named', () => {
  expect(boardFault(BOARD)).toBe(null);
  const broken: [string, object][] = [
    ['board: missing', { name: undefined }],
    ['board.flash', { flash: { address: 0, bytes: 4096, pageBytes: 4096 } }],
    ['board.entropy:', { entropy: {} }],
    ['board.entropy:', { entropy: { register: 1 } }],
    ['board.entropy:', { entropy: { source: 'sar-adc' } }],
    ['board.entropy:', { entropy: { source: 'file' } }],
    ['board.entropy:', { entropy: { source: 'none', register: 1, file: '/some' } }],
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
