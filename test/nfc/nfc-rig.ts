/**
 * A bench for NFC tests: drivers, chips and field on one virtual clock, over UART, I2C or SPI.
 *
 * It measures what each UART delivers to its host in one burst: bytes with no pause of a byte's length between them.
 */
import type { Pn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createI2cBus } from '../../host-bridge/emulator/i2c-bus.js';
import type { VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import type { SerialEnd, SerialLine } from '../../host-bridge/serial/serial-line.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { createHsuPort } from '../../firmware/nfc/pn532-hsu.js';
import { createI2cPort, PN532_I2C_ADDRESS } from '../../firmware/nfc/pn532-i2c.js';
import { createSpiPort } from '../../firmware/nfc/pn532-spi.js';
import type { Pn532Link, Pn532Port } from '../../firmware/nfc/pn532-link.js';
import { createPn532Link } from '../../firmware/nfc/pn532-link.js';

export type Wiring = 'HSU' | 'I2C' | 'I2C+IRQ' | 'SPI' | 'SPI+IRQ';

/** Scheduler time as the firmware's clock; its timers stay silent once `power.on` is false. */
export function clockOf(scheduler: VirtualScheduler, power = { on: true }) {
  return {
    setTimeout: (callback: () => void, delayMs: number) => scheduler.setTimer(() => power.on && callback(), delayMs),
    clearTimeout: (id: any) => scheduler.clearTimer(id),
    nowMs: () => scheduler.nowMs(),
  };
}

/** One end of a cable as Espruino's Serial. */
function serialOf(end: SerialEnd) {
  return {
    write: (data: Uint8Array) => end.write(String.fromCharCode(...data)),
    on: (_event: 'data', callback: (data: string) => void) => {
      end.onData = callback;
    },
  };
}

/** Longest run of bytes without a pause that was written at one end. */
function measureBursts(scheduler: VirtualScheduler, line: SerialLine, end: SerialEnd) {
  const write = end.write;
  const measured = { longest: 0 };
  let endsMs = -1;
  let run = 0;
  end.write = (data) => {
    const byteMs = 10_000 / line.baud;
    run = scheduler.nowMs() > endsMs + byteMs ? 0 : run;
    endsMs = Math.max(endsMs, scheduler.nowMs()) + data.length * byteMs;
    run += data.length;
    measured.longest = Math.max(measured.longest, run);
    write(data);
  };
  return measured;
}

export interface Board {
  chip: Pn532Chip;
  port: Pn532Port;
  link: Pn532Link;
  /** Only with HSU. */
  line: SerialLine;
  bursts: { longest: number };
}

/** A chip wired to a link; `before` is a board that lost power, whose chip and cable go on. */
export function createBoard(
  scheduler: VirtualScheduler,
  wiring: Wiring,
  burstBytesMax: number,
  clock = clockOf(scheduler),
  before?: Board,
): Board {
  const chip = before?.chip ?? createPn532Chip(scheduler);
  const line = before?.line ?? createSerialLine(scheduler);
  const bursts = before?.bursts ?? measureBursts(scheduler, line, line.b);
  let port: Pn532Port;
  if (wiring === 'HSU') {
    if (!before) chip.connectHsu(line.b, (baud) => (line.baud = baud));
    port = createHsuPort(serialOf(line.a));
  } else {
    const options = wiring.endsWith('IRQ') ? { irq: chip.irq } : {};
    const bus = createI2cBus();
    bus.attach(PN532_I2C_ADDRESS, chip.i2c);
    const spi = { send: (data: Uint8Array) => chip.spi.transfer(data) };
    port = wiring.startsWith('SPI') ? createSpiPort(spi, 'D4', clock, options) : createI2cPort(bus, clock, options);
  }
  return { chip, port, line, bursts, link: createPn532Link(port, clock, { burstBytesMax }) };
}

/** Runs the scheduler until an operation has called back, at most `limitMs`; the test fails where it does not. */
export function await1<T>(scheduler: VirtualScheduler, limitMs: number, start: (done: (result: T) => void) => void): T {
  let result: T | undefined;
  let calls = 0;
  start((value) => {
    result = value;
    calls++;
  });
  if (!scheduler.runUntil(() => calls > 0, limitMs)) throw new Error(`no callback within ${limitMs} ms`);
  if (calls !== 1) throw new Error(`${calls} callbacks`);
  return result as T;
}
