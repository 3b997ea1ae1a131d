/**
 * The built bundles pay over each bus that a PN532 may be on, on emulated boards. I2C and SPI cannot be had in
 * Espruino's Linux build, whose ports are serial ones only.
 */
import { emulatedBoards } from '../../host-bridge/rig/nfc-boards.js';
import { createTapRig } from '../../host-bridge/rig/tap-rig.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';

test.each(['uart', 'i2c', 'spi'] as const)('%s: a payment, and the debit acknowledged', async (bus) => {
  const scheduler = createVirtualScheduler();
  const rig = await createTapRig({ scheduler, maker: emulatedBoards(scheduler, undefined, bus), seed: 5 });
  try {
    expect(await rig.connected()).toBe(true);
    expect(await rig.deny([])).toBe('OK');
    const token = await rig.addToken('Alice', 1000);
    const { code } = await rig.charge(250);
    expect(code).toBe('OK');
    token.presence.hold(rig.field);
    expect(await rig.until(() => rig.kept.size === 1, 6000)).toBe(true);
    await rig.rest(300);
    expect(await rig.status(token)).toMatchObject({ balance: 750, unacknowledged: 0 });
    expect([...rig.terminalDevice.board.errors, ...token.device.board.errors]).toEqual([]);
  } finally {
    rig.close();
  }
});

test('I2C in hardware: the chip stretches the clock for longer than the driver waits, and no reader starts', async () => {
  const scheduler = createVirtualScheduler();
  const maker = emulatedBoards(scheduler, undefined, 'i2c');
  maker.config.pn532.port = 'I2C1';
  const rig = await createTapRig({ scheduler, maker, seed: 5 });
  try {
    await rig.rest(30_000);
    const { board } = rig.terminalDevice;
    expect([board.screen(), board.errors]).toEqual([['ALARM', 'DEVICE_FAULT'], []]);
  } finally {
    rig.close();
  }
});
