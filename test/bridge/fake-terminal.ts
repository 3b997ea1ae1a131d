/**
 * A terminal endpoint for the bridge's tests: the real link session, and the bridge's requests answered as a terminal
 * does, without radio, flash and signatures. The firmware's own terminal is tested elsewhere.
 */
import { crc32 } from 'node:zlib';
import { equal, fromChars, toChars } from '../../firmware/core/bytes.js';
import { codeNumber, type Code } from '../../firmware/core/codes.js';
import {
  CHARGE_STATES,
  chargeRequest,
  deskRequest,
  KIND,
  tapReport,
  terminalStatus,
} from '../../firmware/wire/link/link-messages.js';
import { retiredBody, signedRetired } from '../../firmware/wire/notices.js';
import { refundBody } from '../../firmware/wire/refund.js';
import { SIGNED, WIRE_VERSION } from '../../firmware/wire/signed.js';
import { createLinkSession, ROLE, type LinkSession } from '../../firmware/wire/link/link-session.js';
import type { Signer } from '../../host-bridge/base/crypto/signer.js';
import { readDenyMessage } from '../../host-bridge/base/deny-lists.js';
import type { Scheduler } from '../../host-bridge/base/scheduler.js';
import type { SerialEnd } from '../../host-bridge/serial/serial-line.js';
import type { FakeToken } from './fake-token.js';
import { ISSUER, registrarKey, rsOf, SHOP, TERMINAL_ID, terminalKey } from '../kit/histories.js';

export interface FakeTerminal {
  link: LinkSession;
  /** The token at the reader. */
  token: FakeToken | null;
  charge: { id: Uint8Array; amount: number; lifetimeS: number; state: number } | null;
  /** Charges opened, over all time. */
  opened: number;
  times: Uint8Array[];
  /** Requests to sign a refund, over all time. */
  refunds: number;
  denyVersion: number;
  /** The last notice on itself: said at `timeS`. */
  notice: { timeS: number; retired: boolean };
  terminalId: Uint8Array;
  /** What a desk command comes to instead of its answer; after its effect if `late`. */
  /** The last number of a charge. */
  chargeNumber: number;
  /** What names its program; empty: one from before terminals told it. */
  firmware: Uint8Array;
  deskFault: ((ins: number) => { code: Code; late: boolean; data?: Uint8Array } | null) | null;
  /** What any request comes to instead, before it has an effect; null for the effect. */
  refuseWith: ((kind: number) => Code | null) | null;
  /** Answers that never come. */
  mute: ((kind: number) => boolean) | null;
  /** Desk commands carried out, by instruction. */
  desk: number[];
  request(kind: number, body: Uint8Array, timeoutMs?: number): Promise<{ code: Code; body: Uint8Array }>;
  /** Changes the charge's state; reports it unless `silent`. */
  tap(state: keyof typeof CHARGE_STATES, code?: Code, silent?: boolean): void;
  /** Off and on again; flash is kept. */
  reboot(): void;
  off(): void;
}

/** @param key what it signs with */
export function createFakeTerminal(
  scheduler: Scheduler,
  end: SerialEnd,
  burstBytesMax = 64,
  key: Signer = terminalKey,
): FakeTerminal {
  let boots = 0;
  const NOTHING = new Uint8Array(0);
  const terminal: FakeTerminal = {
    ...{
      link: null as unknown as LinkSession,
      token: null,
      charge: null,
      opened: 0,
      chargeNumber: 0,
      firmware: new Uint8Array([0xfa, 0x1b, 0x2c, 0x3d]),
      refunds: 0,
      times: [],
      denyVersion: 0,
      notice: { timeS: 0, retired: false },
      terminalId: TERMINAL_ID,
      desk: [],
    },
    ...{ deskFault: null, refuseWith: null, mute: null, request, tap, reboot, off: () => terminal.link.stop() },
  };

  function openCharge(body: Uint8Array): Code {
    const asked = chargeRequest.decode(body);
    if (!asked) return 'AMOUNT_INVALID';
    const { charge } = terminal;
    if (charge && equal(charge.id, asked.id)) {
      if (charge.state === CHARGE_STATES.paid) return 'ALREADY_PAID';
      return charge.state === CHARGE_STATES.cancelled ? 'NO_CHARGE' : 'OK';
    }
    if (charge && (charge.state === CHARGE_STATES.open || charge.state === CHARGE_STATES.accepted))
      return 'CHARGE_OPEN';
    if (terminal.notice.retired) return 'TERMINAL_RETIRED';
    if (asked.number <= terminal.chargeNumber) return 'NOT_NEWER';
    terminal.chargeNumber = asked.number;
    terminal.charge = { ...asked, state: CHARGE_STATES.open };
    terminal.opened++;
    return 'OK';
  }
  function cancel(id: Uint8Array): Code {
    const { charge } = terminal;
    if (!charge || !equal(charge.id, id)) return 'NO_CHARGE';
    if (charge.state === CHARGE_STATES.paid) return 'ALREADY_PAID';
    if (charge.state === CHARGE_STATES.accepted) return 'BUSY';
    charge.state = CHARGE_STATES.cancelled;
    return 'OK';
  }
  function takeDenyList(body: Uint8Array): Code {
    const { fromVersion, toVersion, total, first, changes } = readDenyMessage(body)!.body;
    if (toVersion <= terminal.denyVersion) return 'NOT_NEWER';
    if (fromVersion !== 0 && fromVersion !== terminal.denyVersion) return 'LIST_MISMATCH';
    if (first + changes.length / 4 === total) terminal.denyVersion = toVersion;
    return 'OK';
  }
  function takeNotice(body: Uint8Array): Code {
    const { terminalId, timeS, retired } = retiredBody.decode(signedRetired.decode(body)!.body)!;
    if (!equal(terminalId, terminal.terminalId)) return 'BAD_REQUEST';
    if (timeS <= terminal.notice.timeS) return 'NOT_NEWER';
    terminal.notice = { timeS, retired: retired === 1 };
    return 'OK';
  }
  function runDesk(body: Uint8Array, reply: (code: Code, body?: Uint8Array) => void): void {
    const { timeoutMs, ins, data } = deskRequest.decode(body)!;
    if (!terminal.token) return void scheduler.setTimer(() => reply('NO_TOKEN'), timeoutMs);
    const fault = terminal.deskFault?.(ins) ?? null;
    scheduler.setTimer(() => {
      if (fault && !fault.late) return reply(fault.code, fault.data);
      terminal.desk.push(ins);
      const answer = terminal.token!.command(ins, data);
      reply(fault ? fault.code : answer.code, fault || answer.code !== 'OK' ? NOTHING : answer.data);
    }, 80);
  }
  function signRefund(body: Uint8Array, reply: (code: Code, body?: Uint8Array) => void): void {
    const asked = refundBody.decode(body)!;
    terminal.refunds++;
    if (!equal(asked.terminalId, terminal.terminalId) || asked.shop !== SHOP) reply('WRONG_NAME');
    else reply('OK', key.sign(SIGNED.refund, body));
  }
  function onRequest(kind: number, body: Uint8Array, reply: (code: Code, body?: Uint8Array) => void): void {
    if (terminal.mute?.(kind)) return;
    const refused = terminal.refuseWith?.(kind);
    if (refused) return reply(refused);
    if (kind === KIND.charge) reply(openCharge(body));
    else if (kind === KIND.cancel) reply(cancel(body));
    else if (kind === KIND.denyList) reply(takeDenyList(body));
    else if (kind === KIND.retired) reply(takeNotice(body));
    else if (kind === KIND.desk) runDesk(body, reply);
    else if (kind === KIND.refund) signRefund(body, reply);
    else if (kind === KIND.time) {
      terminal.times.push(body);
      reply('OK');
    } else if (kind === KIND.status) {
      const counts = { historiesPending: 0, tombstonesPending: 0, variablesUsed: 1, variablesTotal: 2, flashWrites: 3 };
      const chargeState = terminal.charge?.state ?? 0;
      const { terminalId, denyVersion } = terminal;
      reply(
        'OK',
        terminalStatus.encode({
          version: WIRE_VERSION,
          issuer: ISSUER,
          terminalId,
          terminalKey: key.publicKey,
          timeS: 0,
          denyVersion,
          registrar: registrarKey.publicKey.slice(0, 4),
          chargeState,
          chargeNumber: terminal.chargeNumber,
          shop: SHOP,
          firmware: terminal.firmware,
          ...counts,
        }),
      );
    } else reply('BAD_REQUEST');
  }
  function request(kind: number, body: Uint8Array, timeoutMs = 10_000): Promise<{ code: Code; body: Uint8Array }> {
    return new Promise((resolve) =>
      terminal.link.request(kind, body, (code, answer) => resolve({ code, body: answer }), timeoutMs),
    );
  }
  function tap(state: keyof typeof CHARGE_STATES, code: Code = 'OK', silent = false): void {
    const charge = terminal.charge!;
    charge.state = CHARGE_STATES[state];
    if (silent) return;
    const times = {
      selectMs: 11,
      licenseMs: 12,
      challengeMs: 13,
      verifyMs: 14,
      flashMs: 15,
      paidMs: state === 'paid' ? 65 : 0,
      flashWrites: 2,
    };
    const report = tapReport.encode({
      chargeId: charge.id,
      rs: rsOf(terminal.opened),
      amount: charge.amount,
      chargeState: charge.state,
      code: codeNumber(code),
      ...times,
    });
    void request(KIND.tap, report);
  }
  function reboot(): void {
    if (terminal.link) terminal.link.stop();
    const link = createLinkSession({
      role: ROLE.terminal,
      burstBytesMax,
      clock: {
        setTimeout: (callback, delayMs) => scheduler.setTimer(callback, delayMs),
        clearTimeout: (timer) => scheduler.clearTimer(timer),
      },
      crc32: (bytes) => crc32(bytes),
      write: (bytes) => end.write(toChars(bytes)),
      random32: () => ++boots * 0x01000193,
      onRequest,
      onUp: () => undefined,
      onDown: () => undefined,
    });
    terminal.link = link;
    end.onData = (data) => link.receive(fromChars(data));
    link.start();
  }
  reboot();
  return terminal;
}
