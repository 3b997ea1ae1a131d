/**
 * PN532 as an ISO/IEC 14443-4 type A card: the user token's side of a tap.
 *
 * Source: NXP UM0701-02: SAMConfiguration 7.2.10, SetParameters 7.2.9, TgInitAsTarget 7.3.14, TgGetData 7.3.16,
 * TgSetData 7.3.17, error bytes 7.1. With bit 5 of SetParameters the chip answers RATS, runs the block protocol and
 * asks the reader for more time (S(WTX)) by itself; here come and go whole APDUs.
 *
 * One loop: listen for a reader, then get a command and set its answer until the chip reports that the field or the
 * reader is gone (status 29), then listen again under a new random UID, so that two taps of one token cannot be linked
 * by it.
 *
 * Left out: NFCIP-1 targets, other framings, TgSetMetaData (our answers fit one TgSetData).
 */
import { concat } from '../core/bytes.js';
import type { Clock } from '../core/clock.js';
import { LinkResult, NfcFailure, Pn532Link, rfFailure } from './pn532-link.js';

export interface CardOptions {
  /** Answers a command APDU by a frame of `answerFrames`; must not throw. */
  onCommand: (apdu: Uint8Array) => Uint8Array;
  /**
   * An answer is out and the next command asked for: time for what no reader should wait for, some milliseconds at
   * most.
   */
  onWaiting?: () => void;
  /** A reader has selected us. Forget whatever an earlier one left half done. */
  onActivated?: () => void;
  /** The reader has gone, or is given up. RF_LOST is the ordinary end of a tap. */
  onReleased?: (reason: NfcFailure) => void;
  /** The chip fails. After the last of `initTriesMax` attempts `final` is true and the card has stopped. */
  onError?: (failure: NfcFailure, final: boolean) => void;
  /** `count` random bytes for the UID. */
  random: (count: number) => Uint8Array;
  /**
   * Longest wait for a reader before listening anew; also how soon a dead chip is noticed. Default 20000: an ESP32
   * whose serial ports are silent for 25 s looks at them ten times a second only (targets/esp32/jshardwareUart.c).
   */
  listenMs?: number;
  /** Longest silence of a reader that keeps its field on; a terminal may verify for long. Default 30000. */
  commandTimeoutMs?: number;
  /** Attempts at a chip that fails before giving up. Default 5. */
  initTriesMax?: number;
}

export interface Pn532Card {
  /** Configures the chip and listens for readers until `stop`. */
  start(): void;
  /** Stops at once. No callback comes any more. */
  stop(): void;
}

const COMMAND_TIMEOUT_MS = 500;
const RETRY_MS = 500;
/** Longest pause, as a power of 2 in ms, where readers select us again and again as something else. */
const PAUSE_BITS = 7;
/** Normal mode, no SAM, no timeout, P70_IRQ used (7.2.10). */
const SAM_CONFIGURATION = [0x14, 0x01, 0x00, 0x01];
/** fISO14443-4_PICC (7.2.9): the chip emulates an ISO/IEC 14443-4 card; without bit 4 it sends no RATS of its own. */
const SET_PARAMETERS = [0x12, 0x20];
/** Our own field off: a target listens to the other's (7.3.1, item 1). */
const RF_OFF = [0x32, 0x01, 0x00];
const TG_GET_DATA = 0x86;
const TG_SET_DATA = 0x8e;
/** The answer to TgSetData: 00 00 FF 03 FD D5 8F status DCS 00. */
const SET_ANSWER_BYTES = 10;

/**
 * TgInitAsTarget for an ISO/IEC 14443-4 card only (7.3.14): mode 05 = PassiveOnly and PICCOnly.
 * @param uid 3 random bytes; the chip puts 08 before them, which marks a random UID (ISO/IEC 14443-3 6.4.4)
 */
export function initAsTargetCommand(uid: Uint8Array): Uint8Array {
  // 8C mode SENS_RES(2, low byte first) NFCID1t(3) SEL_RES FeliCaParams(18) NFCID3t(10) LEN Gt LEN Tk
  const command = new Uint8Array(2 + 6 + 18 + 10 + 2);
  command[0] = 0x8c;
  command[1] = 0x05;
  command[2] = 0x04;
  command.set(uid.subarray(0, 3), 4);
  command[7] = 0x20; // SEL_RES bit 5: ISO/IEC 14443-4
  return command;
}

/**
 * Makes the frames of answers: TgSetData with data and status word, joined once (7.3.17).
 * @returns of at most 260 bytes of data and a status word: the frame
 */
export function answerFrames(link: Pn532Link): (data: Uint8Array, sw: number) => Uint8Array {
  return function (data, sw) {
    return link.commandFrame([TG_SET_DATA], data, [sw >> 8, sw & 255]);
  };
}

/** Makes a card over a link that nobody else uses. */
export function createPn532Card(link: Pn532Link, clock: Clock, options: CardOptions): Pn532Card {
  const listenMs = options.listenMs || 20000;
  const commandTimeoutMs = options.commandTimeoutMs || 30000;
  const initTriesMax = options.initTriesMax || 5;
  let running = false;
  let active = false;
  let triesLeft = 0;
  const getData = {
    frame: link.commandFrame([TG_GET_DATA], new Uint8Array(0)),
    timeoutMs: commandTimeoutMs,
    once: true,
    callback: onData,
  };
  const setData = {
    frame: getData.frame,
    timeoutMs: commandTimeoutMs,
    once: true,
    callback: onAnswered,
    answerBytesMax: SET_ANSWER_BYTES,
  };
  let begun: Uint8Array | null = null; // the first part of a command that comes in two
  let timer: any;
  let strangers = 0; // readers in a row that wanted another kind of card

  function clearTimer(): void {
    if (timer !== undefined) clock.clearTimeout(timer);
    timer = undefined;
  }

  /** A command whose answer is dropped where the card was stopped meanwhile. */
  function send(command: Uint8Array, timeoutMs: number, once: boolean, callback: (result: LinkResult) => void): void {
    link.command(command, timeoutMs, once, function (result) {
      if (running) callback(result);
    });
  }

  function fail(failure: NfcFailure): void {
    triesLeft--;
    const final = triesLeft <= 0;
    if (final) running = false;
    else timer = clock.setTimeout(init, RETRY_MS);
    if (options.onError) options.onError(failure, final);
  }

  function init(): void {
    timer = undefined;
    const commands = [SET_PARAMETERS, RF_OFF];
    let next = 0;
    function goOn(result: LinkResult): void {
      if (!running) return;
      if (!result.ok) fail(result);
      else if (next === commands.length) listen();
      else send(new Uint8Array(commands[next++]), COMMAND_TIMEOUT_MS, false, goOn);
    }
    send(new Uint8Array(SAM_CONFIGURATION), COMMAND_TIMEOUT_MS, false, function (result) {
      if (result.ok) link.speedUp(goOn);
      else fail(result);
    });
  }

  function listen(): void {
    timer = undefined;
    send(initAsTargetCommand(options.random(3)), listenMs, true, function (result) {
      if (result.ok || result.code === 'PN532_TIMEOUT') triesLeft = initTriesMax;
      if (!result.ok) strangers = 0;
      if (result.ok) {
        // Mode: bit 3 says that a reader activated us as ISO/IEC 14443-4 card, by the RATS that follows it (7.3.14).
        if (result.data.length === 0 || (result.data[0] & 0x08) === 0) {
          // Such a reader may come back as fast as we listen, and the interpreter has other work.
          timer = clock.setTimeout(listen, 1 << strangers);
          if (strangers < PAUSE_BITS) strangers++;
          return;
        }
        strangers = 0;
        active = true;
        if (options.onActivated) options.onActivated();
        if (active) getCommand();
      } else if (result.code === 'PN532_TIMEOUT') {
        listen(); // nobody came
      } else {
        fail(result);
      }
    });
  }

  /** Ends the activation, whatever the reason, and listens anew. */
  function released(reason: NfcFailure): void {
    clearTimer();
    active = false;
    if (options.onReleased) options.onReleased(reason);
    if (!running) return;
    // A chip that no longer takes commands has perhaps been without power: configure it again.
    if (reason.code === 'PN532_NO_ACK') init();
    else listen();
  }

  function getCommand(): void {
    link.exchange(getData);
  }

  function onData(result: LinkResult): void {
    if (!running) return;
    if (result.ok && result.data[0] === 0 && !begun) answer(result.data.subarray(1));
    else onOtherData(result);
  }

  /** A failure, or a command in parts. */
  function onOtherData(result: LinkResult): void {
    const first = begun;
    begun = null;
    if (!result.ok) return released(result);
    if (result.data.length === 0) return released({ ok: false, code: 'PN532_ERROR' });
    const status = result.data[0];
    if ((status & 0x3f) !== 0) return released(rfFailure(status));
    const part = result.data.subarray(1);
    // MI (bit 6): the rest of a command above 262 bytes (7.3.16). No APDU of ours is; do not collect it.
    if ((status & 0x40) === 0) return answer(first ? concat([first, part]) : part);
    if (first) return released({ ok: false, code: 'TOO_LONG' });
    begun = part;
    getCommand();
  }

  function answer(apdu: Uint8Array): void {
    setData.frame = options.onCommand(apdu);
    if (running) link.exchange(setData);
  }

  function onAnswered(result: LinkResult): void {
    if (!running) return;
    if (!result.ok) return released(result);
    const status = result.data.length > 0 ? result.data[0] : 0x01;
    if ((status & 0x3f) !== 0) return released(rfFailure(status));
    getCommand();
    if (options.onWaiting) options.onWaiting();
  }

  return {
    start: function () {
      if (running) return;
      running = true;
      active = false;
      begun = null;
      triesLeft = initTriesMax;
      init();
    },
    stop: function () {
      running = false;
      active = false;
      clearTimer();
      link.cancel();
    },
  };
}
