/** Waiting time extensions (ISO/IEC 14443-4 7.3): how long a reader waits for what a card asks for. */
import { createPn532Link, type LinkResult } from '../../firmware/nfc/pn532-link.js';
import { createHsuPort } from '../../firmware/nfc/pn532-hsu.js';
import { waitingTimeMs } from '../../host-bridge/emulator/iso14443.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createRadioField } from '../../host-bridge/emulator/radio-field.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { createForeignCard } from './foreign-card.js';
import { await1, clockOf } from './nfc-rig.js';

/** ATS of a card whose frame waiting time is 620 ms (FWI 11). */
const SLOW_ATS = [0x05, 0x78, 0x80, 0xb0, 0x02];

/** How long the chip waits for a card that asks for `multiplier` waiting times and then says nothing; its status. */
function wait(multiplier: number): { ms: number; status: number } {
  const scheduler = createVirtualScheduler();
  const chip = createPn532Chip(scheduler);
  const line = createSerialLine(scheduler);
  chip.connectHsu(line.b);
  const field = createRadioField(scheduler);
  chip.enterAsReader(field);
  let asked = false;
  field.present(
    createForeignCard(scheduler, {
      ats: SLOW_ATS,
      onBlock: () => (asked ? null : ((asked = true), [0xf2, multiplier])),
    }),
  );
  const serial = {
    write: (data: Uint8Array) => line.a.write(String.fromCharCode(...data)),
    on: (_event: 'data', callback: (data: string) => void) => void (line.a.onData = callback),
  };
  const link = createPn532Link(createHsuPort(serial), clockOf(scheduler), { burstBytesMax: 64 });
  const run = (...command: number[]) =>
    await1<LinkResult>(scheduler, 120_000, (done) => link.command(Uint8Array.from(command), 100_000, true, done));
  run(0x14, 0x01);
  // One attempt to find a card, and no block asked for again.
  run(0x32, 0x05, 0xff, 0x01, 0x00);
  expect(run(0x4a, 0x01, 0x00)).toMatchObject({ ok: true });
  const from = scheduler.nowMs();
  const result = run(0x40, 0x01, 0x00, 0xa4);
  return { ms: scheduler.nowMs() - from, status: result.ok ? result.data[0] : -1 };
}

test.each([
  [1, waitingTimeMs(11)],
  [7, 7 * waitingTimeMs(11)],
  // FWTmax, not 59 times 620 ms.
  [8, waitingTimeMs(14)],
  [59, waitingTimeMs(14)],
])('%i waiting times are granted up to FWTmax', (multiplier, grantedMs) => {
  const { ms, status } = wait(multiplier);
  expect(status).toBe(0x01);
  expect(ms).toBeGreaterThan(grantedMs);
  expect(ms).toBeLessThan(grantedMs + 50);
});

test.each([0, 60, 63])('%i is reserved, and no extension', (multiplier) => {
  const { ms, status } = wait(multiplier);
  expect(status).toBe(0x13);
  expect(ms).toBeLessThan(waitingTimeMs(11));
});
