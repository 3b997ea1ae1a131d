/**
 * Power cut at every flash operation of a payment, at the token and at the terminal, on the emulated board: before it,
 * at every word of it, with all its bits torn or weak, and after it. Balance is old or new, the charge is completed by
 * tapping again, and the history reaches the bridge once. The long form enumerates; the short one cuts at every
 * operation in one place, which moves on from operation to operation.
 */
import type { EmulatedBoard } from '../../host-bridge/emulator/board.js';
import type { CutPlace } from '../../host-bridge/emulator/flash.js';
import { extent, isLong } from '../kit/extent.js';
import type { TapRig, Token } from '../../host-bridge/rig/tap-rig.js';
import { openVirtualTaps } from './virtual-tap-rig.js';

const FUNDS = 1_000_000;
const AMOUNT = 7;
const TAP_MS = 6000;

let rig: TapRig;
let token: Token;
let paid = 0;

beforeAll(async () => {
  ({ rig, token } = await openVirtualTaps(2, FUNDS));
});

afterAll(() => rig?.close());

/** The place of a cut: which flash operation from now on, and where in it. */
interface Cut {
  operation: number;
  where: CutPlace;
  word: number;
}

/** Pays once with the victim's power cut there. @returns whether the cut came, and how many words its operation had */
async function payWithCut(victim: 'token' | 'terminal', cut: Cut): Promise<{ came: boolean; words: number }> {
  const device = victim === 'token' ? token.device : rig.terminalDevice;
  const board = device.board as EmulatedBoard;
  const { kept, reports } = rig;
  const histories = kept.size;
  const before = reports.length;
  const isPaid = () => kept.size > histories;
  board.flash.cutAfter(cut.operation, cut.where, cut.word);

  const { id, code } = await rig.charge(AMOUNT);
  token.presence.hold(rig.field);
  await rig.until(() => isPaid() || !board.powered, TAP_MS);
  // What follows PAID writes too: the acknowledgement, and the history's end.
  await rig.until(() => !board.powered, 1500);
  const came = !board.powered;
  const words = board.flash.counters.lastWords;
  const paidBefore = reports.slice(before).some((report) => report.code === 0);
  if (came) {
    token.presence.leave();
    device.chip.setPower(false);
    await rig.rest(200);
    device.chip.setPower(true);
    board.powerOn();
    expect(board.powered).toBe(true);
    expect(await rig.connected()).toBe(true);
    await rig.rest(1000);
    // A PAID that was told is a history that is durable: it comes without another tap.
    if (paidBefore) expect(await rig.until(isPaid, 30_000)).toBe(true);
    const again = await rig.charge(AMOUNT, id);
    expect(['OK', 'ALREADY_PAID']).toContain(again.code);
    token.presence.hold(rig.field);
    if (!(await rig.until(isPaid, TAP_MS * 3))) {
      throw new Error(
        `${victim} ${JSON.stringify(cut)}: not paid; ${again.code}; ${JSON.stringify(reports.slice(before))}`,
      );
    }
    await rig.rest(500);
  } else {
    board.flash.powerOn();
    if (!isPaid())
      throw new Error(
        `${victim} ${JSON.stringify(cut)}: no cut, and not paid; charge ${code}; ${JSON.stringify(reports.slice(before))} ${board.screen().join(' | ')} errors ${board.errors.join()}`,
      );
  }
  expect(kept.size).toBe(histories + 1);
  paid += AMOUNT;
  token.presence.leave();
  await rig.rest(300);
  return { came, words };
}

async function enumerate(victim: 'token' | 'terminal'): Promise<number> {
  let points = 0;
  for (let operation = 0; ; operation++) {
    const first = await payWithCut(victim, { operation, where: 'before', word: 0 });
    if (!first.came) return points;
    points++;
    let words = first.words;
    if (!isLong) {
      const where = (['during', 'scattered', 'weak', 'after'] as const)[operation % 4];
      await payWithCut(victim, { operation, where, word: operation % words });
      points++;
      continue;
    }
    for (let word = 0; word < words; word++) {
      const torn = await payWithCut(victim, { operation, where: 'during', word });
      words = torn.words;
      points++;
    }
    for (const where of ['scattered', 'weak', 'after'] as const) {
      await payWithCut(victim, { operation, where, word: 0 });
      points++;
    }
    expect(rig.spent(token)).toBe(paid);
    expect((await rig.status(token)).balance).toBe(FUNDS - paid);
  }
}

test.each(['token', 'terminal'] as const)(
  'power of the %s goes at every flash operation of a payment',
  async (victim) => {
    const points = await enumerate(victim);
    expect(points).toBeGreaterThan(extent(12, 50));
    const status = await rig.status(token);
    expect(status.balance).toBe(FUNDS - paid);
    expect(rig.spent(token)).toBe(paid);
    expect(rig.alarms).toEqual([]);
    console.log(`${victim}: ${points} cut points of a payment, every one debited and paid once`);
  },
);
