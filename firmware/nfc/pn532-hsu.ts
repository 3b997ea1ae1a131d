/**
 * PN532 port over its high-speed UART (interface switches 0 0), 8N1: 115200 baud from the chip's power-up on, then the
 * rate of the board's configuration (SetSerialBaudRate, 7.2.8).
 *
 * Source: NXP UM0701-02, 6.2.3 (HSU) and 7.2.11 (wake-up): the chip leaves power-down after five rising edges on its
 * receive line, and hears nothing while its oscillator starts. 55 55 gives ten edges, the 14 zeros that follow are the
 * time to start (1.2 ms at 115200 baud) and, to a chip that is awake, only a long preamble (6.2.1.6).
 *
 * burstBytesMax is about one direction only. Espruino 2v29 on ESP32 loses what a UART *receives* faster than its event
 * queue empties. What we send waits in Espruino's transmit buffer, whose writer blocks when it is full (jshTransmit),
 * and the PN532 takes frames of 265 bytes. So answers are kept short and commands are not. A burst has as many bytes at
 * any rate.
 */
import type { Pn532Port } from './pn532-link.js';

/** What the port needs of Espruino's Serial: strings of character codes 0..255 come in, bytes go out. */
export interface SerialDevice {
  write(data: Uint8Array): void;
  on(event: 'data', callback: (data: string) => void): void;
}

/** The chip's rate after power-up. */
export const HSU_BAUD = 115200;
/** By the parameter of SetSerialBaudRate (7.2.8). */
const BAUD_RATES = [9600, 19200, 38400, 57600, HSU_BAUD, 230400, 460800, 921600];

/** Zeros of the wake-up at `HSU_BAUD`. */
const WAKE_BYTES = 14;

/**
 * Makes a port on a serial device that is set up at `HSU_BAUD`. The port is the device's one listener from now on.
 * @param baud the rate to talk at @param setup sets the device up at another rate; default: there is only one
 * @throws Error for a rate that the chip does not have
 */
export function createHsuPort(serial: SerialDevice, baud = HSU_BAUD, setup?: (baud: number) => void): Pn532Port {
  const code = BAUD_RATES.indexOf(baud);
  if (code < 0) throw new Error('board.pn532.baud');
  let now = HSU_BAUD;

  function wakeUp(frame: Uint8Array): Uint8Array {
    const at = 2 + Math.ceil((WAKE_BYTES * now) / HSU_BAUD);
    const bytes = new Uint8Array(at + frame.length);
    bytes[0] = bytes[1] = 0x55;
    bytes.set(frame, at);
    return bytes;
  }

  const port: Pn532Port = {
    fastCode: setup && baud !== HSU_BAUD ? code : -1,
    setFast: function (fast) {
      now = fast ? baud : HSU_BAUD;
      if (setup) setup(now);
    },
    send: function (frame, wake) {
      // One write, so that nothing of ours comes between wake-up and frame.
      serial.write(wake ? wakeUp(frame) : frame);
      return true;
    },
    onBytes: function () {
      return 0; // until a link listens
    },
  };
  serial.on('data', function (data) {
    port.onBytes(data, false);
  });
  return port;
}
