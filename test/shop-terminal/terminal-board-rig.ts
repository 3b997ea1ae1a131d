/**
 * The shop terminal's bundle on a board, emulated or in the real interpreter: PN532s on both sides of a radio field, a
 * token of test code behind the second one, a bridge at the other end of the cable.
 */
import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { terminalFiles, type IssuerFacts } from '../../flash-scripts/provision/board-files.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { codeOf, statusWord, type Code } from '../../firmware/core/codes.js';
import { createApduServer } from '../../firmware/nfc/iso-dep-server.js';
import { answerFrames, createPn532Card } from '../../firmware/nfc/pn532-card.js';
import { createHsuPort } from '../../firmware/nfc/pn532-hsu.js';
import { commandDataBytesMax, createPn532Link } from '../../firmware/nfc/pn532-link.js';
import {
  chargeRequest,
  KIND,
  tapReport,
  terminalStatus,
  type TapReport,
  type TerminalStatus,
} from '../../firmware/wire/link/link-messages.js';
import { historyOfPayment } from '../../host-bridge/bridge/verifier.js';
import { createLinkSession, ROLE } from '../../firmware/wire/link/link-session.js';
import { signedTime, timeBody } from '../../firmware/wire/notices.js';
import { denyPrefixesOf, wholeList } from '../../host-bridge/base/deny-lists.js';
import { history } from '../../firmware/wire/payment.js';
import { SIGNED, WIRE_VERSION } from '../../firmware/wire/signed.js';
import { AID, selectAnswer } from '../../firmware/wire/token-commands.js';
import { retiredBody, signedRetired } from '../../firmware/wire/notices.js';
import { createBoard, type Board } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createInterpreterBoard, type InterpreterBoard } from '../../host-bridge/emulator/interpreter.js';
import { createPn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createRadioField, type RadioField } from '../../host-bridge/emulator/radio-field.js';
import {
  createRealScheduler,
  createVirtualScheduler,
  type Scheduler,
  type VirtualScheduler,
} from '../../host-bridge/base/scheduler.js';
import { createSerialLine, type SerialEnd } from '../../host-bridge/serial/serial-line.js';
import { createToken, keyOf, licenseIsGood, paymentIsGood, REGISTRAR, type Token } from './terminal-rig.js';
import { ISSUER, NOW_S } from './till-rig.js';

const ISSUER_KEY = keyOf(1002);
const BURST = 64;

export const TERMS = {
  shop: "Anna's Bakery",
  terminalId: Uint8Array.of(9, 8, 7, 6),
  floorLimit: 1000,
  staleListLimit: 2500,
  timeMaxAgeS: 604800,
  denyMaxAgeS: 86400,
  undeliveredMaxAgeS: 302400,
  chargeLifetimeS: 300,
  historiesMax: 128,
};

/** More than the terminal needs to see that a token has left. */
const AWAY_MS = 2000;

export interface Bench {
  board: Board;
  scheduler: Scheduler;
  lines: string[];
  bridge: {
    up: boolean;
    verifies: boolean;
    verdict: Code | null;
    stores: boolean;
    histories: Uint8Array[];
    tombstones: number;
    reports: TapReport[];
    alarms: Code[];
  };
  /** Waits until it is true. */
  until(done: () => boolean, limitMs: number): Promise<void>;
  request(kind: number, body: Uint8Array): Promise<{ code: Code; body: Uint8Array }>;
  /** The same, without waiting. */
  ask(kind: number, body: Uint8Array, onAnswer: (code: Code) => void): void;
  status(): Promise<TerminalStatus>;
  charge(n: number, amount: number): Promise<Code>;
  cancel(n: number): Promise<Code>;
  /** Puts a token on the reader, or takes it away. */
  present(token: Token | null): void;
  /** Where other cards can be brought. */
  field: RadioField;
  /** Starts the bridge's side. */
  connect(): void;
  /** Ends it, and lets the cable run empty: what comes while a board starts is for its console. */
  disconnect(): Promise<void>;
  close(): void;
}

const serialOf = (end: SerialEnd) => ({
  write: (data: Uint8Array) => end.write(Buffer.from(data).toString('latin1')),
  on: (_event: 'data', callback: (data: string) => void) => void (end.onData = callback),
});

const idOf = (n: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, n);

/** Makes the rig; the board is off. @param interpreter the executable, or null for the emulated board */
export async function createRig(
  interpreter: string | null,
  change: object = {},
  otherFiles: Record<string, Uint8Array> = {},
  otherFacts: Partial<IssuerFacts> = {},
): Promise<Bench> {
  const virtual = interpreter ? null : createVirtualScheduler();
  const scheduler: Scheduler = virtual ?? createRealScheduler();
  const clock = {
    setTimeout: (f: () => void, ms: number) => scheduler.setTimer(f, ms),
    clearTimeout: (t: any) => scheduler.clearTimer(t),
    nowMs: () => scheduler.nowMs(),
  };
  const cable = createSerialLine(scheduler, 115200);
  const readerLine = createSerialLine(scheduler, 115200);
  const tokenLine = createSerialLine(scheduler, 115200);
  const field = createRadioField(scheduler);
  const readerChip = createPn532Chip(scheduler);
  const tokenChip = createPn532Chip(scheduler);
  readerChip.connectHsu(readerLine.b);
  readerChip.enterAsReader(field);
  tokenChip.connectHsu(tokenLine.b);

  const lines: string[] = [];
  const entry = loadBoard(interpreter ? 'linux' : 'emulated');
  const facts = {
    issuer: ISSUER,
    currency: 'EUR',
    registrarKey: REGISTRAR.publicKey,
    issuerKey: ISSUER_KEY.publicKey,
    ...otherFacts,
  };
  const { bundle, overlays } = await builtProgram('shop-terminal');
  const files = {
    ...overlays,
    ...terminalFiles(entry, facts, { ...TERMS, ...change }, new Uint8Array(randomBytes(32))),
    ...otherFiles,
  };
  const serials = { Serial1: cable.a, Serial2: readerLine.a };
  let drawn = 0;
  const board: Board = interpreter
    ? await createInterpreterBoard({
        path: interpreter,
        name: 'terminal',
        bundle,
        files,
        serials,
        onConsole: (line) => void lines.push(line),
      })
    : createBoard({
        scheduler,
        name: 'terminal',
        bundle,
        files,
        flash: createEmulatedFlash({
          address: entry.flash.address,
          bytes: entry.flash.bytes,
          pageBytes: entry.flash.pageBytes,
        }),
        serials,
        entropy: (count) =>
          new Uint8Array(
            createHash('shake256', { outputLength: count })
              .update('entropy' + drawn++)
              .digest(),
          ),
        onConsole: (line) => void lines.push(line),
      });

  // The token: its chip, our test's rules.
  let token: Token | null = null;
  const chip = createPn532Link(createHsuPort(serialOf(tokenLine.a)), clock, { burstBytesMax: BURST });
  const server = createApduServer({
    aid: AID,
    respond: answerFrames(chip),
    handlers: {
      select: () => undefined,
      selectAnswer: selectAnswer.encode({
        version: WIRE_VERSION,
        commandBytesMax: Math.min(255, commandDataBytesMax(BURST)),
      }),
      command: (ins, data) => {
        if (!token) return { sw: 0x6f00 };
        const answer = token.answer(ins, data);
        return { sw: statusWord(answer.code), data: answer.data };
      },
    },
  });
  const card = createPn532Card(chip, clock, {
    random: (count) => new Uint8Array(randomBytes(count)),
    onActivated: () => server.reset(),
    onCommand: (apdu) => server.handle(apdu),
  });
  card.start();

  const bridge: Bench['bridge'] = {
    up: false,
    verifies: true,
    verdict: null,
    stores: true,
    histories: [],
    tombstones: 0,
    reports: [],
    alarms: [],
  };
  function onReport(report: TapReport): void {
    bridge.reports.push(report);
    if (codeOf(report.code) !== 'TOKEN_STAYED') return;
    // Whoever holds a token does what the display says.
    const held = token;
    field.remove(tokenChip.card);
    scheduler.setTimer(() => {
      if (held && token === held) field.present(tokenChip.card);
    }, AWAY_MS);
  }

  function onRequest(kind: number, body: Uint8Array, reply: (code: Code) => void): void {
    if (kind === KIND.verify) {
      if (!bridge.verifies) return reply('BUSY');
      if (bridge.verdict) return reply(bridge.verdict);
      const bytes = body.slice(1);
      if (body[0] === 1) return reply(licenseIsGood(bytes) ? 'OK' : 'LICENSE_INVALID');
      return reply(paymentIsGood(historyOfPayment(bytes)) ? 'OK' : 'SIGNATURE_INVALID');
    }
    if (kind === KIND.history && !bridge.stores) return reply('BUSY');
    if (kind === KIND.history && history.decode(body)) bridge.histories.push(body);
    if (kind === KIND.tombstone) bridge.tombstones++;
    if (kind === KIND.tap) onReport(tapReport.decode(body)!);
    if (kind === KIND.alarm) bridge.alarms.push(codeOf(body[0]));
    reply('OK');
    if (kind === KIND.timeWanted) {
      const time = timeBody.encode({ issuer: ISSUER, timeS: NOW_S, nonce: body });
      link.request(
        KIND.time,
        signedTime.encode({ body: time, signature: ISSUER_KEY.sign(SIGNED.time, time) }),
        () => undefined,
        60_000,
      );
    }
  }
  let session = 1;
  const link = createLinkSession({
    role: ROLE.bridge,
    burstBytesMax: 512,
    clock,
    crc32: (bytes) => crc32(bytes) >>> 0,
    write: (bytes) => cable.b.write(Buffer.from(bytes).toString('latin1')),
    random32: () => session++,
    onRequest,
    onUp: () => void (bridge.up = true),
    onDown: () => void (bridge.up = false),
  });
  cable.b.onData = (data) => link.receive(new Uint8Array(Buffer.from(data, 'latin1')));

  async function until(done: () => boolean, limitMs: number): Promise<void> {
    // In real time a limit is only for what hangs: a busy machine may take many times as long.
    const endMs = scheduler.nowMs() + (virtual ? limitMs : 10 * limitMs);
    while (!done()) {
      if (scheduler.nowMs() > endMs)
        throw new Error(
          `waited ${limitMs} ms in vain; the board shows ${board.screen().join(' | ')}; errors: ${board.errors.join('; ').slice(0, 1500)}; ${lines.slice(-3).join(' / ')}`,
        );
      if (virtual) (virtual as VirtualScheduler).advance(1);
      else await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  async function request(kind: number, body: Uint8Array): Promise<{ code: Code; body: Uint8Array }> {
    let answer: { code: Code; body: Uint8Array } | null = null;
    link.request(kind, body, (code, data) => void (answer = { code, body: data }), 60_000);
    await until(() => answer !== null, 61_000);
    return answer!;
  }

  return {
    board,
    field,
    scheduler,
    lines,
    bridge,
    until,
    request,
    ask: (kind, body, onAnswer) => void link.request(kind, body, onAnswer, 60_000),
    status: async () => {
      let r = await request(KIND.status, new Uint8Array(0));
      // After a reset the session may still be that of before, and end now.
      for (let tries = 0; r.code === 'LINK_DOWN' && tries < 5; tries++) {
        await until(() => bridge.up, 30_000);
        r = await request(KIND.status, new Uint8Array(0));
      }
      const s = terminalStatus.decode(r.body);
      if (!s) throw new Error('status: ' + r.code + ' ' + Buffer.from(r.body).toString('hex'));
      return s;
    },
    charge: async (n, amount) =>
      (await request(KIND.charge, chargeRequest.encode({ number: n, id: idOf(n), amount, lifetimeS: 300 }))).code,
    cancel: async (n) => (await request(KIND.cancel, idOf(n))).code,
    present(next) {
      token = next;
      field.remove(tokenChip.card);
      if (next) field.present(tokenChip.card);
    },
    connect: () => link.start(),
    async disconnect() {
      link.stop();
      bridge.up = false;
      const emptyMs = scheduler.nowMs() + 100;
      await until(() => scheduler.nowMs() > emptyMs, 1000);
    },
    close() {
      card.stop();
      link.stop();
      board.powerOff();
      if ('close' in board) (board as InterpreterBoard).close();
    },
  };
}

/** A signed deny list. */
export function denyList(version: number, pkus: Uint8Array[]): Uint8Array {
  const list = { issuer: ISSUER, version, timeS: NOW_S, prefixes: denyPrefixesOf(pkus) };
  const [message] = wholeList(list, (body) => ISSUER_KEY.sign(SIGNED.denyList, body));
  return message;
}

/** What the issuer says of this terminal. */
export function retirement(timeS: number, retired: number): Uint8Array {
  const body = retiredBody.encode({ issuer: ISSUER, terminalId: TERMS.terminalId, timeS, retired });
  return signedRetired.encode({ signature: ISSUER_KEY.sign(SIGNED.retired, body), body });
}
export { createToken, ISSUER_KEY, keyOf };
