/**
 * The same bundle bytes in Espruino's Linux build: boots by itself, registers, pays, and repeats a payment after a
 * reset.
 *
 * Skipped, and said so, where there is no interpreter (ESPRUINO, or espruino-linux on the PATH).
 */
import { writeFileSync } from 'node:fs';
import { overlaysOf } from '../../flash-scripts/boards/board-overlays.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { payment } from '../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { concat } from '../../firmware/core/bytes.js';
import {
  amountRequest,
  identity,
  INS,
  partRequest,
  PART_BYTES,
  replyAnswer,
  replyData,
  REQUEST_START_BYTES,
  requestPart,
  tokenStatus,
} from '../../firmware/wire/token-commands.js';
import { WATCHED_FLASH } from '../../host-bridge/rig/nfc-boards.js';
import { createInterpreterBoard, type InterpreterBoard } from '../../host-bridge/emulator/interpreter.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { type Answered, createShop, filesFor, pressKeypad, tokenProgram, wiredChip } from './token-board-rig.js';
import {
  challengeBytes,
  chargeBytes,
  COMMAND_ID,
  grantBytes,
  nameBytes,
  receiptBytes,
  verifyRaw,
} from './purse-rig.js';
import { configOf, Houses, makeHouseKeys } from './other-side-of-desk.js';

const path = findInterpreter(process.env);
const suite = path ? describe : describe.skip;
const none = new Uint8Array(0);
/** With as many as there may be (TAPCASH_PSEUDONYMS=32) it takes minutes. */
const PSEUDONYMS = Number(process.env.TAPCASH_PSEUDONYMS ?? 5);
/** So often a person taps before giving up: a busy machine tears taps, as the chip waits for an answer in real time. */
const TAPS_MAX = 25;
/** Codes after which a person taps again. */
const TORN = ['BUSY', 'RF_LOST', 'NO_CARD'];
/** 5.00 on the keypad, and what each key shows. */
const KEYS: [string, string][] = [
  ['5', '0.05 EUR?'],
  ['0', '0.50 EUR?'],
  ['0', '5.00 EUR?'],
];
/** Looks at a screen, 50 ms apart; so many that only a token that hangs runs out of them. */
const LOOKS_MAX = 12_000;
/** Variables that may be in use at once in a registration, the host's prelude included. */
const VARIABLES_MAX = 12_000;

suite('the token in the interpreter', () => {
  const scheduler = createRealScheduler();
  const open: InterpreterBoard[] = [];
  afterEach(() => {
    for (const board of open.splice(0)) board.close();
  });

  async function start(boot: 'argument' | 'storage', files = filesFor('linux'), watchMemory = false) {
    const { chip, end } = wiredChip(scheduler);
    const lines: string[] = [];
    const program = await tokenProgram();
    const board = await createInterpreterBoard({
      path: path!,
      name: 'token',
      bundle: program.bundle,
      files: { ...overlaysOf(program.overlays, loadBoard('linux')), ...files },
      serials: { Serial2: end },
      boot,
      watchMemory,
      rawBytes: WATCHED_FLASH.bytes,
      onConsole: (line) => void lines.push(line),
    });
    open.push(board);
    board.powerOn();
    await board.ready();
    return { board, chip, lines };
  }

  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  async function screenShows(board: InterpreterBoard, text: string): Promise<void> {
    for (let looks = 0; board.screen().indexOf(text) < 0; looks++) {
      if (looks > LOOKS_MAX)
        throw new Error(`the screen shows ${board.screen().join(' | ')}, not ${text}; ${board.errors.join()}`);
      await wait(50);
    }
  }

  /**
   * Commands in one tap, and again while the tap is torn or the token busy. All of them, as a terminal begins anew;
   * or, where parts must stay in their order, those that have no answer yet.
   */
  async function tapUntilAnswered(
    tap: (commands: [number, Uint8Array][]) => Promise<Answered[]>,
    commands: [number, Uint8Array][],
    again: 'all' | 'the rest',
  ): Promise<Answered[]> {
    let good: Answered[] = [];
    for (let taps = 1; ; taps++) {
      const answers = [...good, ...(await tap(commands.slice(good.length)))];
      const failed = answers.findIndex(({ code }) => code !== 'OK');
      if (failed < 0 || !TORN.includes(answers[failed]!.code) || taps === TAPS_MAX) return answers;
      if (again === 'the rest') good = answers.slice(0, failed);
    }
  }

  test.each(['argument', 'storage'] as const)(
    'pays, and pays again after a reset; started as %s',
    async (boot) => {
      const began = performance.now();
      const { board, chip } = await start(boot);
      await screenShows(board, 'NOT LICENSED');
      const times: string[] = [`boot ${Math.round(performance.now() - began)} ms`];
      const shop = createShop(scheduler);
      shop.field.present(chip.card);
      const tapOnce = (commands: [number, Uint8Array][]) =>
        new Promise<Answered[]>((resolve) => {
          const at = performance.now();
          shop.tap(commands, (answers) => {
            times.push(
              `tap ${commands.map(([ins]) => ins.toString(16)).join()} ${Math.round(performance.now() - at)} ms`,
            );
            resolve(answers);
          });
        });
      const tap = (commands: [number, Uint8Array][]) => tapUntilAnswered(tapOnce, commands, 'all');
      const [who, registered] = await tap([
        [INS.identity, none],
        [INS.register, nameBytes('Ada')],
      ]);
      expect([who.code, registered.code]).toEqual(['OK', 'OK']);
      const { pku } = identity.decode(who.data)!;
      const codes = await tap([
        [INS.license, grantBytes({ pku })],
        [INS.receipt, receiptBytes({ pku, number: 1, amount: 5000 })],
      ]);
      expect(codes.map((answer) => answer.code)).toEqual(['OK', 'OK']);
      await wait(3000);
      const bytes = challengeBytes({});
      const [opened, paid] = await tap([
        [INS.open, chargeBytes(1)],
        [INS.challenge, bytes],
      ]);
      expect([opened.code, paid.code]).toEqual(['OK', 'OK']);
      expect(verifyRaw(pku, signedBytes(SIGNED.payment, bytes), payment.decode(paid.data)!.signature)).toBe(true);

      board.reset();
      await board.ready();
      await screenShows(board, 'BALANCE');
      const again = await tap([
        [INS.open, chargeBytes(1)],
        [INS.challenge, bytes],
        [INS.ack, chargeBytes(1)],
      ]);
      expect(again.map((answer) => answer.code)).toEqual(['OK', 'OK', 'OK']);
      expect(again[1].data).toEqual(paid.data);

      // Idle, a token makes nonces; on a busy machine that takes it longer.
      let status = tokenStatus.decode(new Uint8Array(0));
      for (let tries = 0; tries < TAPS_MAX && !status?.nonces; tries++) {
        board.press('D26', 100);
        await screenShows(board, 'DESK OPEN');
        await wait(4000);
        const [state] = await tap([[INS.status, none]]);
        status = tokenStatus.decode(state.data);
      }
      expect(status).toMatchObject({ balance: 4650, receiptNumber: 1, unacknowledged: 0 });
      expect(status!.nonces).toBeGreaterThan(0);
      // Run from flash, the program leaves room on a board of 8,191 variables; given as an argument, its text is in RAM
      // too.
      expect(status!.variablesUsed).toBeGreaterThan(0);
      if (boot === 'storage') expect(status!.variablesUsed).toBeLessThan(8191);
      expect(board.errors).toEqual([]);
      if (process.env.TAPCASH_MEASURE)
        writeFileSync(process.env.TAPCASH_MEASURE, `${boot} ${times.join(', ')} ${JSON.stringify(status)}\n`, {
          flag: 'a',
        });
    },
    1_200_000,
  );

  test.each([
    ['within the memory of a board, and withdraws under K', 4, PSEUDONYMS, 'storage'],
    ['and withdraws, sealed', 3, 1, 'argument'],
  ] as const)(
    'registers, sealed, %s (scheme %i, %i pseudonyms)',
    async (_what, scheme, pseudonyms, boot) => {
      const houses = new Houses(await makeHouseKeys(), configOf(scheme, pseudonyms));
      const { board, chip, lines } = await start(
        boot,
        filesFor('linux', { number: scheme, pseudonyms }, houses.keys.unsealer.publicKey),
        boot === 'storage',
      );
      const shop = createShop(scheduler, 60_000);
      shop.field.present(chip.card);
      await screenShows(board, 'NOT LICENSED');
      expect(lines.join()).toContain(`MAKING KEYS | ${pseudonyms} of ${pseudonyms + 1}`);
      const tapOnce = (commands: [number, Uint8Array][]) =>
        new Promise<Answered[]>((resolve) => shop.tap(commands, resolve));
      async function tap(commands: [number, Uint8Array][]): Promise<Uint8Array[]> {
        const answers = await tapUntilAnswered(tapOnce, commands, 'the rest');
        const failed = answers.find(({ code }) => code !== 'OK');
        if (failed) throw new Error(`${failed.code}; ${board.errors.join()}`);
        return answers.map(({ data }) => data);
      }
      async function deal(ask: [number, Uint8Array]): Promise<void> {
        const { kind, length, part } = requestPart.decode((await tap([ask]))[0]!)!;
        const offsets = Array.from({ length: Math.ceil(length / PART_BYTES) - 1 }, (_, i) => (i + 1) * PART_BYTES);
        const start = part.slice(0, REQUEST_START_BYTES);
        const asked = offsets.map((offset): [number, Uint8Array] => [INS.part, partRequest.encode({ start, offset })]);
        const rest = asked.length > 0 ? await tap(asked) : [];
        const boxes = await houses.answer(kind, concat([part, ...rest]));
        const answers = await tap(boxes.map((body, index) => [INS.reply, replyData.encode({ index, body })]));
        expect(replyAnswer.decode(answers[answers.length - 1]!)).toMatchObject({ left: 0, code: 0 });
      }
      await deal([INS.register, nameBytes('Ada')]);
      expect(houses.registered[0]).toHaveLength(pseudonyms);
      board.press('D26', 100);
      await screenShows(board, 'DESK OPEN');
      // Once as the desk says, once as the owner enters it.
      const isEntered = boot === 'argument';
      const amount = isEntered ? 0 : 500;
      const ask: [number, Uint8Array] = [INS.withdraw, amountRequest.encode({ commandId: COMMAND_ID, amount })];
      const codes = async () => (await tapUntilAnswered(tapOnce, [ask], 'all')).map(({ code }) => code);
      expect(await codes()).toEqual([isEntered ? 'NO_CHARGE' : 'CONFIRM_NEEDED']);
      for (const [key, text] of isEntered ? KEYS : []) {
        pressKeypad(board, key);
        await screenShows(board, text);
        // It shows while the key is still down; the next one may be in the same column.
        await wait(300);
      }
      await screenShows(board, '5.00 EUR?');
      board.press('D26', 100);
      await screenShows(board, 'TAP AGAIN');
      await deal(ask);
      await screenShows(board, '5.00 EUR');
      expect(board.errors).toEqual([]);
      if (boot !== 'storage') return;
      const peak = await board.variablesPeak();
      if (process.env.TAPCASH_MEASURE)
        writeFileSync(process.env.TAPCASH_MEASURE, `registration of ${pseudonyms}: ${peak} variables at most\n`, {
          flag: 'a',
        });
      expect(peak).toBeLessThan(VARIABLES_MAX);
    },
    1_200_000,
  );
});
