/** The modelled tap: boards whose programs take time still pay, and as fast as they were where a bridge verifies. */
import { extent, isLong } from '../kit/extent.js';
import { tapSvg } from '../../host-bridge/bench/tap-plot.js';
import { measureTap } from '../../host-bridge/bench/tap-budget.js';

/** Both are measured in the long form, with a damaged byte at more places. */
const BUSES: readonly ('uart' | 'i2c')[] = isLong ? ['uart', 'i2c'] : ['uart'];

test.each(BUSES)('on %s, with retries and empty pools', async (bus) => {
  const budget = await measureTap(bus, extent(400, 150, 5));
  const { withBridge, alone, phases } = budget;
  // p99 is held below half a second, a contactless card's. A damaged block costs the 155 ms that the PN532's own ATS
  // gives a card (FWI 9) before its reader asks again.
  expect(withBridge.p50Ms).toBeLessThan(340);
  expect(withBridge.p99Ms).toBeLessThan(500);
  expect(withBridge.p50Ms).toBeLessThanOrEqual(withBridge.p99Ms);
  expect(alone.p50Ms).toBeGreaterThan(withBridge.p50Ms);
  for (const { select, license, challenge, verify, flash, paid } of Object.values(phases)) {
    expect(select + license + challenge + verify + flash).toBeLessThanOrEqual(paid + 5);
    expect(Math.min(select, license, challenge, verify, flash)).toBeGreaterThan(0);
  }
  expect(tapSvg([budget, budget])).toContain(`PAID ${phases.withBridge.paid} ms`);
});
