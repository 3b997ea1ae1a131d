/**
 * The PN532 model itself, spoken to in raw bytes: frames, ACK, NACK, abort, sleep, commands and error bytes of the
 * manual.
 */
import { chipFrame } from '../../host-bridge/emulator/pn532-host-link.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createI2cBus } from '../../host-bridge/emulator/i2c-bus.js';
import { stripCrc, withCrc } from '../../host-bridge/emulator/iso14443.js';
import type { AirCard, RadioField } from '../../host-bridge/emulator/radio-field.js';
import { airTimeMs, createRadioField } from '../../host-bridge/emulator/radio-field.js';
import type { VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'));
const text = (bytes: ArrayLike<number>) => Buffer.from(Array.from(bytes)).toString('hex').toUpperCase();
const ACK = '0000FF00FF00';
const NACK = '0000FFFF0000';
const WAKE = '55550000000000000000000000000000';
const TARGET = '8C 05 0400 010203 20' + '00'.repeat(28) + '00 00';

/** A command frame from the host, written out. */
function frame(body: string): string {
  const bytes = ['D4', ...body.replace(/ /g, '').match(/../g)!].map((h) => parseInt(h, 16));
  const sum = bytes.reduce((a, b) => a + b, 0);
  const head =
    bytes.length > 255
      ? [0xff, 0xff, bytes.length >> 8, bytes.length & 255, -((bytes.length >> 8) + bytes.length) & 255]
      : [bytes.length, -bytes.length & 255];
  return '0000FF' + text([...head.map((b) => b & 255), ...bytes, -sum & 255, 0]);
}

/** A host on the chip's UART. */
function createHost(scheduler: VirtualScheduler = createVirtualScheduler()) {
  const chip = createPn532Chip(scheduler);
  const line = createSerialLine(scheduler);
  let received = '';
  chip.connectHsu(line.b, (baud) => (line.baud = baud));
  line.a.onData = (data) => (received += text(Array.from(data, (c) => c.charCodeAt(0))));
  const put = (bytes: string) => line.a.write(String.fromCharCode(...hex(bytes)));
  /** Sends bytes, waits, and gives what came. */
  function send(bytes: string, waitMs = 50): string {
    received = '';
    put(bytes);
    scheduler.advance(waitMs);
    return received;
  }
  /** Sends a command; the answer's bytes after D5, or what came instead. */
  function command(body: string, waitMs = 50): string {
    const got = send(frame(body), waitMs);
    if (!got.startsWith(ACK)) return 'no ACK: ' + got;
    const rest = got.slice(ACK.length);
    const length = parseInt(rest.slice(6, 8), 16);
    return rest.length === 0 ? 'ACK' : rest === '0000FF01FF7F8100' ? 'error' : rest.slice(12, 10 + 2 * length);
  }
  return { chip, line, scheduler, send, command, wake: () => send(WAKE + frame('14 01 00 01')) };
}

describe('frames and dialog (6.2)', () => {
  test('asleep after power-up: needs five edges and time, then hears', () => {
    expect(createHost().command('02')).toBe('no ACK: '); // its few edges come with its own bytes
    const host = createHost();
    // Edges without time: the bytes right after 55 are lost.
    expect(host.send('55' + frame('02'))).toBe('');
    expect(createHost().wake()).toBe(ACK + '0000FF02FED5151600');
  });

  test('the version, as printed in the manual; the ACK comes first and within 15 ms', () => {
    const host = createHost();
    host.wake();
    const sentMs = host.scheduler.nowMs() + (9 * 10_000) / 115200;
    let ackMs = 0;
    const old = host.line.a.onData!;
    host.line.a.onData = (data) => {
      ackMs = ackMs || host.scheduler.nowMs();
      old(data);
    };
    expect(host.send('0000FF02FED4022A00')).toBe(ACK + '0000FF06FAD50332010607E800');
    expect(ackMs).toBeGreaterThan(sentMs);
    expect(ackMs - sentMs).toBeLessThan(15);
  });

  test('every flipped bit of a command: no ACK, or no other command', () => {
    const good = hex(frame('02'));
    for (let bit = 16; bit < (good.length - 1) * 8; bit++) {
      const host = createHost();
      host.wake();
      const bad = good.slice();
      bad[bit >> 3] ^= 1 << (bit & 7);
      expect(host.send(text(bad))).toBe('');
      // Enough zeros for any length it may have promised; then the chip hears again.
      host.send('00'.repeat(300));
      expect(host.command('02')).toBe('0332010607');
    }
  });

  test('extended frames, long preambles, garbage before', () => {
    const host = createHost();
    host.wake();
    const long = '00 00' + '5A'.repeat(260);
    expect(host.send(frame(long), 200).startsWith(ACK + '0000FFFFFF')).toBe(true);
    expect(host.send('00'.repeat(30) + frame('02'))).toBe(ACK + '0000FF06FAD50332010607E800');
    expect(host.send('12FF0000FF0307AB1200' + frame('02'))).toBe(ACK + '0000FF06FAD50332010607E800');
    expect(chipFrame(new Uint8Array(255)).length).toBe(266);
  });

  test('NACK repeats the last answer, also the error frame; after a new command there is nothing to repeat', () => {
    const host = createHost();
    expect(host.send(WAKE + NACK)).toBe('');
    expect(host.command('02')).toBe('0332010607');
    expect(host.send(NACK)).toBe('0000FF06FAD50332010607E800');
    expect(host.send(NACK)).toBe('0000FF06FAD50332010607E800');
    expect(host.command('99')).toBe('error');
    expect(host.send(NACK)).toBe('0000FF01FF7F8100');
    expect(host.send(frame('8C' + TARGET.slice(2)))).toBe(ACK);
    expect(host.send(WAKE + NACK)).toBe('');
  });

  test('ACK aborts, a new command replaces: no late answer of the first', () => {
    const host = createHost();
    host.wake();
    host.chip.enterAsReader(createRadioField(host.scheduler));
    host.command('32 05 FF 01 FF');
    expect(host.command('4A 01 00', 1000)).toBe('ACK'); // searches for ever
    expect(host.send(ACK)).toBe('');
    expect(host.send('', 1000)).toBe('');
    expect(host.command('4A 01 00', 10)).toBe('ACK');
    expect(host.command('02', 1000)).toBe('0332010607');
  });

  test("the rate changes with the host's ACK (7.2.8)", () => {
    const host = createHost();
    host.wake();
    expect(host.command('10 05')).toBe('11');
    expect(host.line.baud).toBe(115200);
    expect(host.command('02')).toBe('0332010607');
    expect(host.line.baud).toBe(115200);
    host.command('10 05');
    host.send(ACK);
    expect(host.line.baud).toBe(230400);
    expect(host.command('02')).toBe('0332010607');
  });

  test('PowerDown sleeps, and without power nothing is said', () => {
    const host = createHost();
    host.wake();
    expect(host.command('16 F0')).toBe('1700');
    expect(host.command('02')).toBe('no ACK: ');
    expect(host.wake()).toBe(ACK + '0000FF02FED5151600');
    host.chip.setPower(false);
    expect(host.wake()).toBe('');
    host.chip.setPower(true);
    expect(host.command('02')).toBe('no ACK: ');
    expect(host.wake()).toBe(ACK + '0000FF02FED5151600');
  });
});

test.each([
  ['00 00 AB CD', '0100ABCD'],
  ['00 05', 'error'],
  ['02 00', 'error'],
  ['10 09', 'error'],
  ['12 34', '13'],
  ['12', 'error'],
  ['14 05', 'error'],
  ['14', 'error'],
  ['16', 'error'],
  ['32', 'error'],
  ['32 01', 'error'],
  ['32 03 00', 'error'],
  ['32 02 00 0B 0A', '33'],
  ['32 05 FF 01', 'error'],
  ['40', 'error'],
  ['40 01 00', '4127'],
  ['44 01', '4527'],
  ['52 00', '5300'],
  ['52', 'error'],
  ['4A 00 00', 'error'],
  ['4A 03 00', 'error'],
  ['4A 01', 'error'],
  ['86', '8727'],
  ['86 00', 'error'],
  ['8E 90 00', '8F27'],
  ['94 01', '9527'],
  ['8C 05', 'error'],
  ['8C' + '00'.repeat(36) + '02', 'error'],
  ['FE', 'error'],
])('command %s without a field: %s', (body, answer) => {
  const host = createHost();
  host.wake();
  expect(host.command(body)).toBe(answer);
});

test('the error byte of each state of a target (7.3.16, 7.3.17)', () => {
  const host = createHost();
  const air = createRadioField(host.scheduler);
  const frames: string[] = [];
  const port = air.attachReader({ onFrame: (f) => frames.push(text(f)) });
  const say = (bytes: ArrayLike<number>, waitMs = 5) => {
    frames.length = 0;
    port.transmit(Uint8Array.from(Array.from(bytes)));
    host.scheduler.advance(waitMs);
    return frames.join(' ');
  };
  host.wake();
  expect(host.command('12 20')).toBe('13');
  expect(host.command(TARGET)).toBe('ACK');
  air.present(host.chip.card);
  expect(say([0x26])).toBe(''); // no field yet
  port.setField(true);
  expect(say([0x26])).toBe('0400');
  expect(say([0x93, 0x20])).toBe('080102030' + '8');
  expect(say(withCrc([0x93, 0x70, 8, 1, 2, 3, 8]))).toBe(text(withCrc([0x20])));
  const rats = host.send('', 1);
  expect(rats).toBe('');
  frames.length = 0;
  port.transmit(withCrc([0xe0, 0x80]));
  expect(host.send('', 20)).toBe('0000FF05FBD58D08E08036' + '00');
  expect(frames).toEqual([text(withCrc([5, 0x75, 0x33, 0x92, 0x03]))]);
  // No command yet: TgSetData has nothing to answer.
  expect(host.command('8E 90 00')).toBe('8F25');
  expect(host.command('86')).toBe('ACK');
  frames.length = 0;
  port.transmit(withCrc([0x02, 0xaa, 0xbb]));
  expect(host.send('', 20)).toBe(text(chipFrame([0x87, 0x00, 0xaa, 0xbb])));
  expect(host.command('94 01')).toBe('9500');
  expect(host.command('8E 02 03')).toBe('8F00');
  expect(frames).toEqual([text(withCrc([0x02, 0x01, 0x02, 0x03]))]);
  expect(host.command('8E 02 03')).toBe('8F25');
  // Deselected: 29 once, then there is no target.
  expect(say(withCrc([0xc2]))).toBe(text(withCrc([0xc2])));
  expect(host.command('86')).toBe('8729');
  expect(host.command('86')).toBe('8727');
  expect(say([0x52])).toBe(''); // and no card either, until the host asks
});

test('as a card that is no ISO/IEC 14443-4 card (parameters, SEL_RES), the chip is left out: it does not answer', () => {
  for (const [parameters, body] of [
    ['14', TARGET],
    ['20', TARGET.replace('010203 20', '010203 00')],
  ]) {
    const host = createHost();
    const air = createRadioField(host.scheduler);
    const port = air.attachReader({ onFrame: () => fail('an answer') });
    air.present(host.chip.card);
    port.setField(true);
    host.wake();
    host.command('12 ' + parameters);
    host.command(body);
    port.transmit(Uint8Array.of(0x26));
    host.scheduler.advance(10);
  }
});

test('I2C: status byte, whole transfers, lost rest, IRQ, NACK (6.2.4)', () => {
  const scheduler = createVirtualScheduler();
  const chip = createPn532Chip(scheduler);
  const bus = createI2cBus();
  bus.attach(0x24, chip.i2c);
  const read = (n: number) => text(bus.readFrom(0x24, n));
  expect(() => bus.readFrom(0x25, 1)).toThrow('acknowledge');
  expect(() => bus.writeTo(0x25, [1])).toThrow('acknowledge');
  bus.writeTo(0x24, hex(frame('02'))); // the address wakes it
  expect([read(1), chip.irq()]).toEqual(['00', true]);
  scheduler.advance(10);
  expect([read(1), read(1), chip.irq()]).toEqual(['01', '01', false]);
  expect(read(7)).toBe('01' + ACK);
  expect(read(8)).toBe('010000FF06FAD503'); // too short: the rest is lost
  expect([read(20), chip.irq()]).toEqual(['00'.repeat(20), true]);
  bus.writeTo(0x24, hex(NACK));
  expect(read(15)).toBe('010000FF06FAD50332010607E80000');
  chip.setPower(false);
  expect(() => bus.readFrom(0x24, 1)).toThrow('acknowledge');
});

test('SPI: first bytes, NSS wakes, status, whole transfers, lost rest, IRQ, NACK (6.2.5)', () => {
  const scheduler = createVirtualScheduler();
  const chip = createPn532Chip(scheduler);
  const send = (first: string, n: number) =>
    text(chip.spi.transfer(Uint8Array.from([...hex(first), ...new Uint8Array(n)])));
  send('01' + frame('02'), 0); // wakes it, and is not heard
  scheduler.advance(10);
  expect(send('02', 1)).toBe('0000');
  send('01' + frame('02'), 0);
  expect([send('02', 1), chip.irq()]).toEqual(['0000', true]);
  scheduler.advance(10);
  expect([send('02', 1), send('02', 1), chip.irq()]).toEqual(['0001', '0001', false]);
  expect(send('03', 6)).toBe('00' + ACK);
  expect(send('03', 7)).toBe('000000FF06FAD503'); // too short: the rest is lost
  expect([send('03', 9), chip.irq()]).toEqual(['00'.repeat(10), true]);
  send('01' + NACK, 0);
  expect(send('03', 14)).toBe('000000FF06FAD50332010607E80000');
  chip.setPower(false);
  expect(send('02', 1)).toBe('FFFF');
});

describe('the field', () => {
  function createAir() {
    const scheduler = createVirtualScheduler();
    const field: RadioField = createRadioField(scheduler);
    const heard: string[] = [];
    const port = field.attachReader({ onFrame: (f) => heard.push('reader ' + text(f)) });
    const card: AirCard = {
      onField: (on) => heard.push(on ? 'on' : 'off'),
      onFrame: (f) => heard.push('card ' + text(f)),
      transmit: null,
    };
    return { scheduler, field, port, card, heard };
  }

  test('time: 106 kbit/s, 9 bits a byte', () => {
    expect(airTimeMs(100)).toBeCloseTo((100 * 9 + 2) / 105.9375, 6);
    const { scheduler, field, port, card, heard } = createAir();
    field.present(card);
    port.setField(true);
    port.transmit(new Uint8Array(10));
    scheduler.advance(airTimeMs(10) - 0.01);
    expect(heard).toEqual(['on']);
    scheduler.advance(0.02);
    expect(heard).toEqual(['on', 'card ' + '00'.repeat(10)]);
  });

  test('cut: exactly n bytes of either direction; the frame whose last byte passed arrives, and stays cut', () => {
    for (let n = 0; n <= 12; n++) {
      const { scheduler, field, port, card, heard } = createAir();
      field.present(card);
      port.setField(true);
      heard.length = 0;
      field.cutAfter(n);
      port.transmit(Uint8Array.of(1, 2, 3, 4));
      scheduler.advance(5);
      card.transmit!(Uint8Array.of(5, 6, 7));
      scheduler.advance(5);
      port.transmit(Uint8Array.of(8));
      scheduler.advance(5);
      const events = ['card 01020304', 'reader 050607', 'card 08'];
      const arrived = events.slice(0, n < 4 ? 0 : n < 7 ? 1 : n < 8 ? 2 : 3);
      expect(heard).toEqual(n <= 8 ? [...arrived, 'off'] : arrived);
      const { toCard, toReader } = field.counts();
      expect(toCard + toReader).toBe(Math.min(n, 8));
      heard.length = 0;
      field.restore();
      expect(heard).toEqual(n <= 8 ? ['on'] : []);
      port.transmit(Uint8Array.of(9));
      scheduler.advance(5);
      expect(heard.pop()).toBe('card 09');
    }
  });

  test('a card that leaves during a frame, even if it comes back at once, does not get it', () => {
    const { scheduler, field, port, card, heard } = createAir();
    field.present(card);
    port.setField(true);
    port.transmit(new Uint8Array(20));
    scheduler.advance(0.5);
    field.remove(card);
    field.present(card);
    scheduler.advance(5);
    expect(heard).toEqual(['on', 'off', 'on']);
    const send = card.transmit!;
    send(new Uint8Array(20));
    scheduler.advance(0.5);
    field.remove();
    scheduler.advance(5);
    expect(heard).toEqual(['on', 'off', 'on', 'off']);
  });

  test('a frame during which the field was switched off and on again is lost', () => {
    const { scheduler, field, port, card, heard } = createAir();
    field.present(card);
    port.setField(true);
    port.transmit(new Uint8Array(20));
    scheduler.advance(0.5);
    port.setField(false);
    port.setField(true);
    scheduler.advance(5);
    expect(heard).toEqual(['on', 'off', 'on']);
  });

  test('one flipped bit, and the checksum shows it', () => {
    for (let n = 0; n < 6; n++) {
      const { scheduler, field, port, card, heard } = createAir();
      field.present(card);
      port.setField(true);
      const sent = withCrc([1, 2, 3, 4]);
      field.flipBit(n, n);
      port.transmit(sent);
      scheduler.advance(5);
      port.transmit(sent);
      scheduler.advance(5);
      const [first, second] = heard.slice(1).map((h) => hex(h.slice(5)));
      expect(stripCrc(first)).toBeNull();
      expect(first[n] ^ sent[n]).toBe(1 << n);
      expect(second).toEqual(sent);
    }
    expect(text(withCrc([0, 0]))).toBe('0000A01E'); // ISO/IEC 14443-3 annex B
    expect(text(withCrc([0x12, 0x34]))).toBe('123426CF');
  });
});
