/**
 * PN532 port over its high-speed UART (interface switches 0 0), 115200 baud 8N1 unless the chip was told otherwise.
 *
 * Source: NXP UM0701-02, 6.2.3 (HSU) and 7.2.11 (wake-up): the chip leaves power-down after five rising edges on its
 * receive line, and hears nothing while its oscillator starts. 55 55 gives ten edges, the 14 zeros that follow are the
 * time to start (1.2 ms at 115200 baud) and, to a chip that is awake, only a long preamble (6.2.1.6).
 *
 * burstBytesMax is about one direction only. Espruino 2v29 on ESP32 loses what a UART *receives* faster than its event
 * queue empties. What we send waits in Espruino's transmit buffer, whose writer blocks when it is full (jshTransmit), and
 * the PN532 takes frames of 265 bytes. So answers are kept short and commands are not.
 *
 * Left out: SetSerialBaudRate. Faster answers would only be larger bursts for the same ESP32.
 */
import type { Pn532Port } from './pn532-link.js';

/** What the port needs of Espruino's Serial: strings of character codes 0..255 come in, bytes go out. */
export interface SerialDevice {
  write(data: Uint8Array): void;
  on(event: 'data', callback: (data: string) => void): void;
}

const WAKE = new Uint8Array([0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Makes a port on a serial device that is set up already. The port is the device's one listener from now on. */
export function createHsuPort(serial: SerialDevice): Pn532Port {
  const port: Pn532Port = {
    send: function (frame, wake) {
      // One write, so that nothing of ours comes between wake-up and frame.
      let bytes = frame;
      if (wake) {
        bytes = new Uint8Array(WAKE.length + frame.length);
        bytes.set(WAKE, 0);
        bytes.set(frame, WAKE.length);
      }
      serial.write(bytes);
      return true;
    },
    expect: function () {
      // Bytes come by themselves.
    },
    onBytes: function () {
      // Until a link listens.
    },
  };
  serial.on('data', function (data) {
    port.onBytes(data, false);
  });
  return port;
}
