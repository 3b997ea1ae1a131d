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
import type { ExchangeResult } from './pn532-reader.js';
import type { NfcFailure } from './pn532-link.js';

/** An answer: all its data, and the status word of the last part (0x9000 is success). */
export type ApduResult = { ok: true; data: Uint8Array; sw: number } | NfcFailure;

export interface ApduClient {
  /**
   * Sends a command with 0 to 704 bytes of data, and collects its whole answer.
   * @param callback gets any status word with `ok: true`; `ok: false` where radio, chip or protocol failed
   */
  command(
    cla: number,
    ins: number,
    p1: number,
    p2: number,
    data: Uint8Array,
    callback: (result: ApduResult) => void,
  ): void;
  /** SELECT by application identifier. Begins a conversation: the card forgets what an earlier one left half done. */
  select(aid: Uint8Array, callback: (result: ApduResult) => void): void;
  /** From the card's answer to SELECT: most data bytes in one command APDU, 1 to 255. */
  setLimits(commandDataBytesMax: number): void;
}

export interface ApduClientOptions {
  /** Carries one APDU to the card and its answer back: `reader.transceive`. */
  transceive: (apdu: Uint8Array, callback: (result: ExchangeResult) => void) => void;
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
  let busy = false;

  function command(
    cla: number,
    ins: number,
    p1: number,
    p2: number,
    data: Uint8Array,
    callback: (result: ApduResult) => void,
  ): void {
    if (busy) return callback({ ok: false, code: 'BUSY' });
    if (data.length > messageBytesMax) return callback({ ok: false, code: 'TOO_LONG' });
    busy = true;
    const chunkMax = commandDataBytesMax;
    const answer: Uint8Array[] = [];
    let answerBytes = 0;
    let sent = 0;
    let last = false;

    function finish(result: ApduResult): void {
      busy = false;
      callback(result);
    }
    function sendPart(): void {
      const part = data.subarray(sent, Math.min(sent + chunkMax, data.length));
      sent += part.length;
      last = sent === data.length;
      options.transceive(encodeApdu(last ? cla : cla | CLA_CHAINING, ins, p1, p2, part, leMax), onAnswer);
    }
    function onAnswer(result: ExchangeResult): void {
      if (!result.ok) return finish(result);
      const response = result.data;
      const bytes = response.length - 2;
      if (bytes < 0 || bytes > leMax) return finish({ ok: false, code: 'RF_ERROR' });
      const sw = response[bytes] * 256 + response[bytes + 1];
      if (!last) {
        // A part of a command is answered by 9000 alone; anything else ends the chain, and is the answer to all of it.
        if (sw === 0x9000 && bytes === 0) return sendPart();
        return finish({ ok: true, data: response.subarray(0, bytes), sw: sw });
      }
      answerBytes += bytes;
      if (answerBytes > messageBytesMax) return finish({ ok: false, code: 'TOO_LONG' });
      if (bytes > 0) answer.push(response.subarray(0, bytes));
      if (sw >> 8 !== 0x61) return finish({ ok: true, data: answer.length === 1 ? answer[0] : concat(answer), sw: sw });
      // 61xx: xx more bytes wait, 00 for 256 or more. One that brought none would go on for ever.
      if (bytes === 0) return finish({ ok: false, code: 'RF_ERROR' });
      const le = Math.min(sw & 255 || 256, leMax);
      options.transceive(encodeApdu(cla & 0xef, INS_GET_RESPONSE, 0, 0, new Uint8Array(0), le), onAnswer);
    }
    sendPart();
  }

  return {
    command: command,
    select: function (aid, callback) {
      command(0x00, INS_SELECT, 0x04, 0x00, aid, callback);
    },
    setLimits: function (bytes) {
      if (bytes >= 1 && bytes <= 255) commandDataBytesMax = bytes;
    },
  };
}
