/**
 * Most variables that a payment takes on each board, in the real interpreter with the program in flash, as on a board.
 *
 * The terminal's history log and the token's journal are full but for the payment's own place, the pools of nonces are
 * full, and the token was at the desk just before. Counted are two payments: one that the bridge checks, one that the
 * terminal checks itself. What the prelude of the interpreter's host takes is subtracted.
 *
 * What is counted depends on the build. The stock Linux build's variables have 27 bytes, an ESP32's 14, so that bytes
 * and long names take up to twice as many there; a build of 32 bits with an ESP32's 16,383 variables (docs/memory.md)
 * counts as an ESP32 would. Neither is one.
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
import { createTapRig, type TapRig, type Token } from '../rig/tap-rig.js';
import { createEmulatedFlash } from '../emulator/flash.js';
import { createInterpreterBoard, type InterpreterBoard } from '../emulator/interpreter.js';
import { createRealScheduler } from '../base/scheduler.js';

interface Peak {
  /** Of the payments below, the most. */
  variablesPeak: number;
  withBridge: number;
  /** The terminal checks the signature itself. */
  alone: number;
}

export interface MemoryReport {
  token: Peak;
  terminal: Peak;
}

const NONCES = 8;
const WAIT_MS_MAX = 90_000;
/** Above the floor limit, so that a terminal alone checks before it says PAID. */
const AMOUNT = 2100;
const FUNDS = 1_000_000;

/** Variables of the host's prelude. */
async function preludeVariables(interpreter: string): Promise<number> {
  const bare = Number(
    (await runBoardScript(interpreter, {}, 'print(process.memory().usage);print("@end");', 20_000))[0],
  );
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
    return Number(await board.evaluate('process.memory().usage')) - bare;
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

async function pay(rig: TapRig, token: Token): Promise<void> {
  const paid = (): number => rig.reports.filter(({ code }) => code === 0).length;
  const before = paid();
  const { code } = await rig.charge(AMOUNT);
  if (code !== 'OK') throw new Error(`counting variables: no charge, ${code}`);
  token.presence.hold(rig.field);
  await must(rig, () => paid() > before, 'a payment');
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

/** Measures. @param interpreter path of Espruino's Linux build @throws Error where a payment fails */
export async function measureMemory(interpreter: string): Promise<MemoryReport> {
  const prelude = await preludeVariables(interpreter);
  const scheduler = createRealScheduler();
  const maker = interpreterBoards(scheduler, interpreter, true);
  const rig = await createTapRig({ scheduler, maker, seed: 1, limits: { paymentMax: AMOUNT, sumMax: FUNDS } });
  try {
    await rig.connected();
    await rig.deny([]);
    const token = await rig.addToken('Alice', FUNDS);
    // The bridge takes no histories.
    rig.flags.keeps = false;
    await pay(rig, token);
    const boards = { token: token.device, terminal: rig.terminalDevice };
    await editRecords(boards.token, maker.config.flash, fillDebits);
    await editRecords(boards.terminal, maker.config.flash, fillHistories);
    await must(rig, () => rig.link.up(), 'the link to the terminal');
    await rig.deny([]);
    const peaks = async (): Promise<[number, number]> => [
      (await boards.token.variablesPeak!()) - prelude,
      (await boards.terminal.variablesPeak!()) - prelude,
    ];
    const measure = async (bridge: boolean): Promise<[number, number]> => {
      await fillNonces(rig, token);
      rig.flags.verifies = bridge;
      await peaks();
      await pay(rig, token);
      return peaks();
    };
    const withBridge = await measure(true);
    // The log is full: one more history has room once another one is gone.
    await editRecords(boards.terminal, maker.config.flash, (log) =>
      log.put(TERMINAL_RECORD.history, 1, new Uint8Array(0)),
    );
    await must(rig, () => rig.link.up(), 'the link to the terminal');
    const alone = await measure(false);
    const peak = (i: 0 | 1): Peak => ({
      variablesPeak: Math.max(withBridge[i], alone[i]),
      withBridge: withBridge[i],
      alone: alone[i],
    });
    return { token: peak(0), terminal: peak(1) };
  } finally {
    rig.close();
  }
}
