/**
 * An emulated I2C bus with Espruino's two calls. A slave that is not there is not acknowledged, and that throws, as
 * Espruino's ESP32 build does. A slave may hold SCL low in each transfer (stretch the clock); a master that waits less
 * long ends the transfer, and the slave has heard nothing.
 */

/** What a slave does in one transfer. */
export interface I2cSlave {
  /** For how long it holds SCL low in a transfer, at most. */
  readonly stretchUs?: number;
  /** A write transfer; false: not acknowledged. */
  write(data: Uint8Array): boolean;
  /** A read transfer of `bytes` bytes; null: not acknowledged. */
  read(bytes: number): Uint8Array | null;
}

export interface EmulatedI2c {
  /** @param patienceUs how long the master waits while SCL is held low; without limit unless told */
  writeTo(address: number, data: Uint8Array | number[], patienceUs?: number): void;
  readFrom(address: number, bytes: number, patienceUs?: number): Uint8Array;
  /** Connects a slave under a 7-bit address. */
  attach(address: number, slave: I2cSlave): void;
}

/** Makes a bus without slaves. */
export function createI2cBus(): EmulatedI2c {
  const slaves = new Map<number, I2cSlave>();
  function slaveAt(address: number, patienceUs: number): I2cSlave | undefined {
    const slave = slaves.get(address);
    if ((slave?.stretchUs ?? 0) > patienceUs) throw new Error('I2C:, Operation timeout because the bus is busy');
    return slave;
  }
  return {
    writeTo(address, data, patienceUs = Infinity) {
      if (!slaveAt(address, patienceUs)?.write(Uint8Array.from(data)))
        throw new Error('I2CWrite: no acknowledge from ' + address);
    },
    readFrom(address, bytes, patienceUs = Infinity) {
      const data = slaveAt(address, patienceUs)?.read(bytes);
      if (!data) throw new Error('I2CRead: no acknowledge from ' + address);
      return data;
    },
    attach(address, slave) {
      slaves.set(address, slave);
    },
  };
}
