/**
 * The built bundles pay over each bus that a PN532 may be on, on emulated boards. I2C and SPI cannot be had in
 * Espruino's Linux build, whose ports are serial ones only.
 */
import { emulatedBoards } from '../../host-bridge/rig/nfc-boards.js';
import { createTapBench } from '../../host-bridge/rig/tap-rig.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';

test.each(['uart', 'i2c', 'spi'] as const)('%s: a payment, and the debit acknowledged', async (bus) => {
  const scheduler = createVirtualScheduler();
  const bench = await createTapBench({ scheduler, maker: emulatedBoards(scheduler, undefined, bus), seed: 5 });
  try {
    expect(await bench.connected()).toBe(true);
    expect(await bench.deny([])).toBe('OK');
    const token = await bench.addToken('Alice', 1000);
    const { code } = await bench.charge(250);
    expect(code).toBe('OK');
    token.presence.hold(bench.field);
    expect(await bench.until(() => bench.kept.size === 1, 6000)).toBe(true);
    await bench.rest(300);
    expect(await bench.status(token)).toMatchObject({ balance: 750, unacknowledged: 0 });
    expect([...bench.terminalDevice.board.errors, ...token.device.board.errors]).toEqual([]);
  } finally {
    bench.close();
  }
});
