/**
 * Frames of the serial link between terminal and bridge.
 *
 * A frame is SLIP-coded (RFC 1055, with END at both ends): type (1), sequence (1), payload, CRC-32 (4, IEEE 802.3,
 * big-endian) over all before it. A sender waits for ACK before the next frame. Its coded frames stay
 * `ACK_CODED_BYTES_MAX` below the burst that the receiver named in HELLO, so that a frame with an ACK beside it is the
 * most that can be under way in one direction.
 *
 * In every frame after the handshake the CRC is XORed with the session (link-session.ts): a frame of an earlier
 * session, which a host's buffers may hold for long, is never taken for one of this.
 */
import { fromChars, readU32, toChars, writeU32 } from '../../core/bytes.js';

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

/** SLIP's special bytes, as bytes and as they stand in text. */
const END = 192;
const ESC = 219;
const END_TEXT = '\xc0';
const ESC_TEXT = '\xdb';
const ESC_END_TEXT = '\xdb\xdc';
const ESC_ESC_TEXT = '\xdb\xdd';

/** Bytes around a payload before SLIP coding: type, sequence, CRC. */
const OVERHEAD_BYTES = 6;

/** Longest coded ACK: END twice, and all the rest escaped. */
export const ACK_CODED_BYTES_MAX = 2 + 2 * OVERHEAD_BYTES;

/** How long a coded frame may grow before it is thrown away; longer than any burst in use. */
export const FRAME_BYTES_MAX = 1100;

/** CRC-32 as an argument: `E.CRC32` on the board. */
export type Crc32 = (bytes: Uint8Array) => number;

/**
 * Bytes to a string of character codes and back. On the board `E.toString` and `E.toUint8Array`: SLIP coding is then
 * all native calls, and a frame of 250 bytes costs some 20 statements instead of 2,000.
 */
export interface Chars {
  toChars(bytes: Uint8Array): string;
  fromChars(text: string): Uint8Array;
}

/** The same without natives. */
const PLAIN_CHARS: Chars = { toChars: toChars, fromChars: fromChars };

/** A frame. */
export interface Frame {
  type: number;
  sequence: number;
  payload: Uint8Array;
}

/**
 * Other text in the place of each `from`: mostly there are none, or a few. Joining by `join` goes through all
 * characters, and took as long as all the rest of a frame.
 */
function replaced(text: string, from: string, to: string): string {
  if (text.indexOf(from) < 0) return text;
  const parts = text.split(from);
  let out = parts[0];
  for (let i = 1; i < parts.length; i++) out += to + parts[i];
  return out;
}

/** Encodes a frame, SLIP included. */
export function encodeFrame(frame: Frame, crc32: Crc32, chars: Chars = PLAIN_CHARS): Uint8Array {
  const end = 2 + frame.payload.length;
  const bytes = new Uint8Array(end + 4);
  bytes.set([frame.type, frame.sequence]);
  bytes.set(frame.payload, 2);
  writeU32(bytes, end, crc32(bytes.subarray(0, end)));
  const raw = chars.toChars(bytes);
  return chars.fromChars(END_TEXT + replaced(replaced(raw, ESC_TEXT, ESC_ESC_TEXT), END_TEXT, ESC_END_TEXT) + END_TEXT);
}

/** How many bytes of `message` from `from` on fit a coded frame of `burstBytesMax`, whatever its CRC; at least 1. */
export function partBytes(message: Uint8Array, from: number, burstBytesMax: number): number {
  // Worst case: END twice, and every byte of type, sequence and CRC escaped.
  let room = burstBytesMax - 2 - 2 * OVERHEAD_BYTES;
  let count = 0;
  if (2 * (message.length - from) <= room) return message.length - from;
  while (from + count < message.length) {
    const byte = message[from + count];
    room -= byte === END || byte === ESC ? 2 : 1;
    if (room < 0) break;
    count++;
  }
  return count > 0 ? count : 1;
}

/**
 * Decodes SLIP-coded bytes as they come, as bytes or as text; damaged frames vanish, the next END starts afresh.
 * A wrong escape is left to the CRC.
 * @param onDamaged gets the CRC that came, XOR the one that it should be
 */
export function createFrameDecoder(
  crc32: Crc32,
  onFrame: (frame: Frame) => void,
  onDamaged: (difference: number) => void,
  chars: Chars = PLAIN_CHARS,
): (data: Uint8Array | string) => void {
  let text = '';
  let tooLong = false;

  function finish(coded: string): void {
    // Few short frames have an escape: asked here as well as in `replaced`, whose calls are a millisecond of a modelled
    // tap.
    const plain =
      coded.indexOf(ESC_TEXT) < 0 ? coded : replaced(replaced(coded, ESC_END_TEXT, END_TEXT), ESC_ESC_TEXT, ESC_TEXT);
    const bytes = chars.fromChars(plain);
    const length = bytes.length;
    if (length < OVERHEAD_BYTES) return;
    const difference = crc32(bytes.subarray(0, length - 4)) ^ readU32(bytes, length - 4);
    if (difference !== 0) onDamaged(difference);
    else onFrame({ type: bytes[0], sequence: bytes[1], payload: bytes.subarray(2, length - 4) });
  }

  return function (data: Uint8Array | string): void {
    // Cut by one native call; an acknowledgement and an answer mostly come together.
    const pieces = (text + (typeof data === 'string' ? data : chars.toChars(data))).split(END_TEXT);
    text = pieces.pop() as string;
    for (let i = 0; i < pieces.length; i++) {
      const coded = pieces[i];
      if (coded.length >= OVERHEAD_BYTES && !tooLong && coded.length <= FRAME_BYTES_MAX) finish(coded);
      tooLong = false;
    }
    if (text.length > FRAME_BYTES_MAX) {
      text = '';
      tooLong = true;
    }
  };
}
