/**
 * The conversation with one token, from SELECT to the acknowledgement of its debits (docs/architecture.md 4).
 *
 *   SELECT, OPEN, check of the license, CHALLENGE, check of the payment, H durable, PAID, ACK, RECALL
 *
 * It can end anywhere: what is durable then is the till's affair, and tapping again goes on from there. After PAID
 * nothing that the token does changes the result; a debit whose ACK got lost is offered by the token at its next tap
 * here.
 */
import { Code, codeOfStatusWord, SW_OK } from '../core/codes.js';
import { ApduClient, ApduResult, INS_SELECT, PreparedCommand } from '../nfc/iso-dep-client.js';
import type { NfcCode } from '../nfc/pn532-link.js';
import type { BegunRequest } from '../wire/link/link-session.js';
import { chargeId, LICENSE_BYTES, PAYMENT_BYTES, RS_BYTES } from '../wire/payment.js';
import { WIRE_VERSION } from '../wire/signed.js';
import { AID, CLA, INS, recallRequest } from '../wire/token-commands.js';
import { Checker } from './checker.js';
import { HISTORY_AT } from './shop-records.js';
import { Till } from './till.js';
import type { Completed, Judged } from './till-phases.js';

/** What a tap works with. */
export interface TapParts {
  till: Till;
  checker: Checker;
  client: ApduClient;
  /** IdS. */
  shop: string;
  nowMs(): number;
  /** Radio or reader failed: `codeOfNfc`, and whatever else is to be done about it. */
  onFailure(code: NfcCode): Code;
  /** Of a charge whose y its payer says: it is asked of this token, before OPEN. */
  openAmount(): { ask(send: SendCommand, done: (code: Code) => void): void };
  /** The token signs: the time for what else its answer needs. */
  onSigning(): void;
  /** H is durable: show what the till says. */
  onKept(): void;
  /** It shows, and the token waits for nothing: what else there is to do about it. */
  onShown(): void;
}

/** A command to the token, whose answer has `le` bytes; `then` gets its code. */
export type SendCommand = (
  ins: number,
  data: Uint8Array,
  le: number,
  then: (code: Code, data: Uint8Array) => void,
) => void;

/** How a tap went. Durations in milliseconds: of each phase, and `paidMs` from the start until PAID showed (else 0). */
export interface TapOutcome {
  /** OK when the payment was kept; else why not. */
  code: Code;
  /** With UPDATE_NEEDED: it is this terminal that is older, not the token. */
  isOlder: boolean;
  selectMs: number;
  /** OPEN and the check of the license. */
  licenseMs: number;
  /** CHALLENGE, with the token's signature and its flash. */
  challengeMs: number;
  verifyMs: number;
  /** Our own flash writes. */
  flashMs: number;
  paidMs: number;
}

/** Phases, in their order, by what ends them. */
const START = 0;
const SELECTED = 1;
const LICENSED = 2;
const BOUND = 3;
const ANSWERED = 4;
const VERIFIED = 5;
const KEPT = 6;
const PAID = 7;

/** Bytes of `selectAnswer`. */
const SELECT_ANSWER_BYTES = 2;
/** Debits acknowledged in one tap besides that of its own charge. */
const RECALLS_MAX = 16;
/** Tries to give the charge to a token: the second one after a new Rs. */
const ROUNDS_MAX = 2;

/**
 * The tap's code for a failure of radio or reader. A reader that stays broken is found out when it is started again.
 */
export function codeOfNfc(code: NfcCode): Code {
  if (code === 'NO_CARD' || code === 'CARD_UNSUPPORTED') return 'NO_TOKEN';
  if (code === 'TOO_LONG') return 'BAD_REQUEST';
  return code === 'BUSY' || code === 'CANCELLED' ? 'BUSY' : 'TAP_TORN';
}

/** SELECT of our application. */
export function encodeSelect(client: ApduClient): PreparedCommand {
  return client.encode(0x00, INS_SELECT, 0x04, 0x00, AID, SELECT_ANSWER_BYTES);
}

/**
 * SELECT: OK once a token of our version answers, UPDATE_NEEDED for one of another; NO_TOKEN for any other card.
 * @param select from `encodeSelect` @param done gets the encoded `selectAnswer` with the first two
 */
export function selectToken(
  client: ApduClient,
  select: PreparedCommand,
  onFailure: (code: NfcCode) => Code,
  done: (code: Code, data?: Uint8Array) => void,
): void {
  client.send(select, function (result: ApduResult) {
    if (!result.ok) return done(onFailure(result.code));
    // Encoded `selectAnswer`.
    if (result.sw !== SW_OK || result.data.length === 0) return done('NO_TOKEN');
    // The first byte in all versions.
    if (result.data[0] !== WIRE_VERSION) return done('UPDATE_NEEDED', result.data);
    if (result.data.length !== SELECT_ANSWER_BYTES) return done('NO_TOKEN');
    client.setLimits(result.data[1]);
    done('OK', result.data);
  });
}

/**
 * Makes the tap of the till's open charge. What comes back, called once, talks to the token that the reader has found;
 * `done` is then called exactly once.
 */
export function createTap(parts: TapParts, done: (outcome: TapOutcome) => void): () => void {
  const till = parts.till;
  const ahead = till.ahead;
  let tapCode: Code = 'OK';
  // When each phase ended, the last time; 0 for those that were not reached. In an array, for a number is two
  // variables.
  const endMs = new Float64Array(8);
  let rounds = 0;
  let unacknowledged = 0;
  let opened: Uint8Array = new Uint8Array(0);
  let counter = 0; // of its Rs
  let licenseBytes: Uint8Array = opened;
  let pku: Judged;
  let begun: BegunRequest | null = null; // the bridge's check of the payment
  let over = false;
  let isOlder = false;

  function encodeOpen(): void {
    opened = till.opening();
    counter = till.view().counter;
    ahead.open = parts.client.encode(CLA, INS.open, 0, 0, opened, LICENSE_BYTES + 1);
  }

  /** Nothing more comes of the challenge, and what was made ready for its answer. */
  function release(): void {
    till.release();
    if (begun) parts.checker.drop(begun);
    begun = null;
  }

  function end(): void {
    over = true;
    release();
    const tookMs = new Uint32Array(KEPT + 1);
    for (let i = SELECTED; i <= KEPT; i++) tookMs[i] = Math.max(0, Math.round(endMs[i] - endMs[i - 1]));
    done({
      code: tapCode,
      isOlder: isOlder,
      selectMs: tookMs[SELECTED],
      licenseMs: tookMs[LICENSED],
      challengeMs: tookMs[ANSWERED],
      verifyMs: tookMs[VERIFIED],
      flashMs: tookMs[BOUND] + tookMs[KEPT],
      paidMs: endMs[PAID] > 0 ? Math.max(1, Math.round(endMs[PAID] - endMs[START])) : 0,
    });
  }

  /** The payment came to nothing; the token may still have debits to settle. */
  function fail(code: Code): void {
    release();
    tapCode = code;
    recall(0, unacknowledged < RECALLS_MAX ? unacknowledged : RECALLS_MAX);
  }

  /** Sends a command, whose answer has `le` bytes; `then` gets the token's code. Without an answer the tap is over. */
  function send(ins: number, data: Uint8Array, le: number, then: (code: Code, data: Uint8Array) => void): void {
    sendCommand(parts.client.encode(CLA, ins, 0, 0, data, le), then);
  }

  function sendCommand(command: PreparedCommand, then: (code: Code, data: Uint8Array) => void): void {
    parts.client.send(command, function (result: ApduResult) {
      if (result.ok) {
        then(codeOfStatusWord(result.sw), result.data);
        return;
      }
      const code = parts.onFailure(result.code);
      if (endMs[PAID] === 0 && tapCode === 'OK') tapCode = code;
      end();
    });
  }

  function recall(index: number, left: number): void {
    if (left === 0) return end();
    send(INS.recall, recallRequest.encode({ index: index, shop: parts.shop }), RS_BYTES, function (code, data) {
      if (code !== 'OK' || data.length !== RS_BYTES) return end();
      if (!till.wasPaid(data)) return recall(index + 1, left - 1);
      send(INS.ack, chargeId.encode({ rs: data, shop: parts.shop }), 0, function (acked) {
        if (acked === 'OK') recall(index, left - 1);
        else end();
      });
    });
  }

  function keep(record: Completed, verified: boolean): void {
    till.keep(record, verified);
    endMs[KEPT] = parts.nowMs();
    parts.onKept();
    endMs[PAID] = parts.nowMs();
    // Not the till's Rs of now: once H is kept, the next charge may come at any moment.
    send(INS.ack, opened, 0, function () {
      recall(0, unacknowledged < RECALLS_MAX ? unacknowledged : RECALLS_MAX);
    });
    parts.onShown();
  }

  function onAnswer(code: Code, data: Uint8Array): void {
    endMs[ANSWERED] = parts.nowMs();
    if (code !== 'OK') return fail(code);
    // Made while the token worked on this answer.
    const record = till.complete(ahead.record!, data);
    if (typeof record === 'string') return fail(record);
    const check = begun;
    begun = null;
    parts.checker.payment(record.subarray(HISTORY_AT), check, till.mayAccept(), fetchMultiples, function (checked) {
      endMs[VERIFIED] = parts.nowMs();
      if (checked === 'OK' || checked === 'LATER') keep(record, checked === 'OK');
      else fail(checked);
    });
  }

  /** The payment is in hand: a token that has gone, or has none, only makes its check take longer. */
  function fetchMultiples(then: (multiples: Uint8Array | null) => void): void {
    parts.client.command(CLA, INS.multiples, 0, 0, new Uint8Array(0), function (result: ApduResult) {
      if (!result.ok) parts.onFailure(result.code);
      then(result.ok && result.sw === SW_OK ? result.data : null);
    });
  }

  function onLicenseChecked(code: Code): void {
    endMs[LICENSED] = parts.nowMs();
    if (code !== 'OK') return fail(code);
    // While the bridge was asked, the clerk may have cancelled, and even opened another charge.
    if (counter !== till.view().counter) return fail('NO_CHARGE');
    const bound = till.bind(pku);
    endMs[BOUND] = parts.nowMs();
    if (bound === 'AGAIN') {
      if (++rounds < ROUNDS_MAX) {
        encodeOpen();
        begin();
      } else fail('BUSY');
      return;
    }
    if (typeof bound === 'string') return fail(bound);
    const command = ahead.challenge!;
    ahead.challenge = null;
    sendCommand(command, onAnswer);
    if (over) return;
    // While the token signs, what its answer needs is made ready; nothing of the payment is durable yet, or shows.
    begun = parts.checker.begin(licenseBytes, bound);
    till.expect(bound, licenseBytes);
    parts.onSigning();
  }

  function onOpened(code: Code, data: Uint8Array): void {
    if (code !== 'OK') return fail(code);
    if (data.length !== LICENSE_BYTES + 1) return fail('BAD_REQUEST');
    licenseBytes = data.subarray(0, LICENSE_BYTES);
    unacknowledged = data[LICENSE_BYTES];
    const judged = till.judge(licenseBytes);
    if (!judged.ok) return fail(judged.code);
    pku = judged.pku;
    parts.checker.license(licenseBytes, onLicenseChecked);
  }

  function open(): void {
    const command = ahead.open!;
    ahead.open = null;
    sendCommand(command, onOpened);
    if (!over) ahead.challenge = parts.client.encode(CLA, INS.challenge, 0, 0, till.draft(), PAYMENT_BYTES);
  }

  /** What is to be paid comes before who pays it. */
  function begin(): void {
    if (till.view().amount > 0) return open();
    parts.openAmount().ask(send, function (code) {
      if (code === 'OK') open();
      else fail(code);
    });
  }

  ahead.select = encodeSelect(parts.client);
  encodeOpen();
  till.placeCharge();
  return function () {
    endMs[START] = parts.nowMs();
    const command = ahead.select!;
    ahead.select = null;
    selectToken(parts.client, command, parts.onFailure, function (code, data) {
      endMs[SELECTED] = parts.nowMs();
      // A token that was there before the charge does not pay it.
      if (code === 'OK' && counter !== till.view().counter) code = 'NO_CHARGE';
      if (code === 'OK') begin();
      else {
        tapCode = code;
        isOlder = code === 'UPDATE_NEEDED' && data![0] > WIRE_VERSION;
        end();
      }
    });
  };
}
