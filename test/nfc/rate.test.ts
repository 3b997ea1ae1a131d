/** The UART's rate: told to the chip after its power-up, and found again when only one of board and chip was reset. */
import { createHsuPort } from '../../firmware/nfc/pn532-hsu.js';
import { createPn532Card } from '../../firmware/nfc/pn532-card.js';
import { encodeFrame, plainBytes, TFI_TO_CHIP } from '../../firmware/nfc/pn532-frame.js';
import { createPn532Link, type LinkResult } from '../../firmware/nfc/pn532-link.js';
import { createPn532Reader } from '../../firmware/nfc/pn532-reader.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { chipFrame } from '../../host-bridge/emulator/pn532-host-link.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';

const FAST = 460_800;

/** What happens on the line to a command of the board, and to what the chip says: null loses it. */
interface Faults {
  toChip?(data: string): string | null;
  toBoard?(data: string): string | null;
}

function bench({ toChip = (data) => data, toBoard = (data) => data }: Faults = {}) {
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
      write(data: Uint8Array) {
        const passed = toChip(String.fromCharCode(...data));
        if (passed !== null) line.a.write(passed);
      },
      on(_event: 'data', callback: (data: string) => void) {
        line.a.onData = (data) => {
          const passed = toBoard(data);
          if (passed !== null) callback(passed);
        };
      },
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
  return { scheduler, clock, chip, start, run, rates };
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

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const SET_RATE = text(encodeFrame([TFI_TO_CHIP, 0x10], Uint8Array.of(6), [], plainBytes));
/** With a parameter that the chip refuses by the error frame. */
const BAD_RATE = text(encodeFrame([TFI_TO_CHIP, 0x10], Uint8Array.of(15), [], plainBytes));
const RATE_SET = text(chipFrame([0x11]));

describe('a chip that does not take the faster rate works at its own', () => {
  test.each<[string, Faults, number]>([
    ['refused', { toChip: (data) => data.replace(SET_RATE, BAD_RATE) }, 115_200],
    ['not heard', { toChip: (data) => (data.endsWith(SET_RATE) ? null : data) }, 115_200],
    // The chip has taken it, and its answer is lost each time: our ACK makes it change, and it is found there.
    ['answered in vain', { toBoard: (data) => (data.includes(RATE_SET) ? data.replace(RATE_SET, '') : data) }, FAST],
  ])('%s', (_what, faults, rate) => {
    const { chip, start, run, rates } = bench(faults);
    const { link, reader } = start();
    for (let i = 0; i < 2; i++) {
      expect(run(reader.init)).toEqual({ ok: true });
      expect(rates()).toEqual([rate, rate]);
      expect(run((done) => link.command(Uint8Array.of(0x02), 500, true, done))).toMatchObject({ ok: true });
    }
    chip.setPower(false);
    chip.setPower(true);
    expect(run(reader.init)).toEqual({ ok: true });
  });

  test('a token listens, too', () => {
    const { scheduler, start, clock } = bench({ toChip: (data) => data.replace(SET_RATE, BAD_RATE) });
    const errors: string[] = [];
    const { link } = start();
    createPn532Card(link, clock, {
      onCommand: () => new Uint8Array(0),
      random: (count) => new Uint8Array(count),
      onError: (failure) => void errors.push(failure.code),
    }).start();
    scheduler.advance(60_000);
    expect(errors).toEqual([]);
    expect(link.busy()).toBe(true);
  });

  test('cancelled is cancelled', () => {
    const { start, run } = bench();
    const { link } = start();
    run((done) => link.command(Uint8Array.of(0x14, 1), 500, false, done));
    expect(
      run((done) => {
        link.speedUp(done);
        link.cancel();
      }),
    ).toEqual({ ok: false, code: 'CANCELLED' });
  });
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
