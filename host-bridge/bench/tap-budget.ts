/**
 * The tap budget: how long a tap would take on two ESP32 boards, from the token's first answer to a search until PAID
 * shows.
 *
 * The terminal's and the token's bundles run on emulated boards whose programs take time (emulator/work-meter.ts), over
 * the chip, air and link models, on a virtual clock; the terminal itself reports the phases, as on a counter. p50 is
 * over taps without a fault; p99 is over those and all retries that are enumerated: one bit of a byte of the tap
 * flipped on the air, for bytes all over it, with a full pool of nonces and with that of a token that has just started;
 * and over payments one right after another, until the pool is empty. The press of a button is no part of it. An
 * estimate.
 */
import { emulatedBoards } from '../rig/nfc-boards.js';
import { createTapRig, type TapRig, type Token } from '../rig/tap-rig.js';
import { createVirtualScheduler } from '../base/scheduler.js';
import { ESP32_SPEED, OTHER_SPEEDS, type Speed } from '../emulator/work-meter.js';
import type { TapReport } from '../../firmware/wire/link/link-messages.js';

/** Milliseconds. */
export interface Percentiles {
  p50Ms: number;
  p99Ms: number;
  /**
   * A payment for which the token has no nonce left, so many having gone before it within seconds: on purpose in no
   * percentile.
   */
  emptyPoolMs: number;
}

/**
 * Phases of one tap, milliseconds; they add up to the whole tap, but for the time between them. `found`: from the
 * token's first answer until the reader has it selected.
 */
export type Phases = Record<'found' | 'select' | 'license' | 'challenge' | 'verify' | 'flash', number>;

/** Percentiles, and the phases of the tap that took `p50Ms`. */
export interface ModelledTap extends Percentiles {
  phases: Phases;
}

/** A tap on another board than that of the model, over HSU with a bridge; fewer bytes are damaged. */
export interface OtherTap extends Pick<Percentiles, 'p50Ms' | 'p99Ms'> {
  board: string;
  cycles: number;
  mhz: number;
}

export interface TapBudget {
  bus: 'uart' | 'i2c';
  withBridge: ModelledTap;
  alone: ModelledTap;
}

/** Payments for which a token's pool has nonces (firmware/user-token/main.ts). */
const NONCES = 8;

/** The prices of the model. */
export const ESTIMATE = [
  `${ESP32_SPEED.cycles} cycles an instruction at ${ESP32_SPEED.mhz} MHz (flash at QIO 80 MHz);`,
  `${ESP32_SPEED.softI2cByteUs} us for a byte on I2C in software, and ${ESP32_SPEED.stretchUs} us a transfer for which a PN532 stretches its clock;`,
  `${ESP32_SPEED.i2cByteUs} us for a byte on the display's I2C;`,
  `serial ports are looked at every ${ESP32_SPEED.serialPollMs} ms; HSU at 460,800 baud, 115,200 to the bridge.`,
];

/** What the percentiles are over. */
export const PERCENTILES = [
  'p50: taps without a fault.',
  'p99: these, every enumerated retry (one bit flipped, for every fifth byte of the tap), tokens that were just switched ' +
    `on, and ${NONCES} payments within seconds.`,
  `Without a nonce ready: payment ${NONCES + 1} within seconds. It is in no percentile.`,
  'An idle token begins anew to listen every 20 s. A tap within the 10 ms of that, one in 2,000, takes up to 1.1 s.',
  'In no percentile: a tap that meets a token at idle work, which begins 3 s after the last tap and makes one nonce after ' +
    'another. SELECT waits for the end of that piece: 0.1 s mostly, more than 0.5 s where the curve is loaded or a batch ends.',
  'Terminal alone: the terminal checks the signature itself.',
];

const CLEAN_TAPS = 6;
const TAP_MS_MAX = 60_000;
/** From a token's leaving to the next charge: less than the 3 s after which a token begins to refill its pool. */
const REST_MS = 1800;
/**
 * From a reset until a token's pool is full again; generous, of the virtual clock. With 60,000, at earlier prices, the
 * second tap of all was slow at SELECT by I2C, 389 ms instead of 50: the token had begun to make a nonce anew, and was
 * in the longest piece of that, the inversion for a batch.
 */
const REFILL_MS = 60_500;
/** An idle token listens for so long, then anew (nfc/pn532-card.ts): taps begin at every phase of that. */
const LISTEN_MS = 20_000;
/** From one tap's phase to the next one's; no divisor of the whole. */
const PHASE_MS = 7919;
/** Between two payments in a row, from one token's leaving to the next charge. */
const ROW_MS = 500;
/** Above the floor limit, so that a terminal alone checks before it says PAID. */
const AMOUNT = 2100;
const FUNDS = 100_000_000;

/** What the terminal reports of a tap that took `ms` in all. */
const phasesOf = (ms: number, report: TapReport): Phases => ({
  found: Math.max(0, Math.round(ms) - report.paidMs),
  select: report.selectMs,
  license: report.licenseMs,
  challenge: report.challengeMs,
  verify: report.verifyMs,
  flash: report.flashMs,
});

/** Where a percentile stands in a sorted list. */
const indexOf = (count: number, share: number): number => Math.min(count - 1, Math.ceil(count * share) - 1);

/** @returns a time to rest, until the pool is full and a bit more, another one for each tap */
const refillMs = (tapsBefore: number): number => REFILL_MS + ((tapsBefore * PHASE_MS) % LISTEN_MS);

/** One charge, tapped until PAID. @returns from the token's first answer until PAID showed, and the report */
async function tap(
  rig: TapRig,
  token: Token,
  flipAt: number | null,
  fresh: boolean,
  restMs = REST_MS,
): Promise<{ ms: number; report: TapReport | undefined }> {
  const { field, reports, kept } = rig;
  const terminal = rig.terminalDevice.board;
  const before = reports.length;
  const histories = kept.size;
  const { code } = await rig.charge(AMOUNT);
  if (code !== 'OK') throw new Error(`the terminal of the model takes no charge: ${code}`);
  if (fresh) {
    // Switched on at the reader: its pool is empty, and it is tapped as soon as it answers.
    token.device.chip.setPower(false);
    token.device.chip.setPower(true);
    token.device.board.reset();
  }
  // From the poll that finds it: how often a terminal polls is its own affair.
  const bytes = field.counts();
  token.presence.hold(field);
  await rig.until(() => field.counts().toReader > bytes.toReader, TAP_MS_MAX);
  const foundMs = rig.scheduler.nowMs();
  if (flipAt !== null) field.flipBit(flipAt, 3);
  const isPaid = await rig.until(() => terminal.screen()[0] === 'PAID', TAP_MS_MAX);
  if (!isPaid)
    throw new Error(
      `a tap on slow boards was not paid (${flipAt}, ${fresh}): ${terminal.screen().join(' | ')}; ${token.device.board.screen().join(' | ')}; ${token.device.board.errors.join()}`,
    );
  const ms = terminal.shownMs!() - foundMs;
  field.flipBit(Number.MAX_SAFE_INTEGER, 0);
  await rig.until(() => kept.size > histories, TAP_MS_MAX);
  await rig.rest(Math.min(1500, restMs));
  token.presence.leave();
  await rig.rest(fresh ? refillMs(histories) : restMs);
  return { ms, report: reports.slice(before).find((each) => each.code === 0) };
}

/** Measures one way. @param step every how manieth byte of the tap is damaged */
async function modelTap(bus: 'uart' | 'i2c', bridge: boolean, step: number, speed: Speed): Promise<ModelledTap> {
  const scheduler = createVirtualScheduler();
  const rig = await createTapRig({
    scheduler,
    maker: emulatedBoards(scheduler, speed, bus),
    seed: 1,
    limits: { paymentMax: AMOUNT, sumMax: FUNDS },
  });
  try {
    await rig.connected();
    await rig.deny([]);
    const token = await rig.addToken('Alice', FUNDS);
    await rig.rest(REFILL_MS);
    rig.flags.verifies = bridge;
    await tap(rig, token, null, false);
    const clean: { ms: number; report: TapReport }[] = [];
    const counts = rig.field.counts();
    for (let i = 0; i < CLEAN_TAPS; i++) {
      const { ms, report } = await tap(rig, token, null, i % 2 === 1);
      if (!report) throw new Error('the terminal of the model did not report a tap');
      clean.push({ ms, report });
    }
    clean.sort((a, b) => a.ms - b.ms);
    const middle = clean[indexOf(clean.length, 0.5)]!;
    const after = rig.field.counts();
    const bytes = Math.floor((after.toCard + after.toReader - counts.toCard - counts.toReader) / CLEAN_TAPS);
    const all = clean.map(({ ms }) => ms);
    await rig.rest(REFILL_MS);
    const row: number[] = [];
    for (let i = 0; i <= NONCES; i++) row.push((await tap(rig, token, null, false, ROW_MS)).ms);
    const emptyPoolMs = Math.round(Math.max(...row));
    all.push(...row.slice(0, NONCES));
    await rig.rest(REFILL_MS);
    for (const fresh of [false, true]) {
      for (let at = 0; at < bytes; at += step) all.push((await tap(rig, token, at, fresh)).ms);
    }
    all.sort((a, b) => a - b);
    return {
      p50Ms: Math.round(middle.ms),
      p99Ms: Math.round(all[indexOf(all.length, 0.99)]!),
      emptyPoolMs,
      phases: phasesOf(middle.ms, middle.report),
    };
  } finally {
    rig.close();
  }
}

/** Measures on one bus. @param step every how manieth byte of the tap is damaged */
export async function measureTap(bus: 'uart' | 'i2c', step = 5, speed = ESP32_SPEED): Promise<TapBudget> {
  const withBridge = await modelTap(bus, true, step, speed);
  return { bus, withBridge, alone: await modelTap(bus, false, step, speed) };
}

/** Every how manieth byte of the tap is damaged on other boards. */
const OTHER_STEP = 40;

/** Measures other boards, over HSU with a bridge. */
export async function measureOtherTaps(): Promise<OtherTap[]> {
  const taps: OtherTap[] = [];
  for (const { board, speed } of OTHER_SPEEDS) {
    const { p50Ms, p99Ms } = await modelTap('uart', true, OTHER_STEP, speed);
    taps.push({ board, cycles: speed.cycles, mhz: speed.mhz, p50Ms, p99Ms });
  }
  return taps;
}
