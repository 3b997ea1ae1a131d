/**
 * Command APDUs of the terminal: any length of data and answer over short APDUs.
 *
 * Source: ISO/IEC 7816-4: command chaining 5.1.1.1 (bit 5 of CLA: not the last command of a chain), Le and response
 * chaining by 61xx and GET RESPONSE 7.6.1, SELECT by DF name 7.1.1. Le tells the card how much of an answer this side's
 * UART can take in one burst; how much of a command the card can take stands in its answer to SELECT.
 *
 * Left out: extended length, logical channels, secure messaging, 6Cxx (our card never sends it).
 */
import { concat } from '../core/bytes.js';
import type { ExchangeResult, PreparedApdu } from './pn532-reader.js';
import type { NfcFailure } from './pn532-link.js';

/** An answer: all its data, and the status word of the last part (0x9000 is success). */
export type ApduResult = { ok: true; data: Uint8Array; sw: number } | NfcFailure;

/** A command that can be sent any number of times. */
export interface PreparedCommand {
  cla: number;
  ins: number;
  p1: number;
  p2: number;
  data: Uint8Array;
  /** All of it in one APDU, where it fits one. */
  whole: PreparedApdu | null;
}

export interface ApduClient {
  /**
   * Makes a command ready, with 0 to 704 bytes of data: what can be done while nobody waits for it.
   * @param le most data bytes that are expected in its answer; an answer with more arrives too, in parts
   */
  encode(cla: number, ins: number, p1: number, p2: number, data: Uint8Array, le: number): PreparedCommand;
  /**
   * Sends a command, and collects its whole answer.
   * @param callback gets any status word with `ok: true`; `ok: false` where radio, chip or protocol failed
   */
  send(command: PreparedCommand, callback: (result: ApduResult) => void): void;
  /** Both at once. */
  command(
    cla: number,
    ins: number,
    p1: number,
    p2: number,
    data: Uint8Array,
    callback: (result: ApduResult) => void,
  ): void;
  /** From the card's answer to SELECT: most data bytes in one command APDU, 1 to 255. */
  setLimits(commandDataBytesMax: number): void;
}

export interface ApduClientOptions {
  /** Carries one APDU to the card and its answer back: the reader. */
  radio: {
    frameOf(apdu: Uint8Array, answerBytesMax: number): PreparedApdu;
    transceive(apdu: PreparedApdu, callback: (result: ExchangeResult) => void): void;
  };
  /** Longest response APDU that this side can receive, status word included: `apduBytesMax(burstBytesMax)`. */
  responseBytesMax: number;
  /** Most data bytes in a command until `setLimits`. Default 32, enough for SELECT. */
  commandDataBytesMax?: number;
  /** Longest data of a command, and of an answer, in all. Default 704. */
  messageBytesMax?: number;
}

/** Longest data of a command, parts joined: a license with its multiples in a box at the desk has 678 bytes. */
export const MESSAGE_BYTES_MAX = 704;

/** CLA bit 5: more commands of this chain follow (ISO/IEC 7816-4 5.1.1). */
export const CLA_CHAINING = 0x10;
/** With P1 04, P2 00 SELECT by application identifier: the card forgets what an earlier conversation left half done. */
export const INS_SELECT = 0xa4;
export const INS_GET_RESPONSE = 0xc0;

/** Encodes a short command APDU with Le; `le` 256 is coded 00 (ISO/IEC 7816-4 5.1). */
export function encodeApdu(cla: number, ins: number, p1: number, p2: number, data: Uint8Array, le: number): Uint8Array {
  const head = [cla, ins, p1, p2, data.length || le & 255];
  if (data.length === 0) return new Uint8Array(head);
  const out = new Uint8Array(6 + data.length);
  out.set(head);
  out.set(data, 5);
  out[5 + data.length] = le;
  return out;
}

/**
 * Makes a client over one exchange at a time.
 * @throws RangeError where responseBytesMax leaves no room for data
 */
export function createApduClient(options: ApduClientOptions): ApduClient {
  if (!(options.responseBytesMax > 2)) throw new RangeError('responseBytesMax ' + options.responseBytesMax);
  const messageBytesMax = options.messageBytesMax || MESSAGE_BYTES_MAX;
  const leMax = Math.min(options.responseBytesMax - 2, 256);
  let commandDataBytesMax = options.commandDataBytesMax || 32;
  // The command under way, and what has come of its answer.
  let current: PreparedCommand | null = null;
  let callback: (result: ApduResult) => void;
  let answer: Uint8Array[] = [];
  let answerBytes = 0;
  let sent = 0;

  function finish(result: ApduResult): void {
    current = null;
    callback(result);
  }

  function apdu(cla: number, ins: number, p1: number, p2: number, data: Uint8Array, le: number): PreparedApdu {
    return options.radio.frameOf(encodeApdu(cla, ins, p1, p2, data, le), le + 2);
  }

  function encode(cla: number, ins: number, p1: number, p2: number, data: Uint8Array, le: number): PreparedCommand {
    const whole = data.length > commandDataBytesMax ? null : apdu(cla, ins, p1, p2, data, Math.min(le, leMax));
    return { cla: cla, ins: ins, p1: p1, p2: p2, data: data, whole: whole };
  }

  function send(command: PreparedCommand, done: (result: ApduResult) => void): void {
    if (current) return done({ ok: false, code: 'BUSY' });
    sent = command.data.length;
    if (sent > messageBytesMax) return done({ ok: false, code: 'TOO_LONG' });
    current = command;
    callback = done;
    if (answerBytes > 0) answer = [];
    answerBytes = 0;
    // The card may take less than the one before it.
    if (command.whole && sent <= commandDataBytesMax) return options.radio.transceive(command.whole, onAnswer);
    sent = 0;
    sendPart();
  }

  function sendPart(): void {
    const command = current!;
    const part = command.data.subarray(sent, Math.min(sent + commandDataBytesMax, command.data.length));
    sent += part.length;
    const cla = sent < command.data.length ? command.cla | CLA_CHAINING : command.cla;
    options.radio.transceive(apdu(cla, command.ins, command.p1, command.p2, part, leMax), onAnswer);
  }

  function onAnswer(result: ExchangeResult): void {
    if (!result.ok) return finish(result);
    const response = result.data;
    const bytes = response.length - 2;
    if (bytes < 0 || bytes > leMax) return finish({ ok: false, code: 'RF_ERROR' });
    const sw = response[bytes] * 256 + response[bytes + 1];
    const data = response.subarray(0, bytes);
    if (sent < current!.data.length) {
      // A part of a command is answered by 9000 alone; anything else ends the chain, and is the answer to all of it.
      if (sw === 0x9000 && bytes === 0) return sendPart();
      return finish({ ok: true, data: data, sw: sw });
    }
    if (sw >> 8 !== 0x61 && answerBytes === 0) return finish({ ok: true, data: data, sw: sw });
    collect(data, sw);
  }

  /** An answer in parts. */
  function collect(data: Uint8Array, sw: number): void {
    answer.push(data);
    answerBytes += data.length;
    if (answerBytes > messageBytesMax) return finish({ ok: false, code: 'TOO_LONG' });
    if (sw >> 8 !== 0x61) return finish({ ok: true, data: concat(answer), sw: sw });
    // 61xx: xx more bytes wait, 00 for 256 or more. One that brought none would go on for ever.
    if (data.length === 0) return finish({ ok: false, code: 'RF_ERROR' });
    options.radio.transceive(
      apdu(current!.cla & 0xef, INS_GET_RESPONSE, 0, 0, data.subarray(0, 0), Math.min(sw & 255 || 256, leMax)),
      onAnswer,
    );
  }

  return {
    encode: encode,
    send: send,
    command: function (cla, ins, p1, p2, data, done) {
      send(encode(cla, ins, p1, p2, data, leMax), done);
    },
    setLimits: function (bytes) {
      if (bytes >= 1 && bytes <= 255) commandDataBytesMax = bytes;
    },
  };
}
