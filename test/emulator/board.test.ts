/**
 * The emulated board: power cycles, ports, pins, display, console, faults; and that it is fast enough to enumerate
 * with.
 */
import type { BoardOptions, EmulatedBoard } from '../../host-bridge/emulator/board.js';
import { createBoard } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import type { VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createI2cBus } from '../../host-bridge/emulator/i2c-bus.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { ESP32_SPEED } from '../../host-bridge/emulator/work-meter.js';

const ADDRESS = 0x310000;

function make(
  bundle: string,
  more: Partial<BoardOptions> = {},
): { board: EmulatedBoard; scheduler: VirtualScheduler; lines: string[] } {
  const scheduler = (more.scheduler as VirtualScheduler) ?? createVirtualScheduler();
  const lines: string[] = [];
  let counter = 0;
  const board = createBoard({
    scheduler,
    name: 'board',
    bundle: `(function(){${bundle}})()`,
    flash: createEmulatedFlash({ address: ADDRESS, bytes: 65536, pageBytes: 4096 }),
    entropy: (count) => Uint8Array.from({ length: count }, () => counter++ & 255),
    onConsole: (line) => void lines.push(line),
    ...more,
  });
  return { board, scheduler, lines };
}

describe('an emulated board', () => {
  test('runs its bundle at power-up and forgets RAM, not flash and Storage', () => {
    const { board, lines } = make(`
      var f = require('Flash'), s = require('Storage');
      global.n = (global.n || 0) + 1;
      print('n' + n + ' flash ' + f.read(4, ${ADDRESS})[0] + ' file ' + s.read('count'));
      f.write(new Uint8Array([f.read(4, ${ADDRESS})[0] >> 1, 255, 255, 255]), ${ADDRESS});
      s.write('count', 'x' + (s.read('count') || ''));`);
    board.powerOn();
    board.powerOff();
    board.powerOn();
    board.reset();
    expect(lines).toEqual(['n1 flash 255 file undefined', 'n1 flash 127 file x', 'n1 flash 63 file xx']);
    expect(board.errors).toEqual([]);
  });

  test.each(['timeout', 'interval', 'promise', 'serial', 'watch', 'catch'])(
    'runs nothing of a power cycle after its end: %s',
    (how) => {
      const scheduler = createVirtualScheduler();
      const line = createSerialLine(scheduler);
      const { board, lines } = make(
        `
      var how = '${how}', f = require('Flash');
      E.setConsole(null); Serial1.setup(115200);
      function die() { try { f.write(new Uint8Array(4), ${ADDRESS}); } catch (e) { print('caught'); f.write(new Uint8Array(4), ${ADDRESS}); } }
      function after() { print('ran after the end'); Serial1.write('x'); f.write(new Uint8Array(4), ${ADDRESS} + 8); }
      if (how == 'timeout') setTimeout(after, 5);
      if (how == 'interval') setInterval(after, 5);
      if (how == 'promise') Promise.resolve(1).then(after);
      if (how == 'serial') Serial1.on('data', after);
      if (how == 'watch') setWatch(after, D0, {repeat: true, edge: 'both', debounce: 0});
      die(); after();`,
        { scheduler, serials: { Serial1: line.a } },
      );
      let received = '';
      line.b.onData = (data) => (received += data);
      board.flash.cutAfter(0, 'before');
      const image = board.flash.image();
      board.powerOn();
      expect(board.powered).toBe(false);
      line.b.write('hello');
      board.press('D0', 2);
      scheduler.advance(100);
      expect({ lines, received, errors: board.errors }).toEqual({ lines: [], received: '', errors: [] });
      expect(Buffer.compare(board.flash.image(), image)).toBe(0);
    },
  );

  test('reports an exception and goes on', () => {
    const { board, scheduler, lines } = make(`
      setInterval(function () { print('tick'); throw new Error('broken'); }, 10);
      setTimeout(function () { undefined.x = 1; }, 5);`);
    board.powerOn();
    scheduler.advance(25);
    expect(lines.filter((line) => line === 'tick')).toHaveLength(2);
    expect(board.errors.map((text) => text.split('\n')[0])).toEqual([
      expect.stringContaining('Uncaught TypeError'),
      'Uncaught Error: broken',
      'Uncaught Error: broken',
    ]);
  });

  test.each([
    'new Map()',
    'Math.imul(1, 2)',
    'Math.trunc(1)',
    'Array.from([1])',
    'throw new RangeError("x")',
    '[1].flat()',
    'BigInt(1)',
    'Symbol("x")',
    '"a".padEnd(2).trimEnd()',
    'Number.isInteger(1)',
    'setImmediate(1)',
    'window.x',
    'Buffer.from("")',
    'new ArrayBuffer(4).slice(1)',
  ])('fails on %s, which Espruino does not have', (code) => {
    const { board } = make(code);
    board.powerOn();
    expect(board.errors[0]).toMatch(/not defined|not a function|not a constructor/);
  });

  test('refuses a sum in E.convolve that is not exact, and takes one that is', () => {
    const { board, lines } = make(`
      print(E.convolve([1, 2, 3], [4, 5, 6, 7], 2));
      print(E.convolve([9007199254740992], [1], 0));
      print(E.convolve(new Float64Array([1.5e300, 2]), [4, 0.5], 0) > 0);
      E.convolve([9007199254740991, 1, 1], [1, 1, 1], 0);`);
    board.powerOn();
    expect(lines[0]).toBe('32');
    expect(lines[1]).toBe('9007199254740992');
    expect(board.errors[0]).toContain('a sum that a double cannot hold');
  });

  test('has the console on Serial1 until it is moved away, and again after a reset', () => {
    const scheduler = createVirtualScheduler();
    const line = createSerialLine(scheduler);
    const { board } = make(
      `Serial1.setup(115200); Serial1.on('data', function (d) { Serial1.write('got ' + d); });
       if (digitalRead(D0)) E.setConsole(null, {force: true});`,
      { scheduler, serials: { Serial1: line.a } },
    );
    let received = '';
    line.b.onData = (data) => (received += data);
    const exchange = (text: string) => {
      received = '';
      line.b.write(text);
      scheduler.advance(100);
      return received;
    };
    board.powerOn();
    expect(exchange('\x03\x10xyz')).toBe('got \x03\x10xyz');
    board.hold('D0');
    board.reset();
    expect(exchange('6*7\n')).toBe('=42\r\n>');
    board.release('D0');
    board.reset();
    expect(exchange('6*7\n')).toBe('got 6*7\n');
  });

  test('loses what is over the longest burst, and says so', () => {
    const scheduler = createVirtualScheduler();
    const line = createSerialLine(scheduler);
    const { board, lines } = make(`Serial2.setup(115200); Serial2.on('data', function (d) { print(d.length); });`, {
      scheduler,
      serials: { Serial2: line.a },
      serialBurstBytesMax: 64,
    });
    board.powerOn();
    line.b.write('x'.repeat(64));
    line.b.write('x'.repeat(70));
    scheduler.advance(100);
    expect(lines).toEqual(['64', '64']);
    expect(board.errors).toEqual(['Serial2: 6 bytes lost of a burst of 70']);
  });

  test("gets bytes when its serial task looks, in events of 64; on the console's port after silence", () => {
    const scheduler = createVirtualScheduler();
    const [line, link] = [createSerialLine(scheduler, 460_800), createSerialLine(scheduler)];
    const { board, lines } = make(
      `E.setConsole(null, { force: true }); Serial1.setup(115200); Serial2.setup(460800);
       function tell(name) { return function (d) { print(name, Math.floor(Date.now()), d.length); }; }
       Serial1.on('data', tell('link')); Serial2.on('data', tell('chip'));`,
      { scheduler, serials: { Serial1: link.a, Serial2: line.a }, speed: { ...ESP32_SPEED, cycles: 0 } },
    );
    [line.a.baud, line.b.baud] = [undefined, undefined];
    board.powerOn();
    // 143 bytes take 3.1 ms; the first byte is seen at once, the rest by the next poll.
    line.b.write('x'.repeat(143));
    link.b.write('y'.repeat(20));
    scheduler.advance(2);
    link.b.write('z'.repeat(60));
    scheduler.advance(100);
    expect(lines).toEqual(['chip 0 1', 'chip 5 64', 'chip 5 64', 'chip 5 14', 'link 12 64', 'link 12 16']);
  });

  test('debounces a button and shows pins', () => {
    const { board, scheduler, lines } = make(`
      pinMode('D5', 'input_pullup');
      setWatch(function (e) { print('pressed ' + e.state); digitalWrite('D2', 1); }, 'D5', {repeat: true, edge: 'falling', debounce: 20});`);
    board.powerOn();
    board.press('D5', 5);
    scheduler.advance(50);
    expect(lines).toEqual([]);
    board.press('D5', 100);
    scheduler.advance(19);
    expect(board.pin('D2')).toBe(0);
    scheduler.advance(200);
    expect(lines).toEqual(['pressed false']);
    expect(board.pin('D2')).toBe(1);
  });

  test('shows what was drawn and sent to the OLED, or printed for a console display', () => {
    const { board, lines } = make(`
      I2C1.setup({scl: 'D22', sda: 'D21'});
      var g = Graphics.createArrayBuffer(128, 64, 1, {vertical_byte: true});
      function show(a, b) { g.clear(); g.setFont('4x6', 2).drawString(a, 0, 0).drawString(b, 0, 13); I2C1.writeTo(60, 0x40, new Uint8Array(g.buffer, 0, 128)); }
      show('PAY', '3.50'); g.clear(); g.drawString('not sent', 0, 0);`);
    board.powerOn();
    expect(board.screen()).toEqual(['PAY', '3.50']);
    board.powerOff();
    expect(board.screen()).toEqual([]);
    expect(lines).toEqual([]);
    const other = make(`print('[display] PAID | 3.50');`).board;
    other.powerOn();
    expect(other.screen()).toEqual(['PAID', '3.50']);
  });

  test('gives entropy only with a radio on, and never the same to two boards', () => {
    const bundle = `
      var W = require('Wifi'); print(peek32(0x3FF75144));
      W.startAP('x', {}, function () { print(W.getStatus().mode, peek32(0x3FF75144)); print(E.hwRand(), Math.random()); });`;
    const [one, two] = [
      make(bundle, { entropy: () => Uint8Array.of(1, 2, 3, 4) }),
      make(bundle, { entropy: () => Uint8Array.of(5, 6, 7, 8) }),
    ];
    for (const { board, scheduler } of [one, two]) {
      board.powerOn();
      scheduler.advance(1000);
    }
    expect(one.lines[0]).toBe(two.lines[0]);
    expect(one.lines[1]).toBe(`ap ${0x01020304}`);
    expect(two.lines[1]).toBe(`ap ${0x05060708}`);
    expect(one.lines[2]).toBe(two.lines[2]);
    expect(one.board.sent).toEqual([{ fromMs: 100, toMs: null, what: 'WiFi beacon', names: 'x c4:4f:33:00:11:22' }]);
    one.board.powerOff();
    expect(one.board.sent[0]!.toMs).toBe(1000);
  });

  describe('offers its console', () => {
    /** What somebody who connects can have run. */
    const runs = (board: EmulatedBoard, scheduler: VirtualScheduler, by: 'Bluetooth' | 'Telnet'): string | null => {
      const peer = board.connect(by);
      peer?.type('6*7\n');
      scheduler.advance(10);
      return peer && peer.received;
    };

    test('to who connects by Bluetooth, with Bluetooth on in its settings; and names itself to everybody', () => {
      const { board, scheduler } = make('', { bluetooth: true });
      board.powerOn();
      expect(runs(board, scheduler, 'Bluetooth')).toBe('=42\r\n>');
      expect(board.sent).toMatchObject([{ fromMs: 0, toMs: null, what: 'Bluetooth advertising' }]);
      board.evaluate('ESP32.enableBLE(false)');
      expect([board.settings.bluetooth, board.files.has('.bootcde')]).toEqual([false, false]);
      expect(runs(board, scheduler, 'Bluetooth')).toBe(null);
    });

    test('to who joins the access point that it opens by itself before 2v29.271, unless a setting is stored', () => {
      const old = { interpreter: { version: '2v29.270' } };
      for (const [more, expected] of [
        [old, '=42\r\n>'],
        [{ ...old, files: { '.wificfg': '{"mode":0}' } }, null],
        [{}, null],
      ] as const) {
        const { board, scheduler } = make('', more);
        board.powerOn();
        expect(runs(board, scheduler, 'Telnet')).toBe(expected);
        expect(board.sent.map(({ what }) => what)).toEqual(expected ? ['WiFi beacon'] : []);
      }
    });

    test('to nobody once it is forced to a port; asleep it advertises again when its services are there', () => {
      const both = { bluetooth: true, interpreter: { version: '2v29' } };
      const forced = make('E.setConsole(Serial1, {force: true});', both);
      forced.board.powerOn();
      for (const by of ['Bluetooth', 'Telnet'] as const) expect(runs(forced.board, forced.scheduler, by)).toBe('');
      const asleep = make('NRF.sleep();', both);
      asleep.board.powerOn();
      expect(runs(asleep.board, asleep.scheduler, 'Bluetooth')).toBe(null);
      asleep.scheduler.advance(100);
      expect(runs(asleep.board, asleep.scheduler, 'Bluetooth')).toBe('=42\r\n>');
      asleep.board.evaluate('NRF.wake(); NRF.sleep()');
      expect(runs(asleep.board, asleep.scheduler, 'Bluetooth')).toBe(null);
    });
  });

  test('reset() stops the program, load() and E.reboot() start it again', () => {
    for (const [call, starts] of [
      ['reset()', 1],
      ['load()', 2],
      ['E.reboot()', 2],
    ] as const) {
      const { board, scheduler, lines } = make(`
        print('start'); var s = require('Storage');
        setTimeout(function () { if (s.read('done')) return; s.write('done', '1'); ${call}; setTimeout(function () { print('still here'); }, 1); }, 5);`);
      board.powerOn();
      scheduler.advance(100);
      expect([call, lines.length]).toEqual([call, starts]);
    }
  });

  test('is fast: boots and events', () => {
    const filler = Array.from({ length: 300 }, (_, i) => `function f${i}(a) { var x = a + ${i}; return x * 2; }`).join(
      '\n',
    );
    const { board, scheduler } = make(
      `${filler}\nvar n = 0; (function again() { if (n++ < 100000) setTimeout(again, 1); })();`,
    );
    const boots = 200;
    // Of this process alone: what else the machine does takes time, but not this one's.
    const cpuMs = () => process.cpuUsage().user / 1000;
    let startMs = cpuMs();
    for (let i = 0; i < boots; i++) board.reset();
    const bootMs = (cpuMs() - startMs) / boots;
    startMs = cpuMs();
    scheduler.advance(200_000);
    const eventsPerSecond = 100_000 / ((cpuMs() - startMs) / 1000);
    console.log(`${bootMs.toFixed(2)} ms a boot, ${Math.round(eventsPerSecond)} events a second`);
    // Loose, for slow machines; the figures above are what counts.
    expect(bootMs).toBeLessThan(50);
    expect(eventsPerSecond).toBeGreaterThan(20_000);
  });

  test.each([
    ['I2C1', 400_000, 'refused'],
    ['I2C1', 100_000, 'refused'],
    ['I2C1', 9_000, 'refused'],
    ['I2C1', 8_000, 'answers'],
    ['new I2C()', 400_000, 'answers'],
    ['new I2C()', 100_000, 'answers'],
  ])('%s at %i: a device that holds SCL low for a millisecond %s', (port, bitrate, outcome) => {
    const bus = createI2cBus();
    const heard: string[] = [];
    const slave = {
      stretchUs: 1000,
      write: (data: Uint8Array) => heard.push(String(data)) > 0,
      read: (bytes: number) => new Uint8Array(bytes).fill(7),
    };
    bus.attach(0x24, slave);
    const { board, lines } = make(
      `
      var bus = ${port};
      bus.setup({sda: 'D21', scl: 'D22', bitrate: ${bitrate}});
      try { bus.writeTo(0x24, 1, 2); print('written'); } catch (e) { print(e.message); }
      try { print(bus.readFrom(0x24, 2).join()); } catch (e) { print(e.message); }`,
      { i2c: bus },
    );
    board.powerOn();
    const gaveUp = 'I2C:, Operation timeout because the bus is busy';
    expect(lines).toEqual(outcome === 'answers' ? ['written', '7,7'] : [gaveUp, gaveUp]);
    expect(heard).toEqual(outcome === 'answers' ? ['1,2'] : []);
  });

  test('I2C in software sees no missing acknowledge: all it reads is FF', () => {
    const { board, lines } = make(`
      var bus = new I2C();
      bus.setup({sda: 'D21', scl: 'D22'});
      bus.writeTo(0x24, 1);
      print(bus.readFrom(0x24, 2).join());`);
    board.powerOn();
    expect([lines, board.errors]).toEqual([['255,255'], []]);
  });
});
