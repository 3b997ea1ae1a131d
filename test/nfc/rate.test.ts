/** The UART's rate: told to the chip after its power-up, and found again when only one of board and chip was reset. */
import { createHsuPort } from '../../firmware/nfc/pn532-hsu.js';
import { createPn532Link, type LinkResult } from '../../firmware/nfc/pn532-link.js';
import { createPn532Reader } from '../../firmware/nfc/pn532-reader.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';

const FAST = 460_800;

function bench() {
  const scheduler = createVirtualScheduler();
  const chip = createPn532Chip(scheduler);
  const line = createSerialLine(scheduler);
  chip.connectHsu(line.b, (baud) => void (line.baud = baud));
  const clock = {
    setTimeout: (callback: () => void, delayMs: number) => scheduler.setTimer(callback, delayMs),
    clearTimeout: (id: any) => scheduler.clearTimer(id),
    nowMs: () => scheduler.nowMs(),
  };

  /** A board's start: its UART at the chip's first rate, and the reader's configuration. */
  function start() {
    const serial = {
      write: (data: Uint8Array) => line.a.write(String.fromCharCode(...data)),
      on: (_event: 'data', callback: (data: string) => void) => void (line.a.onData = callback),
    };
    line.a.baud = 115_200;
    const link = createPn532Link(
      createHsuPort(serial, FAST, (baud) => void (line.a.baud = baud)),
      clock,
      { burstBytesMax: 64 },
    );
    return { link, reader: createPn532Reader(link, clock, {}) };
  }
  function run(step: (done: (result: { ok: boolean; code?: string }) => void) => void): { ok: boolean; code?: string } {
    let result: { ok: boolean; code?: string } = { ok: false, code: 'none' };
    step((found) => (result = found));
    scheduler.advance(3000);
    return result;
  }
  const rates = () => [line.a.baud, line.b.baud];
  return { chip, start, run, rates };
}

test('after the first answer both talk at the faster rate', () => {
  const { start, run, rates } = bench();
  const { reader } = start();
  expect(run(reader.init)).toEqual({ ok: true });
  expect(rates()).toEqual([FAST, FAST]);
});

test('a board that was reset finds a chip that was not', () => {
  const { start, run, rates } = bench();
  run(start().reader.init);
  expect(run(start().reader.init)).toEqual({ ok: true });
  expect(rates()).toEqual([FAST, FAST]);
});

test('a chip that was without power is found by the next start, and by a command that may be repeated', () => {
  const { chip, start, run, rates } = bench();
  const { link, reader } = start();
  run(reader.init);
  for (const step of [
    reader.init,
    (done: (result: LinkResult) => void) => link.command(new Uint8Array([0x02]), 500, false, done),
  ]) {
    chip.setPower(false);
    chip.setPower(true);
    expect(run(step)).toMatchObject({ ok: true });
    expect(rates()[0]).toBe(rates()[1]);
  }
});

test('at two rates nothing is heard', () => {
  const { chip, start, run } = bench();
  const { link, reader } = start();
  run(reader.init);
  chip.setPower(false);
  chip.setPower(true);
  expect(run((done) => link.command(new Uint8Array([0x86]), 500, true, done))).toMatchObject({
    ok: false,
    code: 'PN532_NO_ACK',
  });
});

test('a rate that the chip does not have is named', () => {
  const serial = { write: () => undefined, on: () => undefined };
  expect(() => createHsuPort(serial, 250_000, () => undefined)).toThrow('board.pn532.baud');
});
