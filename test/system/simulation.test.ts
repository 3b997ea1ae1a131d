/**
 * Lives of a shop by seed, on emulated boards and a virtual clock: charges, taps, torn taps, flipped bits, power cuts
 * at token and terminal, cancelled charges, two tokens, a bridge that forgets or does not verify. At the end of each
 * life every unit of money is accounted for.
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
import { createTapBench as createBench, type TapBench as Bench, type Token } from '../../host-bridge/rig/tap-rig.js';

const CHARGES = 12;
const FUNDS = 50_000;

/** Whole numbers from 0 to below n, by seed. */
function createDice(seed: number): (n: number) => number {
  const bits = createBits(seed);
  for (let i = 0; i < 20; i++) bits();
  return (n) => bits() % n;
}

async function powerBack(bench: Bench, device: NfcBoard): Promise<void> {
  const board = device.board as EmulatedBoard;
  if (!board.powered) {
    device.chip.setPower(false);
    await bench.rest(100);
    device.chip.setPower(true);
    board.powerOn();
  }
  board.flash.powerOn();
  await bench.rest(600);
}

/** One charge with whatever befalls it. @returns what the log says of it */
async function liveCharge(bench: Bench, tokens: Token[], dice: (n: number) => number): Promise<string> {
  const token = tokens[dice(2)];
  const amount = 1 + dice(900);
  const { id, code } = await bench.charge(amount);
  const words = [`${token.name} ${amount} ${code}`];
  let settled = false;
  const histories = bench.kept.size;
  for (let tap = 0; tap < 4 && !settled; tap++) {
    const holder = dice(8) === 0 ? tokens[dice(2)] : token;
    const mishap = tap === 3 ? 0 : dice(9);
    bench.flags.verifies = dice(6) !== 0;
    bench.flags.keeps = dice(6) !== 0;
    if (mishap === 1 || mishap === 2) bench.field.cutAfter(dice(460));
    if (mishap === 3) bench.field.flipBit(dice(460), dice(8));
    if (mishap === 4)
      (holder.device.board as EmulatedBoard).flash.cutAfter(
        dice(5),
        (['before', 'during', 'scattered', 'after'] as const)[dice(4)],
        dice(30),
      );
    if (mishap === 5)
      (bench.terminalDevice.board as EmulatedBoard).flash.cutAfter(
        dice(10),
        (['before', 'during', 'scattered', 'after'] as const)[dice(4)],
        dice(30),
      );
    words.push(`${holder.name}:${mishap}${bench.flags.verifies ? '' : ' alone'}${bench.flags.keeps ? '' : ' forgets'}`);
    holder.presence.hold(bench.field);
    await bench.rest(500 + dice(1500));
    holder.presence.leave();
    bench.field.restore();
    await bench.rest(100);
    bench.flags.keeps = true;
    bench.flags.verifies = true;
    for (const device of [bench.terminalDevice, ...tokens.map((one) => one.device)]) await powerBack(bench, device);
    await bench.connected();
    if (dice(12) === 0) words.push(`cancel ${await bench.cancel(id)}`);
    const again = await bench.charge(amount, id);
    settled = again.code === 'ALREADY_PAID' || again.code === 'NO_CHARGE';
    words.push(String(again.code));
  }
  if (!settled) words.push(`cancel ${await bench.cancel(id)}`);
  await bench.until(() => bench.kept.size > histories, 500);
  return words.join(', ');
}

/**
 * Debits that a token made for charges that were cancelled: they would come back to it by `reconcile`, which this
 * simulation does not run.
 */
async function cancelledDebits(bench: Bench, token: Token, amounts: Map<string, number>): Promise<number> {
  let sum = 0;
  token.presence.hold(bench.field);
  for (let index = 0; ; index++) {
    const rs = await bench.recall(index);
    if (rs === null) break;
    expect(
      bench.tombstones.some((bytes) => toHex(chargeId.decode(tombstone.decode(bytes)!.chargeId)!.rs) === toHex(rs)),
    ).toBe(true);
    sum += amounts.get(toHex(rs)) ?? NaN;
  }
  token.presence.leave();
  return sum;
}

async function live(seed: number): Promise<{ paid: number; cancelled: number }> {
  const dice = createDice(seed);
  const scheduler = createVirtualScheduler();
  const bench = await createBench({
    scheduler,
    maker: emulatedBoards(scheduler),
    seed,
    limits: { paymentMax: 1000, sumMax: FUNDS },
  });
  const log: string[] = [];
  try {
    expect(await bench.connected()).toBe(true);
    expect(await bench.deny([])).toBe('OK');
    const tokens = [await bench.addToken('Alice', FUNDS), await bench.addToken('Bob', FUNDS)];
    for (let i = 0; i < CHARGES; i++) log.push(await liveCharge(bench, tokens, dice));
    await bench.rest(60_000);
    // A payment that both can finish: acknowledgements that were cut off are made up for.
    for (const token of tokens) {
      const { id, code } = await bench.charge(1);
      expect(code).toBe('OK');
      for (let round = 0; round < 3; round++) {
        token.presence.hold(bench.field);
        await bench.rest(3000);
        token.presence.leave();
        await bench.rest(300);
      }
      expect((await bench.charge(1, id)).code).toBe('ALREADY_PAID');
    }
    await bench.rest(10_000);
    let cancelled = 0;
    for (const token of tokens) {
      const { balance } = await bench.status(token);
      const lost = await cancelledDebits(bench, token, bench.challenged);
      expect({ token: token.name, balance }).toEqual({ token: token.name, balance: FUNDS - bench.spent(token) - lost });
      cancelled += lost;
    }
    expect(bench.alarms).toEqual([]);
    return { paid: [...bench.kept.values()].reduce((sum, one) => sum + one.amount, 0), cancelled };
  } catch (thrown) {
    throw new Error(`seed ${seed}: ${(thrown as Error).message}\n${log.join('\n')}`);
  } finally {
    bench.close();
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
