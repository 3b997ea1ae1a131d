/**
 * PN532 as reader of one ISO/IEC 14443-4 type A card at 106 kbit/s: the shop terminal's side of a tap.
 *
 * Source: NXP UM0701-02: SAMConfiguration 7.2.10, GetFirmwareVersion 7.2.2, SetParameters 7.2.9, RFConfiguration 7.3.1,
 * InListPassiveTarget 7.3.5, InDataExchange 7.3.8, InRelease 7.3.11, error bytes 7.1. The chip does anticollision, RATS
 * and the block protocol of ISO/IEC 14443-4 by itself; here go whole APDUs.
 *
 * Left out: other cards and speeds, more than one target at a time, NAD and CID.
 */
import { concat } from '../core/bytes.js';
import type { Clock } from '../core/clock.js';
import { ANSWER_FRAME_BYTES, LinkCommand, LinkResult, NfcFailure, Pn532Link, rfFailure } from './pn532-link.js';

/** A card in the field. */
export interface CardInfo {
  /** NFCID1: 4, 7 or 10 bytes; 4 bytes beginning with 08 are random (ISO/IEC 14443-3 6.4.4). */
  uid: Uint8Array;
  /** SEL_RES (SAK); bit 5 is set, as the card speaks ISO/IEC 14443-4. */
  selRes: number;
  /** Answer to select without its length byte. */
  ats: Uint8Array;
}

export type FindResult = { ok: true; card: CardInfo } | NfcFailure;
export type ExchangeResult = { ok: true; data: Uint8Array } | NfcFailure;
export type DoneResult = { ok: true } | NfcFailure;

export interface Pn532Reader {
  /** Wakes and configures the chip. PN532_ERROR where the chip is another one or cannot read type A. */
  init(callback: (result: DoneResult) => void): void;
  /**
   * Waits for a card and activates it. Switches the field off before each search, so that a card left in the middle of
   * an exchange, or of its activation, starts anew. After a card that is no ISO/IEC 14443-4 card it searches once more
   * in the same field: a card that has been selected, or halted, does not answer the next REQA, but the one beside it
   * does (ISO/IEC 14443-3 6.3).
   * @param timeoutMs longest wait; afterwards NO_CARD, or CARD_UNSUPPORTED where only such cards were there
   * @param strangers not given: that is told at the end; else at once. Above 0 the card found before, which `release`
   * halted, counts as one of them: the first search leaves it in the field that it is in.
   */
  findCard(callback: (result: FindResult) => void, timeoutMs: number, strangers?: number): void;
  /**
   * Makes an APDU (1 to 262 bytes) ready to be sent, any number of times: what can be done while nobody waits for it.
   * @param answerBytesMax most bytes of its answer, status word included; one that is longer takes longer
   */
  frameOf(apdu: Uint8Array, answerBytesMax: number): PreparedApdu;
  /** Sends an APDU to the card that findCard found, and gives its answer. */
  transceive(apdu: PreparedApdu, callback: (result: ExchangeResult) => void): void;
  /**
   * Deselects the card and switches the field off. Also after an error; then its own result hardly matters.
   * @param halt leaves the field on: an ISO/IEC 14443-4 card is halted by S(DESELECT), for without it it would hear
   * what is meant for the next one
   */
  release(callback: (result: DoneResult) => void, halt?: boolean): void;
  /** Gives up what is under way; its callback gets CANCELLED. */
  cancel(): void;
}

/** An APDU in its frame; without one where it was too long. */
export type PreparedApdu = LinkCommand;

export interface ReaderOptions {
  /** Longest wait for a card's answer to one APDU, including the extensions it asks for. Default 10000. */
  exchangeTimeoutMs?: number;
  /** Pause between two searches for a card, at least 10. Default 40. */
  pollMs?: number;
}

const COMMAND_TIMEOUT_MS = 500;
/** ISO/IEC 14443-3 asks for 5 ms without field to reset a card. */
const FIELD_OFF_MS = 10;
/** A search takes three attempts of some ms each; 300 leaves room for a slow card's ATS. */
const SEARCH_TIMEOUT_MS = 300;
const DATA_BYTES_MAX = 262;
/** Bound on what an endless card can make us collect through the MI bit. */
const ANSWER_BYTES_MAX = 524;

const GET_FIRMWARE_VERSION = [0x02];
/** Normal mode, no SAM, no timeout, P70_IRQ used (7.2.10). */
const SAM_CONFIGURATION = [0x14, 0x01, 0x00, 0x01];
/** fAutomaticRATS and fAutomaticATR_RES, as after reset (7.2.9). */
const SET_PARAMETERS = [0x12, 0x14];
/** MxRtyCOM: a damaged block is asked for twice more (7.3.1, item 4). */
const RF_RETRIES = [0x32, 0x04, 0x02];
/** MxRtyATR FF, MxRtyPSL 1, MxRtyPassiveActivation 2: three attempts, then an answer (7.3.1, item 5). */
const RF_MAX_RETRIES = [0x32, 0x05, 0xff, 0x01, 0x02];
const RF_OFF = [0x32, 0x01, 0x00];
/** One target, 106 kbit/s type A (7.3.5). */
const IN_LIST_PASSIVE_TARGET = [0x4a, 0x01, 0x00];
/** Longest answer's frame to it that is expected: a UID of 4 bytes, an ATS of 20. Another card's takes longer. */
const TARGET_BYTES_MAX = 40;
const IN_RELEASE_ALL = [0x52, 0x00];
/** To the one target (7.3.8). */
const IN_DATA_EXCHANGE = [0x40, 0x01];

/**
 * The card in an answer to InListPassiveTarget (7.3.5, 106 kbit/s type A); null where there is none or it is no such
 * answer.
 */
export function parseTarget(answer: Uint8Array): { card: CardInfo; hasAts: boolean } | null {
  // NbTg Tg SENS_RES(2) SEL_RES NFCIDLength NFCID1 [ATSLength ATS]
  if (answer.length < 6 || answer[0] !== 1) return null;
  const uidLength = answer[5];
  const atsAt = 6 + uidLength;
  if ((uidLength !== 4 && uidLength !== 7 && uidLength !== 10) || answer.length < atsAt) return null;
  // The ATS's length byte counts itself (ISO/IEC 14443-4 5.2.2).
  const atsLength = answer.length > atsAt ? answer[atsAt] : 0;
  const hasAts = atsLength > 0 && answer.length >= atsAt + atsLength;
  const ats = hasAts ? answer.subarray(atsAt + 1, atsAt + atsLength) : new Uint8Array(0);
  return { card: { uid: answer.subarray(6, atsAt), selRes: answer[4], ats: ats }, hasAts: hasAts };
}

/** Makes a reader over a link that nobody else uses. */
export function createPn532Reader(link: Pn532Link, clock: Clock, options: ReaderOptions): Pn532Reader {
  const exchangeTimeoutMs = options.exchangeTimeoutMs || 10000;
  const pollMs = options.pollMs || 40;
  let hasTarget = false;
  let pauseTimer: any;
  let onPauseCancel: (() => void) | null = null;

  /** Runs configuration commands one after the other; their answers carry nothing that matters. */
  function run(commands: number[][], callback: (result: DoneResult) => void): void {
    let next = 0;
    function step(): void {
      if (next === commands.length) {
        callback({ ok: true });
        return;
      }
      link.command(new Uint8Array(commands[next++]), COMMAND_TIMEOUT_MS, false, function (result) {
        if (result.ok) step();
        else callback(result);
      });
    }
    step();
  }

  function pause(delayMs: number, then: () => void, cancelled: () => void): void {
    onPauseCancel = cancelled;
    pauseTimer = clock.setTimeout(function () {
      onPauseCancel = null;
      then();
    }, delayMs);
  }

  function askVersion(callback: (result: DoneResult) => void): void {
    link.command(new Uint8Array(GET_FIRMWARE_VERSION), COMMAND_TIMEOUT_MS, false, function (version) {
      if (!version.ok) return callback(version);
      // IC, Ver, Rev, Support: bit 0 of Support is ISO/IEC 14443 type A (7.2.2).
      const data = version.data;
      if (data.length !== 4 || data[0] !== 0x32 || (data[3] & 1) === 0)
        return callback({ ok: false, code: 'PN532_ERROR' });
      run([SET_PARAMETERS, RF_RETRIES, RF_MAX_RETRIES, RF_OFF], callback);
    });
  }

  function init(callback: (result: DoneResult) => void): void {
    hasTarget = false;
    run([SAM_CONFIGURATION], function (woken) {
      if (!woken.ok) return callback(woken);
      link.speedUp(function (faster) {
        if (faster.ok) askVersion(callback);
        else callback(faster);
      });
    });
  }

  function findCard(callback: (result: FindResult) => void, timeoutMs: number, strangers?: number): void {
    const endMs = clock.nowMs() + timeoutMs;
    let seenOther = false;
    let isPassed = strangers! > 0; // one of them was found in this field, and stays silent
    hasTarget = false;

    function cancelled(): void {
      callback({ ok: false, code: 'CANCELLED' });
    }
    const searching = {
      frame: link.commandFrame(IN_LIST_PASSIVE_TARGET, new Uint8Array(0)),
      timeoutMs: SEARCH_TIMEOUT_MS,
      once: false,
      callback: onAnswer,
      answerBytesMax: TARGET_BYTES_MAX,
    };
    function search(): void {
      link.exchange(searching);
    }
    function onAnswer(result: LinkResult): void {
      // A damaged or late answer can be a stranger's overlong ATS: go on searching. A chip that is gone is not.
      if (!result.ok && result.code !== 'PN532_DAMAGED' && result.code !== 'PN532_TIMEOUT') return callback(result);
      const found = result.ok ? parseTarget(result.data) : null;
      if (found && found.hasAts && (found.card.selRes & 0x20) !== 0) {
        hasTarget = true;
        return callback({ ok: true, card: found.card });
      }
      if (found || isPassed) seenOther = true;
      if (found && !isPassed) {
        isPassed = true;
        search();
      } else if (clock.nowMs() < endMs && !(result.ok && seenOther && strangers! >= 0)) fieldOff(pollMs);
      else callback(result.ok ? { ok: false, code: seenOther ? 'CARD_UNSUPPORTED' : 'NO_CARD' } : result);
    }

    /** Before each search: a card whose answer to RATS was damaged hears nothing else until the field is gone. */
    function fieldOff(pauseMs: number): void {
      isPassed = false;
      run([RF_OFF], function (off) {
        if (off.ok) pause(pauseMs, search, cancelled);
        else callback(off);
      });
    }
    if (isPassed) search();
    else fieldOff(FIELD_OFF_MS);
  }

  // The exchange under way, and what has come of its answer.
  let answered: (result: ExchangeResult) => void;
  let parts: Uint8Array[] = [];

  function fail(failure: NfcFailure): void {
    hasTarget = false;
    answered(failure);
  }

  function onData(result: LinkResult): void {
    if (result.ok && result.data[0] === 0 && parts.length === 0) answered({ ok: true, data: result.data.subarray(1) });
    else onOtherData(result);
  }

  /** A failure, or an answer in parts. */
  function onOtherData(result: LinkResult): void {
    if (!result.ok) return fail(result);
    // Status, then data. Bits 5..0 of the status are the error, bit 6 is MI: there is more (7.3.8).
    if (result.data.length === 0) return fail({ ok: false, code: 'PN532_ERROR' });
    const status = result.data[0];
    if ((status & 0x3f) !== 0) return fail(rfFailure(status));
    parts.push(result.data.subarray(1));
    const data = concat(parts);
    if (data.length > ANSWER_BYTES_MAX || parts.length > 16) return fail({ ok: false, code: 'TOO_LONG' });
    if ((status & 0x40) === 0) answered({ ok: true, data: data });
    else link.exchange(frameOf(new Uint8Array(0), ANSWER_BYTES_MAX));
  }

  function frameOf(apdu: Uint8Array, answerBytesMax: number): PreparedApdu {
    const frame = apdu.length > DATA_BYTES_MAX ? apdu.subarray(0, 0) : link.commandFrame(IN_DATA_EXCHANGE, apdu);
    // Before the answer's data comes the chip's status.
    return {
      frame: frame,
      timeoutMs: exchangeTimeoutMs,
      once: true,
      callback: onData,
      answerBytesMax: ANSWER_FRAME_BYTES + 1 + answerBytesMax,
    };
  }

  function transceive(apdu: PreparedApdu, callback: (result: ExchangeResult) => void): void {
    if (apdu.frame.length === 0) return callback({ ok: false, code: 'TOO_LONG' });
    if (!hasTarget) return callback({ ok: false, code: 'RF_LOST' });
    if (link.busy()) return callback({ ok: false, code: 'BUSY' });
    answered = callback;
    if (parts.length > 0) parts = [];
    link.exchange(apdu);
  }

  return {
    init: init,
    findCard: findCard,
    frameOf: frameOf,
    transceive: transceive,
    release: function (callback, halt) {
      const commands = hasTarget ? [IN_RELEASE_ALL] : [];
      if (!halt) commands.push(RF_OFF);
      hasTarget = false;
      run(commands, callback);
    },
    cancel: function () {
      if (onPauseCancel) {
        const cancelled = onPauseCancel;
        onPauseCancel = null;
        clock.clearTimeout(pauseTimer);
        cancelled();
      } else {
        link.cancel();
      }
    },
  };
}
