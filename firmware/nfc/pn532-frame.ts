/**
 * Frames between a host and its PN532: encoder, and a parser fed by chunks of whatever size the UART delivers.
 *
 * Source: NXP UM0701-02 (PN532 user manual), 6.2.1. All frames share the start code 00 FF; what follows tells them
 * apart:
 *   normal      LEN LCS TFI data DCS       LEN = bytes from TFI on, LEN + LCS = 0 (mod 256)                    6.2.1.1
 *   extended    FF FF LENM LENL LCS ...    LENM * 256 + LENL bytes, LENM + LENL + LCS = 0 (mod 256)            6.2.1.2
 *   ACK, NACK   00 FF   and   FF 00                                                                   6.2.1.3, 6.2.1.4
 *   error       a normal frame of the one byte 7F                                                              6.2.1.5
 * DCS makes the sum of TFI, data and DCS 0 (mod 256). Preamble and postamble may have any length, even none (6.2.1.6).
 *
 * Left out: the frames without preamble and postamble that bit 6 of SetParameters asks for; we never set it.
 */

import { fromChars } from '../core/bytes.js';

/** Frame identifier, host to PN532 (UM0701-02 6.2.1.1). */
export const TFI_TO_CHIP = 0xd4;
/** Frame identifier, PN532 to host. */
export const TFI_TO_HOST = 0xd5;

/** Most bytes after TFI that a frame carries: command code, target number and 262 data bytes, rounded up. */
export const FRAME_DATA_BYTES_MAX = 265;

/** Bytes of an ACK or NACK frame. */
export const ACK_FRAME_BYTES = 6;

/** What the parser found. `damaged`: a start code and a length that hold, but not the checksum, or a length too big. */
export type Pn532Frame =
  | { kind: 'ack' }
  | { kind: 'nack' }
  | { kind: 'error' }
  | { kind: 'damaged' }
  | { kind: 'data'; tfi: number; data: Uint8Array };

/** What is worth a native call: a loop over the bytes of each frame was a tenth of a modelled tap. */
export interface ByteNatives {
  /** Character codes 0..255 as bytes. */
  toBytes(text: string): Uint8Array;
  sum(bytes: Uint8Array): number;
}

/** The same where there are no natives. */
export const plainBytes: ByteNatives = {
  toBytes: fromChars,
  sum: function (bytes) {
    let sum = 0;
    for (let i = 0; i < bytes.length; i++) sum += bytes[i];
    return sum;
  },
};

/** ACK frame (6.2.1.3); from the host it also aborts the command under way. */
export function ackFrame(): Uint8Array {
  return new Uint8Array([0, 0, 0xff, 0, 0xff, 0]);
}

/** NACK frame (6.2.1.4): asks the PN532 for its last answer again. */
export function nackFrame(): Uint8Array {
  return new Uint8Array([0, 0, 0xff, 0xff, 0, 0]);
}

/**
 * Encodes an information frame, normal up to 254 bytes after TFI and extended above.
 * @param head TFI, and what else comes before the data: a command code, say
 * @param tail what comes after them; all together 1 to FRAME_DATA_BYTES_MAX bytes after TFI
 * @throws RangeError where that is longer
 */
export function encodeFrame(head: number[], data: Uint8Array, tail: number[], natives: ByteNatives): Uint8Array {
  const length = head.length + data.length + tail.length;
  if (length > 255) return encodeExtended(head, data, tail, natives);
  const out = new Uint8Array(length + 7);
  out.set([0, 0, 0xff, length, -length & 255].concat(head));
  out.set(data, 5 + head.length);
  out.set(tail, 5 + length - tail.length);
  // LEN and LCS add up to 0, and so shall TFI to DCS: what is left of the sum is the start code.
  out[length + 5] = (0xff - natives.sum(out)) & 255;
  return out;
}

function encodeExtended(head: number[], data: Uint8Array, tail: number[], natives: ByteNatives): Uint8Array {
  const length = head.length + data.length + tail.length;
  if (length - 1 > FRAME_DATA_BYTES_MAX) throw new RangeError('PN532 frame data of ' + (length - 1) + ' bytes');
  const start = [0, 0, 0xff, 0xff, 0xff, length >> 8, length & 255, -((length >> 8) + length) & 255].concat(head);
  const out = new Uint8Array(length + 10);
  out.set(start);
  out.set(data, start.length);
  out.set(tail, length + 8 - tail.length);
  out[length + 8] = -natives.sum(out.subarray(8, length + 8)) & 255;
  return out;
}

/** ACK frame as it comes, character codes. */
export const ACK_TEXT = '\x00\x00\xff\x00\xff\x00';

/**
 * The data after the answer's code, where a chunk is one whole normal frame with that answer, as nearly all are: the
 * parser would take three times as long. Null for any other chunk.
 * @param answerCode the command's code plus 1
 */
export function wholeAnswer(chunk: string, answerCode: number, natives = plainBytes): Uint8Array | null {
  const bytes = natives.toBytes(chunk);
  const length = bytes[3];
  if (bytes.length !== length + 7 || bytes[5] !== TFI_TO_HOST || bytes[6] !== answerCode) return null;
  const isFramed =
    bytes[0] + bytes[1] + bytes[length + 6] === 0 && bytes[2] === 0xff && ((length + bytes[4]) & 255) === 0;
  return isFramed && (natives.sum(bytes) & 255) === 0xff ? bytes.subarray(7, length + 5) : null;
}

export interface FrameParser {
  /** Takes the next bytes, as character codes 0..255; reports each frame that they complete, in order. */
  push(chunk: string): void;
  /** Forgets what is half received. */
  reset(): void;
  /** Whether a start code was seen whose frame is not complete. */
  partial(): boolean;
}

/**
 * Makes a streaming parser. It holds less than one frame between two chunks, whatever arrives.
 *
 * Bytes that are no frame are skipped. After a damaged frame the search goes on one byte after its start code, not
 * after its end: its length may have been garbage, and a good frame may lie inside.
 * @param onFrame called for each frame; it may push or reset
 * @param dataBytesMax most bytes after TFI to accept
 */
export function createFrameParser(
  onFrame: (frame: Pn532Frame) => void,
  dataBytesMax: number,
  natives = plainBytes,
): FrameParser {
  const startCode = String.fromCharCode(0, 0xff);
  let buffer = '';

  /** Takes one frame or one false start off the buffer; false when there is nothing to do before more bytes come. */
  function scan(): boolean {
    const start = buffer.indexOf(startCode);
    if (start < 0) {
      // A last 00 may be the first half of a start code.
      buffer = buffer.length > 0 && buffer.charCodeAt(buffer.length - 1) === 0 ? startCode.charAt(0) : '';
      return false;
    }
    if (start > 0) buffer = buffer.substr(start);
    if (buffer.length < 4) return false;
    let length = buffer.charCodeAt(2);
    const check = buffer.charCodeAt(3);
    if (length === 0 && check === 0xff) return take(4, { kind: 'ack' });
    if (length === 0xff && check === 0) return take(4, { kind: 'nack' });
    let at = 4;
    let sum = length + check;
    if (length === 0xff && check === 0xff) {
      if (buffer.length < 7) return false;
      length = buffer.charCodeAt(4) * 256 + buffer.charCodeAt(5);
      sum = buffer.charCodeAt(4) + buffer.charCodeAt(5) + buffer.charCodeAt(6);
      at = 7;
    }
    // A length that fails its checksum is garbage that looked like a start code: nothing to report.
    if ((sum & 255) !== 0 || length === 0) return take(1, null);
    if (length - 1 > dataBytesMax) return take(1, { kind: 'damaged' });
    if (buffer.length < at + length + 1) return false;
    return takeData(at, length);
  }

  /** Takes the information frame whose TFI is at `at`, all of which has arrived. */
  function takeData(at: number, length: number): boolean {
    const bytes = natives.toBytes(buffer.substr(at, length + 1));
    if ((natives.sum(bytes) & 255) !== 0) return take(1, { kind: 'damaged' });
    if (length === 1 && bytes[0] === 0x7f) return take(at + 2, { kind: 'error' });
    return take(at + length + 1, { kind: 'data', tfi: bytes[0], data: bytes.subarray(1, length) });
  }

  /** Drops bytes first, so that `onFrame` may push or reset. */
  function take(bytes: number, frame: Pn532Frame | null): boolean {
    buffer = buffer.substr(bytes);
    if (frame) onFrame(frame);
    return true;
  }

  return {
    push: function (chunk) {
      buffer += chunk;
      while (scan());
    },
    reset: function () {
      buffer = '';
    },
    partial: function () {
      return buffer.length > 1;
    },
  };
}
