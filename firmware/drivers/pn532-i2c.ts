/**
 * PN532 port over I2C (interface switches 1 0), slave address 24 (7 bits), 100 or 400 kHz.
 *
 * Source: NXP UM0701-02, 6.2.4. Every read begins with a status byte, bit 0 of which says whether a frame is ready; the
 * frame follows in the same transfer. A transfer that ends before the frame does loses the rest (a NACK brings all of it
 * again), so each read asks for the most that the frame can have. P70_IRQ is low while a frame is ready (7.2.10).
 * The address wakes the chip from power-down; it stretches the clock meanwhile, or does not acknowledge (7.2.11).
 *
 * Left out: H_REQ. A read blocks the interpreter for its bytes (64 bytes: 6 ms at 100 kHz, 1.5 ms at 400 kHz).
 */
import type { Clock } from './clock.js';
import type { Pn532Port } from './pn532-link.js';

/** What the port needs of Espruino's I2C. Both calls may throw where nobody acknowledges. */
export interface I2cBus {
  writeTo(address: number, data: Uint8Array): void;
  readFrom(address: number, bytes: number): Uint8Array;
}

/** The chip's I2C address, 7 bits (UM0701-02 6.2.4: 48 for writing, 49 for reading). */
export const PN532_I2C_ADDRESS = 0x24;

export interface I2cPortOptions {
  /** Reads the P70_IRQ pin: false or 0 while a frame is ready. Without it the port polls the status byte. */
  irq?: () => boolean | number;
  /** First wait between two polls. Default 2. */
  pollMs?: number;
  /** Polls slow down to this while the chip waits for a card or a reader. Default 10. */
  pollMsMax?: number;
}

/** Makes a port on an I2C bus that is set up already. */
export function createI2cPort(i2c: I2cBus, clock: Clock, options: I2cPortOptions): Pn532Port {
  const irq = options.irq;
  const pollMs = options.pollMs || 2;
  const pollMsMax = options.pollMsMax || 10;
  let awaitedBytes = 0;
  let waitMs = pollMs;
  let timer: any;

  function ready(): boolean {
    if (irq) return !irq();
    return (i2c.readFrom(PN532_I2C_ADDRESS, 1)[0] & 1) === 1;
  }

  function poll(): void {
    timer = undefined;
    let chunk = '';
    try {
      if (ready()) {
        const bytes = i2c.readFrom(PN532_I2C_ADDRESS, 1 + awaitedBytes);
        if (bytes[0] & 1) {
          for (let i = 1; i < bytes.length; i++) chunk += String.fromCharCode(bytes[i]);
        }
      }
    } catch (error) {
      // Not acknowledged: as good as not ready. The link's timeout ends the wait.
    }
    waitMs = Math.min(waitMs + 1, pollMsMax);
    timer = clock.setTimeout(poll, waitMs);
    if (chunk.length > 0) port.onBytes(chunk, true);
  }

  const port: Pn532Port = {
    send: function (frame) {
      try {
        i2c.writeTo(PN532_I2C_ADDRESS, frame);
        return true;
      } catch (error) {
        return false;
      }
    },
    expect: function (frameBytesMax) {
      awaitedBytes = frameBytesMax;
      waitMs = pollMs;
      if (timer !== undefined) clock.clearTimeout(timer);
      timer = frameBytesMax > 0 ? clock.setTimeout(poll, waitMs) : undefined;
    },
    onBytes: function () {
      // Until a link listens.
    },
  };
  return port;
}
