/**
 * Lives of a shop by seed, on emulated boards and a virtual clock: charges, taps, torn taps, flipped bits, power cuts
 * at token and terminal, cancelled charges, two tokens, a bridge that forgets or does not verify, a terminal that is
 * told a wrong time. At the end of each life every unit of money is accounted for.
 *
 * A few seeds here; a campaign: npm run test:long -- simulation --seeds 1000 --first-seed 1, or --minutes 30
 */
import { seedsFor } from '../kit/extent.js';
import { toHex } from '../../firmware/core/bytes.js';
import { chargeId, tombstone } from '../../firmware/wire/payment.js';
import type { EmulatedBoard } from '../../host-bridge/emulator/board.js';
import { createBits } from '../../host-bridge/emulator/flash.js';
import { emulatedBoards, type NfcBoard } from '../../host-bridge/rig/nfc-boards.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createTapRig, type TapRig, type Token } from '../../host-bridge/rig/tap-rig.js';

const CHARGES = 12;
const FUNDS = 50_000;

/** Whole numbers from 0 to below n, by seed. */
function createDice(seed: number): (n: number) => number {
  const bits = createBits(seed);
  for (let i = 0; i < 20; i++) bits();
  return (n) => bits() % n;
}

async function powerBack(rig: TapRig, device: NfcBoard): Promise<void> {
  const board = device.board as EmulatedBoard;
  if (!board.powered) {
    device.chip.setPower(false);
    await rig.rest(100);
    device.chip.setPower(true);
    board.powerOn();
  }
  board.flash.powerOn();
  await rig.rest(600);
}

/** The terminal starts anew, and is told a time that is off by so much: years ahead, or weeks back. */
async function tellTime(rig: TapRig, offS: number): Promise<void> {
  rig.flags.timeOffS = offS;
  (rig.terminalDevice.board as EmulatedBoard).powerOff();
  await powerBack(rig, rig.terminalDevice);
  await rig.connected();
}

/** One charge with whatever befalls it. @returns what the log says of it */
async function liveCharge(rig: TapRig, tokens: Token[], dice: (n: number) => number): Promise<string> {
  const token = tokens[dice(2)];
  const amount = 1 + dice(900);
  const { id, code } = await rig.charge(amount);
  const words = [`${token.name} ${amount} ${code}`];
  let settled = false;
  const histories = rig.kept.size;
  for (let tap = 0; tap < 4 && !settled; tap++) {
    const holder = dice(8) === 0 ? tokens[dice(2)] : token;
    const mishap = tap === 3 ? 0 : dice(9);
    rig.flags.verifies = dice(6) !== 0;
    rig.flags.keeps = dice(6) !== 0;
    if (mishap === 1 || mishap === 2) rig.field.cutAfter(dice(460));
    if (mishap === 3) rig.field.flipBit(dice(460), dice(8));
    if (mishap === 4)
      (holder.device.board as EmulatedBoard).flash.cutAfter(
        dice(5),
        (['before', 'during', 'scattered', 'after'] as const)[dice(4)],
        dice(30),
      );
    if (mishap === 5)
      (rig.terminalDevice.board as EmulatedBoard).flash.cutAfter(
        dice(10),
        (['before', 'during', 'scattered', 'after'] as const)[dice(4)],
        dice(30),
      );
    words.push(`${holder.name}:${mishap}${rig.flags.verifies ? '' : ' alone'}${rig.flags.keeps ? '' : ' forgets'}`);
    holder.presence.hold(rig.field);
    await rig.rest(500 + dice(1500));
    holder.presence.leave();
    rig.field.restore();
    await rig.rest(100);
    rig.flags.keeps = true;
    rig.flags.verifies = true;
    for (const device of [rig.terminalDevice, ...tokens.map((one) => one.device)]) await powerBack(rig, device);
    await rig.connected();
    if (dice(12) === 0) words.push(`cancel ${await rig.cancel(id)}`);
    const again = await rig.charge(amount, id);
    settled = again.code === 'ALREADY_PAID' || again.code === 'NO_CHARGE';
    words.push(String(again.code));
  }
  if (!settled) words.push(`cancel ${await rig.cancel(id)}`);
  await rig.until(() => rig.kept.size > histories, 500);
  return words.join(', ');
}

/**
 * Debits that a token made for charges that were cancelled: they would come back to it by `reconcile`, which this
 * simulation does not run.
 */
async function cancelledDebits(rig: TapRig, token: Token, amounts: Map<string, number>): Promise<number> {
  let sum = 0;
  token.presence.hold(rig.field);
  for (let index = 0; ; index++) {
    const rs = await rig.recall(index);
    if (rs === null) break;
    expect(
      rig.tombstones.some((bytes) => toHex(chargeId.decode(tombstone.decode(bytes)!.chargeId)!.rs) === toHex(rs)),
    ).toBe(true);
    sum += amounts.get(toHex(rs)) ?? NaN;
  }
  token.presence.leave();
  return sum;
}

async function live(seed: number): Promise<{ paid: number; cancelled: number }> {
  const dice = createDice(seed);
  const scheduler = createVirtualScheduler();
  const rig = await createTapRig({
    scheduler,
    maker: emulatedBoards(scheduler),
    seed,
    limits: { paymentMax: 1000, sumMax: FUNDS },
  });
  const log: string[] = [];
  try {
    expect(await rig.connected()).toBe(true);
    expect(await rig.deny([])).toBe('OK');
    const tokens = [await rig.addToken('Alice', FUNDS), await rig.addToken('Bob', FUNDS)];
    for (let i = 0; i < CHARGES; i++) {
      const isWrong = rig.flags.timeOffS !== 0;
      // A wrong time lasts a charge or two.
      if (dice(isWrong ? 2 : 5) === 0) {
        const days = isWrong ? 0 : [12 * 365, 500, -10, -21][dice(4)]!;
        await tellTime(rig, days * 86_400);
        log.push(`the terminal is told a time ${days} days off`);
      }
      log.push(await liveCharge(rig, tokens, dice));
    }
    if (rig.flags.timeOffS !== 0) await tellTime(rig, 0);
    await rig.rest(60_000);
    // A payment that both can finish: acknowledgements that were cut off are made up for.
    for (const token of tokens) {
      const { id, code } = await rig.charge(1);
      expect(code).toBe('OK');
      for (let round = 0; round < 3; round++) {
        token.presence.hold(rig.field);
        await rig.rest(3000);
        token.presence.leave();
        await rig.rest(300);
      }
      expect((await rig.charge(1, id)).code).toBe('ALREADY_PAID');
    }
    await rig.rest(10_000);
    let cancelled = 0;
    for (const token of tokens) {
      const { balance } = await rig.status(token);
      const lost = await cancelledDebits(rig, token, rig.challenged);
      expect({ token: token.name, balance }).toEqual({ token: token.name, balance: FUNDS - rig.spent(token) - lost });
      cancelled += lost;
    }
    expect(rig.alarms).toEqual([]);
    return { paid: [...rig.kept.values()].reduce((sum, one) => sum + one.amount, 0), cancelled };
  } catch (thrown) {
    throw new Error(`seed ${seed}: ${(thrown as Error).message}\n${log.join('\n')}`);
  } finally {
    rig.close();
  }
}

test('lives by seed, every unit accounted for', async () => {
  let paid = 0;
  let cancelled = 0;
  let lives = 0;
  for (const seed of seedsFor(2, 12)) {
    lives++;
    const life = await live(seed);
    paid += life.paid;
    cancelled += life.cancelled;
  }
  expect(paid).toBeGreaterThan(lives * 100);
  console.log(
    `${lives} lives: ${paid} paid, ${cancelled} debited for cancelled charges and still on the tokens' journals`,
  );
});
