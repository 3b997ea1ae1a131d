/** A terminal and a rich token on emulated boards in virtual time, for what is enumerated over a tap. */
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { emulatedBoards } from '../../host-bridge/rig/nfc-boards.js';
import { createTapRig, type TapRig, type Token } from '../../host-bridge/rig/tap-rig.js';

/** @param funds what the token holds, and may pay without a press; minor units */
export async function openVirtualTaps(seed: number, funds: number): Promise<{ rig: TapRig; token: Token }> {
  const scheduler = createVirtualScheduler();
  const limits = { paymentMax: 1000, sumMax: funds };
  const rig = await createTapRig({ scheduler, maker: emulatedBoards(scheduler), seed, limits });
  expect(await rig.connected()).toBe(true);
  expect(await rig.deny([])).toBe('OK');
  return { rig, token: await rig.addToken('Alice', funds) };
}
