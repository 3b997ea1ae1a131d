/**
 * PN532 port over I2C (interface switches 1 0), slave address 24 (7 bits), 100 or 400 kHz.
 *
 * Source: NXP UM0701-02, 6.2.4. Every read begins with the status byte; the frame follows in the same transfer. The
 * address wakes the chip from power-down; it stretches the clock meanwhile, or does not acknowledge (7.2.11).
 *
 * The chip holds SCL low for 0.4 to 1 ms in a transfer. ESP-IDF's driver gives up sooner: where no timeout is set, and
 * Espruino sets none, after 8 to 20 cycles of the bus. So a chip of Espressif needs Espruino's I2C in software, the
 * class `I2C`, which looks at SCL up to 100,000 times (src/jsi2c.c). That one sees no missing acknowledge: where nobody
 * answers, every byte is FF.
 *
 * Left out: H_REQ. A read blocks the interpreter for its bytes (64 bytes: some 5 ms in software).
 */
import type { Pn532Config } from '../core/board-config.js';
import type { Clock } from '../core/clock.js';
import { ACK_FRAME_BYTES } from './pn532-frame.js';
import type { Pn532Port } from './pn532-link.js';
import { charsOf, createPolledPort } from './pn532-polled.js';
import type { PollOptions } from './pn532-polled.js';

/** What the port needs of Espruino's I2C. Both calls may throw where nobody acknowledges. */
export interface I2cBus {
  writeTo(address: number, data: Uint8Array): void;
  readFrom(address: number, bytes: number): Uint8Array;
}

/** A port of Espruino's, or one that was made of its class. */
interface I2cPort extends I2cBus {
  setup(options: { sda?: string; scl?: string; bitrate: number }): void;
}

/** The chip's I2C address, 7 bits (UM0701-02 6.2.4: 48 for writing, 49 for reading). */
export const PN532_I2C_ADDRESS = 0x24;

/** What the status byte says where a frame waits; FF is a bus on which nobody answers. */
function isReady(status: number): boolean {
  return (status & 0x81) === 1;
}

/** Makes a port on an I2C bus that is set up already. */
export function createI2cPort(i2c: I2cBus, clock: Clock, options: PollOptions): Pn532Port {
  const bus = {
    write: function (frame: Uint8Array) {
      i2c.writeTo(PN532_I2C_ADDRESS, frame);
    },
    ready: function (bytes: number) {
      return bytes <= ACK_FRAME_BYTES || isReady(i2c.readFrom(PN532_I2C_ADDRESS, 1)[0]);
    },
    read: function (bytes: number) {
      const found = i2c.readFrom(PN532_I2C_ADDRESS, 1 + bytes);
      return isReady(found[0]) ? charsOf(found, options) : '';
    },
  };
  return createPolledPort(bus, clock, options);
}

/** Sets a port of Espruino's up, or one of its class of ports in software, and makes the chip's port on it. */
export function openI2cPort(
  bus: I2cPort & (new () => I2cPort),
  config: Pn532Config,
  clock: Clock,
  options: PollOptions,
): Pn532Port {
  const i2c = config.port === 'I2C' ? new bus() : bus;
  i2c.setup({ sda: config.sda, scl: config.scl, bitrate: config.bitrate || 100000 });
  return createI2cPort(i2c, clock, options);
}
