/** The modelled tap: boards whose programs take time still pay, and as fast as they were where a bridge verifies. */
import { extent, isLong } from '../kit/extent.js';
import { measureTap } from '../../host-bridge/bench/tap-budget.js';

/** Both are measured in the long form, with a damaged byte at more places. */
const BUSES: readonly ('uart' | 'i2c')[] = isLong ? ['uart', 'i2c'] : ['uart'];

test.each(BUSES)('on %s, with retries and empty pools', async (bus) => {
  const budget = await measureTap(bus, extent(400, 150, 5));
  const { withBridge, alone } = budget;
  // p99 is held below half a second, a contactless card's, at 1.8 cycles an instruction. A damaged block costs the
  // 155 ms
  // that the PN532's own ATS gives a card (FWI 9) before its reader asks again. I2C is in software, as the chip's
  // stretching of the clock wants it: some 80 us a byte, for which the program waits. No entry of an ESP32 has it.
  expect(withBridge.p50Ms).toBeLessThan(bus === 'uart' ? 340 : 450);
  expect(withBridge.p99Ms).toBeLessThan(bus === 'uart' ? 500 : 600);
  expect(withBridge.p50Ms).toBeLessThanOrEqual(withBridge.p99Ms);
  expect(alone.p50Ms).toBeGreaterThan(withBridge.p50Ms);
  for (const { phases, p50Ms } of [withBridge, alone]) {
    const each = Object.values(phases);
    expect(each.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(p50Ms + 5);
    expect(Math.min(...each)).toBeGreaterThan(0);
  }
});
