/**
 * Frames of the serial link between terminal and bridge.
 *
 * A frame is SLIP-coded (RFC 1055, with END at both ends): type (1), sequence (1), payload, CRC-32 (4, IEEE 802.3,
 * big-endian) over all before it. A sender waits for ACK before the next frame. Its coded frames stay `ACK_CODED_BYTES_MAX`
 * below the burst that the receiver named in HELLO, so that a frame with an ACK beside it is the most that can be under way
 * in one direction.
 *
 * In every frame after the handshake the CRC is XORed with the session (link-session.ts): a frame of an earlier session,
 * which a host's buffers may hold for long, is never taken for one of this.
 */
import { concat, readU32, writeU32 } from '../core/bytes.js';

/** Frame types. */
export const FRAME = {
  /** payload: `hello`. Starts a new session: both sides forget their sequences. Sent until HELLO_ACK comes. */
  hello: 1,
  /** payload: `hello` of the answering side, which repeats the asker's session. */
  helloAck: 2,
  /** A part of a message, with more to come. */
  part: 3,
  /** The last part of a message. */
  last: 4,
  /** No payload; sequence is that of the frame received. */
  ack: 5,
  /** A message that fits one frame; it may come between the parts of a long one. */
  whole: 6,
};

const END = 192;
const ESC = 219;
const ESC_END = 220;
const ESC_ESC = 221;

/** Bytes around a payload before SLIP coding: type, sequence, CRC. */
const OVERHEAD_BYTES = 6;

/** Longest coded ACK: END twice, and all the rest escaped. */
export const ACK_CODED_BYTES_MAX = 2 + 2 * OVERHEAD_BYTES;

/** How long an undelivered coded frame may grow before it is thrown away; longer than any burst in use. */
export const FRAME_BYTES_MAX = 1100;

/** CRC-32 as an argument: `E.CRC32` on the board. */
export type Crc32 = (bytes: Uint8Array) => number;

/** A frame. */
export interface Frame {
  type: number;
  sequence: number;
  payload: Uint8Array;
}

/** Encodes a frame, SLIP included. */
export function encodeFrame(frame: Frame, crc32: Crc32): Uint8Array {
  const body = concat([new Uint8Array([frame.type, frame.sequence]), frame.payload]);
  const crc = new Uint8Array(4);
  writeU32(crc, 0, crc32(body));
  const raw = concat([body, crc]);
  let extra = 0;
  for (let i = 0; i < raw.length; i++) if (raw[i] === END || raw[i] === ESC) extra++;
  const out = new Uint8Array(raw.length + extra + 2);
  out[0] = END;
  let at = 1;
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] === END || raw[i] === ESC) {
      out[at++] = ESC;
      out[at++] = raw[i] === END ? ESC_END : ESC_ESC;
    } else out[at++] = raw[i];
  }
  out[at] = END;
  return out;
}

/** How many bytes of `message` from `from` on fit a coded frame of `burstBytesMax`, whatever its CRC; at least 1. */
export function partBytes(message: Uint8Array, from: number, burstBytesMax: number): number {
  // Worst case: END twice, and every byte of type, sequence and CRC escaped.
  let room = burstBytesMax - 2 - 2 * OVERHEAD_BYTES;
  let count = 0;
  while (from + count < message.length) {
    const byte = message[from + count];
    room -= byte === END || byte === ESC ? 2 : 1;
    if (room < 0) break;
    count++;
  }
  return count > 0 ? count : 1;
}

/** Decodes SLIP-coded bytes as they come; damaged frames vanish, the next END starts afresh. */
export function createFrameDecoder(crc32: Crc32, onFrame: (frame: Frame) => void): (bytes: Uint8Array) => void {
  let raw: number[] = [];
  let escaped = false;
  let bad = false;

  function finish(): void {
    const length = raw.length;
    if (!bad && !escaped && length >= OVERHEAD_BYTES) {
      const bytes = new Uint8Array(raw);
      const body = new Uint8Array(bytes.buffer, 0, length - 4);
      if (crc32(body) === readU32(bytes, length - 4)) {
        const payload = new Uint8Array(length - OVERHEAD_BYTES);
        for (let i = 0; i < payload.length; i++) payload[i] = bytes[i + 2];
        raw = [];
        onFrame({ type: bytes[0], sequence: bytes[1], payload: payload });
      }
    }
    raw = [];
    escaped = false;
    bad = false;
  }

  return function (bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte === END) finish();
      else if (bad) continue;
      else if (escaped) {
        escaped = false;
        if (byte === ESC_END) raw.push(END);
        else if (byte === ESC_ESC) raw.push(ESC);
        else bad = true;
      } else if (byte === ESC) escaped = true;
      else raw.push(byte);
      if (raw.length > FRAME_BYTES_MAX) bad = true;
    }
  };
}
