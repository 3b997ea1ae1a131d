/**
 * SPI ports of the emulated board, in software (`new SPI()`) and in hardware (`SPI1`, `SPI2`).
 *
 * Source: src/jsspi.c, src/jswrap_spi_i2c.c, targets/esp32/jshardwareSpi.c of Espruino 2v29. A device listens while its
 * NSS pin is low, which `send` and `write` see to. The ESP32's ports in hardware ignore `order` and send the highest
 * bit first; a device that expects the other order then hears every byte mirrored, as on a board. Left out: bits as
 * levels of pins, and their time.
 */
import { bytesOf, type Realm } from './espruino-e.js';
import type { Cycle } from './espruino-cycle.js';

/** A device on the bus. */
export interface SpiDevice {
  lsbFirst: boolean;
  /** One transfer, NSS low from beginning to end: gives as many bytes as it gets. */
  transfer(data: Uint8Array): Uint8Array;
}

/** Devices by the pin that is their NSS, "D4". */
export type SpiDevices = Record<string, SpiDevice>;

interface SpiSetup {
  sck?: unknown;
  miso?: unknown;
  mosi?: unknown;
  mode?: number;
  order?: string;
}

const mirror = (byte: number): number => {
  let out = 0;
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) out |= 0x80 >> bit;
  return out;
};

/** Exchanges bytes with a device, mirrored where the orders differ. */
function exchange(device: SpiDevice, lsbFirst: boolean, data: Uint8Array): Uint8Array {
  if (device.lsbFirst === lsbFirst) return device.transfer(data);
  return device.transfer(data.map(mirror)).map(mirror);
}

/** Most bytes of a display's command with its parameters; longer writes are its picture. */
const COMMAND_BYTES_MAX = 16;

/**
 * The class SPI and its ports in hardware, for one power cycle.
 * @param toDisplay given what goes to the display that is alone on a port in hardware, chosen by the program itself
 * @param onPicture told when that was a picture
 */
export function createSpi(
  devices: SpiDevices,
  realm: Realm,
  cycle: Cycle,
  toDisplay: (data: Uint8Array) => void,
  onPicture: () => void,
): Record<string, unknown> {
  function createPort(hardware: boolean): object {
    let setup: SpiSetup | null = null;
    function transfer(data: Uint8Array, nss: unknown): Uint8Array {
      if (!setup) return cycle.fault('SPI: used before setup');
      const device = devices[String(nss)];
      // Nobody drives MISO; and a mode that the device does not have is noise.
      if (!device || (setup.mode ?? 0) !== 0) return new Uint8Array(data.length).fill(0xff);
      return exchange(device, !hardware && setup.order === 'lsb', data);
    }
    return {
      setup(options: SpiSetup) {
        if (!hardware && [options?.sck, options?.mosi].some((pin) => pin === undefined))
          cycle.fault('SPI.setup: a port in software needs its pins');
        setup = options ?? {};
      },
      send: (data: unknown, nss?: unknown) => new realm.Uint8Array(transfer(Uint8Array.from(bytesOf([data])), nss)),
      write(...parts: unknown[]) {
        // A last argument that is a pin is NSS.
        const nss = /^D\d+$/.test(String(parts[parts.length - 1])) ? parts.pop() : undefined;
        const data = Uint8Array.from(bytesOf(parts));
        transfer(data, nss);
        if (!hardware || nss !== undefined) return;
        toDisplay(data);
        if (data.length > COMMAND_BYTES_MAX) onPicture();
      },
    };
  }
  return {
    SPI: function () {
      return createPort(false);
    },
    SPI1: createPort(true),
    SPI2: createPort(true),
  };
}
