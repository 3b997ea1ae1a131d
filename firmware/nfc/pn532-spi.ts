/**
 * PN532 port over SPI (interface switches 0 1): mode 0, lowest bit first, up to 5 MHz.
 *
 * Source: NXP UM0701-02, 6.2.5. The first byte of each transfer, NSS being low from there to its end, says what
 * follows: 01 a frame from the host, 02 the status byte, 03 the waiting frame. NSS going low wakes the chip from
 * power-down, and it hears nothing while its oscillator starts (7.2.11; within 2 ms): a status request wakes it, the
 * frame follows later.
 *
 * The bus is one of Espruino's software ports. On ESP32 2v29's ports in hardware ignore the order of bits, and take the
 * result of a longer transfer from a variable that nothing has set (targets/esp32/jshardwareSpi.c).
 * Left out: H_REQ. A transfer blocks the interpreter for its bytes.
 */
import type { Pn532Config } from '../core/board-config.js';
import type { Clock } from '../core/clock.js';
import type { Pn532Port } from './pn532-link.js';
import { charsOf, createPolledPort } from './pn532-polled.js';
import type { PollOptions } from './pn532-polled.js';

/** What the port needs of Espruino's SPI: bytes go out while as many come in; `nss` is low meanwhile. */
export interface SpiBus {
  send(data: Uint8Array, nss: string): Uint8Array;
}

/** A port that was made of Espruino's class. */
interface SpiPort extends SpiBus {
  setup(options: { sck?: string; miso?: string; mosi?: string; mode: 0; order: 'lsb' }): void;
}

const WRITE_FRAME = 1;
const READ_STATUS = 2;
const READ_FRAME = 3;
const WAKE_MS = 2;

/** Makes a port on a bus that is set up already. @param nss the pin that chooses the chip */
export function createSpiPort(spi: SpiBus, nss: string, clock: Clock, options: PollOptions): Pn532Port {
  let waking = 0; // frames that wait for the chip

  function transfer(what: number, bytes: number, data?: Uint8Array): Uint8Array {
    const out = new Uint8Array(1 + bytes);
    out[0] = what;
    if (data) out.set(data, 1);
    return spi.send(out, nss);
  }

  const bus = {
    write: function (frame: Uint8Array, wake: boolean) {
      function send(): void {
        transfer(WRITE_FRAME, frame.length, frame);
      }
      if (!wake) return send();
      // Frames stay in order: the link sends none without waking before the chip has answered one.
      transfer(READ_STATUS, 1);
      waking++;
      clock.setTimeout(function () {
        waking--;
        send();
      }, WAKE_MS);
    },
    ready: function () {
      return (transfer(READ_STATUS, 1)[1] & 1) === 1;
    },
    read: function (bytes: number) {
      // Until our frame is out, what waits is an answer to somebody else: a program before a reset.
      return waking > 0 ? '' : charsOf(transfer(READ_FRAME, bytes), options);
    },
  };
  return createPolledPort(bus, clock, options);
}

/** Makes a port in software of Espruino's class SPI, sets it up, and makes the chip's port on it. */
export function openSpiPort(
  bus: new () => SpiPort,
  config: Pn532Config,
  clock: Clock,
  options: PollOptions,
): Pn532Port {
  const spi = new bus();
  spi.setup({ sck: config.sck, miso: config.miso, mosi: config.mosi, mode: 0, order: 'lsb' });
  return createSpiPort(spi, config.nss!, clock, options);
}
