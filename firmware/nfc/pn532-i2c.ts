/**
 * PN532 port over I2C (interface switches 1 0), slave address 24 (7 bits), 100 or 400 kHz.
 *
 * Source: NXP UM0701-02, 6.2.4. Every read begins with the status byte; the frame follows in the same transfer. The
 * address wakes the chip from power-down; it stretches the clock meanwhile, or does not acknowledge (7.2.11).
 *
 * Left out: H_REQ. A read blocks the interpreter for its bytes (64 bytes: 6 ms at 100 kHz, 1.5 ms at 400 kHz).
 */
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

/** The chip's I2C address, 7 bits (UM0701-02 6.2.4: 48 for writing, 49 for reading). */
export const PN532_I2C_ADDRESS = 0x24;

/** Makes a port on an I2C bus that is set up already. */
export function createI2cPort(i2c: I2cBus, clock: Clock, options: PollOptions): Pn532Port {
  const bus = {
    write: function (frame: Uint8Array) {
      i2c.writeTo(PN532_I2C_ADDRESS, frame);
    },
    ready: function (bytes: number) {
      return bytes <= ACK_FRAME_BYTES || (i2c.readFrom(PN532_I2C_ADDRESS, 1)[0] & 1) === 1;
    },
    read: function (bytes: number) {
      const found = i2c.readFrom(PN532_I2C_ADDRESS, 1 + bytes);
      return found[0] & 1 ? charsOf(found, options) : '';
    },
  };
  return createPolledPort(bus, clock, options);
}
