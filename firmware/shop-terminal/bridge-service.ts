/**
 * What the bridge asks of the terminal (wire/link/link-messages.ts, "bridge to terminal"), answered.
 *
 * Every request is answered once. What takes seconds on the board (an issuer's signature to check, a tombstone to sign)
 * waits until no token is being talked to. The rules are the till's and the notices'; here they are only request.
 */
import { equal, writeU32 } from '../core/bytes.js';
import { Code } from '../core/codes.js';
import {
  CHARGE_ID_BYTES,
  CHARGE_STATES,
  chargeRequest,
  deskRequest,
  DeskRequest,
  KIND,
  terminalStatus,
} from '../wire/link/link-messages.js';
import { refundBody } from '../wire/refund.js';
import { SIGNED, WIRE_VERSION } from '../wire/signed.js';
import type { OpenAmount } from './open-amount.js';
import { HistoryLog } from './history-log.js';
import type { VerifyIssuer } from './deny-store.js';
import { IssuerNotices } from './issuer-notices.js';
import { Till, TillConfig } from './till.js';
import { TombstoneLog } from './tombstone-log.js';

/** Answers a request, once. */
export type Reply = (code: Code, body?: Uint8Array) => void;

/** What the answers are made from. */
export interface ServiceParts {
  config: TillConfig;
  till: Till;
  histories: HistoryLog;
  tombstones: TombstoneLog;
  notices: IssuerNotices;
  verifyIssuer: VerifyIssuer;
  /** Public key for tombstones and refunds, 32 bytes. */
  publicKey: Uint8Array;
  /** Signature by that key over a message of a type of SIGNED, 64 bytes. */
  sign(type: number, message: Uint8Array): Uint8Array;
  memory(): { used: number; total: number };
  /** Flash writes and erasures since power-up. */
  flashWrites(): number;
  /** By what the build names this program: a number of 32 bits. */
  firmware: number;
}

/** What the answers do to the terminal. */
export interface ServiceHooks {
  /** A token is being talked to. */
  inTap(): boolean;
  /** A desk command is under way. */
  atDesk(): boolean;
  /** Runs work when no token is being talked to. */
  whenQuiet(work: () => void): void;
  /** What takes charges that leave y to their payer. */
  openAmount(): OpenAmount;
  startDesk(request: DeskRequest, reply: Reply): void;
  /** A charge was opened. */
  onOpened(): void;
  /** The open charge is asked for again, and may wait for no longer than this, seconds. */
  onAsked(lifetimeS: number): void;
  /** The open charge was given up. */
  onCancelled(): void;
  /** Signed time was accepted. */
  onTime(): void;
  /** The issuer has said that another terminal has taken this one's place, or has taken that back. */
  onRetired(): void;
}

/** Whether a refund is this terminal's to sign: OK, BAD_REQUEST, WRONG_NAME. */
function refundCode(body: Uint8Array, config: TillConfig): Code {
  const request = refundBody.decode(body);
  if (!request) return 'BAD_REQUEST';
  const ours =
    equal(request.issuer, config.issuer) &&
    request.currency === config.currency &&
    equal(request.terminalId, config.terminalId) &&
    request.shop === config.shop;
  return ours ? 'OK' : 'WRONG_NAME';
}

/** Makes the handler of the bridge's requests. */
export function createBridgeService(
  parts: ServiceParts,
  hooks: ServiceHooks,
): { onRequest(kind: number, body: Uint8Array, reply: Reply): void; cancel(id: Uint8Array): Code } {
  const till = parts.till;

  function status(): Uint8Array {
    const memory = parts.memory();
    const firmware = new Uint8Array(4);
    writeU32(firmware, 0, parts.firmware);
    return terminalStatus.encode({
      version: WIRE_VERSION,
      issuer: parts.config.issuer,
      terminalId: parts.config.terminalId,
      terminalKey: parts.publicKey,
      timeS: parts.notices.timeSinceSignedS(),
      denyVersion: parts.notices.denyVersion(),
      historiesPending: parts.histories.count(),
      tombstonesPending: parts.tombstones.pending(),
      chargeState: till.view().state,
      chargeNumber: till.view().number,
      // 0 where the interpreter does not count them.
      variablesUsed: memory.used || 0,
      variablesTotal: memory.total || 0,
      flashWrites: parts.flashWrites(),
      registrar: parts.config.registrar,
      shop: parts.config.shop,
      firmware: firmware,
    });
  }

  function charge(body: Uint8Array, kept: OpenAmount | null): Code {
    // The layout holds no other value that can be wrong than the amount, so that a wrong length is all else.
    const request = kept ? kept.read(body) : chargeRequest.decode(body);
    if (!request) return body.length === CHARGE_ID_BYTES + 16 ? 'AMOUNT_INVALID' : 'BAD_REQUEST';
    if (hooks.atDesk()) return 'BUSY';
    const before = till.view();
    // 0 is a charge of the terminal's own.
    if (request.number === 0) return 'NOT_NEWER';
    let code = till.charge(request.id, request.amount, request.number, request.lifetimeS);
    if (kept) code = kept.opened(code);
    if (code === 'OK' && !equal(till.view().rs, before.rs)) hooks.onOpened();
    else if (code === 'OK') hooks.onAsked(request.lifetimeS);
    return code;
  }

  function cancel(id: Uint8Array): Code {
    if (id.length !== CHARGE_ID_BYTES) return 'BAD_REQUEST';
    const before = till.view().state;
    const code = till.cancel(id);
    if (code === 'OK' && before === CHARGE_STATES.open) hooks.onCancelled();
    return code;
  }

  function desk(body: Uint8Array, reply: Reply): void {
    const request = deskRequest.decode(body);
    if (!request) reply('BAD_REQUEST');
    else if (hooks.atDesk() || hooks.inTap() || till.view().state === CHARGE_STATES.open) reply('BUSY');
    else hooks.startDesk(request, reply);
  }

  /** Signs that the shop gives money back. Whether it was paid, and how much is left of it, the depositary knows. */
  function refund(body: Uint8Array, reply: Reply): void {
    const code = refundCode(body, parts.config);
    if (code !== 'OK') return reply(code);
    hooks.whenQuiet(function () {
      reply('OK', parts.sign(SIGNED.refund, body));
    });
  }

  function onTime(body: Uint8Array): Code {
    const code = parts.notices.acceptTime(body, parts.verifyIssuer);
    if (code === 'OK') hooks.onTime();
    return code;
  }

  function whenQuiet(reply: Reply, work: () => Code): void {
    hooks.whenQuiet(function () {
      reply(work());
    });
  }

  return {
    onRequest: function (kind, body, reply) {
      if (kind === KIND.status) reply('OK', status());
      else if (kind === KIND.charge) reply(charge(body, null));
      else if (kind === KIND.openCharge) reply(charge(body, hooks.openAmount()));
      else if (kind === KIND.desk) desk(body, reply);
      else if (kind === KIND.refund) refund(body, reply);
      // In a tap the answer must be quick, and is BUSY from CHALLENGE on; else the signature may take its time.
      else if (kind === KIND.cancel && hooks.inTap()) reply(cancel(body));
      else if (kind === KIND.cancel)
        whenQuiet(reply, function () {
          return cancel(body);
        });
      else if (kind === KIND.time)
        whenQuiet(reply, function () {
          return onTime(body);
        });
      else if (kind === KIND.denyList || kind === KIND.retired)
        whenQuiet(reply, function () {
          const code = parts.notices.accept(kind, body, parts.verifyIssuer);
          if (code === 'OK' && kind === KIND.retired) hooks.onRetired();
          return code;
        });
      else reply('BAD_REQUEST');
    },
    cancel: cancel,
  };
}
