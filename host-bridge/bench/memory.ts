/**
 * Most variables that a payment takes on each board, in the real interpreter with the program in flash, as on a board.
 *
 * The terminal's history log and the token's journal are full but for the payment's own place, the pools of nonces are
 * full, and the token was at the desk just before. Counted are two payments: one that the bridge checks, one that the
 * terminal checks itself. What the prelude of the interpreter's host takes is subtracted.
 *
 * Besides, the most in each phase of a board's life, with scheme 1. What the terminal does in a phase of the token's is
 * the terminal's phase of that name: it passes on what the desk says.
 *
 * Counted is what was seen at the points where the prelude looks, after collecting garbage
 * (emulator/interpreter-prelude.ts): between them it can be more. And it depends on the build. The stock Linux build's
 * variables have 27 bytes, an ESP32's 14, so that bytes and long names take up to twice as many there; a build of 32
 * bits with variables of 14 bytes (docs/memory.md) counts as an ESP32 would. Neither is one.
 */
import { crc32 } from 'node:zlib';
import { openRecordLog, type RecordLog } from '../../firmware/records/record-log.js';
import { historyRecord, RECORD as TERMINAL_RECORD } from '../../firmware/shop-terminal/shop-records.js';
import {
  debitRecord,
  DEBIT_SLOTS,
  RECORD as TOKEN_RECORD,
  settledRecord,
} from '../../firmware/user-token/token-records.js';
import { TERMINAL_TERMS } from '../../flash-scripts/provision/board-files.js';
import { runBoardScript } from './board-script.js';
import { interpreterBoards, type NfcBoard } from '../rig/nfc-boards.js';
import { createTapRig, SHOP_NAME, type TapRig, type Token } from '../rig/tap-rig.js';
import { createEmulatedFlash } from '../emulator/flash.js';
import { createInterpreterBoard, type InterpreterBoard } from '../emulator/interpreter.js';
import { createRealScheduler } from '../base/scheduler.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import { refundBody } from '../../firmware/wire/refund.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { INTERPRETER_BUILDS } from '../../flash-scripts/boards/interpreter-builds.js';

interface Peak {
  /** Of the payments below, the most. */
  variablesPeak: number;
  withBridge: number;
  /** The terminal checks the signature itself. */
  alone: number;
}

const ROLES = ['token', 'terminal'] as const;
type Role = (typeof ROLES)[number];

/**
 * Phases of a board's life. `keys`: the first start, until the stock of nonces is full. `signOn`, which a token does
 * not have: the link comes up, and time and deny list come. `pay`: until the payment is reported; `recheck`: what comes
 * after it when both are left alone, with the terminal's check of what the bridge said. `update`: a provisioning of the
 * same files, and a start.
 */
export const PHASES = ['boot', 'keys', 'register', 'withdraw', 'pay', 'recheck', 'refund', 'update', 'signOn'] as const;
type Phase = (typeof PHASES)[number];

type Peaks = Partial<Record<Phase, number>>;

/** Variables of one build on one module. */
interface BuildVariables {
  build: string;
  module: string;
  variables: number | null;
  bytes: number;
  source: string;
  estimate: boolean;
}

export interface MemoryReport {
  token: Peak & { peaks: Peaks };
  terminal: Peak & { peaks: Peaks };
  /** What was counted in: how many variables of how many bytes it has. */
  counted: { variables: number; bytes: number };
  builds: BuildVariables[];
}

const BUILDS: BuildVariables[] = INTERPRETER_BUILDS.flatMap(({ name, since, bytes, modules }) =>
  modules.map((module) => ({ build: since ? `${name}, ${since}` : name, ...module, bytes })),
);

const NONCES = 8;
/** Longer than a board must be left alone for before it fills its stock of nonces, and than that takes. */
const NONCES_MS = 10_000;
/** Longer than a terminal is left alone before it checks what the bridge said of a payment, and than that takes. */
const RECHECK_MS = 15_000;
const WAIT_MS_MAX = 90_000;
/** Above the floor limit, so that a terminal alone checks before it says PAID. */
const AMOUNT = 2100;
const FUNDS = 1_000_000;

/** Variables of the host's prelude, and what the build has. */
async function preludeVariables(interpreter: string): Promise<{ prelude: number; counted: MemoryReport['counted'] }> {
  const script = 'var m=process.memory();print([m.usage,m.total,m.blocksize].join());print("@end");';
  const [bare, variables, bytes] = (await runBoardScript(interpreter, {}, script, 20_000))[0]!
    .split(',')
    .map(Number) as [number, number, number];
  const board = await createInterpreterBoard({
    path: interpreter,
    name: 'empty',
    bundle: '1;',
    boot: 'storage',
    watchMemory: true,
  });
  try {
    board.powerOn();
    await board.ready();
    const usage = Number(await board.evaluate('process.memory().usage'));
    return { prelude: usage - bare, counted: { variables, bytes } };
  } finally {
    board.close();
  }
}

/** Changes what a board keeps in raw flash, while it is switched off. */
async function editRecords(
  device: NfcBoard,
  region: { address: number; bytes: number; pageBytes: number; eraseBytes?: number },
  edit: (log: RecordLog) => void,
): Promise<void> {
  const board = device.board as InterpreterBoard;
  board.powerOff();
  const flash = createEmulatedFlash({
    address: region.address,
    bytes: region.bytes,
    pageBytes: region.eraseBytes ?? region.pageBytes,
  });
  flash.restore(board.rawImage());
  const opened = openRecordLog(
    flash,
    { ...region, pages: region.bytes / region.pageBytes },
    (bytes) => crc32(bytes) >>> 0,
  );
  if (!opened.ok) throw new Error(`a board's records cannot be read: ${opened.code}`);
  edit(opened.log);
  board.setRawImage(flash.image());
  board.powerOn();
  await board.ready();
}

/** All but one place taken by copies of the first history, under counters of long ago. */
function fillHistories(log: RecordLog): void {
  const record = historyRecord.decode(log.get(TERMINAL_RECORD.history, 0)!)!;
  for (let slot = 1; slot < TERMINAL_TERMS.historiesMax - 1; slot++)
    log.put(TERMINAL_RECORD.history, slot, historyRecord.encode({ ...record, counter: record.counter + slot }));
}

/** Every place taken by a copy of the first debit, acknowledged. */
function fillDebits(log: RecordLog): void {
  const record = debitRecord.decode(log.get(TOKEN_RECORD.debit, 0)!)!;
  for (let slot = 1; slot < DEBIT_SLOTS; slot++) {
    const purseSequence = record.purseSequence + slot;
    log.put(TOKEN_RECORD.debit, slot, debitRecord.encode({ ...record, purseSequence }));
    log.put(TOKEN_RECORD.settled, slot, settledRecord.encode({ purseSequence }));
  }
}

async function must(rig: TapRig, done: () => boolean, what: string): Promise<void> {
  if (await rig.until(done, WAIT_MS_MAX)) return;
  throw new Error(`counting variables: ${what}, in vain\n${rig.consoles.slice(-10).join('\n')}`);
}

async function pay(rig: TapRig, token: Token, onPaid: () => Promise<void> = async () => undefined): Promise<void> {
  const paid = (): number => rig.reports.filter(({ code }) => code === 0).length;
  const before = paid();
  const { code } = await rig.charge(AMOUNT);
  if (code !== 'OK') throw new Error(`counting variables: no charge, ${code}`);
  token.presence.hold(rig.field);
  await must(rig, () => paid() > before, 'a payment');
  await onPaid();
  await rig.settled(WAIT_MS_MAX);
  token.presence.leave();
}

/** With its nonces ready; asked at the desk, so that what the desk takes has to make room. */
async function fillNonces(rig: TapRig, token: Token): Promise<void> {
  for (let tries = 0; (await rig.status(token)).nonces < NONCES; tries++) {
    if (tries > 10) throw new Error('counting variables: a token makes no nonces');
    // A token works for its pool when it has been left alone for a while.
    await rig.rest(7000);
  }
}

/** The terminal signs a refund, and the token takes it as a receipt. */
async function refund(rig: TapRig, token: Token): Promise<void> {
  const body = refundBody.encode({
    issuer: rig.facts.issuer,
    currency: rig.facts.currency,
    pku: token.pku,
    rs: new Uint8Array(16),
    amount: 1,
    refundId: new Uint8Array(8),
    terminalId: rig.terminalId,
    shop: SHOP_NAME,
  });
  const { code } = await rig.answered(rig.ask(KIND.refund, body));
  if (code !== 'OK') throw new Error(`counting variables: no refund, ${code}`);
  await rig.status(token);
  token.presence.hold(rig.field);
  await rig.desk(INS.receipt, rig.signReceipt(token.pku, 2, 1, RECEIPT_KINDS.refund));
  token.presence.leave();
}

/** What was counted so far. */
interface Counter {
  peaks: Record<Role, Peaks>;
  /** Most since it was asked last, without the prelude. */
  most(device: NfcBoard): Promise<number>;
  /** Ends a phase of each board that is given. */
  ended(phase: Phase, boards: Partial<Record<Role, NfcBoard | null>>): Promise<void>;
}

function createCounter(prelude: number): Counter {
  const peaks: Record<Role, Peaks> = { token: {}, terminal: {} };
  const most = async (device: NfcBoard): Promise<number> => (await device.variablesPeak!()) - prelude;
  return {
    peaks,
    most,
    async ended(phase, boards) {
      for (const role of ROLES) {
        const device = boards[role];
        if (device) peaks[role][phase] = Math.max(peaks[role][phase] ?? 0, await most(device));
      }
    },
  };
}

/** The rig, with a token on it that was at the desk; their phases up to then are counted. */
async function startBoards(interpreter: string, counter: Counter): Promise<{ rig: TapRig; token: Token }> {
  const scheduler = createRealScheduler();
  let terminal: NfcBoard | null = null;
  const rig = await createTapRig({
    scheduler,
    maker: interpreterBoards(scheduler, interpreter, true),
    seed: 1,
    limits: { paymentMax: AMOUNT, sumMax: FUNDS },
    onPhase: async (phase, token) => {
      // Left alone, a token fills its stock of nonces.
      if (phase === 'keys') await new Promise((resolve) => setTimeout(resolve, NONCES_MS));
      await counter.ended(phase, phase === 'keys' ? { token } : { token, terminal });
    },
  });
  try {
    terminal = rig.terminalDevice;
    await rig.connected();
    await rig.rest(NONCES_MS);
    await counter.ended('keys', { terminal });
    await rig.deny([]);
    await counter.ended('signOn', { terminal });
    return { rig, token: await rig.addToken('Alice', FUNDS) };
  } catch (error) {
    rig.close();
    throw error;
  }
}

/** A start with full logs; the bridge takes no histories. */
async function startFull(rig: TapRig, token: Token, counter: Counter): Promise<void> {
  const { flash } = rig.maker.config;
  const terminal = rig.terminalDevice;
  rig.flags.keeps = false;
  await pay(rig, token);
  const starts = [
    ['token', 'user-token', token.device, fillDebits],
    ['terminal', 'shop-terminal', terminal, fillHistories],
  ] as const;
  for (const [role, program, device, fill] of starts) {
    const { length } = rig.consoles;
    await editRecords(device, flash, fill);
    // A board answers before its firmware starts: this it says at the end of its start.
    const runs = (): boolean => rig.consoles.slice(length).some((line) => line.endsWith(`tapcash: ${program} runs`));
    await must(rig, runs, `the start of the ${role}`);
    await counter.ended('boot', { [role]: device });
  }
  await must(rig, () => rig.link.up(), 'the link to the terminal');
  await rig.deny([]);
  await counter.ended('signOn', { terminal });
}

/** A payment that the bridge checks, or the terminal. */
async function countPayment(
  rig: TapRig,
  token: Token,
  counter: Counter,
  withBridge: boolean,
): Promise<Record<Role, number>> {
  await fillNonces(rig, token);
  rig.flags.verifies = withBridge;
  await counter.most(token.device);
  await counter.most(rig.terminalDevice);
  let counted = { token: 0, terminal: 0 };
  await pay(rig, token, async () => {
    counted = { token: await counter.most(token.device), terminal: await counter.most(rig.terminalDevice) };
  });
  return counted;
}

/** Measures. @param interpreter path of Espruino's Linux build @throws Error where a payment fails */
export async function measureMemory(interpreter: string): Promise<MemoryReport> {
  const { prelude, counted } = await preludeVariables(interpreter);
  const counter = createCounter(prelude);
  const { peaks } = counter;
  const { rig, token } = await startBoards(interpreter, counter);
  try {
    const boards = { token: token.device, terminal: rig.terminalDevice };
    await startFull(rig, token, counter);
    const withBridge = await countPayment(rig, token, counter, true);
    await rig.rest(RECHECK_MS);
    await counter.ended('recheck', boards);
    await refund(rig, token);
    await counter.ended('refund', boards);
    // The log is full: one more history has room once another one is gone.
    await editRecords(boards.terminal, rig.maker.config.flash, (log) =>
      log.put(TERMINAL_RECORD.history, 1, new Uint8Array(0)),
    );
    await must(rig, () => rig.link.up(), 'the link to the terminal');
    const alone = await countPayment(rig, token, counter, false);
    // A provisioning of the same files: they are looked at, and the boards start.
    for (const role of ROLES) await boards[role].update({});
    await rig.rest(NONCES_MS);
    await counter.ended('update', boards);
    const peak = (role: Role): Peak & { peaks: Peaks } => ({
      variablesPeak: Math.max(withBridge[role], alone[role]),
      withBridge: withBridge[role],
      alone: alone[role],
      peaks: { ...peaks[role], pay: withBridge[role] },
    });
    return { token: peak('token'), terminal: peak('terminal'), counted, builds: BUILDS };
  } finally {
    rig.close();
  }
}
