/**
 * The token's bundle on a board, and a reader in front of it: the shop's side of the radio in Node, on the same chip
 * model.
 *
 * The board is the emulated one (virtual time) or Espruino's Linux build (real time); what stands here is the same for
 * both.
 */
import { randomBytes } from 'node:crypto';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { tokenFiles, type TokenScheme } from '../../flash-scripts/provision/board-files.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import type { CutProgram } from '../../flash-scripts/build/overlays.js';
import { codeOfStatusWord } from '../../firmware/core/codes.js';
import { createApduClient, INS_SELECT } from '../../firmware/nfc/iso-dep-client.js';
import { createHsuPort } from '../../firmware/nfc/pn532-hsu.js';
import { apduBytesMax, createPn532Link } from '../../firmware/nfc/pn532-link.js';
import { createPn532Reader } from '../../firmware/nfc/pn532-reader.js';
import { AID, CLA, selectAnswer } from '../../firmware/wire/token-commands.js';
import { createBoard, type Board, type EmulatedBoard } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createPn532Chip, type Pn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createRadioField } from '../../host-bridge/emulator/radio-field.js';
import type { Scheduler, VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine, type SerialEnd } from '../../host-bridge/serial/serial-line.js';
import { issuer, ISSUER, registrar } from './purse-rig.js';
import { WATCHED_FLASH } from '../../host-bridge/rig/nfc-boards.js';

/** The role's program. */
export const tokenProgram = (): Promise<CutProgram> => builtProgram('user-token');

const LIMITS = { paymentMax: 1000, sumMax: 2500 };

/**
 * Storage files of a token on a board of board-configs/. Where the scheme seals, the issuer licenses, and has this
 * X25519 key.
 */
export function filesFor(boardName: string, scheme?: TokenScheme, sealKey?: Uint8Array): Record<string, Uint8Array> {
  const facts = {
    issuer: ISSUER,
    currency: 'EUR',
    registrarKey: (sealKey ? issuer : registrar).publicKey,
    issuerKey: issuer.publicKey,
    sealKey,
  };
  const board = loadBoard(boardName);
  // Three tables stand beside the program there.
  const flash = boardName === 'linux' ? WATCHED_FLASH : board.flash;
  return tokenFiles({ ...board, flash }, facts, LIMITS, new Uint8Array(randomBytes(32)), scheme);
}

/** A chip on one end of a cable; the board gets the other. */
export function wiredChip(scheduler: Scheduler): { chip: Pn532Chip; end: SerialEnd } {
  const chip = createPn532Chip(scheduler);
  const line = createSerialLine(scheduler);
  chip.connectHsu(line.b, (baud) => void (line.baud = baud));
  return { chip, end: line.a };
}

/** What a command answered: 'OK' or the code, and the data. */
export interface Answered {
  code: string;
  data: Uint8Array;
}

/** The shop's side: one token at a time in its field. @param exchangeTimeoutMs longest wait for an answer */
export function createShop(scheduler: Scheduler, exchangeTimeoutMs = 10_000) {
  const field = createRadioField(scheduler);
  const { chip, end } = wiredChip(scheduler);
  chip.enterAsReader(field);
  const clock = {
    setTimeout: (callback: () => void, delayMs: number) => scheduler.setTimer(callback, delayMs),
    clearTimeout: (id: any) => scheduler.clearTimer(id),
    nowMs: () => scheduler.nowMs(),
  };
  const serial = {
    write: (data: Uint8Array) => end.write(String.fromCharCode(...data)),
    on: (_event: 'data', callback: (data: string) => void) => void (end.onData = callback),
  };
  const reader = createPn532Reader(createPn532Link(createHsuPort(serial), clock, { burstBytesMax: 64 }), clock, {
    exchangeTimeoutMs,
  });
  const client = createApduClient({ radio: reader, responseBytesMax: apduBytesMax(64) });
  let ready = false;

  /** Waits for a token, selects the application, sends commands in turn, lets go. */
  function tap(commands: [ins: number, data: Uint8Array][], done: (answers: Answered[]) => void): void {
    const answers: Answered[] = [];
    const end = (answer: Answered) => reader.release(() => done([...answers, answer]));
    function next(): void {
      const command = commands[answers.length];
      if (!command) return reader.release(() => done(answers));
      client.command(CLA, command[0], 0, 0, command[1], (result) => {
        if (!result.ok) return end({ code: result.code, data: new Uint8Array(0) });
        answers.push({ code: codeOfStatusWord(result.sw), data: result.data.slice() });
        next();
      });
    }
    function find(): void {
      ready = true;
      reader.findCard((found) => {
        if (!found.ok) return end({ code: found.code, data: new Uint8Array(0) });
        client.command(0x00, INS_SELECT, 0x04, 0x00, AID, (selected) => {
          if (!selected.ok) return end({ code: selected.code, data: new Uint8Array(0) });
          client.setLimits(selectAnswer.decode(selected.data)!.commandBytesMax);
          next();
        });
      }, 10_000);
    }
    if (ready) find();
    else reader.init((result) => (result.ok ? find() : done([{ code: result.code, data: new Uint8Array(0) }])));
  }
  return { field, tap };
}

/** An emulated token in virtual time. */
export function emulatedToken(
  scheduler: VirtualScheduler,
  program: CutProgram,
  files: Record<string, string | Uint8Array>,
  name = 'token',
  entropy = (count: number): Uint8Array => new Uint8Array(randomBytes(count)),
) {
  const { chip, end } = wiredChip(scheduler);
  const flash = createEmulatedFlash(loadBoard('emulated').flash);
  const lines: string[] = [];
  const board: EmulatedBoard = createBoard({
    scheduler,
    flash,
    name,
    bundle: program.bundle,
    files: { ...program.overlays, ...files },
    serials: { Serial2: end },
    entropy,
    onConsole: (line) => void lines.push(line),
  });
  return { board, chip, flash, lines };
}

/** Keys of the board's keypad, one after another, in virtual time. */
export function pressKeys(scheduler: VirtualScheduler, board: Board, keys: string): void {
  for (const key of keys) {
    pressKeypad(board, key);
    scheduler.advance(150);
  }
}

/** A key of the keypad that emulated.json and linux.json have. */
export function pressKeypad(board: Board, key: string): void {
  const { rows, columns, keys } = loadBoard('emulated').keypad!;
  const row = keys.findIndex((line) => line.includes(key));
  board.pressKey(rows[row]!, columns[keys[row]!.indexOf(key)]!, 60);
}

/** Commands of one tap at a shop, to their answers, in virtual time. */
export function tapIn(
  scheduler: VirtualScheduler,
  shop: ReturnType<typeof createShop>,
  commands: [number, Uint8Array][],
): Answered[] {
  let answers: Answered[] | undefined;
  shop.tap(commands, (got) => (answers = got));
  expect(scheduler.runUntil(() => answers !== undefined, 60_000)).toBe(true);
  return answers!;
}
