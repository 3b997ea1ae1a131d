/**
 * An emulated I2C bus with Espruino's two calls. A slave that is not there is not acknowledged, and that throws, as
 * Espruino's ESP32 build does.
 */

/** What a slave does in one transfer. */
export interface I2cSlave {
  /** A write transfer; false: not acknowledged. */
  write(data: Uint8Array): boolean;
  /** A read transfer of `bytes` bytes; null: not acknowledged. */
  read(bytes: number): Uint8Array | null;
}

export interface EmulatedI2c {
  writeTo(address: number, data: Uint8Array | number[]): void;
  readFrom(address: number, bytes: number): Uint8Array;
  /** Connects a slave under a 7-bit address. */
  attach(address: number, slave: I2cSlave): void;
}

/** Makes a bus without slaves. */
export function createI2cBus(): EmulatedI2c {
  const slaves = new Map<number, I2cSlave>();
  return {
    writeTo(address, data) {
      if (!slaves.get(address)?.write(Uint8Array.from(data)))
        throw new Error('I2CWrite: no acknowledge from ' + address);
    },
    readFrom(address, bytes) {
      const data = slaves.get(address)?.read(bytes);
      if (!data) throw new Error('I2CRead: no acknowledge from ' + address);
      return data;
    },
    attach(address, slave) {
      slaves.set(address, slave);
    },
  };
}
