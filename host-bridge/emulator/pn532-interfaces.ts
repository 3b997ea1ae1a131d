/**
 * The pins of an emulated PN532: UART with sleep and wake-up, I2C and SPI with their status byte and interrupt line.
 *
 * Source: NXP UM0701-02, 6.2.3 (HSU), 6.2.4 (I2C), 6.2.5 (SPI), 7.2.11 (what wakes the chip): asleep, the UART needs
 * five rising edges, and hears nothing while the oscillator starts (here 1 ms); the I2C address wakes the chip, which
 * stretches the clock until it hears; NSS wakes it, and it is deaf meanwhile as on the UART.
 *
 * On I2C the chip holds SCL low for 0.4 to 1 ms in a transfer (seen by others; the manual names no time): here always
 * for the longest. That it takes time as well is a price of work-meter.ts.
 *
 * Left out: H_REQ, limits of a real UART's receive buffer.
 */
import type { I2cSlave } from './i2c-bus.js';
import type { Scheduler } from '../base/scheduler.js';
import type { SerialEnd } from '../serial/serial-line.js';
import type { SpiDevice } from './spi-bus.js';

export interface Pn532Interfaces {
  connectHsu(end: SerialEnd, onBaud?: (baud: number) => void): void;
  readonly i2c: I2cSlave;
  readonly spi: SpiDevice;
  /** P70_IRQ: low (false) while a frame waits to be read over I2C or SPI. */
  irq(): boolean;
  /** Puts a frame out: on the UART at once, on I2C and SPI when it is read. */
  send(frame: Uint8Array): void;
  /** Drops what was not yet read. */
  clear(): void;
  setAsleep(asleep: boolean): void;
  setBaud(baud: number): void;
  setPower(on: boolean): void;
}

/** First byte of a transfer over SPI. */
const SPI = { write: 0x01, status: 0x02, read: 0x03 };

const WAKE_EDGES = 5;
const WAKE_MS = 1;
const I2C_STRETCH_US = 1000;

/** Makes the pins, powered and asleep. */
export function createInterfaces(scheduler: Scheduler, onBytes: (bytes: ArrayLike<number>) => void): Pn532Interfaces {
  let powered = true;
  let asleep = true;
  let edges = 0;
  let hearsFromMs = 0;
  let baud = 115200;
  let hsu: { end: SerialEnd; onBaud?: (baud: number) => void } | null = null;
  let framesToRead: Uint8Array[] = [];

  /** UART bytes, with the moment at which each of them was complete. */
  function hear(data: string): void {
    const byteMs = 10_000 / baud;
    const heard: number[] = [];
    for (let i = 0; i < data.length; i++) {
      const byte = data.charCodeAt(i);
      const atMs = scheduler.nowMs() - (data.length - 1 - i) * byteMs;
      if (asleep) {
        // Start bit low, eight bits from the lowest, stop bit high.
        const bits = (byte << 1) | 0x200;
        for (let bit = 1; bit < 10; bit++) if ((bits >> bit) & 1 && !((bits >> (bit - 1)) & 1)) edges++;
        if (edges < WAKE_EDGES) continue;
        asleep = false;
        hearsFromMs = atMs + WAKE_MS;
      } else if (atMs >= hearsFromMs) {
        heard.push(byte);
      }
    }
    onBytes(heard);
  }

  function setBaud(value: number): void {
    baud = value;
    if (hsu) hsu.end.baud = value;
    hsu?.onBaud?.(value);
  }

  return {
    connectHsu(end, onBaud) {
      hsu = { end, onBaud };
      end.baud = baud;
      end.onData = (data) => {
        if (powered) hear(data);
      };
    },
    i2c: {
      stretchUs: I2C_STRETCH_US,
      write(data) {
        if (!powered) return false;
        asleep = false;
        onBytes(data);
        return true;
      },
      read(bytes) {
        if (!powered) return null;
        const out = new Uint8Array(bytes);
        if (framesToRead.length === 0 || bytes === 0) return out;
        out[0] = 0x01;
        // The status byte alone takes nothing; a transfer that ends within the frame loses the rest.
        if (bytes > 1) out.set(framesToRead.shift()!.subarray(0, bytes - 1), 1);
        return out;
      },
    },
    spi: {
      lsbFirst: true,
      transfer(data) {
        if (!powered) return new Uint8Array(data.length).fill(0xff);
        const out = new Uint8Array(data.length);
        if (asleep) {
          asleep = false;
          hearsFromMs = scheduler.nowMs() + WAKE_MS;
        }
        if (scheduler.nowMs() < hearsFromMs) return out;
        if (data[0] === SPI.write) onBytes(data.subarray(1));
        else if (data[0] === SPI.status) out[1] = framesToRead.length > 0 ? 1 : 0;
        else if (data[0] === SPI.read && framesToRead.length > 0)
          out.set(framesToRead.shift()!.subarray(0, data.length - 1), 1);
        return out;
      },
    },
    irq: () => framesToRead.length === 0,
    send(frame) {
      if (!powered) return;
      if (hsu) hsu.end.write(String.fromCharCode(...frame));
      else framesToRead.push(frame);
    },
    clear() {
      framesToRead = [];
    },
    setAsleep(value) {
      asleep = value;
      edges = 0;
    },
    setBaud,
    setPower(on) {
      powered = on;
      asleep = true;
      edges = 0;
      framesToRead = [];
      setBaud(115200);
    },
  };
}
