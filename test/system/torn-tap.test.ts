/**
 * The radio cut after every byte of a tap, in both directions, on the emulated board: nothing is paid twice, nothing is
 * lost, and the next tap completes the charge. The long form enumerates the bytes; the short one takes every 13th.
 */
import { extent } from '../kit/extent.js';
import type { TapRig, Token } from '../../host-bridge/rig/tap-rig.js';
import { openVirtualTaps } from './virtual-tap-rig.js';

/** An odd number, so that cuts before the same field and before a new tap alternate. */
const EVERY = extent(29, 1);

const FUNDS = 1_000_000;
const AMOUNT = 3;
/** How long a tap may take, torn or not. */
const TAP_MS = 5000;

let rig: TapRig;
let token: Token;
let paid = 0;

beforeAll(async () => {
  ({ rig, token } = await openVirtualTaps(1, FUNDS));
});

afterAll(() => rig?.close());

/** Opens a charge, taps with the field cut after `bytes`, then taps again; the number of reports of PAID. */
async function tornCharge(bytes: number, restore: 'same field' | 'new tap'): Promise<void> {
  const { field, reports, kept } = rig;
  const before = reports.length;
  const histories = kept.size;
  const { code } = await rig.charge(AMOUNT);
  expect(code).toBe('OK');
  field.cutAfter(bytes);
  token.presence.hold(field);
  await rig.until(() => field.isCut(), TAP_MS);
  await rig.rest(700);
  // Nothing was paid unless the bridge has it; a cut that comes late may find the charge paid.
  expect(kept.size - histories).toBeLessThanOrEqual(1);
  if (restore === 'new tap') token.presence.leave();
  field.restore();
  if (restore === 'new tap') {
    await rig.rest(50);
    token.presence.hold(field);
  }
  const isPaid = () => reports.slice(before).some((report) => report.code === 0) && kept.size === histories + 1;
  if (!(await rig.until(isPaid, TAP_MS))) {
    throw new Error(
      `cut after ${bytes} bytes: not paid; reports ${JSON.stringify(reports.slice(before).map((report) => report.code))}\n${rig.consoles.slice(-12).join('\n')}`,
    );
  }
  expect(reports.slice(before).filter((report) => report.code === 0)).toHaveLength(1);
  await rig.rest(300);
  token.presence.leave();
  await rig.rest(100);
  paid += AMOUNT;
}

test('cut after every byte, the same tap goes on or a new one comes: paid once, debited once', async () => {
  const { field } = rig;
  const counts = field.counts();
  await tornCharge(Number.MAX_SAFE_INTEGER, 'same field');
  const after = field.counts();
  const total = after.toCard + after.toReader - counts.toCard - counts.toReader;
  expect(total).toBeGreaterThan(300);
  for (let bytes = 1; bytes <= total; bytes += EVERY) {
    await tornCharge(bytes, bytes % 2 ? 'same field' : 'new tap');
    if (bytes % 50 < EVERY) {
      expect(rig.spent(token)).toBe(paid);
      expect((await rig.status(token)).balance).toBe(FUNDS - paid);
    }
  }
  await tornCharge(total, 'new tap');
  // Debits whose acknowledgement was cut off are acknowledged at the next taps.
  for (let taps = 0; taps < 3; taps++) await tornCharge(Number.MAX_SAFE_INTEGER, 'new tap');
  const status = await rig.status(token);
  expect(status.unacknowledged).toBe(0);
  expect(status.balance).toBe(FUNDS - paid);
  expect(rig.spent(token)).toBe(paid);
  expect([...rig.kept.values()].every((one) => one.times === 1)).toBe(true);
  expect(rig.alarms).toEqual([]);
  expect(rig.terminalDevice.board.errors).toEqual([]);
  expect(token.device.board.errors).toEqual([]);
  console.log(`${total} bytes of a tap, cut after each ${EVERY === 1 ? 'one' : `${EVERY}th`}: every charge paid once`);
});
