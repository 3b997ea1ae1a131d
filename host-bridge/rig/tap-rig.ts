/**
 * One terminal, some tokens, the air between them and a bridge at the end of the terminal's cable, on any kind of
 * board.
 *
 * On a virtual clock `until` jumps from event to event, so thousands of taps are enumerated; with the real interpreter
 * it waits. The bridge here is the smallest that a terminal needs: verifier, time, deny list, and a list of histories
 * in the place of the outbox. Its signatures are real; registrar and issuer are the host's signers.
 */
import { STANDARD_CURRENCY } from '../base/money.js';
import { fixedLine } from '../base/keys/key-line.js';
import { crc32 } from 'node:zlib';
import {
  TERMINAL_TERMS,
  terminalFiles,
  tokenFiles,
  TOKEN_LIMITS,
  type TerminalTerms,
  type TokenLimits,
} from '../../flash-scripts/provision/board-files.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { codeOf, type Code } from '../../firmware/core/codes.js';
import { readBalance } from '../../firmware/core/amount.js';
import { toHex } from '../../firmware/core/bytes.js';
import {
  chargeRequest,
  deskRequest,
  KIND,
  openChargeRequest,
  tapReport,
  type OpenTerms,
  type TapReport,
} from '../../firmware/wire/link/link-messages.js';
import { createLinkSession, ROLE, type LinkSession } from '../../firmware/wire/link/link-session.js';
import { SENDS_TO_BOARD_MAX } from '../../firmware/wire/link/link-transport.js';
import { signedTime, timeBody } from '../../firmware/wire/notices.js';
import { denyPrefixesOf, wholeList } from '../base/deny-lists.js';
import { challenge, history, license, licenseBody } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import {
  identity,
  INS,
  licenseGrant,
  nameRequest,
  recallRequest,
  tokenStatus,
  type TokenStatus,
} from '../../firmware/wire/token-commands.js';
import { receipt, receiptBody, RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import { createSigner, issuerIdOf } from '../base/crypto/signer.js';
import { createPresence, type Presence } from './presence.js';
import { createRandom } from './random.js';
import type { BoardMaker, NfcBoard } from './nfc-boards.js';
import { createRadioField, type RadioField } from '../emulator/radio-field.js';
import type { Scheduler, VirtualScheduler } from '../base/scheduler.js';
import { createVerifier } from '../bridge/verifier.js';
import type { BoardPort } from '../serial/port.js';
import { multiplesHashOf, multiplesOf } from '../base/crypto/key-multiples.js';

/** IdS of the rig's terminal. */
export const SHOP_NAME = 'Cafe Roma';
/** Unix time at which these tests begin. */
const START_S = 1_800_000_000;
const LICENSE_S = 90 * 86_400;
/**
 * How often a desk command is repeated. In the interpreter, on a machine with other work, a token may answer later than
 * a reader waits; each such try is torn.
 */
const DESK_TRIES = 200;
/** How often a charge is asked for over a link that goes down, and how long the link may take to come up. */
const CHARGE_TRIES = 10;
const LINK_UP_MS = 60_000;
const LEFT_MS = 700;

export interface Token {
  name: string;
  device: NfcBoard;
  presence: Presence;
  pku: Uint8Array;
}

/** What the bridge has kept: histories by identity, and how often each was brought. */
export interface Kept {
  amount: number;
  pku: string;
  times: number;
}

export interface TapRigOptions {
  scheduler: Scheduler;
  maker: BoardMaker;
  seed: number;
  terms?: Partial<TerminalTerms>;
  limits?: TokenLimits;
  /** Waited for while a token is made, after each phase: its first start, registration, withdrawal. */
  onPhase?: (phase: 'keys' | 'register' | 'withdraw', device: NfcBoard) => Promise<void>;
}

export type TapRig = Awaited<ReturnType<typeof createTapRig>>;

function isVirtual(scheduler: Scheduler): scheduler is VirtualScheduler {
  return 'step' in scheduler;
}

/** Makes the rig with its terminal running and connected. */
export async function createTapRig(options: TapRigOptions) {
  const { scheduler, maker, seed } = options;
  const random = createRandom(seed, 'bench');
  const issuer = createSigner(random(32));
  const registrar = createSigner(random(32));
  const facts = {
    issuer: issuerIdOf(issuer.publicKey),
    currency: STANDARD_CURRENCY,
    registrarKey: registrar.publicKey,
    issuerKey: issuer.publicKey,
  };
  const verifier = createVerifier({ registrar: fixedLine(registrar.publicKey) });
  const field: RadioField = createRadioField(scheduler);
  const kept = new Map<string, Kept>();
  const tombstones: Uint8Array[] = [];
  const reports: TapReport[] = [];
  const tokens: Token[] = [];
  const alarms: Code[] = [];
  const consoles: string[] = [];
  const closers: (() => void)[] = [];
  /** Amounts of all charges that went out over the air, by Rs. */
  const challenged = new Map<string, number>();
  /** `timeOffS`: how wrong the time is that the terminal is told. */
  const flags = { verifies: true, keeps: true, lies: false, tellsTime: true, timeOffS: 0 };
  let denyVersion = 0;
  let chargeCount = 0;

  /** Waits for `done`; real time or virtual. @returns whether it came true */
  async function until(done: () => boolean, limitMs: number): Promise<boolean> {
    if (isVirtual(scheduler)) return scheduler.runUntil(done, limitMs);
    const endMs = scheduler.nowMs() + limitMs;
    while (!done() && scheduler.nowMs() < endMs) await new Promise((resolve) => setTimeout(resolve, 2));
    return done();
  }
  const rest = (ms: number) => until(() => false, ms);

  const nowS = () => START_S + Math.floor(scheduler.nowMs() / 1000);

  function keep(bytes: Uint8Array): Code {
    const outer = history.decode(bytes);
    const paid = outer && challenge.decode(outer.challenge);
    const licensed = outer && license.decode(outer.license);
    const body = licensed && licenseBody.decode(licensed.body);
    if (!outer || !paid || !body || verifier.history(bytes) !== 'OK')
      throw new Error('the terminal brought a history that is none');
    const pku = toHex(body.pku);
    const key = `${pku} ${toHex(paid.rs)}`;
    const old = kept.get(key);
    if (old && old.amount !== paid.amount) throw new Error('one charge, two amounts');
    kept.set(key, { amount: paid.amount, pku, times: (old?.times ?? 0) + 1 });
    return 'OK';
  }

  function onReport(report: TapReport): void {
    reports.push(report);
    // Whoever holds a token does what the display says.
    if (codeOf(report.code) === 'TOKEN_STAYED') for (const token of tokens) token.presence.tapAgain(scheduler);
  }

  function onRequest(kind: number, body: Uint8Array, reply: (code: Code) => void): void {
    if (kind === KIND.verify) return reply(!flags.verifies ? 'BUSY' : flags.lies ? 'OK' : verifier.answer(body));
    if (kind === KIND.history) return flags.keeps ? reply(keep(body)) : reply('BUSY');
    if (kind === KIND.tombstone) tombstones.push(body);
    if (kind === KIND.tap) onReport(tapReport.decode(body)!);
    if (kind === KIND.alarm) alarms.push(codeOf(body[0]));
    reply('OK');
    if (kind === KIND.timeWanted && flags.tellsTime) {
      const time = timeBody.encode({ issuer: facts.issuer, timeS: nowS() + flags.timeOffS, nonce: body });
      void ask(KIND.time, signedTime.encode({ signature: issuer.sign(SIGNED.time, time), body: time }));
    }
  }

  // The first part of each command as it goes over the air: PCB, 80 or 90, INS, 00 00 Lc, then its data; of a CHALLENGE
  // up to Rs. A card's frame after an ACK is the answer to it.
  let lastIns = 0;
  let settled = false;
  field.onTraffic = (toCard, frame) => {
    if (!toCard) settled ||= lastIns === INS.ack;
    else lastIns = (frame[1] & 0xef) === 0x80 ? frame[2] : 0;
    if (!toCard || lastIns !== INS.challenge || frame.length < 6 + 39) return;
    settled = false;
    challenged.set(toHex(frame.slice(6 + 23, 6 + 39)), readBalance(frame, 6 + 7) ?? 0);
  };

  const terminalId = random(4);
  const terminalDevice = await maker.make({
    name: 'terminal',
    role: 'shop-terminal',
    program: await builtProgram('shop-terminal'),
    files: terminalFiles(
      maker.config,
      facts,
      { ...TERMINAL_TERMS, ...options.terms, shop: SHOP_NAME, terminalId },
      random(32),
    ),
    entropy: createRandom(seed, 'terminal'),
    onConsole: (line) => void consoles.push(`terminal ${line}`),
  });
  closers.push(() => terminalDevice.close());
  await terminalDevice.ready();
  terminalDevice.chip.enterAsReader(field);
  const port: BoardPort | null = await terminalDevice.openPort();
  closers.push(() => {
    port?.close().catch(() => undefined);
  });
  const link: LinkSession = createLinkSession({
    role: ROLE.bridge,
    sendsMax: SENDS_TO_BOARD_MAX,
    burstBytesMax: 512,
    clock: {
      setTimeout: (callback, delayMs) => scheduler.setTimer(callback, delayMs),
      clearTimeout: (timer) => scheduler.clearTimer(timer),
    },
    crc32: (bytes) => crc32(bytes),
    write: (bytes) => port?.write(bytes),
    random32: () => Buffer.from(random(4)).readUInt32BE(0),
    onRequest,
    onUp: () => undefined,
    onDown: () => undefined,
  });
  port.onData = (bytes) => link.receive(bytes);
  link.start();
  closers.push(() => link.stop());

  /** A request to the terminal, as its code and body come. */
  function ask(kind: number, body: Uint8Array, timeoutMs = 60_000): { code: Code | null; body: Uint8Array } {
    const answer: { code: Code | null; body: Uint8Array } = { code: null, body: new Uint8Array(0) };
    link.request(kind, body, (code, data) => Object.assign(answer, { code, body: data }), timeoutMs);
    return answer;
  }
  async function answered(answer: { code: Code | null; body: Uint8Array }, limitMs = 90_000) {
    await until(() => answer.code !== null, limitMs);
    return answer;
  }

  /**
   * A desk command to the token that lies on the reader; repeated while the token leaves or the link is busy.
   * @param owner presses the token's button where it is told that the desk is closed
   */
  async function desk(ins: number, data: Uint8Array, owner?: Token): Promise<Uint8Array> {
    for (let tries = 1; ; tries++) {
      const { code, body } = await answered(ask(KIND.desk, deskRequest.encode({ timeoutMs: 5000, ins, data })));
      if (code === 'OK') return body;
      if (tries >= DESK_TRIES) throw new Error(`desk ${ins.toString(16)}: ${code}, again and again`);
      if (code === 'DESK_CLOSED' && owner) press(owner);
      else if (code !== 'TAP_TORN' && code !== 'LINK_DOWN' && code !== 'NO_TOKEN' && code !== 'BUSY')
        throw new Error(`desk ${ins.toString(16)}: ${code}\n${consoles.slice(-15).join('\n')}`);
      await rest(300);
    }
  }

  function press(token: Token): void {
    token.device.board.press(maker.config.buttons.user.pin, 120);
  }

  /** Encoded `licenseGrant`. */
  function signLicense(pku: Uint8Array, validUntilS: number): Uint8Array {
    const multiples = multiplesOf(pku);
    const body = licenseBody.encode({
      issuer: facts.issuer,
      currency: facts.currency,
      licenseClass: 1,
      validUntilS,
      pku,
      multiplesHash: multiplesHashOf(multiples),
    });
    return licenseGrant.encode({
      license: license.encode({ body, signature: registrar.sign(SIGNED.license, body) }),
      multiples,
    });
  }

  function signReceipt(
    pku: Uint8Array,
    number: number,
    amount: number,
    kind: number = RECEIPT_KINDS.withdrawal,
  ): Uint8Array {
    const body = receiptBody.encode({
      issuer: facts.issuer,
      currency: facts.currency,
      pku,
      number,
      kind,
      amount,
    });
    return receipt.encode({ body, signature: issuer.sign(SIGNED.receipt, body) });
  }

  /** A token with a license and `balance` on it. */
  async function addToken(name: string, balance: number, validS = LICENSE_S): Promise<Token> {
    const device = await maker.make({
      name,
      role: 'user-token',
      program: await builtProgram('user-token'),
      files: tokenFiles(maker.config, facts, options.limits ?? TOKEN_LIMITS, createRandom(seed, `seed ${name}`)(32)),
      entropy: createRandom(seed, `entropy ${name}`),
      onConsole: (line) => void consoles.push(`${name} ${line}`),
    });
    closers.push(() => device.close());
    await device.ready();
    const token = { name, device, presence: createPresence(device.chip.card), pku: new Uint8Array(32) as Uint8Array };
    tokens.push(token);
    await rest(500);
    await options.onPhase?.('keys', device);
    token.presence.hold(field);
    const tokenIdentity = identity.decode(await desk(INS.identity, new Uint8Array(0)))!;
    token.pku = tokenIdentity.pku;
    await desk(INS.register, nameRequest.encode({ commandId: random(8), name }));
    await desk(INS.license, signLicense(tokenIdentity.pku, nowS() + validS));
    await options.onPhase?.('register', device);
    await desk(INS.receipt, signReceipt(tokenIdentity.pku, 1, balance));
    await options.onPhase?.('withdraw', device);
    token.presence.leave();
    return token;
  }

  /**
   * Rs of the index-th debit for this shop that the token on the reader has never seen acknowledged; null past the
   * last.
   */
  async function recall(index: number): Promise<Uint8Array | null> {
    for (let tries = 0; tries < 5; tries++) {
      const data = recallRequest.encode({ index, shop: SHOP_NAME });
      const { code, body } = await answered(
        ask(KIND.desk, deskRequest.encode({ timeoutMs: 5000, ins: INS.recall, data })),
      );
      if (code === 'OK') return body;
      if (code === 'NO_CHARGE') return null;
      await rest(300);
    }
    throw new Error('recall: no answer');
  }

  /** What a token says of itself; presses its button first. */
  async function status(token: Token): Promise<TokenStatus> {
    token.presence.leave();
    press(token);
    await rest(500);
    token.presence.hold(field);
    const status = tokenStatus.decode(await desk(INS.status, new Uint8Array(0), token))!;
    token.presence.leave();
    return status;
  }

  /** Opens a charge, or asks for the same one again. @returns its id and the terminal's code */
  async function charge(
    asked: number | OpenTerms,
    again?: Uint8Array,
    lifetimeS = 300,
  ): Promise<{ id: Uint8Array; code: Code | null }> {
    const id = again ?? new Uint8Array([0, 0, 0, 0, 0, 0, ++chargeCount >> 8, chargeCount & 255]);
    const number = id[6] * 256 + id[7];
    for (let tries = 1; ; tries++) {
      const { code } = await answered(
        typeof asked === 'number'
          ? ask(KIND.charge, chargeRequest.encode({ number, id, amount: asked, lifetimeS }))
          : ask(KIND.openCharge, openChargeRequest.encode({ number, id, lifetimeS, ...asked })),
      );
      // A link may go down at any time, as on a busy machine; the same id is the same charge.
      if ((code === 'LINK_DOWN' || code === 'NO_ANSWER') && tries < CHARGE_TRIES) {
        await until(() => link.up(), LINK_UP_MS);
        continue;
      }
      // Until the terminal has seen that whoever was there last has left.
      if (!again) await rest(LEFT_MS);
      return { id, code };
    }
  }

  return {
    scheduler,
    maker,
    field,
    facts,
    link,
    terminalDevice,
    terminalId,
    kept,
    tombstones,
    reports,
    alarms,
    consoles,
    flags,
    until,
    rest,
    nowS,
    ask,
    answered,
    desk,
    press,
    signLicense,
    signReceipt,
    addToken,
    status,
    charge,
    cancel: async (id: Uint8Array) => (await answered(ask(KIND.cancel, id))).code,
    /** Waits until a token has answered the ACK of the last challenge; in vain where it was cut off. */
    settled: (limitMs: number) => until(() => settled, limitMs),
    connected: (limitMs = LINK_UP_MS) => until(() => link.up(), limitMs),
    recall,
    challenged,
    /** Sum of what the bridge has kept of a token. */
    spent: (token: Token) =>
      [...kept.values()].filter((one) => one.pku === toHex(token.pku)).reduce((sum, one) => sum + one.amount, 0),
    /** Brings a deny list to the terminal; what it said to the last message. */
    async deny(pkus: Uint8Array[]): Promise<Code | null> {
      const list = { issuer: facts.issuer, version: ++denyVersion, timeS: nowS(), prefixes: denyPrefixesOf(pkus) };
      let code: Code | null = 'OK';
      for (const message of wholeList(list, (body) => issuer.sign(SIGNED.denyList, body)))
        if (code === 'OK') ({ code } = await answered(ask(KIND.denyList, message)));
      return code;
    },
    close() {
      for (const end of closers.reverse()) end();
    },
  };
}
