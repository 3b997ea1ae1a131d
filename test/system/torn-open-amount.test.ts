/**
 * A charge whose y its payer enters on the token, on emulated boards: the radio cut after every byte of both taps, and
 * the power of each board at every flash operation. Paid once, with what was entered; what is lost is entered anew. The
 * long form enumerates; the short one takes every 61st byte, and one place of each operation.
 */
import { codeOf } from '../../firmware/core/codes.js';
import type { TapRig, Token } from '../../host-bridge/rig/tap-rig.js';
import type { EmulatedBoard } from '../../host-bridge/emulator/board.js';
import type { CutPlace } from '../../host-bridge/emulator/flash.js';
import { extent, isLong } from '../kit/extent.js';
import { pressKeypad } from '../user-token/token-board-rig.js';
import { openVirtualTaps } from './virtual-tap-rig.js';

const EVERY = extent(61, 1);
const FUNDS = 1_000_000;
const OPEN = { base: 0, min: 1, max: 100 };
const Y = 7;
const TAP_MS = 6000;

let rig: TapRig;
let token: Token;
let paid = 0;

beforeAll(async () => {
  ({ rig, token } = await openVirtualTaps(5, FUNDS));
});

afterAll(() => rig?.close());

/** Enters y where the terminal says that it is asked for, and taps again, until it is paid. */
async function payOn(before: { reports: number; histories: number }): Promise<void> {
  const { field, reports, kept } = rig;
  const isPaid = () => kept.size > before.histories;
  let told = before.reports;
  for (let tries = 0; tries < 6; tries++) {
    token.presence.hold(field);
    const isAsked = () => reports.slice(told).some(({ code }) => codeOf(code) === 'AMOUNT_NEEDED');
    await rig.until(() => isPaid() || isAsked(), TAP_MS);
    if (isPaid()) break;
    told = reports.length;
    token.presence.leave();
    await enter();
  }
  if (!isPaid())
    throw new Error(
      `not paid: ${reports.slice(before.reports).map(({ code, amount }) => `${codeOf(code)} ${amount}`)}`,
    );
  await rig.rest(300);
  token.presence.leave();
  await rig.rest(100);
  paid += Y;
}

/** y on the token's keypad, and its button. */
async function enter(): Promise<void> {
  await rig.rest(300);
  pressKeypad(token.device.board, String(Y));
  await rig.rest(300);
  rig.press(token);
  await rig.rest(300);
}

/** What must hold after each payment. */
function check(before: { reports: number; histories: number }, where: string): void {
  const histories = [...rig.kept.values()].slice(before.histories);
  expect([where, histories.map(({ amount }) => amount)]).toEqual([where, [Y]]);
  expect([where, rig.spent(token)]).toEqual([where, paid]);
}

const now = () => ({ reports: rig.reports.length, histories: rig.kept.size });

test('cut after every byte of a tap, before y was entered and after: paid once, with the y that was entered', async () => {
  const { field, reports } = rig;
  const sum = () => field.counts().toCard + field.counts().toReader;
  const start = sum();
  const first = now();
  expect((await rig.charge(OPEN)).code).toBe('OK');
  await payOn(first);
  check(first, 'whole');
  // Before y is signed the shop has it.
  const said = reports.slice(first.reports).findIndex(({ amount, chargeState }) => amount === Y && chargeState === 1);
  expect(said).toBeGreaterThanOrEqual(0);
  const total = sum() - start;
  for (let bytes = 1; bytes <= total; bytes += EVERY) {
    const before = now();
    const { id } = await rig.charge(OPEN);
    field.cutAfter(bytes);
    token.presence.hold(field);
    const isTold = () => reports.slice(before.reports).some(({ code }) => codeOf(code) === 'AMOUNT_NEEDED');
    await rig.until(() => field.isCut() || isTold(), TAP_MS);
    if (!field.isCut()) {
      // Cut in the tap after y was entered.
      token.presence.leave();
      await enter();
      token.presence.hold(field);
      await rig.until(() => field.isCut() || rig.kept.size > before.histories, TAP_MS);
    }
    await rig.rest(700);
    token.presence.leave();
    field.restore();
    await rig.rest(200);
    expect(['OK', 'ALREADY_PAID']).toContain((await rig.charge(OPEN, id)).code);
    await payOn(before);
    check(before, `${bytes} bytes`);
  }
  expect((await rig.status(token)).balance).toBe(FUNDS - paid);
  expect([rig.alarms, rig.terminalDevice.board.errors, token.device.board.errors]).toEqual([[], [], []]);
});

test.each(['token', 'terminal'] as const)('the power of the %s cut at every flash operation', async (victim) => {
  const device = victim === 'token' ? token.device : rig.terminalDevice;
  const board = device.board as EmulatedBoard;
  const places: [CutPlace, number][] = [
    ['before', 0],
    ['during', 0],
    ['scattered', 0],
    ['after', 0],
  ];
  let which = 0;
  let operation = 0;
  for (let came = true; came; operation++) {
    for (const [place, word] of isLong ? places : [places[which++ % places.length]!]) {
      const where = `${victim}, operation ${operation}, ${place}`;
      const before = now();
      board.flash.cutAfter(operation, place, word);
      const { id } = await rig.charge(OPEN);
      token.presence.hold(rig.field);
      const isTold = () => rig.reports.slice(before.reports).some(({ code }) => codeOf(code) === 'AMOUNT_NEEDED');
      await rig.until(() => !board.powered || isTold(), TAP_MS);
      token.presence.leave();
      if (board.powered) await enter();
      token.presence.hold(rig.field);
      await rig.until(() => !board.powered || rig.kept.size > before.histories, TAP_MS);
      await rig.until(() => !board.powered, 1500);
      came = !board.powered;
      board.flash.cutAfter(Number.MAX_SAFE_INTEGER, 'before', 0);
      token.presence.leave();
      if (came) {
        device.chip.setPower(false);
        await rig.rest(200);
        device.chip.setPower(true);
        board.powerOn();
        expect(await rig.connected()).toBe(true);
        await rig.rest(1500);
        expect(['OK', 'ALREADY_PAID']).toContain((await rig.charge(OPEN, id)).code);
      }
      await payOn(before);
      check(before, where);
      if (!came) break;
    }
  }
  expect(operation).toBeGreaterThan(3);
  expect((await rig.status(token)).balance).toBe(FUNDS - paid);
});
