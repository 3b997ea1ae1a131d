/**
 * A whole terminal on emulated flash and virtual time, with stand-ins for what others own: a token that journals and
 * signs, a radio that can tear at any command, a bridge that can lie, forget and fall silent.
 */
import { BAD, GOOD, PLAIN, UNSURE, type Tone } from '../../firmware/panel/display.js';
import { INS_SELECT } from '../../firmware/nfc/iso-dep-client.js';
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createVirtualScheduler, type VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createEmulatedFlash, PowerLost, type EmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { openRecordLog } from '../../firmware/records/record-log.js';
import { codeOf, statusWord, type Code } from '../../firmware/core/codes.js';
import { createEntryKeys } from '../../firmware/shop-terminal/entry-keys.js';
import { openHistoryLog } from '../../firmware/shop-terminal/history-log.js';
import { historyOfPayment } from '../../host-bridge/bridge/verifier.js';
import { writeAmount } from '../../firmware/core/amount.js';
import { amountText } from '../../firmware/core/amount-text.js';
import { concat } from '../../firmware/core/bytes.js';
import type { BridgeLink } from '../../firmware/shop-terminal/delivery.js';
import { createOpenAmount } from '../../firmware/shop-terminal/open-amount.js';
import { createTerminal, type Terminal } from '../../firmware/shop-terminal/terminal.js';
import { openTill, type Till } from '../../firmware/shop-terminal/till.js';
import { openTombstoneLog } from '../../firmware/shop-terminal/tombstone-log.js';
import {
  CHARGE_STATES,
  chargeRequest,
  KIND,
  tapReport,
  VERIFY,
  type TapReport,
} from '../../firmware/wire/link/link-messages.js';
import { challenge, chargeId, history, license, licenseBody, payment, tombstone } from '../../firmware/wire/payment.js';
import { SIGNED, signedBytes, WIRE_VERSION } from '../../firmware/wire/signed.js';
import { INS, recallRequest, selectAnswer } from '../../firmware/wire/token-commands.js';
import { multiplesHashOf, multiplesOf } from '../../host-bridge/base/crypto/key-multiples.js';
import { areaAt, HALF_BYTES, openNotices } from '../kit/deny-lists.js';
import {
  CONFIG,
  DENY_AT,
  idOf,
  ISSUER,
  LIMITS,
  makeDenyList,
  makeTime,
  NOW_S,
  REGION,
  verifyMark,
} from './till-rig.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** An Ed25519 key of node:crypto. */
export interface Key {
  publicKey: Uint8Array;
  sign(type: number, message: Uint8Array): Uint8Array;
}
const keys = new Map<number, Key>();
export function keyOf(n: number): Key {
  const known = keys.get(n);
  if (known) return known;
  const seed = createHash('sha256')
    .update('test key ' + n)
    .digest();
  const secret = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = new Uint8Array(createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(12));
  const key = {
    publicKey,
    sign: (type: number, message: Uint8Array) => new Uint8Array(sign(null, signedBytes(type, message), secret)),
  };
  keys.set(n, key);
  return key;
}
const publicKeys = new Map<string, KeyObject>();
export function verifies(publicKey: Uint8Array, type: number, message: Uint8Array, signature: Uint8Array): boolean {
  const name = hex(publicKey);
  if (!publicKeys.has(name)) {
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
    publicKeys.set(name, createPublicKey({ key: der, format: 'der', type: 'spki' }));
  }
  return verify(null, signedBytes(type, message), publicKeys.get(name)!, signature);
}
export const REGISTRAR = keyOf(1000);
export const TERMINAL = keyOf(1001);

const multiples = new Map<number, Uint8Array>();
export function multiplesFor(n: number): Uint8Array {
  if (!multiples.has(n)) multiples.set(n, multiplesOf(keyOf(n).publicKey));
  return multiples.get(n)!;
}

export function licenseFor(n: number, registrar = REGISTRAR, validUntilS = NOW_S + 1e6): Uint8Array {
  const body = licenseBody.encode({
    issuer: ISSUER,
    currency: 'EUR',
    licenseClass: 1,
    validUntilS,
    pku: keyOf(n).publicKey,
    multiplesHash: multiplesHashOf(multiplesFor(n)),
  });
  return license.encode({ body, signature: registrar.sign(SIGNED.license, body) });
}
export const licenseIsGood = (bytes: Uint8Array): boolean => {
  const { body, signature } = license.decode(bytes)!;
  return verifies(REGISTRAR.publicKey, SIGNED.license, body, signature);
};
export const paymentIsGood = (bytes: Uint8Array): boolean => {
  const h = history.decode(bytes)!;
  const body = licenseBody.decode(license.decode(h.license)!.body)!;
  return verifies(body.pku, SIGNED.payment, h.challenge, h.signature);
};

/** A token that keeps the rules: one signature for one (IdS, Rs), for ever. */
export interface Token {
  n: number;
  license: Uint8Array;
  /** By Rs in hex. */
  debits: Map<string, { challenge: string; answer: Uint8Array; amount: number; settled: boolean }>;
  /** What CHALLENGE answers instead of paying. */
  refuses: Code | null;
  /** What MULTIPLES answers; null: an instruction it does not know. */
  multiples: Uint8Array | null;
  /** y as its payer has entered it; 'keyless', or null: not yet. Undefined: it does not know the question. */
  says?: number | 'keyless' | null;
  /** Signs something else than it should. */
  forges: boolean;
  answer(ins: number, data: Uint8Array): { code: Code; data: Uint8Array };
}
export function createToken(n: number): Token {
  const none = new Uint8Array(0);
  const unsettled = (): string[] => [...token.debits].filter(([, d]) => !d.settled).map(([rs]) => rs);
  function pay(data: Uint8Array): { code: Code; data: Uint8Array } {
    const asked = challenge.decode(data)!;
    const known = token.debits.get(hex(asked.rs));
    if (known)
      return known.challenge === hex(data)
        ? { code: 'OK', data: known.answer }
        : { code: 'CHALLENGE_CONFLICT', data: none };
    if (token.refuses) return { code: token.refuses, data: none };
    const signature = keyOf(n).sign(token.forges ? SIGNED.receipt : SIGNED.payment, data);
    const answer = payment.encode({ amount: asked.amount, signature });
    if (!token.forges)
      token.debits.set(hex(asked.rs), { challenge: hex(data), answer, amount: asked.amount, settled: false });
    return { code: 'OK', data: answer };
  }
  const token: Token = {
    n,
    license: licenseFor(n),
    debits: new Map(),
    refuses: null,
    multiples: multiplesFor(n),
    forges: false,
    answer(ins, data) {
      if (ins === INS.open) return { code: 'OK', data: Uint8Array.of(...token.license, unsettled().length) };
      if (ins === INS.challenge) return pay(data);
      if (ins === INS.amount && token.says === null) return { code: 'AMOUNT_NEEDED', data: none };
      if (ins === INS.amount && token.says !== undefined) {
        const y = new Uint8Array(8);
        writeAmount(y, 0, typeof token.says === 'number' ? token.says : 0);
        return { code: 'OK', data: y };
      }
      if (ins === INS.ack) {
        const debit = token.debits.get(hex(chargeId.decode(data)!.rs));
        if (debit) debit.settled = true;
        return { code: debit ? 'OK' : 'NO_CHARGE', data: none };
      }
      if (ins === INS.recall) {
        const rs = unsettled()[recallRequest.decode(data)!.index];
        return rs === undefined
          ? { code: 'NO_CHARGE', data: none }
          : { code: 'OK', data: new Uint8Array(Buffer.from(rs, 'hex')) };
      }
      if (ins === INS.multiples && token.multiples) return { code: 'OK', data: token.multiples };
      return ins === INS.identity ? { code: 'OK', data: Uint8Array.of(7, 7) } : { code: 'BAD_REQUEST', data: none };
    },
  };
  return token;
}

/** The bridge: its disk, and its moods. */
export interface Bridge {
  up: boolean;
  /** Histories by identity (PKU, IdS, Rs), in hex; how often each came. */
  stored: Map<string, number>;
  tombstones: Map<string, number>;
  amounts: Map<string, number>;
  reports: TapReport[];
  alarms: Code[];
  /** 'yes' says OK to everything, 'no' refuses everything, 'silent' never answers. */
  verifies: 'truly' | 'yes' | 'no' | 'silent';
  /** Stores, and then loses the answer. */
  forgets: boolean;
  /** Refuses histories of this amount. */
  refusesAmount: number;
  bringsTime: boolean;
  asked: string[];
  /** Asked with timeWanted. */
  nonces: Uint8Array[];
}

export interface Rig {
  scheduler: VirtualScheduler;
  flash: EmulatedFlash;
  bridge: Bridge;
  field: {
    token: Token | null;
    /** Tears at the n-th command from now: the token has done it ('after') or not heard it ('before'). */
    tear: { left: number; when: 'before' | 'after' } | null;
    broken: boolean;
    /** The reader starts, but fails when it searches. */
    halfBroken: boolean;
    /** Of the protocol, that the token says it speaks. */
    version: number;
    commands: number;
  };
  screen: string[][];
  /** What LED and buzzer played. */
  signals: number[][];
  terminal: Terminal;
  till: Till;
  /** Checks made on the board. */
  boardChecks: { count: number };
  timeS: number;
  /** Power-up on what the flash holds. Whatever ran before is dead. */
  boot(): void;
  /** Brings the link up or down. */
  link(up: boolean): void;
  ask(kind: number, body: Uint8Array): { code: Code | null; data: Uint8Array };
  /** Opens charge `n`, which is its id and its number. */
  charge(n: number, amount: number, lifetimeS?: number): Code | null;
  cancel(n: number): Code | null;
  state(): string;
  /** Holds a token to the reader until the payment is kept or `limitMs` passed, then takes it away. */
  tap(token: Token, limitMs?: number): string;
  run(ms: number): void;
}

/** Whether the flash, read as at a power-up, holds a history for the charge, or says that the bridge has it. */
function isDurable(flash: EmulatedFlash): boolean {
  const opened = openRecordLog(
    { ...flash, write: () => undefined, erasePage: () => undefined } as EmulatedFlash,
    REGION,
    (b) => crc32(b) >>> 0,
  );
  if (!opened.ok) return false;
  const log = opened.log;
  const histories = openHistoryLog(log, 128);
  const parts = {
    records: log,
    histories,
    tombstones: openTombstoneLog(log),
    notices: openNotices(log, LIMITS, () => 0, areaAt(flash, DENY_AT)),
    random: (n: number) => new Uint8Array(n),
    sign: () => new Uint8Array(64),
  };
  const state = openTill(parts, CONFIG).view().state;
  return state === CHARGE_STATES.paid || state === CHARGE_STATES.accepted;
}

export function createRig(): Rig {
  const scheduler = createVirtualScheduler();
  const flash = createEmulatedFlash({
    address: REGION.address,
    bytes: REGION.pages * REGION.pageBytes + 2 * HALF_BYTES,
    pageBytes: REGION.pageBytes,
  });
  const bridge: Bridge = {
    up: false,
    stored: new Map(),
    tombstones: new Map(),
    amounts: new Map(),
    reports: [],
    alarms: [],
    verifies: 'truly',
    forgets: false,
    refusesAmount: 0,
    bringsTime: true,
    asked: [],
    nonces: [],
  };
  const field: Rig['field'] = {
    token: null,
    tear: null,
    broken: false,
    halfBroken: false,
    version: WIRE_VERSION,
    commands: 0,
  };
  const screen: string[][] = [];
  const signals: number[][] = [];
  const boardChecks = { count: 0 };
  let life = 0; // number of the power-up; what belongs to an earlier one is dead
  let alive = true; // false from a power cut to the next boot
  let drawn = 0;
  let denyVersion = 0;

  /** Runs a callback of this power-up later. A power cut ends it silently, as it does on a board. */
  function later(born: number, callback: () => void, delayMs: number): any {
    return scheduler.setTimer(() => {
      if (born !== life) return;
      try {
        callback();
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        life++;
        alive = false;
      }
    }, delayMs);
  }

  function verdict(body: Uint8Array): Code | null {
    bridge.asked.push('verify');
    if (bridge.verifies === 'silent') return null;
    if (bridge.verifies === 'yes') return 'OK';
    const bytes = body.subarray(1);
    if (body[0] === VERIFY.license) return bridge.verifies === 'no' || !licenseIsGood(bytes) ? 'LICENSE_INVALID' : 'OK';
    return bridge.verifies === 'no' || !paymentIsGood(historyOfPayment(bytes)) ? 'SIGNATURE_INVALID' : 'OK';
  }

  function onBridge(born: number, kind: number, body: Uint8Array): Code | null {
    if (kind === KIND.verify) return verdict(body);
    if (kind === KIND.history) {
      const h = history.decode(body)!;
      const paid = challenge.decode(h.challenge)!;
      if (paid.amount === bridge.refusesAmount) return 'SIGNATURE_INVALID';
      const identity = hex(licenseBody.decode(license.decode(h.license)!.body)!.pku) + paid.shop + hex(paid.rs);
      bridge.stored.set(identity, (bridge.stored.get(identity) ?? 0) + 1);
      bridge.amounts.set(identity, paid.amount);
      return bridge.forgets ? null : 'OK';
    }
    if (kind === KIND.tombstone) {
      const stone = tombstone.decode(body)!;
      if (!verifies(TERMINAL.publicKey, SIGNED.tombstone, stone.chargeId, stone.signature)) return 'SIGNATURE_INVALID';
      const rs = hex(chargeId.decode(stone.chargeId)!.rs);
      bridge.tombstones.set(rs, (bridge.tombstones.get(rs) ?? 0) + 1);
      return bridge.forgets ? null : 'OK';
    }
    if (kind === KIND.tap) bridge.reports.push(tapReport.decode(body)!);
    if (kind === KIND.alarm) bridge.alarms.push(codeOf(body[0]));
    if (kind === KIND.timeWanted) bridge.nonces.push(body);
    if (kind === KIND.timeWanted && bridge.bringsTime) {
      later(born, () => rig.terminal.onRequest(KIND.time, makeTime(rig.timeS, body), () => undefined), 5);
    }
    return 'OK';
  }

  /** Questions to the bridge of which only the beginning was sent. */
  const begun = new Set<object>();

  function createLink(born: number) {
    type Done = (code: Code, body: Uint8Array) => void;
    function ask(kind: number, body: Uint8Array, done: Done, timeoutMs: number): void {
      const copy = body.slice();
      const up = bridge.up;
      later(
        born,
        () => {
          const code = up && bridge.up ? onBridge(born, kind, copy) : 'LINK_DOWN';
          if (code !== null) done(code, new Uint8Array(0));
          else later(born, () => done('NO_ANSWER', new Uint8Array(0)), timeoutMs);
        },
        2,
      );
    }
    return {
      up: () => bridge.up,
      request: ask,
      begin(kind: number, start: Uint8Array, restBytes: number) {
        if (!bridge.up) return null;
        const request = { kind, known: start.slice(), restBytes };
        begun.add(request);
        return request;
      },
      finish(request: any, rest: Uint8Array, done: Done, timeoutMs: number) {
        const givenUp = rest.length === 0 && request.restBytes > 0;
        if (!begun.delete(request) || (!givenUp && rest.length !== request.restBytes))
          throw new Error('a question to the bridge ended wrongly');
        if (!givenUp) ask(request.kind, concat([request.known, rest]), done, timeoutMs);
      },
    } as unknown as BridgeLink;
  }

  function createReader(born: number) {
    let cancelled: (() => void) | null = null;
    return {
      init: (done: any) =>
        void later(born, () => done(field.broken ? { ok: false, code: 'PN532_NO_ACK' } : { ok: true }), 5),
      findCard(done: any, timeoutMs: number) {
        const endMs = scheduler.nowMs() + timeoutMs;
        let over = false;
        cancelled = () => {
          over = true;
          cancelled = null;
          done({ ok: false, code: 'CANCELLED' });
        };
        const look = (): void => {
          if (over) return;
          let result: any = null;
          if (field.broken || field.halfBroken) result = { ok: false, code: 'PN532_NO_ACK' };
          else if (field.token)
            result = { ok: true, card: { uid: Uint8Array.of(8, 1, 2, 3), selRes: 0x20, ats: new Uint8Array(0) } };
          else if (scheduler.nowMs() >= endMs) result = { ok: false, code: 'NO_CARD' };
          if (result === null) return void later(born, look, 40);
          over = true;
          cancelled = null;
          done(result);
        };
        later(born, look, 12);
      },
      prepare: () => {
        throw new Error('not used');
      },
      transceive: () => {
        throw new Error('not used');
      },
      release: (done: any) => void later(born, () => done({ ok: true }), 2),
      cancel: () => cancelled?.(),
    };
  }

  function createClient(born: number) {
    const run = (work: (token: Token) => { sw: number; data: Uint8Array }, done: any): void =>
      void later(
        born,
        () => {
          field.commands++;
          const tear = field.tear && field.tear.left-- === 0 ? field.tear : null;
          const token = field.token;
          if (tear) field.tear = null;
          const result = token && tear?.when !== 'before' ? work(token) : null;
          if (tear) field.token = null;
          done(result && !tear ? { ok: true, ...result } : { ok: false, code: 'RF_LOST' });
        },
        20,
      );
    const send = ({ ins, data }: { ins: number; data: Uint8Array }, done: any): void => {
      const copy = data.slice();
      if (ins === INS_SELECT)
        run(() => ({ sw: 0x9000, data: selectAnswer.encode({ version: field.version, commandBytesMax: 200 }) }), done);
      else
        run((token) => {
          const a = token.answer(ins, copy);
          return { sw: statusWord(a.code), data: a.data };
        }, done);
    };
    // As in a frame: what is prepared does not change any more.
    const encode = (cla: number, ins: number, p1: number, p2: number, data: Uint8Array) => ({
      cla,
      ins,
      p1,
      p2,
      data: data.slice(),
      whole: null,
    });
    return {
      encode,
      send,
      command: (cla: number, ins: number, p1: number, p2: number, data: Uint8Array, done: any) =>
        send(encode(cla, ins, p1, p2, data), done),
      setLimits: () => undefined,
    };
  }

  /** A cut that strikes while the board starts makes it start again. */
  function boot(): void {
    for (;;) {
      try {
        return start();
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
      }
    }
  }

  function start(): void {
    const born = ++life;
    alive = true;
    flash.powerOn();
    const opened = openRecordLog(flash, REGION, (bytes) => crc32(bytes) >>> 0);
    if (!opened.ok) throw new Error(`${opened.code} at 0x${opened.address.toString(16)}`);
    const log = opened.log;
    const startMs = scheduler.nowMs();
    const clock = {
      setTimeout: (f: () => void, ms: number) => later(born, f, ms),
      clearTimeout: (t: any) => scheduler.clearTimer(t),
      nowMs: () => scheduler.nowMs() - startMs,
    };
    const histories = openHistoryLog(log, 128);
    const tombstones = openTombstoneLog(log);
    const notices = openNotices(log, LIMITS, clock.nowMs, areaAt(flash, DENY_AT));
    const random = (count: number): Uint8Array =>
      new Uint8Array(
        createHash('sha512')
          .update('random' + drawn++)
          .digest(),
      ).slice(0, count);
    rig.till = openTill({ records: log, histories, tombstones, notices, random, sign: TERMINAL.sign }, CONFIG);
    const checked = (good: boolean): boolean => {
      boardChecks.count++;
      return good;
    };
    rig.terminal = createTerminal({
      createKeys: createEntryKeys,
      loadOpen: () => createOpenAmount,
      records: log,
      config: CONFIG,
      till: rig.till,
      histories,
      tombstones,
      notices,
      clock,
      random,
      reader: createReader(born) as any,
      client: createClient(born) as any,
      link: createLink(born),
      display: {
        show(lines: string[], tone: Tone) {
          screen.push(lines);
          const tones: { [headline: string]: Tone } = {
            PAID: GOOD,
            ACCEPTED: UNSURE,
            ALARM: BAD,
            'NO CHARGE': BAD,
          };
          expect([lines[0], tone]).toEqual([lines[0], tones[lines[0]] ?? PLAIN]);
          if ((lines[0] === 'PAID' || lines[0] === 'ACCEPTED') && !isDurable(flash))
            throw new Error(lines[0] + ' shown before H was durable');
          const hasAmount = lines[0] === 'PAID' || lines[0] === 'HOLD';
          if (hasAmount && lines.slice(1).join('') !== amountText(rig.till.view().amount, 'EUR'))
            throw new Error(lines[0] + ' shows another amount');
        },
        draw: () => true,
        broken: () => false,
      },
      indicator: {
        play: (durationsMs: number[]) => void signals.push(durationsMs),
        blink: () => undefined,
        announce: () => undefined,
        stop: () => undefined,
      } as any,
      board: { license: (bytes) => checked(licenseIsGood(bytes)), payment: (bytes) => checked(paymentIsGood(bytes)) },
      verifyIssuer: verifyMark,
      sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
      publicKey: TERMINAL.publicKey,
      sign: TERMINAL.sign,
      work: () => log.tidy(),
      makeRoom: () => undefined,
      memory: () => ({ used: 1, total: 2 }),
      flashWrites: () => log.writes() + log.erases(),
      firmware: 0xfa1b2c3d,
    });
    rig.terminal.start();
    if (bridge.up) rig.link(true);
  }

  const rig: Rig = {
    scheduler,
    flash,
    bridge,
    field,
    screen,
    signals,
    boardChecks,
    terminal: null as any,
    till: null as any,
    timeS: NOW_S,
    boot,
    link(up) {
      const was = bridge.up;
      bridge.up = up;
      if (!alive) return;
      if (up) {
        rig.terminal.onUp();
        rig.ask(KIND.denyList, makeDenyList(++denyVersion, rig.timeS, []));
      } else if (was) rig.terminal.onDown();
    },
    ask(kind, body) {
      const result = { code: null as Code | null, data: new Uint8Array(0) };
      const born = life;
      later(
        born,
        () =>
          rig.terminal.onRequest(kind, body, (code, data) => {
            result.code = code;
            result.data = data ? new Uint8Array(data) : result.data;
          }),
        0,
      );
      scheduler.runUntil(() => result.code !== null || born !== life, 5000);
      return result;
    },
    charge: (n, amount, lifetimeS = 300) =>
      rig.ask(KIND.charge, chargeRequest.encode({ number: n, id: idOf(n), amount, lifetimeS })).code,
    cancel: (n) => rig.ask(KIND.cancel, idOf(n)).code,
    state: () => Object.entries(CHARGE_STATES).find(([, value]) => value === rig.till.view().state)![0],
    tap(token, limitMs = 3000) {
      const born = life;
      field.token = token;
      scheduler.runUntil(() => rig.state() !== 'open' || field.token === null || born !== life, limitMs);
      // The card stays for the acknowledgement.
      if (field.token && born === life) scheduler.runUntil(() => field.token === null, 400);
      field.token = null;
      field.tear = null;
      // Away for long enough that the terminal sees it.
      scheduler.runUntil(() => false, 800);
      return rig.state();
    },
    run: (ms) => scheduler.advance(ms),
  };
  boot();
  rig.run(20);
  return rig;
}

export const lastLine = (rig: Rig): string => rig.screen[rig.screen.length - 1][0];
